"""
How fast the joints may go along a line of the tip, from rest to rest.

With σ the place along the line and x = σ̇², the velocity of joint i is t σ̇ and its acceleration
t σ̈ + k x, where t and k are the tangent and its derivative; σ̈ is half the derivative of x by σ. So
for every place there is a largest x; from the end backwards a largest one from which the arm can
still brake; and from the beginning forwards one it can have reached. That is the quickest motion
within the limits of velocity and acceleration: K. Shin, N. McKay, "Minimum-time control of robotic
manipulators with geometric path constraints", 1985. Its accelerations jump; the mean of the motion
over a window of time has a limited jerk, and the place stays on the line.
"""

from __future__ import annotations

from math import sqrt

import numpy as np

from ik_nn_ros.arm.plane import Array
from ik_nn_ros.motion.joint_motion import MotionLimits
from ik_nn_ros.motion.tip_line import TipLine

BEND, TWIST = 0.9, 0.5
"""Parts of the acceleration and of the jerk that the line's own bends may take."""
STEADY_BEND, STEADY_TWIST, STEADY_JERK, LEAST = 0.6, 0.3, 0.85, 0.2
"""The same of a motion with limits that do not change; of the jerk for its own; of the rate."""
FLOOR = 0.5
"""Part of the window's half that a slow place is widened by, or the mean would be too fast there."""
NOTHING = 1e-12


class RestLaw:
    """
    The place along a line over time, from rest at its beginning to rest at its end.

    Limits are kept but for a few percent: where a bend and a change of speed come together.

    :param line: of the tip
    :param limits: of the joints
    """

    def __init__(self, line: TipLine, limits: MotionLimits) -> None:
        rise = _rise(limits)
        squares = _squares(line, limits)
        times = _times(line.sigma, squares)
        # A short motion has no use for all of the acceleration: what it gains by a larger one it
        # loses by the longer window in which that has to come and go. The sum of both is least at:
        share = min(1.0, float(times[-1] / (4.0 * rise)) ** (2.0 / 3.0))
        self._sigma, self._speeds = line.sigma, np.sqrt(share * squares)
        self._times = times / np.sqrt(share)
        self._window = 2.0 * share * rise
        self.duration = float(self._times[-1]) + self._window
        """s"""
        spans = np.diff(self._times)
        self._rates = np.diff(self._speeds) / spans
        sums = (
            self._sigma[:-1] + spans * (self._speeds[:-1] / 2.0 + spans * self._rates / 6.0)
        ) * spans
        self._sums = np.concatenate(([0.0], np.cumsum(sums)))

    def at(self, times: Array) -> Array:
        """Return the places (N,), rad, at (N,) times, s."""
        begin = self._integral(times - self._window)
        places: Array = (self._integral(times) - begin) / self._window
        return np.clip(places, 0.0, self._sigma[-1])

    def _integral(self, times: Array) -> Array:
        """Return the integral over time of the quickest motion's place."""
        times = np.maximum(times, 0.0)
        last = len(self._times) - 2
        span = np.clip(np.searchsorted(self._times, times, side='right') - 1, 0, last)
        since = np.minimum(times, self._times[-1]) - self._times[span]
        moved = since * (self._speeds[span] / 2.0 + since * self._rates[span] / 6.0)
        at_end = self._sigma[-1] * np.maximum(times - self._times[-1], 0.0)
        integral: Array = self._sums[span] + since * (self._sigma[span] + moved) + at_end
        return integral


def _times(sigma: Array, squares: Array) -> Array:
    """Return when (N,), s, the places are reached with the squares of the speed there."""
    speeds = np.sqrt(squares)
    spans = 2.0 * np.diff(sigma) / (speeds[:-1] + speeds[1:])
    return np.concatenate(([0.0], np.cumsum(spans)))


def _squares(line: TipLine, limits: MotionLimits) -> Array:
    """Return the squares of the greatest speeds (N,), rad²/s², within velocity and acceleration."""
    slope = np.where(np.abs(line.tangents) < NOTHING, NOTHING, line.tangents)
    reserve = (np.array(limits.acceleration) / np.abs(slope)).T.tolist()
    bend = (line.bends / slope).T.tolist()
    steps = (2.0 * np.diff(line.sigma)).tolist()
    most = _bounds(line, limits)
    most[0] = most[-1] = 0.0
    # Backwards: x[i] - x[i + 1] <= step (reserve + bend x[i]), for both joints.
    for i in range(len(steps) - 1, -1, -1):
        for joint in (0, 1):
            growth = 1.0 - steps[i] * bend[joint][i]
            if growth > NOTHING:
                most[i] = min(most[i], (most[i + 1] + steps[i] * reserve[joint][i]) / growth)
    # Forwards: x[i + 1] - x[i] <= step (reserve - bend x[i]).
    for i, step in enumerate(steps):
        rates = (reserve[joint][i] - bend[joint][i] * most[i] for joint in (0, 1))
        most[i + 1] = min(most[i + 1], most[i] + step * min(rates))
    return np.array(most)


def _bounds(line: TipLine, limits: MotionLimits) -> list[float]:
    """Return the largest squares of the speed with which each place may be passed evenly."""
    speed, bent, twisted = (
        (np.abs(derivatives) / bounds).max(axis=1) + NOTHING
        for derivatives, bounds in zip(
            (line.tangents, line.bends, line.twists),
            (limits.velocity, limits.acceleration, limits.jerk),
            strict=True,
        )
    )
    bounds = np.minimum(speed**-2.0, BEND / bent)
    bounds = np.minimum(bounds, (TWIST / twisted) ** (2.0 / 3.0))
    away = np.abs(line.sigma[:, None] - line.sigma)
    near = away <= np.sqrt(bounds) * FLOOR * _rise(limits)
    within: list[float] = np.where(near, bounds, np.inf).min(axis=1).tolist()
    return within


def _rise(limits: MotionLimits) -> float:
    return float(np.divide(limits.acceleration, limits.jerk).max())


def steady_limits(line: TipLine, limits: MotionLimits) -> MotionLimits:
    """
    Return limits of a motion along a line, of its place as joint 1, that hold all along it.

    For a motion that does not begin at rest; where the line bends much they are low.

    :param line: of the tip
    :param limits: of the joints
    """
    slope = np.abs(line.tangents) + NOTHING
    speed, rate, jerk = (
        float((bound / slope).min())
        for bound in (limits.velocity, limits.acceleration, limits.jerk)
    )
    bend, twist = np.abs(line.bends) + NOTHING, np.abs(line.twists) + NOTHING
    speed = min(
        speed,
        sqrt(STEADY_BEND * float((limits.acceleration / bend).min())),
        (STEADY_TWIST * float((limits.jerk / twist).min())) ** (1.0 / 3.0),
    )
    reached = min(speed, sqrt(line.length * rate))
    left = float(((limits.acceleration - bend * reached**2) / slope).min())
    rate = max(left, LEAST * rate)
    return MotionLimits((speed, 1.0), (rate, 1.0), (STEADY_JERK * jerk, 1.0))
