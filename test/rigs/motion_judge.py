"""Whether a stream of joint commands keeps inside its limits, judged from outside."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from math import factorial

import numpy as np

from ik_nn_ros.arm.geometry import JointPair
from ik_nn_ros.arm.model import ArmModel

PERIOD = 0.01
"""Between two commands, s: the default control_rate."""
PAUSE = 3.5 * PERIOD
"""Commands farther apart (s) belong to two streams: on a busy machine a tick is late."""
QUIET = 0.15
"""Commands even farther apart (s) belong to two motions, and the arm may have moved meanwhile."""
LATE = 4e-4
"""
How much (s) the time between step and sending differs from one command to the next.

Where the node was interrupted between the two it is more, up to all the time since the tick:
so in doubt the judge tries that, and half of it.
"""
ROUNDING = 1e-9
"""rad"""
STRIDES = (1, 2, 4, 8)
"""Steps between the commands compared: the longer, the less the times matter."""
KINDS = ('position', 'velocity', 'acceleration', 'jerk')
SLACK = 1.01


@dataclass(frozen=True)
class Bounds:
    """
    What a stream of commands has to keep.

    :param lower: rad
    :param upper: rad
    :param rates: velocity (rad/s), acceleration (rad/s²) and jerk (rad/s³) of either joint
    """

    lower: JointPair
    upper: JointPair
    rates: tuple[float, float, float] = (3.0, 10.0, 100.0)

    @classmethod
    def of(cls, arm: ArmModel, speed_scale: float = 1.0) -> Bounds:
        """Return those of ik_node's defaults."""
        return cls(arm.lower, arm.upper, (3.0 * speed_scale, 10.0, 100.0))


@dataclass(frozen=True)
class Stream:
    """
    Commands one after the other.

    :param t: (N,) when, s
    :param q: (N, 2) rad
    """

    t: np.ndarray
    q: np.ndarray

    def __len__(self) -> int:
        return len(self.t)

    def since(self, time: float) -> Stream:
        """Return what was commanded after a time, s."""
        return Stream(self.t[self.t > time], self.q[self.t > time])

    def parts(self) -> Iterator[Stream]:
        """
        Return the streams between pauses.

        Without the first command after a short one: a node that was held up between looking at the
        clock and stamping it has planned it for any time in that pause.
        """
        pauses = np.diff(self.t)
        cuts = np.flatnonzero(pauses > PAUSE) + 1
        for begin, end in zip([0, *cuts], [*cuts, len(self)], strict=True):
            first = begin + 1 if begin and pauses[begin - 1] < QUIET else begin
            if first < end:
                yield Stream(self.t[first:end], self.q[first:end])

    def late(self) -> np.ndarray:
        """Return (N,) by how much (s) each command may have been sent later than it was due."""
        turns = np.exp(2j * np.pi * self.t / PERIOD)
        since = self.t / PERIOD - np.angle(turns.mean()) / (2.0 * np.pi)
        # A command for each tick: one that is as late as the next belongs to the tick before.
        order = np.arange(len(self))
        ticks = np.minimum.accumulate((np.floor(since + 0.1) - order)[::-1])[::-1] + order
        late: np.ndarray = PERIOD * np.maximum(since - ticks, 0.0)
        return late

    def speed(self) -> np.ndarray:
        """Return the joint speeds (N, 2) before or after each command, the larger one, rad/s."""
        if len(self) < 2:
            return np.zeros((len(self), 2))
        steps = np.maximum(np.diff(self.t), PERIOD / 2.0)[:, np.newaxis]
        between = np.abs(np.diff(self.q, axis=0)) / steps
        return np.maximum(np.pad(between, ((1, 0), (0, 0))), np.pad(between, ((0, 1), (0, 0))))

    def speeds(self, over: int) -> np.ndarray:
        """Return the mean joint speeds (N - over, 2) over so many steps, rad/s."""
        if len(self) <= over:
            return np.zeros((0, 2))
        steps = self.t[over:] - self.t[:-over]
        mean: np.ndarray = np.abs(self.q[over:] - self.q[:-over]) / steps[:, np.newaxis]
        return mean


def violations(stream: Stream, bounds: Bounds) -> list[str]:
    """Return every way in which a stream leaves its bounds; the worst place of each."""
    found = []
    over = np.maximum(stream.q - bounds.upper, np.asarray(bounds.lower) - stream.q)
    if len(stream) and not over.max() <= ROUNDING:
        found.append(f'position: {over.max():.3g} rad outside the limits')
    pauses, steps = np.diff(stream.t), np.abs(np.diff(stream.q, axis=0)).max(axis=1)
    leaps = (pauses > PAUSE) & (pauses < QUIET) & (steps > SLACK * bounds.rates[0] * pauses)
    if leaps.any():
        found.append(f'velocity: {steps[leaps].max():.3g} rad in a pause')
    for part in stream.parts():
        for order, limit in enumerate(bounds.rates, start=1):
            worst = [_worst(part, order, stride, limit) for stride in STRIDES]
            found += [f'{KINDS[order]}: {text}' for text in worst if text]
    return found


def _worst(stream: Stream, order: int, stride: int, limit: float) -> str:
    """Return where a derivative, compared over so many commands, exceeds its limit most."""
    count = len(stream) - order * stride
    if count <= 0:
        return ''
    window = np.arange(count)[:, np.newaxis] + stride * np.arange(order + 1)
    late = stream.late()
    times = stream.t - np.stack([0.0 * late, late, 0.5 * late])
    doubt = stream.speed() * (LATE + 0.25 * late[:, np.newaxis]) + ROUNDING
    excess = np.full((count, 2), np.inf)
    for choice in itertools.product(range(len(times)), repeat=order + 1):
        bad = np.flatnonzero(excess.max(axis=1) > 0.0)
        rows = window[bad]
        found = _excess(times[choice, rows], stream.q[rows], doubt[rows], limit)
        excess[bad] = np.minimum(excess[bad], found)
    at, joint = np.unravel_index(excess.argmax(), excess.shape)
    if not excess[at, joint] > 0.0:
        return ''
    return (
        f'joint{joint + 1} {limit + excess[at, joint]:.4g} over {order * stride} commands '
        f'from number {at} on, {stream.t[at] - stream.t[0]:.3f} s after the start, limit {limit:g}'
    )


def _excess(t: np.ndarray, q: np.ndarray, doubt: np.ndarray, limit: float) -> np.ndarray:
    """
    Return by how much a derivative exceeds its limit (N, 2), from windows of n + 1 commands.

    A divided difference times n! is a mean of the nth derivative over its window, so it keeps the
    limit where the derivative does.

    :param doubt: how far a position may be off, rad: by the speed, as the times are not exact
    """
    with np.errstate(divide='ignore', invalid='ignore'):
        weights = divided_difference(t)[..., np.newaxis]
        value = np.abs((weights * q).sum(axis=1))
        off = (np.abs(weights) * doubt).sum(axis=1)
        return np.nan_to_num(value - off - SLACK * limit, nan=np.inf)


def divided_difference(times: np.ndarray) -> np.ndarray:
    """Return the weights (N, n + 1) whose sum with n + 1 values is their mean nth derivative."""
    order = times.shape[1] - 1
    apart = times[:, :, np.newaxis] - times[:, np.newaxis, :]
    apart[:, range(order + 1), range(order + 1)] = 1.0
    return factorial(order) / apart.prod(axis=2)


def at_rest(stream: Stream, bounds: Bounds) -> bool:
    """Tell whether a stream ends at rest, or a step before: brakes leave a jerk only."""
    if len(stream) < 2:
        return True
    last = np.abs(np.diff(stream.q[-2:], axis=0)).max()
    return bool(last <= 2.0 * bounds.rates[2] * PERIOD**3)


def braking_time(bounds: Bounds) -> float:
    """Return the longest time (s) from any state within the bounds to rest."""
    velocity, acceleration, jerk = bounds.rates
    return velocity / acceleration + 3.0 * acceleration / jerk
