"""Whether the answers are right: errors, limits, and which stage gave them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.arm.targets import (
    random_boundary_targets,
    random_joints,
    random_points,
    random_reachable_targets,
    tip_errors,
)
from ik_nn_ros.ik.answers import SolveStatistics, verify
from ik_nn_ros.ik.hybrid import HybridSolver
from ik_nn_ros.ik.network import Network


@dataclass(frozen=True)
class NetworkErrors:
    """Distance of the network's own proposals from their targets, as fractions of reach."""

    targets: int
    p50: float
    p99: float
    worst: float


def verify_reachable_targets(
    solver: HybridSolver, rng: np.random.Generator, count: int
) -> SolveStatistics:
    """Solve reachable targets, a tenth of them on the boundary, in a batch."""
    edge = random_boundary_targets(solver.arm, rng, count // 10)
    inner = random_reachable_targets(solver.arm, rng, count - len(edge.xy))
    xy = np.concatenate((edge.xy, inner.xy))
    solved = solver.solve_batch(xy, np.concatenate((edge.start, inner.start)))
    return verify(solver.arm, tip_errors(solver.arm, xy, solved.q), solved.q, solved.stage)


def verify_targets_one_by_one(
    solver: HybridSolver, rng: np.random.Generator, count: int
) -> SolveStatistics:
    """Solve targets in and around the workspace one by one, as the node does."""
    xy = random_points(solver.arm, rng, count)
    starts = random_joints(solver.arm, rng, count)
    q, stage = np.full((count, 2), np.nan), np.zeros(count, dtype=np.int8)
    for row, ((x, y), start) in enumerate(zip(xy.tolist(), starts.tolist(), strict=True)):
        solution = solver.solve(x, y, (start[0], start[1]))
        if solution.q is not None:
            q[row], stage[row] = solution.q, solution.stage
    return verify(solver.arm, tip_errors(solver.arm, xy, q), q, stage)


def measure_network_errors(
    arm: ArmModel, network: Network, rng: np.random.Generator, count: int
) -> NetworkErrors:
    """Measure the network alone over the whole workspace, on the branches it was trained for."""
    targets = random_reachable_targets(arm, rng, count)
    side = np.where(np.sin(targets.q[:, 1] + arm.signs[1] * arm.offsets[1]) < 0.0, -1, 1)
    known = np.isin(side, network.branches)
    xy, side = targets.xy[known], side[known]
    errors = tip_errors(arm, xy, network.propose_batch(xy, side))
    p50, p99 = np.quantile(errors, (0.5, 0.99)).tolist()
    return NetworkErrors(len(xy), p50, p99, float(errors.max()))
