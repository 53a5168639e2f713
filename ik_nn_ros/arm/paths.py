"""Paths of an arm: closed curves for its tip to trace, and paths of the joints as waypoints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import pi
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.geometry import Array, Point2
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
