"""What was measured, and the figures to reach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from statistics import mean, stdev
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.model import Array
from ik_nn_ros.ik.verification import SolveStatistics
from ik_nn_ros.studies.paper.networks import Recipe
from ik_nn_ros.studies.paper.study import ARM, CITATION, TABLE_1, point_errors, recomputed_errors

RECIPE, RELU, SMOOTH, CLOSED_FORM = 'recipe', 'relu', 'smooth', 'closed_form'
MIN_RECIPE_ERROR_RATIO, MAX_RECIPE_ERROR_RATIO = 1e-2, 3e-2
"""Where the mean error of the paper's recipe should lie, as a fraction of reach."""
MAX_SMOOTH_ERROR_RATIO = 1e-4
"""What the median error of the same layers trained our way should stay below."""


@dataclass(frozen=True)
class PaperRun:
    """
    One network, or solver, measured.

    :param seed: that it was trained with
    :param seconds: that the training took
    :param errors: (N,) distance of the tip from fresh targets, as a fraction of reach
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
    One way to train.

    :param label: in a few words
    :param training: the numbers it was trained by
    :param runs: one a seed
    """

    label: str
    training: Mapping[str, object]
    runs: tuple[PaperRun, ...]

    def seed_statistics(self, name: str) -> tuple[float, float | None]:
        """Return mean and standard deviation of a number of the runs; None: a single run."""
        values = [getattr(run, name) for run in self.runs]
        return mean(values), stdev(values) if len(values) > 1 else None


@dataclass(frozen=True)
class PaperSolverResult:
    """
    What the solver answers, with a network or by the closed form alone.

    :param label: in a few words
    :param run: its answers
    :param statistics: the stages they come from
    :param newton_steps: (M,) Newton steps from some of the proposals; none without a network
    """

    label: str
    run: PaperRun
    statistics: SolveStatistics
    newton_steps: NDArray[np.int8]


@dataclass(frozen=True)
class PaperResults:
    """
    Everything.

    :param recipe: the paper's, as the unstated is chosen here
    :param methods: trainings by name: RECIPE, variants of it, RELU and SMOOTH
    :param solved: by the solver, with networks of RECIPE and SMOOTH, and by the CLOSED_FORM alone
    """

    recipe: Recipe
    methods: Mapping[str, PaperMethod]
    solver_results: Mapping[str, PaperSolverResult]

    @property
    def target_count(self) -> int:
        """How many fresh targets errors are measured on."""
        return len(self.solver_results[CLOSED_FORM].run.errors)


@dataclass(frozen=True)
class PaperRequirement:
    """
    A figure to reach.

    :param what: was measured
    :param value: fraction of reach
    :param least: smallest right value
    :param most: largest right value
    """

    what: str
    value: float
    least: float
    most: float

    @property
    def is_met(self) -> bool:
        """Whether the value lies between the two."""
        return self.least <= self.value <= self.most


def requirements(results: PaperResults) -> list[PaperRequirement]:
    """Return the figures."""
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


# MERGED learning.paper.facts: What the paper states and what it leaves open, in words.

STATED, CHOSEN = True, False


@dataclass(frozen=True)
class RecipeFact:
    """
    One thing about the experiment.

    :param what: it is about
    :param value: in words
    :param stated: in the paper; otherwise chosen here
    """

    what: str
    value: str
    stated: bool


def recipe_facts(recipe: Recipe, target_count: int) -> list[RecipeFact]:
    """
    Return what makes up the recipe.

    :param recipe: as trained
    :param target_count: that errors are measured on
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


# MERGED learning.paper.metrics: The numbers as JSON; angles in rad, lengths in the paper's unit.  - ``source``: the paper - ``arm``: lengths, reach, lower, upper - ``choices``: what, value and stated (in the paper; otherwise chosen here) of the whole recipe - ``targets``: fresh ones that errors are measured on, the same for all methods - ``table1``: of each point: name, actual (angles), target (x, y), predicted, error and   error_recomputed (from the printed angles), all of the paper - ``methods``: by name: label, training (its numbers), over_seeds (of each error: mean and   deviation, null: one seed), and runs: seed, seconds, the errors mean, p50, p99, worst (fractions   of reach, over the fresh targets) and points_mean (over Table 1), and of each point of Table 1 the   angles and point_errors - ``solved``: by name: label, the same errors, angles and point_errors, answers (see   :class:`ik_nn_ros.ik.verification.MethodSolutions`) and Newton steps: p50, p99, worst; null: no network - ``figures``: what, value, least and most (fractions of reach), reached

ERROR_NAMES = ('mean', 'p50', 'p99', 'worst', 'points_mean')


def metrics(results: PaperResults) -> dict[str, Any]:
    """Return the numbers by name."""
    return {
        'source': CITATION,
        'arm': {name: getattr(ARM, name) for name in ('lengths', 'reach', 'lower', 'upper')},
        'choices': [asdict(fact) for fact in recipe_facts(results.recipe, results.target_count)],
        'targets': results.target_count,
        'table1': _table_1_metrics(),
        'methods': {name: _method_metrics(method) for name, method in results.methods.items()},
        'solved': {
            name: _solver_metrics(solved) for name, solved in results.solver_results.items()
        },
        'figures': [
            {**asdict(figure), 'reached': figure.is_met} for figure in requirements(results)
        ],
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


def _solver_metrics(solved: PaperSolverResult) -> dict[str, Any]:
    steps = None
    if len(solved.newton_steps):
        p50, p99, worst = np.quantile(solved.newton_steps, (0.5, 0.99, 1.0)).tolist()
        steps = {'p50': p50, 'p99': p99, 'worst': worst}
    return {
        'label': solved.label,
        **_run_metrics(solved.run),
        'answers': asdict(solved.statistics),
        'newton_steps': steps,
    }


def _run_metrics(run: PaperRun) -> dict[str, Any]:
    return {
        **{name: getattr(run, name) for name in ERROR_NAMES},
        'angles': run.angles.tolist(),
        'point_errors': run.point_errors.tolist(),
    }
