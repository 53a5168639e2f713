"""
The 3D scene of one arm: robot, target, trail of the tip, workspace, keep-out zones and shape.

The scene's origin is the arm's base link. Everything in the arm's plane is a child of the plane's
frame and is placed there by x and y.
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

from ik_nn_ros.arm.geometry import Array, JointPair, Point2
from ik_nn_ros.arm.kinematics import Kinematics
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

Color = tuple[int, int, int]

# Scene nodes and schemes of mesh addresses

ROBOT_NODE = '/robot'
PLANE_NODE = '/plane'
PACKAGE_SCHEME = 'package://'
FILE_SCHEME = 'file://'

# Colors

IDLE_COLOR: Color = (60, 90, 170)
ACCEPTED_COLOR: Color = (0, 150, 50)
PROJECTED_COLOR: Color = (240, 140, 0)
REFUSED_COLOR: Color = (215, 20, 20)
TRAIL_COLOR: Color = (150, 60, 190)
LINK_COLOR: Color = (90, 90, 90)
STALE_COLOR: Color = (170, 170, 170)
WORKSPACE_COLOR: Color = (120, 180, 240)
WORKSPACE_EDGE_COLOR: Color = (30, 90, 170)
SHAPE_COLOR: Color = (110, 140, 110)
ZONE_COLOR: Color = (220, 40, 40)
ZONE_EDGE_COLOR: Color = (180, 15, 15)
MARGIN_COLOR: Color = (245, 150, 40)

# Sizes, as multiples of the arm's reach

TARGET_DIAMETER_RATIO = 0.13
TARGET_THICKNESS_RATIO = 0.12
"""Height of the target, which stands out above and below the links."""
LINE_WIDTH_RATIO = 0.006
EDGE_SPACING_RATIO = 0.02
"""Distance between the points of the workspace boundary."""
WORKSPACE_DEPTH_RATIO = 0.07
"""Depth of the workspace below the plane, so that it does not hide the links."""
ZONES_DEPTH_RATIO = 0.06
"""Depth of the keep-out zones below the plane."""
HALF_PLANE_EXTENT_RATIO = 3.0
"""Distance from the first axis to which half planes are drawn, beyond the mesh's edges."""

RING_COUNT = 64
"""Rings of the workspace's mesh."""
SECTOR_COUNT = 256
"""Sectors of the workspace's mesh."""
NO_LINES: Points = np.zeros((0, 2, 3), dtype=np.float32)


class ArmView:
    """
    The robot with the visual geometry of its URDF, hidden until :attr:`is_visible` is set.

    :param server: server of the page
    :param urdf: URDF as text
    :param base_link: base link of the arm, which becomes the origin
    """

    def __init__(self, server: viser.ViserServer, urdf: str, base_link: str) -> None:
        self._urdf = yourdfpy.URDF.load(
            io.BytesIO(urdf.encode()), filename_handler=resolve_mesh_path
        )
        self._base_link = base_link
        self._frame = server.scene.add_frame(ROBOT_NODE, show_axes=False)
        self._urdf_view = ViserUrdf(server, self._urdf, root_node_name=ROBOT_NODE)
        self.is_empty = not self._urdf.scene.geometry
        """Whether the URDF has no visual geometry."""
        self._frame.visible = False

    @property
    def is_visible(self) -> bool:
        """Whether the robot is drawn."""
        return self._frame.visible

    @is_visible.setter
    def is_visible(self, visible: bool) -> None:
        if visible != self._frame.visible:  # each assignment is a message
            self._frame.visible = visible

    def show(self, joints: Mapping[str, float]) -> None:
        """Draw the robot with these positions of its joints, rad or m."""
        known = self._urdf.actuated_joint_names
        # By name, because a joint with several axes is one name too.
        configuration: Any = {name: joints[name] for name in known if name in joints}
        self._urdf_view.update_cfg(configuration)
        root = self._urdf.get_transform(self._urdf.base_link, self._base_link)
        self._frame.wxyz = transforms.SO3.from_matrix(root[:3, :3]).wxyz
        self._frame.position = np.asarray(root[:3, 3])

    def remove(self) -> None:
        """Remove the robot from the scene."""
        self._frame.remove()  # and its children


def resolve_mesh_path(fname: str) -> str:
    """
    Return the file of a mesh's address.

    :param fname: address in the URDF: a path, ``file://`` or ``package://``
    :return: the path; the address itself if it cannot be resolved
    """
    if fname.startswith(FILE_SCHEME):
        return fname.removeprefix(FILE_SCHEME)
    package, _, rest = fname.removeprefix(PACKAGE_SCHEME).partition('/')
    for prefix in os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep):
        file = Path(prefix) / 'share' / package / rest
        if fname.startswith(PACKAGE_SCHEME) and file.is_file():
            return str(file)
    return fname


class WorkspaceOverlay:
    """
    Workspace, keep-out zones and shape, as children of the plane's frame.

    :param server: server of the page
    :param arm: the arm
    :param root: scene node of the plane's frame
    """

    def __init__(self, server: viser.ViserServer, arm: Kinematics, root: str) -> None:
        self._scene, self._arm, self._root = server.scene, arm, root
        self._zones: list[viser.MeshHandle | viser.LineSegmentsHandle] = []
        self._shape = self._add_lines('shape', NO_LINES, SHAPE_COLOR)

    def show_workspace(self, branch: str) -> None:
        """Draw the workspace of the allowed branch."""
        region, z = ReachableRegion(self._arm, branch), -WORKSPACE_DEPTH_RATIO * self._arm.reach
        surface = region.triangles(RING_COUNT, SECTOR_COUNT).reshape(-1, 2)
        self._add_mesh('workspace', points_3d(surface, z), WORKSPACE_COLOR, 0.3)
        boundary = region.boundary_segments(EDGE_SPACING_RATIO)
        self._add_lines('edge', points_3d(boundary, z), WORKSPACE_EDGE_COLOR)

    def show_zones(self, keep_out: KeepOut) -> None:
        """Draw the keep-out zones and the margin around them."""
        for zone in self._zones:
            zone.remove()
        mesh = build_zone_mesh(
            keep_out.circles,
            keep_out.half_planes,
            keep_out.margin,
            HALF_PLANE_EXTENT_RATIO * self._arm.reach,
        )
        z = -ZONES_DEPTH_RATIO * self._arm.reach
        self._zones = []
        for name, corners, color, opacity in (
            ('zones', mesh.zones, ZONE_COLOR, 0.5),
            ('margins', mesh.margins, MARGIN_COLOR, 0.3),
        ):
            if len(corners):
                self._zones.append(self._add_mesh(name, points_3d(corners, z), color, opacity))
        if len(mesh.edges):
            edges = points_3d(mesh.edges.reshape(-1, 2, 2), z)
            self._zones.append(self._add_lines('zone_edges', edges, ZONE_EDGE_COLOR))

    def show_shape(self, points: Array) -> None:
        """Draw the outline of the shape that is being drawn, (N, 2), m."""
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

    def _add_lines(self, name: str, segments: Points, color: Color) -> viser.LineSegmentsHandle:
        return self._scene.add_line_segments(
            f'{self._root}/{name}', segments, color, thickness=LINE_WIDTH_RATIO * self._arm.reach
        )


def outcome_color(outcome: Outcome | None) -> Color:
    """Return the color of a target by its result, or that of a target without an answer."""
    if outcome is None or outcome.code in UNANSWERED_TEXTS:
        return IDLE_COLOR
    colors = {'ACCEPTED': ACCEPTED_COLOR, 'PROJECTED': PROJECTED_COLOR}
    return colors.get(outcome.code, REFUSED_COLOR)


class Scene:
    """
    The arm and everything around it.

    :param server: server of the page
    :param urdf: URDF of the robot as text
    :param arm: model of the arm in it
    :param may_move_target: returns whether a client may move the target
    :param go_to: called with the point to which the target was moved, m
    """

    def __init__(
        self,
        server: viser.ViserServer,
        urdf: str,
        arm: Kinematics,
        may_move_target: Callable[[int], bool],
        go_to: Callable[[Point2], object],
    ) -> None:
        self.arm = arm
        self._server, self._may_move_target, self._go_to = server, may_move_target, go_to
        self._grab_offset: Point2 | None = None
        """Vector from the grabbed point to the target's center, m; None: it is not dragged."""
        self._target_point: Point2 = arm.fk_point(*arm.home)
        self._robot = ArmView(server, urdf, arm.plane.base_frame)
        orientation = transforms.SO3.from_matrix(arm.plane.rotation).wxyz
        self._frame = server.scene.add_frame(
            PLANE_NODE, show_axes=False, wxyz=orientation, position=arm.plane.origin
        )
        self.overlay = WorkspaceOverlay(server, arm, PLANE_NODE)
        self._add_target()
        width = LINE_WIDTH_RATIO * arm.reach
        self._trail = self._add_lines('trail', TRAIL_COLOR, width)
        self._other_branch = self._add_lines('other_branch', STALE_COLOR, width)
        self._link_lines = self._add_lines('links', LINK_COLOR, 4.0 * width)
        self._stale_lines = self._add_lines('stale_links', STALE_COLOR, 4.0 * width)

    def _add_lines(self, name: str, color: Color, width: float) -> viser.LineSegmentsHandle:
        return self._server.scene.add_line_segments(
            f'{PLANE_NODE}/{name}', NO_LINES, color, thickness=width
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

        self._target.on_drag(self._on_target_dragged)
        self._target.on_click(self._on_target_clicked)

    async def _on_target_dragged(
        self, event: viser.SceneNodeDragEvent[viser.CylinderHandle]
    ) -> None:
        if event.phase == 'end' or not self._may_move_target(event.client_id):
            self._grab_offset = None
            return
        camera = event.client.camera.position
        if event.phase == 'start':
            start = intersect_plane(self.arm.plane, camera, event.start_position)
            if start is None:
                return
            x, y = self._target_point
            self._grab_offset = (x - start[0], y - start[1])
        point = intersect_plane(self.arm.plane, camera, event.end_position)
        if point is not None and self._grab_offset is not None:
            point = (point[0] + self._grab_offset[0], point[1] + self._grab_offset[1])
            self.request_target(event.client_id, point)

    async def _on_target_clicked(
        self, event: viser.SceneNodePointerEvent[viser.CylinderHandle]
    ) -> None:
        # Send it again: the arm may have stopped on its way there.
        self.request_target(event.client_id, self._target_point)

    def request_target(self, client_id: int, point: Point2) -> None:
        """Send a target, m, and show it, if the client may move the target."""
        if self._may_move_target(client_id):
            self._go_to(point)
            self._set_target_point(point)

    def release_target(self) -> None:
        """End the drag of the target."""
        self._grab_offset = None

    def _set_target_point(self, point: Point2) -> None:
        self._target_point = point
        self._target.position = (*point, 0.0)

    def show_joints(self, joints: Mapping[str, float], q: JointPair, is_stale: bool) -> None:
        """
        Draw the arm at these joint positions.

        :param joints: positions of all joints of the robot by name, rad or m
        :param q: positions of the arm's joints, rad
        :param is_stale: whether these are the last known positions; then only two gray lines show
            the arm
        """
        self._robot.show(joints)
        self._robot.is_visible = not is_stale
        lines = line_segments(link_points(self.arm, q))
        for handle, is_shown in (
            (self._stale_lines, is_stale),
            (self._link_lines, self._robot.is_empty and not is_stale),
        ):
            if is_shown or len(handle.points):  # each assignment is a message
                handle.points = lines if is_shown else NO_LINES

    def show_trail(self, points: Sequence[Point2]) -> None:
        """Draw the recent path of the tip, m."""
        self._trail.points = line_segments(points)

    def show_outcome(self, outcome: Outcome | None) -> None:
        """Draw the target in its color, and at its point unless it is being dragged."""
        self._target.color = outcome_color(outcome)
        goal = outcome.goal if outcome is not None else None
        self._other_branch.points = (
            NO_LINES if goal is None else line_segments(other_branch_points(self.arm, goal))
        )
        if outcome is not None and outcome.point is not None:
            self.place_target(outcome.point)

    def place_target(self, point: Point2) -> None:
        """Draw the target at a point, m, unless it is being dragged."""
        if self._grab_offset is None:
            self._set_target_point(point)

    def remove(self) -> None:
        """Remove everything from the page."""
        self._robot.remove()
        self._frame.remove()
