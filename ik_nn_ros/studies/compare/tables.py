"""The comparison as tables of words, for the terminal and for the page."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isinf

from rich import box
from rich.console import Group
from rich.table import Table

from ik_nn_ros.studies.compare.results import (
    RUN_MEASURES,
    CompareRow,
    Comparison,
    SeedStatistics,
    seed_statistics,
)

REFINED_SUFFIX = ' + Newton'
"""After the name of a method with our refinement."""
REFINED_COLUMN_HEAD = 'then\nNewton'
"""Head of the column with the same measure after refinement."""

CellFormat = Callable[[float | None], str]


@dataclass(frozen=True)
class TextTable:
    """
    A table.

    :param key: for the page, which puts plots beside some
    :param title: what it is about
    :param columns: heads, each of one or two lines
    :param rows: as many cells each; the first names the row
    :param caption: what the heads mean
    """

    key: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str


@dataclass(frozen=True)
class TableEntry:
    """
    A row, and its measures over the seeds.

    :param row: the row
    :param measures: by name, as :func:`seed_statistics` has them
    """

    row: CompareRow
    measures: Mapping[str, SeedStatistics | None]

    def __getitem__(self, name: str) -> float | None:
        """Return the median of a measure."""
        spread = self.measures[name]
        return None if spread is None else spread.median

    @property
    def title(self) -> str:
        """The name of the row."""
        return self.row.label + (REFINED_SUFFIX if self.row.refined else '')


def comparison_tables(comparison: Comparison) -> tuple[TextTable, ...]:
    """Return the tables that have a row."""
    entries = [TableEntry(row, seed_statistics(row)) for row in comparison.rows]
    alone = [entry for entry in entries if not entry.row.refined]
    refined = {entry.row.name: entry for entry in entries if entry.row.refined}
    several = comparison.seeds > 1
    made = (
        _scattered_table(alone, several),
        _path_table(alone, several),
        _iteration_table(entries),
        _robustness_table(alone, refined),
        _time_table(alone, refined),
    )
    return tuple(sheet for sheet in made if sheet.rows)


def _scattered_table(alone: Sequence[TableEntry], several: bool) -> TextTable:
    return TextTable(
        'scattered',
        'Alone, targets anywhere in the workspace',
        ('', '\nweights', 'training\ns', *_error_columns(several)),
        tuple(
            (
                entry.title,
                format_count(entry.row.weights or None),
                format_count(entry['training_s']),
                *_error_cells(entry, 'scattered', several),
            )
            for entry in alone
        ),
        'Tip errors as fractions of reach. Failed: no answer, off by more than 1 % of reach, or '
        'outside the joint limits. -: not trained, or answers only along paths.'
        + _seed_caption(several),
    )


def _path_table(alone: Sequence[TableEntry], several: bool) -> TextTable:
    return TextTable(
        'paths',
        'Alone, targets along smooth paths',
        ('', *_error_columns(several), '\nexact'),
        tuple(
            (
                entry.title,
                *_error_cells(entry, 'along_path', several),
                format_share(entry['exact_share']),
            )
            for entry in alone
        ),
        'The joints start each target where they were left. Exact: met within 1e-9 of reach, '
        'inside the joint limits.',
    )


def _iteration_table(entries: Sequence[TableEntry]) -> TextTable:
    return TextTable(
        'iterations',
        'Step by step to the target: numerical methods, and Newton after a network',
        (
            '',
            *('anywhere\nsteps p50', '\np99', '\nfailed'),
            *('on paths\nsteps p50', '\np99', '\nexact'),
            'µs a\ntarget',
        ),
        tuple(
            (
                entry.title,
                format_count(entry['steps_p50']),
                format_count(entry['steps_p99']),
                format_share(entry['scattered_failed_share']),
                format_count(entry['path_steps_p50']),
                format_count(entry['path_steps_p99']),
                format_share(entry['exact_share']),
                format_quantity(entry.row.single_us),
            )
            for entry in entries
            if entry['steps_p50'] is not None or entry['path_steps_p50'] is not None
        ),
        'Steps: iterations of the targets that were met exactly. Failed: see above. Exact: met '
        'within 1e-9 of reach. µs: one target by itself; -: answers only along paths.',
    )


def _robustness_table(alone: Sequence[TableEntry], refined: Mapping[str, TableEntry]) -> TextTable:
    measures: tuple[tuple[str, str, CellFormat], ...] = (
        ('noisy_p99_of_reach', 'noise\np99', format_error),
        ('outside_p99_of_reach', 'outside\np99', format_error),
        ('both_branches_share', 'both\nbranches', format_share),
        ('roughness_ratio', 'rough-\nness', format_quantity),
    )
    return TextTable(
        'robustness',
        'Robustness, alone and with Newton steps after it',
        ('', *(head for _, name, _ in measures for head in (name, REFINED_COLUMN_HEAD))),
        tuple(
            (
                entry.title,
                *(
                    to_cell(one[name]) if one else NO_VALUE
                    for name, _, to_cell in measures
                    for one in (entry, refined.get(entry.row.name))
                ),
            )
            for entry in alone
        ),
        'Noise: error where the targets have noise of 1 % of reach in x and y. Outside: error '
        'against the nearest point in reach, for targets up to a fifth beyond. Both branches: '
        'share answered rightly on either elbow side when asked. Roughness: of the joints along '
        'paths, second differences over those of the exact joints. ∞: no answer.',
    )


def _time_table(alone: Sequence[TableEntry], refined: Mapping[str, TableEntry]) -> TextTable:
    measures: tuple[tuple[Callable[[CompareRow], float | None], str], ...] = (
        (lambda row: row.single_us, 'one by itself\nµs'),
        (lambda row: row.batch_per_s, 'many at once\n/s'),
    )
    return TextTable(
        'time',
        'Time of a target',
        ('', '\nuse', *(head for _, name in measures for head in (name, REFINED_COLUMN_HEAD))),
        tuple(
            (
                entry.title,
                entry.row.execution_mode or NO_VALUE,
                *(
                    format_quantity(measure(one.row)) if one else NO_VALUE
                    for measure, _ in measures
                    for one in (entry, refined.get(entry.row.name))
                ),
            )
            for entry in alone
        ),
        'Use: ik_node runs it unchanged; step by step: the caller keeps its state; offline: it '
        'needs the whole path at once, so no target has a time by itself.',
    )


def _seed_caption(several: bool) -> str:
    return ' Of several seeds: the median; p99 also from least to most.' if several else ''


def _error_columns(several: bool) -> tuple[str, ...]:
    spread = ('p99 over\nseeds',) if several else ()
    return ('error\np50', '\np99', *spread, '\nlargest', '\nfailed')


def _error_cells(entry: TableEntry, part: str, several: bool) -> tuple[str, ...]:
    p50, p99, worst = (f'{part}_{name}_of_reach' for name in ('p50', 'p99', 'worst'))
    spread = (format_range(entry.measures[p99], format_error),) if several else ()
    return (
        format_error(entry[p50]),
        format_error(entry[p99]),
        *spread,
        format_error(entry[worst]),
        format_share(entry[f'{part}_failed_share']),
    )


# MERGED learning.compare.cells: How a number stands in a table: the same in the terminal and on the page.

NO_VALUE, INFINITE_VALUE = '-', '∞'


def format_error(value: float | None) -> str:
    """Return a fraction of reach."""
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
    shown = f'{value:.2%}'
    return {'0.00%': '<0.01%', '100.00%': '>99.99%'}.get(shown, shown)


def format_quantity(value: float | None) -> str:
    """Return a time, a ratio or a rate to three digits."""
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


def format_range(value: SeedStatistics | None, format_value: Callable[[float | None], str]) -> str:
    """Return from where to where a measure goes over the seeds."""
    if value is None or value.least == value.most:
        return NO_VALUE
    return f'{format_value(value.least)}…{format_value(value.most)}'


# MERGED learning.compare.tables: The comparison as tables for the terminal, and as CSV.

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
