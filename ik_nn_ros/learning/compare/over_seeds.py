"""What several trainings of one method come to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isnan
from statistics import median_high

from ik_nn_ros.learning.compare.results import CompareRow, MethodRun

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
