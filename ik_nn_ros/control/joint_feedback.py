"""Where the joints are, as far as the latest measurement tells."""

from __future__ import annotations

from collections import deque
from math import inf, isfinite

from ik_nn_ros.arm.geometry import JointPair
from ik_nn_ros.arm.kinematics import Kinematics

REORDERING_WINDOW_S = 0.2
"""
A measurement that is older than the one before by up to this much (s) was overtaken on the way.

By more than that, somebody has set the clock back.
"""
OUTLIER_DISTANCE_RAD, OUTLIER_VELOCITY_RATIO = 0.1, 2.0
"""
How far (rad), besides how many times faster than its limit, a joint may seem to go between two
measurements; one that is farther off counts when the next confirms it.
"""
MAX_VELOCITY_MISMATCH = 0.5
"""How much (rad/s, and as a part) a velocity may differ from the change of the positions."""
VELOCITY_WINDOW_S = 0.05
"""Time (s) over which velocities are estimated where none are measured."""


class JointFeedback:
    """
    The latest measured joints; their age is judged by when they were received.

    :param arm: the arm
    :param timeout: age (s) after which they do not count
    """

    def __init__(self, arm: Kinematics, timeout: float) -> None:
        self._arm = arm
        self.timeout = timeout
        self._received_at = self._changed_at = self._stamp = -inf
        self._recent: deque[tuple[float, JointPair]] = deque()
        self._outlier: JointPair | None = None
        self.raw_q: JointPair = arm.home
        """(q1, q2), rad."""
        self.q: JointPair = arm.home
        """The same, rad; beginning in the turn of the command, turns are counted."""
        self.velocity: JointPair = (0.0, 0.0)
        """rad/s, estimated where it is not measured."""

    def add(
        self,
        now: float,
        stamp: float,
        q: JointPair,
        command: JointPair | None = None,
        velocity: JointPair | None = None,
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
        if (
            0.0 < self._stamp - stamp < REORDERING_WINDOW_S
            and stamp > 0.0
            and not self.is_stale(now)
        ):
            return False
        if not self._is_plausible(q, self.raw_q, now) and not (
            self._outlier is not None and self._is_plausible(q, self._outlier, now)
        ):
            self._outlier = q
            return False
        if self._outlier is not None:
            self._outlier = None
            self._recent.clear()
        known = not self.is_stale(now)
        if q != self.raw_q or not known:
            self._changed_at = now
        self.raw_q, self._received_at, self._stamp = q, now, stamp
        if command is not None:
            # A joint that others turn on is counted: its encoder may count, too, and would spin
            # back for a command in another turn.
            self.q = self._arm.unwrap_near(q, self.q if known else command)
        else:
            self.q = q
        estimate = self._estimate_velocity(now)
        self.velocity = estimate if velocity is None else _plausible_velocity(velocity, estimate)
        return True

    @property
    def outlier_pending(self) -> bool:
        """Whether the last measurement does not count until the next confirms it."""
        return self._outlier is not None

    def age(self, now: float) -> float:
        """Return how long there has been no measurement, s; 0: there has never been one."""
        return now - self._received_at if isfinite(self._received_at) else 0.0

    def is_stale(self, now: float) -> bool:
        """Tell whether they do not count any more."""
        return now - self._received_at > self.timeout

    def frozen_time(self, now: float) -> float:
        """Return for how long every measurement has been the same to the last bit, s."""
        return now - self._changed_at

    def distance_to(self, q: JointPair) -> float:
        """Return how far they are from a position, the joint that is farther off, rad."""
        return max(self._distances_to(q))

    def _distances_to(self, q: JointPair) -> JointPair:
        return abs(self.q[0] - q[0]), abs(self.q[1] - q[1])

    def _is_plausible(self, q: JointPair, reference: JointPair, now: float) -> bool:
        """Tell whether the joints can have gone there since the last measurement."""
        passed = now - self._received_at
        if passed > self.timeout:
            return True
        q = self._arm.unwrap_near(q, reference)
        return all(
            abs(b - a) <= OUTLIER_DISTANCE_RAD + OUTLIER_VELOCITY_RATIO * passed * limit
            for a, b, limit in zip(reference, q, self._arm.max_velocity, strict=True)
        )

    def _estimate_velocity(self, now: float) -> JointPair:
        recent = self._recent
        recent.append((now, self.q))
        while len(recent) > 2 and recent[1][0] <= now - VELOCITY_WINDOW_S:
            recent.popleft()
        then, before = recent[0]
        if now - then > self.timeout:
            recent.popleft()
        if not VELOCITY_WINDOW_S / 2.0 <= now - then <= self.timeout:
            return 0.0, 0.0
        first, second = ((b - a) / (now - then) for a, b in zip(before, self.q, strict=True))
        return first, second


def _plausible_velocity(velocity: JointPair, estimate: JointPair) -> JointPair:
    """Return measured velocities (rad/s), or the less that positions tell where they differ."""
    first, second = (
        v if abs(v - e) <= MAX_VELOCITY_MISMATCH * (1.0 + abs(e)) else min(v, e, key=abs)
        for v, e in zip(velocity, estimate, strict=True)
    )
    return first, second


# MERGED motion.stillness: Whether the joints stand still, judged by measured positions alone.


class SettlingDetector:
    """
    Watches positions over a window of time; velocities are not used, hardware may have none.

    :param window_time: length of the window, s
    :param tolerance: how far a joint that stands still may seem to move, rad
    """

    def __init__(self, window_time: float, tolerance: float) -> None:
        self._window_time = window_time
        self._tolerance = tolerance
        self._window: deque[tuple[float, JointPair]] = deque()

    def add(self, stamp: float, q: JointPair) -> None:
        """
        Take in measured positions.

        :param stamp: when they were measured, s; not when they were received: two that are sent
            shortly after each other may arrive a window apart on a busy computer
        :param q: rad
        """
        if self._window and stamp < self._window[-1][0]:
            self._window.clear()  # somebody has set the time back
        self._window.append((stamp, q))
        # One that is as old as the window is long stays.
        while len(self._window) > 2 and self._window[1][0] <= stamp - self._window_time:
            self._window.popleft()

    def clear(self) -> None:
        """Forget what was measured."""
        self._window.clear()

    @property
    def is_still(self) -> bool:
        """Whether the joints stood still for as long as the window is."""
        if not self._window or self._window[-1][0] - self._window[0][0] < self._window_time:
            return False
        return self.movement <= self._tolerance

    @property
    def movement(self) -> float:
        """Distance between the outermost positions in the window, of the joint with more, rad."""
        if not self._window:
            return 0.0
        first, second = [q[0] for _, q in self._window], [q[1] for _, q in self._window]
        return max(max(first) - min(first), max(second) - min(second))
