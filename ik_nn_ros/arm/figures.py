"""Closed curves for the tip to go round: a figure eight, a circle, a square."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import pi
from types import MappingProxyType

import numpy as np

from ik_nn_ros.arm.model import ArmModel, JointPair
from ik_nn_ros.arm.plane import Array

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


def heading_axes(arm: ArmModel) -> Array:
    """Return the axes ahead of the arm and to its left, the rows of a (2, 2) rotation."""
    straight = -arm.signs[1] * arm.offsets[1]
    x, y = arm.fk_point(arm.home[0], straight)
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
