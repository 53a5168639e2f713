"""What the demo asks of the arm: a figure eight, reachable points, targets to refuse, and back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf, nan, pi

import numpy as np

from ik_nn_ros.arm.figures import figure_eight, forward
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.errors import ConfigError

RATE = 50.0
"""Targets a second on the figure eight."""
LAP = 6.0
"""Time for one figure eight, s."""
AHEAD, WIDTH = 0.66, 0.8
"""Where it is in front of the arm, and how wide: parts of the reach."""
APPROACH = 1.5
"""Time to reach the first point, s."""
DWELL = 1.2
"""Time between two random points, s: enough to arrive."""
PAUSE = 0.4
"""Time between two targets to refuse, s."""
LONGEST = 3600.0
"""Of a demo, s."""
SHARES = (0.5, 0.35, 0.15)
"""Shares of the duration."""


@dataclass(frozen=True)
class Target:
    """
    One target.

    :param phase: approach, figure eight, random points, refused or back
    :param position: (x, y, z) in ``frame``, m
    :param frame: frame id
    :param hold: time until the next target, s
    """

    phase: str
    position: tuple[float, float, float]
    frame: str
    hold: float


def script(
    arm: ArmModel, duration: float, rng: np.random.Generator, is_seen: bool = False
) -> list[Target]:
    """
    Return the demo's targets, which take ``duration`` seconds after the approach.

    :param is_seen: whether somebody watches; then all of them can be seen: none has coordinates
        that are no numbers, or a frame that is not known
    :raises ConfigError: a duration out of range
    """
    if not 0.0 < duration <= LONGEST:
        raise ConfigError('duration', got=f'{duration} s', expected=f'more than 0, to {LONGEST} s')
    eight, points, refused = (share * duration for share in SHARES)
    path = _figure_eight(arm, max(1, round(eight * RATE)))
    targets = [_in_plane(arm, 'approach', path[0], APPROACH)]
    targets += [_in_plane(arm, 'figure eight', point, 1.0 / RATE) for point in path]
    for _ in range(max(1, round(points / DWELL) - 1)):
        # A middle part of the joint range, so that each point is reached within the dwell.
        q = arm.home + rng.uniform((-1.2, 0.3), (1.2, 2.2))
        targets.append(_in_plane(arm, 'random points', arm.fk(q), DWELL))
    targets += _to_refuse(arm, max(1, round(refused / PAUSE)), is_seen)
    return [*targets, _in_plane(arm, 'back', path[0], DWELL)]


def _figure_eight(arm: ArmModel, count: int) -> np.ndarray:
    """Return (count, 2) points, m, of a figure eight in front of the arm."""
    angle = 2.0 * pi * np.arange(count) / (RATE * LAP)
    return arm.reach * (np.array([AHEAD, 0.0]) + WIDTH * figure_eight(angle)) @ forward(arm)


def _to_refuse(arm: ArmModel, count: int, is_seen: bool) -> Iterator[Target]:
    frame, reach = arm.plane.frame, arm.reach
    normal = arm.plane.rotation[:, 2]
    positions = [
        (frame, arm.plane.lift((1.3 * reach, 0.1 * reach))),
        (frame, arm.plane.lift((0.5 * reach, 0.2 * reach)) + 0.1 * normal),
        (frame, arm.plane.lift((-0.98 * reach, -0.01 * reach))),
        (frame, arm.plane.lift((0.5 * arm.inner_reach, 0.0))),
        (frame, np.array((nan, 0.0, 0.0))),
        ('nowhere', arm.plane.lift((0.5 * reach, 0.0))),
        (frame, np.array((inf, 0.0, 0.0))),
    ]
    if is_seen:
        positions = positions[:-3]
    for index in range(count):
        of, position = positions[index % len(positions)]
        yield Target('refused', tuple(position.tolist()), of, PAUSE)


def _in_plane(arm: ArmModel, phase: str, point: np.ndarray, hold: float) -> Target:
    return Target(phase, tuple(arm.plane.lift(point).tolist()), arm.plane.frame, hold)
