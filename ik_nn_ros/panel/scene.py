"""
What is seen of an arm on the page: robot, workspace, target, trail of the tip.

The page's origin is the base link. What lies in the arm's plane hangs below a frame that is the
plane's, so that it is placed by x and y.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import viser
from viser import transforms

from ik_nn_ros.arm.model import ArmModel, Pair
from ik_nn_ros.arm.plane import Array
from ik_nn_ros.ik.hybrid import HybridSolver
from ik_nn_ros.ik.problem import SolverConfig
from ik_nn_ros.panel import reachable
from ik_nn_ros.panel.arm_view import ArmView
from ik_nn_ros.panel.geometry import links, on_plane, other_branch
from ik_nn_ros.panel.view import Outcome

Color = tuple[int, int, int]
PLANE = '/plane'
GREEN, AMBER, RED, UNUSED = (0, 150, 50), (240, 140, 0), (215, 20, 20), (60, 90, 170)
SURFACE, BORDER, TRAIL = (120, 180, 240), (30, 90, 170), (150, 60, 190)
STICK, GHOST = (90, 90, 90), (170, 170, 170)
DIAMETER, THICKNESS = 0.13, 0.12
"""Of the target: parts of the reach; it looks out of the links above and below."""
LINE = 0.006
"""How wide lines are drawn: part of the reach."""
BELOW = 0.07
"""How far the surface lies below the plane, not to hide the links: part of the reach."""


def outcome_color(outcome: Outcome | None) -> Color:
    """Return the color of the target: not used yet, accepted, projected, refused."""
    if outcome is None:
        return UNUSED
    return {'ACCEPTED': GREEN, 'PROJECTED': AMBER}.get(outcome.code, RED)


class Scene:
    """
    Draws one arm.

    :param server: of the page
    :param urdf: the URDF as text
    :param arm: the same arm as numbers
    :param drag: called with who puts the target where, m; returns whether it goes there
    """

    def __init__(
        self,
        server: viser.ViserServer,
        urdf: str,
        arm: ArmModel,
        drag: Callable[[int, Pair], bool],
    ) -> None:
        self.arm = arm
        self._server, self._drag = server, drag
        self._grabbed: Pair | None = None
        """From where the target was grabbed to its middle, m; None: nobody drags it."""
        self._point: Pair = arm.fk_point(*arm.home)
        self._robot = ArmView(server, urdf, arm.plane.frame)
        turn = transforms.SO3.from_matrix(arm.plane.rotation).wxyz
        self._frame = server.scene.add_frame(
            PLANE, show_axes=False, wxyz=turn, position=arm.plane.origin
        )
        self._add_target()
        none = np.zeros((0, 2, 3))
        wide = LINE * arm.reach
        self._trail = server.scene.add_line_segments(f'{PLANE}/trail', none, TRAIL, thickness=wide)
        self._ghost = server.scene.add_line_segments(f'{PLANE}/ghost', none, GHOST, thickness=wide)
        self._stick = server.scene.add_line_segments(
            f'{PLANE}/links', none, STICK, thickness=4.0 * wide, visible=self._robot.is_empty
        )

    def _add_target(self) -> None:
        reach = self.arm.reach
        self._target = self._server.scene.add_cylinder(
            f'{PLANE}/target',
            radius=DIAMETER * reach / 2.0,
            height=THICKNESS * reach,
            color=UNUSED,
            opacity=0.85,
            cast_shadow=False,
            receive_shadow=False,
        )
        self._place(self._point)

        @self._target.on_drag
        async def _(event: viser.SceneNodeDragEvent[viser.CylinderHandle]) -> None:
            eye = event.client.camera.position
            if event.phase == 'end':
                self._grabbed = None
                return
            if event.phase == 'start':
                start = on_plane(self.arm.plane, eye, event.start_position)
                if start is None:
                    return
                self._grabbed = (self._point[0] - start[0], self._point[1] - start[1])
            point = on_plane(self.arm.plane, eye, event.end_position)
            if point is not None and self._grabbed is not None:
                point = (point[0] + self._grabbed[0], point[1] + self._grabbed[1])
                self.ask(event.client_id, point)

    def ask(self, page: int, point: Pair) -> None:
        """Put the target there, m, and have the arm go to it, if that page may."""
        if self._drag(page, point):
            self._place(point)

    def _place(self, point: Pair) -> None:
        self._point = point
        self._target.position = (*point, 0.0)

    def show_workspace(self, branch: str) -> None:
        """Draw what the arm reaches with the elbow on the side that is allowed."""
        solver = HybridSolver(self.arm, None, SolverConfig(branch))
        scene, reach = self._server.scene, self.arm.reach
        corners = lifted(reachable.surface(solver), -BELOW * reach).reshape(-1, 3)
        scene.add_mesh_simple(
            f'{PLANE}/workspace',
            corners,
            np.arange(len(corners)).reshape(-1, 3),
            color=SURFACE,
            opacity=0.3,
            side='double',
            cast_shadow=False,
            receive_shadow=False,
        )
        scene.add_line_segments(
            f'{PLANE}/edge', lifted(reachable.edge(solver)), BORDER, thickness=LINE * reach
        )

    def show_joints(self, joints: Mapping[str, float], q: Pair) -> None:
        """
        Draw the arm there.

        :param joints: of the whole robot by name, rad, m
        :param q: those of the arm, rad
        """
        self._robot.show(joints)
        if self._robot.is_empty:
            self._stick.points = segments(links(self.arm, q))

    def show_trail(self, points: Sequence[Pair]) -> None:
        """Draw where the tip has been, m."""
        self._trail.points = segments(points)

    def show_outcome(self, outcome: Outcome | None) -> None:
        """Draw the target in its color; at its place, unless it is being dragged."""
        self._target.color = outcome_color(outcome)
        goal = outcome.goal if outcome is not None else None
        self._ghost.points = segments(other_branch(self.arm, goal) if goal is not None else ())
        if outcome is not None and outcome.point is not None:
            self.place_target(outcome.point)

    def place_target(self, point: Pair) -> None:
        """Put the target there, m, unless it is being dragged."""
        if self._grabbed is None:
            self._place(point)

    def remove(self) -> None:
        """Take everything away."""
        self._robot.remove()
        self._frame.remove()


def lifted(points: Array, z: float = 0.0) -> Array:
    """Return (..., 2) points of the plane as (..., 3), m."""
    return np.concatenate((points, np.full((*points.shape[:-1], 1), z)), axis=-1)


def segments(points: Sequence[Pair] | Array) -> Array:
    """Return the (N - 1, 2, 3) lines through (N, 2) points of the plane, m."""
    places = lifted(np.asarray(points, dtype=float).reshape(-1, 2))
    return np.stack((places[:-1], places[1:]), axis=1)
