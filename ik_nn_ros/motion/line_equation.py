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

from ik_nn_ros.arm.model import ArmModel, Pair
from ik_nn_ros.arm.plane import Array

SHORTEST_LINE = 1e-9
"""Part of the reach."""


class Place(NamedTuple):
    """Where the tip is relative to a line: beside and along it, m; gradient of the first, m/rad."""

    beside: float
    along: float
    gradient: Pair
    elbow: float
    """The sine of the rigid elbow's angle, seen along the plane's normal."""


@dataclass(frozen=True)
class Straight:
    """
    The line that is to be followed to a goal.

    :param arm: the arm
    :param goal: the tip at its end, m
    :param direction: unit vector towards it
    :param side: +1 or -1, the sign of :attr:`Place.elbow` on the way
    """

    arm: ArmModel
    goal: Pair
    direction: Pair
    side: float

    @classmethod
    def between(cls, arm: ArmModel, start: Pair, goal: Pair) -> Straight | None:
        """Return the line between the tips at two joint positions, rad; None: they are one."""
        (x, y), (to_x, to_y) = arm.fk_point(*start), arm.fk_point(*goal)
        length = hypot(to_x - x, to_y - y)
        if length < SHORTEST_LINE * arm.reach:
            return None
        direction = (to_x - x) / length, (to_y - y) / length
        line = cls(arm, (to_x, to_y), direction, 1.0)
        # Where both are straight, either side will do.
        elbow = line.place(goal).elbow or line.place(start).elbow
        return cls(arm, (to_x, to_y), direction, 1.0 if elbow >= 0.0 else -1.0)

    def place(self, q: Pair) -> Place:
        """Return where the tip is at joint positions, rad."""
        (dx, dy), (l1, l2) = self.direction, self.arm.lengths
        x, y, a, b, c, d = self.arm.linearize_point(*q)
        x, y = x - self.goal[0], y - self.goal[1]
        gradient = dx * c - dy * a, dx * d - dy * b
        return Place(dx * y - dy * x, dx * x + dy * y, gradient, (a * d - b * c) / (l1 * l2))

    def tangent(self, gradient: Pair) -> Pair:
        """Return the direction of the joints for forwards, a unit vector."""
        scale = self.side / hypot(*gradient)
        return gradient[1] * scale, -gradient[0] * scale

    def bend(self, q: Pair, tangent: Pair, step: float = 1e-4) -> Array:
        """Return how fast the tangent turns along the curve, (2,), 1/rad."""
        ahead, behind = (
            self.tangent(self.place((q[0] + way * tangent[0], q[1] + way * tangent[1])).gradient)
            for way in (step, -step)
        )
        return np.subtract(ahead, behind) / (2.0 * step)

    def put_right(self, q: Array) -> tuple[Array, Array]:
        """Return (N, 2) joint positions, rad, next to given ones and on the curve; tangents."""
        (dx, dy), goal = self.direction, self.goal
        for _ in range(2):
            x, y, a, b, c, d = self.arm.linearize(q)
            beside = dx * (y - goal[1]) - dy * (x - goal[0])
            gradient = np.stack((dx * c - dy * a, dx * d - dy * b), axis=-1)
            square = (gradient * gradient).sum(axis=1)
            q = q - (beside / square)[:, None] * gradient
        turned = np.stack((gradient[:, 1], -gradient[:, 0]), axis=-1)
        return q, turned * (self.side / np.sqrt(square))[:, None]
