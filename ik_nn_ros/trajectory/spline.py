"""
Spline trajectories of the two joints, and waypoints for controllers that interpolate by cubics.

A :class:`SplineTrajectory` is a uniform cubic B-spline.

Velocity, acceleration and jerk of such a spline are B-splines, too; their control points are the
differences of the control points. A B-spline stays within the range of its control points.
Therefore the control points tell whether the limits hold at every time, not only at samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, sqrt
from typing import Any, NamedTuple, Protocol

import numpy as np

from ik_nn_ros.arm.geometry import Array, JointPair
from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.trajectory.online_generator import KinematicState, MotionLimits

KNOT_PERIOD_S = 0.005
"""Time between knots, s; longer where a trajectory would have too many."""
MIN_KNOT_INTERVALS = 8
MAX_KNOT_INTERVALS = 4000
JOINT_LIMIT_SLACK_RAD = 1e-9
"""Rounding by which control points may exceed a joint limit, rad."""


class SplineTrajectory:
    """
    Trajectory of the two joints as a B-spline, which ends at standstill.

    :param control_points: (N + 3, 2) control points, rad; the last three are equal, its end
    :param period: time between knots, s
    """

    def __init__(self, control_points: Array, period: float) -> None:
        self._control_points = control_points
        self._period = period
        self.duration = (len(control_points) - 3) * period
        """Duration, s."""

    @classmethod
    def from_samples(
        cls, samples: Array, period: float, start: KinematicState, goal: JointPair
    ) -> SplineTrajectory:
        """
        Return the trajectory through samples of a smooth motion to standstill at a goal.

        :param samples: (N + 1, 2) positions every period, rad
        :param period: time between samples, s
        :param start: state at the first sample
        :param goal: the last sample, without rounding, rad
        """
        control = np.empty((len(samples) + 2, 2))
        # Sample minus a sixth of the second difference: exact for cubics, and local.
        control[2:-2] = (8.0 * samples[1:-1] - samples[:-2] - samples[2:]) / 6.0
        position, velocity, acceleration = (np.array(pair) for pair in start)
        second_difference = period * period * acceleration
        control[1] = position - second_difference / 6.0
        control[0] = control[1] - period * velocity + second_difference / 2.0
        control[2] = control[1] + period * velocity + second_difference / 2.0
        control[-3:] = goal
        return cls(control, period)

    def at(self, time: float) -> KinematicState:
        """Return the state at a time after the start, s."""
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
        """Return (N, 2) positions, rad, at (N,) times, s; times are clipped to the trajectory."""
        return self.states_at(times)[0]

    def states_at(self, times: Array) -> tuple[Array, Array, Array]:
        """Return positions, velocities, accelerations (N, 2): rad, rad/s, rad/s²."""
        last = len(self._control_points) - 4
        if last < 0:  # a trajectory of a single position
            zero = np.zeros((len(times), 2))
            return zero + self._control_points[-1], zero, zero
        spans = np.clip(times / self._period, 0.0, last + 1.0)
        knot = np.minimum(spans.astype(int), last)
        control = [self._control_points[knot + number] for number in range(4)]
        return _evaluate_segment(control, (spans - knot)[:, None], self._period)

    def required_stretch(self, limits: MotionLimits) -> float:
        """Return the factor by which to stretch the duration so that the limits just hold."""
        first = np.diff(self._control_points, axis=0) / self._period
        second = np.diff(first, axis=0) / self._period
        third = np.diff(second, axis=0) / self._period
        velocity, acceleration, jerk = (
            float((np.abs(derivative) / limit).max())
            for derivative, limit in zip(
                (first, second, third),
                (limits.velocity, limits.acceleration, limits.jerk),
                strict=True,
            )
        )
        return max(velocity, sqrt(acceleration), float(jerk ** (1.0 / 3.0)))

    def stretched(self, factor: float) -> SplineTrajectory:
        """Return the trajectory with its duration scaled; valid for a start at standstill."""
        return SplineTrajectory(self._control_points, factor * self._period)

    def clipped_to_limits(self, arm: Kinematics) -> SplineTrajectory:
        """Return the trajectory with its control points clipped to the joint limits."""
        return SplineTrajectory(np.clip(self._control_points, arm.lower, arm.upper), self._period)

    def is_within_limits(self, arm: Kinematics) -> bool:
        """Tell whether the joints stay within their position limits."""
        lowest, highest = self._control_points.min(axis=0), self._control_points.max(axis=0)
        return bool((lowest >= np.subtract(arm.lower, JOINT_LIMIT_SLACK_RAD)).all()) and bool(
            (highest <= np.add(arm.upper, JOINT_LIMIT_SLACK_RAD)).all()
        )


def _evaluate_segment(control_points: Sequence[Any], u: Any, period: float) -> tuple[Any, Any, Any]:
    """
    Return a cubic B-spline and its first two derivatives between two knots.

    ``scipy.interpolate.BSpline`` needs 8 µs instead of 3 µs for the state at one time, which every
    control cycle computes.

    :param control_points: the four control points of the interval
    :param u: position between the knots, 0 to 1
    :param period: time between the knots, s
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


def interpolate_cubic_hermite(x: Array, nodes: Array, values: Array, slopes: Array) -> Array:
    """
    Interpolate between nodes by cubics that have given values and slopes there.

    The same as ``scipy.interpolate.CubicHermiteSpline``, which would cost the node 52 MiB.

    :param x: (M,) where to interpolate, between the first and the last node
    :param nodes: (N,) ascending
    :param values: (N, 2) values at the nodes
    :param slopes: (N, 2) derivatives at the nodes
    :return: (M, 2)
    """
    left = np.clip(np.searchsorted(nodes, x, side='right') - 1, 0, len(nodes) - 2)
    width = (nodes[left + 1] - nodes[left])[:, None]
    u = (x - nodes[left])[:, None] / width
    w = 1.0 - u
    start = w * w * ((1.0 + 2.0 * u) * values[left] + width * u * slopes[left])
    end = u * u * ((1.0 + 2.0 * w) * values[left + 1] - width * w * slopes[left + 1])
    interpolated: Array = start + end
    return interpolated


def knot_times(duration: float, max_intervals: int = MAX_KNOT_INTERVALS) -> tuple[Array, float]:
    """Return the (N + 1,) knot times of a trajectory, s, and the period between them, s."""
    count = max(MIN_KNOT_INTERVALS, ceil(duration / max(KNOT_PERIOD_S, duration / max_intervals)))
    return np.linspace(0.0, duration, count + 1), duration / count


INTERPOLATION_TOLERANCE_RAD = 1e-4
"""Largest deviation of the cubics through the waypoints from the trajectory, rad."""
MAX_WAYPOINT_PERIOD_S = 0.05
WAYPOINT_COUNT_RATIO = 1.1
"""Reserve on the number of waypoints that the interpolation error requires."""
COMPARISON_FRACTIONS = np.array([0.25, 0.5, 0.75])
"""Fractions of the time between two waypoints at which the cubics are compared."""


class SampleableTrajectory(Protocol):
    """Trajectory that returns its states at many times at once."""

    @property
    def duration(self) -> float:
        """Duration, s."""

    def states_at(self, times: Array) -> tuple[Array, Array, Array]:
        """Return positions, velocities, accelerations (N, 2): rad, rad/s, rad/s²."""


class Waypoints(NamedTuple):
    """States of the joints along a trajectory."""

    times: Array
    """(N,) times from the start, s."""
    positions: Array
    """(N, 2), rad."""
    velocities: Array
    """(N, 2), rad/s."""
    accelerations: Array
    """(N, 2), rad/s²."""


def sample_waypoints(trajectory: SampleableTrajectory) -> Waypoints:
    """
    Return evenly spaced waypoints of a trajectory, from one period after its start to its end.

    They are so close that the cubics through their positions and velocities deviate from the
    trajectory by at most 1e-4 rad.
    """
    duration = max(trajectory.duration, MAX_WAYPOINT_PERIOD_S)
    count = ceil(duration / MAX_WAYPOINT_PERIOD_S)
    while True:
        times = np.linspace(0.0, duration, count + 1)
        states = trajectory.states_at(times)
        error = _interpolation_error(trajectory, times, *states[:2])
        if error <= INTERPOLATION_TOLERANCE_RAD:
            return Waypoints(times[1:], *(values[1:] for values in states))
        # The error of a cubic grows with the cube of the period where the jerk jumps.
        growth = (error / INTERPOLATION_TOLERANCE_RAD) ** (1.0 / 3.0)
        count = ceil(count * WAYPOINT_COUNT_RATIO * growth)


def _interpolation_error(
    trajectory: SampleableTrajectory, times: Array, positions: Array, velocities: Array
) -> float:
    """Return the largest deviation of the cubics through waypoints from the trajectory, rad."""
    between = (times[:-1, None] + (times[1] - times[0]) * COMPARISON_FRACTIONS).ravel()
    interpolated = interpolate_cubic_hermite(between, times, positions, velocities)
    return float(np.abs(interpolated - trajectory.states_at(between)[0]).max())
