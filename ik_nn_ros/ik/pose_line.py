"""The line that a path's poses stand for: straight from each to the next."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.plane import Array

PathParameters = NDArray[np.float64]
"""
(M,) of points on the line: a whole one is that of a pose, the parts lie between it and the next.
"""


class PosePolyline:
    """
    Straight lines through poses in the plane.

    :param xy: (N, 2) the poses, finite, at least one, m
    :param min_spacing: poses as near as this to the one before count as one with it, m
    """

    def __init__(self, xy: Array, min_spacing: float) -> None:
        self._pose_indices = _distinct_poses(xy, min_spacing)
        self._xy = xy[self._pose_indices]
        self._steps = np.diff(self._xy, axis=0)
        self._lengths = np.hypot(*self._steps.T)
        numbers = np.searchsorted(self._pose_indices, np.arange(len(xy)), 'right') - 1
        self.pose_parameters: PathParameters = numbers.astype(float)
        """(N,) the number of each pose."""

    def pose_at(self, path_parameter: float) -> tuple[int, bool]:
        """Return which pose a number leads to, and whether it is that pose itself."""
        whole = int(np.ceil(path_parameter))
        return int(self._pose_indices[whole]), whole == path_parameter

    def points(self, path_parameters: PathParameters) -> Array:
        """Return the points (M, 2), m."""
        if not len(self._steps):
            return np.repeat(self._xy, len(path_parameters), axis=0)
        before = np.minimum(path_parameters.astype(int), len(self._steps) - 1)
        points: Array = self._xy[before] + (path_parameters - before)[:, None] * self._steps[before]
        return points

    def sample_parameters(self, max_spacing: float) -> PathParameters:
        """Return numbers of all poses and of points between them, at most so far apart, m."""
        counts = np.maximum(np.ceil(self._lengths / max_spacing), 1.0).astype(int)
        first = np.repeat(np.cumsum(counts) - counts, counts)
        part = (np.arange(counts.sum()) - first) / np.repeat(counts, counts)
        return np.append(np.repeat(np.arange(len(counts)), counts) + part, float(len(counts)))

    def corners(self, min_angle: float, min_deviation: float) -> NDArray[np.intp]:
        """
        Return whole numbers where the line turns and a curve through the poses would leave it.

        :param min_angle: angle, rad
        :param min_deviation: least angle times the distance to the next pose, rad m
        """
        turns = turn_angles(self._steps)
        turns[1:-1] *= turns[1:-1] > min_angle
        turns[1:-1] *= np.maximum(self._lengths[:-1], self._lengths[1:])
        return np.flatnonzero(turns > min_deviation)


def turn_angles(steps: Array) -> Array:
    """Return the angles (N + 1,), rad, between (N, 2) steps; 0 at both ends."""
    turns = np.zeros(len(steps) + 1)
    (x, y), (to_x, to_y) = steps[:-1].T, steps[1:].T
    turns[1:-1] = np.abs(np.arctan2(x * to_y - y * to_x, x * to_x + y * to_y))
    return turns


def _distinct_poses(xy: Array, min_spacing: float) -> NDArray[np.intp]:
    """Return which poses are not one with the one before; the last stands for those at it."""
    kept = [0]
    (x, y), square = xy[0].tolist(), min_spacing * min_spacing
    for index, (to_x, to_y) in enumerate(xy.tolist()):
        if (to_x - x) ** 2 + (to_y - y) ** 2 > square:
            kept.append(index)
            x, y = to_x, to_y
    return np.array(kept)
