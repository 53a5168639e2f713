"""Calls of services whose answers are waited for only so long."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

PATIENCE = 1.0
"""How long an answer may take, s."""


class Calls:
    """
    Makes them; :meth:`look` gives up those that have had no answer in time.

    Callbacks and looks come from one thread.
    """

    def __init__(self) -> None:
        self._open: dict[Any, tuple[float, Any, Callable[[], object]]] = {}
        """By future: since when it is waited for, s, the client, and what is done without one."""

    def call(
        self,
        client: Any,
        request: Any,
        done: Callable[[Any], object],
        late: Callable[[], object],
    ) -> None:
        """
        Call a service.

        :param done: called with the answer
        :param late: called when there is none in time; one that comes later is not taken
        """

        def answered(future: Any) -> None:
            if self._open.pop(future, None) is not None:
                done(future.result())

        future = client.call_async(request)
        self._open[future] = time.monotonic(), client, late
        future.add_done_callback(answered)

    def look(self) -> None:
        """Give up what has had no answer in time."""
        now = time.monotonic()
        for future, (since, client, late) in list(self._open.items()):
            if now - since >= PATIENCE:
                del self._open[future]
                client.remove_pending_request(future)
                late()
