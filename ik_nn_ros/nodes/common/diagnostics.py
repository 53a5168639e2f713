"""What the node says of itself: target_status, diagnostics, warnings."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from math import nan

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from rclpy.impl.rcutils_logger import RcutilsLogger

MAX_WARNING_LENGTH = 500
"""Characters of a warning: what it quotes may come from a message of any size."""
WARNING_THROTTLE_S = 5.0
"""A warning of one cause is logged again after this many seconds at the earliest."""


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
    Logs a warning once per cause, not once per message.

    :param logger: where to
    """

    def __init__(self, logger: RcutilsLogger) -> None:
        self._logger = logger
        self._last_logged: dict[str, float] = {}

    def __call__(self, cause: str, text: str) -> None:
        """Log the text unless this cause was logged shortly before."""
        now = time.monotonic()
        if now - self._last_logged.get(cause, -WARNING_THROTTLE_S) >= WARNING_THROTTLE_S:
            self._last_logged[cause] = now
            self._logger.warning(
                text if len(text) <= MAX_WARNING_LENGTH else f'{text[:MAX_WARNING_LENGTH]}...'
            )


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
