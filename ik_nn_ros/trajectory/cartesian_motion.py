"""
Onto a straight line of the tip from whatever the joints do, without a halt.

What the joints do is split in two: a motion along the new line, which goes on, and a rest, which is
braked meanwhile. The joints are where the sum of both is; until the rest is gone, the two share the
limits of acceleration and jerk. The line begins where the arm would be with the rest gone and
nothing else; so, once it is gone, the tip is on the line.
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

LIMIT_RATIOS = (1.0, 0.95, 0.9), (0.95, 0.8, 0.7)
"""Parts of the velocity, acceleration and jerk to plan with, the next where a limit is not kept."""
MIN_RESIDUAL_FRACTION, MAX_RESIDUAL_FRACTION = 0.1, 0.8
"""Bounds on the share of the rest."""
INITIAL_CURVATURE_FRACTION = 0.4
"""Part of the acceleration that the line's bend may take where it begins."""
STRETCH_TOLERANCE_RATIO = 1e-9
DECOMPOSITION_ITERATIONS = 3
"""Times the split is made: it depends on where the line begins, and that on the split."""
SPEED_BACKOFF_RATIO, STANDSTILL_SPEED_RAD_PER_S = 0.9, 1e-3
"""The speed along the line is lowered to this part, where it is too fast; rad/s that are none."""
MAX_DURATION_RATIO, MAX_LATE_DURATION_RATIO, LATE_MERGE_FRACTION = 2.5, 1.25, 0.5
"""
A way is not worth it that takes so many times as long as the quickest way of the joints, or the
second number of times and is no line for so large a part of it: it would not follow goals that keep
coming, or turn round them.
"""


class Decomposition(NamedTuple):
    """Speed and acceleration along a line, rad/s and rad/s²; the rest of both joints' (2,)."""

    path_speed: float
    path_acceleration: float
    residual_velocity: Array
    residual_acceleration: Array


def merge_onto_line(
    arm: Kinematics, start: KinematicState, goal: JointPair, limits: MotionLimits
) -> SplineTrajectory | None:
    """
    Return a way on which the tip turns onto a straight line to its goal, and rests there.

    :param arm: the arm
    :param start: of joints that move
    :param goal: (q1, q2), rad
    :param limits: of the joints
    :return: None: there is no such way, or it is not worth it
    """
    try:
        longest = (
            MAX_DURATION_RATIO
            * OnlineTrajectoryGenerator(limits, start.position).plan_to(goal, start).duration
        )
        for margins in LIMIT_RATIOS:
            found = _plan_merge(arm, start, goal, _scale_limits(limits, *margins), longest)
            if found is None:
                return None
            if found.required_stretch(
                limits
            ) <= 1.0 + STRETCH_TOLERANCE_RATIO and found.is_within_limits(arm):
                return found
    except ConfigError:
        pass  # one of the motions in it is one that Ruckig does not find
    return None


def _plan_merge(
    arm: Kinematics,
    start: KinematicState,
    goal: JointPair,
    limits: MotionLimits,
    max_duration: float,
) -> SplineTrajectory | None:
    """
    Plan it within limits that leave something for the sum.

    :param max_duration: that it may take, s
    """
    begun = _find_line_start(arm, start, goal, limits)
    line = None if begun is None else trace_tip_line(arm, begun[0], goal)
    if begun is None or line is None:
        return None
    (place, share), pace = begun, VelocityProfile(line, limits)
    if pace.duration > max_duration:
        return None
    splitting = _Decomposer(start, line.tangents[0], line.curvatures[0], limits)
    split = splitting.feasible_for(pace, share)
    offset = np.subtract(start.position, place)
    gone = _residual_generator(limits, share).plan_to((0.0, 0.0), _residual_state(offset, split))
    law = TimeLaw(
        pace,
        InitialPathState(split.path_speed, split.path_acceleration, 1.0 - share, gone.duration),
    )
    duration = max(law.duration, gone.duration)
    late = gone.duration > LATE_MERGE_FRACTION * duration
    if duration > (MAX_LATE_DURATION_RATIO / MAX_DURATION_RATIO if late else 1.0) * max_duration:
        return None
    times, period = knot_times(duration)
    places = line.joints_at(law.at(times))
    bent = times[times < gone.duration]
    places[: len(bent)] += np.array([gone.at(time).position for time in bent.tolist()])
    return SplineTrajectory.from_samples(places, period, start, goal)


def _find_line_start(
    arm: Kinematics, start: KinematicState, goal: JointPair, limits: MotionLimits
) -> tuple[JointPair, float] | None:
    """Return where the line begins, rad, and the share of the limits that the rest has."""
    place, share = start.position, (MIN_RESIDUAL_FRACTION + MAX_RESIDUAL_FRACTION) / 2.0
    for _ in range(DECOMPOSITION_ITERATIONS):
        line = TipLineEquation.between(arm, place, goal)
        if line is None:
            return None
        tangent = line.tangent(line.coordinates(place).gradient)
        ahead = hypot(goal[0] - place[0], goal[1] - place[1])
        split = _Decomposer(start, np.array(tangent), line.curvature(place, tangent), limits)(
            share, ahead
        )
        share = _residual_fraction(split, limits)
        braking = _residual_generator(limits, share).plan_stop(_residual_state(np.zeros(2), split))
        moved = braking.at(braking.duration).position
        place = start.position[0] + moved[0], start.position[1] + moved[1]
    return place, share


class _Decomposer:
    """
    Splits what the joints do into a motion along a line, as much as it can take, and a rest.

    :param start: what they do
    :param tangent: of the line where it begins, (2,)
    :param bend: its derivative
    :param limits: of the joints
    """

    def __init__(
        self, start: KinematicState, tangent: Array, curvature: Array, limits: MotionLimits
    ) -> None:
        largest = np.array(limits.acceleration)
        self._velocity, self._acceleration = np.array(start.velocity), np.array(start.acceleration)
        self._tangent, self._curvature = tangent, curvature
        # The rest that remains is the least, measured by the time to brake it.
        self._weight = tangent / largest**2
        self._weight /= self._weight @ tangent
        self._max_path_acceleration = 1.0 / float((np.abs(tangent) / largest).max())
        self._rise_time = float((largest / limits.jerk).max())
        self._max_path_speed = min(
            1.0 / float((np.abs(tangent) / limits.velocity).max()),
            sqrt(INITIAL_CURVATURE_FRACTION / float((np.abs(curvature) / largest).max() + 1e-12)),
        )

    def __call__(self, residual_fraction: float, line_length: float) -> Decomposition:
        """
        Return the split.

        :param residual_fraction: of the limits that the rest has
        :param line_length: the length of the line, rad
        """
        most = (1.0 - residual_fraction) * self._max_path_acceleration
        return self._decompose(most, self._max_stoppable_speed(line_length, most))

    def feasible_for(self, profile: VelocityProfile, residual_fraction: float) -> Decomposition:
        """Return the split with which a motion along the line can begin."""
        rate = (
            (1.0 - residual_fraction) * profile.acceleration_fraction * self._max_path_acceleration
        )
        fastest = self._max_path_speed
        while True:
            split = self._decompose(rate, fastest)
            least = -2.0 * split.path_speed / profile.smoothing_window
            most = 2.0 * (self._max_path_speed - split.path_speed) / profile.smoothing_window
            split = self._decomposition(
                split.path_speed, min(max(split.path_acceleration, least), most)
            )
            if profile.is_feasible_start(
                InitialPathState(split.path_speed, split.path_acceleration)
            ):
                return split
            if split.path_speed <= STANDSTILL_SPEED_RAD_PER_S:
                return self._decomposition(0.0, 0.0)
            fastest = SPEED_BACKOFF_RATIO * split.path_speed

    def _decompose(self, max_acceleration: float, max_speed: float) -> Decomposition:
        """Return the split with at most a rate and a speed."""
        speed = min(max(float(self._weight @ self._velocity), 0.0), max_speed, self._max_path_speed)
        turning = speed * speed * self._curvature
        wanted = float(self._weight @ (self._acceleration - turning))
        return self._decomposition(speed, min(max(wanted, -max_acceleration), max_acceleration))

    def _decomposition(self, speed: float, acceleration: float) -> Decomposition:
        turning = speed * speed * self._curvature
        velocity = self._velocity - speed * self._tangent
        return Decomposition(
            speed,
            acceleration,
            velocity,
            self._acceleration - acceleration * self._tangent - turning,
        )

    def _max_stoppable_speed(self, distance: float, deceleration: float) -> float:
        """Return the speed from which one stops within a distance, with a rise time."""
        half = self._rise_time / 2.0
        return deceleration * (sqrt(half * half + 2.0 * distance / deceleration) - half)


def _residual_fraction(decomposition: Decomposition, limits: MotionLimits) -> float:
    """Return the share of the limits with which the rest is braked: the more, the more there is."""
    largest, jerk = np.array(limits.acceleration), np.array(limits.jerk)
    times = (
        np.abs(decomposition.residual_velocity) / largest
        + np.abs(decomposition.residual_acceleration) / jerk
    )
    time = float(times.max())
    return min(
        max(time / (time + float((largest / jerk).max())), MIN_RESIDUAL_FRACTION),
        MAX_RESIDUAL_FRACTION,
    )


def _residual_generator(
    limits: MotionLimits, residual_fraction: float
) -> OnlineTrajectoryGenerator:
    """Return what plans the motion of the rest; its velocity only becomes less."""
    return OnlineTrajectoryGenerator(
        _scale_limits(limits, 2.0, residual_fraction, residual_fraction), (0.0, 0.0)
    )


def _residual_state(position: Array, decomposition: Decomposition) -> KinematicState:
    values = (position, decomposition.residual_velocity, decomposition.residual_acceleration)
    return KinematicState(*((float(value[0]), float(value[1])) for value in values))


def _scale_limits(
    limits: MotionLimits, velocity: float, acceleration: float, jerk: float
) -> MotionLimits:
    """Return parts of the limits."""
    shares = velocity, acceleration, jerk
    bounds = limits.velocity, limits.acceleration, limits.jerk
    return MotionLimits(
        *((share * bound[0], share * bound[1]) for share, bound in zip(shares, bounds, strict=True))
    )


# MERGED motion.straight_line: Plan a motion on which the tip goes straight to its goal.

STANDSTILL_TOLERANCE = 1e-9
"""Velocity and acceleration of joints at rest, for rounding, rad/s and rad/s²."""


def plan_cartesian_motion(
    arm: Kinematics, start: KinematicState, goal: JointPair, limits: MotionLimits
) -> SplineTrajectory | None:
    """
    Return a way on which the tip goes straight to where it is at a goal, and rests there.

    Joints that move bend onto a straight line to it, see :mod:`ik_nn_ros.trajectory.cartesian_motion`.

    :param arm: the arm
    :param start: of the joints
    :param goal: (q1, q2), rad
    :param limits: of the joints, kept at every time
    :return: None where there is no such line, see :func:`~ik_nn_ros.trajectory.cartesian_line.tip_line`, or
        bending onto it is not worth it
    """
    if any(abs(value) > STANDSTILL_TOLERANCE for value in (*start.velocity, *start.acceleration)):
        return merge_onto_line(arm, start, goal, limits)
    line = trace_tip_line(arm, start.position, goal)
    if line is None:
        return None
    law = TimeLaw(VelocityProfile(line, limits), InitialPathState())
    times, period = knot_times(law.duration)
    way = SplineTrajectory.from_samples(line.joints_at(law.at(times)), period, start, goal)
    way = way.stretched(way.required_stretch(limits))
    return way if way.is_within_limits(arm) else None
