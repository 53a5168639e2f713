"""
Newton refinement of joint positions, and the arm near its singular positions.

:func:`refine` makes a proposal exact on the arm's model by damped Newton steps. The damping
vanishes with the error (λ = |e|²), so the convergence stays quadratic; a fixed damping stalls at
the stretched arm, where the Jacobian is singular and the error falls by four each step. A step that
would leave the joint limits ends at the limit, and the other joint makes up for it.

The current joints tell the branch to stay on, but a stretched or folded arm is on none. A solution
at the boundary of the workspace is therefore bent a little to its branch
(:func:`nudge_off_singularity`): the tip moves by the square of it, and the branch of the next
target does not depend on rounding.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.geometry import Array, JointPair
from ik_nn_ros.arm.kinematics import Kinematics

BranchArray = NDArray[np.int8]
Mask = NDArray[np.bool_]
StepCounts = NDArray[np.int8]

MAX_STEPS = 12
MAX_JOINT_STEP_RAD = 0.3
"""Longest step of a joint, rad."""
STALLED_ERROR_RATIO = 0.25
"""A squared error that falls by less while a joint is held at a limit lies beyond that limit."""
MIN_GRADIENT_RATIO = 1e-24
"""Squared gradient, relative to error and Jacobian, below which no step leads to the target."""
SINGULAR_ESCAPE_STEP_RAD = 1e-4
"""How far (rad) the elbow is turned from a position where no step leads to the target."""

SINGULAR_SINE = 1e-6
"""|sin| of an elbow angle below which the arm counts as on neither branch."""
NUDGED_SINE = 3.0 * SINGULAR_SINE
"""Sine of the elbow angle that an almost singular solution is bent to."""
SLOPE_STEP_RAD = 1e-4
"""Step of joint 2 (rad) for the numerical derivative of the elbow's sine."""
MAX_ELBOW_STEP_RAD = 0.1
"""Longest step of joint 2 when bending, rad; what is further from singular is left as it is."""


def refine(
    arm: Kinematics, x: float, y: float, branch: int, q: JointPair, tolerance: float
) -> tuple[JointPair, int]:
    """
    Return joint positions whose tip is nearer to the target, stopping within the tolerance.

    :param arm: the arm
    :param x: target in the plane, m
    :param y: target in the plane, m
    :param branch: +1 or -1, the side to leave an exactly straight arm to
    :param q: proposal (q1, q2) inside the limits, rad
    :param tolerance: tip error to stop at, m
    :return: (q1, q2), rad, and the number of steps taken
    """
    q1, q2 = q
    (low1, low2), (up1, up2) = arm.lower, arm.upper
    square_tolerance = tolerance * tolerance
    held, previous_error = False, 0.0
    for step in range(MAX_STEPS):
        tip_x, tip_y, a, b, c, d = arm.linearize_point(q1, q2)
        ex, ey = x - tip_x, y - tip_y
        error = ex * ex + ey * ey
        if error <= square_tolerance or (held and error > STALLED_ERROR_RATIO * previous_error):
            return (q1, q2), step
        # (JᵀJ + λ) dq = Jᵀ e, with J = ((a, b), (c, d)).
        m11, m12, m22 = a * a + c * c + error, a * b + c * d, b * b + d * d + error
        g1, g2 = a * ex + c * ey, b * ex + d * ey
        determinant = m11 * m22 - m12 * m12
        if determinant <= 0.0 or g1 * g1 + g2 * g2 <= MIN_GRADIENT_RATIO * error * (m11 + m22):
            # No gradient: the target lies straight inwards of a straight arm.
            q2 += branch * SINGULAR_ESCAPE_STEP_RAD
            continue
        step1 = (m22 * g1 - m12 * g2) / determinant
        step2 = (m11 * g2 - m12 * g1) / determinant
        longest = max(abs(step1), abs(step2))
        scale = MAX_JOINT_STEP_RAD / longest if longest > MAX_JOINT_STEP_RAD else 1.0
        next1, next2 = q1 + scale * step1, q2 + scale * step2
        held, previous_error = True, error
        if not low1 <= next1 <= up1:
            next1 = low1 if next1 < low1 else up1
            alone = (g2 - m12 * (next1 - q1)) / m22
            next2 = q2 + min(max(alone, -MAX_JOINT_STEP_RAD), MAX_JOINT_STEP_RAD)
        elif not low2 <= next2 <= up2:
            next2 = low2 if next2 < low2 else up2
            alone = (g1 - m12 * (next2 - q2)) / m11
            next1 = q1 + min(max(alone, -MAX_JOINT_STEP_RAD), MAX_JOINT_STEP_RAD)
        else:
            held = False
        q1, q2 = min(max(next1, low1), up1), min(max(next2, low2), up2)
    return (q1, q2), MAX_STEPS


def refine_batch(
    arm: Kinematics, xy: Array, branch: BranchArray, q: Array, tolerance: float
) -> tuple[Array, StepCounts]:
    """
    Return :func:`refine` of many proposals.

    :param arm: the arm
    :param xy: (N, 2) targets, m
    :param branch: (N,) +1 or -1
    :param q: (N, 2) proposals inside the limits, rad
    :param tolerance: tip error to stop at, m
    :return: (N, 2) rad, and (N,) numbers of steps taken
    """
    result = np.empty_like(q)
    q = np.asfortranarray(q)
    xy = np.asfortranarray(xy)
    rows = np.arange(len(q))
    steps = np.full(len(q), MAX_STEPS, dtype=np.int8)
    held = np.zeros(len(q), dtype=bool)
    previous_error = np.zeros(len(q))
    for step in range(MAX_STEPS):
        tip_x, tip_y, a, b, c, d = arm.linearize(q)
        ex, ey = xy[:, 0] - tip_x, xy[:, 1] - tip_y
        error = ex * ex + ey * ey
        stalled = held & (error > STALLED_ERROR_RATIO * previous_error)
        done = (error <= tolerance * tolerance) | stalled
        if done.any():
            result[rows[done]], steps[rows[done]] = q[done], step
            pending = np.flatnonzero(~done)
            if not len(pending):
                return result, steps
            rows, branch, xy, q = rows[pending], branch[pending], xy[pending], q[pending]
            a, b, c, d, ex, ey, error = (v[pending] for v in (a, b, c, d, ex, ey, error))
        previous_error = error
        m11, m12, m22 = a * a + c * c + error, a * b + c * d, b * b + d * d + error
        g1, g2 = a * ex + c * ey, b * ex + d * ey
        determinant = m11 * m22 - m12 * m12
        singular = determinant <= 0.0  # λ may be lost in rounding close to the target
        determinant[singular] = 1.0
        joint_steps = np.empty(q.shape, order='F')
        joint_steps[:, 0] = (m22 * g1 - m12 * g2) / determinant
        joint_steps[:, 1] = (m11 * g2 - m12 * g1) / determinant
        longest = np.maximum(np.abs(joint_steps[:, 0]), np.abs(joint_steps[:, 1]))
        if (longest > MAX_JOINT_STEP_RAD).any():
            joint_steps *= (MAX_JOINT_STEP_RAD / np.maximum(longest, MAX_JOINT_STEP_RAD))[:, None]
        no_gradient = g1 * g1 + g2 * g2 <= MIN_GRADIENT_RATIO * error * (m11 + m22)
        escaping = np.flatnonzero(singular | no_gradient)
        joint_steps[escaping] = 0.0
        joint_steps[escaping, 1] = branch[escaping] * SINGULAR_ESCAPE_STEP_RAD
        q, held = _step_within_limits(arm, q, joint_steps, np.stack((m11, m12, m22, g1, g2)))
    result[rows] = q
    return result, steps


def _step_within_limits(
    arm: Kinematics, q: Array, steps: Array, equations: Array
) -> tuple[Array, Mask]:
    """
    Take the steps (N, 2), rad; where one leaves the limits, hold that joint and move the other.

    :param equations: (5, N) m11, m12, m22, g1, g2 of the normal equations
    :return: (N, 2) where the steps end, rad, and (N,) whether a joint was held
    """
    moved: Array = q + steps
    inside = np.clip(moved, arm.lower, arm.upper)
    outside = moved != inside
    held: Mask = outside[:, 0] | outside[:, 1]
    rows = np.flatnonzero(held)
    if len(rows):
        m11, m12, m22, g1, g2 = equations[:, rows]
        held1 = moved[rows, 0] != inside[rows, 0]
        taken = inside[rows] - q[rows]
        alone = np.where(held1, (g2 - m12 * taken[:, 0]) / m22, (g1 - m12 * taken[:, 1]) / m11)
        other = held1.astype(int)
        inside[rows, other] = q[rows, other] + np.clip(
            alone, -MAX_JOINT_STEP_RAD, MAX_JOINT_STEP_RAD
        )
        inside = np.clip(inside, arm.lower, arm.upper)
    return inside, held


def nudge_elbow(arm: Kinematics, q: Array, branch: BranchArray) -> Array:
    """
    Bend an almost singular arm to :data:`NUDGED_SINE`; joint 1 makes up for what joint 2 does.

    :param arm: the arm
    :param q: (N, 2) joint positions, rad
    :param branch: (N,) the branches
    :return: (N, 2), rad
    """
    _, _, a, b, c, d = arm.linearize(q)
    lever = a * a + c * c  # 0 with the tip on the first axis, which does not move it then
    rate1 = -(a * b + c * d) / np.where(lever > 0.0, lever, np.inf)
    rates = np.stack((rate1, np.ones_like(rate1)), axis=-1)
    sine = arm.elbow_sine_batch(q)
    slope = (arm.elbow_sine_batch(q + SLOPE_STEP_RAD * rates) - sine) / SLOPE_STEP_RAD
    step = (branch * NUDGED_SINE - sine) / np.where(slope == 0.0, np.inf, slope)
    return q + np.clip(step, -MAX_ELBOW_STEP_RAD, MAX_ELBOW_STEP_RAD)[:, None] * rates


def nudge_off_singularity(
    arm: Kinematics, q: Array, branch: BranchArray, xy: Array, tolerance: float
) -> Array:
    """
    Bend almost singular solutions to their branch where limits and tolerance allow it.

    :param arm: the arm
    :param q: (N, 2) joint positions, rad
    :param branch: (N,) the branches
    :param xy: (N, 2) targets, m
    :param tolerance: largest distance of the tip from its target, m
    :return: (N, 2), rad
    """
    nudged = nudge_elbow(arm, q, branch)
    offset = arm.fk(nudged) - xy
    is_good = ((nudged >= arm.lower) & (nudged <= arm.upper)).all(axis=1)
    is_good &= np.hypot(offset[:, 0], offset[:, 1]) <= tolerance
    return np.where(is_good[:, None], nudged, q)
