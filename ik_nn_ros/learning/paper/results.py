"""What was measured, and the figures to reach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import mean, stdev

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.plane import Array
from ik_nn_ros.ik.answers import SolveStatistics
from ik_nn_ros.learning.paper.recipe import Recipe
from ik_nn_ros.learning.paper.study import point_errors

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
