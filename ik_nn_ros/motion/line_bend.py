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
from ik_nn_ros.motion.line_pace import Begin, Pace, PacedLaw
from ik_nn_ros.motion.spline_way import SplineWay, knots
from ik_nn_ros.motion.tip_line import tip_line

MARGINS = (1.0, 0.95, 0.9), (0.95, 0.8, 0.7)
"""Parts of the velocity, acceleration and jerk to plan with, the next where a limit is not kept."""
LEAST, MOST = 0.1, 0.8
"""Bounds on the share of the rest."""
BEND = 0.4
"""Part of the acceleration that the line's bend may take where it begins."""
ROUNDING = 1e-9
SPLITS = 3
"""Times the split is made: it depends on where the line begins, and that on the split."""
SLOWER, STANDING = 0.9, 1e-3
"""The speed along the line is lowered to this part, where it is too fast; rad/s that are none."""
SLOW, LESS_SLOW, LATE = 2.5, 1.25, 0.5
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
            if found.demand(limits) <= 1.0 + ROUNDING and found.is_inside(arm):
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
    (place, share), pace = begun, Pace(line, limits)
    if pace.duration > longest:
        return None
    splitting = _Splitting(start, line.tangents[0], line.bends[0], limits)
    split = splitting.allowed_by(pace, share)
    offset = np.subtract(start.position, place)
    gone = _rest_motion(limits, share).way_to((0.0, 0.0), _state(offset, split))
    law = PacedLaw(pace, Begin(split.speed, split.rate, 1.0 - share, gone.duration))
    duration = max(law.duration, gone.duration)
    late = gone.duration > LATE * duration
    if duration > (LESS_SLOW / SLOW if late else 1.0) * longest:
        return None
    times, period = knots(duration)
    places = line.joints(law.at(times))
    bent = times[times < gone.duration]
    places[: len(bent)] += np.array([gone.at(time).position for time in bent.tolist()])
    return SplineWay.through(places, period, start, goal)


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
        ahead = hypot(goal[0] - place[0], goal[1] - place[1])
        split = _Splitting(start, np.array(tangent), line.bend(place, tangent), limits)(
            share, ahead
        )
        share = _share(split, limits)
        braking = _rest_motion(limits, share).braking(_state(np.zeros(2), split))
        moved = braking.at(braking.duration).position
        place = start.position[0] + moved[0], start.position[1] + moved[1]
    return place, share


class _Splitting:
    """
    Splits what the joints do into a motion along a line, as much as it can take, and a rest.

    :param start: what they do
    :param tangent: of the line where it begins, (2,)
    :param bend: its derivative
    :param limits: of the joints
    """

    def __init__(self, start: State, tangent: Array, bend: Array, limits: MotionLimits) -> None:
        largest = np.array(limits.acceleration)
        self._velocity, self._acceleration = np.array(start.velocity), np.array(start.acceleration)
        self._tangent, self._bend = tangent, bend
        # The rest that remains is the least, measured by the time to brake it.
        self._weight = tangent / largest**2
        self._weight /= self._weight @ tangent
        self._rate = 1.0 / float((np.abs(tangent) / largest).max())
        self._rise = float((largest / limits.jerk).max())
        self._even = min(
            1.0 / float((np.abs(tangent) / limits.velocity).max()),
            sqrt(BEND / float((np.abs(bend) / largest).max() + 1e-12)),
        )

    def __call__(self, share: float, ahead: float) -> Split:
        """
        Return the split.

        :param share: of the limits that the rest has
        :param ahead: the length of the line, rad
        """
        most = (1.0 - share) * self._rate
        return self._at(most, self._stoppable(ahead, most))

    def allowed_by(self, pace: Pace, share: float) -> Split:
        """Return the split with which a motion along the line can begin."""
        rate = (1.0 - share) * pace.share * self._rate
        fastest = self._even
        while True:
            split = self._at(rate, fastest)
            least = -2.0 * split.speed / pace.window
            most = 2.0 * (self._even - split.speed) / pace.window
            split = self._with_rate(split.speed, min(max(split.rate, least), most))
            if pace.allows(Begin(split.speed, split.rate)):
                return split
            if split.speed <= STANDING:
                return self._with_rate(0.0, 0.0)
            fastest = SLOWER * split.speed

    def _at(self, rate: float, fastest: float) -> Split:
        """Return the split with at most a rate and a speed."""
        speed = min(max(float(self._weight @ self._velocity), 0.0), fastest, self._even)
        turning = speed * speed * self._bend
        wanted = float(self._weight @ (self._acceleration - turning))
        return self._with_rate(speed, min(max(wanted, -rate), rate))

    def _with_rate(self, speed: float, rate: float) -> Split:
        turning = speed * speed * self._bend
        velocity = self._velocity - speed * self._tangent
        return Split(speed, rate, velocity, self._acceleration - rate * self._tangent - turning)

    def _stoppable(self, distance: float, rate: float) -> float:
        """Return the speed from which one stops within a distance, with a rise time."""
        half = self._rise / 2.0
        return rate * (sqrt(half * half + 2.0 * distance / rate) - half)


def _share(split: Split, limits: MotionLimits) -> float:
    """Return the share of the limits with which the rest is braked: the more, the more there is."""
    largest, jerk = np.array(limits.acceleration), np.array(limits.jerk)
    times = np.abs(split.velocity) / largest + np.abs(split.acceleration) / jerk
    time = float(times.max())
    return min(max(time / (time + float((largest / jerk).max())), LEAST), MOST)


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
        *((share * bound[0], share * bound[1]) for share, bound in zip(shares, bounds, strict=True))
    )
