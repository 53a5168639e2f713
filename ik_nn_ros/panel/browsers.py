"""The browsers that have the page open: one of them drives, the others watch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import inf
from threading import RLock

import viser

from ik_nn_ros.arm.model import ArmModel, JointPair
from ik_nn_ros.arm.plane import Array
from ik_nn_ros.panel.camera import Camera
from ik_nn_ros.panel.controls import Controls
from ik_nn_ros.panel.pulse import Pulse
from ik_nn_ros.panel.server import Server
from ik_nn_ros.panel.view import Actions, View
from ik_nn_ros.panel.words import HELD_UP, OTHERS_WATCH

KEPT = 15.0
"""The page that drove drives again when it is loaded anew within so long, s."""
TOLD = 5.0
"""How long a page is told that something it has asked for was not done, s."""


@dataclass
class Browser:
    """One of them; ``looks`` tells it from the others, ``missed`` is when it came too late, s."""

    camera: Camera
    controls: Controls
    pulse: Pulse
    looks: tuple[str, str]
    missed: float = -TOLD


class Browsers:
    """
    Shows the same in all of them; lets the one that drives ask for what moves the arm.

    The web server's thread brings and takes them, another one shows things: one at a time.

    :param server: of the page
    :param actions: what they ask for
    :param clicked: called with who has clicked on which point of the arm's plane, m
    :param let_go: called when another one drives
    """

    def __init__(
        self,
        server: Server,
        actions: Actions,
        clicked: Callable[[int, JointPair], object],
        let_go: Callable[[], object],
    ) -> None:
        self._server, self._actions = server, actions
        self._clicked, self._let_go = clicked, let_go
        self._open: dict[int, Browser] = {}
        """The oldest first."""
        self._driver: int | None = None
        """None: nobody drives until one asks to, so that no watcher drives unawares."""
        self._left = ('', ''), -KEPT
        """How the one looked that drove last, and when it was closed, s."""
        self._arm: ArmModel | None = None
        self._view = View()
        self._lock = RLock()
        server.viser.on_client_connect(self._on_connect)
        server.viser.on_client_disconnect(self._on_disconnect)

    def __bool__(self) -> bool:
        return bool(self._open)

    def may_drive(self, page: int) -> bool:
        """Tell whether it is that one that drives."""
        return page == self._driver

    def hears(self, page: int) -> bool:
        """Tell whether what that one asks for counts: it drives, and was not held up."""
        return self.may_drive(page) and self._is_in_time(page)

    @property
    def silence(self) -> float:
        """For how long nothing has been heard of the one that drives, s."""
        with self._lock:
            driver = self._open.get(self._driver) if self._driver is not None else None
            return driver.pulse.silence if driver is not None else inf

    def _is_in_time(self, page: int) -> bool:
        browser = self._open.get(page)
        if browser is None or browser.pulse.is_late:
            if browser is not None:
                browser.missed = time.monotonic()
            return False
        return True

    def show_arm(self, arm: ArmModel) -> None:
        """Show this arm from now on."""
        with self._lock:
            self._arm = arm
            for browser in self._open.values():
                browser.camera.show_arm(arm)
                browser.controls.show_arm(arm)

    def show(self, view: View) -> None:
        """Show how things stand."""
        with self._lock:
            self._view = view
            for page, browser in self._open.items():
                notes = (*view.notes, *self._notes(page, browser))
                drives, driven = self.may_drive(page), self._driver is not None
                browser.controls.show(replace(view, notes=notes), drives, driven)

    def _notes(self, page: int, browser: Browser) -> Iterator[str]:
        if time.monotonic() - browser.missed < TOLD:
            yield HELD_UP
        if self.may_drive(page) and len(self._open) > 1:
            yield OTHERS_WATCH

    def show_history(self, table: Array, fastest: JointPair) -> None:
        """Plot how the joints have moved, and their velocity limits."""
        with self._lock:
            for browser in self._open.values():
                browser.controls.show_history(table, fastest)

    def _actions_of(self, page: int) -> Actions:
        """Return what one can ask for: any may hold the arm, only the driver the rest."""

        def guarded(
            action: Callable[..., object], may: Callable[[int], bool]
        ) -> Callable[..., object]:
            def asked(*arguments: object) -> None:
                if may(page):
                    action(*arguments)

            return asked

        theirs = Actions(*(guarded(action, self.hears) for action in self._actions))
        # What brings the arm to rest is never too late.
        stop_drawing = guarded(self._actions.stop_drawing, self.may_drive)
        return theirs._replace(hold=self._actions.hold, stop_drawing=stop_drawing)

    def _let_drive(self, page: int | None, why: str) -> None:
        """Let that one drive, and end what the one before has begun."""
        with self._lock:
            self._actions.stop_drawing(why)
            self._driver = page
            self._let_go()
            self.show(self._view)

    async def _on_connect(self, client: viser.ClientHandle) -> None:
        page = client.client_id
        if not self._server.is_own(page):
            return  # it gets no controls, and what it drags does not count
        looks = self._server.looks(page)

        def take_over() -> None:
            if self._is_in_time(page):
                self._let_drive(page, 'another page drives now.')

        def clicked(point: JointPair) -> None:
            self._clicked(page, point)

        with self._lock:
            camera = Camera(client, clicked)
            controls = Controls(client, self._actions_of(page), take_over, camera.set_free)
            self._open[page] = Browser(camera, controls, self._server.pulse(page), looks)
            if self._driver is None and (len(self._open) == 1 or self._has_left(looks)):
                self._driver = page
            if self._arm is not None:
                camera.show_arm(self._arm)
                controls.show_arm(self._arm)
            self.show(self._view)

    def _has_left(self, looks: tuple[str, str]) -> bool:
        """Tell whether the page that drove last looked like this and was closed just now."""
        left, when = self._left
        return looks == left and time.monotonic() - when < KEPT

    async def _on_disconnect(self, client: viser.ClientHandle) -> None:
        self._server.forget(client.client_id)
        with self._lock:
            browser = self._open.pop(client.client_id, None)
            if browser is not None and self.may_drive(client.client_id):
                self._left = browser.looks, time.monotonic()
                self._let_drive(None, 'the page that drove was closed.')
