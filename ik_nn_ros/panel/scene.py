"""
What is seen of an arm on the page: robot, target, trail of the tip, and what lies behind them.

The page's origin is the base link. What lies in the arm's plane hangs below a frame that is the
plane's, so that it is placed by x and y.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import viser
import yourdfpy
from viser import transforms
from viser.extras import ViserUrdf

from ik_nn_ros.arm.model import ArmModel, Array, JointPair
from ik_nn_ros.collision.zone_mesh import build_zone_mesh
from ik_nn_ros.ik.reachable_region import ReachableRegion
from ik_nn_ros.panel.camera import (
    Points,
    intersect_plane,
    line_segments,
    link_points,
    other_branch_points,
    points_3d,
)
from ik_nn_ros.panel.status_text import UNANSWERED_TEXTS
from ik_nn_ros.panel.view import Outcome
from ik_nn_ros.trajectory.keep_out import KeepOut

# MERGED panel.arm_view: The robot of a URDF on the page.

ROBOT_NODE = '/robot'
PACKAGE_SCHEME = 'package://'
FILE_SCHEME = 'file://'


class ArmView:
    """
    Draws what the URDF says is to be seen.

    Nothing, until it is told where the joints are. The page's origin is the base link, so that
    points on it are points of the base frame.

    :param server: of the page
    :param urdf: the URDF as text
    :param base_link: that of the arm
    """

    def __init__(self, server: viser.ViserServer, urdf: str, base_link: str) -> None:
        self._urdf = yourdfpy.URDF.load(
            io.BytesIO(urdf.encode()), filename_handler=resolve_mesh_path
        )
        self._base_link = base_link
        self._frame = server.scene.add_frame(ROBOT_NODE, show_axes=False)
        self._urdf_view = ViserUrdf(server, self._urdf, root_node_name=ROBOT_NODE)
        self.is_empty = not self._urdf.scene.geometry
        """Whether there is nothing to be seen of it."""
        self._frame.visible = False

    @property
    def is_visible(self) -> bool:
        """Whether it is drawn."""
        return self._frame.visible

    @is_visible.setter
    def is_visible(self, visible: bool) -> None:
        if visible != self._frame.visible:  # every setting is a message
            self._frame.visible = visible

    def show(self, joints: Mapping[str, float]) -> None:
        """Draw it with its joints (rad, m) there, as far as it has them."""
        known = self._urdf.actuated_joint_names
        # By name, as its URDF takes them: a joint of several axes is one name, too.
        places: Any = {name: joints[name] for name in known if name in joints}
        self._urdf_view.update_cfg(places)
        root = self._urdf.get_transform(self._urdf.base_link, self._base_link)
        self._frame.wxyz = transforms.SO3.from_matrix(root[:3, :3]).wxyz
        self._frame.position = np.asarray(root[:3, 3])

    def remove(self) -> None:
        """Take it away."""
        self._frame.remove()  # and with it what hangs below


def resolve_mesh_path(fname: str) -> str:
    """Return the file that a mesh's address in a URDF stands for, or the address itself."""
    if fname.startswith(FILE_SCHEME):
        return fname.removeprefix(FILE_SCHEME)
    package, _, rest = fname.removeprefix(PACKAGE_SCHEME).partition('/')
    for prefix in os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep):
        file = Path(prefix) / 'share' / package / rest
        if fname.startswith(PACKAGE_SCHEME) and file.is_file():
            return str(file)
    return fname


# MERGED panel.backdrop: What lies in the arm's plane behind the arm: what it reaches, zones to keep out of, figures.

Color = tuple[int, int, int]
WORKSPACE_COLOR, WORKSPACE_EDGE_COLOR, SHAPE_COLOR = (120, 180, 240), (30, 90, 170), (110, 140, 110)
ZONE_COLOR, ZONE_EDGE_COLOR, MARGIN_COLOR = (220, 40, 40), (180, 15, 15), (245, 150, 40)
RING_COUNT, SECTOR_COUNT = 64, 256
"""Of the grid the surface is made of."""
EDGE_SPACING_RATIO, LINE_WIDTH_RATIO = 0.02, 0.006
"""Between points of the boundary, and how wide lines are drawn: parts of the reach."""
WORKSPACE_DEPTH_RATIO, ZONES_DEPTH_RATIO = 0.07, 0.06
"""How far surface and zones lie below the plane, not to hide the links: parts of the reach."""
HALF_PLANE_EXTENT_RATIO = 3.0
"""How far from the first axis half planes are drawn, in reaches: beyond the picture's edges."""
NO_LINES: Points = np.zeros((0, 2, 3), dtype=np.float32)


class WorkspaceOverlay:
    """
    Draws it, below the frame of the arm's plane.

    :param server: of the page
    :param arm: the arm
    :param root: name of that frame
    """

    def __init__(self, server: viser.ViserServer, arm: ArmModel, root: str) -> None:
        self._scene, self._arm, self._root = server.scene, arm, root
        self._zones: list[viser.MeshHandle | viser.LineSegmentsHandle] = []
        self._shape = self._add_lines('figure', NO_LINES, SHAPE_COLOR)

    def show_workspace(self, branch: str) -> None:
        """Draw what the arm reaches with the elbow on the side that is allowed."""
        area, down = ReachableRegion(self._arm, branch), -WORKSPACE_DEPTH_RATIO * self._arm.reach
        surface = area.triangles(RING_COUNT, SECTOR_COUNT).reshape(-1, 2)
        self._add_mesh('workspace', points_3d(surface, down), WORKSPACE_COLOR, 0.3)
        self._add_lines(
            'edge',
            points_3d(area.boundary_segments(EDGE_SPACING_RATIO), down),
            WORKSPACE_EDGE_COLOR,
        )

    def show_zones(self, keep_out: KeepOut) -> None:
        """Draw the zones and how far the links stay away from them."""
        for zone in self._zones:
            zone.remove()
        picture = build_zone_mesh(
            keep_out.circles,
            keep_out.half_planes,
            keep_out.margin,
            HALF_PLANE_EXTENT_RATIO * self._arm.reach,
        )
        down = -ZONES_DEPTH_RATIO * self._arm.reach
        self._zones = []
        for name, corners, color, opacity in (
            ('zones', picture.zones, ZONE_COLOR, 0.5),
            ('margins', picture.margins, MARGIN_COLOR, 0.3),
        ):
            if len(corners):
                self._zones.append(self._add_mesh(name, points_3d(corners, down), color, opacity))
        if len(picture.edges):
            ends = points_3d(picture.edges.reshape(-1, 2, 2), down)
            self._zones.append(self._add_lines('zone_edges', ends, ZONE_EDGE_COLOR))

    def show_shape(self, points: Array) -> None:
        """Draw what the arm is led along, (N, 2) points, m."""
        self._shape.points = line_segments(points)

    def _add_mesh(
        self, name: str, corners: Points, color: Color, opacity: float
    ) -> viser.MeshHandle:
        return self._scene.add_mesh_simple(
            f'{self._root}/{name}',
            corners,
            np.arange(len(corners)).reshape(-1, 3),
            color=color,
            opacity=opacity,
            side='double',
            cast_shadow=False,
            receive_shadow=False,
        )

    def _add_lines(self, name: str, ends: Points, color: Color) -> viser.LineSegmentsHandle:
        return self._scene.add_line_segments(
            f'{self._root}/{name}', ends, color, thickness=LINE_WIDTH_RATIO * self._arm.reach
        )


PLANE_NODE = '/plane'
GREEN, AMBER, RED, IDLE_COLOR = (0, 150, 50), (240, 140, 0), (215, 20, 20), (60, 90, 170)
TRAIL_COLOR, LINK_COLOR, GHOST_COLOR = (150, 60, 190), (90, 90, 90), (170, 170, 170)
TARGET_DIAMETER_RATIO, TARGET_THICKNESS_RATIO = 0.13, 0.12
"""Of the target: parts of the reach; it looks out of the links above and below."""


def outcome_color(outcome: Outcome | None) -> Color:
    """Return the color of the target: used or answered not yet, accepted, projected, refused."""
    if outcome is None:
        return IDLE_COLOR
    if outcome.code in UNANSWERED_TEXTS:
        return IDLE_COLOR
    return {'ACCEPTED': GREEN, 'PROJECTED': AMBER}.get(outcome.code, RED)


class Scene:
    """
    Draws one arm.

    :param server: of the page
    :param urdf: the URDF as text
    :param arm: the same arm as numbers
    :param may_move_target: tells whether a page may move the target
    :param go_to: called with where it is put, m
    """

    def __init__(
        self,
        server: viser.ViserServer,
        urdf: str,
        arm: ArmModel,
        may_move_target: Callable[[int], bool],
        go_to: Callable[[JointPair], object],
    ) -> None:
        self.arm = arm
        self._server, self._may_move_target, self._go_to = server, may_move_target, go_to
        self._grab_offset: JointPair | None = None
        """From where the target was grabbed to its middle, m; None: nobody drags it."""
        self._target_point: JointPair = arm.fk_point(*arm.home)
        self._robot = ArmView(server, urdf, arm.plane.base_frame)
        turn = transforms.SO3.from_matrix(arm.plane.rotation).wxyz
        self._frame = server.scene.add_frame(
            PLANE_NODE, show_axes=False, wxyz=turn, position=arm.plane.origin
        )
        self.overlay = WorkspaceOverlay(server, arm, PLANE_NODE)
        self._add_target()
        none, wide = NO_LINES, LINE_WIDTH_RATIO * arm.reach
        self._trail = server.scene.add_line_segments(
            f'{PLANE_NODE}/trail', none, TRAIL_COLOR, thickness=wide
        )
        self._other_branch = server.scene.add_line_segments(
            f'{PLANE_NODE}/ghost', none, GHOST_COLOR, thickness=wide
        )
        wide *= 4.0
        self._link_lines = server.scene.add_line_segments(
            f'{PLANE_NODE}/links', none, LINK_COLOR, thickness=wide
        )
        self._stale_lines = server.scene.add_line_segments(
            f'{PLANE_NODE}/past', none, GHOST_COLOR, thickness=wide
        )

    def _add_target(self) -> None:
        reach = self.arm.reach
        self._target = self._server.scene.add_cylinder(
            f'{PLANE_NODE}/target',
            radius=TARGET_DIAMETER_RATIO * reach / 2.0,
            height=TARGET_THICKNESS_RATIO * reach,
            color=IDLE_COLOR,
            opacity=0.85,
            cast_shadow=False,
            receive_shadow=False,
        )
        self._set_target_point(self._target_point)

        @self._target.on_drag
        async def _(event: viser.SceneNodeDragEvent[viser.CylinderHandle]) -> None:
            eye = event.client.camera.position
            if event.phase == 'end' or not self._may_move_target(event.client_id):
                self._grab_offset = None
                return
            if event.phase == 'start':
                start = intersect_plane(self.arm.plane, eye, event.start_position)
                if start is None:
                    return
                self._grab_offset = (
                    self._target_point[0] - start[0],
                    self._target_point[1] - start[1],
                )
            point = intersect_plane(self.arm.plane, eye, event.end_position)
            if point is not None and self._grab_offset is not None:
                point = (point[0] + self._grab_offset[0], point[1] + self._grab_offset[1])
                self.request_target(event.client_id, point)

        @self._target.on_click
        async def _(event: viser.SceneNodePointerEvent[viser.CylinderHandle]) -> None:
            # Once more: the arm may have been brought to rest on its way there.
            self.request_target(event.client_id, self._target_point)

    def request_target(self, client_id: int, point: JointPair) -> None:
        """Put the target there, m, and have the arm go to it, if that page may."""
        if self._may_move_target(client_id):
            self._go_to(point)
            self._set_target_point(point)

    def release_target(self) -> None:
        """Take the target out of the hand of the page that drags it."""
        self._grab_offset = None

    def _set_target_point(self, point: JointPair) -> None:
        self._target_point = point
        self._target.position = (*point, 0.0)

    def show_joints(self, joints: Mapping[str, float], q: JointPair, is_stale: bool) -> None:
        """
        Draw the arm there.

        :param joints: of the whole robot by name, rad, m
        :param q: those of the arm, rad
        :param is_stale: whether that is only where it was; then two pale lines stand for it
        """
        self._robot.show(joints)
        self._robot.is_visible = not is_stale
        lines = line_segments(link_points(self.arm, q))
        for handle, is_shown in (
            (self._stale_lines, is_stale),
            (self._link_lines, self._robot.is_empty and not is_stale),
        ):
            if is_shown or len(handle.points):  # every setting is a message
                handle.points = lines if is_shown else NO_LINES

    def show_trail(self, points: Sequence[JointPair]) -> None:
        """Draw where the tip has been, m."""
        self._trail.points = line_segments(points)

    def show_outcome(self, outcome: Outcome | None) -> None:
        """Draw the target in its color; at its place, unless it is being dragged."""
        self._target.color = outcome_color(outcome)
        goal = outcome.goal if outcome is not None else None
        self._other_branch.points = line_segments(
            other_branch_points(self.arm, goal) if goal is not None else ()
        )
        if outcome is not None and outcome.point is not None:
            self.place_target(outcome.point)

    def place_target(self, point: JointPair) -> None:
        """Put the target there, m, unless it is being dragged."""
        if self._grab_offset is None:
            self._set_target_point(point)

    def remove(self) -> None:
        """Take everything away."""
        self._robot.remove()
        self._frame.remove()
