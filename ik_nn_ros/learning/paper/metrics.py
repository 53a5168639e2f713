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
  :class:`ik_nn_ros.ik.answers.Answers`) and Newton steps: p50, p99, worst; null: no network
- ``figures``: what, value, least and most (fractions of reach), reached
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from ik_nn_ros.learning.paper.facts import facts
from ik_nn_ros.learning.paper.results import Method, Results, Run, Solved, figures
from ik_nn_ros.learning.paper.study import ARM, SOURCE, TABLE_1, recomputed_errors

ERRORS = ('mean', 'p50', 'p99', 'worst', 'points_mean')


def metrics(results: Results) -> dict[str, Any]:
    """Return the numbers by name."""
    return {
        'source': SOURCE,
        'arm': {name: getattr(ARM, name) for name in ('lengths', 'reach', 'lower', 'upper')},
        'choices': [asdict(fact) for fact in facts(results.recipe, results.targets)],
        'targets': results.targets,
        'table1': _table1(),
        'methods': {name: _method(method) for name, method in results.methods.items()},
        'solved': {name: _solved(solved) for name, solved in results.solved.items()},
        'figures': [{**asdict(figure), 'reached': figure.reached} for figure in figures(results)],
    }


def _table1() -> list[dict[str, Any]]:
    return [
        {
            **asdict(point),
            'target': ARM.fk_point(*point.actual),
            'error_recomputed': recomputed,
        }
        for point, recomputed in zip(TABLE_1, recomputed_errors().tolist(), strict=True)
    ]


def _method(method: Method) -> dict[str, Any]:
    return {
        'label': method.label,
        'training': dict(method.training),
        'over_seeds': {
            name: dict(zip(('mean', 'deviation'), method.over_seeds(name), strict=True))
            for name in ERRORS
        },
        'runs': [
            {'seed': run.seed, 'seconds': run.seconds, **_measured(run)} for run in method.runs
        ],
    }


def _solved(solved: Solved) -> dict[str, Any]:
    steps = None
    if len(solved.steps):
        p50, p99, worst = np.quantile(solved.steps, (0.5, 0.99, 1.0)).tolist()
        steps = {'p50': p50, 'p99': p99, 'worst': worst}
    return {
        'label': solved.label,
        **_measured(solved.run),
        'answers': asdict(solved.answers),
        'newton_steps': steps,
    }


def _measured(run: Run) -> dict[str, Any]:
    return {
        **{name: getattr(run, name) for name in ERRORS},
        'angles': run.angles.tolist(),
        'point_errors': run.point_errors.tolist(),
    }
