"""Going along a planned motion at a pace that changes smoothly, without leaving its path."""

from __future__ import annotations

from math import ceil

import numpy as np

from ik_nn_ros.trajectory.online_generator import (
    KinematicState,
    MotionLimits,
    OnlineTrajectoryGenerator,
    RuckigTrajectory,
)
from ik_nn_ros.trajectory.spline import KNOT_PERIOD_S, SplineTrajectory

SPEED_CHANGE_FRACTIONS = (1.0, 0.6, 0.36, 0.2, 0.1, 0.05, 0.02)
"""How fast the pace may change, of the most; the next where that is too much for the joints."""
MID_CHANGE_FRACTION_COUNT = 3
"""So many while it changes already: what is gentler would go past the new pace, and back."""
MAX_CHANGE_SAMPLES = 400
"""Samples of a change; those that take many are gentle."""
ROUNDING_TOLERANCE = 1e-9


PathTimeState = tuple[float, float, float]


class ScaledTrajectory:
    """
    A planned motion c(s), gone along with s(t) instead of the time.

    The rate ds/dt goes smoothly from one value to another. The joints have the velocity c' ds/dt
    and the acceleration c'' (ds/dt)² + c' d²s/dt².

    :param trajectory: from rest to rest
    :param start: where it is on it: s (s), ds/dt, d²s/dt² (1/s)
    :param speed_ratio: ds/dt that it goes over to, 0 to 1; 0: it comes to rest on the way
    :param limits: of the joints
    :param change_fraction: of how fast the rate may change
    """

    def __init__(
        self,
        trajectory: SplineTrajectory,
        start: PathTimeState,
        speed_ratio: float,
        limits: MotionLimits,
        change_fraction: float = 1.0,
    ) -> None:
        self.speed_ratio = speed_ratio
        self._trajectory, self._start, self._change_fraction = trajectory, start, change_fraction
        self._ratio_change = _plan_ratio_change(start, speed_ratio, limits, change_fraction)
        left = trajectory.duration - self._path_time_state(self._ratio_change.duration)[0]
        after = left / speed_ratio if speed_ratio > 0.0 else 0.0
        self.duration = self._ratio_change.duration + max(after, 0.0)
        """s"""

    @classmethod
    def from_rest(
        cls,
        trajectory: SplineTrajectory,
        path_time: float,
        speed_ratio: float,
        limits: MotionLimits,
    ) -> ScaledTrajectory:
        """
        Begin at rest.

        :param path_time: s, s
        :param speed_ratio: to go along with
        """
        if path_time == 0.0:
            return cls(trajectory, (path_time, speed_ratio, 0.0), speed_ratio, limits)
        standing = cls(trajectory, (path_time, 0.0, 0.0), 0.0, limits)
        return standing.with_speed_ratio(0.0, speed_ratio, limits) or standing

    def with_speed_ratio(
        self, time: float, speed_ratio: float, limits: MotionLimits
    ) -> ScaledTrajectory | None:
        """
        Go over to another rate.

        :param time: for which this has been gone, s
        :param speed_ratio: 0 to 1
        :return: None: that cannot be done now within the limits, but when the rate is even again
        """
        begun = self._path_time_state(time)
        even = time >= self._ratio_change.duration
        for share in (
            SPEED_CHANGE_FRACTIONS
            if even
            else (*SPEED_CHANGE_FRACTIONS[:MID_CHANGE_FRACTION_COUNT], self._change_fraction)
        ):
            ride = ScaledTrajectory(self._trajectory, begun, speed_ratio, limits, share)
            if ride._keeps_limits(limits):
                return ride
        return None

    def path_time(self, time: float) -> float:
        """Return s, s, after a time, s."""
        return min(self._path_time_state(time)[0], self._trajectory.duration)

    def at(self, time: float) -> KinematicState:
        """Return the state a time (s) after the beginning."""
        place, rate, growth = self._path_time_state(time)
        (q1, q2), (v1, v2), (a1, a2) = self._trajectory.at(place)
        square = rate * rate
        return KinematicState(
            (q1, q2),
            (rate * v1, rate * v2),
            (square * a1 + growth * v1, square * a2 + growth * v2),
        )

    def _path_time_state(self, time: float) -> PathTimeState:
        """Return s (s), ds/dt, d²s/dt² (1/s)."""
        (more, _), (faster, _), (growth, _) = self._ratio_change.at(time)
        return self._start[0] + self.speed_ratio * time + more, self.speed_ratio + faster, growth

    def _keeps_limits(self, limits: MotionLimits) -> bool:
        """Tell whether the joints keep their limits while the rate changes, and go forwards."""
        count = min(
            max(ceil(2.0 * self._ratio_change.duration / KNOT_PERIOD_S), 1), MAX_CHANGE_SAMPLES
        )
        times = np.linspace(0.0, self._ratio_change.duration, count + 1)
        more, faster, growth = (values[:, :1] for values in self._ratio_change.states_at(times))
        place, rate = (
            self._start[0] + self.speed_ratio * times[:, None] + more,
            self.speed_ratio + faster,
        )
        _, velocity, acceleration = self._trajectory.states_at(place[:, 0])
        there = rate * velocity, rate * rate * acceleration + growth * velocity
        jerk = np.diff(there[1], axis=0) / max(times[1], ROUNDING_TOLERANCE)
        return bool((rate >= -ROUNDING_TOLERANCE).all()) and all(
            bool((np.abs(values) <= np.multiply(1.0 + ROUNDING_TOLERANCE, limit)).all())
            for values, limit in zip(
                (*there, jerk), (limits.velocity, limits.acceleration, limits.jerk), strict=True
            )
        )


def _plan_ratio_change(
    start: PathTimeState, speed_ratio: float, limits: MotionLimits, change_fraction: float
) -> RuckigTrajectory:
    """Return how the rate changes: as a motion that comes to rest, seen from one with the rate."""
    # So fast that joints with their largest velocity, which do nothing else, just keep the limits.
    growth, kick = (
        change_fraction * min(value / v for value, v in zip(values, limits.velocity, strict=True))
        for values in (limits.acceleration, limits.jerk)
    )
    pace = OnlineTrajectoryGenerator(
        MotionLimits((1.0, 1.0), (growth, growth), (kick, kick)), (0.0, 0.0)
    )
    return pace.plan_stop(
        KinematicState((0.0, 0.0), (start[1] - speed_ratio, 0.0), (start[2], 0.0))
    )
