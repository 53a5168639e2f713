"""What methods are measured on: targets and paths, the same for all of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, floor, pi

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.model import ArmModel, Array
from ik_nn_ros.errors import ArmError
from ik_nn_ros.ik.verification import MAX_TIP_ERROR_RATIO, outside_limits
from ik_nn_ros.studies.accuracy import tip_distance
from ik_nn_ros.studies.report.joint_path import largest_figure_eight
from ik_nn_ros.studies.report.workspace_map import BranchMap, empty_map

# MERGED learning.compare.drawing: Joints at random: anywhere on a branch, and along smooth paths.

BranchArray = NDArray[np.int8]
IndexArray = NDArray[np.intp]

MAX_JOINT_STEP_RAD = 0.09
"""How far a joint turns at most from one target of a path to the next, rad."""
MAX_PHASE_STEP_RAD = 0.2
"""How much of a swing a joint with a short range does from one target to the next, rad."""


class BranchSegments:
    """
    The joint ranges of an arm, at most one turn, cut where it is straight or folded.

    Each piece of joint 2's range is on one branch.

    :param arm: the arm
    """

    def __init__(self, arm: ArmModel) -> None:
        (low1, low2), (up1, up2) = arm.finite_limits
        self._shoulder = low1, up1
        straight = -arm.signs[1] * arm.offsets[1]
        first, last = floor((low2 - straight) / pi) + 1, ceil((up2 - straight) / pi)
        cuts = [low2, *(straight + k * pi for k in range(first, last)), up2]
        self.limits = np.stack((cuts[:-1], cuts[1:]), axis=-1)
        """(K, 2) ends of the pieces, rad."""
        self.lengths = self.limits[:, 1] - self.limits[:, 0]
        """(K,) rad"""
        middle = np.stack((np.zeros(len(self.limits)), self.limits.mean(axis=1)), axis=-1)
        self.branches = np.where(arm.elbow_sine_batch(middle) < 0.0, -1, 1).astype(np.int8)
        """(K,) +1 or -1"""

    def sample_segments(self, rng: np.random.Generator, count: int) -> IndexArray:
        """Return (count,) numbers of pieces, long ones more often."""
        return rng.choice(len(self.lengths), count, p=self.lengths / self.lengths.sum())

    def sample_joints(self, rng: np.random.Generator, branch: BranchArray) -> Array:
        """Return (N, 2) joints anywhere on (N,) branches, rad."""
        q = np.empty((len(branch), 2))
        q[:, 0] = rng.uniform(*self._shoulder, len(branch))
        left = np.arange(len(branch))
        while len(left):  # what has come out on the other branch is drawn again
            piece = self.sample_segments(rng, len(left))
            q[left, 1] = rng.uniform(self.limits[piece, 0], self.limits[piece, 1])
            left = left[self.branches[piece] != branch[left]]
        return q

    def sample_smooth_paths(
        self, rng: np.random.Generator, count: int, points: int, clearance: float
    ) -> tuple[Array, BranchArray]:
        """
        Return (count, points, 2) joints that swing within their ranges, rad, and (count,) branches.

        :param clearance: how far joint 2 keeps from the ends of its piece, rad
        """
        piece = self.sample_segments(rng, count)
        shoulder = np.broadcast_to(self._shoulder, (count, 2))
        elbow = shrink_ranges(self.limits[piece], clearance)
        q = [sample_sines(rng, ends, points) for ends in (shoulder, elbow)]
        return np.stack(q, axis=-1), self.branches[piece]


def shrink_ranges(ranges: Array, clearance: float) -> Array:
    """Return (..., 2) ends moved inwards by ``clear``, of short ranges by a tenth."""
    way = np.minimum(clearance, 0.1 * (ranges[..., 1:] - ranges[..., :1]))
    moved: Array = ranges + way * np.array((1.0, -1.0))
    return moved


def sample_sines(rng: np.random.Generator, ranges: Array, points: int) -> Array:
    """Return (P, points) values that swing as a sine between (P, 2) ends, slowly."""
    half, middle = (ranges[:, 1] - ranges[:, 0]) / 2.0, ranges.mean(axis=1)
    fastest = np.minimum(MAX_JOINT_STEP_RAD / half, MAX_PHASE_STEP_RAD)
    begin, speed = rng.uniform(-pi, pi, len(ranges)), rng.uniform(-fastest, fastest)
    phase = begin[:, None] + speed[:, None] * np.arange(points)
    values: Array = middle[:, None] + half[:, None] * np.sin(phase)
    return values


MIN_CLEARANCE_RAD = 3e-3
"""How far (rad) paths keep from the straight and the folded arm, those beyond reach from limits."""
NOISE_STD_RATIO = 0.01
"""Standard deviation of each coordinate, as a fraction of reach."""
MAX_OUTSIDE_RADIUS_RATIO = 1.2
"""How far out the paths beyond reach get, as a multiple of it."""
OUTSIDE_START_RATIO = 0.95
"""How far out the tip is before it is drawn beyond reach, as a share of the way there."""


@dataclass(frozen=True)
class EvaluationSizes:
    """
    How much to measure on.

    :param scattered: targets
    :param paths: of each kind
    :param points: targets of a path
    :param grid: points along one side of the map
    """

    scattered: int = 10_000
    paths: int = 300
    points: int = 32
    grid: int = 121


@dataclass(frozen=True)
class TargetBatch:
    """
    N targets, each by itself.

    :param xy: (N, 2) m
    :param branch: (N,) to answer on
    :param start: (N, 2) where the joints are, rad
    """

    xy: Array
    branch: BranchArray
    start: Array


@dataclass(frozen=True)
class PathBatch:
    """
    P paths of T targets.

    :param xy: (P, T, 2) m
    :param branch: (P,) to answer on
    :param start: (P, 2) where the joints are before the first target, rad: a step before it
    :param reference_xy: (P, T, 2) where the tip is to be, m
    """

    xy: Array
    branch: BranchArray
    start: Array
    reference_xy: Array

    @property
    def branch_by_target(self) -> BranchArray:
        """(P, T) the branch of each target."""
        return np.repeat(self.branch[:, None], self.xy.shape[1], axis=1)


@dataclass(frozen=True)
class EvaluationSet:
    """
    All of it.

    :param arm: the arm
    :param scattered: anywhere, the joints anywhere on the branch of the target
    :param paths: smooth, all of them reachable
    :param path_joints: (P, T, 2) that ``paths`` were made from, rad
    :param noisy: the same with noise on the targets
    :param outside: smooth, beyond reach; meant is the nearest point that the branch reaches
    :param other_branch: those of ``paths`` that the other branch reaches, too, on that one
    :param both_branch_rows: their rows in ``paths``
    :param map_grid: the map on the positive branch
    :param map_targets: its points, the joints in the middle of that branch
    :param figure_eight: one figure eight
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
    Draw a test set.

    :raises ArmError: the arm has no room for the test figure
    """
    sizes = sizes or EvaluationSizes()
    branches = BranchSegments(arm)
    scattered = _sample_targets(arm, rng, branches, sizes.scattered)
    paths, joints = _sample_paths(arm, rng, branches, sizes)
    noise = rng.normal(0.0, NOISE_STD_RATIO * arm.reach, paths.xy.shape)
    other, both = _paths_on_other_branch(arm, paths)
    grid = empty_map(arm, 1, sizes.grid)
    return EvaluationSet(
        arm=arm,
        scattered=scattered,
        paths=paths,
        path_joints=joints,
        noisy=replace(paths, xy=paths.xy + noise),
        outside=_sample_outside_paths(arm, rng, branches, sizes),
        other_branch=other,
        both_branch_rows=both,
        map_grid=grid,
        map_targets=_map_targets(arm, branches, grid),
        figure_eight=_figure_eight_path(arm),
    )


def _sample_targets(
    arm: ArmModel, rng: np.random.Generator, branches: BranchSegments, count: int
) -> TargetBatch:
    branch = branches.branches[branches.sample_segments(rng, count)]
    q, start = (branches.sample_joints(rng, branch) for _ in range(2))
    return TargetBatch(arm.fk(q), branch, start)


def _sample_paths(
    arm: ArmModel, rng: np.random.Generator, branches: BranchSegments, sizes: EvaluationSizes
) -> tuple[PathBatch, Array]:
    q, branch = branches.sample_smooth_paths(rng, sizes.paths, 1 + sizes.points, MIN_CLEARANCE_RAD)
    start, q = q[:, 0], q[:, 1:]
    xy = arm.fk(q)
    return PathBatch(xy, branch, start, xy), q


def _sample_outside_paths(
    arm: ArmModel, rng: np.random.Generator, branches: BranchSegments, sizes: EvaluationSizes
) -> PathBatch:
    branch = branches.branches[branches.sample_segments(rng, sizes.paths)]
    bearings = shrink_ranges(np.array(arm.link_angle_range(0)), MIN_CLEARANCE_RAD)
    bearing, radius = (
        sample_sines(rng, np.broadcast_to(ends, (sizes.paths, 2)), sizes.points)
        for ends in (bearings, (1.0, MAX_OUTSIDE_RADIUS_RATIO))
    )
    xy = arm.reach * radius[..., None] * np.stack((np.cos(bearing), np.sin(bearing)), axis=-1)
    meant = np.empty_like(xy)
    for side in set(branch.tolist()):
        rows = branch == side
        nearest = arm.workspace(side).nearest_points(xy[rows].reshape(-1, 2))
        meant[rows] = nearest.reshape(xy[rows].shape)
    start = arm.closed_form_batch(OUTSIDE_START_RATIO * meant[:, 0], branch, np.array(arm.home))
    return PathBatch(xy, branch, start, meant)


def _paths_on_other_branch(arm: ArmModel, paths: PathBatch) -> tuple[PathBatch, IndexArray]:
    """Return those paths that the other branch reaches all along, on that one, and their rows."""
    branch = (-paths.branch).astype(np.int8)
    start = arm.closed_form_batch(arm.fk(paths.start), branch, paths.start)
    reached = np.ones(len(branch), dtype=bool)
    q = start
    for xy in paths.xy.swapaxes(0, 1):
        q = arm.closed_form_batch(xy, branch, q)
        reached &= tip_distance(arm, xy, q) <= MAX_TIP_ERROR_RATIO * arm.reach
        reached &= (branch * arm.elbow_sine_batch(q) > 0.0) & ~outside_limits(arm, q)
    both = np.flatnonzero(reached)
    xy = paths.xy[both]
    return PathBatch(xy, branch[both], start[both], xy), both


def _map_targets(arm: ArmModel, branches: BranchSegments, grid: BranchMap) -> TargetBatch:
    longest = np.argmax(np.where(branches.branches == grid.branch, branches.lengths, 0.0))
    start = arm.home[0], branches.limits[longest].mean()
    branch = np.full(len(grid.xy), grid.branch, dtype=np.int8)
    return TargetBatch(grid.xy, branch, np.broadcast_to(start, grid.xy.shape))


def _figure_eight_path(arm: ArmModel) -> PathBatch:
    maps = [each for each in (empty_map(arm, side) for side in (1, -1)) if each.reachable.any()]
    figure = largest_figure_eight(arm, maps)
    if figure is None:
        raise ArmError(
            f'workspace of {arm.name}', got='no room for a figure eight', expected='some'
        )
    branch, xy, start = figure
    return PathBatch(xy[None], np.array([branch], dtype=np.int8), np.array([start]), xy[None])
