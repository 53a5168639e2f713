"""Trail of the tip: its measured positions of the last seconds."""

from __future__ import annotations

from collections import deque
from math import dist

from ik_nn_ros.arm.geometry import JointPair, Point2
from ik_nn_ros.arm.kinematics import Kinematics

TRAIL_DURATION_S = 5.0
"""Age at which a point is dropped, s."""
MIN_POINT_PERIOD_S = 0.02
"""Shortest time between two points, s."""
MIN_POINT_DISTANCE_RATIO = 0.004
"""Shortest distance between two points, as a part of the reach: sensor noise leaves no trail."""


class TipTrail:
    """
    Trail of the tip of one arm.

    Times are those of the steady clock, s.

    :param arm: the arm
    """

    def __init__(self, arm: Kinematics) -> None:
        self._arm = arm
        self._timed_points: deque[tuple[float, Point2]] = deque()
        self._last_point: Point2 | None = None
        self._next_time = 0.0
        self.change_count = 0
        """Number of changes so far."""

    @property
    def points(self) -> list[Point2]:
        """Points of the trail, oldest first, m."""
        return [point for _, point in self._timed_points]

    def add(self, now: float, q: JointPair) -> None:
        """
        Add the tip at measured joints, unless it is too close to the last point.

        :param now: time, s
        :param q: joint positions, rad
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
        """Remove the points that are older than :data:`TRAIL_DURATION_S`."""
        while self._timed_points and self._timed_points[0][0] < now - TRAIL_DURATION_S:
            self._timed_points.popleft()
            self.change_count += 1

    def clear(self) -> None:
        """Remove all points."""
        self._timed_points.clear()
        self._last_point = None
