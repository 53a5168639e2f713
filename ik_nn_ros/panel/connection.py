"""Where the page can be opened."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed

from ik_nn_ros.errors import ConfigError

TEST_NET_ADDRESS = ('192.0.2.1', 9)
"""An address for documentation, RFC 5737: the way to it is asked for, nothing is sent."""


def page_urls(host: str, port: int) -> tuple[str, ...]:
    """
    Return where a page is, first where it is for its own machine.

    :param host: address it is served at; all addresses stand for the one others know it by
    :param port: of it
    """
    hosts = [host]
    with suppress(ValueError):  # a name
        if ipaddress.ip_address(host).is_unspecified:
            hosts = ['localhost', outbound_address()]
    return tuple(
        f'http://[{name}]:{port}' if ':' in name else f'http://{name}:{port}' for name in hosts
    )


def outbound_address() -> str:
    """Return the address by which this machine goes to others, without a network its name."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        try:
            way.connect(TEST_NET_ADDRESS)
        except OSError:
            return socket.gethostname()
        address: str = way.getsockname()[0]
        return address


# MERGED panel/origin.py: Whether it is our own page that has come to the web server.


def require_local_address(host: str) -> None:
    """
    Refuse what is no address of this machine: the web server would look for a port for ever.

    :raises ConfigError: it is none
    """
    found = []
    with suppress(OSError):
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)
    for family, kind, protocol, _, address in found:
        with suppress(OSError), socket.socket(family, kind, protocol) as trial:
            trial.bind(address)
            return
    raise ConfigError('host', got=host, expected='an address of this machine')


def is_loopback(host: str) -> bool:
    """Tell whether an address or a name is for this machine alone."""
    found = socket.getaddrinfo(host, None)
    return all(ipaddress.ip_address(address[0]).is_loopback for *_, address in found)


def is_same_origin(origin: str | None, host_header: str | None, host: str) -> bool:
    """
    Tell whether a connection comes from a page that this server has served.

    A browser lets any page of the web open one to this machine, but it says whose page it is. And
    such a page may have a name of its own stand for this machine, so that is asked for by name.

    :param origin: header Origin; None: it is no browser
    :param host_header: header Host
    :param host: address the page is served at
    """
    if origin is None:
        return True
    if host_header is None or urlsplit(origin).netloc != host_header:
        return False
    name = urlsplit(f'//{host_header}').hostname or ''
    return not is_loopback(host) or name in ('localhost', '127.0.0.1', '::1', host)


# MERGED panel/pulse.py: How old what a page asks for may be, told by pings on its connection.

PING_PERIOD_S = 0.2
"""Between an answer and the next ping, s."""
MAX_INPUT_AGE_S = 1.0
"""What may be older (s) than this does not count."""


class Connection(Protocol):
    """What is asked of a page's connection."""

    async def ping(self) -> Awaitable[float]:
        """Send a ping; return what ends with its answer."""


class ConnectionHeartbeat:
    """
    Tells whether what comes from a page comes in time.

    A connection that stalls delivers in the end what was asked for long ago. A browser answers
    pings in order with all that it sends: what comes after the answer to a ping is no older than
    the ping. After a gap nothing counts until a ping that was sent after it is answered.

    :param clock: s
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last_answered_ping = self._last_gap = clock()
        """When the last ping that was answered was sent, and when a gap was last noticed."""

    @property
    def silence(self) -> float:
        """For how long nothing has been heard, s."""
        return self._clock() - self._last_answered_ping

    @property
    def is_stale(self) -> bool:
        """Whether what comes now may have been held up."""
        self._detect_gap()
        return self._last_answered_ping < self._last_gap

    def record_pong(self, sent: float) -> None:
        """Take in that a ping of that time, s, was answered."""
        self._detect_gap()
        self._last_answered_ping = sent
        self._detect_gap()

    async def ping_until_closed(self, connection: Connection) -> None:
        """Ping a page until it is closed."""
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
