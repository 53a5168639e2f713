"""Meshes of keep-out zones: areas and edges of their triangles and lines."""

import numpy as np
import pytest

from ik_nn_ros.collision.zone_mesh import CIRCLE_SEGMENT_COUNT, build_zone_mesh
from ik_nn_ros.collision.zones import Circle, HalfPlane

POST = Circle((0.3, -0.2), 0.1)
TABLE = HalfPlane((0.0, 1.0), -0.5)
POLYGON_AREA = CIRCLE_SEGMENT_COUNT / 2.0 * np.sin(2.0 * np.pi / CIRCLE_SEGMENT_COUNT)
"""Of the polygon for a circle of radius 1."""


def area(corners):
    """Return the sum of the areas of triangles (3 N, 2); all must have the same orientation."""
    first, second, third = np.reshape(corners, (-1, 3, 2)).transpose(1, 0, 2)
    (x1, y1), (x2, y2) = (second - first).T, (third - first).T
    signed = (x1 * y2 - y1 * x2) / 2.0
    assert (signed > -1e-12).all() or (signed < 1e-12).all()
    return np.abs(signed).sum()


def test_a_circle_is_a_polygon_with_a_ring_of_the_margin():
    mesh = build_zone_mesh([POST], [], 0.05, 2.0)
    assert area(mesh.zones) == pytest.approx(POLYGON_AREA * 0.1**2)
    assert area(mesh.margins) == pytest.approx(POLYGON_AREA * (0.15**2 - 0.1**2))
    radii = np.hypot(*(mesh.edges - POST.center).T)
    np.testing.assert_allclose(radii, 0.1)
    assert len(mesh.edges) == 2 * CIRCLE_SEGMENT_COUNT
    lines = mesh.edges.reshape(-1, 2, 2)
    np.testing.assert_allclose(lines[:, 1], np.roll(lines[:, 0], -1, axis=0), atol=1e-12)


def test_a_half_plane_is_drawn_inside_the_square_with_a_strip_of_the_margin():
    mesh = build_zone_mesh([], [TABLE], 0.1, 2.0)
    assert area(mesh.zones) == pytest.approx(4.0 * 1.5)
    assert area(mesh.margins) == pytest.approx(4.0 * 0.1)
    assert mesh.zones[:, 1].max() == pytest.approx(-0.5)
    assert (mesh.margins[:, 1].min(), mesh.margins[:, 1].max()) == pytest.approx((-0.5, -0.4))
    ends = mesh.edges[np.argsort(mesh.edges[:, 0])]
    np.testing.assert_allclose(ends, [(-2.0, -0.5), (2.0, -0.5)])


def test_an_oblique_half_plane_cuts_a_corner_of_the_square():
    mesh = build_zone_mesh([], [HalfPlane((1.0, 1.0), -1.0)], 0.0, 1.0)
    assert area(mesh.zones) == pytest.approx(0.5)
    np.testing.assert_allclose(mesh.edges.sum(axis=1), -1.0)
    np.testing.assert_allclose(np.sort(mesh.edges[:, 0]), [-1.0, 0.0], atol=1e-12)


@pytest.mark.parametrize(('offset', 'covered'), [(-5.0, 0.0), (5.0, 16.0)])
def test_a_half_plane_without_an_edge_in_the_square_has_no_line(offset, covered):
    mesh = build_zone_mesh([], [HalfPlane((0.0, 1.0), offset)], 0.1, 2.0)
    assert area(mesh.zones) == pytest.approx(covered)
    assert mesh.edges.shape == (0, 2)


def test_without_a_margin_nothing_is_drawn_for_it():
    mesh = build_zone_mesh([POST], [TABLE], 0.0, 2.0)
    assert mesh.margins.shape == (0, 2)


def test_without_zones_the_mesh_is_empty():
    for part in build_zone_mesh([], [], 0.1, 2.0):
        assert part.shape == (0, 2)
