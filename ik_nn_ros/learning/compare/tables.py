"""The comparison as tables for the terminal, and as CSV."""

from __future__ import annotations

import csv
import io

from rich import box
from rich.console import Group
from rich.table import Table

from ik_nn_ros.learning.compare.over_seeds import RUN_MEASURES, SeedStatistics, seed_statistics
from ik_nn_ros.learning.compare.results import CompareRow, Comparison
from ik_nn_ros.learning.compare.sheets import TextTable, comparison_tables

TABLE_WIDTH_CHARACTERS = 100
"""Columns that every table fits into."""
CSV_COLUMNS = (
    'name',
    'label',
    'kind',
    'refined',
    'weights',
    'use',
    'seeds',
    'single_us',
    'batch_per_s',
)
"""Heads of the CSV that do not change with the seed."""


def terminal_tables(comparison: Comparison) -> Group:
    """Return every table for the terminal."""
    tables = (_terminal_table(sheet) for sheet in comparison_tables(comparison))
    return Group(*(part for table in tables for part in (table, '')))


def _terminal_table(content: TextTable) -> Table:
    table = Table(
        title=content.title,
        title_justify='left',
        title_style='bold',
        caption=content.caption,
        caption_justify='left',
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    table.add_column(content.columns[0], overflow='fold')
    for column in content.columns[1:]:
        table.add_column(column, justify='right', no_wrap=True, vertical='bottom')
    for row in content.rows:
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
    writer.writerow([*CSV_COLUMNS, *(f'{name}{end}' for name in RUN_MEASURES for end in ends)])
    writer.writerows(_csv_row(row) for row in comparison.rows)
    return stream.getvalue()


def _csv_row(row: CompareRow) -> list[object]:
    fixed = (row.name, row.label, row.kind.value, int(row.refined), row.weights, row.execution_mode)
    spreads = seed_statistics(row).values()
    return [
        *fixed,
        sum(run.seed is not None for run in row.runs),
        row.single_us,
        row.batch_per_s,
        *(number for spread in spreads for number in _csv_values(spread)),
    ]


def _csv_values(spread: SeedStatistics | None) -> tuple[float | None, float | None, float | None]:
    return (spread.median, spread.least, spread.most) if spread else (None, None, None)
