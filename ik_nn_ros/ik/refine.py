"""
Make a proposal exact on the arm model by Newton steps.

The damping vanishes with the error (λ = |e|²), so the convergence stays quadratic; a fixed damping
stalls at the stretched arm, where the Jacobian is singular and the error falls by four each step.
A step that would leave the joint limits ends at the limit, and the other joint makes up for it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.geometry import Array, JointPair
from ik_nn_ros.arm.kinematics import Kinematics

Mask = NDArray[np.bool_]
StepCounts = NDArray[np.int8]

MAX_STEPS = 12
MAX_JOINT_STEP_RAD = 0.3
"""Longest step of a joint, rad."""
STALLED_ERROR_RATIO = 0.25
"""A squared error that falls by less, with a joint held at a limit: the target is beyond it."""
SINGULAR_ESCAPE_STEP_RAD = 1e-4
"""How far (rad) the elbow is turned off a pose from which no step leads to the target."""


def refine(
    arm: Kinematics, x: float, y: float, branch: int, q: JointPair, tolerance: float
) -> tuple[JointPair, int]:
    """
    Return joint angles whose tip is nearer to the target, stopping within the tolerance.

    :param x: target in the plane, m
    :param y: target in the plane, m
    :param branch: +1 or -1, the side to leave an exactly straight arm to
    :param q: proposal (q1, q2) inside the limits, rad
    :param tolerance: tip error to stop at, m
    :return: (q1, q2), rad, and how many steps were taken
    """
    q1, q2 = q
    (low1, low2), (up1, up2) = arm.lower, arm.upper
    enough = tolerance * tolerance
    held, before = False, 0.0
    for step in range(MAX_STEPS):
        tip_x, tip_y, a, b, c, d = arm.linearize_point(q1, q2)
        ex, ey = x - tip_x, y - tip_y
        error = ex * ex + ey * ey
        if error <= enough or (held and error > STALLED_ERROR_RATIO * before):
            return (q1, q2), step
        # (JᵀJ + λ) dq = Jᵀ e, with J = ((a, b), (c, d)).
        m11, m12, m22 = a * a + c * c + error, a * b + c * d, b * b + d * d + error
        g1, g2 = a * ex + c * ey, b * ex + d * ey
        determinant = m11 * m22 - m12 * m12
        if determinant <= 0.0 or g1 * g1 + g2 * g2 <= 1e-24 * error * (m11 + m22):
            q2 += (
                branch * SINGULAR_ESCAPE_STEP_RAD
            )  # no gradient: the target lies straight inwards of a straight arm
            continue
        step1 = (m22 * g1 - m12 * g2) / determinant
        step2 = (m11 * g2 - m12 * g1) / determinant
        longest = max(abs(step1), abs(step2))
        scale = MAX_JOINT_STEP_RAD / longest if longest > MAX_JOINT_STEP_RAD else 1.0
        next1, next2 = q1 + scale * step1, q2 + scale * step2
        held, before = True, error
        if not low1 <= next1 <= up1:
            next1 = low1 if next1 < low1 else up1
            next2 = q2 + min(
                max((g2 - m12 * (next1 - q1)) / m22, -MAX_JOINT_STEP_RAD), MAX_JOINT_STEP_RAD
            )
        elif not low2 <= next2 <= up2:
            next2 = low2 if next2 < low2 else up2
            next1 = q1 + min(
                max((g1 - m12 * (next2 - q2)) / m11, -MAX_JOINT_STEP_RAD), MAX_JOINT_STEP_RAD
            )
        else:
            held = False
        q1, q2 = min(max(next1, low1), up1), min(max(next2, low2), up2)
    return (q1, q2), MAX_STEPS


def refine_batch(
    arm: Kinematics, xy: Array, branch: NDArray[np.int8], q: Array, tolerance: float
) -> tuple[Array, StepCounts]:
    """
    Do :func:`refine` for many targets.

    :param xy: (N, 2) targets, m
    :param branch: (N,) +1 or -1
    :param q: (N, 2) proposals inside the limits, rad
    :param tolerance: m
    :return: (N, 2) rad, and (N,) how many steps were taken
    """
    result = np.empty_like(q)
    q = np.asfortranarray(q)
    xy = np.asfortranarray(xy)
    rows = np.arange(len(q))
    steps = np.full(len(q), MAX_STEPS, dtype=np.int8)
    held = np.zeros(len(q), dtype=bool)
    before = np.zeros(len(q))
    for step in range(MAX_STEPS):
        tip_x, tip_y, a, b, c, d = arm.linearize(q)
        ex, ey = xy[:, 0] - tip_x, xy[:, 1] - tip_y
        error = ex * ex + ey * ey
        done = (error <= tolerance * tolerance) | (held & (error > STALLED_ERROR_RATIO * before))
        if done.any():
            there = rows[done]
            result[there], steps[there] = q[done], step
            far = np.flatnonzero(~done)
            if not len(far):
                return result, steps
            rows, branch, xy, q = rows[far], branch[far], xy[far], q[far]
            a, b, c, d, ex, ey, error = (v[far] for v in (a, b, c, d, ex, ey, error))
        before = error
        m11, m12, m22 = a * a + c * c + error, a * b + c * d, b * b + d * d + error
        g1, g2 = a * ex + c * ey, b * ex + d * ey
        determinant = m11 * m22 - m12 * m12
        singular = determinant <= 0.0  # λ is lost in rounding when the arm is all but there
        determinant[singular] = 1.0
        way = np.empty(q.shape, order='F')
        way[:, 0] = (m22 * g1 - m12 * g2) / determinant
        way[:, 1] = (m11 * g2 - m12 * g1) / determinant
        longest = np.maximum(np.abs(way[:, 0]), np.abs(way[:, 1]))
        if (longest > MAX_JOINT_STEP_RAD).any():
            way *= (MAX_JOINT_STEP_RAD / np.maximum(longest, MAX_JOINT_STEP_RAD))[:, None]
        flat = np.flatnonzero(singular | (g1 * g1 + g2 * g2 <= 1e-24 * error * (m11 + m22)))
        way[flat] = 0.0
        way[flat, 1] = branch[flat] * SINGULAR_ESCAPE_STEP_RAD
        q, held = _step_within_limits(arm, q, way, np.stack((m11, m12, m22, g1, g2)))
    result[rows] = q
    return result, steps


def _step_within_limits(
    arm: Kinematics, q: Array, step: Array, equations: Array
) -> tuple[Array, Mask]:
    """
    Take the steps (N, 2); where one leaves the limits, hold that joint and move the other.

    :return: (N, 2) where the steps end, rad, and (N,) whether a joint was held
    """
    moved: Array = q + step
    inside = np.clip(moved, arm.lower, arm.upper)
    outside = moved != inside
    held: Mask = outside[:, 0] | outside[:, 1]
    rows = np.flatnonzero(held)
    if len(rows):
        m11, m12, m22, g1, g2 = equations[:, rows]
        held1 = moved[rows, 0] != inside[rows, 0]
        way = inside[rows] - q[rows]
        alone = np.where(held1, (g2 - m12 * way[:, 0]) / m22, (g1 - m12 * way[:, 1]) / m11)
        other = held1.astype(int)
        inside[rows, other] = q[rows, other] + np.clip(
            alone, -MAX_JOINT_STEP_RAD, MAX_JOINT_STEP_RAD
        )
        inside = np.clip(inside, arm.lower, arm.upper)
    return inside, held


# MERGED ik.straight: The branch of an arm that is all but straight or folded.  The joints of the last answer tell the branch to stay on, and a straight arm has none. An answer on the edge of the workspace is therefore bent to its branch by a hair: the tip moves by the square of it, and the branch of what follows is not left to rounding.

BranchArray = NDArray[np.int8]

SINGULAR_SINE = 1e-6
"""|sin| of an elbow angle below which the arm counts as on neither branch."""
NUDGED_SINE = 3.0 * SINGULAR_SINE
"""The sine that an all but straight answer is given."""
SLOPE_STEP_RAD = 1e-4
"""Over how much of joint 2 (rad) the slope of the bend is taken."""
MAX_ELBOW_STEP_RAD = 0.1
"""Longest step of joint 2, rad: what is further from straight is not bent here."""


def nudge_elbow(arm: Kinematics, q: Array, branch: BranchArray) -> Array:
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
    arm: Kinematics, q: Array, branch: BranchArray, xy: Array, tolerance: float
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
