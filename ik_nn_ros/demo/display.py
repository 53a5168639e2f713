"""Show a run while it goes on: a live table in a terminal, a line every second elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from rich.console import Console
from rich.live import Live
from rich.table import Table

from ik_nn_ros.demo.record import ACCEPTED_CODES, DemoRecord

REFRESH_PERIOD_S = 0.1
"""Time between two pictures in a terminal, s."""
LINE_PERIOD_S = 2.0
"""Time between two lines elsewhere, s."""
CAPTION = 'the tip follows a stream of targets 0.1 to 0.2 s late'

DisplayCallback = Callable[[str, float | None], None]
"""Called with the phase and the tip error (m) as often as wanted."""


@contextmanager
def display(record: DemoRecord, console: Console, live: bool) -> Iterator[DisplayCallback]:
    """
    Show the record while the block runs.

    :param record: what to show
    :param console: where to
    :param live: a table that is redrawn, if the console is a terminal
    """
    started = time.monotonic()
    if live and console.is_terminal:
        with Live(console=console, auto_refresh=False, transient=True) as screen:
            yield _throttled(
                REFRESH_PERIOD_S,
                lambda *now: screen.update(_live_table(record, started, *now), refresh=True),
            )
    else:
        yield _throttled(
            LINE_PERIOD_S,
            lambda *now: console.print(
                _progress_line(record, *now), highlight=False, soft_wrap=True
            ),
        )


def summary_table(record: DemoRecord) -> Table:
    """Return the end of the run as a table."""
    summary = record.summary()
    rejected = ', '.join(f'{code} {count}' for code, count in summary['rejected'].items())
    stages = ', '.join(f'{stage} {count}' for stage, count in summary['stages'].items())
    table = Table(title='ik_nn demo', show_header=False, caption=CAPTION)
    for name, value in (
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
    ):
        table.add_row(name, value)
    return table


def _throttled(period_s: float, show: DisplayCallback) -> DisplayCallback:
    last = -period_s

    def paced(phase: str, tip_error: float | None) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= period_s:
            last = now
            show(phase, tip_error)

    return paced


def _live_table(record: DemoRecord, started: float, phase: str, tip_error: float | None) -> Table:
    table = Table(title=f'{phase}, {time.monotonic() - started:.0f} s', show_header=False)
    table.add_column(width=28)
    table.add_column(width=20, justify='right')
    table.add_row('targets', str(record.target_count))
    for stage, count in record.stages.items():
        table.add_row(f'[green]accepted, {stage}', str(count))
    for code, count in record.result_codes.items():
        if code not in ACCEPTED_CODES:
            table.add_row(f'[red]rejected, {code}', str(count))
    table.add_row('tip from last target', _format_length(tip_error))
    table.add_row('target to command, median', _format_latency(record))
    table.add_row('commands outside limits', str(record.limit_violations))
    return table


def _progress_line(record: DemoRecord, phase: str, tip_error: float | None) -> str:
    accepted = sum(record.result_codes[code] for code in ACCEPTED_CODES)
    return (
        f'{phase:14} targets {record.target_count:5}  accepted {accepted:5}  '
        f'rejected {record.result_codes.total() - accepted:3}  tip off target {_format_length(tip_error):>9}  '
        f'latency {_format_latency(record)}'
    )


def _format_length(length: float | None) -> str:
    if length is None:
        return 'not known'
    return f'{1e3 * length:.2f} mm' if length >= 1e-5 else f'{length:.1e} m'


def _format_microseconds(time_us: float | None) -> str:
    return 'not known' if time_us is None else f'{time_us:.0f} µs'


def _format_latency(record: DemoRecord) -> str:
    recent = sorted(record.round_trips_s[-200:])
    return _format_microseconds(1e6 * recent[len(recent) // 2] if recent else None)


# MERGED demo.page: The demo's page in the browser: whether there can be one, and how it is opened.

REQUIRED_MODULES = ('viser', 'yourdfpy')
INSTALL_COMMAND = "pip install 'viser[urdf]'"
"""What installs them."""


def missing_module() -> str:
    """Return the module that the page needs and that is not installed; empty: all are there."""
    return next((name for name in REQUIRED_MODULES if find_spec(name) is None), '')


def open_in_browser(url: str) -> None:
    """Have the desktop's browser show the page; where there is neither, nothing happens."""
    if os.environ.get('DISPLAY') or os.environ.get('WAYLAND_DISPLAY'):
        # Apart from this terminal: some browsers write to it, some are waited for, and its Ctrl-C
        # is not for them.
        subprocess.Popen(
            [sys.executable, '-m', 'webbrowser', url],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
