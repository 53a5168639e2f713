"""Joints at random: anywhere on a branch, and along smooth paths."""

from __future__ import annotations

from math import ceil, floor, pi

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.arm.plane import Array

Sides = NDArray[np.int8]
Rows = NDArray[np.intp]

LONGEST_STEP = 0.09
"""How far a joint turns at most from one target of a path to the next, rad."""
FASTEST = 0.2
"""How much of a swing a joint with a short range does from one target to the next, rad."""


class Branches:
    """
    The joint ranges of an arm, at most one turn, cut where it is straight or folded.

    Each piece of joint 2's range is on one branch.

    :param arm: the arm
    """

    def __init__(self, arm: ArmModel) -> None:
        (low1, low2), (up1, up2) = arm.one_turn
        self._shoulder = low1, up1
        straight = -arm.signs[1] * arm.offsets[1]
        first, last = floor((low2 - straight) / pi) + 1, ceil((up2 - straight) / pi)
        cuts = [low2, *(straight + k * pi for k in range(first, last)), up2]
        self.ends = np.stack((cuts[:-1], cuts[1:]), axis=-1)
        """(K, 2) ends of the pieces, rad."""
        self.sizes = self.ends[:, 1] - self.ends[:, 0]
        """(K,) rad"""
        middle = np.stack((np.zeros(len(self.ends)), self.ends.mean(axis=1)), axis=-1)
        self.branch = np.where(arm.bend_batch(middle) < 0.0, -1, 1).astype(np.int8)
        """(K,) +1 or -1"""

    def pieces(self, rng: np.random.Generator, count: int) -> Rows:
        """Return (count,) numbers of pieces, long ones more often."""
        return rng.choice(len(self.sizes), count, p=self.sizes / self.sizes.sum())

    def joints(self, rng: np.random.Generator, branch: Sides) -> Array:
        """Return (N, 2) joints anywhere on (N,) branches, rad."""
        q = np.empty((len(branch), 2))
        q[:, 0] = rng.uniform(*self._shoulder, len(branch))
        left = np.arange(len(branch))
        while len(left):  # what has come out on the other branch is drawn again
            piece = self.pieces(rng, len(left))
            q[left, 1] = rng.uniform(self.ends[piece, 0], self.ends[piece, 1])
            left = left[self.branch[piece] != branch[left]]
        return q

    def smooth(
        self, rng: np.random.Generator, count: int, points: int, clear: float
    ) -> tuple[Array, Sides]:
        """
        Return (count, points, 2) joints that swing within their ranges, rad, and (count,) branches.

        :param clear: how far joint 2 keeps from the ends of its piece, rad
        """
        piece = self.pieces(rng, count)
        shoulder = np.broadcast_to(self._shoulder, (count, 2))
        elbow = inside(self.ends[piece], clear)
        q = [swing(rng, ends, points) for ends in (shoulder, elbow)]
        return np.stack(q, axis=-1), self.branch[piece]


def inside(ends: Array, clear: float) -> Array:
    """Return (..., 2) ends moved inwards by ``clear``, of short ranges by a tenth."""
    way = np.minimum(clear, 0.1 * (ends[..., 1:] - ends[..., :1]))
    moved: Array = ends + way * np.array((1.0, -1.0))
    return moved


def swing(rng: np.random.Generator, ends: Array, points: int) -> Array:
    """Return (P, points) values that swing as a sine between (P, 2) ends, slowly."""
    half, middle = (ends[:, 1] - ends[:, 0]) / 2.0, ends.mean(axis=1)
    fastest = np.minimum(LONGEST_STEP / half, FASTEST)
    begin, speed = rng.uniform(-pi, pi, len(ends)), rng.uniform(-fastest, fastest)
    phase = begin[:, None] + speed[:, None] * np.arange(points)
    values: Array = middle[:, None] + half[:, None] * np.sin(phase)
    return values
