"""The browsers that have the page open: one of them drives, the others watch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import inf
from threading import RLock

import viser

from ik_nn_ros.arm.model import ArmModel, Array, JointPair
from ik_nn_ros.panel.camera import Camera
from ik_nn_ros.panel.connection import ConnectionHeartbeat
from ik_nn_ros.panel.controls import Controls
from ik_nn_ros.panel.server import Server
from ik_nn_ros.panel.status_text import IN_CONTROL_TEXT, STALE_INPUT_TEXT
from ik_nn_ros.panel.view import Actions, View

RECONNECT_GRACE_S = 15.0
"""The page that drove drives again when it is loaded anew within so long, s."""
NOTICE_DURATION_S = 5.0
"""How long a page is told that something it has asked for was not done, s."""


@dataclass
class Session:
    """One of them; ``looks`` tells it from the others, ``missed`` is when it came too late, s."""

    camera: Camera
    controls: Controls
    heartbeat: ConnectionHeartbeat
    fingerprint: tuple[str, str]
    last_stale_input: float = -NOTICE_DURATION_S


class Sessions:
    """
    Shows the same in all of them; lets the one that drives ask for what moves the arm.

    The web server's thread brings and takes them, another one shows things: one at a time.

    :param server: of the page
    :param actions: what they ask for
    :param clicked: called with who has clicked on which point of the arm's plane, m
    :param release_target: called when another one drives
    """

    def __init__(
        self,
        server: Server,
        actions: Actions,
        clicked: Callable[[int, JointPair], object],
        release_target: Callable[[], object],
    ) -> None:
        self._server, self._actions = server, actions
        self._clicked, self._release_target = clicked, release_target
        self._sessions: dict[int, Session] = {}
        """The oldest first."""
        self._active_client: int | None = None
        """None: nobody drives until one asks to, so that no watcher drives unawares."""
        self._last_disconnect = ('', ''), -RECONNECT_GRACE_S
        """How the one looked that drove last, and when it was closed, s."""
        self._arm: ArmModel | None = None
        self._view = View()
        self._lock = RLock()
        server.viser.on_client_connect(self._on_connect)
        server.viser.on_client_disconnect(self._on_disconnect)

    def __bool__(self) -> bool:
        return bool(self._sessions)

    def has_control(self, client_id: int) -> bool:
        """Tell whether it is that one that drives."""
        return client_id == self._active_client

    def accepts_input(self, client_id: int) -> bool:
        """Tell whether what that one asks for counts: it drives, and was not held up."""
        return self.has_control(client_id) and self._check_freshness(client_id)

    @property
    def silence(self) -> float:
        """For how long nothing has been heard of the one that drives, s."""
        with self._lock:
            driver = (
                self._sessions.get(self._active_client) if self._active_client is not None else None
            )
            return driver.heartbeat.silence if driver is not None else inf

    def _check_freshness(self, client_id: int) -> bool:
        browser = self._sessions.get(client_id)
        if browser is None or browser.heartbeat.is_stale:
            if browser is not None:
                browser.last_stale_input = time.monotonic()
            return False
        return True

    def show_arm(self, arm: ArmModel) -> None:
        """Show this arm from now on."""
        with self._lock:
            self._arm = arm
            for browser in self._sessions.values():
                browser.camera.show_arm(arm)
                browser.controls.show_arm(arm)

    def show(self, view: View) -> None:
        """Show how things stand."""
        with self._lock:
            self._view = view
            for page, browser in self._sessions.items():
                notes = (*view.notes, *self._notes(page, browser))
                drives, driven = self.has_control(page), self._active_client is not None
                browser.controls.show(replace(view, notes=notes), drives, driven)

    def _notes(self, client_id: int, session: Session) -> Iterator[str]:
        if time.monotonic() - session.last_stale_input < NOTICE_DURATION_S:
            yield STALE_INPUT_TEXT
        if self.has_control(client_id) and len(self._sessions) > 1:
            yield IN_CONTROL_TEXT

    def show_history(self, table: Array, max_velocity: JointPair) -> None:
        """Plot how the joints have moved, and their velocity limits."""
        with self._lock:
            for browser in self._sessions.values():
                browser.controls.show_history(table, max_velocity)

    def _guarded_actions(self, client_id: int) -> Actions:
        """Return what one can ask for: any may hold the arm, only the driver the rest."""

        def guarded(
            action: Callable[..., object], may: Callable[[int], bool]
        ) -> Callable[..., object]:
            def asked(*arguments: object) -> None:
                if may(client_id):
                    action(*arguments)

            return asked

        theirs = Actions(*(guarded(action, self.accepts_input) for action in self._actions))
        # What brings the arm to rest is never too late.
        stop_drawing = guarded(self._actions.stop_drawing, self.has_control)
        return theirs._replace(hold=self._actions.hold, stop_drawing=stop_drawing)

    def _grant_control(self, client_id: int | None, reason: str) -> None:
        """Let that one drive, and end what the one before has begun."""
        with self._lock:
            self._actions.stop_drawing(reason)
            self._active_client = client_id
            self._release_target()
            self.show(self._view)

    async def _on_connect(self, client: viser.ClientHandle) -> None:
        page = client.client_id
        if not self._server.is_same_origin(page):
            return  # it gets no controls, and what it drags does not count
        looks = self._server.fingerprint(page)

        def take_over() -> None:
            if self._check_freshness(page):
                self._grant_control(page, 'another page drives now.')

        def clicked(point: JointPair) -> None:
            self._clicked(page, point)

        with self._lock:
            camera = Camera(client, clicked)
            controls = Controls(
                client, self._guarded_actions(page), take_over, camera.set_free_view
            )
            self._sessions[page] = Session(
                camera, controls, self._server.start_heartbeat(page), looks
            )
            if self._active_client is None and (
                len(self._sessions) == 1 or self._is_reconnect(looks)
            ):
                self._active_client = page
            if self._arm is not None:
                camera.show_arm(self._arm)
                controls.show_arm(self._arm)
            self.show(self._view)

    def _is_reconnect(self, fingerprint: tuple[str, str]) -> bool:
        """Tell whether the page that drove last looked like this and was closed just now."""
        left, when = self._last_disconnect
        return fingerprint == left and time.monotonic() - when < RECONNECT_GRACE_S

    async def _on_disconnect(self, client: viser.ClientHandle) -> None:
        self._server.stop_heartbeat(client.client_id)
        with self._lock:
            browser = self._sessions.pop(client.client_id, None)
            if browser is not None and self.has_control(client.client_id):
                self._last_disconnect = browser.fingerprint, time.monotonic()
                self._grant_control(None, 'the page that drove was closed.')
