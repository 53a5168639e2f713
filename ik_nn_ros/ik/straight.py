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

Sides = NDArray[np.int8]

STRAIGHT = 1e-6
"""|sin| of an elbow angle below which the arm counts as on neither branch."""
BENT = 3.0 * STRAIGHT
"""The sine that an all but straight answer is given."""


def tilted(arm: ArmModel, q: Array, side: Sides) -> Array:
    """
    Bend an all but straight arm to ``BENT``, joint 1 making up for what joint 2 does.

    :param q: (N, 2) joint angles, rad
    :param side: (N,) the branches
    :return: (N, 2), rad
    """
    _, _, a, b, c, d = arm.linearize(q)
    bend = arm.signs[0] * (a * d - b * c) / (arm.lengths[0] * arm.lengths[1])
    stretched = np.where(np.cos(q[:, 1] + arm.signs[1] * arm.offsets[1]) > 0.0, 1.0, -1.0)
    step2 = stretched * (side * BENT - bend)
    lever = a * a + c * c  # 0 with the tip on the first axis, about which it does not move
    step1 = -step2 * (a * b + c * d) / np.where(lever > 0.0, lever, np.inf)
    return q + np.stack((step1, step2), axis=-1)


def bent(arm: ArmModel, q: Array, side: Sides, xy: Array, tolerance: float) -> Array:
    """
    Bend all but straight answers to their branch where limits and tolerance allow it.

    :param q: (N, 2) joint angles, rad
    :param side: (N,) the branches
    :param xy: (N, 2) targets, m
    :param tolerance: m
    :return: (N, 2), rad
    """
    moved = tilted(arm, q, side)
    off = arm.fk(moved) - xy
    good = ((moved >= arm.lower) & (moved <= arm.upper)).all(axis=1)
    good &= np.hypot(off[:, 0], off[:, 1]) <= tolerance
    return np.where(good[:, None], moved, q)
