"""
When the joints are where on a path: as fast as the limits allow, to rest at its end.

Between two corners the motion is :class:`~ik_nn_ros.trajectory.time_parameterization.TimeLaw`'s along a smooth
curve through the path's places; at a corner it rests for a moment.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.geometry import Array
from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.arm.paths import JointPath
from ik_nn_ros.trajectory.online_generator import (
    KinematicState,
    MotionLimits,
    OnlineTrajectoryGenerator,
    RuckigTrajectory,
)
from ik_nn_ros.trajectory.spline import KNOT_PERIOD_S, SplineTrajectory, knot_times
from ik_nn_ros.trajectory.time_parameterization import InitialPathState, TimeLaw, VelocityProfile

# MERGED motion.path_curve: A path of the joints as a smooth curve through its places, from corner to corner.

MIN_INTERVALS_PER_SECTION = 8
"""Parts from corner to corner, at least."""


class PathCurve:
    """
    The joints along a path, by the length σ (rad) of the straight lines between its places.

    A cubic spline from corner to corner; a corner stands in it twice, as an end and as a beginning.

    :param path: of two places or more
    """

    def __init__(self, path: JointPath) -> None:
        inner = path.corners.copy()
        inner[[0, -1]] = False
        rows = np.repeat(np.arange(len(inner)), 1 + inner)
        self._nodes = path.waypoints[rows]
        self._widths = np.hypot(*np.diff(self._nodes, axis=0).T)
        self._nonzero_widths = np.where(self._widths > 0.0, self._widths, 1.0)
        self._sigma = np.concatenate(([0.0], np.cumsum(self._widths)))
        self._curvatures = _second_derivatives(self._nodes, self._widths)
        knot, sigma = self._grid()
        self.sigma: Array = sigma
        """(M,) places along the curve, rad; the following are there. Corners come twice."""
        u, width, step, first, second = self._spline_terms(sigma, knot)
        v = 1.0 - u
        bent = width / 6.0 * ((1.0 - 3.0 * v * v) * first + (3.0 * u * u - 1.0) * second)
        self.tangents: Array = step / width + bent
        self.curvatures: Array = v * first + u * second
        """(M, 2) derivatives by σ: the first, the second in 1/rad."""
        twists = np.diff(self._curvatures, axis=0) / self._nonzero_widths[:, None]
        self.third_derivatives = np.maximum(np.abs(twists[knot]), np.abs(twists[np.roll(knot, 1)]))
        """(M, 2) absolute values of the third, the larger where it jumps, 1/rad²."""

    @property
    def length(self) -> float:
        """Of the curve, rad."""
        return float(self._sigma[-1])

    def joints_at(self, sigma: Array) -> Array:
        """Return the joints (N, 2), rad, at (N,) places along the curve, rad."""
        sigma = np.clip(sigma, 0.0, self.length)
        last = len(self._widths) - 1
        knot = np.minimum(np.searchsorted(self._sigma, sigma, side='right') - 1, last)
        u, width, step, first, second = self._spline_terms(sigma, knot)
        v = 1.0 - u
        bent = v * (v * v - 1.0) * first + u * (u * u - 1.0) * second
        q: Array = self._nodes.take(knot, axis=0) + u * step + width * width / 6.0 * bent
        return q

    def _grid(self) -> tuple[NDArray[np.intp], Array]:
        """Return places (M,) along the curve, rad, and the knots before them."""
        moves = self._widths > 0.0
        stretch = np.cumsum(~moves)
        parts = np.where(
            moves, np.ceil(MIN_INTERVALS_PER_SECTION / np.bincount(stretch, moves)[stretch]), 1.0
        )
        knot = np.repeat(np.arange(len(parts)), parts.astype(int))
        number = np.arange(len(knot)) - np.searchsorted(knot, knot)
        sigma = self._sigma[knot] + number / parts[knot] * self._widths[knot]
        knot -= ~moves[knot]  # an end belongs to what comes before
        return np.append(knot, knot[-1]), np.append(sigma, self._sigma[-1])

    def _spline_terms(
        self, sigma: Array, knot: NDArray[np.intp]
    ) -> tuple[Array, Array, Array, Array, Array]:
        """
        Return what the spline is made of after given knots (N,).

        How far it is to the next one (N, 1), as a part and as the whole, rad; the step of the
        joints to that (N, 2), rad; the second derivatives at both (N, 2), 1/rad.
        """
        width = self._nonzero_widths.take(knot)[:, None]
        u = (sigma - self._sigma.take(knot))[:, None] / width
        step = np.diff(self._nodes, axis=0).take(knot, axis=0)
        first, second = self._curvatures.take(knot, axis=0), self._curvatures.take(knot + 1, axis=0)
        return u, width, step, first, second


def _second_derivatives(nodes: Array, widths: Array) -> Array:
    """
    Return the second derivatives (N, 2) of cubic splines through (N, 2) nodes.

    One from each place that comes twice to the next; in the first and the last part of each the
    second derivative is constant.

    :param widths: (N - 1,) between the nodes; 0 where one comes twice
    """
    before, after = np.concatenate(([0.0], widths)), np.concatenate((widths, [0.0]))
    slopes = np.diff(nodes, axis=0) / np.where(widths > 0.0, widths, 1.0)[:, None]
    right = np.zeros_like(nodes)
    right[1:-1] = 6.0 * np.diff(slopes, axis=0)
    begins, ends = before == 0.0, after == 0.0
    right[begins | ends] = 0.0
    middle = np.where(begins | ends, 1.0, 2.0 * (before + after))
    straight = ends & np.roll(begins, 1)
    lower = np.where(ends, np.where(straight, 0.0, -1.0), np.where(begins, 0.0, before))
    upper = np.where(begins, -1.0, np.where(ends, 0.0, after))
    return _solve_tridiagonal(lower, middle, upper, right)


def _solve_tridiagonal(lower: Array, middle: Array, upper: Array, right: Array) -> Array:
    """Solve a tridiagonal system for two right sides (N, 2)."""
    rows = zip(lower.tolist(), middle.tolist(), upper.tolist(), right.tolist(), strict=True)
    above, first, second = 0.0, 0.0, 0.0
    swept = []
    for low, mid, up, (b1, b2) in rows:
        pivot = mid - low * above
        first, second, above = (b1 - low * first) / pivot, (b2 - low * second) / pivot, up / pivot
        swept.append((above, first, second))
    first = second = 0.0
    solved = []
    for above, b1, b2 in reversed(swept):
        first, second = b1 - above * first, b2 - above * second
        solved.append((first, second))
    return np.array(solved[::-1])


STRETCH_RESERVE_RATIO = 1.1
"""How many times slower a path is gone than the limits allow: so its pace can change on it."""
MAX_PATH_KNOT_INTERVALS = 100_000
"""Knots of a path: those of ten minutes are as near to each other as those of a second."""
STANDSTILL = (0.0, 0.0)


def plan_path_trajectory(
    arm: Kinematics, path: JointPath, limits: MotionLimits
) -> SplineTrajectory:
    """
    Return the motion along a path, from rest to rest.

    :param arm: the arm
    :param path: inside its limits
    :param limits: of the joints, kept at every time
    """
    first, last = path.waypoints[0].tolist(), path.waypoints[-1].tolist()
    if len(path.waypoints) == 1:
        return SplineTrajectory(np.repeat(path.waypoints, 3, axis=0), KNOT_PERIOD_S)
    curve = PathCurve(path)
    law = TimeLaw(VelocityProfile(curve, limits), InitialPathState())
    times, period = knot_times(law.duration, MAX_PATH_KNOT_INTERVALS)
    start = KinematicState((first[0], first[1]), STANDSTILL, STANDSTILL)
    places = curve.joints_at(law.at(times))
    way = SplineTrajectory.from_samples(
        places, period, start, (last[0], last[1])
    ).clipped_to_limits(arm)
    return way.stretched(STRETCH_RESERVE_RATIO * way.required_stretch(limits))


class TrajectorySequence:
    """
    Two ways, one after the other.

    :param approach: to where the path begins, to rest
    :param path_trajectory: the motion along it, from rest, at its full pace
    :param speed_ratio: part of that pace, more than 0
    """

    def __init__(
        self,
        approach: RuckigTrajectory,
        path_trajectory: SplineTrajectory,
        speed_ratio: float = 1.0,
    ) -> None:
        self.speed_ratio = speed_ratio
        self._approach, self._path_trajectory = (
            approach,
            path_trajectory.stretched(1.0 / speed_ratio),
        )
        self.duration = approach.duration + self._path_trajectory.duration
        """s"""

    def path_time(self, time: float) -> float:
        """Return where on the path it is at a time: when that is at full pace, s; below 0: not."""
        return self.speed_ratio * (time - self._approach.duration)

    def at(self, time: float) -> KinematicState:
        """Return the state a time (s) after the beginning."""
        since = time - self._approach.duration
        return self._approach.at(time) if since < 0.0 else self._path_trajectory.at(since)

    def states_at(self, times: Array) -> tuple[Array, Array, Array]:
        """Return positions, velocities, accelerations (N, 2): rad, rad/s, rad/s²."""
        since = times - self._approach.duration
        parts = (
            self._approach.states_at(times[since < 0.0]),
            self._path_trajectory.states_at(since[since >= 0.0]),
        )
        q, v, a = (np.vstack(part) for part in zip(*parts, strict=True))
        return q, v, a


def plan_approach_and_path(
    arm: Kinematics, start: KinematicState, path: JointPath, limits: MotionLimits
) -> TrajectorySequence:
    """
    Return the motion from where the joints are to the path's beginning and along it.

    :param arm: the arm
    :param start: how the joints move
    :param path: inside its limits
    :param limits: of the joints, kept at every time
    :raises ConfigError: there is no way to its beginning
    """
    first, second = path.waypoints[0].tolist()
    way = OnlineTrajectoryGenerator(limits, start.position).plan_to((first, second), start)
    return TrajectorySequence(way, plan_path_trajectory(arm, path, limits))
