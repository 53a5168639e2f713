"""Streams of joint commands as an observer sees them, and the check that they keep the limits."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import factorial

import numpy as np

from ik_nn_ros.arm.geometry import JointPair
from ik_nn_ros.arm.model import ArmModel

PERIOD_S = 0.01
"""Time between two commands at the default control_rate."""
SEGMENT_GAP_S = 3.5 * PERIOD_S
"""Commands farther apart belong to two segments: the node was late on a busy machine."""
MOTION_GAP_S = 0.15
"""Commands farther apart belong to two motions; the arm may have moved in between."""
SEND_JITTER_S = 4e-4
"""
Variation of the time between planning a command and sending it.

It can be as long as the whole time since the tick where the node was preempted between the two, so
the check also tries that time, and half of it.
"""
ROUNDING_RAD = 1e-9
STRIDES = (1, 2, 4, 8)
"""Numbers of steps between compared commands: the more, the less their times matter."""
QUANTITIES = ('position', 'velocity', 'acceleration', 'jerk')
LIMIT_FACTOR = 1.01
"""Part of a limit that a derivative may reach."""


@dataclass(frozen=True)
class MotionBounds:
    """
    Limits that a stream of commands has to keep.

    :param lower: rad
    :param upper: rad
    :param rates: velocity (rad/s), acceleration (rad/s²) and jerk (rad/s³) of either joint
    """

    lower: JointPair
    upper: JointPair
    rates: tuple[float, float, float] = (3.0, 10.0, 100.0)

    @classmethod
    def of(cls, arm: ArmModel, speed_scale: float = 1.0) -> MotionBounds:
        """Return the limits of ik_node's default parameters."""
        return cls(arm.lower, arm.upper, (3.0 * speed_scale, 10.0, 100.0))

    def with_rates_times(self, factor: float) -> MotionBounds:
        """Return the bounds with wider rates, for commands whose times are not known exactly."""
        velocity, acceleration, jerk = self.rates
        return replace(self, rates=(factor * velocity, factor * acceleration, factor * jerk))

    @property
    def max_braking_time(self) -> float:
        """Longest time from any state within the bounds to standstill, s."""
        velocity, acceleration, jerk = self.rates
        return velocity / acceleration + 3.0 * acceleration / jerk


@dataclass(frozen=True)
class CommandStream:
    """
    Commands in the order in which they were sent.

    :param t: (N,) times, s
    :param q: (N, 2) positions, rad
    """

    t: np.ndarray
    q: np.ndarray

    def __len__(self) -> int:
        return len(self.t)

    def since(self, time: float) -> CommandStream:
        """Return the commands after a time, s."""
        return CommandStream(self.t[self.t > time], self.q[self.t > time])

    def segments(self) -> Iterator[CommandStream]:
        """
        Return the parts between gaps.

        The first command after a short gap is left out: a node that was suspended between reading
        the clock and stamping the command has planned it for any time in the gap.
        """
        gaps = np.diff(self.t)
        cuts = np.flatnonzero(gaps > SEGMENT_GAP_S) + 1
        for start, end in zip([0, *cuts], [*cuts, len(self)], strict=True):
            first = start + 1 if start and gaps[start - 1] < MOTION_GAP_S else start
            if first < end:
                yield CommandStream(self.t[first:end], self.q[first:end])

    def send_delays(self) -> np.ndarray:
        """Return (N,) upper bounds of the times between the control loop's ticks and sending, s."""
        turns = np.exp(2j * np.pi * self.t / PERIOD_S)
        phases = self.t / PERIOD_S - np.angle(turns.mean()) / (2.0 * np.pi)
        # One command per tick: where two seem to share one, the first belongs to the tick before.
        order = np.arange(len(self))
        ticks = np.minimum.accumulate((np.floor(phases + 0.1) - order)[::-1])[::-1] + order
        delays: np.ndarray = PERIOD_S * np.maximum(phases - ticks, 0.0)
        return delays

    def peak_speeds(self) -> np.ndarray:
        """Return the larger of the joint speeds (N, 2) before and after each command, rad/s."""
        if len(self) < 2:
            return np.zeros((len(self), 2))
        steps = np.maximum(np.diff(self.t), PERIOD_S / 2.0)[:, np.newaxis]
        between = np.abs(np.diff(self.q, axis=0)) / steps
        return np.maximum(np.pad(between, ((1, 0), (0, 0))), np.pad(between, ((0, 1), (0, 0))))

    def mean_speeds(self, steps: int) -> np.ndarray:
        """Return the mean joint speeds (N - steps, 2) over a number of steps, rad/s."""
        if len(self) <= steps:
            return np.zeros((0, 2))
        times = self.t[steps:] - self.t[:-steps]
        mean: np.ndarray = np.abs(self.q[steps:] - self.q[:-steps]) / times[:, np.newaxis]
        return mean

    def ends_at_rest(self, bounds: MotionBounds) -> bool:
        """
        Tell whether the stream ends at standstill, or one step before.

        At the end of a motion the arm still brakes with the limit of the jerk.
        """
        if len(self) < 2:
            return True
        step = np.clip(self.t[-1] - self.t[-2], PERIOD_S, SEGMENT_GAP_S)
        return bool(np.abs(self.q[-1] - self.q[-2]).max() <= 2.0 * bounds.rates[2] * step**3)


def violations(stream: CommandStream, bounds: MotionBounds) -> list[str]:
    """Return every limit that a stream exceeds, with the place where it does so most."""
    found = []
    excess = np.maximum(stream.q - bounds.upper, np.asarray(bounds.lower) - stream.q)
    if len(stream) and not excess.max() <= ROUNDING_RAD:
        found.append(f'position: {excess.max():.3g} rad outside the limits')
    gaps, steps = np.diff(stream.t), np.abs(np.diff(stream.q, axis=0)).max(axis=1)
    jumps = (gaps > SEGMENT_GAP_S) & (gaps < MOTION_GAP_S)
    jumps &= steps > LIMIT_FACTOR * bounds.rates[0] * gaps
    if jumps.any():
        found.append(f'velocity: {steps[jumps].max():.3g} rad in a gap')
    for segment in stream.segments():
        for order, limit in enumerate(bounds.rates, start=1):
            worst = [_worst_violation(segment, order, stride, limit) for stride in STRIDES]
            found += [f'{QUANTITIES[order]}: {text}' for text in worst if text]
    return found


def _worst_violation(stream: CommandStream, order: int, stride: int, limit: float) -> str:
    """Return where a derivative exceeds its limit most, for one stride; '' if nowhere."""
    count = len(stream) - order * stride
    if count <= 0:
        return ''
    windows = np.arange(count)[:, np.newaxis] + stride * np.arange(order + 1)
    delays = stream.send_delays()
    times = stream.t - np.stack([0.0 * delays, delays, 0.5 * delays])
    uncertainty = (
        stream.peak_speeds() * (SEND_JITTER_S + 0.25 * delays[:, np.newaxis]) + ROUNDING_RAD
    )
    excess = np.full((count, 2), np.inf)
    for choice in itertools.product(range(len(times)), repeat=order + 1):
        bad = np.flatnonzero(excess.max(axis=1) > 0.0)
        rows = windows[bad]
        found = _excess(times[choice, rows], stream.q[rows], uncertainty[rows], limit)
        excess[bad] = np.minimum(excess[bad], found)
    at, joint = np.unravel_index(excess.argmax(), excess.shape)
    if not excess[at, joint] > 0.0:
        return ''
    return (
        f'joint{joint + 1} {limit + excess[at, joint]:.4g} over {order * stride} commands '
        f'from number {at} on, {stream.t[at] - stream.t[0]:.3f} s after the start, limit {limit:g}'
    )


def _excess(t: np.ndarray, q: np.ndarray, uncertainty: np.ndarray, limit: float) -> np.ndarray:
    """
    Return by how much a derivative exceeds its limit in windows of n + 1 commands, (N, 2).

    The divided difference times n! is a mean of the nth derivative over its window, so it keeps the
    limit where the derivative does.

    :param t: (N, n + 1) times, s
    :param q: (N, n + 1, 2) positions, rad
    :param uncertainty: (N, n + 1, 2) of the positions, as the times are not exact, rad
    """
    with np.errstate(divide='ignore', invalid='ignore'):
        weights = divided_difference_weights(t)[..., np.newaxis]
        value = np.abs((weights * q).sum(axis=1))
        error = (np.abs(weights) * uncertainty).sum(axis=1)
        return np.nan_to_num(value - error - LIMIT_FACTOR * limit, nan=np.inf)


def divided_difference_weights(times: np.ndarray) -> np.ndarray:
    """Return the weights (N, n + 1) of n + 1 values whose sum is the mean nth derivative."""
    order = times.shape[1] - 1
    differences = times[:, :, np.newaxis] - times[:, np.newaxis, :]
    differences[:, range(order + 1), range(order + 1)] = 1.0
    return factorial(order) / differences.prod(axis=2)
