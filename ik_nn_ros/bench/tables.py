"""The results as tables for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from rich import box
from rich.console import Group
from rich.table import Table

from ik_nn_ros.bench.measurements import CLOSED_FORM, HYBRID, BatchRate, SolveTime
from ik_nn_ros.bench.results import (
    BenchmarkResults,
    MultiArmLoad,
    NodeResults,
    PanelRoundTrips,
    Requirement,
    RoundTrip,
)

NO_VALUE = '-'


def all_tables(results: BenchmarkResults, requirements: Iterable[Requirement]) -> Group:
    """Return every table, the figures to reach last."""
    tables = [
        _solve_time_table(results.solve),
        _correctness_table(results),
        _batch_table(results.batch),
    ]
    if results.node is not None:
        tables.append(_node_table(results.node))
        tables.append(_panel_table(results.panel))
    if results.arms:
        tables.append(_multi_arm_table(results.arms))
    return Group(*tables, _requirements_table(requirements))


def _new_table(title: str, *columns: str) -> Table:
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


def _solve_time_table(rows: list[SolveTime]) -> Table:
    table = _new_table(
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
            *(_format_ratio(row.median, medians.get(name)) for name in (CLOSED_FORM, HYBRID)),
            f'{row.solved:.1%}',
            *(f'{error:.1e}' for error in (row.error, row.worst)),
        )
    table.caption = 'µs, error: medians; errors / reach; solved: to 1e-9, inside the limits'
    return table


def _format_ratio(value: float, other: float | None) -> str:
    return f'{value / other:.2f}' if other else NO_VALUE


def _correctness_table(results: BenchmarkResults) -> Table:
    table = _new_table('Answers', 'targets', 'reachable, 10 % on edges', 'anywhere around')
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


def _batch_table(rows: list[BatchRate]) -> Table:
    table = _new_table(
        'Batches, verified solutions a second',
        *('size', 'closed form', 'ms', 'hybrid', 'ms', 'ratio'),
    )
    for row in rows:
        table.add_row(
            f'{row.size:,}', *_format_rate(row.size, row.closed_form), *_format_hybrid_rate(row)
        )
    return table


def _format_rate(size: int, rate: float) -> Iterator[str]:
    yield f'{rate:,.0f}'
    yield f'{1e3 * size / rate:.2f}'


def _format_hybrid_rate(row: BatchRate) -> tuple[str, ...]:
    if row.hybrid is None:
        return NO_VALUE, NO_VALUE, NO_VALUE
    return (*_format_rate(row.size, row.hybrid), _format_ratio(row.hybrid, row.closed_form))


def _node_table(node: NodeResults) -> Table:
    return _round_trip_table('Round trip', {'ik_node': node.ik_node, 'bare relay': node.relay})


def _panel_table(panel: PanelRoundTrips | None) -> Table:
    title = 'Round trip of two ik_node, one with the panel and a page open'
    if panel is not None:
        return _round_trip_table(title, {'with panel': panel.beside, 'without': panel.alone})
    table = _new_table(title, 'node', '')
    table.add_row('with panel', 'viser is not installed')
    return table


def _round_trip_table(title: str, trips: Mapping[str, RoundTrip]) -> Table:
    """Return two of them and their ratio."""
    table = _new_table(f'{title}, taking turns', 'node', 'samples', 'p50 µs', 'p99 µs', 'lost')
    for name, trip in trips.items():
        table.add_row(
            name, f'{trip.samples:,}', f'{trip.p50:.0f}', f'{trip.p99:.0f}', str(trip.lost)
        )
    first, second = trips.values()
    table.add_row(
        'ratio', '', _format_ratio(first.p50, second.p50), _format_ratio(first.p99, second.p99)
    )
    return table


def _multi_arm_table(rows: list[MultiArmLoad]) -> Table:
    table = _new_table(
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
            f'{(row.memory - first.memory) / further:.1f}' if further else NO_VALUE,
            f'{row.p50:.0f}',
        )
    table.caption = 'core: share of one processor; p50: from a target to its answer'
    return table


def _requirements_table(requirements: Iterable[Requirement]) -> Table:
    table = _new_table('Figures to reach', 'what', 'measured', 'to reach', '')
    for figure in requirements:
        sign = '≥' if figure.at_least else '≤'
        table.add_row(
            figure.what,
            f'{_format_number(figure.value)} {figure.unit}',
            f'{sign} {_format_number(figure.bound)} {figure.unit}',
            '[green]reached[/]' if figure.is_met else '[red]missed[/]',
        )
    return table


def _format_number(value: float) -> str:
    if isinstance(value, int) or value >= 1e4:
        return f'{value:,.0f}'
    return f'{value:.5g}' if 0.9 < value < 1.0 else f'{value:.3g}'
