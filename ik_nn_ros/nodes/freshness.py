"""Tell what was sent before an outage ended: it shall not be carried out any more."""

from __future__ import annotations

import time
from math import inf

OUTAGE_FLUSH_S = 5.0
"""
How long (s) after an outage something sent before its end may still arrive.

Fast DDS sends lost messages again after its heartbeat period, up to 3 s.
"""
MAX_QUEUE_TIME_S = 1.0
"""The longest (s) a message may have waited in a queue already when the outage began."""
CLOCK_OFFSET_HALF_WINDOW_S = 30.0
"""Half the time (s) over which the sender's clock is watched."""


class StaleMessageFilter:
    """
    Judges the messages of one topic by when they were sent.

    Only the sender's system clock tells that, and it may be another machine's, and be set at any
    time. So, as NTP does, the offset to our steady clock is learned: the smallest difference
    between reception and stamp in the last minute belongs to the message that took no time. A clock
    set forward is learned with its first message, one set back within that minute. Only in the
    first seconds after an outage is anything judged; a sender of whom nothing is known is then
    taken to be on our clock.

    Times are those of the steady clock, s; a source timestamp is the sender's system time, ns.
    """

    def __init__(self) -> None:
        self._outage_start = self._outage_end = -inf
        self._clock_offset = self._previous_clock_offset = inf
        """The smallest of this half of the window, and of the one before."""
        self._half_window_end = -inf

    def outage_ended(self, now: float, start: float | None = None) -> None:
        """
        Take note that nothing sent until now is wanted.

        :param now: the arm, its joint_states or this process are back, or the node is active again
        :param start: when they were last seen; what seems to be sent long before it has another
            clock; None: now
        """
        start = now if start is None else start
        # What an outage has held back may come after the next one.
        self._outage_start = (
            min(start, self._outage_start) if now <= self._outage_end + OUTAGE_FLUSH_S else start
        )
        self._outage_end = now

    def is_stale(self, now: float, source_timestamp: int) -> bool:
        """Tell whether a message received now was sent before the end of the last outage."""
        offset = now - 1e-9 * source_timestamp
        if now <= self._outage_end + OUTAGE_FLUSH_S and self._sent_before_outage_end(now, offset):
            return True
        if now > self._half_window_end:
            self._half_window_end = now + CLOCK_OFFSET_HALF_WINDOW_S
            self._previous_clock_offset, self._clock_offset = self._clock_offset, offset
        elif offset < self._clock_offset:
            self._clock_offset = offset
        return False

    def _sent_before_outage_end(self, now: float, clock_offset: float) -> bool:
        none = min(self._clock_offset, self._previous_clock_offset)
        if none == inf:
            none = time.monotonic() - time.time()
        sent = now - (clock_offset - none)
        return self._outage_start - MAX_QUEUE_TIME_S <= sent < self._outage_end
