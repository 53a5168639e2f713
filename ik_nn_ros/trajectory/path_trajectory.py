"""
Time-optimal trajectories along joint paths, from standstill to standstill.

A :class:`PathCurve` is a smooth curve through the waypoints of a path, in sections from corner to
corner; :class:`~ik_nn_ros.trajectory.time_parameterization.TimeLaw` says how fast the joints follow
it. At a corner they stop for a moment.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.geometry import Array
from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.arm.paths import JointPath
from ik_nn_ros.trajectory.online_generator import KinematicState, MotionLimits, RuckigTrajectory
from ik_nn_ros.trajectory.spline import KNOT_PERIOD_S, SplineTrajectory, knot_times
from ik_nn_ros.trajectory.time_parameterization import InitialPathState, TimeLaw, VelocityProfile

MIN_INTERVALS_PER_SECTION = 8
"""Minimum number of grid intervals from corner to corner."""
STRETCH_RESERVE_RATIO = 1.1
"""Reserve on the duration of a path trajectory, so that its speed can be changed on the path."""
MAX_PATH_KNOT_INTERVALS = 100_000
"""Maximum number of knot intervals: enough for eight minutes with the usual knot period."""
STANDSTILL = (0.0, 0.0)


class PathCurve:
    """
    Curve of the joints along a path, by the length σ (rad) of the polyline through its waypoints.

    From corner to corner it is a cubic spline. A corner inside the path is stored twice: as the end
    of one section and as the start of the next.

    :param path: path of at least two waypoints
    """

    def __init__(self, path: JointPath) -> None:
        inner_corners = path.corners.copy()
        inner_corners[[0, -1]] = False
        rows = np.repeat(np.arange(len(inner_corners)), 1 + inner_corners)
        self._nodes = path.waypoints[rows]
        self._widths = np.hypot(*np.diff(self._nodes, axis=0).T)
        self._nonzero_widths = np.where(self._widths > 0.0, self._widths, 1.0)
        self._sigma = np.concatenate(([0.0], np.cumsum(self._widths)))
        self._curvatures = _second_derivatives(self._nodes, self._widths)
        interval, sigma = self._grid()
        self.sigma: Array = sigma
        """(M,) grid of σ, rad, at which the derivatives are given; corners are contained twice."""
        u, width, step, start, end = self._spline_terms(sigma, interval)
        v = 1.0 - u
        deviation = width / 6.0 * ((1.0 - 3.0 * v * v) * start + (3.0 * u * u - 1.0) * end)
        self.tangents: Array = step / width + deviation
        """(M, 2) first derivatives by σ."""
        self.curvatures: Array = v * start + u * end
        """(M, 2) second derivatives by σ, 1/rad."""
        third = np.diff(self._curvatures, axis=0) / self._nonzero_widths[:, None]
        self.third_derivatives: Array = np.maximum(
            np.abs(third[interval]), np.abs(third[np.roll(interval, 1)])
        )
        """(M, 2) absolute third derivatives by σ, the larger one where they jump, 1/rad²."""

    @property
    def length(self) -> float:
        """Length of the polyline, rad."""
        return float(self._sigma[-1])

    def joints_at(self, sigma: Array) -> Array:
        """Return joint positions (N, 2), rad, at (N,) values of σ, rad."""
        sigma = np.clip(sigma, 0.0, self.length)
        last = len(self._widths) - 1
        interval = np.minimum(np.searchsorted(self._sigma, sigma, side='right') - 1, last)
        u, width, step, start, end = self._spline_terms(sigma, interval)
        v = 1.0 - u
        deviation = v * (v * v - 1.0) * start + u * (u * u - 1.0) * end
        q: Array = self._nodes.take(interval, axis=0) + u * step + width * width / 6.0 * deviation
        return q

    def _grid(self) -> tuple[NDArray[np.intp], Array]:
        """Return the spline interval of each grid value of σ, and the grid (M,), rad."""
        nonzero = self._widths > 0.0
        section = np.cumsum(~nonzero)
        section_sizes = np.bincount(section, nonzero)[section]
        parts = np.where(nonzero, np.ceil(MIN_INTERVALS_PER_SECTION / section_sizes), 1.0)
        interval = np.repeat(np.arange(len(parts)), parts.astype(int))
        number = np.arange(len(interval)) - np.searchsorted(interval, interval)
        sigma = self._sigma[interval] + number / parts[interval] * self._widths[interval]
        interval -= ~nonzero[interval]  # the end of a section belongs to the interval before it
        return np.append(interval, interval[-1]), np.append(sigma, self._sigma[-1])

    def _spline_terms(
        self, sigma: Array, interval: NDArray[np.intp]
    ) -> tuple[Array, Array, Array, Array, Array]:
        """
        Return the terms of the spline at (N,) values of σ in given intervals.

        :return: position in the interval, 0 to 1, (N, 1); its width (N, 1), rad; the step of the
            joints over it (N, 2), rad; the second derivatives at its start and end (N, 2), 1/rad
        """
        width = self._nonzero_widths.take(interval)[:, None]
        u = (sigma - self._sigma.take(interval))[:, None] / width
        step = np.diff(self._nodes, axis=0).take(interval, axis=0)
        start = self._curvatures.take(interval, axis=0)
        end = self._curvatures.take(interval + 1, axis=0)
        return u, width, step, start, end


def _second_derivatives(nodes: Array, widths: Array) -> Array:
    """
    Return the second derivatives (N, 2) at the nodes of one cubic spline per section.

    In the first and the last interval of a section the second derivative is constant. One
    tridiagonal system solves all sections; scipy's spline classes would need a call for each.

    :param nodes: (N, 2) nodes, rad; a node between two sections is contained twice
    :param widths: (N - 1,) widths of the intervals; 0 between two sections
    """
    before, after = np.concatenate(([0.0], widths)), np.concatenate((widths, [0.0]))
    slopes = np.diff(nodes, axis=0) / np.where(widths > 0.0, widths, 1.0)[:, None]
    right = np.zeros_like(nodes)
    right[1:-1] = 6.0 * np.diff(slopes, axis=0)
    starts, ends = before == 0.0, after == 0.0
    right[starts | ends] = 0.0
    straight_ends = ends & np.roll(starts, 1)  # of sections with a single interval
    diagonal = np.where(starts | ends, 1.0, 2.0 * (before + after))
    lower = np.where(ends, np.where(straight_ends, 0.0, -1.0), np.where(starts, 0.0, before))
    upper = np.where(starts, -1.0, np.where(ends, 0.0, after))
    return _solve_tridiagonal(lower, diagonal, upper, right)


def _solve_tridiagonal(lower: Array, diagonal: Array, upper: Array, right: Array) -> Array:
    """
    Solve a tridiagonal system for two right-hand sides by elimination.

    The same as ``scipy.linalg.solve_banded``, which would cost the node 28 MiB.

    :param lower: (N,) below the diagonal; the first is not used
    :param diagonal: (N,)
    :param upper: (N,) above the diagonal; the last is not used
    :param right: (N, 2)
    :return: (N, 2)
    """
    rows = zip(lower.tolist(), diagonal.tolist(), upper.tolist(), right.tolist(), strict=True)
    above, first, second = 0.0, 0.0, 0.0
    eliminated = []
    for low, middle, up, (right1, right2) in rows:
        pivot = middle - low * above
        first, second = (right1 - low * first) / pivot, (right2 - low * second) / pivot
        above = up / pivot
        eliminated.append((above, first, second))
    first = second = 0.0
    solved = []
    for above, right1, right2 in reversed(eliminated):
        first, second = right1 - above * first, right2 - above * second
        solved.append((first, second))
    return np.array(solved[::-1])


def plan_path_trajectory(
    arm: Kinematics, path: JointPath, limits: MotionLimits
) -> SplineTrajectory:
    """
    Return the trajectory along a path, from standstill to standstill.

    :param arm: the arm
    :param path: path within the joint limits
    :param limits: limits of the motion, which hold at every time
    """
    first, last = path.waypoints[0].tolist(), path.waypoints[-1].tolist()
    if len(path.waypoints) == 1:
        return SplineTrajectory(np.repeat(path.waypoints, 3, axis=0), KNOT_PERIOD_S)
    curve = PathCurve(path)
    law = TimeLaw(VelocityProfile(curve, limits), InitialPathState())
    times, period = knot_times(law.duration, MAX_PATH_KNOT_INTERVALS)
    start = KinematicState((first[0], first[1]), STANDSTILL, STANDSTILL)
    samples = curve.joints_at(law.at(times))
    trajectory = SplineTrajectory.from_samples(
        samples, period, start, (last[0], last[1])
    ).clipped_to_limits(arm)
    return trajectory.stretched(STRETCH_RESERVE_RATIO * trajectory.required_stretch(limits))


class TrajectorySequence:
    """
    Approach to the start of a path, followed by the trajectory along it.

    :param approach: motion to standstill at the start of the path
    :param path_trajectory: motion along the path at full speed, from standstill
    :param speed_ratio: fraction of that speed, more than 0
    """

    def __init__(
        self,
        approach: RuckigTrajectory,
        path_trajectory: SplineTrajectory,
        speed_ratio: float = 1.0,
    ) -> None:
        self.speed_ratio = speed_ratio
        self._approach = approach
        self._path_trajectory = path_trajectory.stretched(1.0 / speed_ratio)
        self.duration = approach.duration + self._path_trajectory.duration
        """Duration, s."""

    def path_time(self, time: float) -> float:
        """Return the time on the path at full speed, s, at a time, s; negative on the approach."""
        return self.speed_ratio * (time - self._approach.duration)

    def at(self, time: float) -> KinematicState:
        """Return the state at a time after the start, s."""
        path_time = time - self._approach.duration
        return self._approach.at(time) if path_time < 0.0 else self._path_trajectory.at(path_time)

    def states_at(self, times: Array) -> tuple[Array, Array, Array]:
        """Return positions, velocities, accelerations (N, 2): rad, rad/s, rad/s²."""
        path_times = times - self._approach.duration
        parts = (
            self._approach.states_at(times[path_times < 0.0]),
            self._path_trajectory.states_at(path_times[path_times >= 0.0]),
        )
        q, v, a = (np.vstack(part) for part in zip(*parts, strict=True))
        return q, v, a
