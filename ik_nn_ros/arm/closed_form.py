"""
Closed-form inverse kinematics of the two-link arm, both branches.

With r the distance of the target from the first axis, R = L1 + L2 and d = |L1 - L2|, the elbow
follows from tan²(θ2 / 2) = (R² - r²) / (r² - d²), which keeps full precision at the stretched
(r = R) and the folded (r = d) arm, where the usual arccosine loses half the digits.
"""

from __future__ import annotations

from math import atan2, cos, hypot, sin, sqrt

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.model import ArmModel, Array, JointPair


def closed_form(arm: ArmModel, x: float, y: float, branch: int, q_now: JointPair) -> JointPair:
    """
    Return the joint angles of one branch, on the turn nearest to ``near``, put inside the limits.

    A target out of reach gives the arm stretched or folded towards it, one outside the limits gives
    a position at a limit: the caller checks where the tip is.

    :param x: target in the plane, m
    :param y: target in the plane, m
    :param branch: +1 or -1
    :param q_now: (q1, q2) where the joints are now, rad
    :return: (q1, q2), rad
    """
    (l1, l2), (s1, s2), (o1, o2) = arm.lengths, arm.signs, arm.offsets
    r = hypot(x, y)
    outer, inner = l1 + l2, abs(l1 - l2)
    theta2 = 2.0 * atan2(
        sqrt(max((outer - r) * (outer + r), 0.0)), sqrt(max((r - inner) * (r + inner), 0.0))
    )
    theta2 *= branch * s2
    theta1 = atan2(y, x) - atan2(l2 * sin(theta2), l1 + l2 * cos(theta2))
    q1 = arm.wrap_joint(0, s1 * (theta1 - o1), q_now[0])
    q2 = arm.wrap_joint(1, s2 * (theta2 - o2), q_now[1])
    # Near the stretched or folded arm rounding moves the joints by up to its square root, and with
    # them past a limit: hold the joint that is at a limit and point the rest at the target.
    if q1 == arm.lower[0] or q1 == arm.upper[0]:
        theta1 = s1 * q1 + o1
        theta2 = atan2(y - l1 * sin(theta1), x - l1 * cos(theta1)) - theta1
        q2 = arm.wrap_joint(1, s2 * (theta2 - o2), q_now[1])
    elif q2 == arm.lower[1] or q2 == arm.upper[1]:
        theta2 = s2 * q2 + o2
        theta1 = atan2(y, x) - atan2(l2 * sin(theta2), l1 + l2 * cos(theta2))
        q1 = arm.wrap_joint(0, s1 * (theta1 - o1), q_now[0])
    return q1, q2


def closed_form_batch(arm: ArmModel, xy: Array, branch: NDArray[np.int8], q_now: Array) -> Array:
    """
    Do :func:`closed_form` for many targets.

    :param xy: (N, 2) targets in the plane, m
    :param branch: (N,) +1 or -1
    :param q_now: (N, 2) or (2,) where the joints are now, rad
    :return: (N, 2) joint angles, rad
    """
    (l1, l2), signs, offsets = arm.lengths, np.array(arm.signs), np.array(arm.offsets)
    x, y = xy[:, 0], xy[:, 1]
    r = np.hypot(x, y)
    outer, inner = l1 + l2, abs(l1 - l2)
    theta2 = 2.0 * np.arctan2(
        np.sqrt(np.maximum((outer - r) * (outer + r), 0.0)),
        np.sqrt(np.maximum((r - inner) * (r + inner), 0.0)),
    )
    theta2 *= branch * arm.signs[1]
    theta1 = np.arctan2(y, x) - np.arctan2(l2 * np.sin(theta2), l1 + l2 * np.cos(theta2))
    theta = np.stack((theta1, theta2), axis=-1)
    q = arm.wrap_into_limits_batch(signs * (theta - offsets), q_now)

    at_limit = (q == arm.lower) | (q == arm.upper)
    rows = np.flatnonzero(at_limit.any(axis=1))
    if len(rows):
        held, x, y = at_limit[rows, 0], x[rows], y[rows]
        theta1, theta2 = (signs * q[rows] + offsets).T
        pointed2 = np.arctan2(y - l1 * np.sin(theta1), x - l1 * np.cos(theta1)) - theta1
        pointed1 = np.arctan2(y, x) - np.arctan2(l2 * np.sin(theta2), l1 + l2 * np.cos(theta2))
        theta = np.stack((pointed1, pointed2), axis=-1)
        pointed = arm.wrap_into_limits_batch(
            signs * (theta - offsets), np.broadcast_to(q_now, q.shape)[rows]
        )
        q[rows] = np.where(np.stack((held, ~held), axis=-1), q[rows], pointed)
    return q
