"""Streams of joint goals: time-optimal motion to a single goal, smooth motion along a stream."""

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

SPEED_WINDOW_S = 0.15
"""Time over which the speed of the goals is measured, s."""
MIN_BLEND_TIME_S = 0.06
"""Lower bound of blend times, and of the time over which a speed is measured, s."""
MIN_BLENDED_GOAL_COUNT = 4.0
"""Minimum number of goals that are blended at a time."""
BLEND_TIME_RESERVE_RATIO = 1.15
"""Reserve on the blend time that an even stream needs to stop within the limits."""
MAX_BLEND_SHORTENING_RATIO = 0.1
"""Largest rate at which the blend time decreases, s/s: the arm is faster by half of it."""
MAX_GOAL_INTERVAL_S = 0.15
"""
Longest time between two goals of a stream, s.

They must also be no farther apart than the joints can move in this time.
"""
ERROR_DECAY_RATIO = 4.0
"""How many times faster tracking errors decay than goals are blended."""
ROUNDING_RAD = 1e-10
"""Rounding of goals, rad."""


class GoalBlend:
    """
    Reference that moves from goal to goal without stopping.

    Each goal is a step from the one before. The reference is the sum of all steps, each as a
    cycloid that starts when the goal is received and takes a time T::

        r(t) = g0 + Σ (g[i] - g[i-1]) c((t - t[i]) / T[i]),    c(x) = x - sin(2πx) / 2π

    So the acceleration of r is continuous; r stays among the goals; it lags behind them by T/2 in
    both joints, which preserves the shape of their path; and it stops at the last goal. T follows
    from the speed v of the goals: the end of an even stream takes a deceleration of 2v/T and a jerk
    of 2πv/T².

    :param goal: first goal g0, rad
    """

    def __init__(self, goal: JointPair) -> None:
        self._origin = np.array(goal)
        self._steps = np.empty((0, 4))
        """(N, 4) unfinished steps: t, T, and the steps of both joints, added to g0."""

    @property
    def finished(self) -> bool:
        """Whether all steps are finished."""
        return not len(self._steps)

    @property
    def blend_time(self) -> float:
        """Blend time T of the last step, s."""
        return float(self._steps[-1, 1])

    @property
    def active_goals(self) -> Array:
        """Goals between which the reference is, (N, 2), rad."""
        steps = np.vstack([np.zeros(2), self._steps[:, 2:]])
        goals: Array = self._origin + steps.cumsum(axis=0)
        return goals

    def add(self, now: float, interval: float, step: Array, limits: MotionLimits) -> None:
        """
        Add a goal.

        :param now: time of reception, s
        :param interval: time since the goal before, s
        :param step: (2,) step from the goal before, rad
        :param limits: limits within which the reference must be able to stop
        """
        recent = self._steps[self._steps[:, 0] > now - SPEED_WINDOW_S]
        span = interval + (now - recent[0, 0] if len(recent) else 0.0)
        distance = np.abs(step) + np.abs(recent[:, 2:]).sum(axis=0)
        blend_time = max(
            _min_blend_time(distance / max(span, MIN_BLEND_TIME_S), limits),
            MIN_BLENDED_GOAL_COUNT * interval,
            MIN_BLEND_TIME_S,
        )
        if not self.finished:
            blend_time = max(blend_time, self.blend_time - MAX_BLEND_SHORTENING_RATIO * interval)
        self._steps = np.vstack([self._steps, (now, blend_time, *step)])

    def drop_finished(self, now: float) -> None:
        """Remove the steps that are finished."""
        finished = self._steps[:, 0] + self._steps[:, 1] <= now
        self._origin = self._origin + self._steps[finished, 2:].sum(axis=0)
        self._steps = self._steps[~finished]

    def at(self, now: float) -> Array:
        """Return position, velocity and acceleration of the reference, (3, 2)."""
        blend_time = self._steps[:, 1]
        x = np.minimum(np.maximum((now - self._steps[:, 0]) / blend_time, 0.0), 1.0)
        angle = 2.0 * pi * x
        sine = np.sin(angle)
        cycloid = [
            x - sine / (2.0 * pi),
            (1.0 - np.cos(angle)) / blend_time,
            2.0 * pi * sine / (blend_time * blend_time),
        ]
        state: Array = np.array(cycloid) @ self._steps[:, 2:]
        state[0] += self._origin
        return state


def _min_blend_time(speed: Array, limits: MotionLimits) -> float:
    """Return the blend time, s, with which goals of a speed, rad/s, can stop within the limits."""
    v = np.minimum(speed, limits.velocity)
    times = np.maximum(2.0 * v / limits.acceleration, np.sqrt(2.0 * pi * v / limits.jerk))
    return BLEND_TIME_RESERVE_RATIO * float(times.max())


class GoalStream:
    """
    Motion to goals that arrive at any time and rate.

    To a single goal the time-optimal motion is right. Along a stream it would alternate between the
    limits of acceleration, and each joint would lag by its own braking distance, which distorts the
    path. There the joints follow a :class:`GoalBlend` of the goals, with its acceleration as
    feedforward and feedback of the error. The jerk is clipped to the limits. Where the clipped jerk
    is far from sufficient, or the joints could not stop among the blended goals any more, the
    motion is the time-optimal one to the newest goal again.

    So velocity, acceleration and jerk are always within their limits, and a motion that began at
    standstill inside an interval stays inside, whatever goals within the interval follow.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Discard all goals."""
        self._pending_goal: tuple[float, JointPair] | None = None
        self._goal: JointPair | None = None
        self._goal_time = -inf
        self._blend = GoalBlend((0.0, 0.0))
        self._planned: tuple[RuckigTrajectory, MotionLimits] | None = None

    def add(self, now: float, goal: JointPair) -> None:
        """
        Add a goal; of several goals between two steps the last one counts.

        :param now: time of reception, s
        :param goal: (q1, q2), rad
        """
        self._pending_goal = now, goal

    def update(self, generator: OnlineTrajectoryGenerator, now: float, seconds: float) -> None:
        """
        Set the trajectory of a generator for its next step.

        :param generator: generator that makes the motion
        :param now: end of the step, s
        :param seconds: duration of the step, s
        """
        self._accept_pending_goal(generator.limits)
        self._blend.drop_finished(now - seconds)
        if self._goal is None:
            return
        segment = None
        if not self._blend.finished and seconds > 0.0:
            segment = self._tracking_segment(generator, now, seconds)
        if segment is not None:
            generator.follow(segment)
        elif not self._blend.finished or self._planned != (generator.trajectory, generator.limits):
            trajectory = generator.plan_to(self._goal)
            self._planned = trajectory, generator.limits
            generator.follow(trajectory)

    def _accept_pending_goal(self, limits: MotionLimits) -> None:
        """Continue the stream with the pending goal, or start a new one."""
        if self._pending_goal is None:
            return
        (received_at, goal), self._pending_goal = self._pending_goal, None
        last_goal, interval = self._goal, received_at - self._goal_time
        if goal == last_goal:
            return
        self._goal, self._goal_time, self._planned = goal, received_at, None
        if last_goal is not None and interval <= MAX_GOAL_INTERVAL_S:
            step = np.subtract(goal, last_goal)
            if (np.abs(step) <= MAX_GOAL_INTERVAL_S * np.array(limits.velocity)).all():
                self._blend.add(received_at, interval, step, limits)
                return
        self._blend = GoalBlend(goal)

    def _tracking_segment(
        self, generator: OnlineTrajectoryGenerator, now: float, seconds: float
    ) -> ConstantJerkSegment | None:
        """Return the step that follows the blend; None where the limits do not allow it."""
        max_acceleration = np.array(generator.limits.acceleration)
        jerk = np.array(generator.limits.jerk)
        state = np.array(generator.state)
        current, upcoming = self._blend.at(now - seconds), self._blend.at(now)
        gains = _feedback_gains(seconds, self._blend.blend_time / ERROR_DECAY_RATIO)
        correction = gains @ (current - state)
        if (np.abs(correction) > jerk).any():
            return None
        desired = (upcoming[2] - current[2]) / seconds + correction
        lower = np.maximum(-jerk, (-max_acceleration - state[2]) / seconds)
        upper = np.minimum(jerk, (max_acceleration - state[2]) / seconds)
        jerk1, jerk2 = np.minimum(np.maximum(desired, lower), upper).tolist()
        segment = ConstantJerkSegment(generator.state, (jerk1, jerk2))
        if _keeps_velocity_limits(
            segment, seconds, generator.limits
        ) and self._can_stop_among_goals(generator, segment.at(seconds)):
            return segment
        return None

    def _can_stop_among_goals(
        self, generator: OnlineTrajectoryGenerator, state: KinematicState
    ) -> bool:
        """Tell whether a stop stays among the blended goals, or no farther outside than now."""
        lowest, highest = np.transpose(generator.stopping_range(state))
        goals = self._blend.active_goals
        lower = np.minimum(goals.min(axis=0) - ROUNDING_RAD, generator.position)
        upper = np.maximum(goals.max(axis=0) + ROUNDING_RAD, generator.position)
        return bool((lower <= lowest).all() and (highest <= upper).all())


def _feedback_gains(period: float, decay_time: float) -> Array:
    """
    Return the gains from errors of position, velocity and acceleration to the jerk, (3,).

    With the jerk held for a period the error dynamics have a triple pole at
    decay_time / (period + decay_time).

    :param period: time between two steps, s
    :param decay_time: time constant of the error, s
    """
    rate = 1.0 / (period + decay_time)
    fraction = rate * period
    gains = (
        rate**3,
        (3.0 - fraction) * rate**2,
        (3.0 - 1.5 * fraction + fraction * fraction / 3.0) * rate,
    )
    return np.array(gains)


def _keeps_velocity_limits(
    segment: ConstantJerkSegment, seconds: float, limits: MotionLimits
) -> bool:
    """
    Tell whether velocities keep their limits in a segment and while acceleration decays after it.

    :param segment: segment of constant jerk
    :param seconds: duration of the segment, s
    :param limits: limits of the joints
    """
    start, end = segment.initial_state, segment.at(seconds)
    for joint in range(JOINT_COUNT):
        v, a, limit = end.velocity[joint], end.acceleration[joint], limits.velocity[joint]
        peaks = [v, v + a * abs(a) / (2.0 * limits.jerk[joint])]
        initial_a = start.acceleration[joint]
        if a * initial_a < 0.0:
            peaks.append(
                start.velocity[joint] - initial_a * initial_a / (2.0 * segment.jerk[joint])
            )
        if max(map(abs, peaks)) > limit:
            return False
    return True
