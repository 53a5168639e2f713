"""Many brakings at once: what :meth:`OnlineTrajectoryGenerator.plan_stop` plans, as positions."""

from __future__ import annotations

import numpy as np

from ik_nn_ros.arm.plane import Array
from ik_nn_ros.motion.joint_motion import MotionLimits


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
