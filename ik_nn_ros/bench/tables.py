"""Results of the benchmark as tables of text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ik_nn_ros.bench.measurements import CLOSED_FORM, HYBRID, BatchRate, SolveTime
from ik_nn_ros.bench.results import (
    BenchmarkResults,
    MultiArmLoad,
    NodeResults,
    PanelRoundTrips,
    Requirement,
    RoundTrip,
)
from ik_nn_ros.console import NO_VALUE, TextTable, format_ratio, requirement_mark

STATISTICS_FORMATS = {
    'targets': ',',
    'answered': '.4%',
    'network': '.4%',
    'refined': '.4%',
    'closed_form': '.4%',
    'worst': '.2e',
    'off_target': ',',
    'outside_limits': ',',
}
"""Format of each field of :class:`ik_nn_ros.ik.verification.SolveStatistics`."""


def result_tables(results: BenchmarkResults) -> list[TextTable]:
    """Return a table for each measurement."""
    tables = [
        _solve_time_table(results.solve),
        _correctness_table(results),
        _batch_table(results.batch),
    ]
    if results.node is not None:
        tables += [_node_table(results.node), _panel_table(results.panel)]
    if results.arms:
        tables.append(_multi_arm_table(results.arms))
    return tables


def _solve_time_table(solve_times: list[SolveTime]) -> TextTable:
    medians = {each.method: each.median for each in solve_times}
    return TextTable(
        'One solve, same targets and start for all',
        ('method', 'µs', '/ closed', '/ hybrid', 'solved', 'error', 'largest'),
        [
            (
                each.method,
                f'{each.median:.1f}',
                *(format_ratio(each.median, medians.get(name)) for name in (CLOSED_FORM, HYBRID)),
                f'{each.solved:.1%}',
                f'{each.error:.1e}',
                f'{each.worst:.1e}',
            )
            if each.median is not None
            else (each.method, 'not installed')
            for each in solve_times
        ],
        'µs, error: medians; errors / reach; solved: to 1e-9, inside the limits',
    )


def _correctness_table(results: BenchmarkResults) -> TextTable:
    alone = results.network
    return TextTable(
        'Answers',
        ('targets', 'reachable, 10 % on edges', 'anywhere around'),
        [
            (
                name.replace('_', ' '),
                *(
                    format(getattr(statistics, name), form)
                    for statistics in (results.reachable, results.commands)
                ),
            )
            for name, form in STATISTICS_FORMATS.items()
        ],
        f'network alone: p50 {alone.p50:.1e}, p99 {alone.p99:.1e}, largest {alone.worst:.1e}'
        if alone
        else '',
    )


def _batch_table(rates: list[BatchRate]) -> TextTable:
    return TextTable(
        'Batches, verified solutions a second',
        ('size', 'closed form', 'ms', 'hybrid', 'ms', 'ratio'),
        [
            (
                f'{rate.size:,}',
                *_format_rate(rate.size, rate.closed_form),
                *_format_hybrid_rate(rate),
            )
            for rate in rates
        ],
    )


def _format_rate(size: int, rate: float) -> Iterator[str]:
    yield f'{rate:,.0f}'
    yield f'{1e3 * size / rate:.2f}'


def _format_hybrid_rate(rate: BatchRate) -> tuple[str, ...]:
    if rate.hybrid is None:
        return NO_VALUE, NO_VALUE, NO_VALUE
    return (*_format_rate(rate.size, rate.hybrid), format_ratio(rate.hybrid, rate.closed_form))


def _node_table(node: NodeResults) -> TextTable:
    return _round_trip_table('Round trip', {'ik_node': node.ik_node, 'bare relay': node.relay})


def _panel_table(panel: PanelRoundTrips | None) -> TextTable:
    title = 'Round trip of two ik_node, one with the panel and a page open'
    if panel is None:
        return TextTable(title, ('node', ''), [('with panel', 'viser is not installed')])
    return _round_trip_table(title, {'with panel': panel.beside, 'without': panel.alone})


def _round_trip_table(title: str, round_trips: Mapping[str, RoundTrip]) -> TextTable:
    """Return a table of two round trips and their ratio."""
    first, second = round_trips.values()
    return TextTable(
        f'{title}, taking turns',
        ('node', 'samples', 'p50 µs', 'p99 µs', 'lost'),
        [
            *(
                (name, f'{each.samples:,}', f'{each.p50:.0f}', f'{each.p99:.0f}', str(each.lost))
                for name, each in round_trips.items()
            ),
            ('ratio', '', format_ratio(first.p50, second.p50), format_ratio(first.p99, second.p99)),
        ],
    )


def _multi_arm_table(loads: list[MultiArmLoad]) -> TextTable:
    first = loads[0]
    return TextTable(
        'Arms in one process, 50 targets a second and smooth motion each',
        ('arms', 'core', 'core / arm', 'commands/s', 'MiB', 'MiB / further arm', 'p50 µs'),
        [
            (
                str(load.arms),
                f'{load.cpu:.2f}',
                f'{load.cpu / load.arms:.3f}',
                f'{load.rate:.0f}',
                f'{load.memory:.0f}',
                f'{(load.memory - first.memory) / (load.arms - first.arms):.1f}'
                if load is not first
                else NO_VALUE,
                f'{load.p50:.0f}',
            )
            for load in loads
        ],
        'core: share of one processor; p50: from a target to its answer',
    )


def requirement_table(requirements: Iterable[Requirement]) -> TextTable:
    """Return the requirements and whether they are met."""
    return TextTable(
        'Requirements',
        ('quantity', 'measured', 'required', ''),
        [
            (
                each.what,
                f'{_format_number(each.value)} {each.unit}',
                f'{"≥" if each.at_least else "≤"} {_format_number(each.bound)} {each.unit}',
                requirement_mark(each.is_met),
            )
            for each in requirements
        ],
    )


def _format_number(value: float) -> str:
    if isinstance(value, int) or value >= 1e4:
        return f'{value:,.0f}'
    return f'{value:.5g}' if 0.9 < value < 1.0 else f'{value:.3g}'
