"""The experiment of the paper's study: trainings, their errors, and the solver with and without."""

from __future__ import annotations

import tempfile
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ik_nn_ros.arm.geometry import Array
from ik_nn_ros.console import ProgressCallback
from ik_nn_ros.ik.acceptance import PROPOSAL_LIMIT_TOLERANCE_RAD
from ik_nn_ros.ik.network import ModelInfo, Network
from ik_nn_ros.ik.refine import refine_batch
from ik_nn_ros.ik.solver import HybridSolver
from ik_nn_ros.ik.verification import (
    MAX_TIP_ERROR_RATIO,
    ROUNDING_ERROR_RATIO,
    random_joints,
    tip_errors,
    verify,
)
from ik_nn_ros.learning import training
from ik_nn_ros.learning.export import add_metadata, to_onnx
from ik_nn_ros.learning.networks.feed_forward import PaperNetwork
from ik_nn_ros.learning.networks.network import TrainableNetwork
from ik_nn_ros.learning.training_config import TrainingConfig
from ik_nn_ros.studies.paper.networks import Recipe, SmoothPaperNetwork, train_recipe
from ik_nn_ros.studies.paper.results import (
    CLOSED_FORM,
    RECIPE,
    RELU,
    SMOOTH,
    PaperMethod,
    PaperResults,
    PaperRun,
    PaperSolverResult,
)
from ik_nn_ros.studies.paper.study import ARM, actual_angles

TEST_SEED = 20_240
"""Seed of the test targets, which are the same for all methods."""
SMALL_BATCH_SIZE = 32
"""Default batch size of most libraries."""
NEWTON_TARGET_COUNT = 2000
"""Number of targets whose Newton steps are counted."""


@dataclass(frozen=True)
class ExperimentSizes:
    """
    Sizes of the experiment; the requirements are for the defaults.

    :param seeds: number of trainings of the recipe and of each variant, with the seeds 0, 1, ...
    :param target_count: number of test targets
    :param recipe: recipe of the paper
    :param relu: configuration of our training of the ReLU network
    :param smooth: configuration of our training of the tanh network
    """

    seeds: int = 3
    target_count: int = 100_000
    recipe: Recipe = field(default_factory=Recipe)
    relu: TrainingConfig = PaperNetwork.config
    smooth: TrainingConfig = SmoothPaperNetwork.config


def run(sizes: ExperimentSizes, show: ProgressCallback) -> PaperResults:
    """
    Run the experiment.

    :param sizes: sizes of the experiment
    :param show: takes the progress
    """
    xy = ARM.fk(random_joints(ARM, np.random.default_rng(TEST_SEED), sizes.target_count))
    experiment = _Experiment(sizes, xy, show)
    for name, (label, recipe) in _recipe_variants(sizes.recipe).items():
        experiment.run_recipe(name, label, recipe)
    experiment.run_training(RELU, 'ReLU', PaperNetwork, sizes.relu)
    experiment.run_training(SMOOTH, 'tanh', SmoothPaperNetwork, sizes.smooth)
    return PaperResults(sizes.recipe, experiment.methods, experiment.run_solver())


def _recipe_variants(recipe: Recipe) -> dict[str, tuple[str, Recipe]]:
    """Return the recipe and variants of it, each with one other choice of what the paper omits."""
    fewer = recipe.samples // 3
    return {
        RECIPE: ("paper's recipe", recipe),
        'few_samples': (f'... {fewer} samples', replace(recipe, samples=fewer)),
        'small_batches': (
            f'... batches of {SMALL_BATCH_SIZE}',
            replace(recipe, batch_size=SMALL_BATCH_SIZE),
        ),
        'no_batches': ('... all in one batch', replace(recipe, batch_size=recipe.samples)),
        'normalised': ('... inputs normalised', replace(recipe, normalise=True)),
    }


class _Experiment:
    """The trainings so far; ``methods`` and ``networks`` grow with each."""

    def __init__(self, sizes: ExperimentSizes, xy: Array, show: ProgressCallback) -> None:
        self.sizes, self.xy, self.show = sizes, xy, show
        self.methods: dict[str, PaperMethod] = {}
        self.networks: dict[str, TrainableNetwork] = {}
        """Network of the first seed, by method."""

    def run_recipe(self, name: str, label: str, recipe: Recipe) -> None:
        """Train by a recipe with every seed, and measure."""
        seeds, epochs, runs = self.sizes.seeds, recipe.epochs, []
        for seed in range(seeds):
            start = time.monotonic()

            def report(done: int, before: int = seed * epochs) -> None:
                self.show(label, before + done, seeds * epochs, 'epochs')

            network = train_recipe(ARM, recipe, seed, report)
            runs.append(self._measure_run(network, seed, time.monotonic() - start))
            self.networks.setdefault(name, network)
        self.methods[name] = PaperMethod(label, asdict(recipe), tuple(runs))

    def run_training(
        self, name: str, label: str, family: type[TrainableNetwork], config: TrainingConfig
    ) -> None:
        """Train our way with one seed, and measure."""

        def report(progress: training.TrainingProgress) -> None:
            stage = f'{label}: {progress.stage}'
            self.show(stage, progress.step, progress.max_steps, f'median {progress.p50:.1e}')

        result = training.train(family, ARM, config, report)
        run = self._measure_run(result.network, config.seed, result.seconds)
        parameters = {**asdict(config), 'stopped_by': result.stopped_by}
        self.methods[name] = PaperMethod(f'{label}, loss on the tip', parameters, (run,))
        self.networks[name] = result.network

    def run_solver(self) -> dict[str, PaperSolverResult]:
        """Solve the test targets with two of the networks, and without a network."""
        solved: dict[str, PaperSolverResult] = {}
        for name, label in (
            (RECIPE, 'recipe + Newton'),
            (SMOOTH, 'tanh + Newton'),
            (CLOSED_FORM, 'closed form alone'),
        ):
            self.show('solver', len(solved), 3, label)
            solved[name] = solve_targets(label, self.networks.get(name), self.xy)
        self.show('solver', 3, 3, '')
        return solved

    def _measure_run(self, network: TrainableNetwork, seed: int, seconds: float) -> PaperRun:
        errors = tip_errors(ARM, self.xy, _propose_joints(network, self.xy))
        return PaperRun(seed, seconds, errors, _propose_joints(network, ARM.fk(actual_angles())))


def _propose_joints(network: TrainableNetwork, xy: Array) -> Array:
    """Return (N, 2) angles of a network that ignores branch and bearing, rad."""
    with torch.no_grad():
        q: Array = network(torch.from_numpy(np.column_stack((xy, np.zeros_like(xy))))).numpy()
    return q


def solve_targets(label: str, network: TrainableNetwork | None, xy: Array) -> PaperSolverResult:
    """
    Solve targets and the points of Table 1.

    :param label: label in the tables
    :param network: the trained network; None: the solver works without a network
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


def export_and_load(network: TrainableNetwork, file: Path) -> Network:
    """Write the model file of a network and load it, as a node would."""
    info = ModelInfo(ARM.identity(), network.family, network.branches, {})
    file.write_bytes(add_metadata(to_onnx(network), info))
    return Network(file, ARM)


def _newton_steps(model: Network, xy: Array) -> NDArray[np.int8]:
    """Return (M,) numbers of Newton steps of the proposals that converge to their targets."""
    branch = np.ones(len(xy), dtype=np.int8)  # the only one within the paper's ranges
    proposed = ARM.wrap_into_limits_batch(
        model.propose_batch(xy, branch), np.array(ARM.home), PROPOSAL_LIMIT_TOLERANCE_RAD
    )
    q, steps = refine_batch(ARM, xy, branch, proposed, MAX_TIP_ERROR_RATIO * ARM.reach)
    converged: NDArray[np.int8] = steps[
        tip_errors(ARM, xy, q) <= MAX_TIP_ERROR_RATIO + ROUNDING_ERROR_RATIO
    ]
    return converged
