"""Zones that the links of an arm stay out of, and how near the links come to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot, isfinite
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.geometry import Array, JointPair
from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.errors import ArmError, ConfigError

# MERGED motion.swept_links: Where the links of an arm are along a motion, and what lies between its samples.


class SweptLinks(NamedTuple):
    """
    Base, elbow and tip at the samples of a motion, (3, ..., N) each.

    ``points`` x + iy, m; ``travel`` how far they go, straight, to the neighbouring sample that is
    farther off, m; ``bend`` how far they are off that straight line on the way, at most, m.
    """

    points: NDArray[np.complex128]
    travel: Array
    chord_deviation: Array


def sweep_links(arm: Kinematics, q: Array) -> SweptLinks:
    """
    Return where the links are.

    A link of length L that turns by Δ goes an arc: up to L Δ²/8 off its chord. That the joints do
    not turn evenly adds L/8 times the difference of neighbouring Δ.

    :param q: (..., N, 2) joint angles along motions, rad
    :raises ArmError: the arm has no rigid links
    """
    poses = arm.link_poses(q)
    if poses is None:
        raise ArmError(
            f'{arm.name}: links', got='none', expected='rigid links, to keep out of zones'
        )
    points = np.moveaxis(poses.points[..., 0] + 1j * poses.points[..., 1], -1, 0)
    turns = np.diff(np.moveaxis(poses.angles, -1, 0))
    arcs = turns**2 + neighbor_maximum(np.abs(np.diff(turns)))
    bend = np.zeros(points.shape)
    bend[1] = poses.lengths[0] / 8.0 * neighbor_maximum(arcs[0])
    bend[2] = bend[1] + poses.lengths[1] / 8.0 * neighbor_maximum(arcs[1])
    return SweptLinks(points, neighbor_maximum(np.abs(np.diff(points))), bend)


def neighbor_maximum(gaps: Array) -> Array:
    """Return (..., N + 1) the larger of two neighbouring gaps, from (..., N)."""
    larger = np.zeros((*gaps.shape[:-1], gaps.shape[-1] + 1))
    larger[..., :-1] = gaps
    np.maximum(larger[..., 1:], gaps, out=larger[..., 1:])
    return larger


@dataclass(frozen=True)
class Circle:
    """
    A zone around a point of the arm's plane, e.g. a post.

    :param center: m
    :param radius: m
    :raises ConfigError: not finite, or the radius is not positive
    """

    center: JointPair
    radius: float

    def __post_init__(self) -> None:
        if not (all(map(isfinite, (*self.center, self.radius))) and self.radius > 0.0):
            raise ConfigError(
                'keep-out circle',
                got=f'center {self.center} m, radius {self.radius} m',
                expected='finite numbers, a positive radius',
            )

    def __str__(self) -> str:
        x, y = self.center
        return f'at ({x:g}, {y:g}) m of radius {self.radius:g} m'


@dataclass(frozen=True)
class HalfPlane:
    """
    The zone where normal · p < offset, e.g. a table: (0, 1) and -0.1 for all that is below it.

    :param normal: out of the zone; of any length
    :param offset: m, where the normal is of length 1; scaled with it
    :raises ConfigError: not finite, or the normal is zero
    """

    normal: JointPair
    offset: float

    def __post_init__(self) -> None:
        length = hypot(*self.normal)
        if not (isfinite(length) and isfinite(self.offset) and length > 0.0):
            raise ConfigError(
                'keep-out half plane',
                got=f'normal {self.normal}, offset {self.offset} m',
                expected='finite numbers, a normal that is not zero',
            )
        object.__setattr__(self, 'normal', (self.normal[0] / length, self.normal[1] / length))
        object.__setattr__(self, 'offset', self.offset / length)

    def __str__(self) -> str:
        x, y = self.normal
        return f'({x:g}, {y:g}) · p < {self.offset:g} m'


class Distances(NamedTuple):
    """
    How far the two links are from each zone, m; negative inside. (2, ..., N, zones) each.

    ``at`` a sample of a motion, and at least until the neighbouring ones: ``between``.
    """

    at_samples: Array
    between_samples: Array


class Zones:
    """
    Any number of zones.

    :param circles: the first of them
    :param half_planes: the others
    """

    def __init__(self, circles: Sequence[Circle], half_planes: Sequence[HalfPlane]) -> None:
        self.names = tuple(
            f'{kind} {number} {zone}'
            for kind, zones in (('circle', circles), ('half plane', half_planes))
            for number, zone in enumerate(zones, 1)
        )
        self._centers = np.array([complex(*circle.center) for circle in circles], dtype=complex)
        self._radii = np.array([circle.radius for circle in circles])
        self._normals = np.array([complex(*plane.normal) for plane in half_planes], dtype=complex)
        self._offsets = np.array([plane.offset for plane in half_planes])

    def distances_from_base(self) -> Array:
        """Return how far (m) the base is from each zone."""
        return np.concatenate((np.abs(self._centers) - self._radii, -self._offsets))

    def distances(self, links: SweptLinks) -> Distances:
        """
        Return how near the links come.

        Between two samples a point of a link goes nearly straight. Going straight over s, from one
        place at least r away from a center to another one, it stays sqrt(r² - s²/4) away.
        """
        points, travel, bend = (
            links.points[..., None],
            links.travel[..., None],
            links.chord_deviation[..., None],
        )
        heights = (points * self._normals.conj()).real - self._offsets
        start, link = points[:-1], points[1:] - points[:-1]
        away = self._centers - start
        share = np.clip((away * link.conj()).real / (link * link.conj()).real, 0.0, 1.0)
        nearest = np.abs(away - share * link)
        straight = np.sqrt(
            np.maximum(nearest**2 - (_interpolate_along_link(travel, share) / 2.0) ** 2, 0.0)
        )
        between = np.maximum(straight - _interpolate_along_link(bend, share), 0.0)
        return Distances(
            _join_distances(nearest - self._radii, heights),
            _join_distances(between - self._radii, heights - bend),
        )


def _interpolate_along_link(ends: Array, fraction: Array) -> Array:
    """Return what grows evenly along a link, at a share of its length."""
    return ends[:-1] + fraction * (ends[1:] - ends[:-1])


def _join_distances(circles: Array, heights: NDArray[np.float64]) -> Array:
    """Join the links' distances from circles and those of three points from half planes."""
    return np.concatenate((circles, np.minimum(heights[:-1], heights[1:])), axis=-1)
