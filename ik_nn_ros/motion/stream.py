"""Joint goals as they come: to a single one the quickest way, along a stream of them smoothly."""

from __future__ import annotations

from math import inf

import numpy as np

from ik_nn_ros.arm.model import JointPair
from ik_nn_ros.arm.plane import Array
from ik_nn_ros.motion.blend import GoalBlend
from ik_nn_ros.motion.joint_motion import (
    JOINT_COUNT,
    ConstantJerkSegment,
    KinematicState,
    MotionLimits,
    OnlineTrajectoryGenerator,
    RuckigTrajectory,
)

MAX_GOAL_INTERVAL_S = 0.15
"""
A goal belongs to a stream that comes within this time (s) after another, and is no farther from it
than the joints go in this time.
"""
ERROR_DECAY_RATIO = 4.0
"""How many times faster errors wear off than goals are blended."""
ROUNDING_RAD = 1e-10
"""rad"""


class GoalStream:
    """
    Steers a motion to goals that come at any time and rate.

    The quickest way to rest at the newest goal is right for a single one. Along a stream it would
    be bang-bang, and each joint would lag by a braking distance of its own, which bends the path.
    There the motion follows a :class:`GoalBlend` of the goals: it has the same acceleration, and errors
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
        self._pending_goal: tuple[float, JointPair] | None = None
        self._goal: JointPair | None = None
        self._goal_time = -inf
        self._blend = GoalBlend((0.0, 0.0))
        self._planned: tuple[RuckigTrajectory, MotionLimits] | None = None

    def add(self, now: float, goal: JointPair) -> None:
        """
        Take a goal in; of those between two steps of the motion the last counts.

        :param now: when it was received, s
        :param goal: (q1, q2), rad
        """
        self._pending_goal = now, goal

    def update(self, generator: OnlineTrajectoryGenerator, now: float, seconds: float) -> None:
        """
        Have a motion take the way for its next step.

        :param now: the end of the step, s
        :param seconds: how long it takes
        """
        self._accept_pending_goal(generator.limits)
        self._blend.drop_finished(now - seconds)
        if self._goal is None:
            return
        push = None
        if not self._blend.finished and seconds > 0.0:
            push = self._tracking_segment(generator, now, seconds)
        if push is not None:
            generator.follow(push)
        elif not self._blend.finished or self._planned != (generator.trajectory, generator.limits):
            way = generator.plan_to(self._goal)
            self._planned = way, generator.limits
            generator.follow(way)

    def _accept_pending_goal(self, limits: MotionLimits) -> None:
        """Continue the stream with the goal that was received, or begin with it."""
        if self._pending_goal is None:
            return
        (at, goal), self._pending_goal = self._pending_goal, None
        last, since = self._goal, at - self._goal_time
        if goal == last:
            return
        self._goal, self._goal_time, self._planned = goal, at, None
        if last is not None and since <= MAX_GOAL_INTERVAL_S:
            step = np.subtract(goal, last)
            if (np.abs(step) <= MAX_GOAL_INTERVAL_S * np.array(limits.velocity)).all():
                self._blend.add(at, since, step, limits)
                return
        self._blend = GoalBlend(goal)

    def _tracking_segment(
        self, generator: OnlineTrajectoryGenerator, now: float, seconds: float
    ) -> ConstantJerkSegment | None:
        """Return the push with which the motion follows the blend; None: it cannot."""
        largest, jerk = np.array(generator.limits.acceleration), np.array(generator.limits.jerk)
        state = np.array(generator.state)
        here, there = self._blend.at(now - seconds), self._blend.at(now)
        correction = _feedback_gains(seconds, self._blend.blend_time / ERROR_DECAY_RATIO) @ (
            here - state
        )
        if (np.abs(correction) > jerk).any():
            return None
        wanted = (there[2] - here[2]) / seconds + correction
        least = np.maximum(-jerk, (-largest - state[2]) / seconds)
        most = np.minimum(jerk, (largest - state[2]) / seconds)
        first, second = np.minimum(np.maximum(wanted, least), most).tolist()
        push = ConstantJerkSegment(generator.state, (first, second))
        if _keeps_velocity_limits(push, seconds, generator.limits) and self._can_stop_among_goals(
            generator, push.at(seconds)
        ):
            return push
        return None

    def _can_stop_among_goals(
        self, generator: OnlineTrajectoryGenerator, state: KinematicState
    ) -> bool:
        """Tell whether the brakes bring the joints to rest among the goals, or no farther off."""
        lower, upper = np.transpose(generator.stopping_range(state))
        goals = self._blend.active_goals
        least = np.minimum(goals.min(axis=0) - ROUNDING_RAD, generator.position)
        most = np.maximum(goals.max(axis=0) + ROUNDING_RAD, generator.position)
        return bool((least <= lower).all() and (upper <= most).all())


def _feedback_gains(period: float, decay_time: float) -> Array:
    """
    Return the jerk against an error of 1 in position, velocity, acceleration, (3,).

    Kept up for a period it leaves a part of the error, time / (period + time), which is the only
    pole.
    """
    rate = 1.0 / (period + decay_time)
    part = rate * period
    gains = rate**3, (3.0 - part) * rate**2, (3.0 - 1.5 * part + part * part / 3.0) * rate
    return np.array(gains)


def _keeps_velocity_limits(
    segment: ConstantJerkSegment, seconds: float, limits: MotionLimits
) -> bool:
    """Tell whether velocities are within their limits, until accelerations have gone."""
    begin, end = segment.initial_state, segment.at(seconds)
    for joint in range(JOINT_COUNT):
        v, a, limit = end.velocity[joint], end.acceleration[joint], limits.velocity[joint]
        peaks = [v, v + a * abs(a) / (2.0 * limits.jerk[joint])]
        before = begin.acceleration[joint]
        if a * before < 0.0:
            peaks.append(begin.velocity[joint] - before * before / (2.0 * segment.jerk[joint]))
        if max(map(abs, peaks)) > limit:
            return False
    return True
