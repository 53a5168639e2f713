"""
How fast the joints may go along a line of the tip.

With σ the place along the line and x = σ̇², the velocity of joint i is t σ̇ and its acceleration
t σ̈ + k x, where t and k are the tangent and its derivative; σ̈ is half the derivative of x by σ. So
for every place there is a largest x; from the end backwards a largest one from which the arm can
still brake; and from the beginning forwards one it can have reached. That is the quickest motion
within the limits of velocity and acceleration: K. Shin, N. McKay, "Minimum-time control of robotic
manipulators with geometric path constraints", 1985. Its accelerations jump; the mean of the motion
over the last moments has a limited jerk, and the place stays on the line.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.geometry import Array
from ik_nn_ros.trajectory.online_generator import MotionLimits

CURVATURE_ACCELERATION_FRACTION, CURVATURE_JERK_FRACTION = 0.9, 0.5
"""Parts of the acceleration and of the jerk that the line's own bends may take."""
SLOW_SECTION_WIDENING_RATIO = 0.5
"""Part of half the window that a slow place is widened by: else the mean is too fast there."""
ZERO_TOLERANCE = 1e-12


class JointCurve(Protocol):
    """
    What the joints can go along.

    ``sigma`` (N,) holds places along it, rad; one that comes twice is a corner, where they rest.
    ``tangents``, ``bends`` and ``twists`` (N, 2) are the derivatives by σ there, the last of which
    may have lost its sign.
    """

    sigma: Array
    tangents: Array
    curvatures: Array
    third_derivatives: Array

    def joints_at(self, sigma: Array) -> Array:
        """Return the joints (N, 2), rad, at (N,) places along the curve, rad."""


class InitialPathState(NamedTuple):
    """How a motion along a line begins."""

    speed: float = 0.0
    """rad/s"""
    acceleration: float = 0.0
    """Its derivative, rad/s²."""
    acceleration_fraction: float = 1.0
    """Of the acceleration that it may use at first."""
    fraction_duration: float = 0.0
    """That time, s."""


class VelocityProfile:
    """
    The greatest speeds along a line from which the arm comes to rest at its end.

    :param curve: a line of the tip, or another curve of the joints
    :param limits: of the joints
    """

    def __init__(self, curve: JointCurve, limits: MotionLimits) -> None:
        slope = np.where(np.abs(curve.tangents) < ZERO_TOLERANCE, ZERO_TOLERANCE, curve.tangents)
        self._sigma: list[float] = curve.sigma.tolist()
        self._path_acceleration_limits = (np.array(limits.acceleration) / np.abs(slope)).T.tolist()
        self._scaled_curvatures = (curve.curvatures / slope).T.tolist()
        rise = float(np.divide(limits.acceleration, limits.jerk).max())
        self._max_squared_speeds = self._backward_pass(
            _max_squared_speeds(curve, limits, SLOW_SECTION_WIDENING_RATIO * rise)
        )
        self._profile_from_rest = self._forward_pass(0.0, 0.0, 1.0, 0.0)
        time, parts = (
            float(_arrival_times(*self._profile_from_rest)[-1]),
            1 + _corner_mask(curve.sigma).sum(),
        )
        # A short motion has no use for all of the acceleration: what it gains by a larger one it
        # loses by the longer window in which that has to come and go. The sum of both is least at:
        self.acceleration_fraction = min(1.0, (time / (4.0 * rise * parts)) ** (2.0 / 3.0))
        self.smoothing_window = 2.0 * self.acceleration_fraction * rise
        """s"""
        self.duration = time / self.acceleration_fraction**0.5 + parts * self.smoothing_window
        """From rest to rest, s."""

    def is_feasible_start(self, start: InitialPathState) -> bool:
        """Tell whether a motion can begin so."""
        place, speed = self.unsmoothed_start(start)
        most = self.acceleration_fraction * float(
            np.interp(place, self._sigma, self._max_squared_speeds)
        )
        return 0.0 <= place < self._sigma[-1] and speed >= 0.0 and speed * speed <= most

    def unsmoothed_start(self, start: InitialPathState) -> tuple[float, float]:
        """Return place (rad) and speed (rad/s) of the motion whose mean begins so."""
        half = self.smoothing_window / 2.0
        return half * (
            start.speed + half * start.acceleration / 3.0
        ), start.speed + half * start.acceleration

    def forward_pass(
        self,
        sigma: float,
        squared_speed: float,
        acceleration_fraction: float = 1.0,
        fraction_duration: float = 0.0,
    ) -> tuple[Array, Array]:
        """
        Return places (N,), rad, and the squares of the speeds, rad²/s², for the full acceleration.

        :param sigma: where it begins
        :param squared_speed: of the speed there
        :param acceleration_fraction: of the acceleration that is used at first
        :param fraction_duration: that time, s
        """
        if sigma == squared_speed == fraction_duration == 0.0:
            return self._profile_from_rest
        return self._forward_pass(sigma, squared_speed, acceleration_fraction, fraction_duration)

    def _forward_pass(
        self,
        sigma: float,
        squared_speed: float,
        acceleration_fraction: float,
        fraction_duration: float,
    ) -> tuple[Array, Array]:
        # In here and in _braking, which see each place, no call is made that can be spared.
        places, squares, time = [sigma], [squared_speed], 0.0
        nodes = zip(
            self._sigma[1:],
            self._max_squared_speeds[1:],
            *self._path_acceleration_limits,
            *self._scaled_curvatures,
            strict=False,
        )
        for there, most, reserve1, reserve2, bend1, bend2 in nodes:
            step = 2.0 * (there - sigma)
            if step < 0.0 or (step == 0.0 and most > 0.0):
                continue
            if step == 0.0:  # a corner
                places.append(sigma)
                squares.append(0.0)
                continue
            part = acceleration_fraction if time < fraction_duration else 1.0
            # x[i + 1] - x[i] <= step (reserve - bend x[i]), for both joints.
            rate, other = (
                reserve1 * part - bend1 * squared_speed,
                reserve2 * part - bend2 * squared_speed,
            )
            if other < rate:
                rate = other
            reached = squared_speed + step * rate if rate > 0.0 else squared_speed
            if most < reached:
                reached = most
            if time < fraction_duration:
                time += step / (squared_speed**0.5 + reached**0.5)
            sigma, squared_speed = there, reached
            places.append(sigma)
            squares.append(squared_speed)
        return np.array(places), np.array(squares)

    def _backward_pass(self, max_squared_speeds: list[float]) -> list[float]:
        """Lower the squares of the speed to those from which the arm can brake."""
        max_squared_speeds[-1] = ahead = 0.0
        there = self._sigma[-1]
        values = (
            reversed(it)
            for it in (self._sigma, *self._path_acceleration_limits, *self._scaled_curvatures)
        )
        nodes = zip(range(len(max_squared_speeds) - 1, -1, -1), *values, strict=True)
        next(nodes)
        for i, place, reserve1, reserve2, bend1, bend2 in nodes:
            step, there = 2.0 * (there - place), place
            least = max_squared_speeds[i]
            # x[i] - x[i + 1] <= step (reserve + bend x[i]), for both joints.
            growth1, growth2 = 1.0 - step * bend1, 1.0 - step * bend2
            if growth1 > ZERO_TOLERANCE and (bound := (ahead + step * reserve1) / growth1) < least:
                least = bound
            if growth2 > ZERO_TOLERANCE and (bound := (ahead + step * reserve2) / growth2) < least:
                least = bound
            max_squared_speeds[i] = ahead = least
        return max_squared_speeds


class TimeLaw:
    """
    The place along a line over time, to rest at its end.

    Limits are kept but for a few percent: where a bend and a change of speed come together.

    :param profile: of the line
    :param start: which it allows
    """

    def __init__(self, profile: VelocityProfile, start: InitialPathState) -> None:
        place, speed = profile.unsmoothed_start(start)
        self._initial_state = place, speed, start.acceleration
        root = profile.acceleration_fraction**0.5
        square, until = (speed / root) ** 2, root * start.fraction_duration
        places, squares = profile.forward_pass(place, square, start.acceleration_fraction, until)
        self._sigma, self._speeds = places, root * np.sqrt(squares)
        self._window = profile.smoothing_window
        # The mean of a motion rests only where that has rested for as long as the window is.
        self._times = _arrival_times(places, squares, root * profile.smoothing_window) / root
        spans = np.diff(self._times)
        self._accelerations = np.diff(self._speeds) / spans
        moved = spans * (self._speeds[:-1] / 2.0 + spans * self._accelerations / 6.0)
        self._integrals = np.concatenate(([0.0], np.cumsum((places[:-1] + moved) * spans)))
        self.duration = float(self._times[-1]) + self._window
        """s"""

    def at(self, times: Array) -> Array:
        """Return the places (N,), rad, at (N,) times, s."""
        begin = self._sigma_integral(times - self._window)
        places: Array = (self._sigma_integral(times) - begin) / self._window
        return places

    def _sigma_integral(self, times: Array) -> Array:
        """Return the integral over time of the quickest motion's place."""
        last = len(self._times) - 2
        span = np.clip(np.searchsorted(self._times, times, side='right') - 1, 0, last)
        since = np.clip(times, 0.0, self._times[-1]) - self._times[span]
        moved = since * (self._speeds[span] / 2.0 + since * self._accelerations[span] / 6.0)
        past = self._sigma[-1] * np.maximum(times - self._times[-1], 0.0)
        # Before it began, the mean needs a motion that leads up to how it begins.
        place, speed, rate = self._initial_state
        early = np.minimum(times, 0.0)
        before = early * (place + early * (speed / 2.0 + early * rate / 6.0))
        integral: Array = (
            self._integrals[span] + since * (self._sigma[span] + moved) + past + before
        )
        return integral


def _arrival_times(sigma: Array, squared_speeds: Array, corner_pause: float = 0.0) -> Array:
    """
    Return when (N,), s, the places are reached with the squares of the speed there.

    :param corner_pause: how long the motion stays at a place that comes twice, s
    """
    speeds, steps = np.sqrt(squared_speeds), np.diff(sigma)
    sums = speeds[:-1] + speeds[1:]
    spans = np.where(steps > 0.0, 2.0 * steps / np.where(steps > 0.0, sums, 1.0), corner_pause)
    return np.concatenate(([0.0], np.cumsum(spans)))


def _corner_mask(sigma: Array) -> NDArray[np.bool_]:
    """Tell which places (N,) come twice, at the first of the two."""
    return np.append(np.diff(sigma) == 0.0, False)


def _max_squared_speeds(
    curve: JointCurve, limits: MotionLimits, widening_time: float
) -> list[float]:
    """
    Return the largest squares of the speed with which each place may be passed evenly.

    :param widening_time: for which a slow place stays slow before and after it, s
    """
    speed, bent, twisted = (
        (np.abs(derivatives) / bounds).max(axis=1) + ZERO_TOLERANCE
        for derivatives, bounds in zip(
            (curve.tangents, curve.curvatures, curve.third_derivatives),
            (limits.velocity, limits.acceleration, limits.jerk),
            strict=True,
        )
    )
    bounds = np.minimum(speed**-2.0, CURVATURE_ACCELERATION_FRACTION / bent)
    bounds = np.minimum(bounds, (CURVATURE_JERK_FRACTION / twisted) ** (2.0 / 3.0))
    within = _widen_minima(curve.sigma, bounds, np.sqrt(bounds) * widening_time)
    corners = _corner_mask(curve.sigma)
    within[corners | np.roll(corners, 1)] = 0.0
    slow: list[float] = within.tolist()
    return slow


def _widen_minima(sigma: Array, bounds: Array, reach: Array) -> Array:
    """Return the least of the bounds (N,) whose reach (N,) there is."""
    within: Array = bounds.copy()
    first = np.searchsorted(sigma, sigma - reach, 'left').tolist()
    end = np.searchsorted(sigma, sigma + reach, 'right').tolist()
    for row in np.argsort(-bounds).tolist():  # the least overwrites the others
        within[first[row] : end[row]] = bounds[row]
    return within
