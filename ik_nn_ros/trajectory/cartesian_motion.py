"""
Motions whose tip moves on a straight line to its goal, from standstill or from any other state.

From standstill the tip stays on the line between start and goal. Moving joints are merged onto a
line without a stop: their motion is decomposed into a motion along the new line, which continues,
and a residual motion, which brakes meanwhile. The joints follow the sum of both; until the residual
motion has ended, the two share the limits of acceleration and jerk. The line starts where the arm
would be without the motion along the line and with the residual motion ended; so the tip is on the
line from the end of the residual motion on.
"""

from __future__ import annotations

from math import hypot, sqrt
from typing import NamedTuple

import numpy as np

from ik_nn_ros.arm.geometry import Array, JointPair
from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.trajectory.cartesian_line import TipLineEquation, trace_tip_line
from ik_nn_ros.trajectory.online_generator import (
    KinematicState,
    MotionLimits,
    OnlineTrajectoryGenerator,
)
from ik_nn_ros.trajectory.spline import SplineTrajectory, knot_times
from ik_nn_ros.trajectory.time_parameterization import InitialPathState, TimeLaw, VelocityProfile

STANDSTILL_TOLERANCE = 1e-9
"""Velocity (rad/s) and acceleration (rad/s²) of joints at standstill, for rounding."""
LIMIT_RATIOS = (1.0, 0.95, 0.9), (0.95, 0.8, 0.7)
"""
Fractions of velocity, acceleration and jerk limits to plan with.

The next are tried where the motion exceeds a limit.
"""
MIN_RESIDUAL_FRACTION = 0.1
"""Smallest fraction of acceleration and jerk limits for the residual motion."""
MAX_RESIDUAL_FRACTION = 0.8
"""Largest fraction of acceleration and jerk limits for the residual motion."""
INITIAL_CURVATURE_FRACTION = 0.4
"""Fraction of the acceleration limit that the curvature of the line may require at its start."""
STRETCH_TOLERANCE_RATIO = 1e-9
"""Relative tolerance of the motion limits, for rounding."""
DECOMPOSITION_ITERATIONS = 3
"""Number of iterations: the decomposition depends on the start of the line, and vice versa."""
SPEED_BACKOFF_RATIO = 0.9
"""Factor by which the speed along the line is reduced where it is too high."""
STANDSTILL_SPEED_RAD_PER_S = 1e-3
"""Speed along the line that is not reduced further but set to zero, rad/s."""
MAX_DURATION_RATIO = 2.5
"""
Longest duration of a merge, in durations of the joints' time-optimal motion.

A longer one would not keep up with a stream of goals, or would circle around them.
"""
MAX_LATE_DURATION_RATIO = 1.25
"""The same for a motion that reaches its line only after :data:`LATE_MERGE_FRACTION`."""
LATE_MERGE_FRACTION = 0.5


class Decomposition(NamedTuple):
    """Motion of the joints as the sum of a motion along a line and a residual motion."""

    path_speed: float
    """Speed along the line, rad/s."""
    path_acceleration: float
    """Acceleration along the line, rad/s²."""
    residual_velocity: Array
    """(2,), rad/s."""
    residual_acceleration: Array
    """(2,), rad/s²."""


def plan_cartesian_motion(
    arm: Kinematics, start: KinematicState, goal: JointPair, limits: MotionLimits
) -> SplineTrajectory | None:
    """
    Plan a motion on which the tip moves straight to its position at a goal, and stops there.

    Joints that already move are merged onto a straight line, see :func:`merge_onto_line`.

    :param arm: the arm
    :param start: initial state of the joints
    :param goal: (q1, q2), rad
    :param limits: limits of the motion, which hold at every time
    :return: None where the line does not exist, see
        :func:`~ik_nn_ros.trajectory.cartesian_line.trace_tip_line`, or takes too long to merge onto
    """
    if any(abs(value) > STANDSTILL_TOLERANCE for value in (*start.velocity, *start.acceleration)):
        return merge_onto_line(arm, start, goal, limits)
    line = trace_tip_line(arm, start.position, goal)
    if line is None:
        return None
    law = TimeLaw(VelocityProfile(line, limits), InitialPathState())
    times, period = knot_times(law.duration)
    trajectory = SplineTrajectory.from_samples(line.joints_at(law.at(times)), period, start, goal)
    trajectory = trajectory.stretched(trajectory.required_stretch(limits))
    return trajectory if trajectory.is_within_limits(arm) else None


def merge_onto_line(
    arm: Kinematics, start: KinematicState, goal: JointPair, limits: MotionLimits
) -> SplineTrajectory | None:
    """
    Plan a motion from moving joints onto a straight line of the tip to its goal.

    :param arm: the arm
    :param start: state of moving joints
    :param goal: (q1, q2), rad
    :param limits: limits of the motion
    :return: None where there is no such motion, or it takes too long
    """
    try:
        time_optimal = OnlineTrajectoryGenerator(limits, start.position).plan_to(goal, start)
        max_duration = MAX_DURATION_RATIO * time_optimal.duration
        for ratios in LIMIT_RATIOS:
            merge = _plan_merge(arm, start, goal, _scale_limits(limits, *ratios), max_duration)
            if merge is None:
                return None
            keeps_limits = merge.required_stretch(limits) <= 1.0 + STRETCH_TOLERANCE_RATIO
            if keeps_limits and merge.is_within_limits(arm):
                return merge
    except ConfigError:
        pass  # Ruckig finds no solution for one of the motions
    return None


def _plan_merge(
    arm: Kinematics,
    start: KinematicState,
    goal: JointPair,
    limits: MotionLimits,
    max_duration: float,
) -> SplineTrajectory | None:
    """
    Plan a merge within limits that leave a reserve for the sum of the two motions.

    :param arm: the arm
    :param start: state of moving joints
    :param goal: (q1, q2), rad
    :param limits: limits of the motion, reduced
    :param max_duration: longest duration, s
    :return: None where there is no such motion
    """
    found = _find_line_start(arm, start, goal, limits)
    if found is None:
        return None
    line_start, residual_fraction = found
    line = trace_tip_line(arm, line_start, goal)
    if line is None:
        return None
    profile = VelocityProfile(line, limits)
    if profile.duration > max_duration:
        return None
    decomposer = _Decomposer(start, line.tangents[0], line.curvatures[0], limits)
    decomposition = decomposer.feasible_for(profile, residual_fraction)
    offset = np.subtract(start.position, line_start)
    residual = _residual_generator(limits, residual_fraction).plan_to(
        (0.0, 0.0), _residual_state(offset, decomposition)
    )
    law = TimeLaw(
        profile,
        InitialPathState(
            decomposition.path_speed,
            decomposition.path_acceleration,
            1.0 - residual_fraction,
            residual.duration,
        ),
    )
    duration = max(law.duration, residual.duration)
    late = residual.duration > LATE_MERGE_FRACTION * duration
    if duration > (MAX_LATE_DURATION_RATIO / MAX_DURATION_RATIO if late else 1.0) * max_duration:
        return None
    times, period = knot_times(duration)
    samples = line.joints_at(law.at(times))
    residual_times = times[times < residual.duration].tolist()
    samples[: len(residual_times)] += np.array(
        [residual.at(time).position for time in residual_times]
    )
    return SplineTrajectory.from_samples(samples, period, start, goal)


def _find_line_start(
    arm: Kinematics, start: KinematicState, goal: JointPair, limits: MotionLimits
) -> tuple[JointPair, float] | None:
    """Return the start of the line, rad, and the fraction of the limits for the residual motion."""
    line_start = start.position
    residual_fraction = (MIN_RESIDUAL_FRACTION + MAX_RESIDUAL_FRACTION) / 2.0
    for _ in range(DECOMPOSITION_ITERATIONS):
        line = TipLineEquation.between(arm, line_start, goal)
        if line is None:
            return None
        tangent = line.tangent(line.coordinates(line_start).gradient)
        curvature = line.curvature(line_start, tangent)
        distance = hypot(goal[0] - line_start[0], goal[1] - line_start[1])
        decomposition = _Decomposer(start, np.array(tangent), curvature, limits)(
            residual_fraction, distance
        )
        residual_fraction = _residual_fraction(decomposition, limits)
        stop = _residual_generator(limits, residual_fraction).plan_stop(
            _residual_state(np.zeros(2), decomposition)
        )
        moved = stop.at(stop.duration).position
        line_start = start.position[0] + moved[0], start.position[1] + moved[1]
    return line_start, residual_fraction


class _Decomposer:
    """
    Decomposition of a state into a motion along a line, as fast as possible, and a residual.

    :param start: state of the joints
    :param tangent: (2,) tangent at the start of the line
    :param curvature: (2,) derivative of the tangent, 1/rad
    :param limits: limits of the joints
    """

    def __init__(
        self, start: KinematicState, tangent: Array, curvature: Array, limits: MotionLimits
    ) -> None:
        max_acceleration = np.array(limits.acceleration)
        self._velocity, self._acceleration = np.array(start.velocity), np.array(start.acceleration)
        self._tangent, self._curvature = tangent, curvature
        # Minimizes the residual motion, measured by the time it takes to brake.
        self._weight = tangent / max_acceleration**2
        self._weight /= self._weight @ tangent
        self._max_path_acceleration = 1.0 / float((np.abs(tangent) / max_acceleration).max())
        self._rise_time = float((max_acceleration / limits.jerk).max())
        self._max_path_speed = min(
            1.0 / float((np.abs(tangent) / limits.velocity).max()),
            sqrt(
                INITIAL_CURVATURE_FRACTION
                / float((np.abs(curvature) / max_acceleration).max() + 1e-12)
            ),
        )

    def __call__(self, residual_fraction: float, line_length: float) -> Decomposition:
        """
        Return the decomposition from which the motion along the line can stop on the line.

        :param residual_fraction: fraction of the limits for the residual motion
        :param line_length: length of the line, rad
        """
        max_acceleration = (1.0 - residual_fraction) * self._max_path_acceleration
        max_speed = self._max_stoppable_speed(line_length, max_acceleration)
        return self._decompose(max_acceleration, max_speed)

    def feasible_for(self, profile: VelocityProfile, residual_fraction: float) -> Decomposition:
        """Return the decomposition with which a motion along the line can start."""
        max_acceleration = (
            (1.0 - residual_fraction) * profile.acceleration_fraction * self._max_path_acceleration
        )
        max_speed = self._max_path_speed
        while True:
            found = self._decompose(max_acceleration, max_speed)
            speed, acceleration = found.path_speed, found.path_acceleration
            lowest = -2.0 * speed / profile.smoothing_window
            highest = 2.0 * (self._max_path_speed - speed) / profile.smoothing_window
            found = self._decomposition(speed, min(max(acceleration, lowest), highest))
            if profile.is_feasible_start(
                InitialPathState(found.path_speed, found.path_acceleration)
            ):
                return found
            if found.path_speed <= STANDSTILL_SPEED_RAD_PER_S:
                return self._decomposition(0.0, 0.0)
            max_speed = SPEED_BACKOFF_RATIO * found.path_speed

    def _decompose(self, max_acceleration: float, max_speed: float) -> Decomposition:
        """Return the decomposition with bounded acceleration and speed along the line."""
        speed = min(max(float(self._weight @ self._velocity), 0.0), max_speed, self._max_path_speed)
        centripetal = speed * speed * self._curvature
        desired = float(self._weight @ (self._acceleration - centripetal))
        return self._decomposition(speed, min(max(desired, -max_acceleration), max_acceleration))

    def _decomposition(self, speed: float, acceleration: float) -> Decomposition:
        centripetal = speed * speed * self._curvature
        return Decomposition(
            speed,
            acceleration,
            self._velocity - speed * self._tangent,
            self._acceleration - acceleration * self._tangent - centripetal,
        )

    def _max_stoppable_speed(self, distance: float, deceleration: float) -> float:
        """Return the highest speed from which the joints stop within a distance, rad/s."""
        half_rise = self._rise_time / 2.0
        return deceleration * (
            sqrt(half_rise * half_rise + 2.0 * distance / deceleration) - half_rise
        )


def _residual_fraction(decomposition: Decomposition, limits: MotionLimits) -> float:
    """Return the fraction of the limits for the residual motion: more where it is larger."""
    max_acceleration, jerk = np.array(limits.acceleration), np.array(limits.jerk)
    times = (
        np.abs(decomposition.residual_velocity) / max_acceleration
        + np.abs(decomposition.residual_acceleration) / jerk
    )
    time = float(times.max())
    return min(
        max(time / (time + float((max_acceleration / jerk).max())), MIN_RESIDUAL_FRACTION),
        MAX_RESIDUAL_FRACTION,
    )


def _residual_generator(
    limits: MotionLimits, residual_fraction: float
) -> OnlineTrajectoryGenerator:
    """Return the generator of the residual motion, whose velocity only decreases."""
    return OnlineTrajectoryGenerator(
        _scale_limits(limits, 2.0, residual_fraction, residual_fraction), (0.0, 0.0)
    )


def _residual_state(position: Array, decomposition: Decomposition) -> KinematicState:
    values = (position, decomposition.residual_velocity, decomposition.residual_acceleration)
    return KinematicState(*((float(value[0]), float(value[1])) for value in values))


def _scale_limits(
    limits: MotionLimits, velocity: float, acceleration: float, jerk: float
) -> MotionLimits:
    """Return the limits multiplied by fractions."""
    ratios = velocity, acceleration, jerk
    bounds = limits.velocity, limits.acceleration, limits.jerk
    return MotionLimits(
        *(
            (ratio * first, ratio * second)
            for ratio, (first, second) in zip(ratios, bounds, strict=True)
        )
    )
