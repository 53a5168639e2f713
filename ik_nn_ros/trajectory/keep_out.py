"""
Keep-out checks: the links keep a margin from zones during a whole motion.

Every motion, and every stop from it, keeps the links at least the margin away from each zone. A
link that is closer when the motion starts, because it was pushed there or the zones have changed,
must not come closer to that zone than it is: so it can leave.

:meth:`KeepOut.trajectory_obstruction` checks a motion as a whole before it starts,
:meth:`KeepOut.can_stop_clear` every step. A braking arm leaves its planned path, so half of the
margin is reserved for stops. Planning requires more than half, so that the checks of the steps do
not interrupt what was planned.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, isfinite
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.geometry import Array, JointPair
from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.collision.zones import (
    Circle,
    Distances,
    HalfPlane,
    Zones,
    neighbor_maximum,
    sweep_links,
)
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.trajectory.online_generator import (
    KinematicState,
    MotionLimits,
    OnlineTrajectoryGenerator,
)
from ik_nn_ros.trajectory.spline import SampleableTrajectory, SplineTrajectory
from ik_nn_ros.trajectory.stopping import stopping_distances, stopping_positions

STOPPING_MARGIN_RATIO = 0.5
"""Fraction of the margin that a stop must keep when a step is checked."""
PLANNED_MARGIN_RATIO = 0.7
"""Fraction of the margin that stops must keep when a motion is planned."""
SAMPLE_PERIOD_S = 0.005
"""Time between the samples of a motion, s; longer for motions with :data:`MAX_SAMPLES`."""
MAX_SAMPLES = 300
BRAKING_SAMPLE_STRIDE = 4
"""Stops are first checked from every fourth sample of a motion."""
BRAKING_INTERVAL_COUNT = 24
"""Number of intervals at which a stop is checked."""
LEVER_ARM_RATIO = 1.1
"""Reserve on the distances from the joints to the tip, for calibrated arms."""
APPROACH_SLACK_RATIO = 0.002
"""
Fraction of the reach by which a leaving link may seem to approach between two samples.

The distance between samples is only a lower bound.
"""
ROUNDING_M = 1e-9


class KeepOut:
    """
    Keep-out zones of an arm.

    :param arm: the arm; its links are the straight lines from base to elbow to tip
    :param circles: zones in the arm's plane
    :param half_planes: zones in the arm's plane
    :param margin: distance that the links keep from the zones, m
    :raises ConfigError: the margin is negative or not finite, the base of the arm is closer to a
        zone than the margin, or there are zones and the arm has no rigid links
    """

    def __init__(
        self,
        arm: Kinematics,
        circles: Sequence[Circle],
        half_planes: Sequence[HalfPlane],
        margin: float,
    ) -> None:
        if not (isfinite(margin) and margin >= 0.0):
            raise ConfigError('keep-out margin', got=f'{margin} m', expected='0 or more')
        self.circles, self.half_planes, self.margin = tuple(circles), tuple(half_planes), margin
        self._arm = arm
        self._slack = APPROACH_SLACK_RATIO * arm.reach
        self._zones = Zones(circles, half_planes)
        if self._zones.names and arm.link_poses(arm.home) is None:
            raise ConfigError(
                'keep-out zones', got=f'{arm.name}, without rigid links', expected='none'
            )
        for name, distance in zip(
            self._zones.names, self._zones.distances_from_base(), strict=True
        ):
            if distance < margin - ROUNDING_M:
                raise ConfigError(
                    f'keep-out {name}',
                    got=f'{distance:.4g} m from the axis of {arm.joint_names[0]}',
                    expected=f'at least the margin, {margin:g} m',
                )

    @classmethod
    def from_lists(
        cls, arm: Kinematics, circles: Sequence[float], half_planes: Sequence[float], margin: float
    ) -> KeepOut:
        """
        Return keep-out zones from lists of numbers, as in parameters.

        :param arm: the arm
        :param circles: x, y, radius of each circle, m
        :param half_planes: x and y of the normal and the offset (m) of each half plane
        :param margin: m
        :raises ConfigError: a number is missing, or :class:`KeepOut` rejects the zones
        """
        return cls(
            arm,
            [Circle((x, y), radius) for x, y, radius in _triples('circles', circles)],
            [HalfPlane((x, y), offset) for x, y, offset in _triples('half planes', half_planes)],
            margin,
        )

    def __bool__(self) -> bool:
        """Whether there is any zone."""
        return bool(self._zones.names)

    @property
    def stopping_margin(self) -> float:
        """Margin to use with :meth:`can_stop_clear`, m."""
        return STOPPING_MARGIN_RATIO * self.margin

    def clearance(self, q: Array) -> Array:
        """Return distances (N,), m, of the links from the nearest zone at (N, 2) positions, rad."""
        distances: Array = self._distances(q[:, None]).at_samples.min(
            axis=(0, 2, 3), initial=np.inf
        )
        return distances

    def obstruction_at(self, q: JointPair) -> str:
        """Return a text on the zone that is too close at joint positions, rad; empty if none."""
        distances = self._distances(np.array([q])).at_samples
        too_close = distances < self.margin - ROUNDING_M
        return self._describe_obstruction(distances, too_close, self.margin)

    def obstruction_along(self, positions: Array) -> str:
        """
        Return a text on the zone that the links approach along a motion; empty if none.

        The motion between the samples counts, with a bound that is more conservative the farther
        they are apart.

        :param positions: (N, 2) samples, rad, up to 0.2 rad apart
        """
        distances = self._distances(positions)
        return self._describe_obstruction(
            distances.between_samples, ~self._keeps_clearance(distances, self.margin), self.margin
        )

    def trajectory_obstruction(
        self, generator: OnlineTrajectoryGenerator, trajectory: SampleableTrajectory
    ) -> str:
        """
        Return a text on the zone that the arm approaches on a trajectory, or in a stop from it.

        :param generator: its limits apply to the stops
        :param trajectory: motion that ends at standstill
        :return: empty where the arm keeps its distance
        """
        if not self:
            return ''
        count = min(max(ceil(trajectory.duration / SAMPLE_PERIOD_S), 1), MAX_SAMPLES)
        times = trajectory.duration * np.arange(count + 1) / count
        states = np.stack(trajectory.states_at(times), axis=1)
        obstruction = self.obstruction_along(states[:, 0])
        if obstruction:
            return f'on the way, {obstruction}'
        obstruction = self._braking_obstruction(states, generator.limits)
        return obstruction and f'braking on the way, {obstruction}'

    def path_obstruction(self, limits: MotionLimits, trajectory: SplineTrajectory) -> str:
        """
        Check a long trajectory section by section, like :meth:`trajectory_obstruction`.

        :param limits: limits of the stops
        :param trajectory: trajectory from standstill to standstill
        :return: empty where the arm keeps its distance
        """
        generator = OnlineTrajectoryGenerator(limits, trajectory.at(0.0).position)
        section_duration = MAX_SAMPLES * SAMPLE_PERIOD_S
        for number in range(ceil(trajectory.duration / section_duration)):
            section = _TrajectorySection(trajectory, number * section_duration, section_duration)
            obstruction = self.trajectory_obstruction(generator, section)
            if obstruction:
                return obstruction
        return ''

    def can_stop_clear(
        self, generator: OnlineTrajectoryGenerator, state: KinematicState, margin: float
    ) -> bool:
        """
        Tell whether a stop from a state keeps the arm clear of the zones.

        :param generator: plans the stop
        :param state: state of the joints
        :param margin: distance to keep, m
        """
        if not self:
            return True
        stop = generator.plan_stop(state)
        positions = stop.positions(max(stop.duration, SAMPLE_PERIOD_S) / BRAKING_INTERVAL_COUNT)
        return bool(self._keeps_clearance(self._distances(positions), margin).all())

    def _braking_obstruction(self, states: Array, limits: MotionLimits) -> str:
        """
        Return a text on the zone that the arm approaches in a stop from one of (N, 3, 2) states.

        The first pass checks every fourth state. The second checks those between which the arm may
        come closer, extrapolated from how fast the distance changes from state to state.
        """
        obstruction, clearance = self._check_stops(states[::BRAKING_SAMPLE_STRIDE], limits)
        if obstruction:
            return obstruction
        lowest = clearance - neighbor_maximum(np.abs(np.diff(clearance))) / 2.0
        close = lowest < PLANNED_MARGIN_RATIO * self.margin
        close[:-1] |= close[1:]
        rows = np.repeat(close, BRAKING_SAMPLE_STRIDE)[: len(states)]
        return self._check_stops(states[rows], limits)[0]

    def _check_stops(self, states: Array, limits: MotionLimits) -> tuple[str, Array]:
        """
        Check the stops from (N, 3, 2) states.

        :return: a text on what comes too close; the clearance (N,) of each stop, m: exact where it
            may be less than the margin, else a lower bound
        """
        margin = PLANNED_MARGIN_RATIO * self.margin
        travel = LEVER_ARM_RATIO * stopping_distances(states, limits) @ self._arm.lever_arms
        clearance: Array = self.clearance(states[:, 0]) - travel
        rows = np.flatnonzero(clearance < margin)
        distances = self._distances(
            stopping_positions(states[rows], limits, BRAKING_INTERVAL_COUNT)
        )
        clearance[rows] = distances.between_samples.min(axis=(0, 2, 3))
        too_close = ~self._keeps_clearance(distances, margin)
        return self._describe_obstruction(distances.between_samples, too_close, margin), clearance

    def _distances(self, q: Array) -> Distances:
        return self._zones.distances(sweep_links(self._arm, q))

    def _keeps_clearance(self, distances: Distances, margin: float) -> NDArray[np.bool_]:
        """Tell where the links keep their distance: the margin, or the distance at the start."""
        at, between = distances
        initial = at[..., :1, :]
        return (between >= margin - ROUNDING_M) | (
            (at >= initial - ROUNDING_M) & (between >= initial - self._slack)
        )

    def _describe_obstruction(
        self, distances: Array, too_close: NDArray[np.bool_], margin: float
    ) -> str:
        """Return a text on the link and the zone that are closest, of those that are too close."""
        if not too_close.any():
            return ''
        distances = np.where(too_close, distances, np.inf)
        link, *_, zone = np.unravel_index(np.argmin(distances), distances.shape)
        return (
            f'link {link + 1} to {self._zones.names[zone]}: got {distances.min():.4g} m, '
            f'expected at least {margin:.4g} m'
        )


class _TrajectorySection(NamedTuple):
    """Section of a trajectory."""

    trajectory: SplineTrajectory
    start_time: float
    """Start of the section on the trajectory, s."""
    duration: float
    """Duration, s."""

    def states_at(self, times: Array) -> tuple[Array, Array, Array]:
        """Return positions, velocities, accelerations (N, 2): rad, rad/s, rad/s²."""
        return self.trajectory.states_at(self.start_time + times)


def _triples(name: str, numbers: Sequence[float]) -> list[tuple[float, float, float]]:
    """Return consecutive groups of three numbers."""
    if len(numbers) % 3:
        raise ConfigError(
            f'keep-out {name}', got=f'{len(numbers)} numbers', expected='three for each'
        )
    return list(zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True))
