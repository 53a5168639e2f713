"""Results of a comparison, their statistics over seeds, and their form as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from math import isnan
from statistics import median_high
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.geometry import Array
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.studies.compare.evaluation_set import EvaluationSizes

MIN_FAILED_ERROR_RATIO = 1e-2
"""Tip error, as a fraction of reach, from which an answer fails: about the paper's network's."""


class MethodKind(Enum):
    """The kind of a method."""

    CLOSED_FORM = 'closed form'
    NUMERICAL = 'numerical'
    NETWORK = 'network'
    PATH_NETWORK = 'path network'


@dataclass(frozen=True)
class MethodErrors:
    """
    Summary of tip errors, fractions of reach; an error is infinite without an answer.

    :param p50: median
    :param p99: 99th percentile
    :param worst: largest
    :param failed: share without an answer, with an error of more than
        :data:`MIN_FAILED_ERROR_RATIO`, or outside the limits
    """

    p50: float
    p99: float
    worst: float
    failed: float

    @classmethod
    def from_errors(cls, errors: Array, failed: NDArray[np.bool_]) -> MethodErrors:
        """Summarize (N,) errors and (N,) flags of failure."""
        # 'higher' picks one of the errors: a number and infinity have no mean.
        p50, p99, worst = np.quantile(errors, (0.5, 0.99, 1.0), method='higher').tolist()
        return cls(p50, p99, worst, float(failed.mean()))


@dataclass(frozen=True)
class IterationCounts:
    """
    Iterations of the targets that were met exactly.

    :param p50: median
    :param p99: 99th percentile
    """

    p50: float
    p99: float


@dataclass(frozen=True)
class TrainingRecord:
    """
    Record of the training of a network.

    :param seconds: duration, s
    :param samples: number of targets trained on
    :param stopped_by: reason of its end
    """

    seconds: float
    samples: int
    stopped_by: str


@dataclass(frozen=True)
class MethodRun:
    """
    Measures of one trained network, or of a method without training.

    :param seed: seed of the training; None: the method is not trained
    :param training: record of the training; None: the method is not trained
    :param scattered: errors of targets anywhere from joints anywhere; None: a path network
    :param along_path: errors of targets along smooth paths, each from the answer before
    :param exact: share of the targets along paths met within 1e-9 of reach inside the limits
    :param noisy: errors along the same paths with noise of 1 % of reach (standard deviation of
        each coordinate) on the targets, against the targets without noise
    :param outside: errors of paths beyond reach, by up to a fifth of it, against the nearest
        reachable point
    :param both_branches: of the targets that both branches reach, the share answered correctly on
        both
    :param roughness: root mean square of the second differences of the joints along paths, as a
        multiple of the exact joints'
    :param steps: iterations of scattered targets; None: a path network, or no iterations
    :param path_steps: iterations of targets along paths; None: no iterations
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

    :param name: name of the method for ``--methods``
    :param label: label of the method in tables and plots, the same alone and refined
    :param kind: kind of the method
    :param refined: whether Newton steps follow
    :param weights: number of trained weights; 0: the method is not trained
    :param execution_mode: 'ik_node': the node runs it unchanged; 'step by step': its state is an
        input and an output; 'offline': it needs a whole path at once; empty: none of these
    :param runs: measures, one for each seed, at least one
    :param single_us: time of a single target, µs; None: the method needs a whole path at once
    :param batch_per_s: targets per second, many in one call
    :param error_map: (n, n) tip errors over the workspace on the positive branch, of the first
        run; rows are y, columns x, from -1.02 to 1.02 of reach; NaN where the arm does not reach
    :param figure_eight_joints: (N, 2) joint positions along the figure eight, of the first run, rad
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
    The results of a comparison.

    :param arm: the arm
    :param command: the command line
    :param created: date and time
    :param machine: description of the machine, by name
    :param seconds: time limit of each training, s
    :param seeds: number of trainings of each network
    :param rows: each method, networks also refined, in the order of the tables
    :param figure_eight_xy: (N, 2) points of the figure eight, m
    :param sizes: sizes of the evaluation set
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


RunMeasure = Callable[[MethodRun], float | None]


@dataclass(frozen=True)
class SeedStatistics:
    """
    Statistics of a measure over the seeds.

    :param median: one of the values, the higher of the middle two: values may be infinite
    :param least: smallest value
    :param most: largest value
    """

    median: float
    least: float
    most: float


def _nested_measure(part: str, name: str) -> RunMeasure:
    """Return a function for a number in a part of a run that may be missing."""

    def measure(run: MethodRun) -> float | None:
        value = getattr(run, part)
        return None if value is None else getattr(value, name)

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
"""Numbers of a run by name; a name ends with the unit where there is one."""


def seed_statistics(row: CompareRow) -> dict[str, SeedStatistics | None]:
    """Return the statistics of each of :data:`RUN_MEASURES`; None: no run has a value."""
    return {name: _statistics(row, measure) for name, measure in RUN_MEASURES.items()}


def _statistics(row: CompareRow, measure: RunMeasure) -> SeedStatistics | None:
    values = [value for run in row.runs if (value := measure(run)) is not None]
    values = sorted(value for value in values if not isnan(value))
    return SeedStatistics(median_high(values), values[0], values[-1]) if values else None


def metrics(comparison: Comparison) -> dict[str, Any]:
    """
    Return the comparison for JSON; errors are fractions of reach, shares are from 0 to 1.

    - ``command``, ``created``, ``machine``: origin of the numbers
    - ``arm``: name, lengths_m, offsets_rad, lower_rad, upper_rad (null: no limit), reach_m
    - ``seconds``: time limit of each training; ``seeds``: trainings of each network
    - ``failed_from``: error from which an answer fails
    - ``sizes``: see :class:`ik_nn_ros.studies.compare.evaluation_set.EvaluationSizes`
    - ``rows``: each method, alone and refined:

      - name, label, kind, refined, weights (0: not trained), use (the execution mode)
      - ``single_us``: time of a single target (null: needs a path at once); ``batch_per_s``:
        targets per second, many in one call
      - ``over_seeds``: for each of :data:`RUN_MEASURES` median, least and most; null: no value
      - ``runs``: see :class:`MethodRun`; an infinite error (a target without an answer) is null
      - ``map``: points, p50, p99, worst and failed (share) of the errors over the workspace; null:
        the map is empty
    """
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
            name: statistics and asdict(statistics)
            for name, statistics in seed_statistics(row).items()
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
