"""Where the tip has been."""

from __future__ import annotations

from collections import deque
from math import dist

from ik_nn_ros.arm.model import ArmModel, Pair

LASTS = 5.0
"""How long (s) a place is remembered."""
PERIOD = 0.02
"""Between two places, s, at least."""
STEP = 0.004
"""Between two places, part of the reach, at least: the noise of a resting arm leaves no trail."""


class TipTrail:
    """
    The measured places of the tip, of the last seconds.

    :param arm: the arm
    """

    def __init__(self, arm: ArmModel) -> None:
        self._arm = arm
        self._places: deque[tuple[float, Pair]] = deque()
        self._last: Pair | None = None
        self._next = 0.0
        self.changes = 0
        """How often it has changed."""

    @property
    def points(self) -> list[Pair]:
        """The places, the oldest first, m."""
        return [point for _, point in self._places]

    def add(self, now: float, q: Pair) -> None:
        """
        Take in where the joints are.

        :param now: s, on a clock that nobody sets
        :param q: rad
        """
        if now < self._next:
            return
        tip = self._arm.fk_point(*q)
        if self._last is not None and dist(tip, self._last) < STEP * self._arm.reach:
            return
        self._last, self._next = tip, now + PERIOD
        self._places.append((now, tip))
        self.changes += 1

    def forget(self, now: float) -> None:
        """Drop what is too old."""
        while self._places and self._places[0][0] < now - LASTS:
            self._places.popleft()
            self.changes += 1

    def clear(self) -> None:
        """Drop everything."""
        self._places.clear()
        self._last = None
