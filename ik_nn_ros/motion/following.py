"""Whether the joints follow their command."""

from __future__ import annotations

from math import inf

from ik_nn_ros.arm.model import Pair

LAG = 0.1
"""How far (s) behind its command an ordinary servo moves."""
PATIENCE = 0.5
"""How long (s) the joints may come no nearer to a command that waits for them."""
PROGRESS = 0.01
"""By how much (rad) they are nearer then."""
STIR = 0.03
"""How far (rad) a joint has moved that is known to obey."""


class Following:
    """
    Compares the joints with their command.

    :param start: (q1, q2) where both were when it began, rad
    :param tolerance: largest distance of a joint at rest from its command, rad
    """

    def __init__(self, start: Pair, tolerance: float) -> None:
        self._start = start
        self._tolerance = tolerance
        self._nearest = inf
        self._nearer_at = -inf
        self.obeys = False, False
        """Which joints are known to move as commanded."""

    def is_ahead(self, q: Pair, command: Pair, velocity: Pair) -> bool:
        """
        Tell whether the command has left the joints behind.

        :param q: measured positions, rad
        :param command: rad
        :param velocity: of the command, rad/s
        """
        return any(
            abs(to - at) > self._tolerance + LAG * abs(speed)
            for at, to, speed in zip(q, command, velocity, strict=True)
        )

    def observe(self, q: Pair, command: Pair) -> bool:
        """Look which joints obey; return whether that has changed."""
        before = self.obeys
        first, second = (
            obeys
            or (min(abs(at - start), abs(to - start)) >= STIR and (at > start) == (to > start))
            for obeys, start, at, to in zip(before, self._start, q, command, strict=True)
        )
        self.obeys = first, second
        return self.obeys != before

    def wait(self) -> None:
        """Begin to wait for the joints."""
        self._nearest, self._nearer_at = inf, -inf

    def comes_nearer(self, now: float, gap: float) -> bool:
        """
        Tell whether there is a point in waiting longer.

        :param now: s
        :param gap: distance of the joints from the command, rad
        """
        if gap < self._nearest - PROGRESS:
            self._nearest, self._nearer_at = gap, now
        return now - self._nearer_at <= PATIENCE
