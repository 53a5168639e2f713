"""Tell what was sent before an outage ended: it shall not be carried out any more."""

from __future__ import annotations

import time
from math import inf

FLUSH_TIME = 5.0
"""
How long (s) after an outage something sent before its end may still arrive.

Fast DDS sends lost messages again after its heartbeat period, up to 3 s.
"""
WAITING_TIME = 1.0
"""The longest (s) a message may have waited in a queue already when the outage began."""
HALF_WINDOW = 30.0
"""Half the time (s) over which the sender's clock is watched."""


class Freshness:
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
        self._began = self._ended = -inf
        self._offset = self._offset_before = inf
        """The smallest of this half of the window, and of the one before."""
        self._half_ends = -inf

    def outage_ended(self, now: float, began: float | None = None) -> None:
        """
        Take note that nothing sent until now is wanted.

        :param now: the arm, its joint_states or this process are back, or the node is active again
        :param began: when they were last seen; what seems to be sent long before it has another
            clock; None: now
        """
        began = now if began is None else began
        # What an outage has held back may come after the next one.
        self._began = min(began, self._began) if now <= self._ended + FLUSH_TIME else began
        self._ended = now

    def is_stale(self, now: float, source_timestamp: int) -> bool:
        """Tell whether a message received now was sent before the end of the last outage."""
        offset = now - 1e-9 * source_timestamp
        if now <= self._ended + FLUSH_TIME and self._was_held_back(now, offset):
            return True
        if now > self._half_ends:
            self._half_ends = now + HALF_WINDOW
            self._offset_before, self._offset = self._offset, offset
        elif offset < self._offset:
            self._offset = offset
        return False

    def _was_held_back(self, now: float, offset: float) -> bool:
        none = min(self._offset, self._offset_before)
        if none == inf:
            none = time.monotonic() - time.time()
        sent = now - (offset - none)
        return self._began - WAITING_TIME <= sent < self._ended
