"""Coverage of the joint range: evenly spread targets, and the part that has been visited."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf, isinf, pi

import numpy as np

from ik_nn_ros.arm.geometry import TWO_PI, Array, JointPair
from ik_nn_ros.arm.kinematics import Kinematics

GRID_CELLS_PER_JOINT = 8
"""Cells of the coverage grid along each joint."""
PLASTIC_NUMBER = 1.32471795724474602596
"""Real root of x³ = x + 1."""
R2_STEP = np.array([1.0 / PLASTIC_NUMBER, 1.0 / PLASTIC_NUMBER**2])
"""
Step of the low-discrepancy sequence R2, whose points are offset + n R2_STEP modulo 1.

M. Roberts, "The unreasonable effectiveness of quasirandom sequences", 2018: of the low-discrepancy
sequences in two dimensions it keeps its points farthest apart, and any section of it covers the
square as evenly as its beginning.
"""
MIN_BATCH_SIZE = 8
"""Targets in the first batch; targets are ordered within a batch."""
MAX_BATCH_SIZE = 512


@dataclass(frozen=True)
class JointRange:
    """
    Interval for each of the two joints.

    :param lower: rad
    :param upper: rad
    """

    lower: JointPair
    upper: JointPair

    @classmethod
    def from_arm(cls, arm: Kinematics, reference: JointPair = (0.0, 0.0)) -> JointRange:
        """
        Return the joint limits of an arm.

        :param arm: the arm
        :param reference: positions, rad; a continuous joint gets the turn that contains its own
        """
        middle = [TWO_PI * round(q / TWO_PI) for q in reference]
        low1, low2 = (m - pi if isinf(x) else x for x, m in zip(arm.lower, middle, strict=True))
        up1, up2 = (m + pi if isinf(x) else x for x, m in zip(arm.upper, middle, strict=True))
        return cls((low1, low2), (up1, up2))

    def shrunk(self, margin: float, max_fraction: float) -> JointRange:
        """
        Return the range without a margin at both ends.

        :param margin: rad
        :param max_fraction: largest margin, as a fraction of the range
        """
        margins = [
            min(margin, max_fraction * (up - low))
            for low, up in zip(self.lower, self.upper, strict=True)
        ]
        return JointRange(
            (self.lower[0] + margins[0], self.lower[1] + margins[1]),
            (self.upper[0] - margins[0], self.upper[1] - margins[1]),
        )

    def clip(self, q: JointPair) -> JointPair:
        """Return the nearest positions inside the range, rad."""
        first, second = np.clip(q, self.lower, self.upper)
        return float(first), float(second)


class JointCoverage:
    """
    Part of an arm's joint range that has been visited.

    :param arm: the arm; of a continuous joint one turn counts
    """

    def __init__(self, arm: Kinematics) -> None:
        self._range = JointRange.from_arm(arm)
        self._continuous = np.isinf(arm.upper)
        self._visited = np.zeros((GRID_CELLS_PER_JOINT, GRID_CELLS_PER_JOINT), dtype=bool)
        self._min, self._max = np.full(2, inf), np.full(2, -inf)

    def add(self, q: JointPair) -> None:
        """Add visited joint positions, rad."""
        low, up = np.array(self._range.lower), np.array(self._range.upper)
        wrapped = np.where(self._continuous, low + (np.array(q) - low) % TWO_PI, q)
        row, column = np.clip(
            (wrapped - low) / (up - low) * GRID_CELLS_PER_JOINT, 0, GRID_CELLS_PER_JOINT - 1
        ).astype(int)
        self._visited[row, column] = True
        self._min = np.minimum(self._min, wrapped)
        self._max = np.maximum(self._max, wrapped)

    @property
    def fraction(self) -> float:
        """Fraction of the grid cells that have been visited, 0 to 1."""
        return float(self._visited.mean())

    @property
    def position_ranges(self) -> tuple[JointPair, JointPair]:
        """Smallest and largest visited position of each joint, rad; (inf, -inf) initially."""
        (min1, min2), (max1, max2) = self._min.tolist(), self._max.tolist()
        return (min1, max1), (min2, max2)


def coverage_targets(
    joint_range: JointRange, start: JointPair, rng: np.random.Generator, target_count: int
) -> Iterator[JointPair]:
    """
    Yield joint targets, rad, without end.

    They come in batches, each as large as all batches before it together, so that the range is
    covered evenly after a part of them, too.

    :param joint_range: range of the targets
    :param start: position before the first target, rad
    :param rng: chooses one of the many such sets of targets
    :param target_count: number of targets after which the range is to be covered evenly; 0: after
        any power of two
    """
    offset = rng.random(2)
    low, up = np.array(joint_range.lower), np.array(joint_range.upper)
    position = np.array(start)
    yielded = 0
    while True:
        count = min(max(yielded, MIN_BATCH_SIZE), MAX_BATCH_SIZE)
        if yielded < target_count:
            count = min(count, target_count - yielded)
        steps = np.arange(yielded, yielded + count)[:, np.newaxis] * R2_STEP
        targets = low + (offset + steps) % 1.0 * (up - low)
        for target in greedy_order(targets, position):
            yield float(target[0]), float(target[1])
        position = target
        yielded += count


def greedy_order(targets: Array, start: Array) -> Array:
    """
    Return targets in greedy order: each is the nearest remaining one to the one before.

    :param targets: (N, 2), rad
    :param start: (2,) position before the first target, rad
    :return: (N, 2), rad
    """
    remaining = targets.copy()
    ordered = np.empty_like(targets)
    position = start
    for number in range(len(targets)):
        # The joints move at the same time, so the longer distance counts.
        nearest = np.abs(remaining - position).max(axis=1).argmin()
        position = ordered[number] = remaining[nearest]
        remaining = np.delete(remaining, nearest, axis=0)
    return ordered
