"""
Keep-out zones: the links stay out of them by a margin, on the whole of a motion.

What holds for every motion, and for every braking: no link comes nearer to a zone than the margin.
A link that is nearer where the motion begins, because it was pushed there or the zones were
changed, comes no nearer to that zone than it is there: so it can leave.

A motion is judged as a whole before it is taken, by :meth:`KeepOut.trajectory_obstruction`, and in every step
by :meth:`KeepOut.can_stop_clear`. Where it brakes, the arm leaves its way, so half of the margin is
left to that. The plan asks for more than half: then the steps have no reason to end what was
planned.
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
from ik_nn_ros.trajectory.spline import SplineTrajectory
from ik_nn_ros.trajectory.stopping import stopping_distances, stopping_positions
from ik_nn_ros.trajectory.waypoints import SampleableTrajectory

STOPPING_MARGIN_RATIO, PLANNED_MARGIN_RATIO = 0.5, 0.7
"""Parts of the margin that are kept where the arm brakes: in a step, and by plan."""
SAMPLE_PERIOD_S, MAX_SAMPLES = 0.005, 300
"""Between the samples of a way (s), and the most of them: a long way has them farther apart."""
BRAKING_SAMPLE_STRIDE, BRAKING_INTERVAL_COUNT = 4, 24
"""By plan, the arm brakes from every fourth sample first; so many samples has each braking."""
LEVER_ARM_RATIO = 1.1
"""On the distances between joints and tip, for an arm that is not as rigid as drawn."""
APPROACH_SLACK_RATIO = 0.002
"""
Part of the reach by which a link that is leaving may seem to come nearer between two samples, by
the bound on what lies between them.
"""
ROUNDING_M = 1e-9
"""m"""


class KeepOut:
    """
    The zones an arm keeps out of.

    :param arm: the arm; its links are the straight lines from base to elbow to tip
    :param circles: in the arm's plane
    :param half_planes: in the arm's plane
    :param margin: how far the links stay away from them, m
    :raises ConfigError: a margin that is none; the arm's base is nearer to a zone than the margin
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
        Return the zones that lists of numbers stand for.

        :param arm: the arm
        :param circles: x, y, radius of each, m
        :param half_planes: x and y of its normal, offset (m) of each
        :param margin: m
        :raises ConfigError: not three numbers for each, or what :class:`KeepOut` refuses
        """
        return cls(
            arm,
            [Circle((x, y), radius) for x, y, radius in _triples('circles', circles)],
            [HalfPlane((x, y), offset) for x, y, offset in _triples('half planes', half_planes)],
            margin,
        )

    def __bool__(self) -> bool:
        return bool(self._zones.names)

    @property
    def stopping_margin(self) -> float:
        """The margin for :meth:`can_stop_clear`, m."""
        return STOPPING_MARGIN_RATIO * self.margin

    def clearance(self, q: Array) -> Array:
        """Return how far (N,), m, the links are from the nearest zone at (N, 2) joints, rad."""
        distances: Array = self._distances(q[:, None]).at_samples.min(
            axis=(0, 2, 3), initial=np.inf
        )
        return distances

    def obstruction_at(self, q: JointPair) -> str:
        """Return what is too near at joint angles, rad; empty: nothing."""
        at = self._distances(np.array([q])).at_samples
        return self._describe_obstruction(at, at < self.margin - ROUNDING_M, self.margin)

    def obstruction_along(self, positions: Array) -> str:
        """
        Return what comes too near on a motion; empty: nothing.

        What lies between the samples counts; the farther they are apart, the more cautiously.

        :param positions: (N, 2) along it, rad; up to 0.2 rad apart
        """
        distances = self._distances(positions)
        return self._describe_obstruction(
            distances.between_samples, ~self._keeps_clearance(distances, self.margin), self.margin
        )

    def trajectory_obstruction(
        self, generator: OnlineTrajectoryGenerator, trajectory: SampleableTrajectory
    ) -> str:
        """
        Return what comes too near on a way, or braking on it; empty: nothing.

        :param generator: its limits are those of the braking
        :param trajectory: from its beginning to rest
        """
        if not self:
            return ''
        count = min(max(ceil(trajectory.duration / SAMPLE_PERIOD_S), 1), MAX_SAMPLES)
        times = trajectory.duration * np.arange(count + 1) / count
        states = np.stack(trajectory.states_at(times), axis=1)
        on_the_way = self.obstruction_along(states[:, 0])
        if on_the_way:
            return f'on the way, {on_the_way}'
        braking = self._braking_obstruction(states, generator.limits)
        return braking and f'braking on the way, {braking}'

    def path_obstruction(self, limits: MotionLimits, trajectory: SplineTrajectory) -> str:
        """
        Do :meth:`trajectory_obstruction` for a long motion, part by part.

        :param limits: of the braking
        :param trajectory: from rest to rest
        """
        motion = OnlineTrajectoryGenerator(limits, trajectory.at(0.0).position)
        longest = MAX_SAMPLES * SAMPLE_PERIOD_S
        for number in range(ceil(trajectory.duration / longest)):
            blocked = self.trajectory_obstruction(
                motion, _TrajectorySection(trajectory, number * longest, longest)
            )
            if blocked:
                return blocked
        return ''

    def can_stop_clear(
        self, generator: OnlineTrajectoryGenerator, state: KinematicState, margin: float
    ) -> bool:
        """
        Tell whether the arm, braking now, keeps clear of the zones.

        :param generator: plans the braking
        :param state: of the joints
        :param margin: m
        """
        if not self:
            return True
        braking = generator.plan_stop(state)
        positions = braking.positions(
            max(braking.duration, SAMPLE_PERIOD_S) / BRAKING_INTERVAL_COUNT
        )
        return bool(self._keeps_clearance(self._distances(positions), margin).all())

    def _braking_obstruction(self, states: Array, limits: MotionLimits) -> str:
        """
        Return what comes too near where the arm brakes in one of (N, 3, 2) states.

        First it brakes in some of them, then in those between which it may come nearer, as fast as
        it comes nearer from each of them to the next.
        """
        words, nearest = self._check_braking(states[::BRAKING_SAMPLE_STRIDE], limits)
        if words:
            return words
        near = (
            nearest - neighbor_maximum(np.abs(np.diff(nearest))) / 2.0
            < PLANNED_MARGIN_RATIO * self.margin
        )
        near[:-1] |= near[1:]
        return self._check_braking(
            states[np.repeat(near, BRAKING_SAMPLE_STRIDE)[: len(states)]], limits
        )[0]

    def _check_braking(self, states: Array, limits: MotionLimits) -> tuple[str, Array]:
        """Return what comes too near, and how near (N,), m, it comes where that may matter."""
        margin = PLANNED_MARGIN_RATIO * self.margin
        moves = LEVER_ARM_RATIO * stopping_distances(states, limits) @ self._arm.lever_arms
        nearest: Array = self.clearance(states[:, 0]) - moves
        rows = np.flatnonzero(nearest < margin)
        distances = self._distances(
            stopping_positions(states[rows], limits, BRAKING_INTERVAL_COUNT)
        )
        nearest[rows] = distances.between_samples.min(axis=(0, 2, 3))
        return self._describe_obstruction(
            distances.between_samples, ~self._keeps_clearance(distances, margin), margin
        ), nearest

    def _distances(self, q: Array) -> Distances:
        return self._zones.distances(sweep_links(self._arm, q))

    def _keeps_clearance(self, distances: Distances, margin: float) -> NDArray[np.bool_]:
        """Tell where the links keep their distance: the margin, or the one they began with."""
        at, between = distances
        first = at[..., :1, :]
        return (between >= margin - ROUNDING_M) | (
            (at >= first - ROUNDING_M) & (between >= first - self._slack)
        )

    def _describe_obstruction(
        self, distances: Array, too_near: NDArray[np.bool_], margin: float
    ) -> str:
        """Say which link is nearest to which zone, of those that are too near."""
        if not too_near.any():
            return ''
        distances = np.where(too_near, distances, np.inf)
        link, *_, zone = np.unravel_index(np.argmin(distances), distances.shape)
        return (
            f'link {link + 1} to {self._zones.names[zone]}: got {distances.min():.4g} m, '
            f'expected at least {margin:.4g} m'
        )


class _TrajectorySection(NamedTuple):
    """A part of a motion; its beginning and its duration in s."""

    trajectory: SplineTrajectory
    start_time: float
    duration: float

    def states_at(self, times: Array) -> tuple[Array, Array, Array]:
        """Return positions, velocities, accelerations (N, 2): rad, rad/s, rad/s²."""
        return self.trajectory.states_at(self.start_time + times)


def _triples(name: str, numbers: Sequence[float]) -> list[tuple[float, float, float]]:
    """Take numbers three by three."""
    if len(numbers) % 3:
        raise ConfigError(
            f'keep-out {name}', got=f'{len(numbers)} numbers', expected='three for each'
        )
    return list(zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True))
