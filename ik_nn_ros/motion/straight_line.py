"""Plan a motion on which the tip goes straight to its goal."""

from __future__ import annotations

from ik_nn_ros.arm.model import ArmModel, Pair
from ik_nn_ros.motion.joint_motion import MotionLimits, State
from ik_nn_ros.motion.line_bend import bend_onto_line
from ik_nn_ros.motion.line_pace import Begin, Pace, PacedLaw
from ik_nn_ros.motion.spline_way import SplineWay, knots
from ik_nn_ros.motion.tip_line import tip_line

AT_REST = 1e-9
"""Velocity and acceleration of joints at rest, for rounding, rad/s and rad/s²."""


def plan_line(arm: ArmModel, start: State, goal: Pair, limits: MotionLimits) -> SplineWay | None:
    """
    Return a way on which the tip goes straight to where it is at a goal, and rests there.

    Joints that move bend onto a straight line to it, see :mod:`ik_nn_ros.motion.line_bend`.

    :param arm: the arm
    :param start: of the joints
    :param goal: (q1, q2), rad
    :param limits: of the joints, kept at every time
    :return: None where there is no such line, see :func:`~ik_nn_ros.motion.tip_line.tip_line`, or
        bending onto it is not worth it
    """
    if any(abs(value) > AT_REST for value in (*start.velocity, *start.acceleration)):
        return bend_onto_line(arm, start, goal, limits)
    line = tip_line(arm, start.position, goal)
    if line is None:
        return None
    law = PacedLaw(Pace(line, limits), Begin())
    times, period = knots(law.duration)
    way = SplineWay.through(line.joints(law.at(times)), period, start, goal)
    way = way.slower(way.demand(limits))
    return way if way.is_inside(arm) else None
