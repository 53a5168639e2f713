"""Many brakings at once: what :meth:`OnlineTrajectoryGenerator.plan_stop` plans, as positions."""

from __future__ import annotations

import numpy as np

from ik_nn_ros.arm.geometry import Array, JointPair
from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.trajectory.online_generator import (
    KinematicState,
    MotionLimits,
    OnlineTrajectoryGenerator,
)


def stopping_positions(states: Array, limits: MotionLimits, interval_count: int) -> Array:
    """
    Return where the joints are while they come to rest as soon as the limits allow.

    Each joint brakes with its full jerk until the acceleration is at its limit, or as large as it
    must be; keeps it; and lets it go with the full jerk again. The times at which that changes
    follow from the velocity; each adds a cubic to the position from there on.

    :param states: (N, 3, 2) position, velocity, acceleration within the limits: rad, rad/s, rad/s²
    :param limits: of both joints
    :param interval_count: of equal parts each braking is cut into
    :return: (N, count + 1, 2), rad
    """
    largest, jerk = np.array(limits.acceleration), np.array(limits.jerk)
    q, v, a = states[:, 0], states[:, 1], states[:, 2]
    sign = np.where(v + a * np.abs(a) / (2.0 * jerk) < 0.0, -1.0, 1.0)
    v, a = sign * v, sign * a
    peak = np.minimum(largest, np.sqrt(np.maximum(jerk * v + a * a / 2.0, 0.0)))
    rest = np.maximum(v + a * a / (2.0 * jerk) - peak**2 / jerk, 0.0)
    full = np.maximum(a + peak, 0.0) / jerk
    release = full + rest / np.where(peak > 0.0, peak, 1.0)
    end = release + peak / jerk
    times = (end.max(axis=1)[:, None] * np.linspace(0.0, 1.0, interval_count + 1))[..., None]
    cubes = (
        _cubic_ramp(times, full)
        + _cubic_ramp(times, release)
        - _cubic_ramp(times, end)
        - times * times * times
    )
    v, a, sign = v[:, None], a[:, None], sign[:, None]
    moved: Array = times * (v + times * a / 2.0) + jerk / 6.0 * cubes
    return q[:, None] + sign * moved


def stopping_distances(states: Array, limits: MotionLimits) -> Array:
    """
    Return bounds (N, 2) on how far, rad, the joints go while they come to rest.

    First the acceleration goes, then the speed u there is then at most: over u²/2a + ua/2j, or
    less where the limit of the acceleration a is not reached.

    :param states: (N, 3, 2) as for :func:`stopping_positions`
    :param limits: of both joints
    """
    largest, jerk = np.array(limits.acceleration), np.array(limits.jerk)
    v, a = np.abs(states[:, 1]), np.abs(states[:, 2])
    speed = v + a * a / (2.0 * jerk)
    bounds: Array = speed * (a / jerk + (speed / largest + largest / jerk) / 2.0)
    return bounds


def _cubic_ramp(times: Array, start: Array) -> Array:
    """Return the cube of the time since a start; 0 before it."""
    since: Array = np.maximum(times - start[:, None], 0.0)
    return since * since * since


# MERGED motion.inside: Whether an arm stays inside its joint limits, and how it is put there.

LIMIT_NOISE_TOLERANCE_RAD = 0.01
"""Joints that seem to be outside their limits by less (rad) are taken to stand at them."""
ROUNDING_RAD = 1e-7
"""rad"""


def is_outside_limits(arm: Kinematics, q: JointPair) -> bool:
    """Tell whether joint angles, rad, are outside the limits, not only by noise."""
    return _max_joint_difference(q, arm.clip(q)) > LIMIT_NOISE_TOLERANCE_RAD


def snap_to_limits(arm: Kinematics, q: JointPair) -> JointPair:
    """Put what rounding has brought outside the limits at them, rad."""
    near = arm.clip(q)
    return near if _max_joint_difference(q, near) <= 2.0 * ROUNDING_RAD else q


def can_stop_within_limits(
    arm: Kinematics,
    generator: OnlineTrajectoryGenerator,
    state: KinematicState,
    position: JointPair,
) -> bool:
    """
    Tell whether the brakes bring the arm to rest inside its limits, or not farther out.

    :param generator: plans the braking
    :param state: from which it brakes
    :param position: where the joints are, perhaps outside, rad
    """
    (low1, low2), (up1, up2) = arm.lower, arm.upper
    (least1, most1), (least2, most2) = generator.stopping_range(state)
    return (
        least1 >= min(low1, position[0]) - ROUNDING_RAD
        and most1 <= max(up1, position[0]) + ROUNDING_RAD
        and least2 >= min(low2, position[1]) - ROUNDING_RAD
        and most2 <= max(up2, position[1]) + ROUNDING_RAD
    )


def stoppable_velocity(
    arm: Kinematics, limits: MotionLimits, position: JointPair, velocity: JointPair
) -> JointPair:
    """Return a velocity as measured, or as much less as it takes to stop inside the limits."""
    first, second = (
        min(max(v, -limit), limit) for v, limit in zip(velocity, limits.velocity, strict=True)
    )
    motion = OnlineTrajectoryGenerator(limits, position)
    for share in (1.0, 0.75, 0.5, 0.25):
        state = KinematicState(position, (share * first, share * second), (0.0, 0.0))
        if can_stop_within_limits(arm, motion, state, position):
            return state.velocity
    return 0.0, 0.0


def _max_joint_difference(q: JointPair, other: JointPair) -> float:
    return max(abs(q[0] - other[0]), abs(q[1] - other[1]))
