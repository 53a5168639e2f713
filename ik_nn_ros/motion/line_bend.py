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

from ik_nn_ros.arm.model import ArmModel, Pair
from ik_nn_ros.arm.plane import Array
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.motion.joint_motion import JointMotion, MotionLimits, State
from ik_nn_ros.motion.line_equation import Straight
from ik_nn_ros.motion.line_pace import steady_limits
from ik_nn_ros.motion.spline_way import SplineWay, knots
from ik_nn_ros.motion.tip_line import tip_line

MARGINS = (1.0, 0.95, 0.9), (0.95, 0.8, 0.7)
"""Parts of the velocity, acceleration and jerk to plan with, the next where a limit is not kept."""
LEAST, MOST = 0.1, 0.8
"""Bounds on the share of the rest."""
RESERVE = 1.05
"""On the share with which a rest that is being braked comes to a halt where it should."""
PAST = 0.1
"""How far the motion along the line may go past its ends before it turns, rad."""
BEND = 0.4
"""Part of the acceleration that the line's bend may take where it begins."""
SPLITS = 3
"""Times the split is made: it depends on where the line begins, and that on the split."""
SLOW, LESS_SLOW, LATE = 2.5, 1.25, 0.4
"""
A way is not worth it that takes so many times as long as the quickest way of the joints, or the
second number of times and is no line for so large a part of it: it would not follow goals that keep
coming, or turn round them.
"""


class Split(NamedTuple):
    """Speed and acceleration along a line, rad/s and rad/s²; the rest of both joints' (2,)."""

    speed: float
    rate: float
    velocity: Array
    acceleration: Array


def bend_onto_line(
    arm: ArmModel, start: State, goal: Pair, limits: MotionLimits
) -> SplineWay | None:
    """
    Return a way on which the tip turns onto a straight line to its goal, and rests there.

    :param arm: the arm
    :param start: of joints that move
    :param goal: (q1, q2), rad
    :param limits: of the joints
    :return: None: there is no such way, or it is not worth it
    """
    try:
        longest = SLOW * JointMotion(limits, start.position).way_to(goal, start).duration
        for margins in MARGINS:
            found = _way(arm, start, goal, _scaled(limits, *margins), longest)
            if found is None:
                return None
            if found.demand(limits) <= 1.0 and found.is_inside(arm):
                return found
    except ConfigError:
        pass  # one of the motions in it is one that Ruckig does not find
    return None


def _way(
    arm: ArmModel, start: State, goal: Pair, limits: MotionLimits, longest: float
) -> SplineWay | None:
    """
    Plan it within limits that leave something for the sum.

    :param longest: that it may take, s
    """
    begun = _beginning(arm, start, goal, limits)
    line = None if begun is None else tip_line(arm, begun[0], goal)
    if begun is None or line is None:
        return None
    along = steady_limits(line, limits)
    if line.length > longest * along.velocity[0]:
        return None
    place, share = begun
    split = _split(start, line.tangents[0], line.bends[0], line.length, share, limits)
    offset = np.subtract(start.position, place)
    gone = _rest_motion(limits, share).way_to((0.0, 0.0), _state(offset, split))
    law = _Progress(line.length, along, split, 1.0 - share, gone.duration)
    duration = max(law.duration, gone.duration)
    late = gone.duration > LATE * duration
    if duration > (LESS_SLOW / SLOW if late else 1.0) * longest:
        return None
    times, period = knots(duration)
    places = line.joints(law.at(times))
    places += np.array([gone.at(time).position for time in times.tolist()])
    places[-1] = goal
    return SplineWay.through(places, period, start)


def _beginning(
    arm: ArmModel, start: State, goal: Pair, limits: MotionLimits
) -> tuple[Pair, float] | None:
    """Return where the line begins, rad, and the share of the limits that the rest has."""
    place, share = start.position, (LEAST + MOST) / 2.0
    for _ in range(SPLITS):
        line = Straight.between(arm, place, goal)
        if line is None:
            return None
        tangent = line.tangent(line.place(place).gradient)
        bend = line.bend(place, tangent)
        ahead = hypot(goal[0] - place[0], goal[1] - place[1])
        split = _split(start, np.array(tangent), bend, ahead, share, limits)
        share = _share(split, limits)
        braking = _rest_motion(limits, share).braking(_state(np.zeros(2), split))
        moved = braking.at(braking.duration).position
        place = start.position[0] + moved[0], start.position[1] + moved[1]
    return place, share


def _split(
    start: State, tangent: Array, bend: Array, ahead: float, share: float, limits: MotionLimits
) -> Split:
    """
    Split what the joints do into a motion along the line, as much as the line can take, and a rest.

    :param tangent: of the line where it begins, (2,)
    :param bend: its derivative
    :param ahead: length of the line, rad
    :param share: of the limits that the rest has
    """
    largest = np.array(limits.acceleration)
    velocity, acceleration = np.array(start.velocity), np.array(start.acceleration)
    rate = (1.0 - share) / float((np.abs(tangent) / largest).max())
    rise = float((largest / limits.jerk).max())
    even = min(
        1.0 / float((np.abs(tangent) / limits.velocity).max()),
        sqrt(BEND / float((np.abs(bend) / largest).max() + 1e-12)),
    )
    # The rest that remains is the least, measured by the time to brake it.
    weight = tangent / largest**2
    weight /= weight @ tangent
    forwards, back = _stoppable(ahead + PAST, rate, rise), _stoppable(PAST, rate, rise)
    speed = min(max(float(weight @ velocity), -back, -even), forwards, even)
    turning = speed * speed * bend
    rate = min(max(float(weight @ (acceleration - turning)), -rate), rate)
    return Split(speed, rate, velocity - speed * tangent, acceleration - rate * tangent - turning)


def _stoppable(distance: float, rate: float, rise: float) -> float:
    """Return the speed from which one stops within a distance, with a rise time for the rate."""
    return rate * (sqrt(rise * rise / 4.0 + 2.0 * distance / rate) - rise / 2.0)


def _share(split: Split, limits: MotionLimits) -> float:
    """Return the share of the limits with which the rest is braked: the more, the more there is."""
    largest, jerk = np.array(limits.acceleration), np.array(limits.jerk)
    speed, rate = np.abs(split.velocity), np.abs(split.acceleration)
    time = float((speed / largest + rate / jerk).max())
    # To let go of an acceleration in time takes a jerk of a²/2v.
    braking = split.velocity * split.acceleration < 0.0
    release = np.where(braking, rate**2 / (2.0 * jerk * np.maximum(speed, 1e-6)), 0.0).max()
    wanted = time / (time + float((largest / jerk).max()))
    return min(max(wanted, RESERVE * float(release), LEAST), MOST)


class _Progress:
    """
    The place along a line over time, from a speed at its beginning to rest at its end.

    :param length: of the line, rad
    :param limits: of the place, as joint 1
    :param split: says how it begins
    :param share: of the limits of acceleration and jerk, until the time ``until`` (s)
    """

    def __init__(
        self, length: float, limits: MotionLimits, split: Split, share: float, until: float
    ) -> None:
        begin = State((0.0, 0.0), (split.speed, 0.0), (split.rate, 0.0))
        end = length, 0.0
        self._first = JointMotion(_scaled(limits, 1.0, share, share), (0.0, 0.0)).way_to(end, begin)
        self._until = until
        self._then = JointMotion(limits, (0.0, 0.0)).way_to(end, self._first.at(until))
        self.duration = until + self._then.duration
        """s"""

    def at(self, times: Array) -> Array:
        """Return the places (N,), rad, at (N,) times, s."""
        until = self._until
        return np.array(
            [
                (self._first.at(t) if t < until else self._then.at(t - until)).position[0]
                for t in times.tolist()
            ]
        )


def _rest_motion(limits: MotionLimits, share: float) -> JointMotion:
    """Return what plans the motion of the rest; its velocity only becomes less."""
    return JointMotion(_scaled(limits, 2.0, share, share), (0.0, 0.0))


def _state(position: Array, split: Split) -> State:
    values = (position, split.velocity, split.acceleration)
    return State(*((float(value[0]), float(value[1])) for value in values))


def _scaled(
    limits: MotionLimits, velocity: float, acceleration: float, jerk: float
) -> MotionLimits:
    """Return parts of the limits."""
    shares = velocity, acceleration, jerk
    bounds = limits.velocity, limits.acceleration, limits.jerk
    return MotionLimits(
        *((share * b[0], share * b[1]) for share, b in zip(shares, bounds, strict=True))
    )
