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
LEAP, FASTER = 0.1, 2.0
"""
How far (rad), besides how many times faster than its limit, a joint may seem to go between two
measurements; one that is farther off counts when the next confirms it.
"""
DOUBT = 0.5
"""How much (rad/s, and as a part) a velocity may differ from the change of the positions."""
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
        self._doubted: Pair | None = None
        self.received: Pair = arm.home
        """(q1, q2), rad."""
        self.q: Pair = arm.home
        """The same, rad; beginning in the turn of the command, turns are counted."""
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
        Take a measurement in; return False where it does not count.

        One that is older than the one before does not, nor the first of a place where the joints
        cannot be already.

        :param now: s, on a clock that nobody sets
        :param stamp: when it was made, s, perhaps on another clock; 0: unknown
        :param q: rad
        :param command: rad; None: there is none
        :param velocity: rad/s; None: not measured
        """
        if 0.0 < self._stamp - stamp < REORDERED and stamp > 0.0 and not self.silent(now):
            return False
        if not self._is_near(q, self.received, now) and not (
            self._doubted is not None and self._is_near(q, self._doubted, now)
        ):
            self._doubted = q
            return False
        if self._doubted is not None:
            self._doubted = None
            self._recent.clear()
        known = not self.silent(now)
        if q != self.received or not known:
            self._moved_at = now
        self.received, self._at, self._stamp = q, now, stamp
        if command is not None:
            # A joint that others turn on is counted: its encoder may count, too, and would spin
            # back for a command in another turn.
            self.q = same_turn(self._arm, q, self.q if known else command)
        else:
            self.q = q
        estimate = self._estimate(now)
        self.velocity = estimate if velocity is None else _believable(velocity, estimate)
        return True

    @property
    def doubtful(self) -> bool:
        """Whether the last measurement does not count until the next confirms it."""
        return self._doubted is not None

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

    def _is_near(self, q: Pair, before: Pair, now: float) -> bool:
        """Tell whether the joints can have gone there since the last measurement."""
        passed = now - self._at
        if passed > self.timeout:
            return True
        q = same_turn(self._arm, q, before)
        return all(
            abs(b - a) <= LEAP + FASTER * passed * limit
            for a, b, limit in zip(before, q, self._arm.velocity, strict=True)
        )

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


def _believable(velocity: Pair, estimate: Pair) -> Pair:
    """Return measured velocities (rad/s), or the less that positions tell where they differ."""
    first, second = (
        v if abs(v - e) <= DOUBT * (1.0 + abs(e)) else min(v, e, key=abs)
        for v, e in zip(velocity, estimate, strict=True)
    )
    return first, second
