"""Show how far long work is, as bars on stderr."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

ProgressCallback = Callable[[str, int, int, str], None]
"""Takes what is being done, steps done, steps in all, and a remark."""


@contextmanager
def progress_bars() -> Iterator[ProgressCallback]:
    """Give what shows a bar for each thing that is done, while the block runs."""
    columns = (
        TextColumn('{task.description:20}'),
        BarColumn(),
        TextColumn('{task.completed}/{task.total}'),
        TimeElapsedColumn(),
        TextColumn('{task.fields[remark]}'),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, TaskID] = {}

        def show(what: str, done: int, total: int, remark: str) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, remark='')
            bars.update(tasks[what], completed=done, total=total, remark=remark)

        yield show
