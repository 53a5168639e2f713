"""Joint goals as they come: to a single one the quickest way, along a stream of them smoothly."""

from __future__ import annotations

from math import inf

import numpy as np

from ik_nn_ros.arm.model import Pair
from ik_nn_ros.arm.plane import Array
from ik_nn_ros.motion.blend import Blend
from ik_nn_ros.motion.joint_motion import (
    JOINTS,
    JointMotion,
    MotionLimits,
    Push,
    State,
    Way,
)

GAP = 0.15
"""
A goal belongs to a stream that comes within this time (s) after another, and is no farther from it
than the joints go in this time.
"""
WEAR = 4.0
"""How many times faster errors wear off than goals are blended."""
ROUNDING = 1e-10
"""rad"""


class GoalStream:
    """
    Steers a motion to goals that come at any time and rate.

    The quickest way to rest at the newest goal is right for a single one. Along a stream it would
    be bang-bang, and each joint would lag by a braking distance of its own, which bends the path.
    There the motion follows a :class:`Blend` of the goals: it has the same acceleration, and errors
    wear off. The jerk for that is cut to what the limits allow, and not taken where it is far from
    enough, or where the joints could not stop any more before they leave the goals that are
    blended: then it is again the quickest way to the newest goal that is taken.

    So velocity, acceleration and jerk are always within their limits, and a motion that began at
    rest inside an interval stays inside, whatever goals in it follow each other.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget all goals."""
        self._received: tuple[float, Pair] | None = None
        self._goal: Pair | None = None
        self._goal_at = -inf
        self._blend = Blend((0.0, 0.0))
        self._planned: tuple[Way, MotionLimits] | None = None

    def add(self, now: float, goal: Pair) -> None:
        """
        Take a goal in; of those between two steps of the motion the last counts.

        :param now: when it was received, s
        :param goal: (q1, q2), rad
        """
        self._received = now, goal

    def steer(self, motion: JointMotion, now: float, seconds: float) -> None:
        """
        Have a motion take the way for its next step.

        :param now: the end of the step, s
        :param seconds: how long it takes
        """
        self._take_in(motion.limits)
        self._blend.drop(now - seconds)
        if self._goal is None:
            return
        push = None
        if not self._blend.rests and seconds > 0.0:
            push = self._push(motion, now, seconds)
        if push is not None:
            motion.take(push)
        elif not self._blend.rests or self._planned != (motion.way, motion.limits):
            way = motion.way_to(self._goal)
            self._planned = way, motion.limits
            motion.take(way)

    def _take_in(self, limits: MotionLimits) -> None:
        """Continue the stream with the goal that was received, or begin with it."""
        if self._received is None:
            return
        (at, goal), self._received = self._received, None
        last, since = self._goal, at - self._goal_at
        if goal == last:
            return
        self._goal, self._goal_at, self._planned = goal, at, None
        if last is not None and since <= GAP:
            step = np.subtract(goal, last)
            if (np.abs(step) <= GAP * np.array(limits.velocity)).all():
                self._blend.add(at, since, step, limits)
                return
        self._blend = Blend(goal)

    def _push(self, motion: JointMotion, now: float, seconds: float) -> Push | None:
        """Return the push with which the motion follows the blend; None: it cannot."""
        largest, jerk = np.array(motion.limits.acceleration), np.array(motion.limits.jerk)
        state = np.array(motion.state)
        here, there = self._blend.at(now - seconds), self._blend.at(now)
        correction = _gains(seconds, self._blend.time / WEAR) @ (here - state)
        if (np.abs(correction) > jerk).any():
            return None
        wanted = (there[2] - here[2]) / seconds + correction
        least = np.maximum(-jerk, (-largest - state[2]) / seconds)
        most = np.minimum(jerk, (largest - state[2]) / seconds)
        first, second = np.minimum(np.maximum(wanted, least), most).tolist()
        push = Push(motion.state, (first, second))
        if _keeps_speed(push, seconds, motion.limits) and self._stops(motion, push.at(seconds)):
            return push
        return None

    def _stops(self, motion: JointMotion, state: State) -> bool:
        """Tell whether the brakes bring the joints to rest among the goals, or no farther off."""
        lower, upper = np.transpose(motion.stopping_range(state))
        goals = self._blend.goals
        least = np.minimum(goals.min(axis=0) - ROUNDING, motion.position)
        most = np.maximum(goals.max(axis=0) + ROUNDING, motion.position)
        return bool((least <= lower).all() and (upper <= most).all())


def _gains(period: float, time: float) -> Array:
    """
    Return the jerk against an error of 1 in position, velocity, acceleration, (3,).

    Kept up for a period it leaves a part of the error, time / (period + time), which is the only
    pole.
    """
    rate = 1.0 / (period + time)
    part = rate * period
    gains = rate**3, (3.0 - part) * rate**2, (3.0 - 1.5 * part + part * part / 3.0) * rate
    return np.array(gains)


def _keeps_speed(push: Push, seconds: float, limits: MotionLimits) -> bool:
    """Tell whether velocities are within their limits, until accelerations have gone."""
    begin, end = push.begin, push.at(seconds)
    for joint in range(JOINTS):
        v, a, limit = end.velocity[joint], end.acceleration[joint], limits.velocity[joint]
        peaks = [v, v + a * abs(a) / (2.0 * limits.jerk[joint])]
        before = begin.acceleration[joint]
        if a * before < 0.0:
            peaks.append(begin.velocity[joint] - before * before / (2.0 * push.jerk[joint]))
        if max(map(abs, peaks)) > limit:
            return False
    return True
