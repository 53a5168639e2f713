"""The browsers that have the page open: one of them drives, the others watch."""

from __future__ import annotations

from collections.abc import Callable
from threading import RLock
from typing import NamedTuple

import viser

from ik_nn_ros.arm.model import ArmModel, Pair
from ik_nn_ros.arm.plane import Array
from ik_nn_ros.panel.camera import Camera
from ik_nn_ros.panel.controls import Controls
from ik_nn_ros.panel.server import Server
from ik_nn_ros.panel.view import Actions, View


class Browser(NamedTuple):
    """One of them."""

    camera: Camera
    controls: Controls


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
        clicked: Callable[[int, Pair], object],
        let_go: Callable[[], object],
    ) -> None:
        self._server, self._actions = server, actions
        self._clicked, self._let_go = clicked, let_go
        self._open: dict[int, Browser] = {}
        """The oldest first."""
        self._driver: int | None = None
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
                browser.controls.show(view, self.may_drive(page))

    def show_history(self, table: Array) -> None:
        """Plot the table of a :class:`~ik_nn_ros.panel.history.JointHistory`."""
        with self._lock:
            for browser in self._open.values():
                browser.controls.show_history(table)

    def _actions_of(self, page: int) -> Actions:
        """Return what one can ask for: any may hold the arm, only the driver the rest."""

        def guarded(action: Callable[..., object]) -> Callable[..., object]:
            def asked(*arguments: object) -> None:
                if self.may_drive(page):
                    action(*arguments)

            return asked

        theirs = Actions(*(guarded(action) for action in self._actions))
        return theirs._replace(hold=self._actions.hold)

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

        def take_over() -> None:
            self._let_drive(page, 'another page drives now.')

        def clicked(point: Pair) -> None:
            self._clicked(page, point)

        with self._lock:
            camera = Camera(client, clicked)
            controls = Controls(client, self._actions_of(page), take_over, camera.set_free)
            self._open[page] = Browser(camera, controls)
            if self._driver is None:
                self._driver = page
            if self._arm is not None:
                camera.show_arm(self._arm)
                controls.show_arm(self._arm)
            self.show(self._view)

    async def _on_disconnect(self, client: viser.ClientHandle) -> None:
        with self._lock:
            self._open.pop(client.client_id, None)
            if self.may_drive(client.client_id):
                self._let_drive(next(iter(self._open), None), 'the page that drove was closed.')
