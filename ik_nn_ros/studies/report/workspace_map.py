"""Errors on a grid over the workspace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.model import ArmModel, Array
from ik_nn_ros.ik.acceptance import SolverConfig
from ik_nn_ros.ik.network import Network
from ik_nn_ros.ik.result import Status
from ik_nn_ros.ik.solver import HybridSolver
from ik_nn_ros.studies.accuracy import errors_by_method

BRANCH_NAMES = {1: 'positive', -1: 'negative'}
GRID_POINTS_PER_SIDE = 241
"""Along one side of the grid."""
GRID_HALF_WIDTH_RATIO = 1.02
"""Half the grid's side as a multiple of reach: its edge is out of reach."""


@dataclass(frozen=True)
class BranchMap:
    """
    The errors on one branch.

    :param branch: +1 or -1
    :param coordinates: (n,) coordinates of the grid, the same for x and y, m
    :param reachable: (n, n) where the arm gets within its limits; row is y, column is x
    :param errors: by method: (n, n) m; NaN where it does not get
    """

    branch: int
    coordinates: Array
    reachable: NDArray[np.bool_]
    errors: Mapping[str, Array]

    @property
    def branch_name(self) -> str:
        """The branch in a word."""
        return BRANCH_NAMES[self.branch]

    @property
    def xy(self) -> Array:
        """(N, 2) the points of the grid that are reached, m."""
        x, y = np.meshgrid(self.coordinates, self.coordinates)
        return np.stack((x[self.reachable], y[self.reachable]), axis=-1)

    def to_grid(self, values: Array) -> Array:
        """Return (N,) values at :attr:`xy` as a grid (n, n), NaN elsewhere."""
        grid = np.full(self.reachable.shape, np.nan)
        grid[self.reachable] = values
        return grid


def measure_maps(arm: ArmModel, network: Network) -> list[BranchMap]:
    """Return a map of each branch that the network serves and the joint limits allow."""
    maps = (_measure_map(arm, network, branch) for branch in network.branches)
    return [branch_map for branch_map in maps if branch_map.reachable.any()]


def empty_map(arm: ArmModel, branch: int, points_per_side: int = GRID_POINTS_PER_SIDE) -> BranchMap:
    """Return the map of a branch without errors, ``points`` along one side."""
    side = GRID_HALF_WIDTH_RATIO * arm.reach * np.linspace(-1.0, 1.0, points_per_side)
    xy = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    solver = HybridSolver(arm, None, SolverConfig(branch=BRANCH_NAMES[branch]))
    reached = solver.solve_batch(xy, arm.home).status == Status.ACCEPTED
    return BranchMap(branch, side, reached.reshape(points_per_side, points_per_side), {})


def _measure_map(arm: ArmModel, network: Network, branch: int) -> BranchMap:
    branch_map = empty_map(arm, branch)
    xy = branch_map.xy
    errors = {}
    sides = np.full(len(xy), branch, dtype=np.int8)
    near = np.broadcast_to(arm.home, xy.shape)
    for method, found in errors_by_method(arm, network, xy, sides, near).items():
        errors[method] = branch_map.to_grid(found)
    return replace(branch_map, errors=errors)
