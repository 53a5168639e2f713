"""
The equation of a straight line of the tip, for the joints.

With n the line's normal and p(q) the tip, n · (p(q) - goal) = 0 is one equation for two joints: a
curve. Its gradient Jᵀn, with the Jacobian J, does not vanish where the arm is stretched or folded,
and there the inverse kinematics loses half its digits; so the curve is followed along its tangent
and put right along its gradient. Forwards on the line is where the tangent, turned by a right angle
from the gradient, points for the side that the elbow is bent to.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot
from typing import NamedTuple

import numpy as np

from ik_nn_ros.arm.model import ArmModel, JointPair
from ik_nn_ros.arm.plane import Array

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

    arm: ArmModel
    goal: JointPair
    direction: JointPair
    elbow_sign: float

    @classmethod
    def between(cls, arm: ArmModel, start: JointPair, goal: JointPair) -> TipLineEquation | None:
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
        (dx, dy), (l1, l2) = self.direction, self.arm.lengths
        x, y, a, b, c, d = self.arm.linearize_point(*q)
        x, y = x - self.goal[0], y - self.goal[1]
        gradient = dx * c - dy * a, dx * d - dy * b
        return LineCoordinates(
            dx * y - dy * x, dx * x + dy * y, gradient, (a * d - b * c) / (l1 * l2)
        )

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
