"""Parts of diagnostics: status messages, throttled warnings, rates and durations."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from math import nan

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from rclpy.impl.rcutils_logger import RcutilsLogger

MAX_WARNING_LENGTH = 500
"""Longest warning, characters: it may quote a message of any size."""
WARNING_THROTTLE_S = 5.0
"""Shortest time between two warnings of one cause, s."""
DURATION_SAMPLE_COUNT = 1000
"""Number of latest durations from which percentiles are computed."""


def diagnostic_status(
    level: bytes, name: str, message: str, hardware_id: str, values: Iterable[tuple[str, object]]
) -> DiagnosticStatus:
    """Build a DiagnosticStatus; numbers are written in full precision."""
    return DiagnosticStatus(
        level=level,
        name=name,
        message=message,
        hardware_id=hardware_id,
        values=[KeyValue(key=key, value=str(value)) for key, value in values],
    )


class ThrottledLogger:
    """
    Logger of warnings that logs each cause once, not once per message.

    :param logger: receives the warnings
    """

    def __init__(self, logger: RcutilsLogger) -> None:
        self._logger = logger
        self._last_logged: dict[str, float] = {}

    def __call__(self, cause: str, text: str) -> None:
        """Log a warning unless its cause was logged within :data:`WARNING_THROTTLE_S`."""
        now = time.monotonic()
        if now - self._last_logged.get(cause, -WARNING_THROTTLE_S) < WARNING_THROTTLE_S:
            return
        self._last_logged[cause] = now
        if len(text) > MAX_WARNING_LENGTH:
            text = f'{text[:MAX_WARNING_LENGTH]}...'
        self._logger.warning(text)


class EventRate:
    """Counter of events, and their rate since the last query."""

    def __init__(self) -> None:
        self.total = 0
        self._previous_total = 0
        self._previous_time: float | None = None

    def count(self) -> None:
        """Count one event."""
        self.total += 1

    def mean_rate(self, now: float) -> float:
        """
        Return the mean rate since the last call, Hz; 0 at the first call.

        :param now: time on the steady clock, s
        """
        count, start = self.total - self._previous_total, self._previous_time
        self._previous_total, self._previous_time = self.total, now
        return count / (now - start) if start is not None and now > start else 0.0


class DurationStatistics:
    """Percentiles of the latest :data:`DURATION_SAMPLE_COUNT` durations."""

    def __init__(self) -> None:
        self._durations: deque[float] = deque(maxlen=DURATION_SAMPLE_COUNT)

    def add(self, duration: float) -> None:
        """Add one duration, s."""
        self._durations.append(duration)

    def percentile(self, fraction: float) -> float:
        """
        Return a percentile of the durations, s; NaN if there are none.

        :param fraction: 0 to 1
        """
        ranked = sorted(self._durations)
        return ranked[min(int(fraction * len(ranked)), len(ranked) - 1)] if ranked else nan
