"""From where a page looks at the arm: from above, or from wherever the mouse takes it."""

from __future__ import annotations

from collections.abc import Callable
from math import isclose

import numpy as np
import viser

from ik_nn_ros.arm.model import ArmModel, JointPair
from ik_nn_ros.panel.geometry import FIELD, Place, on_plane, side_view, top_view

NEAR = 0.1
"""Nothing nearer to the camera is drawn: part of the reach."""
TRAY = '/tray'
SIZE, DEPTH = 50.0, 2.0
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
        self._tray: viser.BoxHandle | None = None
        self._aspect = client.camera.aspect
        client.camera.on_update(self._on_update)

    def show_arm(self, arm: ArmModel) -> None:
        """Look at this arm from now on, from above."""
        self._arm = arm
        self.set_free(False)

    def set_free(self, free: bool) -> None:
        """Let the mouse turn the view, or look from above."""
        if self._tray is not None:
            self._tray.remove()
            self._tray = None
        if self._arm is None:
            return
        if free:
            self._look(self._arm, side_view(self._arm))
        else:
            self._lay_tray(self._arm)
            self._look_from_above(self._arm)

    def _lay_tray(self, arm: ArmModel) -> None:
        x, y, normal = arm.plane.rotation.T
        size = SIZE * arm.reach
        self._tray = self._client.scene.add_box(
            TRAY,
            dimensions=tuple(np.abs(size * (x + y)) + 1e-3 * arm.reach),
            opacity=0.0,
            position=arm.plane.origin - DEPTH * arm.reach * normal,
            cast_shadow=False,
            receive_shadow=False,
        )
        self._tray.on_drag(_ignore)
        self._tray.on_click(self._on_click)

    def _look_from_above(self, arm: ArmModel) -> None:
        self._look(arm, top_view(arm, self._client.camera.aspect))

    def _look(self, arm: ArmModel, place: Place) -> None:
        camera = self._client.camera
        with self._client.atomic():
            camera.fov = FIELD
            camera.near = NEAR * arm.reach
            camera.up_direction = place.up
            camera.position = place.position
            camera.look_at = place.look_at

    async def _on_click(self, event: viser.SceneNodePointerEvent[viser.BoxHandle]) -> None:
        if self._arm is None:
            return
        origin = np.asarray(event.ray_origin)
        through = origin + np.asarray(event.ray_direction)
        point = on_plane(self._arm.plane, origin, through)
        if point is not None:
            self._clicked(point)

    async def _on_update(self, camera: viser.CameraHandle) -> None:
        if not isclose(camera.aspect, self._aspect, rel_tol=1e-3):
            self._aspect = camera.aspect
            if self._tray is not None and self._arm is not None:
                self._look_from_above(self._arm)


async def _ignore(_: object) -> None:
    """Do nothing with what was dragged."""
