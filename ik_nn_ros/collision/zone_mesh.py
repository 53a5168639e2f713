"""Triangles and lines that display keep-out zones, their edges and the margins around them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ik_nn_ros.arm.geometry import Array
from ik_nn_ros.collision.zones import Circle, HalfPlane

CIRCLE_SEGMENT_COUNT = 48
"""Number of sides of the polygon that approximates a circle."""


class ZoneMesh(NamedTuple):
    """Keep-out zones as primitives to be drawn, in the arm's plane, m."""

    zones: Array
    """(3 N, 2) corners of triangles."""
    edges: Array
    """(2 N, 2) ends of lines."""
    margins: Array
    """(3 N, 2) corners of triangles."""


def build_zone_mesh(
    circles: Sequence[Circle], half_planes: Sequence[HalfPlane], margin: float, half_extent: float
) -> ZoneMesh:
    """
    Return the mesh of keep-out zones.

    :param circles: keep-out zones in the arm's plane
    :param half_planes: keep-out zones in the arm's plane
    :param margin: distance that the links keep from the zones, m
    :param half_extent: half planes are drawn inside a square around the first joint's axis; half
        its side, m
    """
    square = np.array(
        [
            (-half_extent, -half_extent),
            (half_extent, -half_extent),
            (half_extent, half_extent),
            (-half_extent, half_extent),
        ]
    )
    zones = [_disc(circle) for circle in circles] + [
        _clipped_half_plane(square, plane) for plane in half_planes
    ]
    rings = [_ring(circle, margin) for circle in circles]
    strips = [_strip(square, plane, margin) for plane in half_planes]
    edges = [_circle_edge(circle) for circle in circles] + [
        _half_plane_edge(square, plane) for plane in half_planes
    ]
    return ZoneMesh(_concatenate(zones), _concatenate(edges), _concatenate(rings + strips))


def _circle_points(circle: Circle, radius: float) -> Array:
    """Return (CIRCLE_SEGMENT_COUNT + 1, 2) points around the center; the last is the first."""
    angle = np.linspace(0.0, 2.0 * np.pi, CIRCLE_SEGMENT_COUNT + 1)
    points: Array = circle.center + radius * np.stack((np.cos(angle), np.sin(angle)), axis=-1)
    return points


def _disc(circle: Circle) -> Array:
    return _triangle_fan(_circle_points(circle, circle.radius)[:-1])


def _circle_edge(circle: Circle) -> Array:
    return np.array(list(pairwise(_circle_points(circle, circle.radius)))).reshape(-1, 2)


def _ring(circle: Circle, width: float) -> Array:
    if width == 0.0:
        return np.empty((0, 2))
    inner = _circle_points(circle, circle.radius)
    outer = _circle_points(circle, circle.radius + width)
    quads = np.stack((inner[:-1], outer[:-1], outer[1:], inner[1:]), axis=1)
    return quads[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 2)


def _clipped_half_plane(square: Array, plane: HalfPlane) -> Array:
    return _triangle_fan(_clip_polygon(square, np.array(plane.normal), plane.offset))


def _strip(square: Array, plane: HalfPlane, width: float) -> Array:
    if width == 0.0:
        return np.empty((0, 2))
    normal = np.array(plane.normal)
    below = _clip_polygon(square, normal, plane.offset + width)
    return _triangle_fan(_clip_polygon(below, -normal, -plane.offset))


def _half_plane_edge(square: Array, plane: HalfPlane) -> Array:
    """Return the ends (2, 2) of a half plane's edge; (0, 2) where it is outside the square."""
    normal = np.array(plane.normal)
    corners = _clip_polygon(square, normal, plane.offset)
    on_edge = np.abs(corners @ normal - plane.offset) < 1e-9 * np.abs(square).max()
    return corners[on_edge] if on_edge.sum() == 2 else np.empty((0, 2))


def _clip_polygon(polygon: Array, normal: Array, offset: float) -> Array:
    """Return the part (M, 2) of a convex polygon (N, 2) where normal · p <= offset."""
    height = polygon @ normal - offset
    corners = []
    for start, end, low, high in zip(
        polygon, np.roll(polygon, -1, axis=0), height, np.roll(height, -1), strict=True
    ):
        if low <= 0.0:
            corners.append(start)
        if low * high < 0.0:
            corners.append(start + (end - start) * low / (low - high))
    return np.array(corners).reshape(-1, 2)


def _triangle_fan(polygon: Array) -> Array:
    """Return the triangles (3 M, 2) of a convex polygon (N, 2)."""
    rows = [(0, n, n + 1) for n in range(1, len(polygon) - 1)]
    corners: Array = polygon[np.array(rows, dtype=int).reshape(-1)]
    return corners


def _concatenate(parts: Iterable[Array]) -> Array:
    return np.concatenate([np.empty((0, 2)), *parts])
