"""Where the tip has been."""

from __future__ import annotations

from collections import deque
from math import dist

from ik_nn_ros.arm.geometry import JointPair
from ik_nn_ros.arm.kinematics import Kinematics

TRAIL_DURATION_S = 5.0
"""How long (s) a place is remembered."""
MIN_POINT_PERIOD_S = 0.02
"""Between two places, s, at least."""
MIN_POINT_DISTANCE_RATIO = 0.004
"""Between two places, part of the reach, at least: the noise of a resting arm leaves no trail."""


class TipTrail:
    """
    The measured places of the tip, of the last seconds.

    :param arm: the arm
    """

    def __init__(self, arm: Kinematics) -> None:
        self._arm = arm
        self._timed_points: deque[tuple[float, JointPair]] = deque()
        self._last_point: JointPair | None = None
        self._next_time = 0.0
        self.change_count = 0
        """How often it has changed."""

    @property
    def points(self) -> list[JointPair]:
        """The places, the oldest first, m."""
        return [point for _, point in self._timed_points]

    def add(self, now: float, q: JointPair) -> None:
        """
        Take in where the joints are.

        :param now: s, on a clock that nobody sets
        :param q: rad
        """
        if now < self._next_time:
            return
        tip = self._arm.fk_point(*q)
        if (
            self._last_point is not None
            and dist(tip, self._last_point) < MIN_POINT_DISTANCE_RATIO * self._arm.reach
        ):
            return
        self._last_point, self._next_time = tip, now + MIN_POINT_PERIOD_S
        self._timed_points.append((now, tip))
        self.change_count += 1

    def remove_expired(self, now: float) -> None:
        """Drop what is too old."""
        while self._timed_points and self._timed_points[0][0] < now - TRAIL_DURATION_S:
            self._timed_points.popleft()
            self.change_count += 1

    def clear(self) -> None:
        """Drop everything."""
        self._timed_points.clear()
        self._last_point = None
