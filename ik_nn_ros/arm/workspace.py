"""
The workspace of two links: the points the tip reaches within the joint limits.

It is bounded by circular arcs: about the first axis where the elbow is straight, folded or at a
limit, and about an elbow where the first joint is at a limit. Along them the distance to a point
outside has its local minima at the foot of the perpendicular on an arc or at a corner where two
arcs meet; each is a formula, and there are at most a dozen of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import atan2, ceil, cos, floor, hypot, pi, sin

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.geometry import TWO_PI, Array, JointPair, Point2

BOTH_BRANCHES = 0
"""Argument for a branch that stands for both."""
BOUNDARY_TOLERANCE_RATIO = 1e-9
"""How far (fraction of reach) rounding may put a point of the boundary inside it."""
LIMIT_CLEARANCE_RATIO = 4e-6
"""
Distance (fraction of reach) that points on an arc about the first axis keep from joint 1's limits.

A straight arm at the limit could not bend to its branch.
"""


@dataclass(frozen=True)
class Arc:
    """
    A circular arc in the plane, counter-clockwise from ``start`` over ``sweep``.

    :param center: m
    :param radius: m
    :param start: rad
    :param sweep: rad, 0 to 2π
    :param encloses_reachable: whether the reachable points next to the arc lie inside its circle
    :param clearance: distance that its points keep from its ends, rad
    """

    center: Point2
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
    The points that a two-link arm reaches within its joint limits.

    :param lengths: (L1, L2), m
    :param link_angle_ranges: lower and upper end of θ1 and of θ2, rad, at most a turn each; see
        :mod:`ik_nn_ros.arm.model`
    :param elbow_sign: +1 or -1, the sign of sin θ2 on the branch; 0 for both branches
    :param tip_deviation: how far the real tip may be from that of two rigid links, m
    """

    def __init__(
        self,
        lengths: JointPair,
        link_angle_ranges: tuple[JointPair, JointPair],
        elbow_sign: int = BOTH_BRANCHES,
        tip_deviation: float = 0.0,
    ) -> None:
        shoulder, elbow = link_angle_ranges
        pieces = [
            tuple(_boundary_arcs(lengths, shoulder, piece))
            for piece in _split_elbow_range(elbow, elbow_sign)
        ]
        self.arcs = tuple(itertools.chain(*pieces))
        """Arcs that hold the whole boundary and parts of the inside; none if nothing is reached."""
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
        # The rigid links may reach what the real arm cannot.
        self._tolerance = 2.0 * tip_deviation + BOUNDARY_TOLERANCE_RATIO * sum(lengths)

    def nearest_points(self, xy: Array) -> Array:
        """
        Return the reachable point nearest to each unreachable one.

        :param xy: (N, 2) points that are not reachable, m
        :return: (N, 2) points, m; NaN where nothing is reachable at all
        """
        if not self.arcs:
            return np.full_like(xy, np.nan)
        points, distance, _ = self.projection_candidates(xy)
        nearest: Array = points[np.arange(len(xy)), np.argmin(distance, axis=1)]
        return nearest

    def projection_candidates(self, xy: Array) -> tuple[Array, Array, NDArray[np.bool_]]:
        """
        Return the points of the boundary whose distance to a point outside is a local minimum.

        :param xy: (N, 2) points that are not reachable, m
        :return: (N, K, 2) points, m; (N, K) their distances from ``xy``, m, inf where one of the K
            is no local minimum; (N, K) whether ``xy`` is certainly beyond that part of the rigid
            arm's boundary
        """
        offset = xy[:, None, :] - self._center  # (N, arcs, 2)
        angle = np.arctan2(offset[..., 1], offset[..., 0])
        past_start = (angle - self._start) % TWO_PI
        past_end = (past_start - self._sweep) % TWO_PI
        outside = self._outward_sign * (np.hypot(offset[..., 0], offset[..., 1]) - self._radius)
        is_foot = (past_start <= self._sweep) & (outside >= -self._tolerance)
        along = np.clip(past_start, self._clearance, self._sweep - self._clearance)
        foot = self._center + self._radius[:, None] * _unit_vector(self._start + along)
        # The end of an arc is a minimum if both its arcs, prolonged, would come nearer.
        is_past_end = np.stack((past_start >= pi, past_end <= pi), axis=-1).reshape(len(xy), -1)
        is_corner = is_past_end[:, self._corner_end_pairs].all(axis=-1)
        corner = np.broadcast_to(self._corner_points, (len(xy), *self._corner_points.shape))
        points = np.concatenate((foot, corner), axis=1)
        gap = points - xy[:, None, :]
        distance = np.hypot(gap[..., 0], gap[..., 1])
        distance[~np.concatenate((is_foot, is_corner), axis=1)] = np.inf
        return points, distance, np.concatenate((outside >= 0.0, is_corner), axis=1)


def _unit_vector(angle: Array) -> Array:
    return np.stack((np.cos(angle), np.sin(angle)), axis=-1)


def _boundary_arcs(lengths: JointPair, shoulder: JointPair, elbow: JointPair) -> Iterator[Arc]:
    """Yield the arcs with the elbow at its two ends, then those with the shoulder at its two."""
    (l1, l2), (low1, up1), (low2, up2) = lengths, shoulder, elbow
    sweep = up1 - low1
    for theta2 in (low2, up2):
        x, y = l1 + l2 * cos(theta2), l2 * sin(theta2)
        radius, start = hypot(x, y), low1 + atan2(y, x)
        clearance = (
            min(LIMIT_CLEARANCE_RATIO * (l1 + l2) / radius, 0.1 * sweep) if sweep < TWO_PI else 0.0
        )
        outer = cos(theta2) >= cos(low2 + up2 - theta2)
        yield Arc((0.0, 0.0), radius, start, sweep, outer, clearance)
    if sweep < TWO_PI:
        for theta1 in (low1, up1):
            # Turning the shoulder moves the tip across the circle at L1 sin θ2.
            inward = (theta1 == up1) == (sin((low2 + up2) / 2.0) > 0.0)
            center = (l1 * cos(theta1), l1 * sin(theta1))
            yield Arc(center, l2, theta1 + low2, up2 - low2, inward)


def _corner_ends(pieces: Sequence[Sequence[Arc]]) -> Iterator[tuple[int, int]]:
    """Yield the ends of arcs that meet at each corner; end ``e`` of arc ``n`` is 2 n + e."""
    first = 0
    for piece in pieces:
        if len(piece) == 4:
            for elbow, shoulder in itertools.product((0, 1), repeat=2):
                yield 2 * (first + elbow) + shoulder, 2 * (first + 2 + shoulder) + elbow
        first += len(piece)


def _split_elbow_range(elbow: JointPair, elbow_sign: int) -> Iterator[JointPair]:
    """Split the elbow's range where it is straight or folded; yield the pieces of the branch."""
    low, up = elbow
    cuts = [low, *(k * pi for k in range(floor(low / pi) + 1, ceil(up / pi))), up]
    for start, end in itertools.pairwise(cuts):
        sign = 1 if sin((start + end) / 2.0) > 0.0 else -1
        if elbow_sign in (BOTH_BRANCHES, sign):
            yield start, end
