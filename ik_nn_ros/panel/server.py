"""The web server, set up as the arm's page needs it."""

from __future__ import annotations

import io
from contextlib import redirect_stdout

import viser

from ik_nn_ros.panel.origin import is_own, require_address

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
        self.url = f'http://{self.viser.get_host()}:{self.viser.get_port()}'
        self._host = host
        # It would put the page, and with it the arm, on the internet.
        self.viser.request_share_url = lambda verbose=True: None  # type: ignore[method-assign]
        self.viser.gui.configure_theme(show_logo=False, show_share_button=False)
        self.viser.gui.main_panel.dock_right()
        self.viser.scene.world_axes.visible = False
        self.viser.scene.configure_default_lights(cast_shadow=False)
        self.viser.scene.configure_environment_map(environment_intensity=DIM)

    def is_own(self, page: int) -> bool:
        """Tell whether it is our own page that has come, not another one that knows our port."""
        request = self.viser._websock_server._live_connections[page].request
        headers = request.headers if request is not None else {}
        return is_own(headers.get('Origin'), headers.get('Host'), self._host)

    def close(self) -> None:
        """Serve it no more."""
        with redirect_stdout(io.StringIO()):
            self.viser.stop()
