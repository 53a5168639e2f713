"""
The points the tip can reach within the joint limits, and the nearest of them to a point it cannot.

The tip's set of reachable points is bounded by circular arcs: about the first axis where the elbow
is straight, folded or at a limit, and about an elbow where the first joint is at a limit. The
nearest point of an arc is a formula, so the nearest reachable point is the best of at most a dozen
of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from math import atan2, ceil, cos, floor, hypot, pi, sin

import numpy as np

from ik_nn_ros.arm.model import TURN, ArmModel, Pair
from ik_nn_ros.arm.plane import Array

BOTH = 0
"""Stands for «either branch» where a branch is asked for."""


@dataclass(frozen=True)
class Arc:
    """
    A circular arc in the plane, from ``start`` counter-clockwise over ``sweep``.

    :param center: m
    :param radius: m
    :param start: rad
    :param sweep: rad, 0 to 2π
    """

    center: Pair
    radius: float
    start: float
    sweep: float

    def points(self, spacing: float) -> Array:
        """Return (N, 2) points along the arc, ends included, at most ``spacing`` (m) apart."""
        count = max(2, ceil(self.radius * self.sweep / spacing) + 1)
        angle = self.start + np.linspace(0.0, self.sweep, count)
        return np.asarray(self.center) + self.radius * np.stack(
            (np.cos(angle), np.sin(angle)), axis=-1
        )


class Workspace:
    """
    What the tip reaches within the joint limits, with one branch or both.

    :param arm: the arm
    :param branch: +1, -1 or :data:`BOTH`
    """

    def __init__(self, arm: ArmModel, branch: int = BOTH) -> None:
        self.arcs = tuple(_boundary(arm, branch))
        """
        Arcs that hold the whole boundary, and parts of the inside; none if nothing is reached.
        """
        self._center = np.array([arc.center for arc in self.arcs]).reshape(-1, 2)
        self._radius = np.array([arc.radius for arc in self.arcs])
        self._start = np.array([arc.start for arc in self.arcs])
        self._sweep = np.array([arc.sweep for arc in self.arcs])

    def nearest(self, xy: Array) -> Array:
        """
        Return the nearest reachable point to each unreachable one.

        :param xy: (N, 2) points that are not reachable, m
        :return: (N, 2) points, m; NaN where nothing is reachable at all
        """
        if not self.arcs:
            return np.full_like(xy, np.nan)
        offset = xy[:, None, :] - self._center  # (N, arcs, 2)
        along = (np.arctan2(offset[..., 1], offset[..., 0]) - self._start) % TURN
        nearer_end = np.where(along - self._sweep < TURN - along, self._sweep, 0.0)
        angle = self._start + np.where(along <= self._sweep, along, nearer_end)
        foot = self._center + self._radius[:, None] * np.stack(
            (np.cos(angle), np.sin(angle)), axis=-1
        )
        best = np.argmin(np.sum((foot - xy[:, None, :]) ** 2, axis=-1), axis=1)
        nearest: Array = foot[np.arange(len(xy)), best]
        return nearest


def _boundary(arm: ArmModel, branch: int) -> Iterator[Arc]:
    (l1, l2), (low1, up1) = arm.lengths, arm.link_angle_range(0)
    shoulder = up1 - low1
    for low2, up2 in _elbow_ranges(arm, branch):
        for theta2 in (low2, up2):
            x, y = l1 + l2 * cos(theta2), l2 * sin(theta2)
            yield Arc((0.0, 0.0), hypot(x, y), low1 + atan2(y, x), shoulder)
        if shoulder < TURN:
            for theta1 in (low1, up1):
                yield Arc((l1 * cos(theta1), l1 * sin(theta1)), l2, theta1 + low2, up2 - low2)


def _elbow_ranges(arm: ArmModel, branch: int) -> Iterator[Pair]:
    """Cut the elbow's range where it is straight or folded; keep the pieces of the branch."""
    low, up = arm.link_angle_range(1)
    cuts = [low, *(k * pi for k in range(floor(low / pi) + 1, ceil(up / pi))), up]
    for start, end in itertools.pairwise(cuts):
        side = 1 if sin((start + end) / 2.0) > 0.0 else -1
        if branch in (BOTH, side * arm.signs[1]):
            yield start, end
