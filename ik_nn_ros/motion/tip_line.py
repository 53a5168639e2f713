"""A straight line of the tip, as the curve of the joints on which the tip stays on it."""

from __future__ import annotations

from math import ceil, cos, hypot

import numpy as np

from ik_nn_ros.arm.model import ArmModel, Pair
from ik_nn_ros.arm.plane import Array
from ik_nn_ros.motion.line_equation import Straight

LONGEST, SHORTEST = 0.1, 1e-7
"""Steps along the curve, rad."""
TURNING, EVEN = cos(0.15), cos(0.075)
"""Of the angle by which the tangent turns in one step at most; below which it may be longer."""
STEPS = 250
"""Tried at most: a curve so long, or with such corners, is none to be followed."""
OFF = 0.3
"""Part of a step by which the next place may be put right; farther off is another curve."""
ROUNDING = 1e-9
"""Part of the reach; also of the sine of the elbow's angle."""
WRONG_SIDE = -1e-3
"""Sine of the elbow's angle up to which an arm bent to the other side counts as straight."""
SLACK = 1e-9
"""By how much rounding may put a joint past its limit, rad."""
PARTS, FEWEST = 4, 24
"""Parts that a step is cut into afterwards, and the fewest of the whole line."""


class TipLine:
    """
    The joints along a line, by the length σ (rad) of their curve.

    :param line: in the plane
    :param nodes: (N, 2) joint positions along it, rad, so near to each other that it is all but
        straight between them
    :param tangents: (N, 2)
    """

    def __init__(self, line: Straight, nodes: Array, tangents: Array) -> None:
        self._line = line
        self._sigma, self._nodes, self._tangents = _lengths(nodes, tangents), nodes, tangents
        parts = max(PARTS, ceil(FEWEST / (len(nodes) - 1)))
        share = np.arange(parts) / parts
        inner = self._sigma[:-1, None] + np.diff(self._sigma)[:, None] * share
        self.sigma = np.append(inner.ravel(), self._sigma[-1])
        """(M,) places along the curve, closer where it bends, rad; the following are there."""
        _, self.tangents = line.put_right(self._between(self.sigma))
        """(M, 2) unit vectors."""
        self.bends = np.gradient(self.tangents, self.sigma, axis=0, edge_order=2)
        """(M, 2) their derivative by σ, 1/rad."""
        self.twists = np.gradient(self.bends, self.sigma, axis=0, edge_order=2)
        """(M, 2) and the derivative of that, 1/rad²."""

    @property
    def length(self) -> float:
        """Of the curve, rad."""
        return float(self.sigma[-1])

    def joints(self, sigma: Array) -> Array:
        """Return the joints (N, 2), rad, at (N,) places along the curve, rad."""
        q, _ = self._line.put_right(self._between(np.clip(sigma, 0.0, self.length)))
        return q

    def _between(self, sigma: Array) -> Array:
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


def _lengths(nodes: Array, tangents: Array) -> Array:
    """Return the length of the curve up to each node: the chord, and what an arc is longer."""
    chords = np.hypot(*np.diff(nodes, axis=0).T)
    turned = (np.diff(tangents, axis=0) ** 2).sum(axis=1)
    return np.concatenate(([0.0], np.cumsum(chords * (1.0 + turned / 24.0))))


def tip_line(arm: ArmModel, start: Pair, goal: Pair) -> TipLine | None:
    """
    Return the straight line of the tip between two joint positions, rad.

    :return: None where there is none on which the joints go from one to the other, on the side the
        elbow is bent to at the goal and within their limits: it leaves what the tip can reach,
        needs the other side, or ends a whole turn off; or the tip is at the goal
    """
    line = Straight.between(arm, start, goal) if _within(arm, start) else None
    if line is None or line.side * line.place(start).elbow < WRONG_SIDE:
        return None
    q, tangent = start, line.tangent(line.place(start).gradient)
    end = line.tangent(line.place(goal).gradient)
    nodes, tangents = [start], [tangent]
    step, lean = LONGEST, (0.0, 0.0)
    for _ in range(STEPS):
        to_goal = goal[0] - q[0], goal[1] - q[1]
        distance = hypot(*to_goal)
        straight_on = _dot(to_goal, tangent) >= TURNING * distance
        if distance <= step and straight_on and _dot(tangent, end) >= TURNING:
            return TipLine(line, np.array([*nodes, goal]), np.array([*tangents, end]))
        found = _next(line, q, tangent, lean, step)
        if found is None:
            step /= 2.0
            if step < SHORTEST:
                return None
            continue
        there, turned = found
        if not _within(arm, there):
            return None
        lean = (turned[0] - tangent[0]) / step, (turned[1] - tangent[1]) / step
        if _dot(tangent, turned) > EVEN:
            step = min(1.5 * step, LONGEST)
        q, tangent = there, turned
        nodes.append(q)
        tangents.append(tangent)
    return None


def _next(
    line: Straight, q: Pair, tangent: Pair, lean: Pair, step: float
) -> tuple[Pair, Pair] | None:
    """Return the next place on the curve and the tangent there; None: the step is too long."""
    guess = (
        q[0] + step * (tangent[0] + step / 2.0 * lean[0]),
        q[1] + step * (tangent[1] + step / 2.0 * lean[1]),
    )
    beside, _, (g1, g2), _ = line.place(guess)
    if abs(beside) > OFF * step * hypot(g1, g2):
        return None
    correction = beside / (g1 * g1 + g2 * g2)
    there = guess[0] - correction * g1, guess[1] - correction * g2
    place = line.place(there)
    turned = line.tangent(place.gradient)
    rounding = ROUNDING * line.arm.reach
    forwards = line.side * place.elbow > -ROUNDING and place.along <= rounding
    return (there, turned) if forwards and _dot(tangent, turned) >= TURNING else None


def _within(arm: ArmModel, q: Pair) -> bool:
    return all(
        low - SLACK <= value <= up + SLACK
        for value, low, up in zip(q, arm.lower, arm.upper, strict=True)
    )


def _dot(a: Pair, b: Pair) -> float:
    return a[0] * b[0] + a[1] * b[1]
