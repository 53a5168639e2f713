"""The range of two joints: what of it can be visited, what of it has been."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf, isinf, pi

import numpy as np

from ik_nn_ros.arm.geometry import TWO_PI, Array, JointPair
from ik_nn_ros.arm.kinematics import Kinematics

GRID_CELLS_PER_JOINT = 8
"""Cells of the coverage grid along each joint."""


@dataclass(frozen=True)
class JointRange:
    """
    An interval for each of two joints.

    :param lower: rad
    :param upper: rad
    """

    lower: JointPair
    upper: JointPair

    @classmethod
    def from_arm(cls, arm: Kinematics, reference: JointPair = (0.0, 0.0)) -> JointRange:
        """Return the arm's limits; of a continuous joint, the turn around the one it is in."""
        middle = [TWO_PI * round(q / TWO_PI) for q in reference]
        low1, low2 = (m - pi if isinf(x) else x for x, m in zip(arm.lower, middle, strict=True))
        up1, up2 = (m + pi if isinf(x) else x for x, m in zip(arm.upper, middle, strict=True))
        return cls((low1, low2), (up1, up2))

    def shrunk(self, margin: float, max_fraction: float) -> JointRange:
        """Return the range without a margin (rad), or share of the range where that is less."""
        margins = [
            min(margin, max_fraction * (up - low))
            for low, up in zip(self.lower, self.upper, strict=True)
        ]
        return JointRange(
            (self.lower[0] + margins[0], self.lower[1] + margins[1]),
            (self.upper[0] - margins[0], self.upper[1] - margins[1]),
        )

    def clip(self, q: JointPair) -> JointPair:
        """Return the nearest position inside."""
        first, second = np.clip(q, self.lower, self.upper)
        return float(first), float(second)


class JointCoverage:
    """
    How much of an arm's joint range has been visited.

    :param arm: a continuous joint counts over one turn
    """

    def __init__(self, arm: Kinematics) -> None:
        self._range = JointRange.from_arm(arm)
        self._continuous = np.isinf(arm.upper)
        self._visited = np.zeros((GRID_CELLS_PER_JOINT, GRID_CELLS_PER_JOINT), dtype=bool)
        self._min, self._max = np.full(2, inf), np.full(2, -inf)

    def add(self, q: JointPair) -> None:
        """Count a position, rad."""
        low, up = np.array(self._range.lower), np.array(self._range.upper)
        wrapped = np.where(self._continuous, low + (np.array(q) - low) % TWO_PI, q)
        first, second = np.clip(
            (wrapped - low) / (up - low) * GRID_CELLS_PER_JOINT, 0, GRID_CELLS_PER_JOINT - 1
        ).astype(int)
        self._visited[first, second] = True
        self._min = np.minimum(self._min, wrapped)
        self._max = np.maximum(self._max, wrapped)

    @property
    def fraction(self) -> float:
        """The part of the grid's cells that were visited, 0 to 1."""
        return float(self._visited.mean())

    @property
    def position_ranges(self) -> tuple[JointPair, JointPair]:
        """Smallest and largest position of each joint, rad; inf, -inf before the first."""
        (least1, least2), (most1, most2) = self._min.tolist(), self._max.tolist()
        return (least1, most1), (least2, most2)


# MERGED motion.tour: Joint targets that cover a range evenly, in an order with short ways between them.

PLASTIC_NUMBER = 1.32471795724474602596
"""The real root of x³ = x + 1."""
R2_STEP = np.array([1.0 / PLASTIC_NUMBER, 1.0 / PLASTIC_NUMBER**2])
"""
Of the sequence R2: its points are offset + n STEP, modulo 1.

M. Roberts, "The unreasonable effectiveness of quasirandom sequences", 2018: of the low-discrepancy
sequences in two dimensions the one whose points keep farthest apart, and any stretch of it covers
the square as evenly as its beginning.
"""
MIN_BATCH_SIZE, MAX_BATCH_SIZE = 8, 512
"""Targets in a batch, within which they are put in order."""


def coverage_targets(
    joint_range: JointRange, start: JointPair, rng: np.random.Generator, target_count: int
) -> Iterator[JointPair]:
    """
    Yield joint targets, rad, without end.

    They come in batches, each as large as all before it together, so that also after a part of them
    the range is covered evenly.

    :param joint_range: where they lie
    :param start: where the first way begins
    :param rng: chooses which of the many such sets it is
    :param target_count: after so many the range shall be covered evenly; 0: after any power of two
    """
    offset = rng.random(2)
    low, up = np.array(joint_range.lower), np.array(joint_range.upper)
    place = np.array(start)
    done = 0
    while True:
        count = min(max(done, MIN_BATCH_SIZE), MAX_BATCH_SIZE)
        if done < target_count:
            count = min(count, target_count - done)
        steps = np.arange(done, done + count)[:, np.newaxis] * R2_STEP
        targets = low + (offset + steps) % 1.0 * (up - low)
        for target in greedy_order(targets, place):
            yield float(target[0]), float(target[1])
        place = target
        done += count


def greedy_order(targets: Array, start: Array) -> Array:
    """
    Put targets in order: from each to the nearest of those that are left.

    :param targets: (N, 2), rad
    :param start: (2,) where the first way begins, rad
    :return: (N, 2), rad
    """
    left = targets.copy()
    order = np.empty_like(targets)
    place = start
    for number in range(len(targets)):
        # The joints move at the same time: the longer way counts.
        nearest = np.abs(left - place).max(axis=1).argmin()
        place = order[number] = left[nearest]
        left = np.delete(left, nearest, axis=0)
    return order
