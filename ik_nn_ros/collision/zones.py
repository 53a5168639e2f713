"""
Keep-out zones in the arm's plane, and the distances of the links from them along a motion.

Distances hold between the samples of a motion, too: :func:`sweep_links` bounds how far a point of a
link can be from the straight line between two samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot, isfinite
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.geometry import Array, Point2
from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.errors import ArmError, ConfigError


class SweptLinks(NamedTuple):
    """
    Base, elbow and tip at the samples of a motion, with bounds for the motion between samples.

    All arrays are (3, ..., N): base, elbow and tip at N samples.
    """

    points: NDArray[np.complex128]
    """Positions x + iy in the arm's plane, m."""
    travel: Array
    """Straight distance to the neighboring sample that is farther away, m."""
    chord_deviation: Array
    """Upper bound on the distance from the straight line between neighboring samples, m."""


def sweep_links(arm: Kinematics, q: Array) -> SweptLinks:
    """
    Return the positions of the links along motions.

    A link of length L that turns by Δ moves on an arc, which deviates from its chord by up to
    L Δ²/8. Uneven joint speeds add L/8 times the difference of neighboring Δ.

    :param arm: the arm
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
    deviation = np.zeros(points.shape)
    deviation[1] = poses.lengths[0] / 8.0 * neighbor_maximum(arcs[0])
    deviation[2] = deviation[1] + poses.lengths[1] / 8.0 * neighbor_maximum(arcs[1])
    return SweptLinks(points, neighbor_maximum(np.abs(np.diff(points))), deviation)


def neighbor_maximum(gaps: Array) -> Array:
    """
    Return for each sample the larger of the values before and after it.

    :param gaps: (..., N) values between N + 1 samples
    :return: (..., N + 1)
    """
    larger = np.zeros((*gaps.shape[:-1], gaps.shape[-1] + 1))
    larger[..., :-1] = gaps
    np.maximum(larger[..., 1:], gaps, out=larger[..., 1:])
    return larger


@dataclass(frozen=True)
class Circle:
    """
    Circular keep-out zone in the arm's plane, e.g. a post.

    :param center: (x, y), m
    :param radius: m
    :raises ConfigError: a number is not finite, or the radius is not positive
    """

    center: Point2
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
    Keep-out zone where normal · p < offset, e.g. (0, 1) and -0.1 for a table 0.1 m below the base.

    :param normal: direction out of the zone, of any length; stored as a unit vector
    :param offset: m for a unit normal; scaled together with the normal
    :raises ConfigError: a number is not finite, or the normal is zero
    """

    normal: Point2
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
    Distances of the two links from each zone, m, negative inside: (2, ..., N, zones) each.

    N is the number of samples of a motion.
    """

    at_samples: Array
    """Distance at each sample."""
    between_samples: Array
    """Lower bound on the distance from each sample to its neighbors."""


class Zones:
    """
    Set of keep-out zones: circles first, then half planes.

    :param circles: circular zones
    :param half_planes: half planes
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
        """Return the distance of the base from each zone, (zones,), m."""
        return np.concatenate((np.abs(self._centers) - self._radii, -self._offsets))

    def distances(self, links: SweptLinks) -> Distances:
        """
        Return the distances of the links from the zones along a motion.

        Between two samples a point of a link moves nearly straight. A straight move of length s
        between two points at a distance of at least r from a center stays sqrt(r² - s²/4) away.

        :param links: the swept links
        """
        points = links.points[..., None]
        travel, deviation = links.travel[..., None], links.chord_deviation[..., None]
        heights = (points * self._normals.conj()).real - self._offsets
        start, link = points[:-1], points[1:] - points[:-1]
        to_center = self._centers - start
        fraction = np.clip((to_center * link.conj()).real / (link * link.conj()).real, 0.0, 1.0)
        nearest = np.abs(to_center - fraction * link)
        chord = _interpolate_along_link(travel, fraction)
        straight = np.sqrt(np.maximum(nearest**2 - (chord / 2.0) ** 2, 0.0))
        between = np.maximum(straight - _interpolate_along_link(deviation, fraction), 0.0)
        return Distances(
            _join_distances(nearest - self._radii, heights),
            _join_distances(between - self._radii, heights - deviation),
        )


def _interpolate_along_link(ends: Array, fraction: Array) -> Array:
    """Interpolate linearly between values at the ends of the links."""
    return ends[:-1] + fraction * (ends[1:] - ends[:-1])


def _join_distances(circles: Array, heights: NDArray[np.float64]) -> Array:
    """
    Return the links' distances from all zones.

    :param circles: (2, ..., circles) distances of the links
    :param heights: (3, ..., half planes) distances of base, elbow and tip
    """
    return np.concatenate((circles, np.minimum(heights[:-1], heights[1:])), axis=-1)
