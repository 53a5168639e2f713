"""Time scaling of a planned trajectory: the speed changes smoothly, the path stays the same."""

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
"""
Fractions of the fastest change of the speed ratio, each tried where the one before exceeds a limit.
"""
MID_CHANGE_FRACTION_COUNT = 3
"""
Number of these fractions to try while the ratio already changes: gentler changes would overshoot.
"""
MAX_CHANGE_SAMPLES = 400
"""Maximum number of samples at which a change is checked; long changes are gentle."""
ROUNDING_TOLERANCE = 1e-9
"""Relative tolerance of the limits, and tolerance of the speed ratio."""

PathTimeState = tuple[float, float, float]
"""Path time s (s), speed ratio ds/dt, d²s/dt² (1/s)."""


class ScaledTrajectory:
    """
    Planned trajectory c(s), followed with the path time s(t).

    The speed ratio ds/dt changes smoothly from one value to another. The joints have the velocity
    c' ds/dt and the acceleration c'' (ds/dt)² + c' d²s/dt².

    :param trajectory: trajectory from standstill to standstill
    :param start: initial state on the trajectory
    :param speed_ratio: target of ds/dt, 0 to 1; 0: the joints stop on the path
    :param limits: limits of the joints
    :param change_fraction: fraction of the fastest change of the ratio
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
        remaining = trajectory.duration - self._path_time_state(self._ratio_change.duration)[0]
        time_after_change = remaining / speed_ratio if speed_ratio > 0.0 else 0.0
        self.duration = self._ratio_change.duration + max(time_after_change, 0.0)
        """Duration, s."""

    @classmethod
    def from_rest(
        cls,
        trajectory: SplineTrajectory,
        path_time: float,
        speed_ratio: float,
        limits: MotionLimits,
    ) -> ScaledTrajectory:
        """
        Return the scaled trajectory from standstill at a path time.

        :param trajectory: trajectory from standstill to standstill
        :param path_time: initial path time, s
        :param speed_ratio: speed ratio to reach
        :param limits: limits of the joints
        """
        if path_time == 0.0:  # the trajectory itself begins at standstill
            return cls(trajectory, (path_time, speed_ratio, 0.0), speed_ratio, limits)
        stopped = cls(trajectory, (path_time, 0.0, 0.0), 0.0, limits)
        return stopped.with_speed_ratio(0.0, speed_ratio, limits) or stopped

    def with_speed_ratio(
        self, time: float, speed_ratio: float, limits: MotionLimits
    ) -> ScaledTrajectory | None:
        """
        Return the trajectory that changes to another speed ratio.

        :param time: time since the start of this one, s
        :param speed_ratio: new ratio, 0 to 1
        :param limits: limits of the joints
        :return: None where the change would exceed the limits now; it can be made once the ratio is
            constant again
        """
        start = self._path_time_state(time)
        if time >= self._ratio_change.duration:
            fractions: tuple[float, ...] = SPEED_CHANGE_FRACTIONS
        else:
            fractions = SPEED_CHANGE_FRACTIONS[:MID_CHANGE_FRACTION_COUNT]
            fractions = (*fractions, self._change_fraction)
        for fraction in fractions:
            changed = ScaledTrajectory(self._trajectory, start, speed_ratio, limits, fraction)
            if changed._keeps_limits(limits):
                return changed
        return None

    def path_time(self, time: float) -> float:
        """Return the path time s at a time after the start, s."""
        return min(self._path_time_state(time)[0], self._trajectory.duration)

    def at(self, time: float) -> KinematicState:
        """Return the state at a time after the start, s."""
        path_time, ratio, ratio_rate = self._path_time_state(time)
        (q1, q2), (v1, v2), (a1, a2) = self._trajectory.at(path_time)
        squared_ratio = ratio * ratio
        return KinematicState(
            (q1, q2),
            (ratio * v1, ratio * v2),
            (squared_ratio * a1 + ratio_rate * v1, squared_ratio * a2 + ratio_rate * v2),
        )

    def _path_time_state(self, time: float) -> PathTimeState:
        """Return path time and its derivatives at a time after the start, s."""
        (offset, _), (ratio_offset, _), (ratio_rate, _) = self._ratio_change.at(time)
        path_time = self._start[0] + self.speed_ratio * time + offset
        return path_time, self.speed_ratio + ratio_offset, ratio_rate

    def _keeps_limits(self, limits: MotionLimits) -> bool:
        """Tell whether the joints keep their limits while the ratio changes, and never go back."""
        change = self._ratio_change
        count = min(max(ceil(2.0 * change.duration / KNOT_PERIOD_S), 1), MAX_CHANGE_SAMPLES)
        times = np.linspace(0.0, change.duration, count + 1)
        offset, ratio_offset, ratio_rate = (values[:, :1] for values in change.states_at(times))
        path_times = self._start[0] + self.speed_ratio * times[:, None] + offset
        ratio = self.speed_ratio + ratio_offset
        if (ratio < -ROUNDING_TOLERANCE).any():
            return False
        _, path_velocity, path_acceleration = self._trajectory.states_at(path_times[:, 0])
        velocity = ratio * path_velocity
        acceleration = ratio * ratio * path_acceleration + ratio_rate * path_velocity
        jerk = np.diff(acceleration, axis=0) / max(times[1], ROUNDING_TOLERANCE)
        return all(
            bool((np.abs(values) <= np.multiply(1.0 + ROUNDING_TOLERANCE, limit)).all())
            for values, limit in zip(
                (velocity, acceleration, jerk),
                (limits.velocity, limits.acceleration, limits.jerk),
                strict=True,
            )
        )


def _plan_ratio_change(
    start: PathTimeState, speed_ratio: float, limits: MotionLimits, change_fraction: float
) -> RuckigTrajectory:
    """Plan the change of the ratio: a stop, seen from a path time that runs with the new ratio."""
    # So fast that joints at their velocity limit, with no other acceleration, just keep the limits.
    max_rate, max_rate_change = (
        change_fraction * min(value / v for value, v in zip(values, limits.velocity, strict=True))
        for values in (limits.acceleration, limits.jerk)
    )
    generator = OnlineTrajectoryGenerator(
        MotionLimits((1.0, 1.0), (max_rate, max_rate), (max_rate_change, max_rate_change)),
        (0.0, 0.0),
    )
    return generator.plan_stop(
        KinematicState((0.0, 0.0), (start[1] - speed_ratio, 0.0), (start[2], 0.0))
    )
