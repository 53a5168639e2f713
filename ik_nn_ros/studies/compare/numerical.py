"""
Iterative inverse kinematics as in textbooks: from the joints as they are, step by step.

A rule says which way the joints go from one place, given the error e of the tip and the Jacobian
J = ((a, b), (c, d)). It is written once, for one target (floats) and for many (arrays). What is
around it is the same for all: steps of at most 0.3 rad, joints put back inside their limits after
each, the end at 1e-9 of reach.

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

from ik_nn_ros.arm.model import ArmModel, Array, JointPair
from ik_nn_ros.ik.verification import MAX_TIP_ERROR_RATIO

Number = TypeVar('Number', float, Array)
StepCounts = NDArray[np.int16]

MAX_STEPS = 200
"""Each takes one forward kinematics and Jacobian, whatever the rule."""
MAX_JOINT_STEP_RAD = 0.3
"""Longest step of a joint, rad: the same as in our own refinement."""
MIN_SINGULAR_VALUE_RATIO = 1e-4
"""
Ratio of the Jacobian's singular values below which it counts as one of rank one.

Targets so near to a straight arm are not met: at 1e-2 one in a hundred, at 1e-3 one in a thousand.
"""
DAMPING_RATIO = 0.003
"""
Of damped least squares, λ as a fraction of reach.

Chosen over scattered targets of the default arm. Less does as the pseudo-inverse; more is calmer
where a target is out of reach, and slower: at 0.1 one target in 25 is not met in time.
"""


class StepRule(Protocol):
    """
    One step of a method.

    :param arm: the arm
    :param step: number of the step, from 0
    :param ex: of the way from the tip to the target, m; ``ey`` the same
    :param a: dx/dq1, m/rad; ``b`` dx/dq2, ``c`` dy/dq1, ``d`` dy/dq2
    :return: how far to turn joint 1 and joint 2, rad
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
    """Go by J⁺ e (Buss, section 4); J⁺ is the inverse or, of rank one, Jᵀ / ‖J‖²."""
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
    """Go by (JᵀJ + λ² I)⁻¹ Jᵀ e, the damping λ constant (Buss, equation 10)."""
    damping = (DAMPING_RATIO * arm.reach) ** 2
    m11, m12, m22 = a * a + c * c + damping, a * b + c * d, b * b + d * d + damping
    g1, g2 = a * ex + c * ey, b * ex + d * ey
    determinant = m11 * m22 - m12 * m12
    return (m22 * g1 - m12 * g2) / determinant, (m11 * g2 - m12 * g1) / determinant


def gradient_descent(
    arm: ArmModel, step: int, ex: Number, ey: Number, a: Number, b: Number, c: Number, d: Number
) -> tuple[Number, Number]:
    """Go down the gradient of |e|², by α Jᵀ e with α = ⟨e, JJᵀe⟩ / ⟨JJᵀe, JJᵀe⟩ (Buss, 3)."""
    g1, g2 = a * ex + c * ey, b * ex + d * ey
    tip_x, tip_y = a * g1 + b * g2, c * g1 + d * g2
    squared = tip_x * tip_x + tip_y * tip_y
    # Where there is no gradient there is no step.
    size = (ex * tip_x + ey * tip_y) / (squared + (squared == 0.0))
    return size * g1, size * g2


def ccd(
    arm: ArmModel, step: int, ex: Number, ey: Number, a: Number, b: Number, c: Number, d: Number
) -> tuple[Number, Number]:
    """Point the lever of one joint at the target, joint 2 first, then joint 1 (Wang and Chen)."""
    # The column of a joint is its lever, from its axis to the tip, turned by 90° times its sign.
    joint = 1 - step % 2
    over_x, over_y = (b, d) if joint else (a, c)
    across = over_x * ex + over_y * ey
    along = over_x * over_x + over_y * over_y + arm.signs[joint] * (over_y * ex - over_x * ey)
    angle = _arctangent(across, along)
    rest = 0.0 * angle
    return (rest, angle) if joint else (angle, rest)


def _arctangent(y: Number, x: Number) -> Number:
    return atan2(y, x) if isinstance(y, float) else np.arctan2(y, x)


STEP_RULES: Mapping[str, StepRule] = {
    'pseudo_inverse': pseudo_inverse,
    'damped_least_squares': damped_least_squares,
    'gradient_descent': gradient_descent,
    'ccd': ccd,
}
"""The methods by name."""


def solve(rule: StepRule, arm: ArmModel, x: float, y: float, q: JointPair) -> tuple[JointPair, int]:
    """
    Go to a target, or towards it for :data:`MAX_STEPS`.

    :param x: target in the plane, m
    :param y: target in the plane, m
    :param q: (q1, q2) where the joints are, rad, inside the limits
    :return: (q1, q2), rad, inside the limits, and how many steps were taken
    """
    q1, q2 = q
    (low1, low2), (up1, up2) = arm.lower, arm.upper
    enough = (MAX_TIP_ERROR_RATIO * arm.reach) ** 2
    for step in range(MAX_STEPS):
        tip_x, tip_y, a, b, c, d = arm.linearize_point(q1, q2)
        ex, ey = x - tip_x, y - tip_y
        if ex * ex + ey * ey <= enough:
            return (q1, q2), step
        step1, step2 = rule(arm, step, ex, ey, a, b, c, d)
        scale = MAX_JOINT_STEP_RAD / max(abs(step1), abs(step2), MAX_JOINT_STEP_RAD)
        q1 = min(max(q1 + scale * step1, low1), up1)
        q2 = min(max(q2 + scale * step2, low2), up2)
    return (q1, q2), MAX_STEPS


def solve_batch(rule: StepRule, arm: ArmModel, xy: Array, q: Array) -> tuple[Array, StepCounts]:
    """
    Do :func:`solve_targets` for many targets.

    :param xy: (N, 2) targets in the plane, m
    :param q: (N, 2) where the joints are, rad, inside the limits
    :return: (N, 2) rad, and (N,) how many steps were taken
    """
    result = np.array(q, dtype=float)
    steps = np.full(len(q), MAX_STEPS, dtype=np.int16)
    enough = (MAX_TIP_ERROR_RATIO * arm.reach) ** 2
    rows, q = np.arange(len(q)), result
    for step in range(MAX_STEPS):
        tip_x, tip_y, *jacobian = arm.linearize(q)
        ex, ey = xy[:, 0] - tip_x, xy[:, 1] - tip_y
        far = ex * ex + ey * ey > enough
        if not far.all():
            result[rows[~far]], steps[rows[~far]] = q[~far], step
            rows, xy, q = rows[far], xy[far], q[far]
            ex, ey, *jacobian = (values[far] for values in (ex, ey, *jacobian))
            if not len(rows):
                break
        way = np.stack(rule(arm, step, ex, ey, *jacobian), axis=-1)
        scale = MAX_JOINT_STEP_RAD / np.maximum(np.abs(way).max(axis=1), MAX_JOINT_STEP_RAD)
        q = np.clip(q + scale[:, None] * way, arm.lower, arm.upper)
    result[rows] = q
    return result, steps
