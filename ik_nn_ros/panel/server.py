"""The web server, set up as the arm's page needs it."""

from __future__ import annotations

import asyncio
import io
from contextlib import redirect_stdout

import viser
from websockets import Headers
from websockets.asyncio.server import ServerConnection

from ik_nn_ros.panel.addresses import urls
from ik_nn_ros.panel.origin import is_own, require_address
from ik_nn_ros.panel.pulse import Pulse

TITLE = 'ik_nn_ros'
DIM = 0.2
"""How bright the surroundings are: more makes the colors pale, without them shadows are black."""


class Server:
    """
    Serves the page.

    :param host: address to serve it at
    :param port: of it; the next free one, if it is in use
    :raises ConfigError: there is no such address here
    """

    def __init__(self, host: str, port: int) -> None:
        require_address(host)
        with redirect_stdout(io.StringIO()):
            self.viser = viser.ViserServer(host, port, label=TITLE, verbose=False)
        self.urls = urls(host, self.viser.get_port())
        self._host = host
        self._pings: dict[int, asyncio.Task[None]] = {}
        # It would put the page, and with it the arm, on the internet.
        self.viser.request_share_url = lambda verbose=True: None  # type: ignore[method-assign]
        self.viser.gui.configure_theme(show_logo=False, show_share_button=False)
        self.viser.gui.main_panel.dock_right()
        self.viser.scene.world_axes.visible = False
        self.viser.scene.configure_default_lights(cast_shadow=False)
        self.viser.scene.configure_environment_map(environment_intensity=DIM)

    def is_own(self, page: int) -> bool:
        """Tell whether it is our own page that is open, not another one that knows our port."""
        connection = self._connection(page)
        if connection is None:
            return False  # it was closed before it was heard that it had been opened
        headers = _headers(connection)
        return is_own(headers.get('Origin'), headers.get('Host'), self._host)

    def looks(self, page: int) -> tuple[str, str]:
        """Return what a page has in common with itself when it is loaded anew."""
        connection = self._connection(page)
        if connection is None:
            return '', ''
        return str(connection.remote_address[0]), _headers(connection).get('User-Agent', '')

    def pulse(self, page: int) -> Pulse:
        """Listen to how a page keeps up; in the web server's thread."""
        pulse, connection = Pulse(), self._connection(page)
        if connection is not None:
            self._pings[page] = asyncio.create_task(pulse.follow(connection))
        return pulse

    def forget(self, page: int) -> None:
        """Listen to a page no more: it is closed."""
        ping = self._pings.pop(page, None)
        if ping is not None:
            ping.cancel()

    def _connection(self, page: int) -> ServerConnection | None:
        return self.viser._websock_server._live_connections.get(page)

    def close(self) -> None:
        """Serve it no more."""
        with redirect_stdout(io.StringIO()):
            self.viser.stop()


def _headers(connection: ServerConnection) -> Headers:
    return connection.request.headers if connection.request is not None else Headers()
