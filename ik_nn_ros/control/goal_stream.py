"""Joint goals as they come: to a single one the quickest way, along a stream of them smoothly."""

from __future__ import annotations

from math import inf, pi

import numpy as np

from ik_nn_ros.arm.geometry import Array, JointPair
from ik_nn_ros.trajectory.online_generator import (
    JOINT_COUNT,
    ConstantJerkSegment,
    KinematicState,
    MotionLimits,
    OnlineTrajectoryGenerator,
    RuckigTrajectory,
)

# MERGED motion.blend: Goals that follow each other, blended into one smooth reference for the joints.

SPEED_WINDOW_S = 0.15
"""The speed of the stream is taken over this time, s."""
MIN_BLEND_TIME_S = 0.06
"""Of the times that goals are blended for, and that a speed is taken over, s."""
MIN_BLENDED_GOAL_COUNT = 4.0
"""So many goals are blended at least."""
BLEND_TIME_RESERVE_RATIO = 1.15
"""How many times longer goals are blended than an even stream needs to end within the limits."""
MAX_BLEND_SHORTENING_RATIO = 0.1
"""How fast that time may become shorter, s/s: the arm is faster than the stream by half of it."""


class GoalBlend:
    """
    A reference that goes from goal to goal without a halt.

    Each goal is a step away from the one before. All are taken one over another, each as a cycloid
    that begins when the goal comes and takes a time T::

        r(t) = g0 + Σ (g[i] - g[i-1]) c((t - t[i]) / T[i]),    c(x) = x - sin(2πx) / 2π

    So r has a continuous acceleration; it stays among the goals; it lags behind them by T/2, both
    joints alike, which keeps the shape of their path; and whenever no more goals come, it comes to
    rest on the last. T follows from the speed v of the goals: where they were even, the end takes a
    deceleration of 2v/T and a jerk of 2πv/T².

    :param goal: g0, where it begins, rad
    """

    def __init__(self, goal: JointPair) -> None:
        self._origin = np.array(goal)
        self._steps = np.empty((0, 4))
        """The steps that are not over: t, T, and how far each joint goes, which is added to g0."""

    @property
    def finished(self) -> bool:
        """Whether all steps are over."""
        return not len(self._steps)

    @property
    def blend_time(self) -> float:
        """T of the last step, s."""
        return float(self._steps[-1, 1])

    @property
    def active_goals(self) -> Array:
        """The goals between which the reference is now, (N, 2), rad."""
        steps = np.vstack([np.zeros(2), self._steps[:, 2:]])
        goals: Array = self._origin + steps.cumsum(axis=0)
        return goals

    def add(self, now: float, interval: float, step: Array, limits: MotionLimits) -> None:
        """
        Add a goal.

        :param now: s
        :param interval: the time from the goal before, s
        :param step: how far it is from that, (2,), rad
        :param limits: in which it must be possible to end
        """
        recent = self._steps[self._steps[:, 0] > now - SPEED_WINDOW_S]
        span = interval + (now - recent[0, 0] if len(recent) else 0.0)
        moved = np.abs(step) + np.abs(recent[:, 2:]).sum(axis=0)
        time = max(
            _min_blend_time(moved / max(span, MIN_BLEND_TIME_S), limits),
            MIN_BLENDED_GOAL_COUNT * interval,
            MIN_BLEND_TIME_S,
        )
        if not self.finished:
            time = max(time, self.blend_time - MAX_BLEND_SHORTENING_RATIO * interval)
        self._steps = np.vstack([self._steps, (now, time, *step)])

    def drop_finished(self, now: float) -> None:
        """Forget the steps that are over."""
        over = self._steps[:, 0] + self._steps[:, 1] <= now
        self._origin = self._origin + self._steps[over, 2:].sum(axis=0)
        self._steps = self._steps[~over]

    def at(self, now: float) -> Array:
        """Return r and its derivatives, position, velocity, acceleration, (3, 2)."""
        time = self._steps[:, 1]
        part = np.minimum(np.maximum((now - self._steps[:, 0]) / time, 0.0), 1.0)
        turn = 2.0 * pi * part
        sine = np.sin(turn)
        cycloid = [
            part - sine / (2.0 * pi),
            (1.0 - np.cos(turn)) / time,
            2.0 * pi * sine / (time * time),
        ]
        state: Array = np.array(cycloid) @ self._steps[:, 2:]
        state[0] += self._origin
        return state


def _min_blend_time(speed: Array, limits: MotionLimits) -> float:
    """Return how long (s) goals must be blended for them to end within the limits."""
    v = np.minimum(speed, limits.velocity)
    times = np.maximum(2.0 * v / limits.acceleration, np.sqrt(2.0 * pi * v / limits.jerk))
    return BLEND_TIME_RESERVE_RATIO * float(times.max())


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
