"""Targets of the demo: a figure eight, random points, targets to be rejected, and back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf, nan, pi

import numpy as np

from ik_nn_ros.arm.geometry import Array
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.arm.paths import figure_eight, heading_axes
from ik_nn_ros.errors import ConfigError

FIGURE_RATE_HZ = 50.0
"""Rate of the targets on the figure eight, 1/s."""
FIGURE_PERIOD_S = 6.0
"""Time for one figure eight, s."""
FIGURE_DISTANCE_RATIO = 0.66
"""Distance of the figure's middle from the first axis, as a fraction of reach."""
FIGURE_WIDTH_RATIO = 0.8
"""Width of the figure eight, as a fraction of reach."""
APPROACH_TIME_S = 1.5
"""Time to reach the first point, s."""
DWELL_TIME_S = 1.2
"""Time between two random points, s; the arm arrives in less."""
REJECTED_TARGET_PERIOD_S = 0.4
"""Time between two targets to be rejected, s."""
MAX_DURATION_S = 3600.0
"""Longest demo, s."""
PHASE_FRACTIONS = (0.5, 0.35, 0.15)
"""Shares of the duration for the figure eight, the random points and the rejected targets."""


@dataclass(frozen=True)
class DemoTarget:
    """
    A target of the demo.

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

    :param duration: duration, s
    :param rng: draws the random points
    :param has_viewer: whether the page is open; then every target can be drawn: none has NaN or
        infinite coordinates or an unknown frame
    :raises ConfigError: a duration out of range
    """
    if not 0.0 < duration <= MAX_DURATION_S:
        raise ConfigError(
            'duration', got=f'{duration} s', expected=f'more than 0, to {MAX_DURATION_S} s'
        )
    figure_s, points_s, rejected_s = (share * duration for share in PHASE_FRACTIONS)
    path = _figure_eight_points(arm, max(1, round(figure_s * FIGURE_RATE_HZ)))
    targets = [_plane_target(arm, 'approach', path[0], APPROACH_TIME_S)]
    targets += [_plane_target(arm, 'figure eight', point, 1.0 / FIGURE_RATE_HZ) for point in path]
    for _ in range(max(1, round(points_s / DWELL_TIME_S) - 1)):
        # A middle part of the joint range, so that each point is reached within the dwell.
        q = arm.home + rng.uniform((-1.2, 0.3), (1.2, 2.2))
        targets.append(_plane_target(arm, 'random points', arm.fk(q), DWELL_TIME_S))
    targets += _rejected_targets(
        arm, max(1, round(rejected_s / REJECTED_TARGET_PERIOD_S)), has_viewer
    )
    return [*targets, _plane_target(arm, 'back', path[0], DWELL_TIME_S)]


def _figure_eight_points(arm: ArmModel, count: int) -> Array:
    """Return (count, 2) points, m, of a figure eight in front of the arm."""
    points_per_round = FIGURE_RATE_HZ * FIGURE_PERIOD_S
    angle: Array = np.linspace(0.0, 2.0 * pi * count / points_per_round, count, endpoint=False)
    figure = np.array([FIGURE_DISTANCE_RATIO, 0.0]) + FIGURE_WIDTH_RATIO * figure_eight(angle)
    points: Array = arm.reach * figure @ heading_axes(arm)
    return points


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
        target_frame, position = positions[index % len(positions)]
        x, y, z = position.tolist()
        yield DemoTarget('refused', (x, y, z), target_frame, REJECTED_TARGET_PERIOD_S)


def _plane_target(arm: ArmModel, phase: str, point: Array, dwell_s: float) -> DemoTarget:
    x, y, z = arm.plane.to_base(point).tolist()
    return DemoTarget(phase, (x, y, z), arm.plane.base_frame, dwell_s)
