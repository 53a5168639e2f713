"""Plan a motion on which the tip goes straight to its goal."""

from __future__ import annotations

from ik_nn_ros.arm.model import ArmModel, JointPair
from ik_nn_ros.motion.joint_motion import KinematicState, MotionLimits
from ik_nn_ros.motion.line_bend import merge_onto_line
from ik_nn_ros.motion.line_pace import InitialPathState, TimeLaw, VelocityProfile
from ik_nn_ros.motion.spline_way import SplineTrajectory, knot_times
from ik_nn_ros.motion.tip_line import trace_tip_line

STANDSTILL_TOLERANCE = 1e-9
"""Velocity and acceleration of joints at rest, for rounding, rad/s and rad/s²."""


def plan_cartesian_motion(
    arm: ArmModel, start: KinematicState, goal: JointPair, limits: MotionLimits
) -> SplineTrajectory | None:
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
