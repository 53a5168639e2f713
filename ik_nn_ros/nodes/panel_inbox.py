"""From the page's threads to the executor's."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from rclpy.node import Node

from ik_nn_ros.panel.pulse import LATE


class Inbox:
    """
    Has done in the executor's thread what other threads ask for, in order.

    :param node: whose executor it is
    :param dropped: called when something has waited too long to be done
    """

    def __init__(self, node: Node, dropped: Callable[[], object]) -> None:
        self._node, self._dropped = node, dropped
        self._asked: deque[tuple[float, Callable[[], object]]] = deque()

    def taking(
        self, action: Callable[..., object], *, lasts: float = LATE
    ) -> Callable[..., object]:
        """
        Return what has an action done, as soon as it can be.

        :param lasts: how long it may wait, s
        """

        def asked(*arguments: object) -> None:
            self._asked.append((time.monotonic() + lasts, partial(action, *arguments)))
            executor = self._node.executor
            if executor is not None:
                executor.create_task(self.work)
                executor.wake()

        return asked

    def work(self) -> None:
        """Do what was asked for."""
        with suppress(IndexError):
            while True:
                end, act = self._asked.popleft()
                if time.monotonic() < end:
                    act()
                else:
                    self._dropped()
