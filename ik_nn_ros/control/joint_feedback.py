"""Joint feedback: the latest measured joints, their age, and whether they stand still."""

from __future__ import annotations

from collections import deque
from math import inf, isfinite

from ik_nn_ros.arm.geometry import JointPair
from ik_nn_ros.arm.kinematics import Kinematics

REORDERING_WINDOW_S = 0.2
"""
Largest age difference of a measurement that was overtaken by a later one, s.

A stamp that lies back farther means that the clock was set back.
"""
OUTLIER_DISTANCE_RAD = 0.1
"""Distance between two measurements that is always plausible, rad."""
OUTLIER_VELOCITY_RATIO = 2.0
"""
Multiple of the velocity limit by which joints may move in addition between two measurements.

A measurement farther away is used only once the next one confirms it.
"""
MAX_VELOCITY_MISMATCH = 0.5
"""Largest difference, rad/s and as a fraction, of a measured from an estimated velocity."""
VELOCITY_WINDOW_S = 0.05
"""Time over which velocities are estimated, s."""


class JointFeedback:
    """
    Latest measured joints; their age counts from their reception.

    :param arm: the arm
    :param timeout: age after which they are stale, s
    """

    def __init__(self, arm: Kinematics, timeout: float) -> None:
        self._arm = arm
        self._timeout = timeout
        self._received_at = self._changed_at = self._stamp = -inf
        self._recent: deque[tuple[float, JointPair]] = deque()
        self._outlier: JointPair | None = None
        self.raw_q: JointPair = arm.home
        """Positions as measured, rad."""
        self.q: JointPair = arm.home
        """Positions with counted turns of continuous joints, from the command's turn on, rad."""
        self.velocity: JointPair = (0.0, 0.0)
        """Velocities, rad/s; estimated where they are not measured."""

    def set_timeout(self, timeout: float) -> None:
        """Set the age after which measurements are stale, s."""
        self._timeout = timeout

    def add(
        self,
        now: float,
        stamp: float,
        q: JointPair,
        command: JointPair | None = None,
        velocity: JointPair | None = None,
    ) -> bool:
        """
        Process a measurement.

        It is not used where it is older than the one before, or at a position that the joints
        cannot have reached, unless the next measurement confirms that.

        :param now: time of reception, s, of a monotonic clock
        :param stamp: time of measurement, s, possibly of another clock; 0: unknown
        :param q: positions, rad
        :param command: last command, rad; None where there is none
        :param velocity: rad/s; None where it is not measured
        :return: whether the measurement is used
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
        fresh = not self.is_stale(now)
        if q != self.raw_q or not fresh:
            self._changed_at = now
        self.raw_q, self._received_at, self._stamp = q, now, stamp
        if command is not None:
            # Turns made by hand are counted, too: with an encoder that counts turns, the joint
            # would spin back for a command in another turn.
            self.q = self._arm.unwrap_near(q, self.q if fresh else command)
        else:
            self.q = q
        estimate = self._estimate_velocity(now)
        self.velocity = estimate if velocity is None else _plausible_velocity(velocity, estimate)
        return True

    def forget_turns(self) -> None:
        """Set the positions to those measured, without counted turns."""
        self.q = self.raw_q

    @property
    def outlier_pending(self) -> bool:
        """Whether the last measurement is an outlier that the next one may confirm."""
        return self._outlier is not None

    def age(self, now: float) -> float:
        """Return the time since the last measurement, s; 0 before the first."""
        return now - self._received_at if isfinite(self._received_at) else 0.0

    def is_stale(self, now: float) -> bool:
        """Tell whether there has been no measurement for the timeout."""
        return now - self._received_at > self._timeout

    def frozen_time(self, now: float) -> float:
        """Return the time for which all measurements have been equal to the last bit, s."""
        return now - self._changed_at

    def distance_to(self, q: JointPair) -> float:
        """Return the larger of the joints' distances from a position, rad."""
        return max(self.distances_to(q))

    def distances_to(self, q: JointPair) -> JointPair:
        """Return the distance of each joint from a position, rad."""
        return abs(self.q[0] - q[0]), abs(self.q[1] - q[1])

    def _is_plausible(self, q: JointPair, reference: JointPair, now: float) -> bool:
        """Tell whether the joints can have moved from a reference to q since they were measured."""
        elapsed = now - self._received_at
        if elapsed > self._timeout:
            return True
        q = self._arm.unwrap_near(q, reference)
        return all(
            abs(to - origin) <= OUTLIER_DISTANCE_RAD + OUTLIER_VELOCITY_RATIO * elapsed * limit
            for origin, to, limit in zip(reference, q, self._arm.max_velocity, strict=True)
        )

    def _estimate_velocity(self, now: float) -> JointPair:
        """Return the mean velocity over the last measurements, rad/s; 0 where there are too few."""
        recent = self._recent
        recent.append((now, self.q))
        while len(recent) > 2 and recent[1][0] <= now - VELOCITY_WINDOW_S:
            recent.popleft()
        since, earlier_q = recent[0]
        elapsed = now - since
        if elapsed > self._timeout:
            recent.popleft()
        if not VELOCITY_WINDOW_S / 2.0 <= elapsed <= self._timeout:
            return 0.0, 0.0
        first, second = ((b - a) / elapsed for a, b in zip(earlier_q, self.q, strict=True))
        return first, second


class SettlingDetector:
    """
    Detector of joints that stand still, by their positions over a window of time.

    It does not use velocities, which hardware may not measure.

    :param window_time: length of the window, s
    :param tolerance: largest movement of a joint that counts as standing still, rad
    """

    def __init__(self, window_time: float, tolerance: float) -> None:
        self._window_time = window_time
        self._tolerance = tolerance
        self._window: deque[tuple[float, JointPair]] = deque()

    def add(self, stamp: float, q: JointPair) -> None:
        """
        Add measured positions.

        :param stamp: time of measurement, s; the time of reception would not do: on a busy computer
            two measurements shortly after each other may arrive a window apart
        :param q: rad
        """
        if self._window and stamp < self._window[-1][0]:
            self._window.clear()  # the clock was set back
        self._window.append((stamp, q))
        # The newest measurement that is at least a window old stays.
        while len(self._window) > 2 and self._window[1][0] <= stamp - self._window_time:
            self._window.popleft()

    def clear(self) -> None:
        """Discard all measurements."""
        self._window.clear()

    @property
    def is_still(self) -> bool:
        """Whether the joints have stood still for the length of the window."""
        if not self._window or self._window[-1][0] - self._window[0][0] < self._window_time:
            return False
        return self.movement <= self._tolerance

    @property
    def movement(self) -> float:
        """Range of positions in the window, rad, of the joint that moved more."""
        if not self._window:
            return 0.0
        first, second = [q[0] for _, q in self._window], [q[1] for _, q in self._window]
        return max(max(first) - min(first), max(second) - min(second))


def _plausible_velocity(velocity: JointPair, estimate: JointPair) -> JointPair:
    """Return measured velocities, rad/s, or the smaller of both where they differ too much."""
    first, second = (
        v if abs(v - e) <= MAX_VELOCITY_MISMATCH * (1.0 + abs(e)) else min(v, e, key=abs)
        for v, e in zip(velocity, estimate, strict=True)
    )
    return first, second
