"""The comparison as tables for the terminal, and as CSV."""

from __future__ import annotations

import csv
import io

from rich import box
from rich.console import Group
from rich.table import Table

from ik_nn_ros.learning.compare.over_seeds import MEASURES, Spread, over_seeds
from ik_nn_ros.learning.compare.results import Comparison, Row
from ik_nn_ros.learning.compare.sheets import Sheet, sheets

WIDTH = 100
"""Columns that every table fits into."""
ROW = ('name', 'label', 'kind', 'refined', 'weights', 'use', 'seeds', 'single_us', 'batch_per_s')
"""Heads of the CSV that do not change with the seed."""


def all_tables(comparison: Comparison) -> Group:
    """Return every table for the terminal."""
    tables = (_for_terminal(sheet) for sheet in sheets(comparison))
    return Group(*(part for table in tables for part in (table, '')))


def _for_terminal(sheet: Sheet) -> Table:
    table = Table(
        title=sheet.title,
        title_justify='left',
        title_style='bold',
        caption=sheet.caption,
        caption_justify='left',
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    table.add_column(sheet.columns[0], overflow='fold')
    for column in sheet.columns[1:]:
        table.add_column(column, justify='right', no_wrap=True, vertical='bottom')
    for row in sheet.rows:
        table.add_row(*row)
    return table


def to_csv(comparison: Comparison) -> str:
    """
    Return a line for each row of the comparison.

    Heads end with the unit (``_of_reach``, ``_share`` from 0 to 1, ``_ratio``, ``_s``, ``_us``,
    ``_per_s``; steps and samples are numbers). Each measure of a run is there three times: the
    median over the seeds under its name, and with ``_min`` and ``_max``. Empty: there is none;
    ``inf``: a target without an answer.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator='\n')
    ends = ('', '_min', '_max')
    writer.writerow([*ROW, *(f'{name}{end}' for name in MEASURES for end in ends)])
    writer.writerows(_line(row) for row in comparison.rows)
    return stream.getvalue()


def _line(row: Row) -> list[object]:
    fixed = (row.name, row.label, row.kind.value, int(row.refined), row.weights, row.use)
    spreads = over_seeds(row).values()
    return [
        *fixed,
        sum(run.seed is not None for run in row.runs),
        row.single,
        row.batch,
        *(number for spread in spreads for number in _three(spread)),
    ]


def _three(spread: Spread | None) -> tuple[float | None, float | None, float | None]:
    return (spread.median, spread.least, spread.most) if spread else (None, None, None)
