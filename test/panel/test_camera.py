"""Clicks and cameras of the page: rays onto the plane, and views that show the whole workspace."""

from math import pi

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ik_nn_ros.arm.geometry import Plane
from ik_nn_ros.arm.urdf import load_arm, read_description
from ik_nn_ros.files import share_directory
from ik_nn_ros.panel.camera import (
    FIELD_OF_VIEW_RAD,
    intersect_plane,
    link_points,
    oblique_view,
    other_branch_points,
    top_view,
)

ARM = load_arm(read_description(share_directory() / 'urdf' / 'arm.urdf.xacro'))
TURNED = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
PLANE = Plane('base_link', np.array([0.1, -0.2, 0.3]), TURNED)
length = st.floats(-2.0, 2.0)


@given(length, length, length, length, st.floats(0.1, 5.0), st.floats(0.1, 0.9))
def test_a_ray_through_a_point_of_the_plane_meets_it_there(x, y, eye_x, eye_y, height, fraction):
    point = PLANE.to_base((x, y))
    eye = PLANE.to_base((eye_x, eye_y)) + height * PLANE.rotation[:, 2]
    assert intersect_plane(PLANE, eye, eye + fraction * (point - eye)) == pytest.approx(
        (x, y), abs=1e-9
    )


def test_a_ray_along_the_plane_or_away_from_it_does_not_meet_it():
    eye = PLANE.to_base((0.0, 0.0)) + PLANE.rotation[:, 2]
    assert intersect_plane(PLANE, eye, eye + PLANE.rotation[:, 0]) is None
    assert intersect_plane(PLANE, eye, eye + PLANE.rotation[:, 2]) is None


def test_the_other_branch_reaches_the_same_point_on_the_other_side():
    q = (0.4, 0.9)
    points = other_branch_points(ARM, q)
    assert points[-1] == pytest.approx(ARM.fk_point(*q))
    assert np.linalg.norm(points[1] - link_points(ARM, q)[1]) > 0.1
    assert np.linalg.norm(points[1]) == pytest.approx(ARM.lengths[0])


def project(camera, points, aspect):
    """Return points of the base frame in the picture, -1 to 1 from left and bottom."""
    forward = camera.look_at - camera.position
    forward = forward / np.linalg.norm(forward)
    right = np.cross(forward, camera.up)
    right = right / np.linalg.norm(right)
    up = np.cross(right, forward)
    offset = points - camera.position
    half = np.tan(FIELD_OF_VIEW_RAD / 2.0) * (offset @ forward)
    return np.stack((offset @ right / (half * aspect), offset @ up / half), axis=-1)


@pytest.mark.parametrize('aspect', [0.46, 0.75, 1.0, 1.2, 2.0])
def test_the_top_view_shows_the_whole_workspace(aspect):
    angle = np.linspace(-pi, pi, 60)
    rim = ARM.plane.to_base(ARM.reach * np.stack((np.cos(angle), np.sin(angle)), axis=-1))
    seen = project(top_view(ARM, aspect), rim, aspect)
    assert np.abs(seen).max() < 1.0
    assert seen[:, 0].max() > 0.4  # and not tiny
    # x to the right, y up
    x, y = project(top_view(ARM, aspect), ARM.plane.to_base([(0.1, 0.0), (0.0, 0.1)]), aspect)
    center = project(top_view(ARM, aspect), ARM.plane.to_base([(0.0, 0.0)]), aspect)[0]
    assert x[0] > center[0]
    assert y[1] > center[1]


def test_the_oblique_view_shows_the_whole_workspace():
    angle = np.linspace(-pi, pi, 60)
    rim = ARM.plane.to_base(ARM.reach * np.stack((np.cos(angle), np.sin(angle)), axis=-1))
    assert np.abs(project(oblique_view(ARM), rim, 1.2)).max() < 1.0
