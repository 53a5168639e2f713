"""Targets that wait for a transform, without holding up the executor that is to bring it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from rclpy.clock import Clock, ClockType
from rclpy.node import Node

T = TypeVar('T')
RETRY_PERIOD_S = 0.005
"""s between two tries."""


class TransformQueue(Generic[T]):
    """
    Answers targets in order of arrival, each once.

    One whose transform is not there yet is kept, and those behind it, until it comes; for its time
    out at the longest, so that none is held up for longer than one time out.

    :param node: has the timer, which runs only while something waits
    :param process: called with a target and whether it may wait; tells whether it has answered
    :param timeout: the longest a target waits, s; 0: none does
    """

    def __init__(self, node: Node, process: Callable[[T, bool], bool], timeout: float) -> None:
        self.timeout = timeout
        self._process = process
        self._queue: deque[tuple[float, T]] = deque()
        # On the steady clock: a simulated one may stand still.
        self._timer = node.create_timer(
            RETRY_PERIOD_S, self._process_queue, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )
        self._timer.cancel()

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, target: T) -> None:
        """Answer a target, now or when it is its turn and its transform is there."""
        if not self._queue:
            if self._process(target, self.timeout > 0.0):
                return
            self._timer.reset()
        self._queue.append((time.monotonic() + self.timeout, target))

    def drain(self) -> list[T]:
        """Give all that wait to the caller, who is to answer them."""
        self._timer.cancel()
        targets = [target for _, target in self._queue]
        self._queue.clear()
        return targets

    def _process_queue(self) -> None:
        while self._queue:
            deadline, target = self._queue[0]
            if not self._process(target, time.monotonic() < deadline):
                return
            self._queue.popleft()
        self._timer.cancel()
