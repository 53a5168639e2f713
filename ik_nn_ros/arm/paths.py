"""Closed curves for the tip to go round: a figure eight, a circle, a square."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import pi
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.geometry import Array, JointPair
from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.errors import ConfigError

CURVE_POINT_COUNT = 400
"""Of the polygon that stands for a figure: a multiple of 8, so that the square has its four."""


def figure_eight(angle: Array) -> Array:
    """Return (..., 2) ahead and to the left of the middle, 1 m wide, at (...,) angles, rad."""
    return np.stack((0.125 * np.sin(2.0 * angle), 0.5 * np.sin(angle)), axis=-1)


def circle(angle: Array) -> Array:
    """Return (..., 2) points at (...,) angles, rad, of a circle 1 m wide."""
    return 0.5 * np.stack((np.cos(angle), np.sin(angle)), axis=-1)


def square(angle: Array) -> Array:
    """Return (..., 2) points at (...,) angles, rad, of a square 1 m wide."""
    around = circle(angle)
    on_it: Array = 0.5 * around / np.abs(around).max(axis=-1, keepdims=True)
    return on_it


SHAPES: Mapping[str, Callable[[Array], Array]] = MappingProxyType(
    {'figure eight': figure_eight, 'circle': circle, 'square': square}
)
"""By name, 1 m wide, around (0, 0), ahead of the arm and to its left."""


def heading_axes(arm: Kinematics) -> Array:
    """Return the axes ahead of the arm and to its left, the rows of a (2, 2) rotation."""
    x, y = arm.fk_point(*arm.stretched(arm.home[0]))
    return np.array([(x, y), (-y, x)]) / arm.reach


class ClosedCurve:
    """
    A figure somewhere in the plane, to be gone round at an even pace.

    :param name: one of :data:`SHAPES`
    :param width: m
    :param center: m
    :param axes: as of :func:`heading_axes`
    """

    def __init__(self, name: str, width: float, center: JointPair, axes: Array) -> None:
        self.name, self.width = name, width
        self._center, self._axes = center, axes
        angle = np.linspace(0.0, 2.0 * pi, CURVE_POINT_COUNT + 1)
        self.points: Array = np.asarray(center) + width * SHAPES[name](angle) @ axes
        """(N, 2) around it, m; the last is the first."""
        steps = np.hypot(*np.diff(self.points, axis=0).T)
        self._fractions = np.concatenate(([0.0], np.cumsum(steps))) / steps.sum()

    def scaled(self, scale: float) -> ClosedCurve:
        """Return it so many times as wide."""
        return ClosedCurve(self.name, scale * self.width, self._center, self._axes)

    def point_at(self, fraction: float) -> JointPair:
        """Return the point, m, after so many rounds; 0 to 1 is the first one."""
        x, y = (
            float(np.interp(fraction % 1.0, self._fractions, values)) for values in self.points.T
        )
        return x, y

    def nearest_fraction(self, point: JointPair) -> float:
        """Return after what part of a round it is nearest to a point, m."""
        away = np.hypot(*(self.points - point).T)
        return float(self._fractions[np.argmin(away)])


# MERGED arm.joint_path: A path of the tip, as places of the joints.


@dataclass(frozen=True)
class JointPath:
    """
    Places that the joints go through while the tip goes along a path.

    They are so near to each other that a smooth curve through them keeps the tip on the path.

    :param waypoints: (N, 2), rad, at least one; no two that follow each other are alike
    :param corners: (N,) where the path turns so sharply that the arm stops; its ends are corners
    :raises ConfigError: places that are none
    """

    waypoints: Array
    corners: NDArray[np.bool_]

    def __post_init__(self) -> None:
        shape = self.waypoints.shape
        if len(shape) != 2 or shape[0] == 0 or shape[1] != 2 or self.corners.shape != shape[:1]:
            raise ConfigError(
                'path of the joints',
                got=f'shapes {shape} and {self.corners.shape}',
                expected='(N, 2) and (N,), N > 0',
            )
        if (
            not np.isfinite(self.waypoints).all()
            or (np.diff(self.waypoints, axis=0) == 0).all(1).any()
        ):
            raise ConfigError(
                'path of the joints', got='places alike or not finite', expected='none such'
            )
        if not (self.corners[0] and self.corners[-1]):
            raise ConfigError('ends of a path', got='no corners', expected='corners')
