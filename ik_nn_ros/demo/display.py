"""Display of a running demo: a live table in a terminal, a line every two seconds elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.text import Text

from ik_nn_ros.console import Cell, TextTable, format_length
from ik_nn_ros.demo.record import ACCEPTED_CODES, DemoRecord

REFRESH_PERIOD_S = 0.1
"""Period of the live table, s."""
LINE_PERIOD_S = 2.0
"""Period of the lines without a terminal, s."""
LATENCY_SAMPLE_COUNT = 200
"""Number of the last round trips that the displayed median is taken over."""
NAME_WIDTH_CHARACTERS, VALUE_WIDTH_CHARACTERS = 28, 20
"""Widths of the live table's columns, so that it does not jump."""
UNKNOWN = 'not known'
CAPTION = 'the tip follows a stream of targets 0.1 to 0.2 s late'

DisplayCallback = Callable[[str, float | None], None]
"""Takes the phase and the tip error, m, as often as the caller likes."""


@contextmanager
def display(record: DemoRecord, console: Console, live: bool) -> Iterator[DisplayCallback]:
    """
    Display a record while the block runs.

    :param record: the record
    :param console: where to print
    :param live: whether to draw a table again and again, if the console is a terminal
    """
    start = time.monotonic()
    if live and console.is_terminal:
        with Live(console=console, auto_refresh=False, transient=True) as screen:
            yield _throttle(
                REFRESH_PERIOD_S,
                lambda phase, tip_error: screen.update(
                    _live_table(record, time.monotonic() - start, phase, tip_error).to_rich(),
                    refresh=True,
                ),
            )
    else:
        yield _throttle(
            LINE_PERIOD_S,
            lambda phase, tip_error: console.print(_progress_line(record, phase, tip_error)),
        )


def summary_table(record: DemoRecord) -> TextTable:
    """Return the outcome of the run as a table."""
    summary = record.summary()
    rejected = ', '.join(f'{code} {count}' for code, count in summary['rejected'].items())
    stages = ', '.join(f'{stage} {count}' for stage, count in summary['stages'].items())
    rows = (
        ('targets', f'{summary["targets"]}, unanswered {summary["unanswered"]}'),
        ('accepted, by the stage that solved them', f'{summary["accepted"]}: {stages}'),
        ('rejected, by reason', rejected or 'none'),
        ('commands outside the joint limits', str(summary['limit_violations'])),
        (
            'command off its target, by the model, largest',
            _format_length(summary['solver_error_max_m']),
        ),
        (
            'tip off its target when the next was due, median',
            _format_length(summary['tip_error_p50_m']),
        ),
        ('the same, 95th percentile', _format_length(summary['tip_error_p95_m'])),
        ('target to command, median', _format_microseconds(summary['round_trip_p50_us'])),
        ('target to command, 99th percentile', _format_microseconds(summary['round_trip_p99_us'])),
    )
    return TextTable('ik_nn demo', ('', ''), rows, CAPTION, left_aligned=2)


def _throttle(period_s: float, show: DisplayCallback) -> DisplayCallback:
    last = -period_s

    def show_periodically(phase: str, tip_error: float | None) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= period_s:
            last = now
            show(phase, tip_error)

    return show_periodically


def _live_table(
    record: DemoRecord, elapsed_s: float, phase: str, tip_error: float | None
) -> TextTable:
    rows: list[tuple[Cell, Cell]] = [('targets', str(record.target_count))]
    for stage, count in record.stages.items():
        rows.append((Text(f'accepted, {stage}', 'green'), str(count)))
    for code, count in record.result_codes.items():
        if code not in ACCEPTED_CODES:
            rows.append((Text(f'rejected, {code}', 'red'), str(count)))
    rows += [
        ('tip from last target', _format_length(tip_error)),
        ('target to command, median', _format_latency(record)),
        (
            f'{"commands outside limits":{NAME_WIDTH_CHARACTERS}}',
            f'{record.limit_violations:{VALUE_WIDTH_CHARACTERS}}',
        ),
    ]
    return TextTable(f'{phase}, {elapsed_s:.0f} s', ('', ''), rows)


def _progress_line(record: DemoRecord, phase: str, tip_error: float | None) -> str:
    accepted = sum(record.result_codes[code] for code in ACCEPTED_CODES)
    rejected = record.result_codes.total() - accepted
    return (
        f'{phase:14} targets {record.target_count:5}  accepted {accepted:5}  '
        f'rejected {rejected:3}  tip off target {_format_length(tip_error):>9}  '
        f'latency {_format_latency(record)}'
    )


def _format_length(length_m: float | None) -> str:
    return UNKNOWN if length_m is None else format_length(length_m)


def _format_microseconds(time_us: float | None) -> str:
    return UNKNOWN if time_us is None else f'{time_us:.0f} µs'


def _format_latency(record: DemoRecord) -> str:
    recent = sorted(record.round_trips_s[-LATENCY_SAMPLE_COUNT:])
    return _format_microseconds(1e6 * recent[len(recent) // 2] if recent else None)
