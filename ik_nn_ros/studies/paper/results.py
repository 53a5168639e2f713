"""Results of the paper's study, the facts of its recipe, and their form as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from statistics import mean, stdev
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.geometry import Array
from ik_nn_ros.ik.verification import SolveStatistics
from ik_nn_ros.studies.paper.networks import Recipe
from ik_nn_ros.studies.paper.study import ARM, CITATION, TABLE_1, point_errors, recomputed_errors

# Names of the methods.
RECIPE = 'recipe'
RELU = 'relu'
SMOOTH = 'smooth'
CLOSED_FORM = 'closed_form'
ERROR_NAMES = ('mean', 'p50', 'p99', 'worst', 'points_mean')
"""Error measures of a run, properties of :class:`PaperRun`."""
STATED = True
"""A fact that the paper states."""
CHOSEN = False
"""A fact that is chosen here."""
MIN_RECIPE_ERROR_RATIO = 1e-2
"""Smallest plausible mean error of the paper's recipe, as a fraction of reach."""
MAX_RECIPE_ERROR_RATIO = 3e-2
"""Largest plausible mean error of the paper's recipe, as a fraction of reach."""
MAX_SMOOTH_ERROR_RATIO = 1e-4
"""Required mean and median error of the same layers trained our way, as a fraction of reach."""


@dataclass(frozen=True)
class PaperRun:
    """
    Errors of a network or a solver.

    :param seed: seed of the training
    :param seconds: duration of the training, s
    :param errors: (N,) tip errors at the test targets, as fractions of reach
    :param angles: (10, 2) answers to the points of Table 1, rad
    """

    seed: int
    seconds: float
    errors: Array
    angles: Array

    @property
    def mean(self) -> float:
        """The mean of the errors."""
        return float(self.errors.mean())

    @property
    def p50(self) -> float:
        """The median of the errors."""
        return float(np.median(self.errors))

    @property
    def p99(self) -> float:
        """The 99th percentile of the errors."""
        return float(np.quantile(self.errors, 0.99))

    @property
    def worst(self) -> float:
        """The largest error."""
        return float(self.errors.max())

    @property
    def points_mean(self) -> float:
        """The mean of the errors at the points of Table 1, in the paper's unit of length."""
        return float(self.point_errors.mean())

    @property
    def point_errors(self) -> Array:
        """The errors at the points of Table 1, (10,), in the paper's unit of length."""
        return point_errors(self.angles)


@dataclass(frozen=True)
class PaperMethod:
    """
    A method of training.

    :param label: label in the tables
    :param training: parameters of the training
    :param runs: errors, one for each seed
    """

    label: str
    training: Mapping[str, object]
    runs: tuple[PaperRun, ...]

    def seed_statistics(self, name: str) -> tuple[float, float | None]:
        """Return mean and standard deviation of a measure over the seeds; None for one seed."""
        values = [getattr(run, name) for run in self.runs]
        return mean(values), stdev(values) if len(values) > 1 else None


@dataclass(frozen=True)
class PaperSolverResult:
    """
    Answers of the solver, with a network or by the closed form alone.

    :param label: label in the tables
    :param run: errors of the answers
    :param statistics: stages of the answers
    :param newton_steps: (M,) Newton steps from some of the proposals; M is 0 without a network
    """

    label: str
    run: PaperRun
    statistics: SolveStatistics
    newton_steps: NDArray[np.int8]


@dataclass(frozen=True)
class PaperResults:
    """
    Results of the experiment.

    :param recipe: the paper's recipe with the choices made here
    :param methods: methods of training by name: RECIPE, variants of it, RELU and SMOOTH
    :param solver_results: answers of the solver by name: with the networks of RECIPE and SMOOTH,
        and by the CLOSED_FORM alone
    """

    recipe: Recipe
    methods: Mapping[str, PaperMethod]
    solver_results: Mapping[str, PaperSolverResult]

    @property
    def target_count(self) -> int:
        """The number of test targets."""
        return len(self.solver_results[CLOSED_FORM].run.errors)


@dataclass(frozen=True)
class PaperRequirement:
    """
    A requirement on an error, in fractions of reach.

    :param what: name of the error
    :param value: measured value
    :param least: smallest allowed value
    :param most: largest allowed value
    """

    what: str
    value: float
    least: float
    most: float

    @property
    def is_met(self) -> bool:
        """Whether the value is within the bounds."""
        return self.least <= self.value <= self.most


def requirements(results: PaperResults) -> list[PaperRequirement]:
    """Return the requirements on the results."""
    recipe, _ = results.methods[RECIPE].seed_statistics('mean')
    smooth = results.methods[SMOOTH].runs[0]
    return [
        PaperRequirement(
            "paper's recipe, mean over seeds",
            recipe,
            MIN_RECIPE_ERROR_RATIO,
            MAX_RECIPE_ERROR_RATIO,
        ),
        PaperRequirement('64-32 trained our way, median', smooth.p50, 0.0, MAX_SMOOTH_ERROR_RATIO),
        PaperRequirement('64-32 trained our way, mean', smooth.mean, 0.0, MAX_SMOOTH_ERROR_RATIO),
    ]


@dataclass(frozen=True)
class RecipeFact:
    """
    A fact of the recipe.

    :param what: subject
    :param value: the fact in words
    :param stated: whether the paper states it; otherwise it is chosen here
    """

    what: str
    value: str
    stated: bool


def recipe_facts(recipe: Recipe, target_count: int) -> list[RecipeFact]:
    """
    Return the facts of a recipe.

    :param recipe: the recipe
    :param target_count: number of test targets
    """
    l1, l2 = ARM.lengths
    scaled = 'inputs to mean 0 and deviation 1; outputs as they are'
    return [
        RecipeFact('angles', 'q1 uniform in [0, π/2], q2 uniform in [0, π]', STATED),
        RecipeFact('network', '2-64-32-2, ReLU; x, y in, q1, q2 out', STATED),
        RecipeFact('loss', 'mean squared error on the angles', STATED),
        RecipeFact('optimiser', f'Adam, learning rate {recipe.learning_rate:g}', STATED),
        RecipeFact('epochs', f'{recipe.epochs}', STATED),
        RecipeFact('link lengths', f'L1 = {l1:g}, L2 = {l2:g}: all of Table 1 fits them', CHOSEN),
        RecipeFact('samples', f'{recipe.samples}, drawn once a seed; all of them train', CHOSEN),
        RecipeFact(
            'batch', f'{recipe.batch_size} samples a step, in a new order each epoch', CHOSEN
        ),
        RecipeFact('normalisation', scaled if recipe.normalise else 'none', CHOSEN),
        RecipeFact('first weights', 'uniform, ±1/√inputs (torch’s default)', CHOSEN),
        RecipeFact('else of Adam', 'β 0.9 and 0.999, ε 1e-8, constant rate, no decay', CHOSEN),
        RecipeFact('precision', 'double', CHOSEN),
        RecipeFact('test', f'{target_count:,} fresh targets, ranges as above; and Table 1', CHOSEN),
    ]


def metrics(results: PaperResults) -> dict[str, Any]:
    """
    Return the results for JSON; angles in rad, lengths in the paper's unit.

    - ``source``: the paper
    - ``arm``: lengths, reach, lower, upper
    - ``choices``: facts of the recipe: what, value, stated (by the paper; otherwise chosen here)
    - ``targets``: number of test targets, the same for all methods
    - ``table1``: for each point name, actual (angles), target (x, y), predicted, error and
      error_recomputed (from the printed angles), all of the paper
    - ``methods``: by name: label; training (parameters); over_seeds (mean and deviation of each
      error; null for a single seed); runs: seed, seconds, the errors mean, p50, p99, worst
      (fractions of reach, over the test targets) and points_mean (over Table 1), and for each point
      of Table 1 the angles and point_errors
    - ``solved``: by name: label, the same errors, angles and point_errors; answers, see
      :class:`ik_nn_ros.ik.verification.SolveStatistics`; newton_steps: p50, p99, worst (null
      without a network)
    - ``figures``: requirements: what, value, least and most (fractions of reach), reached
    """
    return {
        'source': CITATION,
        'arm': {name: getattr(ARM, name) for name in ('lengths', 'reach', 'lower', 'upper')},
        'choices': [asdict(fact) for fact in recipe_facts(results.recipe, results.target_count)],
        'targets': results.target_count,
        'table1': _table_1_metrics(),
        'methods': {name: _method_metrics(method) for name, method in results.methods.items()},
        'solved': {
            name: _solver_metrics(solver_result)
            for name, solver_result in results.solver_results.items()
        },
        'figures': [{**asdict(each), 'reached': each.is_met} for each in requirements(results)],
    }


def _table_1_metrics() -> list[dict[str, Any]]:
    return [
        {
            **asdict(point),
            'target': ARM.fk_point(*point.actual),
            'error_recomputed': recomputed,
        }
        for point, recomputed in zip(TABLE_1, recomputed_errors().tolist(), strict=True)
    ]


def _method_metrics(method: PaperMethod) -> dict[str, Any]:
    return {
        'label': method.label,
        'training': dict(method.training),
        'over_seeds': {
            name: dict(zip(('mean', 'deviation'), method.seed_statistics(name), strict=True))
            for name in ERROR_NAMES
        },
        'runs': [
            {'seed': run.seed, 'seconds': run.seconds, **_run_metrics(run)} for run in method.runs
        ],
    }


def _solver_metrics(solver_result: PaperSolverResult) -> dict[str, Any]:
    steps = None
    if len(solver_result.newton_steps):
        p50, p99, worst = np.quantile(solver_result.newton_steps, (0.5, 0.99, 1.0)).tolist()
        steps = {'p50': p50, 'p99': p99, 'worst': worst}
    return {
        'label': solver_result.label,
        **_run_metrics(solver_result.run),
        'answers': asdict(solver_result.statistics),
        'newton_steps': steps,
    }


def _run_metrics(run: PaperRun) -> dict[str, Any]:
    return {
        **{name: getattr(run, name) for name in ERROR_NAMES},
        'angles': run.angles.tolist(),
        'point_errors': run.point_errors.tolist(),
    }
