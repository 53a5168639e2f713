"""Joints at random: anywhere on a branch, and along smooth paths."""

from __future__ import annotations

from math import ceil, floor, pi

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.arm.plane import Array

BranchArray = NDArray[np.int8]
IndexArray = NDArray[np.intp]

MAX_JOINT_STEP_RAD = 0.09
"""How far a joint turns at most from one target of a path to the next, rad."""
MAX_PHASE_STEP_RAD = 0.2
"""How much of a swing a joint with a short range does from one target to the next, rad."""


class BranchSegments:
    """
    The joint ranges of an arm, at most one turn, cut where it is straight or folded.

    Each piece of joint 2's range is on one branch.

    :param arm: the arm
    """

    def __init__(self, arm: ArmModel) -> None:
        (low1, low2), (up1, up2) = arm.finite_limits
        self._shoulder = low1, up1
        straight = -arm.signs[1] * arm.offsets[1]
        first, last = floor((low2 - straight) / pi) + 1, ceil((up2 - straight) / pi)
        cuts = [low2, *(straight + k * pi for k in range(first, last)), up2]
        self.limits = np.stack((cuts[:-1], cuts[1:]), axis=-1)
        """(K, 2) ends of the pieces, rad."""
        self.lengths = self.limits[:, 1] - self.limits[:, 0]
        """(K,) rad"""
        middle = np.stack((np.zeros(len(self.limits)), self.limits.mean(axis=1)), axis=-1)
        self.branches = np.where(arm.elbow_sine_batch(middle) < 0.0, -1, 1).astype(np.int8)
        """(K,) +1 or -1"""

    def sample_segments(self, rng: np.random.Generator, count: int) -> IndexArray:
        """Return (count,) numbers of pieces, long ones more often."""
        return rng.choice(len(self.lengths), count, p=self.lengths / self.lengths.sum())

    def sample_joints(self, rng: np.random.Generator, branch: BranchArray) -> Array:
        """Return (N, 2) joints anywhere on (N,) branches, rad."""
        q = np.empty((len(branch), 2))
        q[:, 0] = rng.uniform(*self._shoulder, len(branch))
        left = np.arange(len(branch))
        while len(left):  # what has come out on the other branch is drawn again
            piece = self.sample_segments(rng, len(left))
            q[left, 1] = rng.uniform(self.limits[piece, 0], self.limits[piece, 1])
            left = left[self.branches[piece] != branch[left]]
        return q

    def sample_smooth_paths(
        self, rng: np.random.Generator, count: int, points: int, clearance: float
    ) -> tuple[Array, BranchArray]:
        """
        Return (count, points, 2) joints that swing within their ranges, rad, and (count,) branches.

        :param clearance: how far joint 2 keeps from the ends of its piece, rad
        """
        piece = self.sample_segments(rng, count)
        shoulder = np.broadcast_to(self._shoulder, (count, 2))
        elbow = shrink_ranges(self.limits[piece], clearance)
        q = [sample_sines(rng, ends, points) for ends in (shoulder, elbow)]
        return np.stack(q, axis=-1), self.branches[piece]


def shrink_ranges(ranges: Array, clearance: float) -> Array:
    """Return (..., 2) ends moved inwards by ``clear``, of short ranges by a tenth."""
    way = np.minimum(clearance, 0.1 * (ranges[..., 1:] - ranges[..., :1]))
    moved: Array = ranges + way * np.array((1.0, -1.0))
    return moved


def sample_sines(rng: np.random.Generator, ranges: Array, points: int) -> Array:
    """Return (P, points) values that swing as a sine between (P, 2) ends, slowly."""
    half, middle = (ranges[:, 1] - ranges[:, 0]) / 2.0, ranges.mean(axis=1)
    fastest = np.minimum(MAX_JOINT_STEP_RAD / half, MAX_PHASE_STEP_RAD)
    begin, speed = rng.uniform(-pi, pi, len(ranges)), rng.uniform(-fastest, fastest)
    phase = begin[:, None] + speed[:, None] * np.arange(points)
    values: Array = middle[:, None] + half[:, None] * np.sin(phase)
    return values
