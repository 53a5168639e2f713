"""The results as tables for people."""

from __future__ import annotations

import numpy as np
from rich import box
from rich.console import Group, JustifyMethod
from rich.table import Table

from ik_nn_ros.studies.paper.results import (
    RECIPE,
    SMOOTH,
    PaperResults,
    PaperSolverResult,
    recipe_facts,
    requirements,
)
from ik_nn_ros.studies.paper.study import ARM, TABLE_1, recomputed_errors

NO_VALUE = '-'


def all_tables(results: PaperResults) -> Group:
    """Return every table, the figures to reach last."""
    return Group(
        _recipe_table(results),
        _points_table(results),
        _errors_table(results),
        _solver_table(results),
        _requirements_table(results),
    )


def _new_table(
    title: str, *columns: str, left_aligned_columns: int = 1, column_gap: int = 2
) -> Table:
    table = Table(
        title=title,
        title_justify='left',
        title_style='bold',
        caption_justify='left',
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, column_gap - 1, 0, 0),
    )
    for number, column in enumerate(columns):
        justify: JustifyMethod = 'left' if number < left_aligned_columns else 'right'
        table.add_column(column, justify=justify, no_wrap=True)
    return table


def _recipe_table(results: PaperResults) -> Table:
    table = _new_table("The paper's recipe", '', '', '', left_aligned_columns=3)
    table.show_header = False
    for fact in recipe_facts(results.recipe, results.target_count):
        table.add_row(fact.what, fact.value, 'stated' if fact.stated else 'chosen')
    return table


def _points_table(results: PaperResults) -> Table:
    table = _new_table(
        'The ten points of Table 1',
        *('', 'actual\nq1, q2', 'target\nx, y', 'paper\nq1, q2', '\nerror', '\nagain'),
        *('recipe\nq1, q2', '\nerror', '\nmean', 'tanh\nerror'),
        column_gap=1,
    )
    recipe = results.methods[RECIPE].runs
    first, smooth = recipe[0], results.methods[SMOOTH].runs[0].point_errors
    over_seeds = np.mean([run.point_errors for run in recipe], axis=0)
    again = recomputed_errors()
    for row, point in enumerate(TABLE_1):
        table.add_row(
            point.name,
            _format_pair(*point.actual),
            _format_pair(*ARM.fk_point(*point.actual)),
            _format_pair(*point.predicted),
            f'{point.error:.2f}',
            f'{again[row]:.2f}',
            _format_pair(*first.angles[row]),
            f'{first.point_errors[row]:.2f}',
            f'{over_seeds[row]:.2f}',
            f'{smooth[row]:.0e}',
        )
    paper = np.mean([point.error for point in TABLE_1])
    means = (paper, again.mean(), first.points_mean, over_seeds.mean())
    shown = [f'{mean:.2f}' for mean in means]
    table.add_section()
    table.add_row('mean', '', '', '', *shown[:2], '', *shown[2:], f'{smooth.mean():.0e}')
    table.caption = (
        f'rad, and the unit of the paper; reach {ARM.reach:g}; the mean of the paper is '
        f'{paper / ARM.reach:.1%} of it. again: from the printed angles; recipe: seed 0, and the '
        f'mean over {len(recipe)} seeds; tanh: our training, see below'
    )
    return table


def _format_pair(first: float, second: float) -> str:
    return f'{first:.2f} {second:.2f}'


def _errors_table(results: PaperResults) -> Table:
    table = _new_table(
        f'Tip error as a fraction of reach, {results.target_count:,} fresh targets',
        *('trained by', 'mean', '±', 'median', '99 %', 'largest', 'seeds', 's each'),
        column_gap=1,
    )
    paper = np.array([point.error for point in TABLE_1]) / ARM.reach
    numbers = (f'{paper.mean():.1e}', '', f'{np.median(paper):.1e}', '', f'{paper.max():.1e}')
    table.add_row('paper, its ten points', *numbers)
    for method in results.methods.values():
        mean, deviation = method.seed_statistics('mean')
        table.add_row(
            method.label,
            f'{mean:.1e}',
            NO_VALUE if deviation is None else f'{deviation:.0e}',
            *(f'{method.seed_statistics(name)[0]:.1e}' for name in ('p50', 'p99', 'worst')),
            str(len(method.runs)),
            f'{np.mean([run.seconds for run in method.runs]):.1f}',
        )
    table.add_section()
    for solved in results.solver_results.values():
        run = solved.run
        rest = (f'{error:.1e}' for error in (run.p50, run.p99, run.worst))
        table.add_row(solved.label, f'{run.mean:.1e}', '', *rest)
    table.caption = (
        'means over the seeds; ±: deviation of the mean; ...: the recipe with one other choice'
    )
    return table


def _solver_table(results: PaperResults) -> Table:
    table = _new_table(
        'Stages of the solver, share of the targets',
        *('proposals by', 'network', 'refined', 'closed form', 'refused', 'Newton steps'),
    )
    for solved in results.solver_results.values():
        answers = solved.statistics
        shares = (answers.network, answers.refined, answers.closed_form, 1.0 - answers.answered)
        table.add_row(solved.label, *(f'{share:.2%}' for share in shares), _format_steps(solved))
    table.caption = 'Newton steps: median, largest'
    return table


def _format_steps(solved: PaperSolverResult) -> str:
    if not len(solved.newton_steps):
        return NO_VALUE
    return f'{np.median(solved.newton_steps):.0f}, {solved.newton_steps.max()}'


def _requirements_table(results: PaperResults) -> Table:
    table = _new_table('Figures to reach, fractions of reach', 'what', 'measured', 'to reach', '')
    for figure in requirements(results):
        bound = f'≤ {figure.most:.0e}'
        if figure.least:
            bound = f'{figure.least:.0e} to {figure.most:.0e}'
        table.add_row(
            figure.what,
            f'{figure.value:.2e}',
            bound,
            '[green]reached[/]' if figure.is_met else '[red]missed[/]',
        )
    return table
