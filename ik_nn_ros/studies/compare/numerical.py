"""
Iterative inverse kinematics of the textbooks, which starts from the current joint positions.

A step rule returns the joint step for the error e of the tip and the Jacobian
J = ((a, b), (c, d)). It is written once for a single target (floats) and for a batch (arrays). The
iteration is the same for all rules: it limits each step to 0.3 rad, then clips the joints to their
limits, and ends at a tip error of 1e-9 of reach.

- S. R. Buss: Introduction to Inverse Kinematics with Jacobian Transpose, Pseudoinverse and Damped
  Least Squares methods, 2009.
- L.-C. T. Wang, C. C. Chen: A combined optimization method for solving the inverse kinematics
  problem of mechanical manipulators, IEEE Transactions on Robotics and Automation 7 (4), 1991.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import atan2
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.geometry import Array, JointPair
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.ik.verification import MAX_TIP_ERROR_RATIO

Number = TypeVar('Number', float, Array)
StepCounts = NDArray[np.int16]

MAX_STEPS = 200
"""Largest number of steps; a step takes one forward kinematics and one Jacobian."""
MAX_JOINT_STEP_RAD = 0.3
"""Largest step of a joint, rad, as in our refinement."""
MIN_SINGULAR_VALUE_RATIO = 1e-4
"""
Ratio of the Jacobian's singular values below which its rank counts as one.

Targets that near to a straight arm are not met: one in 100 at 1e-2, one in 1000 at 1e-3.
"""
DAMPING_RATIO = 0.003
"""
Damping λ of damped least squares, as a fraction of reach.

It was chosen on scattered targets of the demo arm. A smaller one behaves like the pseudo-inverse; a
larger one is smoother for targets out of reach, but slower: with 0.1, one target in 25 is not met
within :data:`MAX_STEPS`.
"""


class StepRule(Protocol):
    """
    The step of an iterative method.

    :param arm: the arm
    :param step: number of the step, from 0
    :param ex: target minus tip in x, m
    :param ey: target minus tip in y, m
    :param a: dx/dq1, m/rad
    :param b: dx/dq2, m/rad
    :param c: dy/dq1, m/rad
    :param d: dy/dq2, m/rad
    :return: steps of joint 1 and joint 2, rad
    """

    def __call__(  # noqa: D102
        self,
        arm: ArmModel,
        step: int,
        ex: Number,
        ey: Number,
        a: Number,
        b: Number,
        c: Number,
        d: Number,
    ) -> tuple[Number, Number]: ...


def pseudo_inverse(
    arm: ArmModel, step: int, ex: Number, ey: Number, a: Number, b: Number, c: Number, d: Number
) -> tuple[Number, Number]:
    """Step by J⁺ e (Buss, section 4); J⁺ is the inverse, or Jᵀ / ‖J‖² for a rank of one."""
    squares = a * a + b * b + c * c + d * d
    determinant = a * d - b * c
    # For singular values σ1 ≥ σ2 it is |det| / ‖J‖² = σ1 σ2 / (σ1² + σ2²), close to σ2 / σ1.
    singular = abs(determinant) <= MIN_SINGULAR_VALUE_RATIO * squares
    regular = 1.0 - singular
    by1, by2 = regular / (determinant + singular), singular / squares
    return (
        by1 * (d * ex - b * ey) + by2 * (a * ex + c * ey),
        by1 * (a * ey - c * ex) + by2 * (b * ex + d * ey),
    )


def damped_least_squares(
    arm: ArmModel, step: int, ex: Number, ey: Number, a: Number, b: Number, c: Number, d: Number
) -> tuple[Number, Number]:
    """Step by (JᵀJ + λ² I)⁻¹ Jᵀ e with constant damping λ (Buss, equation 10)."""
    damping = (DAMPING_RATIO * arm.reach) ** 2
    m11, m12, m22 = a * a + c * c + damping, a * b + c * d, b * b + d * d + damping
    g1, g2 = a * ex + c * ey, b * ex + d * ey
    determinant = m11 * m22 - m12 * m12
    return (m22 * g1 - m12 * g2) / determinant, (m11 * g2 - m12 * g1) / determinant


def gradient_descent(
    arm: ArmModel, step: int, ex: Number, ey: Number, a: Number, b: Number, c: Number, d: Number
) -> tuple[Number, Number]:
    """Step by α Jᵀ e with α = ⟨e, JJᵀe⟩ / ⟨JJᵀe, JJᵀe⟩, down the gradient of |e|² (Buss, 3)."""
    g1, g2 = a * ex + c * ey, b * ex + d * ey
    tip_x, tip_y = a * g1 + b * g2, c * g1 + d * g2
    squared = tip_x * tip_x + tip_y * tip_y
    # Without a gradient the step is zero.
    size = (ex * tip_x + ey * tip_y) / (squared + (squared == 0.0))
    return size * g1, size * g2


def ccd(
    arm: ArmModel, step: int, ex: Number, ey: Number, a: Number, b: Number, c: Number, d: Number
) -> tuple[Number, Number]:
    """Turn one joint so that its lever points at the target, joint 2 first (Wang and Chen)."""
    # A column of J is the lever of its joint (from axis to tip), turned by 90° times the sign.
    joint = 1 - step % 2
    jx, jy = (b, d) if joint else (a, c)
    across = jx * ex + jy * ey
    along = jx * jx + jy * jy + arm.signs[joint] * (jy * ex - jx * ey)
    angle = _arctangent(across, along)
    zero = 0.0 * angle
    return (zero, angle) if joint else (angle, zero)


def _arctangent(y: Number, x: Number) -> Number:
    return atan2(y, x) if isinstance(y, float) else np.arctan2(y, x)


STEP_RULES: Mapping[str, StepRule] = {
    'pseudo_inverse': pseudo_inverse,
    'damped_least_squares': damped_least_squares,
    'gradient_descent': gradient_descent,
    'ccd': ccd,
}
"""Step rules by the name of the method."""


def solve(rule: StepRule, arm: ArmModel, x: float, y: float, q: JointPair) -> tuple[JointPair, int]:
    """
    Solve a single target.

    :param rule: step of the method
    :param arm: the arm
    :param x: target in the plane, m
    :param y: target in the plane, m
    :param q: current joint positions, rad, inside the limits
    :return: joint positions, rad, inside the limits, and the number of steps; with
        :data:`MAX_STEPS` steps the target may be missed
    """
    q1, q2 = q
    (lower1, lower2), (upper1, upper2) = arm.lower, arm.upper
    tolerance_squared = (MAX_TIP_ERROR_RATIO * arm.reach) ** 2
    for step in range(MAX_STEPS):
        tip_x, tip_y, a, b, c, d = arm.linearize_point(q1, q2)
        ex, ey = x - tip_x, y - tip_y
        if ex * ex + ey * ey <= tolerance_squared:
            return (q1, q2), step
        step1, step2 = rule(arm, step, ex, ey, a, b, c, d)
        scale = MAX_JOINT_STEP_RAD / max(abs(step1), abs(step2), MAX_JOINT_STEP_RAD)
        q1 = min(max(q1 + scale * step1, lower1), upper1)
        q2 = min(max(q2 + scale * step2, lower2), upper2)
    return (q1, q2), MAX_STEPS


def solve_batch(rule: StepRule, arm: ArmModel, xy: Array, q: Array) -> tuple[Array, StepCounts]:
    """
    Solve a batch of targets, see :func:`solve`.

    :param rule: step of the method
    :param arm: the arm
    :param xy: (N, 2) targets in the plane, m
    :param q: (N, 2) current joint positions, rad, inside the limits
    :return: (N, 2) joint positions, rad, and (N,) numbers of steps
    """
    result = np.array(q, dtype=float)
    steps = np.full(len(q), MAX_STEPS, dtype=np.int16)
    tolerance_squared = (MAX_TIP_ERROR_RATIO * arm.reach) ** 2
    rows, q = np.arange(len(q)), result
    for step in range(MAX_STEPS):
        tip_x, tip_y, *jacobian = arm.linearize(q)
        ex, ey = xy[:, 0] - tip_x, xy[:, 1] - tip_y
        far = ex * ex + ey * ey > tolerance_squared
        if not far.all():
            result[rows[~far]], steps[rows[~far]] = q[~far], step
            rows, xy, q = rows[far], xy[far], q[far]
            ex, ey, *jacobian = (values[far] for values in (ex, ey, *jacobian))
            if not len(rows):
                break
        joint_step = np.stack(rule(arm, step, ex, ey, *jacobian), axis=-1)
        scale = MAX_JOINT_STEP_RAD / np.maximum(np.abs(joint_step).max(axis=1), MAX_JOINT_STEP_RAD)
        q = np.clip(q + scale[:, None] * joint_step, arm.lower, arm.upper)
    result[rows] = q
    return result, steps
