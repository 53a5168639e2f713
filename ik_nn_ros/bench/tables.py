"""The results as tables for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from rich import box
from rich.console import Group
from rich.table import Table

from ik_nn_ros.bench.batch_rate import BatchRate
from ik_nn_ros.bench.results import (
    ArmsLoad,
    Figure,
    NodeResults,
    PanelTrips,
    Results,
    RoundTrip,
)
from ik_nn_ros.bench.solve_time import CLOSED_FORM, HYBRID, SolveTime

NONE = '-'


def all_tables(results: Results, figures: Iterable[Figure]) -> Group:
    """Return every table, the figures to reach last."""
    tables = [_solve(results.solve), _correctness(results), _batch(results.batch)]
    if results.node is not None:
        tables.append(_node(results.node))
        tables.append(_panel(results.panel))
    if results.arms:
        tables.append(_arms(results.arms))
    return Group(*tables, _figures(figures))


def _table(title: str, *columns: str) -> Table:
    table = Table(
        title=title,
        title_justify='left',
        title_style='bold',
        caption_justify='left',
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    table.add_column(columns[0], no_wrap=True)
    for column in columns[1:]:
        table.add_column(column, justify='right', no_wrap=True)
    return table


def _solve(rows: list[SolveTime]) -> Table:
    table = _table(
        'One solve, same targets and start for all',
        *('method', 'µs', '/ closed', '/ hybrid', 'solved', 'error', 'largest'),
    )
    medians = {row.method: row.median for row in rows}
    for row in rows:
        if row.median is None:
            table.add_row(row.method, 'not installed')
            continue
        table.add_row(
            row.method,
            f'{row.median:.1f}',
            *(_ratio(row.median, medians.get(name)) for name in (CLOSED_FORM, HYBRID)),
            f'{row.solved:.1%}',
            *(f'{error:.1e}' for error in (row.error, row.worst)),
        )
    table.caption = 'µs, error: medians; errors / reach; solved: to 1e-9, inside the limits'
    return table


def _ratio(value: float, other: float | None) -> str:
    return f'{value / other:.2f}' if other else NONE


def _correctness(results: Results) -> Table:
    table = _table('Answers', 'targets', 'reachable, 10 % on edges', 'anywhere around')
    for name, form in (
        ('targets', ','),
        ('answered', '.4%'),
        ('network', '.4%'),
        ('refined', '.4%'),
        ('closed_form', '.4%'),
        ('worst', '.2e'),
        ('off_target', ','),
        ('outside_limits', ','),
    ):
        values = (getattr(answers, name) for answers in (results.reachable, results.commands))
        table.add_row(name.replace('_', ' '), *(format(value, form) for value in values))
    if results.network is not None:
        alone = results.network
        table.caption = (
            f'network alone: p50 {alone.p50:.1e}, p99 {alone.p99:.1e}, largest {alone.worst:.1e}'
        )
    return table


def _batch(rows: list[BatchRate]) -> Table:
    table = _table(
        'Batches, verified solutions a second',
        *('size', 'closed form', 'ms', 'hybrid', 'ms', 'ratio'),
    )
    for row in rows:
        table.add_row(f'{row.size:,}', *_rate(row.size, row.closed_form), *_hybrid(row))
    return table


def _rate(size: int, rate: float) -> Iterator[str]:
    yield f'{rate:,.0f}'
    yield f'{1e3 * size / rate:.2f}'


def _hybrid(row: BatchRate) -> tuple[str, ...]:
    if row.hybrid is None:
        return NONE, NONE, NONE
    return (*_rate(row.size, row.hybrid), _ratio(row.hybrid, row.closed_form))


def _node(node: NodeResults) -> Table:
    return _trips('Round trip', {'ik_node': node.ik_node, 'bare relay': node.relay})


def _panel(panel: PanelTrips | None) -> Table:
    title = 'Round trip of two ik_node, one with the panel and a page open'
    if panel is not None:
        return _trips(title, {'with panel': panel.beside, 'without': panel.alone})
    table = _table(title, 'node', '')
    table.add_row('with panel', 'viser is not installed')
    return table


def _trips(title: str, trips: Mapping[str, RoundTrip]) -> Table:
    """Return two of them and their ratio."""
    table = _table(f'{title}, taking turns', 'node', 'samples', 'p50 µs', 'p99 µs', 'lost')
    for name, trip in trips.items():
        table.add_row(
            name, f'{trip.samples:,}', f'{trip.p50:.0f}', f'{trip.p99:.0f}', str(trip.lost)
        )
    first, second = trips.values()
    table.add_row('ratio', '', _ratio(first.p50, second.p50), _ratio(first.p99, second.p99))
    return table


def _arms(rows: list[ArmsLoad]) -> Table:
    table = _table(
        'Arms in one process, 50 targets a second and smooth motion each',
        *('arms', 'core', 'core / arm', 'commands/s', 'MiB', 'MiB / further arm', 'p50 µs'),
    )
    first = rows[0]
    for row in rows:
        further = row.arms - first.arms
        table.add_row(
            str(row.arms),
            f'{row.cpu:.2f}',
            f'{row.cpu / row.arms:.3f}',
            f'{row.rate:.0f}',
            f'{row.memory:.0f}',
            f'{(row.memory - first.memory) / further:.1f}' if further else NONE,
            f'{row.p50:.0f}',
        )
    table.caption = 'core: share of one processor; p50: from a target to its answer'
    return table


def _figures(figures: Iterable[Figure]) -> Table:
    table = _table('Figures to reach', 'what', 'measured', 'to reach', '')
    for figure in figures:
        sign = '≥' if figure.at_least else '≤'
        table.add_row(
            figure.what,
            f'{_number(figure.value)} {figure.unit}',
            f'{sign} {_number(figure.bound)} {figure.unit}',
            '[green]reached[/]' if figure.reached else '[red]missed[/]',
        )
    return table


def _number(value: float) -> str:
    if isinstance(value, int) or value >= 1e4:
        return f'{value:,.0f}'
    return f'{value:.5g}' if 0.9 < value < 1.0 else f'{value:.3g}'
