"""Whether others send targets, too."""

from __future__ import annotations

LASTS = 3.0
"""For so long (s) after a target of theirs they are there."""


class Rivals:
    """Watches how many targets of others are answered."""

    def __init__(self) -> None:
        self._count = 0
        self._heard = float('-inf')

    def are_there(self, now: float, count: int) -> bool:
        """
        Tell whether they have sent one lately.

        :param now: s, on a clock that nobody sets
        :param count: of their targets, so far
        """
        if count != self._count:
            self._heard = now
        self._count = count
        return now - self._heard < LASTS
