"""
The camera of a page and its geometry: top and oblique view, and clicks on the arm's plane.

The page's origin is the arm's base link.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import cos, isclose, isfinite, sin, tan
from typing import NamedTuple

import numpy as np
import viser
from numpy.typing import ArrayLike, NDArray

from ik_nn_ros.arm.geometry import Array, JointPair, Plane, Point2
from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.ik.acceptance import SolverConfig
from ik_nn_ros.ik.solver import HybridSolver

Points = NDArray[np.float32]
"""Points as viser takes them, (..., 3), m."""
FIELD_OF_VIEW_RAD = 0.2
"""Field of view of the camera, rad: narrow, so that perspective hardly enlarges what is higher."""
VIEW_MARGIN_RATIO = 1.12
"""Visible radius as a multiple of the arm's reach."""
PORTRAIT_ASPECT_RATIO = 0.7
"""Width by height below which, as on a phone, the controls cover the bottom of the page."""
PORTRAIT_OFFSET_RATIO = 0.22
"""Upward shift of the arm on such a page, as a fraction of the height."""
OBLIQUE_ANGLE_RAD = 0.9
"""Angle between the plane's normal and the oblique line of sight, rad."""
NEAR_CLIP_RATIO = 0.1
"""Distance of the near clipping plane, as a fraction of reach."""
CLICK_PLANE_NODE = '/click_plane'
CLICK_PLANE_SIZE_RATIO = 50.0
"""Edge of the invisible click plane, as a multiple of reach."""
CLICK_PLANE_DEPTH_RATIO = 2.0
"""Distance of the click plane below the arm's plane, as a multiple of reach."""


class CameraPose(NamedTuple):
    """Position, target and up direction of a camera in the base frame, m."""

    position: Array
    look_at: Array
    up: Array


def intersect_plane(plane: Plane, origin: ArrayLike, through: ArrayLike) -> Point2 | None:
    """
    Return the point where a ray meets a plane.

    :param origin: origin of the ray in the base frame, m
    :param through: second point of the ray, m
    :return: (x, y) in the plane, m; None if the ray does not meet it
    """
    x0, y0, z0 = plane.to_plane(*np.asarray(origin, dtype=float).tolist())
    x1, y1, z1 = plane.to_plane(*np.asarray(through, dtype=float).tolist())
    if z0 == z1 or (scale := z0 / (z0 - z1)) <= 0.0:
        return None
    x, y = x0 + scale * (x1 - x0), y0 + scale * (y1 - y0)
    return (x, y) if isfinite(x) and isfinite(y) else None


def link_points(arm: Kinematics, q: JointPair) -> Array:
    """
    Return the corners of the arm's links in the plane at joint positions q, rad.

    :return: (3, 2) first axis, elbow and tip, m; (2, 2) first axis and tip without rigid links
    """
    poses = arm.link_poses(q)
    return poses.points if poses is not None else np.array([(0.0, 0.0), arm.fk_point(*q)])


def other_branch_points(arm: Kinematics, q: JointPair) -> Array:
    """
    Return the links on the other branch with the same tip.

    :return: (3, 2) first axis, elbow and tip, m; (0, 2) if the arm cannot be there
    """
    branch = 'negative' if arm.branch_of(q) > 0 else 'positive'
    other = HybridSolver(arm, None, SolverConfig(branch)).solve(*arm.fk_point(*q), q).q
    return link_points(arm, other) if other is not None else np.empty((0, 2))


def top_view(arm: Kinematics, aspect: float) -> CameraPose:
    """
    Return a camera along the plane's normal that sees everything within reach.

    :param aspect: width of the picture by its height
    """
    half_height = VIEW_MARGIN_RATIO * arm.reach / min(1.0, aspect)
    _, y, normal = arm.plane.rotation.T
    center = arm.plane.origin - (
        2.0 * PORTRAIT_OFFSET_RATIO * half_height * y if aspect < PORTRAIT_ASPECT_RATIO else 0.0
    )
    return CameraPose(center + half_height / tan(FIELD_OF_VIEW_RAD / 2.0) * normal, center, y)


def oblique_view(arm: Kinematics) -> CameraPose:
    """Return an oblique camera that sees everything within reach, with the plane level."""
    _, y, normal = arm.plane.rotation.T
    distance = VIEW_MARGIN_RATIO * arm.reach / tan(FIELD_OF_VIEW_RAD / 2.0)
    toward = cos(OBLIQUE_ANGLE_RAD) * normal - sin(OBLIQUE_ANGLE_RAD) * y
    return CameraPose(arm.plane.origin + distance * toward, arm.plane.origin, normal)


def points_3d(points: Array, z: float = 0.0) -> Points:
    """Return (..., 2) points of the plane with a height, (..., 3), m."""
    heights = np.full((*points.shape[:-1], 1), z)
    return np.concatenate((points, heights), axis=-1).astype(np.float32)


def line_segments(points: Sequence[Point2] | Array) -> Points:
    """Return the (N - 1, 2, 3) segments that connect (N, 2) points of the plane, m."""
    vertices = points_3d(np.asarray(points, dtype=float).reshape(-1, 2))
    return np.stack((vertices[:-1], vertices[1:]), axis=1)


class Camera:
    """
    The camera of one page.

    In the top view an invisible plane below everything takes the clicks, and the drags beside the
    target, which would otherwise turn the camera. The top view is adapted when the window changes
    its shape.

    :param client: the page
    :param clicked: called with the point of the arm's plane that was clicked in the top view, m
    """

    def __init__(self, client: viser.ClientHandle, clicked: Callable[[Point2], object]) -> None:
        self._client, self._clicked = client, clicked
        self._arm: Kinematics | None = None
        self._click_plane: viser.BoxHandle | None = None
        self._aspect = client.camera.aspect
        client.camera.on_update(self._on_update)

    def show_arm(self, arm: Kinematics) -> None:
        """Show this arm in the top view."""
        self._arm = arm
        self.set_free_view(False)

    def set_free_view(self, free: bool) -> None:
        """Switch between the free view, which the mouse turns, and the top view."""
        if self._click_plane is not None:
            self._click_plane.remove()
            self._click_plane = None
        if self._arm is None:
            return
        if free:
            self._apply_pose(self._arm, oblique_view(self._arm))
        else:
            self._add_click_plane(self._arm)
            self._apply_top_view(self._arm)

    def _add_click_plane(self, arm: Kinematics) -> None:
        x, y, normal = arm.plane.rotation.T
        size = CLICK_PLANE_SIZE_RATIO * arm.reach
        self._click_plane = self._client.scene.add_box(
            CLICK_PLANE_NODE,
            dimensions=tuple(np.abs(size * (x + y)) + 1e-3 * arm.reach),
            opacity=0.0,
            position=arm.plane.origin - CLICK_PLANE_DEPTH_RATIO * arm.reach * normal,
            cast_shadow=False,
            receive_shadow=False,
        )
        self._click_plane.on_drag(_ignore)
        self._click_plane.on_click(self._on_click)

    def _apply_top_view(self, arm: Kinematics) -> None:
        self._apply_pose(arm, top_view(arm, self._client.camera.aspect))

    def _apply_pose(self, arm: Kinematics, pose: CameraPose) -> None:
        camera = self._client.camera
        with self._client.atomic():
            camera.fov = FIELD_OF_VIEW_RAD
            camera.near = NEAR_CLIP_RATIO * arm.reach
            camera.up_direction = pose.up
            camera.position = pose.position
            camera.look_at = pose.look_at

    async def _on_click(self, event: viser.SceneNodePointerEvent[viser.BoxHandle]) -> None:
        if self._arm is None:
            return
        origin = np.asarray(event.ray_origin)
        through = origin + np.asarray(event.ray_direction)
        point = intersect_plane(self._arm.plane, origin, through)
        if point is not None:
            self._clicked(point)

    async def _on_update(self, camera: viser.CameraHandle) -> None:
        if not isclose(camera.aspect, self._aspect, rel_tol=1e-3):
            self._aspect = camera.aspect
            if self._click_plane is not None and self._arm is not None:
                self._apply_top_view(self._arm)


async def _ignore(_: object) -> None:
    """Ignore a drag."""
