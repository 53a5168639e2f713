"""
Random samples of forward kinematics for training and tests: joint angles and tip positions.

Targets are rows of x, y (m, plane frame), branch and bearing (rad), the input of a model file. All
targets are reachable; only :func:`sample_within_limits` considers the joint limits.
"""

from __future__ import annotations

from math import pi
from typing import NamedTuple

import numpy as np

from ik_nn_ros.arm.geometry import Array
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.ik.verification import random_joints

SINGULAR_FRACTION = 0.02
"""Fraction of whole-workspace targets at which the arm is exactly stretched or folded."""
NEAR_SINGULAR_FRACTION = 0.18
"""Fraction of whole-workspace targets at which the arm is nearly stretched or folded."""
MIN_SINGULARITY_DISTANCE_RAD = 1e-8
"""Smallest elbow angle, rad, from singularity of nearly singular targets; log-uniform."""
MAX_SINGULARITY_DISTANCE_RAD = 0.3
"""Largest elbow angle, rad, from singularity of nearly singular targets."""
TARGETS_PER_PATH = 32
"""Number of targets of a path."""
MAX_JOINT_STEP_RAD = 0.09
"""Largest joint motion between two targets of a path, rad."""


class FkSamples(NamedTuple):
    """
    Targets and the joint angles that produce them.

    :param target: (..., 4) x, y (m), branch and bearing (rad)
    :param q: (..., 2) joint angles, rad
    """

    target: Array
    q: Array


def sample_workspace(arm: ArmModel, rng: np.random.Generator, count: int) -> FkSamples:
    """
    Draw targets from the whole annulus, on both branches.

    The elbow's angle is uniform, so that targets are denser near the boundaries than by area. A
    fraction of them is still closer to the boundaries, and some are exactly on them.

    :param arm: the arm
    :param rng: random generator
    :param count: number of targets
    """
    branch = rng.choice((-1.0, 1.0), size=count)
    elbow = rng.uniform(0.0, pi, size=count)
    kind = rng.random(count)
    distance = np.exp(
        rng.uniform(
            np.log(MIN_SINGULARITY_DISTANCE_RAD), np.log(MAX_SINGULARITY_DISTANCE_RAD), size=count
        )
    )
    distance[kind < SINGULAR_FRACTION] = 0.0
    folded = rng.random(count) < 0.5
    near_singular = np.where(folded, pi - distance, distance)
    elbow = np.where(kind < SINGULAR_FRACTION + NEAR_SINGULAR_FRACTION, near_singular, elbow)
    shoulder = rng.uniform(-pi, pi, size=count)
    return _from_link_angles(arm, shoulder, branch * elbow, branch)


def sample_within_limits(arm: ArmModel, rng: np.random.Generator, count: int) -> FkSamples:
    """
    Draw joint angles uniformly within the joint limits; one turn for continuous joints.

    :param arm: the arm
    :param rng: random generator
    :param count: number of targets
    """
    q = random_joints(arm, rng, count)
    return _from_joints(arm, q, np.where(arm.elbow_sine_batch(q) < 0.0, -1.0, 1.0))


def sample_smooth_paths(arm: ArmModel, rng: np.random.Generator, count: int) -> FkSamples:
    """
    Draw smooth paths in the whole annulus, each on one branch.

    Joint 1 moves at constant velocity; the elbow oscillates between stretched and folded.

    :param arm: the arm
    :param rng: random generator
    :param count: number of paths, each of :data:`TARGETS_PER_PATH` targets
    """
    step = np.arange(TARGETS_PER_PATH)
    branch = rng.choice((-1.0, 1.0), size=(count, 1))
    start, velocity = (
        rng.uniform(-bound, bound, (2, count, 1)) for bound in (pi, MAX_JOINT_STEP_RAD)
    )
    shoulder = start[0] + velocity[0] * step
    elbow = pi / 2 * (1.0 - np.cos(start[1] + velocity[1] / (pi / 2) * step))
    return _from_link_angles(arm, shoulder, branch * elbow, np.broadcast_to(branch, elbow.shape))


def sample_paper_ranges(arm: ArmModel, rng: np.random.Generator, count: int) -> FkSamples:
    """
    Draw targets as in the paper: q1 uniform in [0, π/2], q2 in [0, π]; the positive branch.

    For an arm without zero offsets these are the joint angles; otherwise they are relative to the
    position in which both links point along the plane's x axis.

    :param arm: the arm
    :param rng: random generator
    :param count: number of targets
    """
    shoulder = arm.signs[0] * rng.uniform(0.0, pi / 2, size=count)
    elbow = rng.uniform(0.0, pi, size=count)
    return _from_link_angles(arm, shoulder, elbow, np.ones(count))


def _from_link_angles(arm: ArmModel, theta1: Array, elbow: Array, branch: Array) -> FkSamples:
    """
    Return the samples at angles of link 1 and of the elbow.

    :param theta1: (...) angle of link 1 about the plane's normal, rad
    :param elbow: (...) angle of the elbow about joint 2's axis, 0 when straight, rad
    :param branch: (...) branch of each sample
    """
    theta = np.stack((theta1, arm.signs[1] * elbow), axis=-1)
    return _from_joints(arm, np.asarray(arm.signs) * (theta - np.asarray(arm.offsets)), branch)


def _from_joints(arm: ArmModel, q: Array, branch: Array) -> FkSamples:
    """Return the samples at joint angles (..., 2), rad, on branches (...)."""
    xy = arm.fk(q)
    bearing = np.arctan2(xy[..., 1], xy[..., 0])
    return FkSamples(np.concatenate((xy, np.stack((branch, bearing), axis=-1)), axis=-1), q)
