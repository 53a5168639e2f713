"""Show a run while it goes on: a live table in a terminal, a line every second elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.table import Table

from ik_nn_ros.demo.record import ACCEPTED, Record

REFRESH = 0.1
"""Time between two pictures in a terminal, s."""
LINES = 2.0
"""Time between two lines elsewhere, s."""

Show = Callable[[str, float | None], None]
"""Called with the phase and the tip error (m) as often as wanted."""


@contextmanager
def display(record: Record, console: Console, live: bool) -> Iterator[Show]:
    """
    Show the record while the block runs.

    :param record: what to show
    :param console: where to
    :param live: a table that is redrawn, if the console is a terminal
    """
    started = time.monotonic()
    if live and console.is_terminal:
        with Live(console=console, auto_refresh=False) as screen:
            yield _paced(
                REFRESH, lambda *now: screen.update(_table(record, started, *now), refresh=True)
            )
    else:
        yield _paced(
            LINES, lambda *now: console.print(_line(record, *now), highlight=False, soft_wrap=True)
        )


def summary_table(record: Record) -> Table:
    """Return the end of the run as a table."""
    table = Table(title='ik_nn demo', show_header=False)
    for key, value in record.summary().items():
        if isinstance(value, dict):
            value = ', '.join(f'{name} {count}' for name, count in value.items()) or 'none'
        elif isinstance(value, float):
            value = f'{value:.3g}'
        table.add_row(key, str(value))
    return table


def _paced(period: float, show: Show) -> Show:
    last = -period

    def paced(phase: str, tip_error: float | None) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= period:
            last = now
            show(phase, tip_error)

    return paced


def _table(record: Record, started: float, phase: str, tip_error: float | None) -> Table:
    elapsed = time.monotonic() - started
    table = Table(title=f'{phase}, {elapsed:.0f} s', show_header=False, min_width=56)
    table.add_row('targets', f'{record.targets}, {record.targets / max(elapsed, 1.0):.0f} a second')
    for stage, count in record.stages.items():
        table.add_row(f'[green]accepted, {stage}', str(count))
    for code, count in record.codes.items():
        if code not in ACCEPTED:
            table.add_row(f'[red]rejected, {code}', str(count))
    table.add_row('tip from target', _millimetres(tip_error))
    table.add_row('target to command', _latency(record))
    table.add_row('commands outside limits', str(record.limit_violations))
    return table


def _line(record: Record, phase: str, tip_error: float | None) -> str:
    accepted = sum(record.codes[code] for code in ACCEPTED)
    return (
        f'{phase:14} targets {record.targets:5}  accepted {accepted:5}  '
        f'rejected {record.codes.total() - accepted:3}  tip error {_millimetres(tip_error)}  '
        f'latency {_latency(record)}'
    )


def _millimetres(length: float | None) -> str:
    return 'not known' if length is None else f'{1e3 * length:.2f} mm'


def _latency(record: Record) -> str:
    recent = sorted(record.round_trips[-200:])
    return f'{1e6 * recent[len(recent) // 2]:.0f} µs' if recent else 'not known'
