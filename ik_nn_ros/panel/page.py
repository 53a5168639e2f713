"""
The page: one web server, any number of browsers, one of which drives.

What others show it comes in by one thread; what the browsers ask for goes out in the web server's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ik_nn_ros.arm.model import ArmModel, Array, JointPair
from ik_nn_ros.panel.scene import Scene
from ik_nn_ros.panel.server import Server
from ik_nn_ros.panel.sessions import Sessions
from ik_nn_ros.panel.view import Actions, Outcome, View
from ik_nn_ros.trajectory.keep_out import KeepOut

NO_POINTS = np.empty((0, 2))


class Page:
    """
    Serves the page.

    :param host: address to serve it at
    :param port: of it; the next free one, if it is in use
    :param actions: what the browsers ask for
    :raises ConfigError: there is no such address here
    """

    def __init__(self, host: str, port: int, actions: Actions) -> None:
        self._server = Server(host, port)
        self.urls = self._server.urls
        """Where it is, first for this machine itself."""
        self._actions = actions
        self._scene: Scene | None = None
        self._outcome: Outcome | None = None
        self._shown_points: Array = NO_POINTS
        self._tip: JointPair | None = None
        self._view = View()
        self._sessions = Sessions(
            self._server, actions, self._on_plane_clicked, self._release_target
        )

    @property
    def has_clients(self) -> bool:
        """Whether anybody looks."""
        return bool(self._sessions)

    @property
    def silence(self) -> float:
        """For how long nothing has been heard of the page that drives, s."""
        return self._sessions.silence

    def show_arm(self, urdf: str, arm: ArmModel) -> None:
        """
        Show this arm from now on.

        :param urdf: the URDF as text
        :param arm: the same as numbers
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
        """Show what the arm reaches with the elbow on the side that is allowed."""
        if self._scene is not None:
            self._scene.overlay.show_workspace(branch)

    def show_zones(self, keep_out: KeepOut) -> None:
        """Show the zones that the arm keeps out of."""
        if self._scene is not None:
            self._scene.overlay.show_zones(keep_out)

    def show_history(self, table: Array, max_velocity: JointPair) -> None:
        """
        Plot how the joints have moved.

        :param table: of a :class:`~ik_nn_ros.panel.plots.JointHistory`
        :param max_velocity: velocity limits in force, rad/s
        """
        self._sessions.show_history(table, max_velocity)

    def show_trail(self, points: Sequence[JointPair]) -> None:
        """Show where the tip has been, m."""
        if self._scene is not None:
            self._scene.show_trail(points)

    def show_joints(self, joints: Mapping[str, float], q: JointPair, is_stale: bool) -> None:
        """
        Show where the arm is.

        :param joints: of the whole robot by name, rad, m
        :param q: those of the arm, rad
        :param is_stale: whether that is only where it was when it was heard of last
        """
        if self._scene is None:
            return
        with self._server.viser.atomic():
            self._scene.show_joints(joints, q, is_stale)
            self._tip = self._scene.arm.fk_point(*q)
            self._place_idle_target()

    def show_outcome(self, outcome: Outcome | None) -> None:
        """Show the target by what became of it."""
        if outcome == self._outcome:
            return
        self._outcome = outcome
        if self._scene is not None:
            self._scene.show_outcome(outcome)
        self._place_idle_target()

    def show(self, view: View) -> None:
        """Show what the controls tell, and the figure that is being drawn."""
        self._view = view
        points = view.shape.points if view.shape is not None else NO_POINTS
        if self._scene is not None and points is not self._shown_points:
            self._shown_points = points
            self._scene.overlay.show_shape(points)
        self._sessions.show(view)

    def close(self) -> None:
        """Serve it no more."""
        self._server.close()

    def _place_idle_target(self) -> None:
        """Put a target that nobody has asked for where the tip is: there it is to be taken up."""
        if self._scene is not None and self._outcome is None and self._tip is not None:
            self._scene.place_target(self._tip)

    def _may_move_target(self, client_id: int) -> bool:
        """Tell whether a page may move the target: not while the arm would not follow it."""
        return not self._view.missing and self._sessions.accepts_input(client_id)

    def _on_plane_clicked(self, client_id: int, point: JointPair) -> None:
        """Have the arm go where a page is clicked on, m."""
        if self._scene is not None:
            self._scene.request_target(client_id, point)

    def _release_target(self) -> None:
        if self._scene is not None:
            self._scene.release_target()
