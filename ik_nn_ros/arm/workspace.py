"""
The points the tip can reach within the joint limits, and the nearest of them to a point it cannot.

The tip's set of reachable points is bounded by circular arcs: about the first axis where the elbow
is straight, folded or at a limit, and about an elbow where the first joint is at a limit. On the
way along them the distance to a point outside has its lowest places at the foot of the
perpendicular on an arc or at a corner where two arcs meet; each is a formula, and there are at
most a dozen of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import atan2, ceil, cos, floor, hypot, pi, sin

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.model import TWO_PI, ArmModel, Array, JointPair

BOTH_BRANCHES = 0
"""Stands for «either branch» where a branch is asked for."""
BOUNDARY_TOLERANCE_RATIO = 1e-9
"""How far (fraction of reach) rounding may put a point of the edge inside it."""
LIMIT_CLEARANCE_RATIO = 4e-6
"""
How far (fraction of reach) points on an arc about the first axis keep from joint 1's limits: the
arm straight and at the limit could not bend to its branch.
"""


@dataclass(frozen=True)
class Arc:
    """
    A circular arc in the plane, from ``start`` counter-clockwise over ``sweep``.

    :param center: m
    :param radius: m
    :param start: rad
    :param sweep: rad, 0 to 2π
    :param encloses_reachable: whether what is reached next to the arc lies inside its circle
    :param clearance: how far its points keep from its ends, rad
    """

    center: JointPair
    radius: float
    start: float
    sweep: float
    encloses_reachable: bool
    clearance: float = 0.0

    def points(self, spacing: float) -> Array:
        """Return (N, 2) points along the arc, ends included, at most ``spacing`` (m) apart."""
        count = max(2, ceil(self.radius * self.sweep / spacing) + 1)
        angle = self.start + np.linspace(self.clearance, self.sweep - self.clearance, count)
        return np.asarray(self.center) + self.radius * _unit_vector(angle)


class Workspace:
    """
    What the tip reaches within the joint limits, with one branch or both.

    :param arm: the arm
    :param branch: +1, -1 or :data:`BOTH_BRANCHES`
    """

    def __init__(self, arm: ArmModel, branch: int = BOTH_BRANCHES) -> None:
        pieces = [tuple(_boundary_arcs(arm, *elbow)) for elbow in _elbow_ranges(arm, branch)]
        self.arcs = tuple(itertools.chain(*pieces))
        """
        Arcs that hold the whole boundary, and parts of the inside; none if nothing is reached.
        """
        self._center = np.array([arc.center for arc in self.arcs]).reshape(-1, 2)
        self._radius = np.array([arc.radius for arc in self.arcs])
        self._start = np.array([arc.start for arc in self.arcs])
        self._sweep = np.array([arc.sweep for arc in self.arcs])
        self._clearance = np.array([arc.clearance for arc in self.arcs])
        self._outward_sign = np.array(
            [1.0 if arc.encloses_reachable else -1.0 for arc in self.arcs]
        )
        self._corner_end_pairs = np.array(list(_corner_ends(pieces)), dtype=np.intp).reshape(-1, 2)
        arc, end = np.divmod(self._corner_end_pairs[:, 0], 2)
        along = np.where(end == 0, self._clearance[arc], self._sweep[arc] - self._clearance[arc])
        angle = self._start[arc] + along
        self._corner_points = self._center[arc] + self._radius[arc, None] * _unit_vector(angle)
        # What a calibrated arm cannot reach, the rigid one may.
        self._tolerance = 2.0 * arm.residual_bound + BOUNDARY_TOLERANCE_RATIO * arm.reach

    def nearest_points(self, xy: Array) -> Array:
        """
        Return the nearest reachable point to each unreachable one.

        :param xy: (N, 2) points that are not reachable, m
        :return: (N, 2) points, m; NaN where nothing is reachable at all
        """
        if not self.arcs:
            return np.full_like(xy, np.nan)
        places, distance, _ = self.projection_candidates(xy)
        nearest: Array = places[np.arange(len(xy)), np.argmin(distance, axis=1)]
        return nearest

    def projection_candidates(self, xy: Array) -> tuple[Array, Array, NDArray[np.bool_]]:
        """
        Return the places of the edge from which every way along it leads away from a point.

        :param xy: (N, 2) points that are not reachable, m
        :return: (N, K, 2) points, m; (N, K) how far from ``xy`` they are, m, inf where one of the K
            is not such a place; (N, K) whether ``xy`` is beyond that part of the rigid arm's edge
            without doubt
        """
        offset = xy[:, None, :] - self._center  # (N, arcs, 2)
        angle = np.arctan2(offset[..., 1], offset[..., 0])
        past_start = (angle - self._start) % TWO_PI
        past_end = (past_start - self._sweep) % TWO_PI
        out = self._outward_sign * (np.hypot(offset[..., 0], offset[..., 1]) - self._radius)
        is_foot = (past_start <= self._sweep) & (out >= -self._tolerance)
        along = np.clip(past_start, self._clearance, self._sweep - self._clearance)
        foot = self._center + self._radius[:, None] * _unit_vector(self._start + along)
        # An end of an arc is such a place if the point draws the tip past it on both its arcs.
        drawn = np.stack((past_start >= pi, past_end <= pi), axis=-1).reshape(len(xy), -1)
        is_corner = drawn[:, self._corner_end_pairs].all(axis=-1)
        corner = np.broadcast_to(self._corner_points, (len(xy), *self._corner_points.shape))
        places = np.concatenate((foot, corner), axis=1)
        away = places - xy[:, None, :]
        distance = np.hypot(away[..., 0], away[..., 1])
        distance[~np.concatenate((is_foot, is_corner), axis=1)] = np.inf
        return places, distance, np.concatenate((out >= 0.0, is_corner), axis=1)


def _unit_vector(angle: Array) -> Array:
    return np.stack((np.cos(angle), np.sin(angle)), axis=-1)


def _boundary_arcs(arm: ArmModel, low2: float, up2: float) -> Iterator[Arc]:
    """Yield the arcs with the elbow at its two ends, then those with the shoulder at its two."""
    (l1, l2), (low1, up1) = arm.lengths, arm.link_angle_range(0)
    shoulder = up1 - low1
    for theta2 in (low2, up2):
        x, y = l1 + l2 * cos(theta2), l2 * sin(theta2)
        radius, start = hypot(x, y), low1 + atan2(y, x)
        room = (
            min(LIMIT_CLEARANCE_RATIO * arm.reach / radius, 0.1 * shoulder)
            if shoulder < TWO_PI
            else 0.0
        )
        outer = cos(theta2) >= cos(low2 + up2 - theta2)
        yield Arc((0.0, 0.0), radius, start, shoulder, outer, room)
    if shoulder < TWO_PI:
        for theta1 in (low1, up1):
            # The shoulder's turn moves the tip off the circle at L1 sin θ2.
            inward = (theta1 == up1) == (sin((low2 + up2) / 2.0) > 0.0)
            elbow = (l1 * cos(theta1), l1 * sin(theta1))
            yield Arc(elbow, l2, theta1 + low2, up2 - low2, inward)


def _corner_ends(pieces: Sequence[Sequence[Arc]]) -> Iterator[tuple[int, int]]:
    """Yield the two ends of arcs that meet at each corner; end ``e`` of arc ``n`` is 2 n + e."""
    first = 0
    for piece in pieces:
        if len(piece) == 4:
            for elbow, shoulder in itertools.product((0, 1), repeat=2):
                yield 2 * (first + elbow) + shoulder, 2 * (first + 2 + shoulder) + elbow
        first += len(piece)


def _elbow_ranges(arm: ArmModel, branch: int) -> Iterator[JointPair]:
    """Cut the elbow's range where it is straight or folded; keep the pieces of the branch."""
    low, up = arm.link_angle_range(1)
    cuts = [low, *(k * pi for k in range(floor(low / pi) + 1, ceil(up / pi))), up]
    for start, end in itertools.pairwise(cuts):
        side = 1 if sin((start + end) / 2.0) > 0.0 else -1
        if branch in (BOTH_BRANCHES, side * arm.signs[1]):
            yield start, end
