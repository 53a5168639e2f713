"""Maps of the tip error over the workspace, on a grid for each branch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.geometry import Array
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.ik.acceptance import SolverConfig, Status
from ik_nn_ros.ik.network import Network
from ik_nn_ros.ik.solver import HybridSolver
from ik_nn_ros.studies.accuracy import errors_by_method

BRANCH_NAMES = {1: 'positive', -1: 'negative'}
GRID_POINTS_PER_SIDE = 241
"""Number of points along one side of the grid."""
GRID_HALF_WIDTH_RATIO = 1.02
"""Half the side of the grid, as a multiple of reach."""


@dataclass(frozen=True)
class BranchMap:
    """
    Tip errors on one branch.

    :param branch: +1 or -1
    :param coordinates: (n,) coordinates of the grid, the same for x and y, m
    :param reachable: (n, n) whether the arm reaches a point within its limits; rows are y
    :param errors: by method: (n, n) tip errors, m; NaN where the arm does not reach
    """

    branch: int
    coordinates: Array
    reachable: NDArray[np.bool_]
    errors: Mapping[str, Array]

    @property
    def branch_name(self) -> str:
        """The name of the branch."""
        return BRANCH_NAMES[self.branch]

    @property
    def xy(self) -> Array:
        """The reachable points of the grid, (N, 2), m."""
        x, y = np.meshgrid(self.coordinates, self.coordinates)
        return np.stack((x[self.reachable], y[self.reachable]), axis=-1)

    def to_grid(self, values: Array) -> Array:
        """Return (N,) values at :attr:`xy` as a grid (n, n), NaN elsewhere."""
        grid = np.full(self.reachable.shape, np.nan)
        grid[self.reachable] = values
        return grid


def measure_maps(arm: ArmModel, network: Network) -> list[BranchMap]:
    """Return a map for each branch that the network serves and the joint limits allow."""
    maps = (_measure_map(arm, network, branch) for branch in network.branches)
    return [branch_map for branch_map in maps if branch_map.reachable.any()]


def empty_map(arm: ArmModel, branch: int, points_per_side: int = GRID_POINTS_PER_SIDE) -> BranchMap:
    """Return the map of a branch without errors."""
    side = GRID_HALF_WIDTH_RATIO * arm.reach * np.linspace(-1.0, 1.0, points_per_side)
    xy = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    solver = HybridSolver(arm, None, SolverConfig(branch=BRANCH_NAMES[branch]))
    reached = solver.solve_batch(xy, arm.home).status == Status.ACCEPTED
    return BranchMap(branch, side, reached.reshape(points_per_side, points_per_side), {})


def _measure_map(arm: ArmModel, network: Network, branch: int) -> BranchMap:
    branch_map = empty_map(arm, branch)
    xy = branch_map.xy
    branches = np.full(len(xy), branch, dtype=np.int8)
    home = np.broadcast_to(arm.home, xy.shape)
    errors = errors_by_method(arm, network, xy, branches, home)
    grids = {method: branch_map.to_grid(values) for method, values in errors.items()}
    return replace(branch_map, errors=grids)
