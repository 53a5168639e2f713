"""
Straight lines of the tip, as curves of the joints that keep the tip on the line.

With the normal n of the line and the tip p(q), n · (p(q) - goal) = 0 is one equation for two
joints: a curve. Its gradient Jᵀn, with the Jacobian J, does not vanish where the arm is stretched
or folded, while inverse kinematics loses half of its digits there. Therefore the curve is traced
along its tangent and corrected along its gradient.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, cos, hypot
from typing import NamedTuple

import numpy as np

from ik_nn_ros.arm.geometry import Array, JointPair, Point2
from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.trajectory.spline import interpolate_cubic_hermite

MIN_LINE_LENGTH_RATIO = 1e-9
"""Minimum length of a line, as a fraction of the reach."""
MAX_STEP_RAD = 0.1
"""Longest step along the curve, rad."""
MIN_STEP_RAD = 1e-7
"""Shortest step along the curve, rad."""
MIN_STEP_TURN_COSINE = cos(0.15)
"""Cosine of the largest angle by which the tangent may turn in a step."""
STEP_GROWTH_TURN_COSINE = cos(0.075)
"""Cosine of the turn of the tangent below which the next step may be longer."""
MAX_STEPS = 250
"""Maximum number of steps tried; a curve that needs more is not followed."""
MAX_CORRECTION_FRACTION = 0.3
"""Largest correction of a step towards the curve, as a fraction of the step."""
ROUNDING_RATIO = 1e-9
"""Rounding as a fraction of the reach, and of the sine of the elbow's angle."""
MIN_ELBOW_SINE = -1e-3
"""Sine of the elbow's angle down to which an arm on the other branch counts as straight."""
JOINT_LIMIT_SLACK_RAD = 1e-9
"""Rounding by which positions may exceed a joint limit, rad."""
MIN_INTERVALS_PER_STEP = 4
"""Minimum number of grid intervals per step."""
MIN_INTERVALS = 24
"""Minimum number of grid intervals of a curve."""
MIN_NODE_SPACING_RAD = 1e-9
"""Nodes closer than this to the goal are replaced by it, rad."""


class LineCoordinates(NamedTuple):
    """Position of the tip relative to a line."""

    cross_track: float
    """Distance beside the line, m."""
    along_track: float
    """Distance along the line from the goal, m; negative before it."""
    gradient: JointPair
    """Gradient of the cross-track distance by the joints, m/rad."""
    elbow_sine: float
    """Sine of the elbow's angle, seen along the normal of the plane."""


@dataclass(frozen=True)
class TipLineEquation:
    """
    Equation of the straight line on which the tip moves to a goal.

    :param arm: the arm
    :param goal: position of the tip at the end of the line, m
    :param direction: unit vector along the line, towards the goal
    :param elbow_sign: +1 or -1, the sign of :attr:`LineCoordinates.elbow_sine` on the line
    """

    arm: Kinematics
    goal: Point2
    direction: Point2
    elbow_sign: float

    @classmethod
    def between(cls, arm: Kinematics, start: JointPair, goal: JointPair) -> TipLineEquation | None:
        """
        Return the line between the tips at two joint positions.

        :param arm: the arm
        :param start: rad
        :param goal: rad
        :return: None where the two tips coincide
        """
        (x, y), (goal_x, goal_y) = arm.fk_point(*start), arm.fk_point(*goal)
        length = hypot(goal_x - x, goal_y - y)
        if length < MIN_LINE_LENGTH_RATIO * arm.reach:
            return None
        direction = (goal_x - x) / length, (goal_y - y) / length
        line = cls(arm, (goal_x, goal_y), direction, 1.0)
        # Where the arm is straight at both ends, either branch is possible.
        elbow = line.coordinates(goal).elbow_sine or line.coordinates(start).elbow_sine
        return cls(arm, (goal_x, goal_y), direction, 1.0 if elbow >= 0.0 else -1.0)

    def coordinates(self, q: JointPair) -> LineCoordinates:
        """Return the position of the tip relative to the line at joint positions, rad."""
        dx, dy = self.direction
        x, y, a, b, c, d = self.arm.linearize_point(*q)
        x, y = x - self.goal[0], y - self.goal[1]
        gradient = dx * c - dy * a, dx * d - dy * b
        elbow_sine = (a * d - b * c) / self.arm.max_determinant
        return LineCoordinates(dx * y - dy * x, dx * x + dy * y, gradient, elbow_sine)

    def tangent(self, gradient: JointPair) -> JointPair:
        """
        Return the unit tangent of the curve in the direction of the goal.

        The gradient turned by a right angle, clockwise or not depending on the branch.

        :param gradient: gradient of the cross-track distance, m/rad
        """
        scale = self.elbow_sign / hypot(*gradient)
        return gradient[1] * scale, -gradient[0] * scale

    def curvature(self, q: JointPair, tangent: JointPair, step: float = 1e-4) -> Array:
        """
        Return the derivative of the tangent along the curve, by central differences.

        :param q: joint positions on the curve, rad
        :param tangent: unit tangent at q
        :param step: step of the differences, rad
        :return: (2,), 1/rad
        """
        ahead, behind = (
            self.tangent(
                self.coordinates((q[0] + offset * tangent[0], q[1] + offset * tangent[1])).gradient
            )
            for offset in (step, -step)
        )
        return np.subtract(ahead, behind) / (2.0 * step)

    def project(self, q: Array) -> tuple[Array, Array]:
        """
        Project joint positions onto the curve by two Newton steps along the gradient.

        :param q: (N, 2) positions close to the curve, rad
        :return: (N, 2) positions on the curve, rad, and the unit tangents there
        """
        (dx, dy), goal = self.direction, self.goal
        for _ in range(2):
            x, y, a, b, c, d = self.arm.linearize(q)
            cross_track = dx * (y - goal[1]) - dy * (x - goal[0])
            gradient = np.stack((dx * c - dy * a, dx * d - dy * b), axis=-1)
            squared_norm = (gradient * gradient).sum(axis=1)
            q = q - (cross_track / squared_norm)[:, None] * gradient
        turned = np.stack((gradient[:, 1], -gradient[:, 0]), axis=-1)
        return q, turned * (self.elbow_sign / np.sqrt(squared_norm))[:, None]


class TipLineCurve:
    """
    Curve of the joints along a line of the tip, by its length σ (rad).

    Cubics through the nodes, with the tangents there, are projected onto the curve.

    :param line: line of the tip
    :param nodes: (N, 2) joint positions on the curve, rad, so close that it is nearly straight
        between them
    :param tangents: (N, 2) unit tangents at the nodes
    """

    def __init__(self, line: TipLineEquation, nodes: Array, tangents: Array) -> None:
        self._line = line
        node_sigma = _cumulative_arc_lengths(nodes, tangents)
        self._node_sigma, self._nodes, self._node_tangents = node_sigma, nodes, tangents
        parts = max(MIN_INTERVALS_PER_STEP, ceil(MIN_INTERVALS / (len(nodes) - 1)))
        fractions = np.arange(parts) / parts
        inner = node_sigma[:-1, None] + np.diff(node_sigma)[:, None] * fractions
        self.sigma: Array = np.append(inner.ravel(), node_sigma[-1])
        """(M,) grid of σ, rad, denser where the curve bends; the derivatives are given there."""
        _, self.tangents = line.project(self._interpolate(self.sigma))
        """(M, 2) unit tangents."""
        self.curvatures: Array = np.gradient(self.tangents, self.sigma, axis=0, edge_order=2)
        """(M, 2) second derivatives by σ, 1/rad."""
        self.third_derivatives: Array = np.gradient(
            self.curvatures, self.sigma, axis=0, edge_order=2
        )
        """(M, 2) third derivatives by σ, 1/rad²."""

    @property
    def length(self) -> float:
        """Length of the curve, rad."""
        return float(self.sigma[-1])

    def _interpolate(self, sigma: Array) -> Array:
        return interpolate_cubic_hermite(sigma, self._node_sigma, self._nodes, self._node_tangents)

    def joints_at(self, sigma: Array) -> Array:
        """Return joint positions (N, 2), rad, at (N,) values of σ, rad."""
        q, _ = self._line.project(self._interpolate(np.clip(sigma, 0.0, self.length)))
        return q


def _cumulative_arc_lengths(nodes: Array, tangents: Array) -> Array:
    """Return the length of the curve up to each node: chords, lengthened as circular arcs."""
    chords = np.hypot(*np.diff(nodes, axis=0).T)
    squared_turns = (np.diff(tangents, axis=0) ** 2).sum(axis=1)
    return np.concatenate(([0.0], np.cumsum(chords * (1.0 + squared_turns / 24.0))))


def trace_tip_line(arm: Kinematics, start: JointPair, goal: JointPair) -> TipLineCurve | None:
    """
    Trace the joint curve of the tip's straight line between two joint positions.

    :param arm: the arm
    :param start: rad
    :param goal: rad
    :return: None where no such curve leads from start to goal on the branch of the goal and within
        the joint limits, because the line leaves the workspace, needs the other branch or ends a
        whole turn off; or where the tip is at the goal
    """
    line = TipLineEquation.between(arm, start, goal) if _is_within_limits(arm, start) else None
    if line is None or line.elbow_sign * line.coordinates(start).elbow_sine < MIN_ELBOW_SINE:
        return None
    q, tangent = start, line.tangent(line.coordinates(start).gradient)
    goal_tangent = line.tangent(line.coordinates(goal).gradient)
    nodes, tangents = [start], [tangent]
    step, curvature = MAX_STEP_RAD, (0.0, 0.0)
    for _ in range(MAX_STEPS):
        to_goal = goal[0] - q[0], goal[1] - q[1]
        distance = hypot(*to_goal)
        goal_is_ahead = _dot(to_goal, tangent) >= MIN_STEP_TURN_COSINE * distance
        if (
            distance <= step
            and goal_is_ahead
            and _dot(tangent, goal_tangent) >= MIN_STEP_TURN_COSINE
        ):
            kept = -1 if distance < MIN_NODE_SPACING_RAD and len(nodes) > 1 else len(nodes)
            return TipLineCurve(
                line,
                np.array([*nodes[:kept], goal]),
                np.array([*tangents[:kept], goal_tangent]),
            )
        found = _trace_step(line, q, tangent, curvature, step)
        if found is None:
            step /= 2.0
            if step < MIN_STEP_RAD:
                return None
            continue
        next_q, next_tangent = found
        if not _is_within_limits(arm, next_q):
            return None
        curvature = (next_tangent[0] - tangent[0]) / step, (next_tangent[1] - tangent[1]) / step
        if _dot(tangent, next_tangent) > STEP_GROWTH_TURN_COSINE:
            step = min(1.5 * step, MAX_STEP_RAD)
        q, tangent = next_q, next_tangent
        nodes.append(q)
        tangents.append(tangent)
    return None


def _trace_step(
    line: TipLineEquation, q: JointPair, tangent: JointPair, curvature: JointPair, step: float
) -> tuple[JointPair, JointPair] | None:
    """Return the next joint positions on the curve and the tangent; None: the step is too long."""
    guess = (
        q[0] + step * (tangent[0] + step / 2.0 * curvature[0]),
        q[1] + step * (tangent[1] + step / 2.0 * curvature[1]),
    )
    cross_track, _, (g1, g2), _ = line.coordinates(guess)
    if abs(cross_track) > MAX_CORRECTION_FRACTION * step * hypot(g1, g2):
        return None
    correction = cross_track / (g1 * g1 + g2 * g2)
    next_q = guess[0] - correction * g1, guess[1] - correction * g2
    coordinates = line.coordinates(next_q)
    next_tangent = line.tangent(coordinates.gradient)
    on_branch = line.elbow_sign * coordinates.elbow_sine > -ROUNDING_RATIO
    before_goal = coordinates.along_track <= ROUNDING_RATIO * line.arm.reach
    if on_branch and before_goal and _dot(tangent, next_tangent) >= MIN_STEP_TURN_COSINE:
        return next_q, next_tangent
    return None


def _is_within_limits(arm: Kinematics, q: JointPair) -> bool:
    return all(
        lower - JOINT_LIMIT_SLACK_RAD <= value <= upper + JOINT_LIMIT_SLACK_RAD
        for value, lower, upper in zip(q, arm.lower, arm.upper, strict=True)
    )


def _dot(a: JointPair, b: JointPair) -> float:
    return a[0] * b[0] + a[1] * b[1]
