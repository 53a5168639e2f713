"""
Samples of forward kinematics to train and to test on: drawn joint angles and where the tip is.

Targets are rows of x, y (m, plane frame), branch and bearing (rad), the input of a model file; all
of them can be reached, most draws do not look at the joint limits.
"""

from __future__ import annotations

from math import pi
from typing import NamedTuple

import numpy as np

from ik_nn_ros.arm.geometry import Array
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.ik.verification import random_joints

SINGULAR_FRACTION = 0.02
"""Share of whole-workspace targets with the arm exactly stretched or folded."""
NEAR_SINGULAR_FRACTION = 0.18
"""Share of whole-workspace targets with the elbow close to straight or folded."""
MIN_SINGULARITY_DISTANCE_RAD = 1e-8
"""How close (rad) the close ones come; the distances are uniform in their logarithm."""
TARGETS_PER_PATH = 32
"""Targets of a path."""
MAX_JOINT_STEP_RAD = 0.09
"""How far a joint turns at most between two targets of a path, rad."""


class FkSamples(NamedTuple):
    """
    Samples.

    :param target: (..., 4) x, y, branch, bearing
    :param q: (..., 2) the joint angles they were made from, rad
    """

    target: Array
    q: Array


def sample_workspace(arm: ArmModel, rng: np.random.Generator, count: int) -> FkSamples:
    """
    Draw from the whole annulus, both branches.

    The elbow's angle is uniform, which puts more targets near the edges than their area; a share
    of them is closer still, and some are exactly on the edge.

    :param count: number of targets
    """
    branch = rng.choice((-1.0, 1.0), size=count)
    elbow = rng.uniform(0.0, pi, size=count)
    kind = rng.random(count)
    bend = np.exp(rng.uniform(np.log(MIN_SINGULARITY_DISTANCE_RAD), np.log(0.3), size=count))
    bend[kind < SINGULAR_FRACTION] = 0.0
    folded = rng.random(count) < 0.5
    edge = np.where(folded, pi - bend, bend)
    elbow = np.where(kind < SINGULAR_FRACTION + NEAR_SINGULAR_FRACTION, edge, elbow)
    shoulder = rng.uniform(-pi, pi, size=count)
    return _from_link_angles(arm, shoulder, branch * elbow, branch)


def sample_within_limits(arm: ArmModel, rng: np.random.Generator, count: int) -> FkSamples:
    """
    Draw joint angles uniformly within the joint limits, of continuous joints one turn.

    :param count: number of targets
    """
    q = random_joints(arm, rng, count)
    return _from_joints(arm, q, np.where(arm.elbow_sine_batch(q) < 0.0, -1.0, 1.0))


def sample_smooth_paths(arm: ArmModel, rng: np.random.Generator, count: int) -> FkSamples:
    """
    Draw smooth paths in the whole annulus, each on one of the branches.

    Joint 1 turns evenly; the elbow swings between straight and folded.

    :param count: number of paths, each of :data:`TARGETS_PER_PATH` targets
    """
    step = np.arange(TARGETS_PER_PATH)
    branch = rng.choice((-1.0, 1.0), size=(count, 1))
    begin, speed = (rng.uniform(-most, most, (2, count, 1)) for most in (pi, MAX_JOINT_STEP_RAD))
    shoulder = begin[0] + speed[0] * step
    elbow = pi / 2 * (1.0 - np.cos(begin[1] + speed[1] / (pi / 2) * step))
    return _from_link_angles(arm, shoulder, branch * elbow, np.broadcast_to(branch, elbow.shape))


def sample_paper_ranges(arm: ArmModel, rng: np.random.Generator, count: int) -> FkSamples:
    """
    Draw as the paper does: q1 uniform in [0, π/2], q2 in [0, π]; the positive branch.

    For an arm with zero offsets these are the joints' own angles; otherwise they count from the
    position in which both links point along the plane's x axis.

    :param count: number of targets
    """
    shoulder = arm.signs[0] * rng.uniform(0.0, pi / 2, size=count)
    elbow = rng.uniform(0.0, pi, size=count)
    return _from_link_angles(arm, shoulder, elbow, np.ones(count))


def _from_link_angles(arm: ArmModel, theta1: Array, elbow: Array, branch: Array) -> FkSamples:
    """
    Return the samples of link 1's angle and of joint 2's, counted along joint 2's own axis.

    :param theta1: (...) angle of link 1 about the plane's normal, rad
    :param elbow: (...) angle of the elbow about joint 2's axis, 0 when straight, rad
    :param branch: (...)
    """
    theta = np.stack((theta1, arm.signs[1] * elbow), axis=-1)
    return _from_joints(arm, np.asarray(arm.signs) * (theta - np.asarray(arm.offsets)), branch)


def _from_joints(arm: ArmModel, q: Array, branch: Array) -> FkSamples:
    """Return the samples of joint angles (..., 2), rad, on branches (...)."""
    xy = arm.fk(q)
    bearing = np.arctan2(xy[..., 1], xy[..., 0])
    return FkSamples(np.concatenate((xy, np.stack((branch, bearing), axis=-1)), axis=-1), q)
