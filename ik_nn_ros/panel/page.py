"""
The page in the browser: one web server, any number of browsers, one of which drives.

The panel's executor thread updates the page; the actions of the browsers are called in the web
server's thread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ik_nn_ros.arm.geometry import Array, JointPair, Point2
from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.panel.scene import Scene
from ik_nn_ros.panel.server import Server
from ik_nn_ros.panel.sessions import Sessions
from ik_nn_ros.panel.view import Actions, Outcome, View
from ik_nn_ros.trajectory.keep_out import KeepOut

NO_POINTS = np.empty((0, 2))


class Page:
    """
    The page of one arm.

    :param host: address to listen at
    :param port: port to listen at; the next free one if it is in use
    :param actions: callbacks of the page's controls
    :raises ConfigError: the address is not one of this machine
    """

    def __init__(self, host: str, port: int, actions: Actions) -> None:
        self._server = Server(host, port)
        self.urls = self._server.urls
        """Addresses of the page, the one for its own machine first."""
        self._actions = actions
        self._scene: Scene | None = None
        self._outcome: Outcome | None = None
        self._shown_points: Array = NO_POINTS
        self._tip: Point2 | None = None
        self._view = View()
        self._sessions = Sessions(
            self._server, actions, self._on_plane_clicked, self._release_target
        )

    def close(self) -> None:
        """Stop the web server."""
        self._server.close()

    @property
    def has_clients(self) -> bool:
        """Whether any browser has the page open."""
        return bool(self._sessions)

    @property
    def silence(self) -> float:
        """Time since the page that drives was last heard, s; infinite if no page drives."""
        return self._sessions.silence

    # Contents

    def show_arm(self, urdf: str, arm: Kinematics) -> None:
        """
        Replace the arm that is shown.

        :param urdf: URDF of the robot as text
        :param arm: model of the arm in it
        """
        if self._scene is not None:
            self._scene.remove()
        self._scene = Scene(
            self._server.viser, urdf, arm, self._may_move_target, self._actions.go_to
        )
        self._scene.show_outcome(self._outcome)
        self._shown_points = NO_POINTS
        self._sessions.show_arm(arm)

    def show_workspace(self, branch: str) -> None:
        """Show the workspace of the allowed branch."""
        if self._scene is not None:
            self._scene.overlay.show_workspace(branch)

    def show_zones(self, keep_out: KeepOut) -> None:
        """Show the keep-out zones."""
        if self._scene is not None:
            self._scene.overlay.show_zones(keep_out)

    def show_history(self, table: Array, max_velocity: JointPair) -> None:
        """
        Update the plots.

        :param table: (5, N), as of :meth:`ik_nn_ros.panel.history.JointHistory.table`
        :param max_velocity: velocity limits in force, rad/s
        """
        self._sessions.show_history(table, max_velocity)

    def show_trail(self, points: Sequence[Point2]) -> None:
        """Show the recent path of the tip, m."""
        if self._scene is not None:
            self._scene.show_trail(points)

    def show_joints(self, joints: Mapping[str, float], q: JointPair, is_stale: bool) -> None:
        """
        Show the arm at these joint positions.

        :param joints: positions of all joints of the robot by name, rad or m
        :param q: positions of the arm's joints, rad
        :param is_stale: whether these are the last known positions, not the current ones
        """
        if self._scene is None:
            return
        with self._server.viser.atomic():
            self._scene.show_joints(joints, q, is_stale)
            self._tip = self._scene.arm.fk_point(*q)
            self._place_idle_target()

    def show_outcome(self, outcome: Outcome | None) -> None:
        """Show the target at its point, in the color of its result."""
        if outcome == self._outcome:
            return
        self._outcome = outcome
        if self._scene is not None:
            self._scene.show_outcome(outcome)
        self._place_idle_target()

    def show(self, view: View) -> None:
        """Update the controls, and the outline of the shape that is being drawn."""
        self._view = view
        points = view.shape.points if view.shape is not None else NO_POINTS
        if self._scene is not None and points is not self._shown_points:
            self._shown_points = points
            self._scene.overlay.show_shape(points)
        self._sessions.show(view)

    def _place_idle_target(self) -> None:
        """Keep an unused target at the tip, from where it can be dragged."""
        if self._scene is not None and self._outcome is None and self._tip is not None:
            self._scene.place_target(self._tip)

    # Input

    def _may_move_target(self, client_id: int) -> bool:
        """Return whether a client may move the target: not while the arm would not follow it."""
        return not self._view.missing and self._sessions.accepts_input(client_id)

    def _on_plane_clicked(self, client_id: int, point: Point2) -> None:
        if self._scene is not None:
            self._scene.request_target(client_id, point)

    def _release_target(self) -> None:
        if self._scene is not None:
            self._scene.release_target()
