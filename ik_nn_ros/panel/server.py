"""The web server, set up as the arm's page needs it."""

from __future__ import annotations

import asyncio
import io
from contextlib import redirect_stdout

import viser
from websockets import Headers
from websockets.asyncio.server import ServerConnection

from ik_nn_ros.panel.connection import (
    ConnectionHeartbeat,
    is_same_origin,
    page_urls,
    require_local_address,
)

# MERGED panel.addresses: Where the page can be opened.


# MERGED panel.origin: Whether it is our own page that has come to the web server.


# MERGED panel.pulse: How old what a page asks for may be, told by pings on its connection.


TITLE = 'ik_nn_ros'
ENVIRONMENT_INTENSITY_RATIO = 0.2
"""How bright the surroundings are: more makes the colors pale, without them shadows are black."""


class Server:
    """
    Serves the page.

    :param host: address to serve it at
    :param port: of it; the next free one, if it is in use
    :raises ConfigError: there is no such address here
    """

    def __init__(self, host: str, port: int) -> None:
        require_local_address(host)
        with redirect_stdout(io.StringIO()):
            self.viser = viser.ViserServer(host, port, label=TITLE, verbose=False)
        self.urls = page_urls(host, self.viser.get_port())
        self._host = host
        self._heartbeat_tasks: dict[int, asyncio.Task[None]] = {}
        # It would put the page, and with it the arm, on the internet.
        self.viser.request_share_url = lambda verbose=True: None  # type: ignore[method-assign]
        self.viser.gui.configure_theme(show_logo=False, show_share_button=False)
        self.viser.gui.main_panel.dock_right()
        self.viser.scene.world_axes.visible = False
        self.viser.scene.configure_default_lights(cast_shadow=False)
        self.viser.scene.configure_environment_map(
            environment_intensity=ENVIRONMENT_INTENSITY_RATIO
        )

    def is_same_origin(self, client_id: int) -> bool:
        """Tell whether it is our own page that is open, not another one that knows our port."""
        connection = self._connection(client_id)
        if connection is None:
            return False  # it was closed before it was heard that it had been opened
        headers = _headers(connection)
        return is_same_origin(headers.get('Origin'), headers.get('Host'), self._host)

    def fingerprint(self, client_id: int) -> tuple[str, str]:
        """Return what a page has in common with itself when it is loaded anew."""
        connection = self._connection(client_id)
        if connection is None:
            return '', ''
        return str(connection.remote_address[0]), _headers(connection).get('User-Agent', '')

    def start_heartbeat(self, client_id: int) -> ConnectionHeartbeat:
        """Listen to how a page keeps up; in the web server's thread."""
        pulse, connection = ConnectionHeartbeat(), self._connection(client_id)
        if connection is not None:
            self._heartbeat_tasks[client_id] = asyncio.create_task(
                pulse.ping_until_closed(connection)
            )
        return pulse

    def stop_heartbeat(self, client_id: int) -> None:
        """Listen to a page no more: it is closed."""
        ping = self._heartbeat_tasks.pop(client_id, None)
        if ping is not None:
            ping.cancel()

    def _connection(self, client_id: int) -> ServerConnection | None:
        return self.viser._websock_server._live_connections.get(client_id)

    def close(self) -> None:
        """Serve it no more."""
        with redirect_stdout(io.StringIO()):
            self.viser.stop()


def _headers(connection: ServerConnection) -> Headers:
    return connection.request.headers if connection.request is not None else Headers()
