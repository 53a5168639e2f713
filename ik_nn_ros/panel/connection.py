"""
Connections to the page: its addresses, opening it, origin check and heartbeat.

Used by the demo before anything heavy is loaded: it imports neither viser, rich nor NumPy.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from importlib.util import find_spec
from typing import Protocol
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed

from ik_nn_ros.errors import ConfigError

TEST_NET_ADDRESS = ('192.0.2.1', 9)
"""Documentation address (RFC 5737): its route names our own address; nothing is sent to it."""
PING_PERIOD_S = 0.2
"""Pause between the answer to a ping and the next ping, s."""
MAX_INPUT_AGE_S = 1.0
"""Age above which an input does not count, s."""


# Addresses


def page_urls(host: str, port: int) -> tuple[str, ...]:
    """
    Return the addresses of the page, the one for its own machine first.

    :param host: address that the server listens at; an unspecified one (``0.0.0.0``, ``::``) yields
        ``localhost`` and the address by which other machines reach this one
    :param port: port that the server listens at
    """
    hosts = [host]
    with suppress(ValueError):  # a host name
        if ipaddress.ip_address(host).is_unspecified:
            hosts = ['localhost', outbound_address()]
    return tuple(
        f'http://[{name}]:{port}' if ':' in name else f'http://{name}:{port}' for name in hosts
    )


def outbound_address() -> str:
    """Return the address of this machine in its network, or its name without a network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(TEST_NET_ADDRESS)
        except OSError:
            return socket.gethostname()
        address: str = probe.getsockname()[0]
        return address


def require_local_address(host: str) -> None:
    """
    Check that this machine has an address; with another one, viser would try ports forever.

    :raises ConfigError: the address is not one of this machine
    """
    candidates = []
    with suppress(OSError):
        candidates = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)
    for family, kind, protocol, _, address in candidates:
        with suppress(OSError), socket.socket(family, kind, protocol) as probe:
            probe.bind(address)
            return
    raise ConfigError('host', got=host, expected='an address of this machine')


def is_loopback(host: str) -> bool:
    """Return whether an address or host name is reachable from this machine only."""
    candidates = socket.getaddrinfo(host, None)
    return all(ipaddress.ip_address(address[0]).is_loopback for *_, address in candidates)


# Origin


def is_same_origin(origin: str | None, host_header: str | None, host: str) -> bool:
    """
    Return whether a connection comes from a page that this server has served.

    Browsers let any page of the web connect to this machine, but send the page's origin along.
    DNS rebinding can give a foreign page a name that resolves to this machine: on a loopback
    address only the names of this machine are accepted.

    :param origin: header Origin; None: the client is no browser
    :param host_header: header Host
    :param host: address that the server listens at
    """
    if origin is None:
        return True
    if host_header is None or urlsplit(origin).netloc != host_header:
        return False
    name = urlsplit(f'//{host_header}').hostname or ''
    return not is_loopback(host) or name in ('localhost', '127.0.0.1', '::1', host)


# Heartbeat


class Connection(Protocol):
    """The part of a websocket connection that the heartbeat uses."""

    async def ping(self) -> Awaitable[float]:
        """Send a ping; return a future that ends with its answer."""


class ConnectionHeartbeat:
    """
    Detects inputs that a stalled connection delivers late.

    A browser answers pings in order with everything else that it sends, so that an input which
    follows the answer to a ping is no older than that ping. After a gap of more than
    :data:`MAX_INPUT_AGE_S` inputs are stale until a ping that was sent after the gap is answered.

    :param clock: monotonic time, s
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last_answered_ping = self._last_gap = clock()
        """When the last answered ping was sent, and when a gap was last noticed, s."""

    @property
    def silence(self) -> float:
        """Age of the last answered ping, s."""
        return self._clock() - self._last_answered_ping

    @property
    def is_stale(self) -> bool:
        """Whether an input that arrives now may be older than :data:`MAX_INPUT_AGE_S`."""
        self._detect_gap()
        return self._last_answered_ping < self._last_gap

    def record_pong(self, sent: float) -> None:
        """Record the answer to a ping that was sent at this time, s."""
        self._detect_gap()
        self._last_answered_ping = sent
        self._detect_gap()

    async def ping_until_closed(self, connection: Connection) -> None:
        """Ping a page until its connection is closed."""
        with suppress(ConnectionClosed):
            while True:
                sent = self._clock()
                await (await connection.ping())
                self.record_pong(sent)
                await asyncio.sleep(PING_PERIOD_S)

    def _detect_gap(self) -> None:
        now = self._clock()
        if (
            now - self._last_answered_ping > MAX_INPUT_AGE_S
            and self._last_answered_ping >= self._last_gap
        ):
            self._last_gap = now


REQUIRED_MODULES = ('viser', 'yourdfpy')
"""Modules that the page needs."""
INSTALL_COMMAND = "pip install 'viser[urdf]'"
"""Command that installs them."""


def missing_module() -> str:
    """Return the first required module that is not installed; empty: all are installed."""
    return next((name for name in REQUIRED_MODULES if find_spec(name) is None), '')


def open_in_browser(url: str) -> None:
    """Open a page in the desktop's browser; without a desktop nothing happens."""
    if os.environ.get('DISPLAY') or os.environ.get('WAYLAND_DISPLAY'):
        # In a session without this terminal: some browsers write to it, some block until they are
        # closed, and Ctrl-C here must not reach them.
        subprocess.Popen(
            [sys.executable, '-m', 'webbrowser', url],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
