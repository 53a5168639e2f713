"""Sessions of the browsers that have the page open: one of them drives, the others watch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import inf
from threading import RLock

import viser

from ik_nn_ros.arm.geometry import Array, JointPair, Point2
from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.panel.camera import Camera
from ik_nn_ros.panel.connection import ConnectionHeartbeat
from ik_nn_ros.panel.controls import Controls
from ik_nn_ros.panel.server import Server
from ik_nn_ros.panel.status_text import IN_CONTROL_TEXT, STALE_INPUT_TEXT
from ik_nn_ros.panel.view import Actions, View

RECONNECT_GRACE_S = 15.0
"""Time within which a reloaded page that drove before drives again, s."""
NOTICE_DURATION_S = 5.0
"""Time for which a page shows that its input was ignored, s."""


@dataclass
class Session:
    """
    One browser.

    :param camera: its view of the arm
    :param controls: its buttons and texts
    :param heartbeat: its connection
    :param fingerprint: its address and user agent
    :param last_stale_input: when an input of it was ignored, s
    """

    camera: Camera
    controls: Controls
    heartbeat: ConnectionHeartbeat
    fingerprint: tuple[str, str]
    last_stale_input: float = -inf

    def check_freshness(self) -> bool:
        """Return whether an input counts; if not, note it for the page to show."""
        if self.heartbeat.is_stale:
            self.last_stale_input = time.monotonic()
            return False
        return True


class Sessions:
    """
    All browsers: they show the same, but only the page that drives moves the arm.

    The web server's thread opens and closes sessions while another thread updates them, so every
    access holds a lock.

    :param server: server of the page
    :param actions: what the page that drives may do
    :param clicked: called with a client's id and the point of the arm's plane it clicked on, m
    :param release_target: called when another page takes over
    """

    def __init__(
        self,
        server: Server,
        actions: Actions,
        clicked: Callable[[int, Point2], object],
        release_target: Callable[[], object],
    ) -> None:
        self._server, self._actions = server, actions
        self._clicked, self._release_target = clicked, release_target
        self._sessions: dict[int, Session] = {}
        """Sessions by client id, oldest first."""
        self._active_client: int | None = None
        """
        Client that drives. None after it has disconnected: then no page drives until one asks for
        it, so that nobody who watches drives without knowing.
        """
        self._last_disconnect = ('', ''), -inf
        """Fingerprint of the page that drove last, and when it was closed, s."""
        self._arm: Kinematics | None = None
        self._view = View()
        self._lock = RLock()
        server.viser.on_client_connect(self._on_connect)
        server.viser.on_client_disconnect(self._on_disconnect)

    def __bool__(self) -> bool:
        return bool(self._sessions)

    # Control

    def has_control(self, client_id: int) -> bool:
        """Return whether a client drives."""
        return client_id == self._active_client

    def accepts_input(self, client_id: int) -> bool:
        """Return whether an input of a client counts: the client drives, and it was in time."""
        return self.has_control(client_id) and self._check_freshness(client_id)

    @property
    def silence(self) -> float:
        """Time since the page that drives was last heard, s; infinite if no page drives."""
        with self._lock:
            client_id = self._active_client
            session = None if client_id is None else self._sessions.get(client_id)
            return inf if session is None else session.heartbeat.silence

    def _check_freshness(self, client_id: int) -> bool:
        session = self._sessions.get(client_id)
        return session is not None and session.check_freshness()

    def _guarded_actions(self, client_id: int) -> Actions:
        """Return a client's actions: each needs control, and input in time, except stopping."""

        def guarded(
            action: Callable[..., object], is_allowed: Callable[[int], bool]
        ) -> Callable[..., object]:
            def guarded_action(*arguments: object) -> None:
                if is_allowed(client_id):
                    action(*arguments)

            return guarded_action

        actions = Actions(*(guarded(action, self.accepts_input) for action in self._actions))
        # What stops the arm is never too late, and every page may hold it.
        stop_drawing = guarded(self._actions.stop_drawing, self.has_control)
        return actions._replace(hold=self._actions.hold, stop_drawing=stop_drawing)

    def _set_active_client(self, client_id: int | None, reason: str) -> None:
        """Hand control over, and end what the previous page has begun."""
        with self._lock:
            self._actions.stop_drawing(reason)
            self._active_client = client_id
            self._release_target()
            self.show(self._view)

    # Connections

    async def _on_connect(self, client: viser.ClientHandle) -> None:
        client_id = client.client_id
        if not self._server.is_same_origin(client_id):
            return  # no controls, and nothing that it drags counts

        def take_over() -> None:
            if self._check_freshness(client_id):
                self._set_active_client(client_id, 'another page drives now.')

        def clicked(point: Point2) -> None:
            self._clicked(client_id, point)

        with self._lock:
            camera = Camera(client, clicked)
            controls = Controls(
                client, self._guarded_actions(client_id), take_over, camera.set_free_view
            )
            session = Session(
                camera,
                controls,
                self._server.start_heartbeat(client_id),
                self._server.fingerprint(client_id),
            )
            self._sessions[client_id] = session
            if self._active_client is None and (
                len(self._sessions) == 1 or self._is_reconnect(session)
            ):
                self._active_client = client_id
            if self._arm is not None:
                camera.show_arm(self._arm)
                controls.show_arm(self._arm)
            self.show(self._view)

    def _is_reconnect(self, session: Session) -> bool:
        """Return whether this is the page that drove last, reloaded."""
        fingerprint, closed_at = self._last_disconnect
        return (
            session.fingerprint == fingerprint and time.monotonic() - closed_at < RECONNECT_GRACE_S
        )

    async def _on_disconnect(self, client: viser.ClientHandle) -> None:
        self._server.stop_heartbeat(client.client_id)
        with self._lock:
            session = self._sessions.pop(client.client_id, None)
            if session is not None and self.has_control(client.client_id):
                self._last_disconnect = session.fingerprint, time.monotonic()
                self._set_active_client(None, 'the page that drove was closed.')

    # Contents

    def show_arm(self, arm: Kinematics) -> None:
        """Show an arm on all pages."""
        with self._lock:
            self._arm = arm
            for session in self._sessions.values():
                session.camera.show_arm(arm)
                session.controls.show_arm(arm)

    def show(self, view: View) -> None:
        """Update the controls of all pages."""
        with self._lock:
            self._view = view
            for client_id, session in self._sessions.items():
                notes = (*view.notes, *self._notes(client_id, session))
                session.controls.show(
                    replace(view, notes=notes),
                    has_control=self.has_control(client_id),
                    is_controlled=self._active_client is not None,
                )

    def show_history(self, table: Array, max_velocity: JointPair) -> None:
        """Update the plots of all pages."""
        with self._lock:
            for session in self._sessions.values():
                session.controls.show_history(table, max_velocity)

    def _notes(self, client_id: int, session: Session) -> Iterator[str]:
        if time.monotonic() - session.last_stale_input < NOTICE_DURATION_S:
            yield STALE_INPUT_TEXT
        if self.has_control(client_id) and len(self._sessions) > 1:
            yield IN_CONTROL_TEXT
