"""A straight line of the tip, as the curve of the joints on which the tip stays on it."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, cos, hypot
from typing import NamedTuple

import numpy as np

from ik_nn_ros.arm.geometry import Array, JointPair
from ik_nn_ros.arm.kinematics import Kinematics

# MERGED motion.line_equation: The equation of a straight line of the tip, for the joints.  With n the line's normal and p(q) the tip, n · (p(q) - goal) = 0 is one equation for two joints: a curve. Its gradient Jᵀn, with the Jacobian J, does not vanish where the arm is stretched or folded, and there the inverse kinematics loses half its digits; so the curve is followed along its tangent and put right along its gradient. Forwards on the line is where the tangent, turned by a right angle from the gradient, points for the side that the elbow is bent to.

MIN_LINE_LENGTH_RATIO = 1e-9
"""Part of the reach."""


class LineCoordinates(NamedTuple):
    """Where the tip is relative to a line: beside and along it, m; gradient of the first, m/rad."""

    cross_track: float
    along_track: float
    gradient: JointPair
    elbow_sine: float
    """The sine of the rigid elbow's angle, seen along the plane's normal."""


@dataclass(frozen=True)
class TipLineEquation:
    """
    The line that is to be followed to a goal.

    :param arm: the arm
    :param goal: the tip at its end, m
    :param direction: unit vector towards it
    :param elbow_sign: +1 or -1, the sign of :attr:`LineCoordinates.elbow_sine` on the way
    """

    arm: Kinematics
    goal: JointPair
    direction: JointPair
    elbow_sign: float

    @classmethod
    def between(cls, arm: Kinematics, start: JointPair, goal: JointPair) -> TipLineEquation | None:
        """Return the line between the tips at two joint positions, rad; None: they are one."""
        (x, y), (to_x, to_y) = arm.fk_point(*start), arm.fk_point(*goal)
        length = hypot(to_x - x, to_y - y)
        if length < MIN_LINE_LENGTH_RATIO * arm.reach:
            return None
        direction = (to_x - x) / length, (to_y - y) / length
        line = cls(arm, (to_x, to_y), direction, 1.0)
        # Where both are straight, either side will do.
        elbow = line.coordinates(goal).elbow_sine or line.coordinates(start).elbow_sine
        return cls(arm, (to_x, to_y), direction, 1.0 if elbow >= 0.0 else -1.0)

    def coordinates(self, q: JointPair) -> LineCoordinates:
        """Return where the tip is at joint positions, rad."""
        dx, dy = self.direction
        x, y, a, b, c, d = self.arm.linearize_point(*q)
        x, y = x - self.goal[0], y - self.goal[1]
        gradient = dx * c - dy * a, dx * d - dy * b
        elbow_sine = (a * d - b * c) / self.arm.max_determinant
        return LineCoordinates(dx * y - dy * x, dx * x + dy * y, gradient, elbow_sine)

    def tangent(self, gradient: JointPair) -> JointPair:
        """Return the direction of the joints for forwards, a unit vector."""
        scale = self.elbow_sign / hypot(*gradient)
        return gradient[1] * scale, -gradient[0] * scale

    def curvature(self, q: JointPair, tangent: JointPair, step: float = 1e-4) -> Array:
        """Return how fast the tangent turns along the curve, (2,), 1/rad."""
        ahead, behind = (
            self.tangent(
                self.coordinates((q[0] + way * tangent[0], q[1] + way * tangent[1])).gradient
            )
            for way in (step, -step)
        )
        return np.subtract(ahead, behind) / (2.0 * step)

    def project(self, q: Array) -> tuple[Array, Array]:
        """Return (N, 2) joint positions, rad, next to given ones and on the curve; tangents."""
        (dx, dy), goal = self.direction, self.goal
        for _ in range(2):
            x, y, a, b, c, d = self.arm.linearize(q)
            beside = dx * (y - goal[1]) - dy * (x - goal[0])
            gradient = np.stack((dx * c - dy * a, dx * d - dy * b), axis=-1)
            square = (gradient * gradient).sum(axis=1)
            q = q - (beside / square)[:, None] * gradient
        turned = np.stack((gradient[:, 1], -gradient[:, 0]), axis=-1)
        return q, turned * (self.elbow_sign / np.sqrt(square))[:, None]


MAX_STEP_RAD, MIN_STEP_RAD = 0.1, 1e-7
"""Steps along the curve, rad."""
MIN_STEP_TURN_COSINE, STEP_GROWTH_TURN_COSINE = cos(0.15), cos(0.075)
"""Of the angle by which the tangent turns in one step at most; below which it may be longer."""
MAX_STEPS = 250
"""Tried at most: a curve so long, or with such corners, is none to be followed."""
MAX_CORRECTION_FRACTION = 0.3
"""Part of a step by which the next place may be put right; farther off is another curve."""
ROUNDING_RATIO = 1e-9
"""Part of the reach; also of the sine of the elbow's angle."""
MIN_ELBOW_SINE = -1e-3
"""Sine of the elbow's angle up to which an arm bent to the other side counts as straight."""
JOINT_LIMIT_SLACK_RAD = 1e-9
"""By how much rounding may put a joint past its limit, rad."""
MIN_INTERVALS_PER_STEP, MIN_INTERVALS = 4, 24
"""Parts that a step is cut into afterwards, and the fewest of the whole line."""


class TipLineCurve:
    """
    The joints along a line, by the length σ (rad) of their curve.

    :param line: in the plane
    :param nodes: (N, 2) joint positions along it, rad, so near to each other that it is all but
        straight between them
    :param tangents: (N, 2)
    """

    def __init__(self, line: TipLineEquation, nodes: Array, tangents: Array) -> None:
        self._line = line
        self._sigma, self._nodes, self._tangents = (
            _cumulative_arc_lengths(nodes, tangents),
            nodes,
            tangents,
        )
        parts = max(MIN_INTERVALS_PER_STEP, ceil(MIN_INTERVALS / (len(nodes) - 1)))
        share = np.arange(parts) / parts
        inner = self._sigma[:-1, None] + np.diff(self._sigma)[:, None] * share
        self.sigma = np.append(inner.ravel(), self._sigma[-1])
        """(M,) places along the curve, closer where it bends, rad; the following are there."""
        _, self.tangents = line.project(self._interpolate(self.sigma))
        """(M, 2) unit vectors."""
        self.curvatures = np.gradient(self.tangents, self.sigma, axis=0, edge_order=2)
        """(M, 2) their derivative by σ, 1/rad."""
        self.third_derivatives = np.gradient(self.curvatures, self.sigma, axis=0, edge_order=2)
        """(M, 2) and the derivative of that, 1/rad²."""

    @property
    def length(self) -> float:
        """Of the curve, rad."""
        return float(self.sigma[-1])

    def joints_at(self, sigma: Array) -> Array:
        """Return the joints (N, 2), rad, at (N,) places along the curve, rad."""
        q, _ = self._line.project(self._interpolate(np.clip(sigma, 0.0, self.length)))
        return q

    def _interpolate(self, sigma: Array) -> Array:
        """Interpolate between the nodes with cubics that have their tangents."""
        left = np.clip(np.searchsorted(self._sigma, sigma, side='right') - 1, 0, None)
        left = np.minimum(left, len(self._sigma) - 2)
        width = (self._sigma[left + 1] - self._sigma[left])[:, None]
        part = (sigma - self._sigma[left])[:, None] / width
        rest = 1.0 - part
        begin, end = (
            share * share * (3.0 - 2.0 * share) * node
            for share, node in ((rest, self._nodes[left]), (part, self._nodes[left + 1]))
        )
        slopes = rest * self._tangents[left] - part * self._tangents[left + 1]
        between: Array = begin + end + width * rest * part * slopes
        return between


def _cumulative_arc_lengths(nodes: Array, tangents: Array) -> Array:
    """Return the length of the curve up to each node: the chord, and what an arc is longer."""
    chords = np.hypot(*np.diff(nodes, axis=0).T)
    turned = (np.diff(tangents, axis=0) ** 2).sum(axis=1)
    return np.concatenate(([0.0], np.cumsum(chords * (1.0 + turned / 24.0))))


def trace_tip_line(arm: Kinematics, start: JointPair, goal: JointPair) -> TipLineCurve | None:
    """
    Return the straight line of the tip between two joint positions, rad.

    :return: None where there is none on which the joints go from one to the other, on the side the
        elbow is bent to at the goal and within their limits: it leaves what the tip can reach,
        needs the other side, or ends a whole turn off; or the tip is at the goal
    """
    line = TipLineEquation.between(arm, start, goal) if _is_within_limits(arm, start) else None
    if line is None or line.elbow_sign * line.coordinates(start).elbow_sine < MIN_ELBOW_SINE:
        return None
    q, tangent = start, line.tangent(line.coordinates(start).gradient)
    end = line.tangent(line.coordinates(goal).gradient)
    nodes, tangents = [start], [tangent]
    step, lean = MAX_STEP_RAD, (0.0, 0.0)
    for _ in range(MAX_STEPS):
        to_goal = goal[0] - q[0], goal[1] - q[1]
        distance = hypot(*to_goal)
        straight_on = _dot(to_goal, tangent) >= MIN_STEP_TURN_COSINE * distance
        if distance <= step and straight_on and _dot(tangent, end) >= MIN_STEP_TURN_COSINE:
            return TipLineCurve(line, np.array([*nodes, goal]), np.array([*tangents, end]))
        found = _trace_step(line, q, tangent, lean, step)
        if found is None:
            step /= 2.0
            if step < MIN_STEP_RAD:
                return None
            continue
        there, turned = found
        if not _is_within_limits(arm, there):
            return None
        lean = (turned[0] - tangent[0]) / step, (turned[1] - tangent[1]) / step
        if _dot(tangent, turned) > STEP_GROWTH_TURN_COSINE:
            step = min(1.5 * step, MAX_STEP_RAD)
        q, tangent = there, turned
        nodes.append(q)
        tangents.append(tangent)
    return None


def _trace_step(
    line: TipLineEquation, q: JointPair, tangent: JointPair, curvature: JointPair, step: float
) -> tuple[JointPair, JointPair] | None:
    """Return the next place on the curve and the tangent there; None: the step is too long."""
    guess = (
        q[0] + step * (tangent[0] + step / 2.0 * curvature[0]),
        q[1] + step * (tangent[1] + step / 2.0 * curvature[1]),
    )
    beside, _, (g1, g2), _ = line.coordinates(guess)
    if abs(beside) > MAX_CORRECTION_FRACTION * step * hypot(g1, g2):
        return None
    correction = beside / (g1 * g1 + g2 * g2)
    there = guess[0] - correction * g1, guess[1] - correction * g2
    place = line.coordinates(there)
    turned = line.tangent(place.gradient)
    rounding = ROUNDING_RATIO * line.arm.reach
    forwards = (
        line.elbow_sign * place.elbow_sine > -ROUNDING_RATIO and place.along_track <= rounding
    )
    return (there, turned) if forwards and _dot(tangent, turned) >= MIN_STEP_TURN_COSINE else None


def _is_within_limits(arm: Kinematics, q: JointPair) -> bool:
    return all(
        low - JOINT_LIMIT_SLACK_RAD <= value <= up + JOINT_LIMIT_SLACK_RAD
        for value, low, up in zip(q, arm.lower, arm.upper, strict=True)
    )


def _dot(a: JointPair, b: JointPair) -> float:
    return a[0] * b[0] + a[1] * b[1]
