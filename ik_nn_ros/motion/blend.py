"""Goals that follow each other, blended into one smooth reference for the joints."""

from __future__ import annotations

from math import pi

import numpy as np

from ik_nn_ros.arm.model import JointPair
from ik_nn_ros.arm.plane import Array
from ik_nn_ros.motion.joint_motion import MotionLimits

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
