"""
Time parameterization of a curve of the joints, e.g. of a straight line of the tip.

With σ the position along the curve and x = σ̇², the velocity of joint i is t σ̇ and its acceleration
t σ̈ + k x, where t and k are the tangent and its derivative; σ̈ is half the derivative of x by σ. So
every position has a largest x; a backward pass gives the largest x from which the arm can still
brake, a forward pass the largest x that it can have reached. The result is the time-optimal motion
within the limits of velocity and acceleration: K. Shin, N. McKay, "Minimum-time control of robotic
manipulators with geometric path constraints", 1985. Its accelerations jump; a moving average of the
motion over a short window has limited jerk, and its positions stay on the curve.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.geometry import Array
from ik_nn_ros.trajectory.online_generator import MotionLimits

CURVATURE_ACCELERATION_FRACTION = 0.9
"""Fraction of the acceleration limit that the curvature may require at constant speed."""
CURVATURE_JERK_FRACTION = 0.5
"""Fraction of the jerk limit that the third derivative may require at constant speed."""
SLOW_SECTION_WIDENING_RATIO = 0.5
"""
Widening of a slow section, as a fraction of half the window.

Without it the moving average would be too fast there.
"""
ZERO_TOLERANCE = 1e-12
"""Smallest derivative that is distinguished from zero, and smallest divisor."""


class JointCurve(Protocol):
    """Curve of the two joints by a parameter σ (rad), with its derivatives on a grid."""

    sigma: Array
    """(N,) grid of σ, rad; a value contained twice is a corner, where the joints stop."""
    tangents: Array
    """(N, 2) first derivatives by σ."""
    curvatures: Array
    """(N, 2) second derivatives by σ, 1/rad."""
    third_derivatives: Array
    """(N, 2) third derivatives by σ, 1/rad²; possibly without their signs."""

    def joints_at(self, sigma: Array) -> Array:
        """Return joint positions (N, 2), rad, at (N,) values of σ, rad."""


class InitialPathState(NamedTuple):
    """Initial state of a motion along a curve."""

    speed: float = 0.0
    """dσ/dt, rad/s."""
    acceleration: float = 0.0
    """d²σ/dt², rad/s²."""
    acceleration_fraction: float = 1.0
    """Fraction of the acceleration limits that the motion may use at first."""
    fraction_duration: float = 0.0
    """Time for which that fraction applies, s."""


class VelocityProfile:
    """
    Highest speeds along a curve from which the joints can stop at its end.

    :param curve: curve of the joints
    :param limits: limits of the joints
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
        time = float(_arrival_times(*self._profile_from_rest)[-1])
        sections = 1 + _corner_mask(curve.sigma).sum()
        # A short motion cannot use the full acceleration: what it gains by a higher one it loses by
        # the longer window in which the acceleration rises and falls. The optimum is:
        self.acceleration_fraction = min(1.0, (time / (4.0 * rise * sections)) ** (2.0 / 3.0))
        self.smoothing_window = 2.0 * self.acceleration_fraction * rise
        """Length of the moving average's window, s."""
        self.duration = time / self.acceleration_fraction**0.5 + sections * self.smoothing_window
        """Duration from standstill to standstill, s."""

    def is_feasible_start(self, start: InitialPathState) -> bool:
        """Tell whether a motion can start with an initial state."""
        sigma, speed = self.unsmoothed_start(start)
        max_squared_speed = self.acceleration_fraction * float(
            np.interp(sigma, self._sigma, self._max_squared_speeds)
        )
        return (
            0.0 <= sigma < self._sigma[-1] and speed >= 0.0 and speed * speed <= max_squared_speed
        )

    def unsmoothed_start(self, start: InitialPathState) -> tuple[float, float]:
        """Return σ (rad) and speed (rad/s) of the motion whose moving average has a start."""
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
        Return the time-optimal motion with full acceleration from a position on the curve.

        :param sigma: initial position, rad
        :param squared_speed: initial x = σ̇², rad²/s²
        :param acceleration_fraction: fraction of the acceleration limits to use at first
        :param fraction_duration: time for which that fraction applies, s
        :return: positions σ (N,), rad, and squared speeds (N,), rad²/s²
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
        # This loop and the one of _backward_pass visit every grid point: no avoidable calls.
        sigmas, squared_speeds, time = [sigma], [squared_speed], 0.0
        nodes = zip(
            self._sigma[1:],
            self._max_squared_speeds[1:],
            *self._path_acceleration_limits,
            *self._scaled_curvatures,
            strict=False,
        )
        for next_sigma, max_squared_speed, limit1, limit2, curvature1, curvature2 in nodes:
            step = 2.0 * (next_sigma - sigma)
            if step < 0.0 or (step == 0.0 and max_squared_speed > 0.0):
                continue
            if step == 0.0:  # a corner
                sigmas.append(sigma)
                squared_speeds.append(0.0)
                continue
            fraction = acceleration_fraction if time < fraction_duration else 1.0
            # x[i + 1] - x[i] <= step (limit - curvature x[i]), for both joints.
            slope = limit1 * fraction - curvature1 * squared_speed
            slope2 = limit2 * fraction - curvature2 * squared_speed
            if slope2 < slope:
                slope = slope2
            reached = squared_speed + step * slope if slope > 0.0 else squared_speed
            if max_squared_speed < reached:
                reached = max_squared_speed
            if time < fraction_duration:
                time += step / (squared_speed**0.5 + reached**0.5)
            sigma, squared_speed = next_sigma, reached
            sigmas.append(sigma)
            squared_speeds.append(squared_speed)
        return np.array(sigmas), np.array(squared_speeds)

    def _backward_pass(self, max_squared_speeds: list[float]) -> list[float]:
        """Reduce squared speeds to those from which the joints can brake."""
        max_squared_speeds[-1] = next_squared_speed = 0.0
        next_sigma = self._sigma[-1]
        values = (
            reversed(column)
            for column in (self._sigma, *self._path_acceleration_limits, *self._scaled_curvatures)
        )
        nodes = zip(range(len(max_squared_speeds) - 1, -1, -1), *values, strict=True)
        next(nodes)
        for i, sigma, limit1, limit2, curvature1, curvature2 in nodes:
            step, next_sigma = 2.0 * (next_sigma - sigma), sigma
            lowest = max_squared_speeds[i]
            # x[i] - x[i + 1] <= step (limit + curvature x[i]), for both joints.
            factor1, factor2 = 1.0 - step * curvature1, 1.0 - step * curvature2
            if (
                factor1 > ZERO_TOLERANCE
                and (bound := (next_squared_speed + step * limit1) / factor1) < lowest
            ):
                lowest = bound
            if (
                factor2 > ZERO_TOLERANCE
                and (bound := (next_squared_speed + step * limit2) / factor2) < lowest
            ):
                lowest = bound
            max_squared_speeds[i] = next_squared_speed = lowest
        return max_squared_speeds


class TimeLaw:
    """
    Position along a curve over time, to standstill at its end.

    Where curvature and a change of speed coincide, limits may be exceeded by a few percent.

    :param profile: velocity profile of the curve
    :param start: feasible initial state
    """

    def __init__(self, profile: VelocityProfile, start: InitialPathState) -> None:
        initial_sigma, speed = profile.unsmoothed_start(start)
        self._initial_state = initial_sigma, speed, start.acceleration
        # A fraction f of the acceleration is the full one with the time stretched by 1/sqrt(f).
        root = profile.acceleration_fraction**0.5
        sigma, squared_speeds = profile.forward_pass(
            initial_sigma,
            (speed / root) ** 2,
            start.acceleration_fraction,
            root * start.fraction_duration,
        )
        self._sigma, self._speeds = sigma, root * np.sqrt(squared_speeds)
        self._window = profile.smoothing_window
        # The moving average stops only where the motion has stopped for the length of the window.
        self._times = _arrival_times(sigma, squared_speeds, root * self._window) / root
        spans = np.diff(self._times)
        self._accelerations = np.diff(self._speeds) / spans
        mean_moves = spans * (self._speeds[:-1] / 2.0 + spans * self._accelerations / 6.0)
        self._integrals = np.concatenate(([0.0], np.cumsum((sigma[:-1] + mean_moves) * spans)))
        self.duration = float(self._times[-1]) + self._window
        """Duration, s."""

    def at(self, times: Array) -> Array:
        """Return σ (N,), rad, at (N,) times, s."""
        window_start = self._sigma_integral(times - self._window)
        sigma: Array = (self._sigma_integral(times) - window_start) / self._window
        return sigma

    def _sigma_integral(self, times: Array) -> Array:
        """Return the integral over time of σ of the time-optimal motion, rad s."""
        last = len(self._times) - 2
        span = np.clip(np.searchsorted(self._times, times, side='right') - 1, 0, last)
        elapsed = np.clip(times, 0.0, self._times[-1]) - self._times[span]
        mean_move = elapsed * (self._speeds[span] / 2.0 + elapsed * self._accelerations[span] / 6.0)
        after_end = self._sigma[-1] * np.maximum(times - self._times[-1], 0.0)
        # Before its start the motion is extrapolated: the moving average needs it.
        sigma, speed, acceleration = self._initial_state
        early = np.minimum(times, 0.0)
        before_start = early * (sigma + early * (speed / 2.0 + early * acceleration / 6.0))
        integral: Array = (
            self._integrals[span]
            + elapsed * (self._sigma[span] + mean_move)
            + after_end
            + before_start
        )
        return integral


def _arrival_times(sigma: Array, squared_speeds: Array, corner_pause: float = 0.0) -> Array:
    """
    Return the times (N,), s, at which positions are reached with given squared speeds.

    :param sigma: (N,), rad
    :param squared_speeds: (N,), rad²/s²
    :param corner_pause: time for which the motion stops at a corner, s
    """
    speeds, steps = np.sqrt(squared_speeds), np.diff(sigma)
    sums = speeds[:-1] + speeds[1:]
    spans = np.where(steps > 0.0, 2.0 * steps / np.where(steps > 0.0, sums, 1.0), corner_pause)
    return np.concatenate(([0.0], np.cumsum(spans)))


def _corner_mask(sigma: Array) -> NDArray[np.bool_]:
    """Mark the corners, values of σ (N,) contained twice, at the first of the two."""
    return np.append(np.diff(sigma) == 0.0, False)


def _max_squared_speeds(
    curve: JointCurve, limits: MotionLimits, widening_time: float
) -> list[float]:
    """
    Return the largest squared speeds (N,) at which each position can be passed at constant speed.

    :param curve: curve of the joints
    :param limits: limits of the joints
    :param widening_time: time before and after a slow section for which the speed stays low, s
    """
    tangents, curvatures, third_derivatives = (
        (np.abs(derivatives) / limit).max(axis=1) + ZERO_TOLERANCE
        for derivatives, limit in zip(
            (curve.tangents, curve.curvatures, curve.third_derivatives),
            (limits.velocity, limits.acceleration, limits.jerk),
            strict=True,
        )
    )
    bounds = np.minimum(tangents**-2.0, CURVATURE_ACCELERATION_FRACTION / curvatures)
    bounds = np.minimum(bounds, (CURVATURE_JERK_FRACTION / third_derivatives) ** (2.0 / 3.0))
    widened = _widen_minima(curve.sigma, bounds, np.sqrt(bounds) * widening_time)
    corners = _corner_mask(curve.sigma)
    widened[corners | np.roll(corners, 1)] = 0.0
    max_squared_speeds: list[float] = widened.tolist()
    return max_squared_speeds


def _widen_minima(sigma: Array, bounds: Array, reach: Array) -> Array:
    """Return for each position the lowest of the bounds (N,) within whose reach (N,) it is."""
    widened: Array = bounds.copy()
    first = np.searchsorted(sigma, sigma - reach, 'left').tolist()
    end = np.searchsorted(sigma, sigma + reach, 'right').tolist()
    for row in np.argsort(-bounds).tolist():  # lower bounds overwrite higher ones
        widened[first[row] : end[row]] = bounds[row]
    return widened
