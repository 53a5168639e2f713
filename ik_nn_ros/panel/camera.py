"""From where a page looks at the arm: from above, or from wherever the mouse takes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import cos, isclose, isfinite, sin, tan
from typing import NamedTuple

import numpy as np
import viser
from numpy.typing import ArrayLike, NDArray

from ik_nn_ros.arm.model import ArmModel, Array, JointPair, Plane
from ik_nn_ros.ik.acceptance import SolverConfig
from ik_nn_ros.ik.solver import HybridSolver

# MERGED panel.geometry: Where things are on the page: rays onto the plane, the arm as a line, where to look from.

Points = NDArray[np.float32]
"""As the page takes them."""
FIELD_OF_VIEW_RAD = 0.2
"""Of the camera, rad: narrow, so that from above what is higher is hardly bigger."""
VIEW_MARGIN_RATIO = 1.12
"""How much more than the arm's reach is to be seen."""
PORTRAIT_ASPECT_RATIO = 0.7
"""Width by height below which the page has its controls at the bottom: that of a phone."""
PORTRAIT_OFFSET_RATIO = 0.22
"""There: by how much of the height the arm is shown above the middle."""
OBLIQUE_ANGLE_RAD = 0.9
"""From the plane's normal to where the oblique view comes from, rad."""


class CameraPose(NamedTuple):
    """Where a camera stands, what it looks at and which way is up, in the base frame, m."""

    position: Array
    look_at: Array
    up: Array


def intersect_plane(plane: Plane, origin: ArrayLike, through: ArrayLike) -> JointPair | None:
    """
    Return where a ray meets a plane, (x, y) in it, m; None if it goes past.

    :param origin: where the ray begins, in the base frame, m
    :param through: a second point of it, m
    """
    x0, y0, height = plane.to_plane(*np.asarray(origin, dtype=float).tolist())
    x1, y1, lower = plane.to_plane(*np.asarray(through, dtype=float).tolist())
    fall = height - lower
    if fall == 0.0 or (part := height / fall) <= 0.0:
        return None
    x, y = x0 + part * (x1 - x0), y0 + part * (y1 - y0)
    return (x, y) if isfinite(x) and isfinite(y) else None


def link_points(arm: ArmModel, q: JointPair) -> Array:
    """Return (3, 2) base, elbow and tip, m, at joints (rad)."""
    theta1 = arm.signs[0] * q[0] + arm.offsets[0]
    elbow = (arm.lengths[0] * cos(theta1), arm.lengths[0] * sin(theta1))
    return np.array([(0.0, 0.0), elbow, arm.fk_point(*q)])


def other_branch_points(arm: ArmModel, q: JointPair) -> Array:
    """Return base, elbow and tip, m, with the elbow on the other side; none if it cannot be."""
    branch = 'negative' if arm.branch_of(q) > 0 else 'positive'
    other = HybridSolver(arm, None, SolverConfig(branch)).solve(*arm.fk_point(*q), q).q
    return link_points(arm, other) if other is not None else np.empty((0, 2))


def top_view(arm: ArmModel, aspect: float) -> CameraPose:
    """
    Return from where all that the arm reaches is seen straight from above.

    :param aspect: width of the picture by its height
    """
    half_height = VIEW_MARGIN_RATIO * arm.reach / min(1.0, aspect)
    _, y, normal = arm.plane.rotation.T
    middle = arm.plane.origin - (
        2.0 * PORTRAIT_OFFSET_RATIO * half_height * y if aspect < PORTRAIT_ASPECT_RATIO else 0.0
    )
    return CameraPose(middle + half_height / tan(FIELD_OF_VIEW_RAD / 2.0) * normal, middle, y)


def oblique_view(arm: ArmModel) -> CameraPose:
    """Return from where all that the arm reaches is seen obliquely, the plane being level."""
    _, y, normal = arm.plane.rotation.T
    distance = VIEW_MARGIN_RATIO * arm.reach / tan(FIELD_OF_VIEW_RAD / 2.0)
    toward = cos(OBLIQUE_ANGLE_RAD) * normal - sin(OBLIQUE_ANGLE_RAD) * y
    return CameraPose(arm.plane.origin + distance * toward, arm.plane.origin, normal)


def points_3d(points: Array, z: float = 0.0) -> Points:
    """Return (..., 2) points of the plane as (..., 3) of the page, m."""
    high = np.full((*points.shape[:-1], 1), z)
    return np.concatenate((points, high), axis=-1).astype(np.float32)


def line_segments(points: Sequence[JointPair] | Array) -> Points:
    """Return the (N - 1, 2, 3) lines through (N, 2) points of the plane, m."""
    places = points_3d(np.asarray(points, dtype=float).reshape(-1, 2))
    return np.stack((places[:-1], places[1:]), axis=1)


NEAR_CLIP_RATIO = 0.1
"""Nothing nearer to the camera is drawn: part of the reach."""
CLICK_PLANE_NODE = '/tray'
CLICK_PLANE_SIZE_RATIO, CLICK_PLANE_DEPTH_RATIO = 50.0, 2.0
"""Of the tray, and how far it lies below the plane: in reaches."""


class Camera:
    """
    The camera of one page.

    From above, an unseen tray below everything takes the clicks, and what is dragged beside the
    target, which would turn the camera. A window that changes its shape has all of the arm in it
    again.

    :param client: the page
    :param clicked: called with the point of the arm's plane that is clicked on from above, m
    """

    def __init__(self, client: viser.ClientHandle, clicked: Callable[[JointPair], object]) -> None:
        self._client, self._clicked = client, clicked
        self._arm: ArmModel | None = None
        self._click_plane: viser.BoxHandle | None = None
        self._aspect = client.camera.aspect
        client.camera.on_update(self._on_update)

    def show_arm(self, arm: ArmModel) -> None:
        """Look at this arm from now on, from above."""
        self._arm = arm
        self.set_free_view(False)

    def set_free_view(self, free: bool) -> None:
        """Let the mouse turn the view, or look from above."""
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

    def _add_click_plane(self, arm: ArmModel) -> None:
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

    def _apply_top_view(self, arm: ArmModel) -> None:
        self._apply_pose(arm, top_view(arm, self._client.camera.aspect))

    def _apply_pose(self, arm: ArmModel, pose: CameraPose) -> None:
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
    """Do nothing with what was dragged."""
