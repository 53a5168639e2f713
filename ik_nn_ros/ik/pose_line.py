"""The line that a path's poses stand for: straight from each to the next."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.plane import Array

Numbers = NDArray[np.float64]
"""
(M,) of points on the line: a whole one is that of a pose, the parts lie between it and the next.
"""


class PoseLine:
    """
    Straight lines through poses in the plane.

    :param xy: (N, 2) the poses, finite, at least one, m
    :param near: poses as near as this to the one before count as one with it, m
    """

    def __init__(self, xy: Array, near: float) -> None:
        self._kept = _distinct(xy, near)
        self._xy = xy[self._kept]
        self._steps = np.diff(self._xy, axis=0)
        self._lengths = np.hypot(*self._steps.T)
        numbers = np.searchsorted(self._kept, np.arange(len(xy)), 'right') - 1
        self.of_poses: Numbers = numbers.astype(float)
        """(N,) the number of each pose."""

    def pose_at(self, number: float) -> tuple[int, bool]:
        """Return which pose a number leads to, and whether it is that pose itself."""
        whole = int(np.ceil(number))
        return int(self._kept[whole]), whole == number

    def points(self, numbers: Numbers) -> Array:
        """Return the points (M, 2), m."""
        if not len(self._steps):
            return np.repeat(self._xy, len(numbers), axis=0)
        before = np.minimum(numbers.astype(int), len(self._steps) - 1)
        points: Array = self._xy[before] + (numbers - before)[:, None] * self._steps[before]
        return points

    def parts(self, longest: float) -> Numbers:
        """Return numbers of all poses and of points between them, at most so far apart, m."""
        counts = np.maximum(np.ceil(self._lengths / longest), 1.0).astype(int)
        first = np.repeat(np.cumsum(counts) - counts, counts)
        part = (np.arange(counts.sum()) - first) / np.repeat(counts, counts)
        return np.append(np.repeat(np.arange(len(counts)), counts) + part, float(len(counts)))

    def corners(self, least: float, off: float) -> NDArray[np.intp]:
        """
        Return whole numbers where the line turns and a curve through the poses would leave it.

        :param least: angle, rad
        :param off: least angle times the distance to the next pose, rad m
        """
        turns = turning(self._steps)
        turns[1:-1] *= turns[1:-1] > least
        turns[1:-1] *= np.maximum(self._lengths[:-1], self._lengths[1:])
        return np.flatnonzero(turns > off)


def turning(steps: Array) -> Array:
    """Return the angles (N + 1,), rad, between (N, 2) steps; 0 at both ends."""
    turns = np.zeros(len(steps) + 1)
    (x, y), (to_x, to_y) = steps[:-1].T, steps[1:].T
    turns[1:-1] = np.abs(np.arctan2(x * to_y - y * to_x, x * to_x + y * to_y))
    return turns


def _distinct(xy: Array, near: float) -> NDArray[np.intp]:
    """Return which poses are not one with the one before; the last stands for those at it."""
    kept = [0]
    (x, y), square = xy[0].tolist(), near * near
    for index, (to_x, to_y) in enumerate(xy.tolist()):
        if (to_x - x) ** 2 + (to_y - y) ** 2 > square:
            kept.append(index)
            x, y = to_x, to_y
    return np.array(kept)
