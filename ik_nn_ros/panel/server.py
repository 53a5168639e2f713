"""The web server of the page: viser, configured for this package."""

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

TITLE = 'ik_nn_ros'
ENVIRONMENT_INTENSITY_RATIO = 0.2
"""Brightness of the environment map: a higher one bleaches colors, none makes shadows black."""


class Server:
    """
    Web server of one page, and what it knows of the browsers connected to it.

    :param host: address to listen at
    :param port: port to listen at; the next free one if it is in use
    :raises ConfigError: the address is not one of this machine
    """

    def __init__(self, host: str, port: int) -> None:
        require_local_address(host)
        with redirect_stdout(io.StringIO()):
            self.viser = viser.ViserServer(host, port, label=TITLE, verbose=False)
        self.urls = page_urls(host, self.viser.get_port())
        self._host = host
        self._heartbeat_tasks: dict[int, asyncio.Task[None]] = {}
        # A share URL would open the page, and with it the arm, to the internet.
        self.viser.request_share_url = lambda verbose=True: None  # type: ignore[method-assign]
        self.viser.gui.configure_theme(show_logo=False, show_share_button=False)
        self.viser.gui.main_panel.dock_right()
        self.viser.scene.world_axes.visible = False
        self.viser.scene.configure_default_lights(cast_shadow=False)
        self.viser.scene.configure_environment_map(
            environment_intensity=ENVIRONMENT_INTENSITY_RATIO
        )

    def close(self) -> None:
        """Stop the server."""
        with redirect_stdout(io.StringIO()):
            self.viser.stop()

    def is_same_origin(self, client_id: int) -> bool:
        """Return whether a client shows our own page, not a foreign one that knows our port."""
        connection = self._connection(client_id)
        if connection is None:
            return False  # closed before its opening was reported
        headers = _headers(connection)
        return is_same_origin(headers.get('Origin'), headers.get('Host'), self._host)

    def fingerprint(self, client_id: int) -> tuple[str, str]:
        """Return address and user agent of a browser, by which a reloaded page is recognized."""
        connection = self._connection(client_id)
        if connection is None:
            return '', ''
        return str(connection.remote_address[0]), _headers(connection).get('User-Agent', '')

    def start_heartbeat(self, client_id: int) -> ConnectionHeartbeat:
        """Start pinging a client; must be called in the web server's thread."""
        heartbeat, connection = ConnectionHeartbeat(), self._connection(client_id)
        if connection is not None:
            self._heartbeat_tasks[client_id] = asyncio.create_task(
                heartbeat.ping_until_closed(connection)
            )
        return heartbeat

    def stop_heartbeat(self, client_id: int) -> None:
        """Stop pinging a client that has disconnected."""
        task = self._heartbeat_tasks.pop(client_id, None)
        if task is not None:
            task.cancel()

    def _connection(self, client_id: int) -> ServerConnection | None:
        return self.viser._websock_server._live_connections.get(client_id)


def _headers(connection: ServerConnection) -> Headers:
    return connection.request.headers if connection.request is not None else Headers()
