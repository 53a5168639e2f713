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

from ik_nn_ros.arm.plane import Array
from ik_nn_ros.motion.joint_motion import MotionLimits

BEND, TWIST = 0.9, 0.5
"""Parts of the acceleration and of the jerk that the line's own bends may take."""
FLOOR = 0.5
"""Part of half the window that a slow place is widened by: else the mean is too fast there."""
NOTHING = 1e-12


class Curve(Protocol):
    """
    What the joints can go along.

    ``sigma`` (N,) holds places along it, rad; one that comes twice is a corner, where they rest.
    ``tangents``, ``bends`` and ``twists`` (N, 2) are the derivatives by σ there, the last of which
    may have lost its sign.
    """

    sigma: Array
    tangents: Array
    bends: Array
    twists: Array

    def joints(self, sigma: Array) -> Array:
        """Return the joints (N, 2), rad, at (N,) places along the curve, rad."""


class Begin(NamedTuple):
    """How a motion along a line begins."""

    speed: float = 0.0
    """rad/s"""
    rate: float = 0.0
    """Its derivative, rad/s²."""
    share: float = 1.0
    """Of the acceleration that it may use at first."""
    until: float = 0.0
    """That time, s."""


class Pace:
    """
    The greatest speeds along a line from which the arm comes to rest at its end.

    :param line: a line of the tip, or another curve of the joints
    :param limits: of the joints
    """

    def __init__(self, line: Curve, limits: MotionLimits) -> None:
        slope = np.where(np.abs(line.tangents) < NOTHING, NOTHING, line.tangents)
        self._sigma: list[float] = line.sigma.tolist()
        self._reserve = (np.array(limits.acceleration) / np.abs(slope)).T.tolist()
        self._bend = (line.bends / slope).T.tolist()
        rise = float(np.divide(limits.acceleration, limits.jerk).max())
        self._most = self._braking(_bounds(line, limits, FLOOR * rise))
        self._from_rest = self._forwards(0.0, 0.0, 1.0, 0.0)
        time, parts = float(_times(*self._from_rest)[-1]), 1 + _corners(line.sigma).sum()
        # A short motion has no use for all of the acceleration: what it gains by a larger one it
        # loses by the longer window in which that has to come and go. The sum of both is least at:
        self.share = min(1.0, (time / (4.0 * rise * parts)) ** (2.0 / 3.0))
        self.window = 2.0 * self.share * rise
        """s"""
        self.duration = time / self.share**0.5 + parts * self.window
        """From rest to rest, s."""

    def allows(self, begin: Begin) -> bool:
        """Tell whether a motion can begin so."""
        place, speed = self.ahead(begin)
        most = self.share * float(np.interp(place, self._sigma, self._most))
        return 0.0 <= place < self._sigma[-1] and speed >= 0.0 and speed * speed <= most

    def ahead(self, begin: Begin) -> tuple[float, float]:
        """Return place (rad) and speed (rad/s) of the motion whose mean begins so."""
        half = self.window / 2.0
        return half * (begin.speed + half * begin.rate / 3.0), begin.speed + half * begin.rate

    def forwards(
        self, place: float, square: float, share: float = 1.0, until: float = 0.0
    ) -> tuple[Array, Array]:
        """
        Return places (N,), rad, and the squares of the speeds, rad²/s², for the full acceleration.

        :param place: where it begins
        :param square: of the speed there
        :param share: of the acceleration that is used at first
        :param until: that time, s
        """
        if place == square == until == 0.0:
            return self._from_rest
        return self._forwards(place, square, share, until)

    def _forwards(
        self, place: float, square: float, share: float, until: float
    ) -> tuple[Array, Array]:
        # In here and in _braking, which see each place, no call is made that can be spared.
        places, squares, time = [place], [square], 0.0
        nodes = zip(self._sigma[1:], self._most[1:], *self._reserve, *self._bend, strict=False)
        for there, most, reserve1, reserve2, bend1, bend2 in nodes:
            step = 2.0 * (there - place)
            if step < 0.0 or (step == 0.0 and most > 0.0):
                continue
            if step == 0.0:  # a corner
                places.append(place)
                squares.append(0.0)
                continue
            part = share if time < until else 1.0
            # x[i + 1] - x[i] <= step (reserve - bend x[i]), for both joints.
            rate, other = reserve1 * part - bend1 * square, reserve2 * part - bend2 * square
            if other < rate:
                rate = other
            reached = square + step * rate if rate > 0.0 else square
            if most < reached:
                reached = most
            if time < until:
                time += step / (square**0.5 + reached**0.5)
            place, square = there, reached
            places.append(place)
            squares.append(square)
        return np.array(places), np.array(squares)

    def _braking(self, most: list[float]) -> list[float]:
        """Lower the squares of the speed to those from which the arm can brake."""
        most[-1] = ahead = 0.0
        there = self._sigma[-1]
        values = (reversed(it) for it in (self._sigma, *self._reserve, *self._bend))
        nodes = zip(range(len(most) - 1, -1, -1), *values, strict=True)
        next(nodes)
        for i, place, reserve1, reserve2, bend1, bend2 in nodes:
            step, there = 2.0 * (there - place), place
            least = most[i]
            # x[i] - x[i + 1] <= step (reserve + bend x[i]), for both joints.
            growth1, growth2 = 1.0 - step * bend1, 1.0 - step * bend2
            if growth1 > NOTHING and (bound := (ahead + step * reserve1) / growth1) < least:
                least = bound
            if growth2 > NOTHING and (bound := (ahead + step * reserve2) / growth2) < least:
                least = bound
            most[i] = ahead = least
        return most


class PacedLaw:
    """
    The place along a line over time, to rest at its end.

    Limits are kept but for a few percent: where a bend and a change of speed come together.

    :param pace: of the line
    :param begin: which it allows
    """

    def __init__(self, pace: Pace, begin: Begin) -> None:
        place, speed = pace.ahead(begin)
        self._before = place, speed, begin.rate
        root = pace.share**0.5
        square, until = (speed / root) ** 2, root * begin.until
        places, squares = pace.forwards(place, square, begin.share, until)
        self._places, self._speeds = places, root * np.sqrt(squares)
        self._window = pace.window
        # The mean of a motion rests only where that has rested for as long as the window is.
        self._times = _times(places, squares, root * pace.window) / root
        spans = np.diff(self._times)
        self._rates = np.diff(self._speeds) / spans
        moved = spans * (self._speeds[:-1] / 2.0 + spans * self._rates / 6.0)
        self._sums = np.concatenate(([0.0], np.cumsum((places[:-1] + moved) * spans)))
        self.duration = float(self._times[-1]) + self._window
        """s"""

    def at(self, times: Array) -> Array:
        """Return the places (N,), rad, at (N,) times, s."""
        begin = self._integral(times - self._window)
        places: Array = (self._integral(times) - begin) / self._window
        return places

    def _integral(self, times: Array) -> Array:
        """Return the integral over time of the quickest motion's place."""
        last = len(self._times) - 2
        span = np.clip(np.searchsorted(self._times, times, side='right') - 1, 0, last)
        since = np.clip(times, 0.0, self._times[-1]) - self._times[span]
        moved = since * (self._speeds[span] / 2.0 + since * self._rates[span] / 6.0)
        past = self._places[-1] * np.maximum(times - self._times[-1], 0.0)
        # Before it began, the mean needs a motion that leads up to how it begins.
        place, speed, rate = self._before
        early = np.minimum(times, 0.0)
        before = early * (place + early * (speed / 2.0 + early * rate / 6.0))
        integral: Array = self._sums[span] + since * (self._places[span] + moved) + past + before
        return integral


def _times(places: Array, squares: Array, rest: float = 0.0) -> Array:
    """
    Return when (N,), s, the places are reached with the squares of the speed there.

    :param rest: how long the motion stays at a place that comes twice, s
    """
    speeds, steps = np.sqrt(squares), np.diff(places)
    sums = speeds[:-1] + speeds[1:]
    spans = np.where(steps > 0.0, 2.0 * steps / np.where(steps > 0.0, sums, 1.0), rest)
    return np.concatenate(([0.0], np.cumsum(spans)))


def _corners(sigma: Array) -> NDArray[np.bool_]:
    """Tell which places (N,) come twice, at the first of the two."""
    return np.append(np.diff(sigma) == 0.0, False)


def _bounds(line: Curve, limits: MotionLimits, time: float) -> list[float]:
    """
    Return the largest squares of the speed with which each place may be passed evenly.

    :param time: for which a slow place stays slow before and after it, s
    """
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
    within = _widened(line.sigma, bounds, np.sqrt(bounds) * time)
    corners = _corners(line.sigma)
    within[corners | np.roll(corners, 1)] = 0.0
    slow: list[float] = within.tolist()
    return slow


def _widened(sigma: Array, bounds: Array, reach: Array) -> Array:
    """Return the least of the bounds (N,) whose reach (N,) there is."""
    within: Array = bounds.copy()
    first = np.searchsorted(sigma, sigma - reach, 'left').tolist()
    end = np.searchsorted(sigma, sigma + reach, 'right').tolist()
    for row in np.argsort(-bounds).tolist():  # the least overwrites the others
        within[first[row] : end[row]] = bounds[row]
    return within
