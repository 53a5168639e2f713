"""Going along a planned motion at a pace that changes smoothly, without leaving its path."""

from __future__ import annotations

from math import ceil

import numpy as np

from ik_nn_ros.motion.joint_motion import JointMotion, MotionLimits, State, Way
from ik_nn_ros.motion.spline_way import PERIOD, SplineWay

SHARES = (1.0, 0.6, 0.36, 0.2, 0.1, 0.05, 0.02)
"""How fast the pace may change, of the most; the next where that is too much for the joints."""
QUICK = 3
"""So many while it changes already: what is gentler would go past the new pace, and back."""
MOST = 400
"""Samples of a change; those that take many are gentle."""
ROUNDING = 1e-9


Progress = tuple[float, float, float]


class Ride:
    """
    A planned motion c(s), gone along with s(t) instead of the time.

    The rate ds/dt goes smoothly from one value to another. The joints have the velocity c' ds/dt
    and the acceleration c'' (ds/dt)² + c' d²s/dt².

    :param course: from rest to rest
    :param begun: where it is on it: s (s), ds/dt, d²s/dt² (1/s)
    :param rate: ds/dt that it goes over to, 0 to 1; 0: it comes to rest on the way
    :param limits: of the joints
    :param share: of how fast the rate may change
    """

    def __init__(
        self,
        course: SplineWay,
        begun: Progress,
        rate: float,
        limits: MotionLimits,
        share: float = 1.0,
    ) -> None:
        self.rate = rate
        self._course, self._begun, self._share = course, begun, share
        self._change = _change(begun, rate, limits, share)
        left = course.duration - self._progress(self._change.duration)[0]
        after = left / rate if rate > 0.0 else 0.0
        self.duration = self._change.duration + max(after, 0.0)
        """s"""

    @classmethod
    def begin(cls, course: SplineWay, place: float, rate: float, limits: MotionLimits) -> Ride:
        """
        Begin at rest.

        :param place: s, s
        :param rate: to go along with
        """
        if place == 0.0:
            return cls(course, (place, rate, 0.0), rate, limits)
        standing = cls(course, (place, 0.0, 0.0), 0.0, limits)
        return standing.changed(0.0, rate, limits) or standing

    def changed(self, time: float, rate: float, limits: MotionLimits) -> Ride | None:
        """
        Go over to another rate.

        :param time: for which this has been gone, s
        :param rate: 0 to 1
        :return: None: that cannot be done now within the limits, but when the rate is even again
        """
        begun = self._progress(time)
        even = time >= self._change.duration
        for share in SHARES if even else (*SHARES[:QUICK], self._share):
            ride = Ride(self._course, begun, rate, limits, share)
            if ride._keeps(limits):
                return ride
        return None

    def place(self, time: float) -> float:
        """Return s, s, after a time, s."""
        return min(self._progress(time)[0], self._course.duration)

    def at(self, time: float) -> State:
        """Return the state a time (s) after the beginning."""
        place, rate, growth = self._progress(time)
        (q1, q2), (v1, v2), (a1, a2) = self._course.at(place)
        square = rate * rate
        return State(
            (q1, q2),
            (rate * v1, rate * v2),
            (square * a1 + growth * v1, square * a2 + growth * v2),
        )

    def _progress(self, time: float) -> Progress:
        """Return s (s), ds/dt, d²s/dt² (1/s)."""
        (more, _), (faster, _), (growth, _) = self._change.at(time)
        return self._begun[0] + self.rate * time + more, self.rate + faster, growth

    def _keeps(self, limits: MotionLimits) -> bool:
        """Tell whether the joints keep their limits while the rate changes, and go forwards."""
        count = min(max(ceil(2.0 * self._change.duration / PERIOD), 1), MOST)
        times = np.linspace(0.0, self._change.duration, count + 1)
        more, faster, growth = (values[:, :1] for values in self._change.states_at(times))
        place, rate = self._begun[0] + self.rate * times[:, None] + more, self.rate + faster
        _, velocity, acceleration = self._course.states_at(place[:, 0])
        there = rate * velocity, rate * rate * acceleration + growth * velocity
        jerk = np.diff(there[1], axis=0) / max(times[1], ROUNDING)
        return bool((rate >= -ROUNDING).all()) and all(
            bool((np.abs(values) <= np.multiply(1.0 + ROUNDING, limit)).all())
            for values, limit in zip(
                (*there, jerk), (limits.velocity, limits.acceleration, limits.jerk), strict=True
            )
        )


def _change(begun: Progress, rate: float, limits: MotionLimits, share: float) -> Way:
    """Return how the rate changes: as a motion that comes to rest, seen from one with the rate."""
    # So fast that joints with their largest velocity, which do nothing else, just keep the limits.
    growth, kick = (
        share * min(value / v for value, v in zip(values, limits.velocity, strict=True))
        for values in (limits.acceleration, limits.jerk)
    )
    pace = JointMotion(MotionLimits((1.0, 1.0), (growth, growth), (kick, kick)), (0.0, 0.0))
    return pace.braking(State((0.0, 0.0), (begun[1] - rate, 0.0), (begun[2], 0.0)))
