"""Whether the joints stand still, judged by measured positions alone."""

from __future__ import annotations

from collections import deque

from ik_nn_ros.arm.model import JointPair


class SettlingDetector:
    """
    Watches positions over a window of time; velocities are not used, hardware may have none.

    :param window_time: length of the window, s
    :param tolerance: how far a joint that stands still may seem to move, rad
    """

    def __init__(self, window_time: float, tolerance: float) -> None:
        self._window_time = window_time
        self._tolerance = tolerance
        self._window: deque[tuple[float, JointPair]] = deque()

    def add(self, stamp: float, q: JointPair) -> None:
        """
        Take in measured positions.

        :param stamp: when they were measured, s; not when they were received: two that are sent
            shortly after each other may arrive a window apart on a busy computer
        :param q: rad
        """
        if self._window and stamp < self._window[-1][0]:
            self._window.clear()  # somebody has set the time back
        self._window.append((stamp, q))
        # One that is as old as the window is long stays.
        while len(self._window) > 2 and self._window[1][0] <= stamp - self._window_time:
            self._window.popleft()

    def clear(self) -> None:
        """Forget what was measured."""
        self._window.clear()

    @property
    def is_still(self) -> bool:
        """Whether the joints stood still for as long as the window is."""
        if not self._window or self._window[-1][0] - self._window[0][0] < self._window_time:
            return False
        return self.movement <= self._tolerance

    @property
    def movement(self) -> float:
        """Distance between the outermost positions in the window, of the joint with more, rad."""
        if not self._window:
            return 0.0
        first, second = [q[0] for _, q in self._window], [q[1] for _, q in self._window]
        return max(max(first) - min(first), max(second) - min(second))
