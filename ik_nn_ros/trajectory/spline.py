"""
A way of the two joints as a uniform cubic B-spline.

On such a spline velocity, acceleration and jerk are splines too, with the differences of the
control points as theirs; a spline stays between its control points, and the acceleration is linear
and the jerk constant between two knots. So whether they keep their limits at every time, not only
at samples, is seen from the control points.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, sqrt
from typing import Any

import numpy as np

from ik_nn_ros.arm.geometry import Array, JointPair
from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.trajectory.online_generator import KinematicState, MotionLimits

KNOT_PERIOD_S, MIN_KNOT_INTERVALS, MAX_KNOT_INTERVALS = 0.005, 8, 4000
"""Between the knots of a way (s); their number, of which a long way has fewer."""
JOINT_LIMIT_SLACK_RAD = 1e-9
"""By how much rounding may put a joint past its limit, rad."""


class SplineTrajectory:
    """
    A planned way of the two joints, from its beginning to its end, where they stay at rest.

    :param control_points: (N + 3, 2) control points, rad; the last three of them are its end
    :param period: between its knots, s
    """

    def __init__(self, control_points: Array, period: float) -> None:
        self._control_points = control_points
        self._period = period
        self.duration = (len(control_points) - 3) * period
        """s"""

    @classmethod
    def from_samples(
        cls, samples: Array, period: float, start: KinematicState, goal: JointPair
    ) -> SplineTrajectory:
        """
        Return a way along places, to rest at a goal.

        :param samples: (N + 1, 2) where the joints are every period; of a smooth motion, rad
        :param period: s
        :param start: how they move at the first of them
        :param goal: the last of them, without rounding
        """
        control = np.empty((len(samples) + 2, 2))
        # Less a sixth of the second difference: exact for cubics, and needs no neighbours but two.
        control[2:-2] = (8.0 * samples[1:-1] - samples[:-2] - samples[2:]) / 6.0
        position, velocity, acceleration = (np.array(pair) for pair in start)
        bend = period * period * acceleration
        control[1] = position - bend / 6.0
        control[0] = control[1] - period * velocity + bend / 2.0
        control[2] = control[1] + period * velocity + bend / 2.0
        control[-3:] = goal
        return cls(control, period)

    def at(self, time: float) -> KinematicState:
        """Return the state a time (s) after the beginning."""
        if time >= self.duration:
            q1, q2 = self._control_points[-1].tolist()
            return KinematicState((q1, q2), (0.0, 0.0), (0.0, 0.0))
        knots = time / self._period
        knot = min(int(knots), len(self._control_points) - 4)
        first, second = (
            _evaluate_segment(values, knots - knot, self._period)
            for values in self._control_points[knot : knot + 4].T.tolist()
        )
        return KinematicState(*zip(first, second, strict=True))

    def positions(self, period: float) -> Array:
        """Return (N, 2) positions, rad, at most ``period`` (s) apart, both ends included."""
        count = max(1, ceil(self.duration / period))
        return self.positions_at(np.linspace(0.0, self.duration, count + 1))

    def positions_at(self, times: Array) -> Array:
        """Return (N, 2) positions, rad, at (N,) times, s; before the beginning as there."""
        return self.states_at(times)[0]

    def states_at(self, times: Array) -> tuple[Array, Array, Array]:
        """Return positions, velocities, accelerations (N, 2): rad, rad/s, rad/s²."""
        last = len(self._control_points) - 4
        if last < 0:  # it ends where it begins
            rest = np.zeros((len(times), 2))
            return rest + self._control_points[-1], rest, rest
        spans = np.clip(times / self._period, 0.0, last + 1.0)
        knot = np.minimum(spans.astype(int), last)
        control = [self._control_points[knot + number] for number in range(4)]
        return _evaluate_segment(control, (spans - knot)[:, None], self._period)

    def required_stretch(self, limits: MotionLimits) -> float:
        """Return how many times slower it must be to keep the limits of motion; 1: it just does."""
        first = np.diff(self._control_points, axis=0) / self._period
        second = np.diff(first, axis=0) / self._period
        third = np.diff(second, axis=0) / self._period
        velocity, acceleration, jerk = (
            float((np.abs(rates) / limit).max())
            for rates, limit in zip(
                (first, second, third),
                (limits.velocity, limits.acceleration, limits.jerk),
                strict=True,
            )
        )
        return max(velocity, sqrt(acceleration), float(jerk ** (1.0 / 3.0)))

    def stretched(self, factor: float) -> SplineTrajectory:
        """Return the same way from rest, so many times slower."""
        return SplineTrajectory(self._control_points, factor * self._period)

    def clipped_to_limits(self, arm: Kinematics) -> SplineTrajectory:
        """Return the same way, put inside the limits of position where it leaves them."""
        return SplineTrajectory(np.clip(self._control_points, arm.lower, arm.upper), self._period)

    def is_within_limits(self, arm: Kinematics) -> bool:
        """Tell whether the joints stay within their limits of position."""
        least, most = self._control_points.min(axis=0), self._control_points.max(axis=0)
        return bool((least >= np.subtract(arm.lower, JOINT_LIMIT_SLACK_RAD)).all()) and bool(
            (most <= np.add(arm.upper, JOINT_LIMIT_SLACK_RAD)).all()
        )


def _evaluate_segment(control_points: Sequence[Any], u: Any, period: float) -> tuple[Any, Any, Any]:
    """
    Return a cubic B-spline and its first two derivatives between two knots.

    :param control_points: the four control points that count there
    :param u: how far between the knots, 0 to 1
    """
    p, q, r, s = control_points
    v, cube = 1.0 - u, u * u * u
    first, second, third = q - p, r - q, s - r
    return (
        q
        + (cube * third + (1.0 + 3.0 * u * (1.0 + u) - 2.0 * cube) * second - v * v * v * first)
        / 6.0,
        (v * v * first + (1.0 + 2.0 * u * v) * second + u * u * third) / (2.0 * period),
        (v * (second - first) + u * (third - second)) / (period * period),
    )


def knot_times(duration: float, max_intervals: int = MAX_KNOT_INTERVALS) -> tuple[Array, float]:
    """Return times (N + 1,) from 0 to the end of a way, s, and the period between them, s."""
    count = max(MIN_KNOT_INTERVALS, ceil(duration / max(KNOT_PERIOD_S, duration / max_intervals)))
    return np.linspace(0.0, duration, count + 1), duration / count
