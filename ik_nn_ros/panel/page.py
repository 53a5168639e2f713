"""
The page: one web server, any number of browsers, one of which drives.

What others show it comes in by one thread; what the browsers ask for goes out in the web server's.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from typing import NamedTuple

import viser

from ik_nn_ros.arm.model import ArmModel, Pair
from ik_nn_ros.panel.camera import Camera
from ik_nn_ros.panel.controls import Controls
from ik_nn_ros.panel.origin import is_own, require_address
from ik_nn_ros.panel.scene import Scene
from ik_nn_ros.panel.view import Actions, Outcome, View


class Browser(NamedTuple):
    """A page that is open."""

    camera: Camera
    controls: Controls


class Page:
    """
    Serves the page.

    :param host: address to serve it at
    :param port: of it; the next free one, if it is in use
    :param actions: what the browsers ask for
    :raises ConfigError: there is no such address here
    """

    def __init__(self, host: str, port: int, actions: Actions) -> None:
        require_address(host)
        with redirect_stdout(io.StringIO()):
            self._server = viser.ViserServer(host, port, label='ik_nn_ros', verbose=False)
        self.url = f'http://{self._server.get_host()}:{self._server.get_port()}'
        self._host, self._actions = host, actions
        self._scene: Scene | None = None
        self._view = View()
        self._outcome: Outcome | None = None
        self._tip: Pair | None = None
        self._browsers: dict[int, Browser] = {}
        """The oldest first."""
        self._driver: int | None = None
        # It would put the page, and with it the arm, on the internet.
        self._server.request_share_url = lambda verbose=True: None
        self._server.gui.configure_theme(show_logo=False, show_share_button=False)
        self._server.gui.main_panel.dock_right()
        self._server.scene.world_axes.visible = False
        self._server.scene.configure_default_lights(cast_shadow=False)
        self._server.on_client_connect(self._on_connect)
        self._server.on_client_disconnect(self._on_disconnect)

    @property
    def is_open(self) -> bool:
        """Whether anybody looks."""
        return bool(self._browsers)

    def show_arm(self, urdf: str, arm: ArmModel) -> None:
        """
        Show this arm from now on.

        :param urdf: the URDF as text
        :param arm: the same as numbers
        """
        if self._scene is not None:
            self._scene.remove()
        self._scene = Scene(self._server, urdf, arm, self._drag)
        self._scene.show_outcome(self._outcome)
        for browser in list(self._browsers.values()):
            browser.camera.show_arm(arm)

    def show_workspace(self, branch: str) -> None:
        """Show what the arm reaches with the elbow on the side that is allowed."""
        if self._scene is not None:
            self._scene.show_workspace(branch)

    def show_joints(self, joints: Mapping[str, float], q: Pair, trail: Sequence[Pair]) -> None:
        """
        Show where the arm is and where its tip has been.

        :param joints: of the whole robot by name, rad, m
        :param q: those of the arm, rad
        :param trail: m
        """
        if self._scene is None:
            return
        with self._server.atomic():
            self._scene.show_joints(joints, q)
            self._scene.show_trail(trail)
            self._tip = self._scene.arm.fk_point(*q)
            self._place_unasked()

    def show(self, view: View) -> None:
        """Show what the controls tell, and the target by what became of it."""
        self._view = view
        if view.outcome != self._outcome:
            self._outcome = view.outcome
            if self._scene is not None:
                self._scene.show_outcome(view.outcome)
            self._place_unasked()
        for page, browser in list(self._browsers.items()):
            browser.controls.show(view, page == self._driver)

    def close(self) -> None:
        """Serve it no more."""
        with redirect_stdout(io.StringIO()):
            self._server.stop()

    def _place_unasked(self) -> None:
        """Put a target that nobody has asked for where the tip is: there it is to be taken up."""
        if self._scene is not None and self._outcome is None and self._tip is not None:
            self._scene.place_target(self._tip)

    def _drag(self, page: int, point: Pair) -> bool:
        if page != self._driver:
            return False
        self._actions.go_to(point)
        return True

    async def _on_connect(self, client: viser.ClientHandle) -> None:
        page = client.client_id
        headers = self._server._websock_server._live_connections[page].request.headers
        if not is_own(headers.get('Origin'), headers.get('Host'), self._host):
            return  # it gets no controls, and what it drags does not count

        def take_over() -> None:
            self._driver = page
            self.show(self._view)

        def clicked(point: Pair) -> None:
            if self._scene is not None:
                self._scene.ask(page, point)

        camera = Camera(client, clicked)
        controls = Controls(client, self._actions, take_over, camera.set_free)
        self._browsers[page] = Browser(camera, controls)
        if self._driver is None:
            self._driver = page
        if self._scene is not None:
            camera.show_arm(self._scene.arm)
        self.show(self._view)

    async def _on_disconnect(self, client: viser.ClientHandle) -> None:
        self._browsers.pop(client.client_id, None)
        if client.client_id == self._driver:
            self._driver = next(iter(self._browsers), None)
            self.show(self._view)
