"""
The branch of an arm that is all but straight or folded.

The joints of the last answer tell the branch to stay on, and a straight arm has none. An answer on
the edge of the workspace is therefore bent to its branch by a hair: the tip moves by the square of
it, and the branch of what follows is not left to rounding.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.arm.plane import Array

BranchArray = NDArray[np.int8]

SINGULAR_SINE = 1e-6
"""|sin| of an elbow angle below which the arm counts as on neither branch."""
NUDGED_SINE = 3.0 * SINGULAR_SINE
"""The sine that an all but straight answer is given."""
SLOPE_STEP_RAD = 1e-4
"""Over how much of joint 2 (rad) the slope of the bend is taken."""
MAX_ELBOW_STEP_RAD = 0.1
"""Longest step of joint 2, rad: what is further from straight is not bent here."""


def nudge_elbow(arm: ArmModel, q: Array, branch: BranchArray) -> Array:
    """
    Bend an all but straight arm to ``NUDGED_SINE``, joint 1 making up for what joint 2 does.

    :param q: (N, 2) joint angles, rad
    :param branch: (N,) the branches
    :return: (N, 2), rad
    """
    _, _, a, b, c, d = arm.linearize(q)
    lever = a * a + c * c  # 0 with the tip on the first axis, about which it does not move
    follow1 = -(a * b + c * d) / np.where(lever > 0.0, lever, np.inf)
    way = np.stack((follow1, np.ones_like(follow1)), axis=-1)
    bend = arm.elbow_sine_batch(q)
    slope = (arm.elbow_sine_batch(q + SLOPE_STEP_RAD * way) - bend) / SLOPE_STEP_RAD
    step = (branch * NUDGED_SINE - bend) / np.where(slope == 0.0, np.inf, slope)
    return q + np.clip(step, -MAX_ELBOW_STEP_RAD, MAX_ELBOW_STEP_RAD)[:, None] * way


def nudge_off_singularity(
    arm: ArmModel, q: Array, branch: BranchArray, xy: Array, tolerance: float
) -> Array:
    """
    Bend all but straight answers to their branch where limits and tolerance allow it.

    :param q: (N, 2) joint angles, rad
    :param branch: (N,) the branches
    :param xy: (N, 2) targets, m
    :param tolerance: m
    :return: (N, 2), rad
    """
    moved = nudge_elbow(arm, q, branch)
    off = arm.fk(moved) - xy
    good = ((moved >= arm.lower) & (moved <= arm.upper)).all(axis=1)
    good &= np.hypot(off[:, 0], off[:, 1]) <= tolerance
    return np.where(good[:, None], moved, q)
