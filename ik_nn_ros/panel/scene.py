"""
What is seen of an arm on the page: robot, target, trail of the tip, and what lies behind them.

The page's origin is the base link. What lies in the arm's plane hangs below a frame that is the
plane's, so that it is placed by x and y.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import viser
from viser import transforms

from ik_nn_ros.arm.model import ArmModel, JointPair
from ik_nn_ros.panel.arm_view import ArmView
from ik_nn_ros.panel.backdrop import LINE, NO_LINES, Backdrop, Color
from ik_nn_ros.panel.geometry import links, on_plane, other_branch, segments
from ik_nn_ros.panel.view import Outcome
from ik_nn_ros.panel.words import UNANSWERED

PLANE = '/plane'
GREEN, AMBER, RED, UNUSED = (0, 150, 50), (240, 140, 0), (215, 20, 20), (60, 90, 170)
TRAIL, STICK, GHOST = (150, 60, 190), (90, 90, 90), (170, 170, 170)
DIAMETER, THICKNESS = 0.13, 0.12
"""Of the target: parts of the reach; it looks out of the links above and below."""


def outcome_color(outcome: Outcome | None) -> Color:
    """Return the color of the target: used or answered not yet, accepted, projected, refused."""
    if outcome is None:
        return UNUSED
    if outcome.code in UNANSWERED:
        return UNUSED
    return {'ACCEPTED': GREEN, 'PROJECTED': AMBER}.get(outcome.code, RED)


class Scene:
    """
    Draws one arm.

    :param server: of the page
    :param urdf: the URDF as text
    :param arm: the same arm as numbers
    :param may: tells whether a page may move the target
    :param go_to: called with where it is put, m
    """

    def __init__(
        self,
        server: viser.ViserServer,
        urdf: str,
        arm: ArmModel,
        may: Callable[[int], bool],
        go_to: Callable[[JointPair], object],
    ) -> None:
        self.arm = arm
        self._server, self._may, self._go_to = server, may, go_to
        self._grabbed: JointPair | None = None
        """From where the target was grabbed to its middle, m; None: nobody drags it."""
        self._point: JointPair = arm.fk_point(*arm.home)
        self._robot = ArmView(server, urdf, arm.plane.base_frame)
        turn = transforms.SO3.from_matrix(arm.plane.rotation).wxyz
        self._frame = server.scene.add_frame(
            PLANE, show_axes=False, wxyz=turn, position=arm.plane.origin
        )
        self.backdrop = Backdrop(server, arm, PLANE)
        self._add_target()
        none, wide = NO_LINES, LINE * arm.reach
        self._trail = server.scene.add_line_segments(f'{PLANE}/trail', none, TRAIL, thickness=wide)
        self._ghost = server.scene.add_line_segments(f'{PLANE}/ghost', none, GHOST, thickness=wide)
        wide *= 4.0
        self._stick = server.scene.add_line_segments(f'{PLANE}/links', none, STICK, thickness=wide)
        self._past = server.scene.add_line_segments(f'{PLANE}/past', none, GHOST, thickness=wide)

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
            if event.phase == 'end' or not self._may(event.client_id):
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

        @self._target.on_click
        async def _(event: viser.SceneNodePointerEvent[viser.CylinderHandle]) -> None:
            # Once more: the arm may have been brought to rest on its way there.
            self.ask(event.client_id, self._point)

    def ask(self, page: int, point: JointPair) -> None:
        """Put the target there, m, and have the arm go to it, if that page may."""
        if self._may(page):
            self._go_to(point)
            self._place(point)

    def let_go(self) -> None:
        """Take the target out of the hand of the page that drags it."""
        self._grabbed = None

    def _place(self, point: JointPair) -> None:
        self._point = point
        self._target.position = (*point, 0.0)

    def show_joints(self, joints: Mapping[str, float], q: JointPair, is_silent: bool) -> None:
        """
        Draw the arm there.

        :param joints: of the whole robot by name, rad, m
        :param q: those of the arm, rad
        :param is_silent: whether that is only where it was; then two pale lines stand for it
        """
        self._robot.show(joints)
        self._robot.is_visible = not is_silent
        lines = segments(links(self.arm, q))
        for handle, is_shown in (
            (self._past, is_silent),
            (self._stick, self._robot.is_empty and not is_silent),
        ):
            if is_shown or len(handle.points):  # every setting is a message
                handle.points = lines if is_shown else NO_LINES

    def show_trail(self, points: Sequence[JointPair]) -> None:
        """Draw where the tip has been, m."""
        self._trail.points = segments(points)

    def show_outcome(self, outcome: Outcome | None) -> None:
        """Draw the target in its color; at its place, unless it is being dragged."""
        self._target.color = outcome_color(outcome)
        goal = outcome.goal if outcome is not None else None
        self._ghost.points = segments(other_branch(self.arm, goal) if goal is not None else ())
        if outcome is not None and outcome.point is not None:
            self.place_target(outcome.point)

    def place_target(self, point: JointPair) -> None:
        """Put the target there, m, unless it is being dragged."""
        if self._grabbed is None:
            self._place(point)

    def remove(self) -> None:
        """Take everything away."""
        self._robot.remove()
        self._frame.remove()
