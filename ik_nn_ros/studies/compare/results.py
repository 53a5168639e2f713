"""What a comparison found, as numbers; errors are fractions of reach."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from math import isnan
from statistics import median_high
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.model import ArmModel, Array
from ik_nn_ros.studies.compare.evaluation_set import EvaluationSizes

MIN_FAILED_ERROR_RATIO = 1e-2
"""Tip error from which an answer counts as none: about what the paper's network reaches."""


class MethodKind(Enum):
    """What a method is."""

    CLOSED_FORM = 'closed form'
    NUMERICAL = 'numerical'
    NETWORK = 'network'
    PATH_NETWORK = 'path network'


@dataclass(frozen=True)
class MethodErrors:
    """
    Distances of the tip from where it should be; infinite where there is no answer.

    :param p50: median
    :param p99: 99th percentile
    :param worst: largest
    :param failed: share without an answer, off by more than :data:`MIN_FAILED_ERROR_RATIO`, or outside the limits
    """

    p50: float
    p99: float
    worst: float
    failed: float

    @classmethod
    def from_errors(cls, errors: Array, failed: NDArray[np.bool_]) -> MethodErrors:
        """Sum up (N,) errors, of which (N,) flags failed."""
        # One of the errors themselves: between a number and infinity there is no mean.
        p50, p99, worst = np.quantile(errors, (0.5, 0.99, 1.0), method='higher').tolist()
        return cls(p50, p99, worst, float(failed.mean()))


@dataclass(frozen=True)
class IterationCounts:
    """
    Iterations a target took, of those that were met exactly.

    :param p50: median
    :param p99: 99th percentile
    """

    p50: float
    p99: float


@dataclass(frozen=True)
class TrainingRecord:
    """
    How a network was trained.

    :param seconds: time taken
    :param samples: targets it has seen
    :param stopped_by: what ended it
    """

    seconds: float
    samples: int
    stopped_by: str


@dataclass(frozen=True)
class MethodRun:
    """
    What one trained network, or a method that is not trained, did.

    :param seed: of the training; None: not trained
    :param training: None: not trained
    :param scattered: targets anywhere, joints anywhere; None: answers only along paths
    :param along_path: targets along smooth paths, the joints where they were left
    :param exact: share of the targets along the paths met within 1e-9 and inside the limits
    :param noisy: along the same paths with noise of 1 % of reach (standard deviation, each
        coordinate) on the targets; errors against the targets without it
    :param outside: paths beyond reach, by up to a fifth of it; errors against the nearest point
        that the arm reaches
    :param both_branches: share of targets that both branches reach and on which it answers rightly
        on either, when asked
    :param roughness: root mean square of the second differences of the joints along the paths, as
        a multiple of the exact joints'
    :param steps: of scattered targets; None: none are taken, or answers only along paths
    :param path_steps: of targets along paths; None: none are taken
    """

    seed: int | None
    training: TrainingRecord | None
    scattered: MethodErrors | None
    along_path: MethodErrors
    exact: float
    noisy: MethodErrors
    outside: MethodErrors
    both_branches: float
    roughness: float
    steps: IterationCounts | None
    path_steps: IterationCounts | None


@dataclass(frozen=True)
class CompareRow:
    """
    A method, alone or with our refinement after it.

    :param name: key, as after ``--methods``
    :param label: for people; the same alone and refined
    :param kind: what it is
    :param refined: whether Newton steps follow
    :param weights: that training sets; 0: not trained
    :param use: 'ik_node': runs there unchanged, 'step by step': keeps its state in inputs and
        outputs, 'offline': needs a whole path at once
    :param runs: one a seed, at least one
    :param single: time of one target by itself, µs; None: needs a whole path at once
    :param batch: targets a second, many at once
    :param error_map: (n, n) tip errors over the workspace on the positive branch, of the first run;
        row is y, column x, from - to + 1.02 reach; NaN where the arm does not get
    :param figure: (N, 2) joints along the test figure, of the first run, rad
    """

    name: str
    label: str
    kind: MethodKind
    refined: bool
    weights: int
    execution_mode: str
    runs: tuple[MethodRun, ...]
    single_us: float | None
    batch_per_s: float
    error_map: Array
    figure_eight_joints: Array


@dataclass(frozen=True)
class Comparison:
    """
    All of it.

    :param arm: the arm
    :param command: the command line
    :param created: date and time
    :param machine: what it was measured on, by name
    :param seconds: time each training could take
    :param seeds: of the trainings
    :param rows: each method, and those that propose also refined, in the order of the table
    :param figure_eight_xy: (N, 2) the test figure, m
    :param sizes: how much was measured on
    """

    arm: ArmModel
    command: str
    created: str
    machine: Mapping[str, object]
    seconds: float
    seeds: int
    rows: tuple[CompareRow, ...]
    figure_eight_xy: Array
    sizes: EvaluationSizes


# MERGED learning.compare.over_seeds: What several trainings of one method come to.

RunMeasure = Callable[[MethodRun], float | None]


@dataclass(frozen=True)
class SeedStatistics:
    """
    A measure over the seeds.

    :param median: one of the values, of an even number the higher: some are infinite
    :param least: smallest
    :param most: largest
    """

    median: float
    least: float
    most: float


def _nested_measure(part: str, name: str) -> RunMeasure:
    """Return what takes a number out of a part of a run that may be missing."""

    def measure(run: MethodRun) -> float | None:
        whole = getattr(run, part)
        return None if whole is None else getattr(whole, name)

    return measure


RUN_MEASURES: dict[str, RunMeasure] = {
    'training_s': _nested_measure('training', 'seconds'),
    'training_samples': _nested_measure('training', 'samples'),
    **{
        f'{part}_{name}_{unit}': _nested_measure(part, name)
        for part in ('scattered', 'along_path', 'noisy', 'outside')
        for name, unit in (
            ('p50', 'of_reach'),
            ('p99', 'of_reach'),
            ('worst', 'of_reach'),
            ('failed', 'share'),
        )
    },
    'exact_share': lambda run: run.exact,
    'both_branches_share': lambda run: run.both_branches,
    'roughness_ratio': lambda run: run.roughness,
    **{
        f'{part}_{name}': _nested_measure(part, name)
        for part in ('steps', 'path_steps')
        for name in ('p50', 'p99')
    },
}
"""What a run tells in one number, by a name that ends with the unit where there is one."""


def seed_statistics(row: CompareRow) -> dict[str, SeedStatistics | None]:
    """Return each of :data:`RUN_MEASURES`; None: no run has it."""
    return {name: _statistics(row, measure) for name, measure in RUN_MEASURES.items()}


def _statistics(row: CompareRow, measure: RunMeasure) -> SeedStatistics | None:
    values = [value for run in row.runs if (value := measure(run)) is not None]
    values = sorted(value for value in values if not isnan(value))
    return SeedStatistics(median_high(values), values[0], values[-1]) if values else None


# MERGED learning.compare.metrics: The comparison as JSON; errors are fractions of reach, shares go from 0 to 1.  - ``command``, ``created``, ``machine``: where it comes from - ``arm``: name, lengths_m, offsets_rad, lower_rad, upper_rad (null: no limit), reach_m - ``seconds``: that each training could take; ``seeds``: trainings of each network - ``failed_from``: the error from which an answer counts as none - ``sizes``: see :class:`ik_nn_ros.studies.compare.evaluation_set.EvaluationSizes` - ``rows``: of each method, alone and refined:    - name, label, kind, refined, weights (0: not trained), use   - ``single_us``: one target by itself (null: needs a path at once), ``batch_per_s``: targets a     second, many at once   - ``over_seeds``: by measure (see :data:`ik_nn_ros.studies.compare.results.MEASURES`; the     names end with the unit) median, least and most; null: the method has none   - ``runs``: see :class:`ik_nn_ros.studies.compare.results.PaperRun`; null for an error: infinite, a     target had no answer; null for the rest: there is none   - ``map``: points, p50, p99, worst and failed (share) of the errors over the workspace, without     the map itself; null: none  The joints along the test figure are left out, too.


def metrics(comparison: Comparison) -> dict[str, Any]:
    """Return the numbers by name."""
    return {
        'command': comparison.command,
        'created': comparison.created,
        'machine': dict(comparison.machine),
        'arm': _arm_metrics(comparison.arm),
        'seconds': comparison.seconds,
        'seeds': comparison.seeds,
        'failed_from': MIN_FAILED_ERROR_RATIO,
        'sizes': asdict(comparison.sizes),
        'rows': [_row_metrics(row) for row in comparison.rows],
    }


def _arm_metrics(arm: ArmModel) -> dict[str, Any]:
    return {
        'name': arm.name,
        'lengths_m': arm.lengths,
        'offsets_rad': arm.offsets,
        'lower_rad': arm.lower,
        'upper_rad': arm.upper,
        'reach_m': arm.reach,
    }


def _row_metrics(row: CompareRow) -> dict[str, Any]:
    return {
        'name': row.name,
        'label': row.label,
        'kind': row.kind.value,
        'refined': row.refined,
        'weights': row.weights,
        'use': row.execution_mode,
        'single_us': row.single_us,
        'batch_per_s': row.batch_per_s,
        'over_seeds': {
            name: spread and asdict(spread) for name, spread in seed_statistics(row).items()
        },
        'runs': [asdict(run) for run in row.runs],
        'map': _map_metrics(row.error_map),
    }


def _map_metrics(error_map: Array) -> dict[str, Any] | None:
    errors = error_map[~np.isnan(error_map)]
    if not len(errors):
        return None
    return {
        'points': len(errors),
        **asdict(MethodErrors.from_errors(errors, errors > MIN_FAILED_ERROR_RATIO)),
    }
