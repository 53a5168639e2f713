"""The range of two joints: what of it can be visited, what of it has been."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isinf, pi

import numpy as np

from ik_nn_ros.arm.model import TURN, ArmModel, Pair

CELLS = 8
"""Cells of the coverage grid along each joint."""


@dataclass(frozen=True)
class JointRange:
    """
    An interval for each of two joints.

    :param low: rad
    :param up: rad
    """

    low: Pair
    up: Pair

    @classmethod
    def of(cls, arm: ArmModel, near: Pair = (0.0, 0.0)) -> JointRange:
        """Return the arm's limits; of a continuous joint, the turn around the one it is in."""
        middle = [TURN * round(q / TURN) for q in near]
        low1, low2 = (m - pi if isinf(x) else x for x, m in zip(arm.lower, middle, strict=True))
        up1, up2 = (m + pi if isinf(x) else x for x, m in zip(arm.upper, middle, strict=True))
        return cls((low1, low2), (up1, up2))

    def within(self, margin: float, share: float) -> JointRange:
        """Return the range without a margin (rad), or share of the range where that is less."""
        margins = [
            min(margin, share * (up - low)) for low, up in zip(self.low, self.up, strict=True)
        ]
        return JointRange(
            (self.low[0] + margins[0], self.low[1] + margins[1]),
            (self.up[0] - margins[0], self.up[1] - margins[1]),
        )

    def clip(self, q: Pair) -> Pair:
        """Return the nearest position inside."""
        first, second = np.clip(q, self.low, self.up)
        return float(first), float(second)


def same_turn(arm: ArmModel, q: Pair, near: Pair) -> Pair:
    """
    Return positions in the turn in which they are nearest to others, rad.

    The encoder of a continuous joint may begin a new turn anywhere; other joints stay as they are.
    """
    first, second = (
        value + TURN * round((place - value) / TURN) if isinf(limit) else value
        for value, place, limit in zip(q, near, arm.upper, strict=True)
    )
    return first, second


class Coverage:
    """
    How much of an arm's joint range has been visited.

    :param arm: a continuous joint counts over one turn
    """

    def __init__(self, arm: ArmModel) -> None:
        self._range = JointRange.of(arm)
        self._continuous = np.isinf(arm.upper)
        self._visited = np.zeros((CELLS, CELLS), dtype=bool)
        self._least, self._most = np.full(2, inf), np.full(2, -inf)

    def add(self, q: Pair) -> None:
        """Count a position, rad."""
        low, up = np.array(self._range.low), np.array(self._range.up)
        wrapped = np.where(self._continuous, low + (np.array(q) - low) % TURN, q)
        first, second = np.clip((wrapped - low) / (up - low) * CELLS, 0, CELLS - 1).astype(int)
        self._visited[first, second] = True
        self._least = np.minimum(self._least, wrapped)
        self._most = np.maximum(self._most, wrapped)

    @property
    def fraction(self) -> float:
        """The part of the grid's cells that were visited, 0 to 1."""
        return float(self._visited.mean())

    @property
    def spans(self) -> tuple[Pair, Pair]:
        """Smallest and largest position of each joint, rad; inf, -inf before the first."""
        (least1, least2), (most1, most2) = self._least.tolist(), self._most.tolist()
        return (least1, most1), (least2, most2)
