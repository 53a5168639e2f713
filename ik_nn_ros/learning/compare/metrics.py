"""
The comparison as JSON; errors are fractions of reach, shares go from 0 to 1.

- ``command``, ``created``, ``machine``: where it comes from
- ``arm``: name, lengths_m, offsets_rad, lower_rad, upper_rad (null: no limit), reach_m
- ``seconds``: that each training could take; ``seeds``: trainings of each network
- ``failed_from``: the error from which an answer counts as none
- ``sizes``: see :class:`ik_nn_ros.learning.compare.test_set.EvaluationSizes`
- ``rows``: of each method, alone and refined:

  - name, label, kind, refined, weights (0: not trained), use
  - ``single_us``: one target by itself (null: needs a path at once), ``batch_per_s``: targets a
    second, many at once
  - ``over_seeds``: by measure (see :data:`ik_nn_ros.learning.compare.over_seeds.MEASURES`; the
    names end with the unit) median, least and most; null: the method has none
  - ``runs``: see :class:`ik_nn_ros.learning.compare.results.PaperRun`; null for an error: infinite, a
    target had no answer; null for the rest: there is none
  - ``map``: points, p50, p99, worst and failed (share) of the errors over the workspace, without
    the map itself; null: none

The joints along the test figure are left out, too.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.arm.plane import Array
from ik_nn_ros.learning.compare.over_seeds import seed_statistics
from ik_nn_ros.learning.compare.results import (
    MIN_FAILED_ERROR_RATIO,
    CompareRow,
    Comparison,
    MethodErrors,
)


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
