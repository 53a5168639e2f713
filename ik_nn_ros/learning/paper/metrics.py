"""
The numbers as JSON; angles in rad, lengths in the paper's unit.

- ``source``: the paper
- ``arm``: lengths, reach, lower, upper
- ``choices``: what, value and stated (in the paper; otherwise chosen here) of the whole recipe
- ``targets``: fresh ones that errors are measured on, the same for all methods
- ``table1``: of each point: name, actual (angles), target (x, y), predicted, error and
  error_recomputed (from the printed angles), all of the paper
- ``methods``: by name: label, training (its numbers), over_seeds (of each error: mean and
  deviation, null: one seed), and runs: seed, seconds, the errors mean, p50, p99, worst (fractions
  of reach, over the fresh targets) and points_mean (over Table 1), and of each point of Table 1 the
  angles and point_errors
- ``solved``: by name: label, the same errors, angles and point_errors, answers (see
  :class:`ik_nn_ros.ik.answers.MethodSolutions`) and Newton steps: p50, p99, worst; null: no network
- ``figures``: what, value, least and most (fractions of reach), reached
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from ik_nn_ros.learning.paper.facts import recipe_facts
from ik_nn_ros.learning.paper.results import (
    PaperMethod,
    PaperResults,
    PaperRun,
    PaperSolverResult,
    requirements,
)
from ik_nn_ros.learning.paper.study import ARM, CITATION, TABLE_1, recomputed_errors

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
