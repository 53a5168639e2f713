"""Paths: closed curves for the tip to trace, joint paths as waypoints, and the trail of the tip."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import dist, pi
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.geometry import Array, JointPair, Point2
from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.errors import ConfigError

CURVE_POINT_COUNT = 400
"""Sides of the polygon that stands for a curve: a multiple of 8, for the corners of the square."""


def figure_eight(angle: Array) -> Array:
    """Return (..., 2) points of a figure eight 1 m wide, at (...,) angles, rad."""
    return np.stack((0.125 * np.sin(2.0 * angle), 0.5 * np.sin(angle)), axis=-1)


def circle(angle: Array) -> Array:
    """Return (..., 2) points of a circle 1 m wide, at (...,) angles, rad."""
    return 0.5 * np.stack((np.cos(angle), np.sin(angle)), axis=-1)


def square(angle: Array) -> Array:
    """Return (..., 2) points of a square 1 m wide, in the directions of (...,) angles, rad."""
    on_circle = circle(angle)
    on_square: Array = 0.5 * on_circle / np.abs(on_circle).max(axis=-1, keepdims=True)
    return on_square


SHAPES: Mapping[str, Callable[[Array], Array]] = MappingProxyType(
    {'figure eight': figure_eight, 'circle': circle, 'square': square}
)
"""Curves by name, 1 m wide, around (0, 0); x is ahead of the arm, y to its left."""


def heading_axes(arm: Kinematics) -> Array:
    """Return the directions ahead of the arm and to its left, the rows of a (2, 2) rotation."""
    x, y = arm.fk_point(*arm.stretched(arm.home[0]))
    return np.array([(x, y), (-y, x)]) / arm.reach


class ClosedCurve:
    """
    A shape somewhere in the plane, to be traced at constant speed.

    :param name: one of :data:`SHAPES`
    :param width: m
    :param center: m
    :param axes: directions of the shape's x and y, as of :func:`heading_axes`
    """

    def __init__(self, name: str, width: float, center: Point2, axes: Array) -> None:
        self.name, self.width = name, width
        self._center, self._axes = center, axes
        angle = np.linspace(0.0, 2.0 * pi, CURVE_POINT_COUNT + 1)
        self.points: Array = np.asarray(center) + width * SHAPES[name](angle) @ axes
        """(N, 2) points along it, m; the last is the first."""
        steps = np.hypot(*np.diff(self.points, axis=0).T)
        self._fractions = np.concatenate(([0.0], np.cumsum(steps))) / steps.sum()

    def scaled(self, scale: float) -> ClosedCurve:
        """Return the same curve with its width multiplied by ``scale``."""
        return ClosedCurve(self.name, scale * self.width, self._center, self._axes)

    def point_at(self, fraction: float) -> Point2:
        """Return the point, m, after a number of laps; 0 to 1 is the first one."""
        x, y = (
            float(np.interp(fraction % 1.0, self._fractions, values)) for values in self.points.T
        )
        return x, y

    def nearest_fraction(self, point: Point2) -> float:
        """Return the fraction of a lap at which the curve is nearest to a point, m."""
        distance = np.hypot(*(self.points - point).T)
        return float(self._fractions[np.argmin(distance)])


@dataclass(frozen=True)
class JointPath:
    """
    Waypoints of the joints while the tip follows a path.

    They are so near to each other that a smooth curve through them keeps the tip on the path.

    :param waypoints: (N, 2), rad, at least one; no two in a row are equal
    :param corners: (N,) where the path turns so sharply that the arm stops; True at both ends
    :raises ConfigError: arrays of another shape, waypoints that repeat or are not finite, or ends
        that are no corners
    """

    waypoints: Array
    corners: NDArray[np.bool_]

    def __post_init__(self) -> None:
        shape = self.waypoints.shape
        if len(shape) != 2 or shape[0] == 0 or shape[1] != 2 or self.corners.shape != shape[:1]:
            raise ConfigError(
                'joint path',
                got=f'shapes {shape} and {self.corners.shape}',
                expected='(N, 2) and (N,), N > 0',
            )
        repeats = (np.diff(self.waypoints, axis=0) == 0).all(axis=1)
        if not np.isfinite(self.waypoints).all() or repeats.any():
            raise ConfigError(
                'joint path',
                got='waypoints that repeat or are not finite',
                expected='finite waypoints, each different from the one before',
            )
        if not (self.corners[0] and self.corners[-1]):
            raise ConfigError('ends of a joint path', got='no corners', expected='corners')


TRAIL_DURATION_S = 5.0
"""Age at which a point is dropped, s."""
MIN_POINT_PERIOD_S = 0.02
"""Shortest time between two points, s."""
MIN_POINT_DISTANCE_RATIO = 0.004
"""Shortest distance between two points, as a part of the reach: sensor noise leaves no trail."""


class TipTrail:
    """
    Trail of the tip of one arm.

    Times are those of the steady clock, s.

    :param arm: the arm
    """

    def __init__(self, arm: Kinematics) -> None:
        self._arm = arm
        self._timed_points: deque[tuple[float, Point2]] = deque()
        self._last_point: Point2 | None = None
        self._next_time = 0.0
        self.change_count = 0
        """Number of changes so far."""

    @property
    def points(self) -> list[Point2]:
        """Points of the trail, oldest first, m."""
        return [point for _, point in self._timed_points]

    def add(self, now: float, q: JointPair) -> None:
        """
        Add the tip at measured joints, unless it is too close to the last point.

        :param now: time, s
        :param q: joint positions, rad
        """
        if now < self._next_time:
            return
        tip = self._arm.fk_point(*q)
        if (
            self._last_point is not None
            and dist(tip, self._last_point) < MIN_POINT_DISTANCE_RATIO * self._arm.reach
        ):
            return
        self._last_point, self._next_time = tip, now + MIN_POINT_PERIOD_S
        self._timed_points.append((now, tip))
        self.change_count += 1

    def remove_expired(self, now: float) -> None:
        """Remove the points that are older than :data:`TRAIL_DURATION_S`."""
        while self._timed_points and self._timed_points[0][0] < now - TRAIL_DURATION_S:
            self._timed_points.popleft()
            self.change_count += 1

    def clear(self) -> None:
        """Remove all points."""
        self._timed_points.clear()
        self._last_point = None
