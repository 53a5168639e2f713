"""From the page's threads to the executor's."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from rclpy.node import Node


class Inbox:
    """
    Has done in the executor's thread what other threads ask for, in order.

    :param node: whose executor it is
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._asked: deque[Callable[[], object]] = deque()

    def taking(self, action: Callable[..., object]) -> Callable[..., object]:
        """Return what has an action done, as soon as it can be."""

        def asked(*arguments: object) -> None:
            self._asked.append(partial(action, *arguments))
            executor = self._node.executor
            if executor is not None:
                executor.create_task(self.work)
                executor.wake()

        return asked

    def work(self) -> None:
        """Do what was asked for."""
        with suppress(IndexError):
            while True:
                self._asked.popleft()()
