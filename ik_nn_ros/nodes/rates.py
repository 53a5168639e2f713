"""How often something happens, and how long it takes: for diagnostics."""

from __future__ import annotations

from collections import deque
from math import nan

KEPT = 1000
"""Durations of which percentiles are given: the latest."""


class Rate:
    """Counts events, and says how many there were in a second since it was last asked."""

    def __init__(self) -> None:
        self.total = 0
        self._asked_total = 0
        self._asked_at: float | None = None

    def count(self) -> None:
        """Count one."""
        self.total += 1

    def since(self, now: float) -> float:
        """
        Return the mean rate since the last call, Hz.

        :param now: s
        """
        events, then = self.total - self._asked_total, self._asked_at
        self._asked_total, self._asked_at = self.total, now
        return events / (now - then) if then is not None and now > then else 0.0


class Durations:
    """The latest durations of something."""

    def __init__(self) -> None:
        self._seconds: deque[float] = deque(maxlen=KEPT)
        self.add = self._seconds.append

    def percentile(self, share: float) -> float:
        """Return a percentile, s; NaN where there are no durations."""
        ranked = sorted(self._seconds)
        return ranked[min(int(share * len(ranked)), len(ranked) - 1)] if ranked else nan
