"""
Stopping motions: many at once as positions, and whether they end within the joint limits.

What :meth:`OnlineTrajectoryGenerator.plan_stop` plans for one state, :func:`stopping_positions`
computes for many.
"""

from __future__ import annotations

import numpy as np

from ik_nn_ros.arm.geometry import Array, JointPair
from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.trajectory.online_generator import (
    KinematicState,
    MotionLimits,
    OnlineTrajectoryGenerator,
)

LIMIT_NOISE_TOLERANCE_RAD = 0.01
"""Joints measured outside their limits by less than this are taken to be at the limit, rad."""
ROUNDING_RAD = 1e-7
"""Rounding of planned positions, rad."""
TAKEOVER_VELOCITY_RATIOS = (1.0, 0.75, 0.5, 0.25)
"""Fractions of a measured velocity that are tried as the initial velocity of a motion."""


def stopping_positions(states: Array, limits: MotionLimits, interval_count: int) -> Array:
    """
    Return the positions of joints that stop as soon as the limits allow.

    Each joint brakes with full jerk until the deceleration reaches its limit, or the value that it
    needs; keeps it; and reduces it with full jerk. The switching times follow from the velocity;
    after each of them a cubic is added to the position.

    :param states: (N, 3, 2) position, velocity, acceleration within the limits: rad, rad/s, rad/s²
    :param limits: limits of the joints
    :param interval_count: number of equal intervals that each stopping motion is divided into
    :return: (N, interval_count + 1, 2), rad
    """
    max_acceleration, jerk = np.array(limits.acceleration), np.array(limits.jerk)
    q, v, a = states[:, 0], states[:, 1], states[:, 2]
    sign = np.where(v + a * np.abs(a) / (2.0 * jerk) < 0.0, -1.0, 1.0)
    v, a = sign * v, sign * a
    peak = np.minimum(max_acceleration, np.sqrt(np.maximum(jerk * v + a * a / 2.0, 0.0)))
    speed_at_peak = np.maximum(v + a * a / (2.0 * jerk) - peak**2 / jerk, 0.0)
    peak_reached = np.maximum(a + peak, 0.0) / jerk
    release = peak_reached + speed_at_peak / np.where(peak > 0.0, peak, 1.0)
    end = release + peak / jerk
    times = (end.max(axis=1)[:, None] * np.linspace(0.0, 1.0, interval_count + 1))[..., None]
    cubes = (
        _cubic_ramp(times, peak_reached)
        + _cubic_ramp(times, release)
        - _cubic_ramp(times, end)
        - times * times * times
    )
    v, a, sign = v[:, None], a[:, None], sign[:, None]
    distances: Array = times * (v + times * a / 2.0) + jerk / 6.0 * cubes
    return q[:, None] + sign * distances


def stopping_distances(states: Array, limits: MotionLimits) -> Array:
    """
    Return upper bounds (N, 2) on the distances that the joints need to stop, rad.

    While the acceleration decreases to zero the speed rises to at most u; from there a joint needs
    u²/2a + ua/2j, or less where it does not reach the limit a of the acceleration.

    :param states: (N, 3, 2) as for :func:`stopping_positions`
    :param limits: limits of the joints
    """
    max_acceleration, jerk = np.array(limits.acceleration), np.array(limits.jerk)
    v, a = np.abs(states[:, 1]), np.abs(states[:, 2])
    speed = v + a * a / (2.0 * jerk)
    bounds: Array = speed * (a / jerk + (speed / max_acceleration + max_acceleration / jerk) / 2.0)
    return bounds


def _cubic_ramp(times: Array, start: Array) -> Array:
    """Return the cube of the time since a start, 0 before it."""
    elapsed: Array = np.maximum(times - start[:, None], 0.0)
    return elapsed * elapsed * elapsed


def is_outside_limits(arm: Kinematics, q: JointPair) -> bool:
    """Tell whether joint angles, rad, are outside the limits by more than noise."""
    return _max_joint_difference(q, arm.clip(q)) > LIMIT_NOISE_TOLERANCE_RAD


def snap_to_limits(arm: Kinematics, q: JointPair) -> JointPair:
    """Return joint angles, rad, clipped to the limits where they exceed them only by rounding."""
    clipped = arm.clip(q)
    return clipped if _max_joint_difference(q, clipped) <= 2.0 * ROUNDING_RAD else q


def can_stop_within_limits(
    arm: Kinematics,
    generator: OnlineTrajectoryGenerator,
    state: KinematicState,
    position: JointPair,
) -> bool:
    """
    Tell whether a stop from a state stays inside the limits, or no farther outside than now.

    :param arm: the arm
    :param generator: plans the stop
    :param state: state from which the joints brake
    :param position: current positions, which may be outside the limits, rad
    """
    (lower1, lower2), (upper1, upper2) = arm.lower, arm.upper
    (lowest1, highest1), (lowest2, highest2) = generator.stopping_range(state)
    return (
        lowest1 >= min(lower1, position[0]) - ROUNDING_RAD
        and highest1 <= max(upper1, position[0]) + ROUNDING_RAD
        and lowest2 >= min(lower2, position[1]) - ROUNDING_RAD
        and highest2 <= max(upper2, position[1]) + ROUNDING_RAD
    )


def stoppable_velocity(
    arm: Kinematics, limits: MotionLimits, position: JointPair, velocity: JointPair
) -> JointPair:
    """
    Return a measured velocity, reduced so far that the joints can stop within their limits.

    :param arm: the arm
    :param limits: limits of the stopping motion
    :param position: positions within the joint limits, rad
    :param velocity: measured velocity, rad/s
    """
    v1, v2 = (
        min(max(v, -limit), limit) for v, limit in zip(velocity, limits.velocity, strict=True)
    )
    generator = OnlineTrajectoryGenerator(limits, position)
    for ratio in TAKEOVER_VELOCITY_RATIOS:
        state = KinematicState(position, (ratio * v1, ratio * v2), (0.0, 0.0))
        if can_stop_within_limits(arm, generator, state, position):
            return state.velocity
    return 0.0, 0.0


def _max_joint_difference(q: JointPair, other: JointPair) -> float:
    return max(abs(q[0] - other[0]), abs(q[1] - other[1]))
