"""The hybrid solver on the paper's arm, with a network or by the closed form alone."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.plane import Array
from ik_nn_ros.arm.targets import MAX_TIP_ERROR_RATIO, tip_errors
from ik_nn_ros.ik.answers import ROUNDING_ERROR_RATIO, verify
from ik_nn_ros.ik.hybrid import HybridSolver
from ik_nn_ros.ik.model_file import ModelInfo
from ik_nn_ros.ik.network import Network as ModelFile
from ik_nn_ros.ik.problem import PROPOSAL_LIMIT_TOLERANCE_RAD
from ik_nn_ros.ik.refine import refine_batch
from ik_nn_ros.learning.export import add_metadata, to_onnx
from ik_nn_ros.learning.networks.network import TrainableNetwork
from ik_nn_ros.learning.paper.results import PaperRun, PaperSolverResult
from ik_nn_ros.learning.paper.study import ARM, actual_angles

NEWTON_TARGET_COUNT = 2000
"""Targets whose Newton steps are counted."""


def solve_targets(label: str, network: TrainableNetwork | None, xy: Array) -> PaperSolverResult:
    """
    Solve targets and the points of Table 1.

    :param network: as trained; None: the closed form alone
    :param xy: (N, 2) targets
    """
    with tempfile.TemporaryDirectory() as folder:
        model = export_and_load(network, Path(folder) / 'paper.onnx') if network else None
    solver = HybridSolver(ARM, model)
    answer = solver.solve_batch(xy, ARM.home)
    errors = tip_errors(ARM, xy, answer.q)
    angles = solver.solve_batch(ARM.fk(actual_angles()), ARM.home).q
    return PaperSolverResult(
        label=label,
        run=PaperRun(0, 0.0, errors, angles),
        statistics=verify(ARM, errors, answer.q, answer.stage),
        newton_steps=_newton_steps(model, xy[:NEWTON_TARGET_COUNT])
        if model
        else np.zeros(0, dtype=np.int8),
    )


def export_and_load(network: TrainableNetwork, file: Path) -> ModelFile:
    """Write a network as a robot would get it, and load it."""
    info = ModelInfo(ARM.identity(), network.family, network.branches, {})
    file.write_bytes(add_metadata(to_onnx(network), info))
    return ModelFile(file, ARM)


def _newton_steps(model: ModelFile, xy: Array) -> NDArray[np.int8]:
    """Return (M,) how many steps lead from a proposal to its target, where they do."""
    side = np.ones(len(xy), dtype=np.int8)  # the one that the ranges of the paper leave
    proposed = ARM.wrap_into_limits_batch(
        model.propose_batch(xy, side), np.array(ARM.home), PROPOSAL_LIMIT_TOLERANCE_RAD
    )
    q, steps = refine_batch(ARM, xy, side, proposed, MAX_TIP_ERROR_RATIO * ARM.reach)
    met: NDArray[np.int8] = steps[
        tip_errors(ARM, xy, q) <= MAX_TIP_ERROR_RATIO + ROUNDING_ERROR_RATIO
    ]
    return met
