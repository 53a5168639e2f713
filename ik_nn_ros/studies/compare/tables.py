"""The comparison as tables of text, for the terminal and the page, and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ik_nn_ros.console import (
    NO_VALUE,
    TextTable,
    format_count,
    format_error,
    format_quantity,
    format_share,
)
from ik_nn_ros.studies.compare.results import (
    RUN_MEASURES,
    CompareRow,
    Comparison,
    SeedStatistics,
    seed_statistics,
)

REFINED_SUFFIX = ' + Newton'
"""Suffix of a method's name with our refinement."""
REFINED_COLUMN_HEAD = 'then\nNewton'
"""Head of the column with the same measure after refinement."""
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
"""Heads of the CSV columns that are the same for all seeds."""

CellFormat = Callable[[float | None], str]


@dataclass(frozen=True)
class TableEntry:
    """
    A row of the comparison and its measures over the seeds.

    :param row: the row
    :param measures: result of :func:`seed_statistics`
    """

    row: CompareRow
    measures: Mapping[str, SeedStatistics | None]

    def __getitem__(self, name: str) -> float | None:
        """Return the median of a measure."""
        statistics = self.measures[name]
        return None if statistics is None else statistics.median

    @property
    def title(self) -> str:
        """The name of the row in the tables."""
        return self.row.label + (REFINED_SUFFIX if self.row.refined else '')


def comparison_tables(comparison: Comparison) -> dict[str, TextTable]:
    """Return the tables that have a row by key, in the order of the terminal."""
    entries = [TableEntry(row, seed_statistics(row)) for row in comparison.rows]
    alone = [entry for entry in entries if not entry.row.refined]
    refined = {entry.row.name: entry for entry in entries if entry.row.refined}
    has_several_seeds = comparison.seeds > 1
    tables = {
        'scattered': _scattered_table(alone, has_several_seeds),
        'paths': _path_table(alone, has_several_seeds),
        'iterations': _iteration_table(entries),
        'robustness': _robustness_table(alone, refined),
        'time': _time_table(alone, refined),
    }
    return {key: table for key, table in tables.items() if table.rows}


def _scattered_table(alone: Sequence[TableEntry], has_several_seeds: bool) -> TextTable:
    return TextTable(
        'Alone, targets anywhere in the workspace',
        ('', '\nweights', 'training\ns', *_error_columns(has_several_seeds)),
        tuple(
            (
                entry.title,
                format_count(entry.row.weights or None),
                format_count(entry['training_s']),
                *_error_cells(entry, 'scattered', has_several_seeds),
            )
            for entry in alone
        ),
        'Tip errors as fractions of reach. Failed: no answer, an error of more than 1 % of reach, '
        'or outside the joint limits. -: not trained, or answers only along paths.'
        + _seed_caption(has_several_seeds),
    )


def _path_table(alone: Sequence[TableEntry], has_several_seeds: bool) -> TextTable:
    return TextTable(
        'Alone, targets along smooth paths',
        ('', *_error_columns(has_several_seeds), '\nexact'),
        tuple(
            (
                entry.title,
                *_error_cells(entry, 'along_path', has_several_seeds),
                format_share(entry['exact_share']),
            )
            for entry in alone
        ),
        'The joints start each target from the answer to the one before. Exact: met within 1e-9 of '
        'reach, inside the joint limits.',
    )


def _iteration_table(entries: Sequence[TableEntry]) -> TextTable:
    return TextTable(
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
        'Robustness, alone and with Newton steps after it',
        ('', *(head for _, name, _ in measures for head in (name, REFINED_COLUMN_HEAD))),
        tuple(
            (
                entry.title,
                *(
                    format_value(each[name]) if each else NO_VALUE
                    for name, _, format_value in measures
                    for each in (entry, refined.get(entry.row.name))
                ),
            )
            for entry in alone
        ),
        'Noise: error with noise of 1 % of reach on x and y of the targets. Outside: error '
        'against the nearest point in reach, for targets up to a fifth beyond. Both branches: '
        'share answered correctly on either branch when required. Roughness: second differences of '
        'the joints along paths, relative to those of the exact joints. ∞: no answer.',
    )


def _time_table(alone: Sequence[TableEntry], refined: Mapping[str, TableEntry]) -> TextTable:
    measures: tuple[tuple[Callable[[CompareRow], float | None], str], ...] = (
        (lambda row: row.single_us, 'one by itself\nµs'),
        (lambda row: row.batch_per_s, 'many at once\n/s'),
    )
    return TextTable(
        'Time of a target',
        ('', '\nuse', *(head for _, name in measures for head in (name, REFINED_COLUMN_HEAD))),
        tuple(
            (
                entry.title,
                entry.row.execution_mode or NO_VALUE,
                *(
                    format_quantity(measure(each.row)) if each else NO_VALUE
                    for measure, _ in measures
                    for each in (entry, refined.get(entry.row.name))
                ),
            )
            for entry in alone
        ),
        'Use: ik_node runs it unchanged; step by step: the caller keeps its state; offline: it '
        'needs the whole path at once, so no target has a time by itself.',
    )


def _seed_caption(has_several_seeds: bool) -> str:
    return (
        ' Of several seeds: the median; p99 also from smallest to largest.'
        if has_several_seeds
        else ''
    )


def _error_columns(has_several_seeds: bool) -> tuple[str, ...]:
    over_seeds = ('p99 over\nseeds',) if has_several_seeds else ()
    return ('error\np50', '\np99', *over_seeds, '\nlargest', '\nfailed')


def _error_cells(entry: TableEntry, part: str, has_several_seeds: bool) -> tuple[str, ...]:
    p50, p99, worst = (f'{part}_{name}_of_reach' for name in ('p50', 'p99', 'worst'))
    over_seeds = (_format_range(entry.measures[p99], format_error),) if has_several_seeds else ()
    return (
        format_error(entry[p50]),
        format_error(entry[p99]),
        *over_seeds,
        format_error(entry[worst]),
        format_share(entry[f'{part}_failed_share']),
    )


def _format_range(
    statistics: SeedStatistics | None, format_value: Callable[[float | None], str]
) -> str:
    """Return the smallest and the largest value of a measure over the seeds."""
    if statistics is None or statistics.least == statistics.most:
        return NO_VALUE
    return f'{format_value(statistics.least)}…{format_value(statistics.most)}'


def to_csv(comparison: Comparison) -> str:
    """
    Return a line for each row of the comparison.

    Heads end with the unit (``_of_reach``, ``_share`` from 0 to 1, ``_ratio``, ``_s``, ``_us``,
    ``_per_s``; steps and samples are numbers). Each measure of a run has three columns: the median
    over the seeds under its name, and the extremes with ``_min`` and ``_max``. A cell is empty
    without a value and ``inf`` where a target has no answer.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator='\n')
    suffixes = ('', '_min', '_max')
    writer.writerow(
        [*CSV_COLUMNS, *(f'{name}{suffix}' for name in RUN_MEASURES for suffix in suffixes)]
    )
    writer.writerows(_csv_row(row) for row in comparison.rows)
    return stream.getvalue()


def _csv_row(row: CompareRow) -> list[object]:
    fixed = (row.name, row.label, row.kind.value, int(row.refined), row.weights, row.execution_mode)
    return [
        *fixed,
        sum(run.seed is not None for run in row.runs),
        row.single_us,
        row.batch_per_s,
        *(value for each in seed_statistics(row).values() for value in _csv_values(each)),
    ]


def _csv_values(statistics: SeedStatistics | None) -> tuple[float | None, ...]:
    if statistics is None:
        return (None, None, None)
    return (statistics.median, statistics.least, statistics.most)
