"""Where the joints are, as far as the latest measurement tells."""

from __future__ import annotations

from collections import deque
from math import inf, isfinite

from ik_nn_ros.arm.model import ArmModel, Pair
from ik_nn_ros.motion.joint_range import same_turn

REORDERED = 0.2
"""
A measurement that is older than the one before by up to this much (s) was overtaken on the way.

By more than that, somebody has set the clock back.
"""
SPAN = 0.05
"""Time (s) over which velocities are estimated where none are measured."""


class LatestJoints:
    """
    The latest measured joints; their age is judged by when they were received.

    :param arm: the arm
    :param timeout: age (s) after which they do not count
    """

    def __init__(self, arm: ArmModel, timeout: float) -> None:
        self._arm = arm
        self.timeout = timeout
        self._at = self._moved_at = self._stamp = -inf
        self._recent: deque[tuple[float, Pair]] = deque()
        self.received: Pair = arm.home
        """(q1, q2), rad."""
        self.q: Pair = arm.home
        """The same in the turn of the command, or of what was measured before, rad."""
        self.velocity: Pair = (0.0, 0.0)
        """rad/s, estimated where it is not measured."""

    def add(
        self,
        now: float,
        stamp: float,
        q: Pair,
        command: Pair | None = None,
        velocity: Pair | None = None,
    ) -> bool:
        """
        Take a measurement in; return False where it is older than the one before.

        :param now: s, on a clock that nobody sets
        :param stamp: when it was made, s, perhaps on another clock; 0: unknown
        :param q: rad
        :param command: rad; None: there is none
        :param velocity: rad/s; None: not measured
        """
        if 0.0 < self._stamp - stamp < REORDERED and stamp > 0.0 and not self.silent(now):
            return False
        if q != self.received or self.silent(now):
            self._moved_at = now
        self.received, self._at, self._stamp = q, now, stamp
        self.q = same_turn(self._arm, q, self.q if command is None else command)
        self.velocity = velocity or self._estimate(now)
        return True

    def silence(self, now: float) -> float:
        """Return how long there has been no measurement, s; 0: there has never been one."""
        return now - self._at if isfinite(self._at) else 0.0

    def silent(self, now: float) -> bool:
        """Tell whether they do not count any more."""
        return now - self._at > self.timeout

    def unchanged(self, now: float) -> float:
        """Return for how long every measurement has been the same to the last bit, s."""
        return now - self._moved_at

    def gap(self, q: Pair) -> float:
        """Return how far they are from a position, the joint that is farther off, rad."""
        return max(self._gaps(q))

    def _gaps(self, q: Pair) -> Pair:
        return abs(self.q[0] - q[0]), abs(self.q[1] - q[1])

    def _estimate(self, now: float) -> Pair:
        recent = self._recent
        recent.append((now, self.q))
        while len(recent) > 2 and recent[1][0] <= now - SPAN:
            recent.popleft()
        then, before = recent[0]
        if now - then > self.timeout:
            recent.popleft()
        if not SPAN / 2.0 <= now - then <= self.timeout:
            return 0.0, 0.0
        first, second = ((b - a) / (now - then) for a, b in zip(before, self.q, strict=True))
        return first, second
