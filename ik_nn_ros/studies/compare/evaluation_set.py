"""
The set of targets and paths that all methods are measured on.

Targets are forward kinematics of joints that are uniform within the limits. Paths are forward
kinematics of joints that swing as sines, so that every target on them is reachable.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, floor, pi

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.geometry import Array
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.errors import ArmError
from ik_nn_ros.ik.verification import MAX_TIP_ERROR_RATIO, outside_limits
from ik_nn_ros.studies.accuracy import tip_distance
from ik_nn_ros.studies.report.joint_path import largest_figure_eight
from ik_nn_ros.studies.report.workspace_map import BranchMap, empty_map

BranchArray = NDArray[np.int8]
IndexArray = NDArray[np.intp]

MAX_JOINT_STEP_RAD = 0.09
"""Largest turn of a joint between two targets of a path, rad."""
MAX_PHASE_STEP_RAD = 0.2
"""Largest phase step of the swing between two targets, rad; it limits joints of a short range."""
MIN_CLEARANCE_RAD = 3e-3
"""
Distance of paths from the straight and the folded arm, and of paths beyond reach from limits, rad.
"""
NOISE_STD_RATIO = 0.01
"""Standard deviation of the noise on each coordinate, as a fraction of reach."""
MAX_OUTSIDE_RADIUS_RATIO = 1.2
"""Largest radius of the paths beyond reach, as a multiple of reach."""
OUTSIDE_START_RATIO = 0.95
"""Radius of the tip before a path beyond reach, as a share of its nearest reachable point's."""


@dataclass(frozen=True)
class EvaluationSizes:
    """
    The sizes of an evaluation set.

    :param scattered: number of single targets
    :param paths: number of paths of each kind
    :param points: number of targets of a path
    :param grid: number of points along one side of the map
    """

    scattered: int = 10_000
    paths: int = 300
    points: int = 32
    grid: int = 121


@dataclass(frozen=True)
class TargetBatch:
    """
    N single targets.

    :param xy: (N, 2) targets, m
    :param branch: (N,) required branches
    :param start: (N, 2) current joint positions, rad
    """

    xy: Array
    branch: BranchArray
    start: Array


@dataclass(frozen=True)
class PathBatch:
    """
    P paths of T targets.

    :param xy: (P, T, 2) targets, m
    :param branch: (P,) required branches
    :param start: (P, 2) joint positions one step before the first target, rad
    :param reference_xy: (P, T, 2) right positions of the tip, m
    """

    xy: Array
    branch: BranchArray
    start: Array
    reference_xy: Array

    @property
    def branch_by_target(self) -> BranchArray:
        """The branch of each target, (P, T)."""
        return np.repeat(self.branch[:, None], self.xy.shape[1], axis=1)


@dataclass(frozen=True)
class EvaluationSet:
    """
    Everything that methods are measured on.

    :param arm: the arm
    :param scattered: targets anywhere, from joints anywhere on the branch of the target
    :param paths: smooth reachable paths
    :param path_joints: (P, T, 2) joint positions that ``paths`` were made from, rad
    :param noisy: ``paths`` with noise on the targets
    :param outside: smooth paths beyond reach; the reference is the nearest point that the branch
        reaches
    :param other_branch: those of ``paths`` that the other branch reaches too, on that branch
    :param both_branch_rows: rows of ``other_branch`` in ``paths``
    :param map_grid: grid over the workspace of the positive branch
    :param map_targets: points of the grid, from joints in the middle of that branch
    :param figure_eight: a figure eight as a path
    """

    arm: ArmModel
    scattered: TargetBatch
    paths: PathBatch
    path_joints: Array
    noisy: PathBatch
    outside: PathBatch
    other_branch: PathBatch
    both_branch_rows: IndexArray
    map_grid: BranchMap
    map_targets: TargetBatch
    figure_eight: PathBatch


def sample_evaluation_set(
    arm: ArmModel, rng: np.random.Generator, sizes: EvaluationSizes | None = None
) -> EvaluationSet:
    """
    Draw an evaluation set.

    :param arm: the arm
    :param rng: draws the set
    :param sizes: sizes; None: the defaults
    :raises ArmError: the workspace has no room for a figure eight
    """
    sizes = sizes or EvaluationSizes()
    segments = BranchSegments(arm)
    scattered = _sample_targets(arm, rng, segments, sizes.scattered)
    paths, joints = _sample_paths(arm, rng, segments, sizes)
    noise = rng.normal(0.0, NOISE_STD_RATIO * arm.reach, paths.xy.shape)
    other_branch, both_branch_rows = _paths_on_other_branch(arm, paths)
    grid = empty_map(arm, 1, sizes.grid)
    return EvaluationSet(
        arm=arm,
        scattered=scattered,
        paths=paths,
        path_joints=joints,
        noisy=replace(paths, xy=paths.xy + noise),
        outside=_sample_outside_paths(arm, rng, segments, sizes),
        other_branch=other_branch,
        both_branch_rows=both_branch_rows,
        map_grid=grid,
        map_targets=_map_targets(arm, segments, grid),
        figure_eight=_figure_eight_path(arm),
    )


class BranchSegments:
    """
    The joint ranges of an arm, joint 2's cut where the arm is straight or folded.

    Each segment of joint 2's range is on one branch. Ranges are at most one turn.

    :param arm: the arm
    """

    def __init__(self, arm: ArmModel) -> None:
        (lower1, lower2), (upper1, upper2) = arm.finite_limits
        self._joint1_limits = lower1, upper1
        straight = -arm.signs[1] * arm.offsets[1]
        first, last = floor((lower2 - straight) / pi) + 1, ceil((upper2 - straight) / pi)
        cuts = [lower2, *(straight + k * pi for k in range(first, last)), upper2]
        self.limits = np.stack((cuts[:-1], cuts[1:]), axis=-1)
        """Ends of the segments, (K, 2), rad."""
        self.lengths = self.limits[:, 1] - self.limits[:, 0]
        """Lengths of the segments, (K,), rad."""
        middle = np.stack((np.zeros(len(self.limits)), self.limits.mean(axis=1)), axis=-1)
        self.branches = np.where(arm.elbow_sine_batch(middle) < 0.0, -1, 1).astype(np.int8)
        """Branches of the segments, (K,), +1 or -1."""

    def sample_segments(self, rng: np.random.Generator, count: int) -> IndexArray:
        """Return (count,) indices of segments, with probabilities proportional to the lengths."""
        return rng.choice(len(self.lengths), count, p=self.lengths / self.lengths.sum())

    def sample_joints(self, rng: np.random.Generator, branch: BranchArray) -> Array:
        """Return (N, 2) joint positions, rad, uniform on (N,) branches."""
        q = np.empty((len(branch), 2))
        q[:, 0] = rng.uniform(*self._joint1_limits, len(branch))
        missing = np.arange(len(branch))
        while len(missing):  # rejection sampling: draw again on the other branch
            segment = self.sample_segments(rng, len(missing))
            q[missing, 1] = rng.uniform(self.limits[segment, 0], self.limits[segment, 1])
            missing = missing[self.branches[segment] != branch[missing]]
        return q

    def sample_smooth_paths(
        self, rng: np.random.Generator, count: int, points: int, clearance: float
    ) -> tuple[Array, BranchArray]:
        """
        Return (count, points, 2) joint positions along smooth paths, rad, and (count,) branches.

        :param clearance: distance of joint 2 from the ends of its segment, rad
        """
        segment = self.sample_segments(rng, count)
        joint1 = np.broadcast_to(self._joint1_limits, (count, 2))
        joint2 = shrink_ranges(self.limits[segment], clearance)
        q = [sample_sines(rng, ranges, points) for ranges in (joint1, joint2)]
        return np.stack(q, axis=-1), self.branches[segment]


def shrink_ranges(ranges: Array, clearance: float) -> Array:
    """Return (..., 2) ranges with ends moved inwards by the clearance, at most by a tenth."""
    shift = np.minimum(clearance, 0.1 * (ranges[..., 1:] - ranges[..., :1]))
    shrunk: Array = ranges + shift * np.array((1.0, -1.0))
    return shrunk


def sample_sines(rng: np.random.Generator, ranges: Array, points: int) -> Array:
    """Return (P, points) values that swing slowly as sines within (P, 2) ranges."""
    amplitude, middle = (ranges[:, 1] - ranges[:, 0]) / 2.0, ranges.mean(axis=1)
    max_step = np.minimum(MAX_JOINT_STEP_RAD / amplitude, MAX_PHASE_STEP_RAD)
    start, step = rng.uniform(-pi, pi, len(ranges)), rng.uniform(-max_step, max_step)
    phase = start[:, None] + step[:, None] * np.arange(points)
    values: Array = middle[:, None] + amplitude[:, None] * np.sin(phase)
    return values


def _sample_targets(
    arm: ArmModel, rng: np.random.Generator, segments: BranchSegments, count: int
) -> TargetBatch:
    branch = segments.branches[segments.sample_segments(rng, count)]
    q, start = (segments.sample_joints(rng, branch) for _ in range(2))
    return TargetBatch(arm.fk(q), branch, start)


def _sample_paths(
    arm: ArmModel, rng: np.random.Generator, segments: BranchSegments, sizes: EvaluationSizes
) -> tuple[PathBatch, Array]:
    q, branch = segments.sample_smooth_paths(rng, sizes.paths, 1 + sizes.points, MIN_CLEARANCE_RAD)
    start, q = q[:, 0], q[:, 1:]
    xy = arm.fk(q)
    return PathBatch(xy, branch, start, xy), q


def _sample_outside_paths(
    arm: ArmModel, rng: np.random.Generator, segments: BranchSegments, sizes: EvaluationSizes
) -> PathBatch:
    branch = segments.branches[segments.sample_segments(rng, sizes.paths)]
    bearings = shrink_ranges(np.array(arm.link_angle_range(0)), MIN_CLEARANCE_RAD)
    bearing, radius = (
        sample_sines(rng, np.broadcast_to(ends, (sizes.paths, 2)), sizes.points)
        for ends in (bearings, (1.0, MAX_OUTSIDE_RADIUS_RATIO))
    )
    xy = arm.reach * radius[..., None] * np.stack((np.cos(bearing), np.sin(bearing)), axis=-1)
    nearest = np.empty_like(xy)
    for side in set(branch.tolist()):
        rows = branch == side
        points = arm.workspace(side).nearest_points(xy[rows].reshape(-1, 2))
        nearest[rows] = points.reshape(xy[rows].shape)
    start = arm.closed_form_batch(OUTSIDE_START_RATIO * nearest[:, 0], branch, np.array(arm.home))
    return PathBatch(xy, branch, start, nearest)


def _paths_on_other_branch(arm: ArmModel, paths: PathBatch) -> tuple[PathBatch, IndexArray]:
    """Return the paths that the other branch reaches too, on that branch, and their rows."""
    branch = (-paths.branch).astype(np.int8)
    start = arm.closed_form_batch(arm.fk(paths.start), branch, paths.start)
    is_reached = np.ones(len(branch), dtype=bool)
    q = start
    for xy in paths.xy.swapaxes(0, 1):
        q = arm.closed_form_batch(xy, branch, q)
        is_reached &= tip_distance(arm, xy, q) <= MAX_TIP_ERROR_RATIO * arm.reach
        is_reached &= (branch * arm.elbow_sine_batch(q) > 0.0) & ~outside_limits(arm, q)
    rows = np.flatnonzero(is_reached)
    xy = paths.xy[rows]
    return PathBatch(xy, branch[rows], start[rows], xy), rows


def _map_targets(arm: ArmModel, segments: BranchSegments, grid: BranchMap) -> TargetBatch:
    longest = np.argmax(np.where(segments.branches == grid.branch, segments.lengths, 0.0))
    start = arm.home[0], segments.limits[longest].mean()
    branch = np.full(len(grid.xy), grid.branch, dtype=np.int8)
    return TargetBatch(grid.xy, branch, np.broadcast_to(start, grid.xy.shape))


def _figure_eight_path(arm: ArmModel) -> PathBatch:
    maps = [grid for grid in (empty_map(arm, branch) for branch in (1, -1)) if grid.reachable.any()]
    figure = largest_figure_eight(arm, maps)
    if figure is None:
        raise ArmError(
            f'workspace of {arm.name}', got='no room for a figure eight', expected='room for one'
        )
    branch, xy, start = figure
    return PathBatch(xy[None], np.array([branch], dtype=np.int8), np.array([start]), xy[None])
