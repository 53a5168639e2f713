"""How old what a page asks for may be, told by pings on its connection."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol

from websockets.exceptions import ConnectionClosed

PERIOD = 0.2
"""Between an answer and the next ping, s."""
LATE = 1.0
"""What may be older (s) than this does not count."""


class Connection(Protocol):
    """What is asked of a page's connection."""

    async def ping(self) -> Awaitable[float]:
        """Send a ping; return what ends with its answer."""


class Pulse:
    """
    Tells whether what comes from a page comes in time.

    A connection that stalls delivers in the end what was asked for long ago. A browser answers
    pings in order with all that it sends: what comes after the answer to a ping is no older than
    the ping. After a gap nothing counts until a ping that was sent after it is answered.

    :param clock: s
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._heard = self._gap = clock()
        """When the last ping that was answered was sent, and when a gap was last noticed."""

    @property
    def silence(self) -> float:
        """For how long nothing has been heard, s."""
        return self._clock() - self._heard

    @property
    def is_late(self) -> bool:
        """Whether what comes now may have been held up."""
        self._notice()
        return self._heard < self._gap

    def answered(self, sent: float) -> None:
        """Take in that a ping of that time, s, was answered."""
        self._notice()
        self._heard = sent
        self._notice()

    async def follow(self, connection: Connection) -> None:
        """Ping a page until it is closed."""
        with suppress(ConnectionClosed):
            while True:
                sent = self._clock()
                await (await connection.ping())
                self.answered(sent)
                await asyncio.sleep(PERIOD)

    def _notice(self) -> None:
        now = self._clock()
        if now - self._heard > LATE and self._heard >= self._gap:
            self._gap = now
