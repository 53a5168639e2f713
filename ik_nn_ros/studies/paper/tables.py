"""Results of the paper's study as tables of text."""

from __future__ import annotations

import numpy as np

from ik_nn_ros.console import NO_VALUE, SEPARATOR, TextTable, requirement_mark
from ik_nn_ros.studies.paper.results import (
    RECIPE,
    SMOOTH,
    PaperResults,
    PaperSolverResult,
    recipe_facts,
    requirements,
)
from ik_nn_ros.studies.paper.study import ARM, TABLE_1, recomputed_errors


def result_tables(results: PaperResults) -> list[TextTable]:
    """Return the recipe and a table for each measurement."""
    return [
        _recipe_table(results),
        _points_table(results),
        _errors_table(results),
        _solver_table(results),
    ]


def _recipe_table(results: PaperResults) -> TextTable:
    facts = recipe_facts(results.recipe, results.target_count)
    return TextTable(
        "The paper's recipe",
        ('', '', ''),
        [(fact.what, fact.value, 'stated' if fact.stated else 'chosen') for fact in facts],
        left_aligned=3,
    )


def _points_table(results: PaperResults) -> TextTable:
    recipe = results.methods[RECIPE].runs
    first, smooth = recipe[0], results.methods[SMOOTH].runs[0].point_errors
    over_seeds = np.mean([run.point_errors for run in recipe], axis=0)
    recomputed = recomputed_errors()
    rows: list[tuple[str, ...]] = [
        (
            point.name,
            _format_pair(*point.actual),
            _format_pair(*ARM.fk_point(*point.actual)),
            _format_pair(*point.predicted),
            f'{point.error:.2f}',
            f'{recomputed[row]:.2f}',
            _format_pair(*first.angles[row]),
            f'{first.point_errors[row]:.2f}',
            f'{over_seeds[row]:.2f}',
            f'{smooth[row]:.0e}',
        )
        for row, point in enumerate(TABLE_1)
    ]
    paper_mean = np.mean([point.error for point in TABLE_1])
    means = ('mean', '', '', '', f'{paper_mean:.2f}', f'{recomputed.mean():.2f}', '')
    our_means = (f'{first.points_mean:.2f}', f'{over_seeds.mean():.2f}', f'{smooth.mean():.0e}')
    return TextTable(
        'The ten points of Table 1',
        (
            *('', 'actual\nq1, q2', 'target\nx, y', 'paper\nq1, q2', '\nerror', '\nagain'),
            *('recipe\nq1, q2', '\nerror', '\nmean', 'tanh\nerror'),
        ),
        [*rows, SEPARATOR, (*means, *our_means)],
        f'rad, and the unit of the paper; reach {ARM.reach:g}; the mean of the paper is '
        f'{paper_mean / ARM.reach:.1%} of it. again: from the printed angles; recipe: seed 0, and '
        f'the mean over {len(recipe)} seeds; tanh: our training, see below',
        column_gap=1,
    )


def _format_pair(first: float, second: float) -> str:
    return f'{first:.2f} {second:.2f}'


def _errors_table(results: PaperResults) -> TextTable:
    paper = np.array([point.error for point in TABLE_1]) / ARM.reach
    rows: list[tuple[str, ...]] = [
        (
            'paper, its ten points',
            *(f'{paper.mean():.1e}', '', f'{np.median(paper):.1e}', '', f'{paper.max():.1e}'),
        )
    ]
    for method in results.methods.values():
        mean, deviation = method.seed_statistics('mean')
        rows.append(
            (
                method.label,
                f'{mean:.1e}',
                NO_VALUE if deviation is None else f'{deviation:.0e}',
                *(f'{method.seed_statistics(name)[0]:.1e}' for name in ('p50', 'p99', 'worst')),
                str(len(method.runs)),
                f'{np.mean([run.seconds for run in method.runs]):.1f}',
            )
        )
    rows.append(SEPARATOR)
    for solver_result in results.solver_results.values():
        run = solver_result.run
        errors = (f'{error:.1e}' for error in (run.p50, run.p99, run.worst))
        rows.append((solver_result.label, f'{run.mean:.1e}', '', *errors))
    return TextTable(
        f'Tip error as a fraction of reach, {results.target_count:,} fresh targets',
        ('trained by', 'mean', '±', 'median', '99 %', 'largest', 'seeds', 's each'),
        rows,
        'means over the seeds; ±: deviation of the mean; ...: the recipe with one other choice',
        column_gap=1,
    )


def _solver_table(results: PaperResults) -> TextTable:
    rows = []
    for solver_result in results.solver_results.values():
        statistics = solver_result.statistics
        rejected = 1.0 - statistics.answered
        shares = (statistics.network, statistics.refined, statistics.closed_form, rejected)
        rows.append(
            (
                solver_result.label,
                *(f'{share:.2%}' for share in shares),
                _format_steps(solver_result),
            )
        )
    return TextTable(
        'Stages of the solver, share of the targets',
        ('proposals by', 'network', 'refined', 'closed form', 'rejected', 'Newton steps'),
        rows,
        'Newton steps: median, largest',
    )


def _format_steps(solver_result: PaperSolverResult) -> str:
    steps = solver_result.newton_steps
    return f'{np.median(steps):.0f}, {steps.max()}' if len(steps) else NO_VALUE


def requirement_table(results: PaperResults) -> TextTable:
    """Return the requirements and whether they are met."""
    return TextTable(
        'Requirements, fractions of reach',
        ('quantity', 'measured', 'required', ''),
        [
            (
                each.what,
                f'{each.value:.2e}',
                f'{each.least:.0e} to {each.most:.0e}' if each.least else f'≤ {each.most:.0e}',
                requirement_mark(each.is_met),
            )
            for each in requirements(results)
        ],
    )
