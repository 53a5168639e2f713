"""How often something happens, and how long it takes: for diagnostics."""

from __future__ import annotations

from collections import deque
from math import nan

DURATION_SAMPLE_COUNT = 1000
"""Durations of which percentiles are given: the latest."""


class EventRate:
    """Counts events, and says how many there were in a second since it was last asked."""

    def __init__(self) -> None:
        self.total = 0
        self._previous_total = 0
        self._previous_time: float | None = None

    def count(self) -> None:
        """Count one."""
        self.total += 1

    def mean_rate(self, now: float) -> float:
        """
        Return the mean rate since the last call, Hz.

        :param now: s
        """
        events, then = self.total - self._previous_total, self._previous_time
        self._previous_total, self._previous_time = self.total, now
        return events / (now - then) if then is not None and now > then else 0.0


class DurationStatistics:
    """The latest durations of something."""

    def __init__(self) -> None:
        self._seconds: deque[float] = deque(maxlen=DURATION_SAMPLE_COUNT)
        self.add = self._seconds.append

    def percentile(self, fraction: float) -> float:
        """Return a percentile, s; NaN where there are no durations."""
        ranked = sorted(self._seconds)
        return ranked[min(int(fraction * len(ranked)), len(ranked) - 1)] if ranked else nan
