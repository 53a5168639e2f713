"""What methods are measured on: targets and paths, the same for all of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ik_nn_ros.arm.closed_form import closed_form_batch
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.arm.plane import Array
from ik_nn_ros.arm.targets import EXACT, outside_limits
from ik_nn_ros.arm.workspace import Workspace
from ik_nn_ros.errors import ArmError
from ik_nn_ros.learning.compare.drawing import Branches, Rows, Sides, inside, swing
from ik_nn_ros.learning.report.accuracy import tip_distance
from ik_nn_ros.learning.report.joint_path import largest_figure
from ik_nn_ros.learning.report.workspace_map import BranchMap, empty_map

CLEAR = 3e-3
"""How far (rad) paths keep from the straight and the folded arm, those beyond reach from limits."""
NOISE = 0.01
"""Standard deviation of each coordinate, as a fraction of reach."""
FURTHEST = 1.2
"""How far out the paths beyond reach get, as a multiple of it."""
WITHIN = 0.95
"""How far out the tip is before it is drawn beyond reach, as a share of the way there."""


@dataclass(frozen=True)
class Sizes:
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
class Targets:
    """
    N targets, each by itself.

    :param xy: (N, 2) m
    :param branch: (N,) to answer on
    :param start: (N, 2) where the joints are, rad
    """

    xy: Array
    branch: Sides
    start: Array


@dataclass(frozen=True)
class Paths:
    """
    P paths of T targets.

    :param xy: (P, T, 2) m
    :param branch: (P,) to answer on
    :param start: (P, 2) where the joints are before the first target, rad: a step before it
    :param meant: (P, T, 2) where the tip is to be, m
    """

    xy: Array
    branch: Sides
    start: Array
    meant: Array

    @property
    def side(self) -> Sides:
        """(P, T) the branch of each target."""
        return np.repeat(self.branch[:, None], self.xy.shape[1], axis=1)


@dataclass(frozen=True)
class TestSet:
    """
    All of it.

    :param arm: the arm
    :param scattered: anywhere, the joints anywhere on the branch of the target
    :param paths: smooth, all of them reachable
    :param joints: (P, T, 2) that ``paths`` were made from, rad
    :param noisy: the same with noise on the targets
    :param outside: smooth, beyond reach; meant is the nearest point that the branch reaches
    :param other: those of ``paths`` that the other branch reaches, too, on that one
    :param both: their rows in ``paths``
    :param grid: the map on the positive branch
    :param anywhere: its points, the joints in the middle of that branch
    :param figure: one figure eight
    """

    arm: ArmModel
    scattered: Targets
    paths: Paths
    joints: Array
    noisy: Paths
    outside: Paths
    other: Paths
    both: Rows
    grid: BranchMap
    anywhere: Targets
    figure: Paths


def draw(arm: ArmModel, rng: np.random.Generator, sizes: Sizes | None = None) -> TestSet:
    """
    Draw a test set.

    :raises ArmError: the arm has no room for the test figure
    """
    sizes = sizes or Sizes()
    branches = Branches(arm)
    scattered = _scattered(arm, rng, branches, sizes.scattered)
    paths, joints = _smooth(arm, rng, branches, sizes)
    noise = rng.normal(0.0, NOISE * arm.reach, paths.xy.shape)
    other, both = _on_other_branch(arm, paths)
    grid = empty_map(arm, 1, sizes.grid)
    return TestSet(
        arm=arm,
        scattered=scattered,
        paths=paths,
        joints=joints,
        noisy=replace(paths, xy=paths.xy + noise),
        outside=_outside(arm, rng, branches, sizes),
        other=other,
        both=both,
        grid=grid,
        anywhere=_anywhere(arm, branches, grid),
        figure=_figure(arm),
    )


def _scattered(arm: ArmModel, rng: np.random.Generator, branches: Branches, count: int) -> Targets:
    branch = branches.branch[branches.pieces(rng, count)]
    q, start = (branches.joints(rng, branch) for _ in range(2))
    return Targets(arm.fk(q), branch, start)


def _smooth(
    arm: ArmModel, rng: np.random.Generator, branches: Branches, sizes: Sizes
) -> tuple[Paths, Array]:
    q, branch = branches.smooth(rng, sizes.paths, 1 + sizes.points, CLEAR)
    start, q = q[:, 0], q[:, 1:]
    xy = arm.fk(q)
    return Paths(xy, branch, start, xy), q


def _outside(arm: ArmModel, rng: np.random.Generator, branches: Branches, sizes: Sizes) -> Paths:
    branch = branches.branch[branches.pieces(rng, sizes.paths)]
    bearings = inside(np.array(arm.link_angle_range(0)), CLEAR)
    bearing, radius = (
        swing(rng, np.broadcast_to(ends, (sizes.paths, 2)), sizes.points)
        for ends in (bearings, (1.0, FURTHEST))
    )
    xy = arm.reach * radius[..., None] * np.stack((np.cos(bearing), np.sin(bearing)), axis=-1)
    meant = np.empty_like(xy)
    for side in set(branch.tolist()):
        rows = branch == side
        nearest = Workspace(arm, side).nearest(xy[rows].reshape(-1, 2))
        meant[rows] = nearest.reshape(xy[rows].shape)
    start = closed_form_batch(arm, WITHIN * meant[:, 0], branch, np.array(arm.home))
    return Paths(xy, branch, start, meant)


def _on_other_branch(arm: ArmModel, paths: Paths) -> tuple[Paths, Rows]:
    """Return those paths that the other branch reaches all along, on that one, and their rows."""
    branch = (-paths.branch).astype(np.int8)
    start = closed_form_batch(arm, arm.fk(paths.start), branch, paths.start)
    reached = np.ones(len(branch), dtype=bool)
    q = start
    for xy in paths.xy.swapaxes(0, 1):
        q = closed_form_batch(arm, xy, branch, q)
        reached &= tip_distance(arm, xy, q) <= EXACT * arm.reach
        reached &= (branch * arm.bend_batch(q) > 0.0) & ~outside_limits(arm, q)
    both = np.flatnonzero(reached)
    xy = paths.xy[both]
    return Paths(xy, branch[both], start[both], xy), both


def _anywhere(arm: ArmModel, branches: Branches, grid: BranchMap) -> Targets:
    longest = np.argmax(np.where(branches.branch == grid.branch, branches.sizes, 0.0))
    start = arm.home[0], branches.ends[longest].mean()
    branch = np.full(len(grid.xy), grid.branch, dtype=np.int8)
    return Targets(grid.xy, branch, np.broadcast_to(start, grid.xy.shape))


def _figure(arm: ArmModel) -> Paths:
    maps = [each for each in (empty_map(arm, side) for side in (1, -1)) if each.reached.any()]
    figure = largest_figure(arm, maps)
    if figure is None:
        raise ArmError(
            f'workspace of {arm.name}', got='no room for a figure eight', expected='some'
        )
    branch, xy, start = figure
    return Paths(xy[None], np.array([branch], dtype=np.int8), np.array([start]), xy[None])
