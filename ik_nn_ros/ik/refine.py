"""
Make a proposal exact on the arm model by Newton steps.

The damping vanishes with the error (λ = |e|²), so the convergence stays quadratic; a fixed damping
stalls at the stretched arm, where the Jacobian is singular and the error falls by four each step.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.model import ArmModel, Array, Pair

MAX_STEPS = 12
STEP_CAP = 0.3
"""Longest step of a joint, rad."""
NUDGE = 1e-4
"""How far (rad) the elbow is turned off a pose from which no step leads to the target."""


def refine(arm: ArmModel, x: float, y: float, branch: int, q: Pair, tolerance: float) -> Pair:
    """
    Return joint angles whose tip is nearer to the target, stopping within the tolerance.

    :param x: target in the plane, m
    :param y: target in the plane, m
    :param branch: +1 or -1, the side to leave an exactly straight arm to
    :param q: proposal (q1, q2), rad
    :param tolerance: tip error to stop at, m
    """
    q1, q2 = q
    enough = tolerance * tolerance
    for _ in range(MAX_STEPS):
        tip_x, tip_y, a, b, c, d = arm.linearize_point(q1, q2)
        ex, ey = x - tip_x, y - tip_y
        error = ex * ex + ey * ey
        if error <= enough:
            break
        # (JᵀJ + λ) dq = Jᵀ e, with J = ((a, b), (c, d)).
        m11, m12, m22 = a * a + c * c + error, a * b + c * d, b * b + d * d + error
        g1, g2 = a * ex + c * ey, b * ex + d * ey
        determinant = m11 * m22 - m12 * m12
        if determinant == 0.0 or g1 * g1 + g2 * g2 <= 1e-24 * error * (m11 + m22):
            q2 += branch * NUDGE  # no gradient: the target lies straight inwards of a straight arm
            continue
        step1 = (m22 * g1 - m12 * g2) / determinant
        step2 = (m11 * g2 - m12 * g1) / determinant
        longest = max(abs(step1), abs(step2))
        scale = STEP_CAP / longest if longest > STEP_CAP else 1.0
        q1 += scale * step1
        q2 += scale * step2
    return q1, q2


def refine_batch(
    arm: ArmModel, xy: Array, branch: NDArray[np.int8], q: Array, tolerance: float
) -> Array:
    """
    Do :func:`refine` for many targets.

    :param xy: (N, 2) targets, m
    :param branch: (N,) +1 or -1
    :param q: (N, 2) proposals, rad
    :param tolerance: m
    :return: (N, 2) rad
    """
    result: Array = q.copy()
    rows = np.arange(len(q))
    for _ in range(MAX_STEPS):
        tip_x, tip_y, a, b, c, d = arm.linearize(q)
        ex, ey = xy[:, 0] - tip_x, xy[:, 1] - tip_y
        error = ex * ex + ey * ey
        open_rows = error > tolerance * tolerance
        if not open_rows.all():
            result[rows] = q
            if not open_rows.any():
                return result
            rows, branch = rows[open_rows], branch[open_rows]
            xy, q = xy[open_rows], q[open_rows]
            a, b, c, d, ex, ey, error = (v[open_rows] for v in (a, b, c, d, ex, ey, error))
        m11, m12, m22 = a * a + c * c + error, a * b + c * d, b * b + d * d + error
        g1, g2 = a * ex + c * ey, b * ex + d * ey
        determinant = m11 * m22 - m12 * m12
        flat = (determinant == 0.0) | (g1 * g1 + g2 * g2 <= 1e-24 * error * (m11 + m22))
        determinant[flat] = 1.0
        step = np.stack(
            ((m22 * g1 - m12 * g2) / determinant, (m11 * g2 - m12 * g1) / determinant), axis=-1
        )
        longest = np.abs(step).max(axis=1)
        step *= np.minimum(1.0, STEP_CAP / np.maximum(longest, STEP_CAP))[:, None]
        step[flat] = 0.0
        step[flat, 1] = branch[flat] * NUDGE
        q = q + step
    result[rows] = q
    return result
