"""
Targets to train and to test on: the tip's position at drawn joint angles, so all can be reached.

Targets are (N, 4) rows of x, y (m, plane frame), branch and bearing (rad), the input of a model
file.
"""

from __future__ import annotations

from math import pi

import numpy as np

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.arm.plane import Array

EXACT_SHARE = 0.02
"""Share of whole-workspace targets with the arm exactly stretched or folded."""
CLOSE_SHARE = 0.18
"""Share of whole-workspace targets with the elbow close to straight or folded."""
CLOSEST = 1e-8
"""How close (rad) the close ones come; the distances are uniform in their logarithm."""


def whole_workspace(arm: ArmModel, rng: np.random.Generator, count: int) -> Array:
    """
    Draw targets from the whole annulus, both branches, whatever the joint limits.

    The elbow's angle is uniform, which puts more targets near the edges than their area; a share
    of them is closer still, and some are exactly on the edge.

    :param count: number of targets
    :return: (count, 4) targets
    """
    branch = rng.choice((-1.0, 1.0), size=count)
    elbow = rng.uniform(0.0, pi, size=count)
    kind = rng.random(count)
    bend = np.exp(rng.uniform(np.log(CLOSEST), np.log(0.3), size=count))
    bend[kind < EXACT_SHARE] = 0.0
    folded = rng.random(count) < 0.5
    edge = np.where(folded, pi - bend, bend)
    elbow = np.where(kind < EXACT_SHARE + CLOSE_SHARE, edge, elbow)
    shoulder = rng.uniform(-pi, pi, size=count)
    return _targets(arm, shoulder, branch * elbow, branch)


def paper_ranges(arm: ArmModel, rng: np.random.Generator, count: int) -> Array:
    """
    Draw targets as the paper does: q1 uniform in [0, π/2], q2 in [0, π]; the positive branch.

    For an arm with zero offsets these are the joints' own angles; otherwise they count from the
    position in which both links point along the plane's x axis.

    :param count: number of targets
    :return: (count, 4) targets
    """
    shoulder = arm.signs[0] * rng.uniform(0.0, pi / 2, size=count)
    elbow = rng.uniform(0.0, pi, size=count)
    return _targets(arm, shoulder, elbow, np.ones(count))


def _targets(arm: ArmModel, theta1: Array, bend: Array, branch: Array) -> Array:
    """
    Return the targets of link 1's angle and of joint 2's, counted along joint 2's own axis.

    :param theta1: (N,) angle of link 1 about the plane's normal, rad
    :param bend: (N,) angle of the elbow about joint 2's axis, 0 when straight, rad
    """
    theta = np.stack((theta1, arm.signs[1] * bend), axis=-1)
    q = np.asarray(arm.signs) * (theta - np.asarray(arm.offsets))
    xy = arm.fk(q)
    return np.column_stack((xy, branch, np.arctan2(xy[:, 1], xy[:, 0])))
