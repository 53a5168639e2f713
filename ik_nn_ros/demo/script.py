"""What the demo asks of the arm: a figure eight, reachable points, targets to refuse, and back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf, nan, pi

import numpy as np

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.arm.paths import figure_eight, heading_axes
from ik_nn_ros.errors import ConfigError

FIGURE_RATE_HZ = 50.0
"""Targets a second on the figure eight."""
FIGURE_PERIOD_S = 6.0
"""Time for one figure eight, s."""
FIGURE_DISTANCE_RATIO, FIGURE_WIDTH_RATIO = 0.66, 0.8
"""Where it is in front of the arm, and how wide: parts of the reach."""
APPROACH_TIME_S = 1.5
"""Time to reach the first point, s."""
DWELL_TIME_S = 1.2
"""Time between two random points, s: enough to arrive."""
REJECTED_TARGET_PERIOD_S = 0.4
"""Time between two targets to refuse, s."""
MAX_DURATION_S = 3600.0
"""Of a demo, s."""
PHASE_FRACTIONS = (0.5, 0.35, 0.15)
"""Shares of the duration."""


@dataclass(frozen=True)
class DemoTarget:
    """
    One target.

    :param phase: approach, figure eight, random points, refused or back
    :param position: (x, y, z) in ``frame``, m
    :param frame: frame id
    :param dwell_s: time until the next target, s
    """

    phase: str
    position: tuple[float, float, float]
    frame: str
    dwell_s: float


def demo_targets(
    arm: ArmModel, duration: float, rng: np.random.Generator, has_viewer: bool = False
) -> list[DemoTarget]:
    """
    Return the demo's targets, which take ``duration`` seconds after the approach.

    :param has_viewer: whether somebody watches; then all of them can be seen: none has coordinates
        that are no numbers, or a frame that is not known
    :raises ConfigError: a duration out of range
    """
    if not 0.0 < duration <= MAX_DURATION_S:
        raise ConfigError(
            'duration', got=f'{duration} s', expected=f'more than 0, to {MAX_DURATION_S} s'
        )
    eight, points, refused = (share * duration for share in PHASE_FRACTIONS)
    path = _figure_eight_points(arm, max(1, round(eight * FIGURE_RATE_HZ)))
    targets = [_plane_target(arm, 'approach', path[0], APPROACH_TIME_S)]
    targets += [_plane_target(arm, 'figure eight', point, 1.0 / FIGURE_RATE_HZ) for point in path]
    for _ in range(max(1, round(points / DWELL_TIME_S) - 1)):
        # A middle part of the joint range, so that each point is reached within the dwell.
        q = arm.home + rng.uniform((-1.2, 0.3), (1.2, 2.2))
        targets.append(_plane_target(arm, 'random points', arm.fk(q), DWELL_TIME_S))
    targets += _rejected_targets(arm, max(1, round(refused / REJECTED_TARGET_PERIOD_S)), has_viewer)
    return [*targets, _plane_target(arm, 'back', path[0], DWELL_TIME_S)]


def _figure_eight_points(arm: ArmModel, count: int) -> np.ndarray:
    """Return (count, 2) points, m, of a figure eight in front of the arm."""
    angle = 2.0 * pi * np.arange(count) / (FIGURE_RATE_HZ * FIGURE_PERIOD_S)
    return (
        arm.reach
        * (np.array([FIGURE_DISTANCE_RATIO, 0.0]) + FIGURE_WIDTH_RATIO * figure_eight(angle))
        @ heading_axes(arm)
    )


def _rejected_targets(arm: ArmModel, count: int, has_viewer: bool) -> Iterator[DemoTarget]:
    frame, reach = arm.plane.base_frame, arm.reach
    normal = arm.plane.rotation[:, 2]
    positions = [
        (frame, arm.plane.to_base((1.3 * reach, 0.1 * reach))),
        (frame, arm.plane.to_base((0.5 * reach, 0.2 * reach)) + 0.1 * normal),
        (frame, arm.plane.to_base((-0.98 * reach, -0.01 * reach))),
        (frame, arm.plane.to_base((0.5 * arm.inner_reach, 0.0))),
        (frame, np.array((nan, 0.0, 0.0))),
        ('nowhere', arm.plane.to_base((0.5 * reach, 0.0))),
        (frame, np.array((inf, 0.0, 0.0))),
    ]
    if has_viewer:
        positions = positions[:-3]
    for index in range(count):
        of, position = positions[index % len(positions)]
        yield DemoTarget('refused', tuple(position.tolist()), of, REJECTED_TARGET_PERIOD_S)


def _plane_target(arm: ArmModel, phase: str, point: np.ndarray, dwell_s: float) -> DemoTarget:
    return DemoTarget(
        phase, tuple(arm.plane.to_base(point).tolist()), arm.plane.base_frame, dwell_s
    )
