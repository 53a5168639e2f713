"""
When the joints are where on a path: as fast as the limits allow, to rest at its end.

Between two corners the motion is :class:`~ik_nn_ros.motion.line_pace.TimeLaw`'s along a smooth
curve through the path's places; at a corner it rests for a moment.
"""

from __future__ import annotations

import numpy as np

from ik_nn_ros.arm.joint_path import JointPath
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.arm.plane import Array
from ik_nn_ros.motion.joint_motion import (
    KinematicState,
    MotionLimits,
    OnlineTrajectoryGenerator,
    RuckigTrajectory,
)
from ik_nn_ros.motion.line_pace import InitialPathState, TimeLaw, VelocityProfile
from ik_nn_ros.motion.path_curve import PathCurve
from ik_nn_ros.motion.spline_way import KNOT_PERIOD_S, SplineTrajectory, knot_times

STRETCH_RESERVE_RATIO = 1.1
"""How many times slower a path is gone than the limits allow: so its pace can change on it."""
MAX_PATH_KNOT_INTERVALS = 100_000
"""Knots of a path: those of ten minutes are as near to each other as those of a second."""
STANDSTILL = (0.0, 0.0)


def plan_path_trajectory(arm: ArmModel, path: JointPath, limits: MotionLimits) -> SplineTrajectory:
    """
    Return the motion along a path, from rest to rest.

    :param arm: the arm
    :param path: inside its limits
    :param limits: of the joints, kept at every time
    """
    first, last = path.waypoints[0].tolist(), path.waypoints[-1].tolist()
    if len(path.waypoints) == 1:
        return SplineTrajectory(np.repeat(path.waypoints, 3, axis=0), KNOT_PERIOD_S)
    curve = PathCurve(path)
    law = TimeLaw(VelocityProfile(curve, limits), InitialPathState())
    times, period = knot_times(law.duration, MAX_PATH_KNOT_INTERVALS)
    start = KinematicState((first[0], first[1]), STANDSTILL, STANDSTILL)
    places = curve.joints_at(law.at(times))
    way = SplineTrajectory.from_samples(
        places, period, start, (last[0], last[1])
    ).clipped_to_limits(arm)
    return way.stretched(STRETCH_RESERVE_RATIO * way.required_stretch(limits))


class TrajectorySequence:
    """
    Two ways, one after the other.

    :param approach: to where the path begins, to rest
    :param path_trajectory: the motion along it, from rest, at its full pace
    :param speed_ratio: part of that pace, more than 0
    """

    def __init__(
        self,
        approach: RuckigTrajectory,
        path_trajectory: SplineTrajectory,
        speed_ratio: float = 1.0,
    ) -> None:
        self.speed_ratio = speed_ratio
        self._approach, self._path_trajectory = (
            approach,
            path_trajectory.stretched(1.0 / speed_ratio),
        )
        self.duration = approach.duration + self._path_trajectory.duration
        """s"""

    def path_time(self, time: float) -> float:
        """Return where on the path it is at a time: when that is at full pace, s; below 0: not."""
        return self.speed_ratio * (time - self._approach.duration)

    def at(self, time: float) -> KinematicState:
        """Return the state a time (s) after the beginning."""
        since = time - self._approach.duration
        return self._approach.at(time) if since < 0.0 else self._path_trajectory.at(since)

    def states_at(self, times: Array) -> tuple[Array, Array, Array]:
        """Return positions, velocities, accelerations (N, 2): rad, rad/s, rad/s²."""
        since = times - self._approach.duration
        parts = (
            self._approach.states_at(times[since < 0.0]),
            self._path_trajectory.states_at(since[since >= 0.0]),
        )
        q, v, a = (np.vstack(part) for part in zip(*parts, strict=True))
        return q, v, a


def plan_approach_and_path(
    arm: ArmModel, start: KinematicState, path: JointPath, limits: MotionLimits
) -> TrajectorySequence:
    """
    Return the motion from where the joints are to the path's beginning and along it.

    :param arm: the arm
    :param start: how the joints move
    :param path: inside its limits
    :param limits: of the joints, kept at every time
    :raises ConfigError: there is no way to its beginning
    """
    first, second = path.waypoints[0].tolist()
    way = OnlineTrajectoryGenerator(limits, start.position).plan_to((first, second), start)
    return TrajectorySequence(way, plan_path_trajectory(arm, path, limits))
