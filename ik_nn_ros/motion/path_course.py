"""
When the joints are where on a path: as fast as the limits allow, to rest at its end.

Between two corners the motion is :class:`~ik_nn_ros.motion.line_pace.PacedLaw`'s along a smooth
curve through the path's places; at a corner it rests for a moment.
"""

from __future__ import annotations

import numpy as np

from ik_nn_ros.arm.joint_path import JointPath
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.arm.plane import Array
from ik_nn_ros.motion.joint_motion import JointMotion, MotionLimits, State, Way
from ik_nn_ros.motion.line_pace import Begin, Pace, PacedLaw
from ik_nn_ros.motion.path_curve import PathCurve
from ik_nn_ros.motion.spline_way import PERIOD, SplineWay, knots

RESERVE = 1.1
"""How many times slower a path is gone than the limits allow: so its pace can change on it."""
MOST = 100_000
"""Knots of a path: those of ten minutes are as near to each other as those of a second."""
STILL = (0.0, 0.0)


def plan_path(arm: ArmModel, path: JointPath, limits: MotionLimits) -> SplineWay:
    """
    Return the motion along a path, from rest to rest.

    :param arm: the arm
    :param path: inside its limits
    :param limits: of the joints, kept at every time
    """
    first, last = path.places[0].tolist(), path.places[-1].tolist()
    if len(path.places) == 1:
        return SplineWay(np.repeat(path.places, 3, axis=0), PERIOD)
    curve = PathCurve(path)
    law = PacedLaw(Pace(curve, limits), Begin())
    times, period = knots(law.duration, MOST)
    start = State((first[0], first[1]), STILL, STILL)
    places = curve.joints(law.at(times))
    way = SplineWay.through(places, period, start, (last[0], last[1])).clipped(arm)
    return way.slower(RESERVE * way.demand(limits))


class Journey:
    """
    Two ways, one after the other.

    :param way: to where the path begins, to rest
    :param path: the motion along it, from rest, at its full pace
    :param rate: part of that pace, more than 0
    """

    def __init__(self, way: Way, path: SplineWay, rate: float = 1.0) -> None:
        self.rate = rate
        self._way, self._path = way, path.slower(1.0 / rate)
        self.duration = way.duration + self._path.duration
        """s"""

    def place(self, time: float) -> float:
        """Return where on the path it is at a time: when that is at full pace, s; below 0: not."""
        return self.rate * (time - self._way.duration)

    def at(self, time: float) -> State:
        """Return the state a time (s) after the beginning."""
        since = time - self._way.duration
        return self._way.at(time) if since < 0.0 else self._path.at(since)

    def states_at(self, times: Array) -> tuple[Array, Array, Array]:
        """Return positions, velocities, accelerations (N, 2): rad, rad/s, rad/s²."""
        since = times - self._way.duration
        parts = self._way.states_at(times[since < 0.0]), self._path.states_at(since[since >= 0.0])
        q, v, a = (np.vstack(part) for part in zip(*parts, strict=True))
        return q, v, a


def plan_journey(arm: ArmModel, start: State, path: JointPath, limits: MotionLimits) -> Journey:
    """
    Return the motion from where the joints are to the path's beginning and along it.

    :param arm: the arm
    :param start: how the joints move
    :param path: inside its limits
    :param limits: of the joints, kept at every time
    :raises ConfigError: there is no way to its beginning
    """
    first, second = path.places[0].tolist()
    way = JointMotion(limits, start.position).way_to((first, second), start)
    return Journey(way, plan_path(arm, path, limits))
