"""The comparison as tables of words, for the terminal and for the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ik_nn_ros.learning.compare import cells
from ik_nn_ros.learning.compare.over_seeds import SeedStatistics, seed_statistics
from ik_nn_ros.learning.compare.results import CompareRow, Comparison

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
                cells.format_count(entry.row.weights or None),
                cells.format_count(entry['training_s']),
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
                cells.format_share(entry['exact_share']),
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
                cells.format_count(entry['steps_p50']),
                cells.format_count(entry['steps_p99']),
                cells.format_share(entry['scattered_failed_share']),
                cells.format_count(entry['path_steps_p50']),
                cells.format_count(entry['path_steps_p99']),
                cells.format_share(entry['exact_share']),
                cells.format_quantity(entry.row.single_us),
            )
            for entry in entries
            if entry['steps_p50'] is not None or entry['path_steps_p50'] is not None
        ),
        'Steps: iterations of the targets that were met exactly. Failed: see above. Exact: met '
        'within 1e-9 of reach. µs: one target by itself; -: answers only along paths.',
    )


def _robustness_table(alone: Sequence[TableEntry], refined: Mapping[str, TableEntry]) -> TextTable:
    measures: tuple[tuple[str, str, CellFormat], ...] = (
        ('noisy_p99_of_reach', 'noise\np99', cells.format_error),
        ('outside_p99_of_reach', 'outside\np99', cells.format_error),
        ('both_branches_share', 'both\nbranches', cells.format_share),
        ('roughness_ratio', 'rough-\nness', cells.format_quantity),
    )
    return TextTable(
        'robustness',
        'Robustness, alone and with Newton steps after it',
        ('', *(head for _, name, _ in measures for head in (name, REFINED_COLUMN_HEAD))),
        tuple(
            (
                entry.title,
                *(
                    to_cell(one[name]) if one else cells.NO_VALUE
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
                entry.row.execution_mode or cells.NO_VALUE,
                *(
                    cells.format_quantity(measure(one.row)) if one else cells.NO_VALUE
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
    spread = (cells.format_range(entry.measures[p99], cells.format_error),) if several else ()
    return (
        cells.format_error(entry[p50]),
        cells.format_error(entry[p99]),
        *spread,
        cells.format_error(entry[worst]),
        cells.format_share(entry[f'{part}_failed_share']),
    )
