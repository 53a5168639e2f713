"""Closed curves for the tip to go round: a figure eight, a circle, a square."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import pi
from types import MappingProxyType

import numpy as np

from ik_nn_ros.arm.model import ArmModel, Pair
from ik_nn_ros.arm.plane import Array

CORNERS = 400
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


FIGURES: Mapping[str, Callable[[Array], Array]] = MappingProxyType(
    {'figure eight': figure_eight, 'circle': circle, 'square': square}
)
"""By name, 1 m wide, around (0, 0), ahead of the arm and to its left."""


def forward(arm: ArmModel) -> Array:
    """Return the axes ahead of the arm and to its left, the rows of a (2, 2) rotation."""
    straight = -arm.signs[1] * arm.offsets[1]
    x, y = arm.fk_point(arm.home[0], straight)
    return np.array([(x, y), (-y, x)]) / arm.reach


class Outline:
    """
    A figure somewhere in the plane, to be gone round at an even pace.

    :param name: one of :data:`FIGURES`
    :param width: m
    :param center: m
    :param axes: as of :func:`forward`
    """

    def __init__(self, name: str, width: float, center: Pair, axes: Array) -> None:
        self.name, self.width = name, width
        self._center, self._axes = center, axes
        angle = np.linspace(0.0, 2.0 * pi, CORNERS + 1)
        self.points: Array = np.asarray(center) + width * FIGURES[name](angle) @ axes
        """(N, 2) around it, m; the last is the first."""
        steps = np.hypot(*np.diff(self.points, axis=0).T)
        self._parts = np.concatenate(([0.0], np.cumsum(steps))) / steps.sum()

    def scaled(self, scale: float) -> Outline:
        """Return it so many times as wide."""
        return Outline(self.name, scale * self.width, self._center, self._axes)

    def at(self, part: float) -> Pair:
        """Return the point, m, after so many rounds; 0 to 1 is the first one."""
        x, y = (float(np.interp(part % 1.0, self._parts, values)) for values in self.points.T)
        return x, y

    def nearest(self, point: Pair) -> float:
        """Return after what part of a round it is nearest to a point, m."""
        away = np.hypot(*(self.points - point).T)
        return float(self._parts[np.argmin(away)])
