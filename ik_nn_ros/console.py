"""Output of the commands: text, tables and progress bars, and the formats of numbers in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite, isinf

from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

MIN_WIDTH_CHARACTERS = 100
"""Width of the output where the terminal is narrower: a broken line loses no digits, a cut does."""

Cell = str | Text
"""Plain text, or text with a colour; markup in a string is not interpreted."""
SEPARATOR: tuple[str, ...] = ()
"""Row of a table that is drawn as a line."""
ProgressCallback = Callable[[str, int, int, str], None]
"""Takes the name of the work, the steps done, the steps in all, and a remark."""


@dataclass(frozen=True)
class TextTable:
    """
    A table of text for the terminal or a page.

    :param title: subject of the table
    :param columns: heads, each of one or two lines; without any text no head is shown
    :param rows: cells, at most as many as heads; the first one names the row; or :data:`SEPARATOR`
    :param caption: explanation of the heads, below the table
    :param left_aligned: number of columns at the left that hold text; the others hold numbers
    :param column_gap: blanks between two columns
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str = ''
    left_aligned: int = 1
    column_gap: int = 2

    def to_rich(self) -> Table:
        """Return the table as rich draws it."""
        table = Table(
            title=Text(self.title) if self.title else None,
            title_justify='left',
            title_style='bold',
            caption=Text(self.caption) if self.caption else None,
            caption_justify='left',
            show_header=any(self.columns),
            box=box.SIMPLE_HEAD,
            pad_edge=False,
            padding=(0, self.column_gap - 1, 0, 0),
        )
        for number, head in enumerate(self.columns):
            table.add_column(
                Text(head),
                justify='left' if number < self.left_aligned else 'right',
                no_wrap=number > 0,
                overflow='fold',
                vertical='bottom',
            )
        for row in self.rows:
            if row:
                table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
            else:
                table.add_section()
        return table


def requirement_mark(is_met: bool) -> Cell:
    """Return the cell that says whether a requirement is met."""
    return Text('met', 'green') if is_met else Text('not met', 'red')


def output_console() -> Console:
    """Return the console on stdout; it prints text as it is, without markup or line breaks."""
    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    console.width = max(console.width, MIN_WIDTH_CHARACTERS)
    return console


def status_console() -> Console:
    """Return the console on stderr, for progress and for what is left out."""
    return Console(stderr=True, markup=False, emoji=False)


def print_tables(console: Console, tables: Iterable[TextTable]) -> None:
    """Print tables with a blank line after each."""
    for table in tables:
        console.print(table.to_rich(), soft_wrap=False)
        console.print()


@contextmanager
def progress_bars() -> Iterator[ProgressCallback]:
    """Show a bar on stderr for each piece of work that is reported while the block runs."""
    columns = (
        TextColumn('{task.description:20}', markup=False),
        BarColumn(),
        TextColumn('{task.completed}/{task.total}'),
        TimeElapsedColumn(),
        TextColumn('{task.fields[remark]}', markup=False),
    )
    with Progress(*columns, console=status_console()) as bars:
        tasks: dict[str, TaskID] = {}

        def show(name: str, done: int, total: int, remark: str) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, remark='')
            bars.update(tasks[name], completed=done, total=total, remark=remark)

        yield show


NO_VALUE = '-'
"""A cell without a value."""
INFINITE_VALUE = '∞'
"""A cell whose value is infinite."""
LENGTH_UNITS = ((1.0, 'm'), (1e-3, 'mm'), (1e-6, 'µm'), (1e-9, 'nm'))
"""Scale, m, and name of each unit of length."""


def format_length(value_m: float) -> str:
    """Return a length, m, with three digits in the unit that suits it."""
    if not isfinite(value_m):
        return 'no number'
    for scale, unit in LENGTH_UNITS:
        if value_m >= 0.9995 * scale:
            return f'{value_m / scale:.3g} {unit}'
    return '0' if value_m == 0.0 else f'{value_m:.1e} m'


def format_error(value: float | None) -> str:
    """Return a fraction of reach with two digits and a short exponent."""
    if value is None:
        return NO_VALUE
    if isinf(value):
        return INFINITE_VALUE
    if value == 0.0:
        return '0'
    digits, exponent = f'{value:.1e}'.split('e')
    return f'{digits}e{int(exponent)}' if int(exponent) else digits


def format_share(value: float | None) -> str:
    """Return a share as a percentage that is 0 or 100 only when it is exactly so."""
    if value is None:
        return NO_VALUE
    if value in (0.0, 1.0):
        return f'{value:.0%}'
    text = f'{value:.2%}'
    return {'0.00%': '<0.01%', '100.00%': '>99.99%'}.get(text, text)


def format_quantity(value: float | None) -> str:
    """Return a time, a ratio or a rate with three digits."""
    if value is None:
        return NO_VALUE
    if isinf(value):
        return INFINITE_VALUE
    rounded = float(f'{value:.3g}')
    decimals = 0 if rounded >= 100.0 else 1 if rounded >= 10.0 else 2
    return f'{rounded:,.{decimals}f}'


def format_count(value: float | None) -> str:
    """Return a whole number."""
    return NO_VALUE if value is None else INFINITE_VALUE if isinf(value) else f'{value:,.0f}'


def format_ratio(value: float, reference: float | None) -> str:
    """Return a value as a multiple of a reference with two decimals."""
    return f'{value / reference:.2f}' if reference else NO_VALUE
