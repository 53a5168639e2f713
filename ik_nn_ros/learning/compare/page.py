"""The comparison as a page of its own."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from ik_nn_ros.learning.compare import panels, words
from ik_nn_ros.learning.compare.plots import draw_error_time
from ik_nn_ros.learning.compare.results import Comparison, MethodKind
from ik_nn_ros.learning.compare.robustness_plot import draw_robustness
from ik_nn_ros.learning.compare.sheets import TextTable, comparison_tables
from ik_nn_ros.learning.report import html


def to_html(comparison: Comparison) -> str:
    """Return the comparison as a page that needs no other file."""
    tables = {sheet.key: sheet for sheet in comparison_tables(comparison)}
    parts = [
        *_header(comparison),
        *_error_time(comparison),
        *_table_section(tables['scattered']),
        *_maps(comparison),
        *_table_section(tables['paths']),
        *(_table_section(tables['iterations']) if 'iterations' in tables else ()),
        *_table_section(tables['robustness']),
        *_robustness(comparison),
        *_joints(comparison),
        *_table_section(tables['time']),
        *_methodology(comparison),
        *_provenance(comparison),
    ]
    return html.page(f'Inverse kinematics compared: {comparison.arm.name}', parts)


def _header(comparison: Comparison) -> Iterator[str]:
    arm = comparison.arm
    labels = {row.name: row.label for row in comparison.rows}
    yield f'<h1>Inverse kinematics compared: {escape(arm.name)}</h1>'
    yield html.paragraph(
        f'{len(labels)} ways from a target to joint angles, on one arm of two links '
        f'({arm.lengths[0]:g} m and {arm.lengths[1]:g} m), measured on the same targets.'
        + _trainings(comparison)
    )
    yield html.heading('What was compared')
    yield html.fact_table(
        (label, words.METHOD_DESCRIPTIONS.get(name, '')) for name, label in labels.items()
    )


def _trainings(comparison: Comparison) -> str:
    if not any(row.weights for row in comparison.rows):
        return ''
    seeds = f'{comparison.seeds} seeds' if comparison.seeds > 1 else 'one seed'
    text = (
        f' Each network was trained for at most {comparison.seconds:g} s, from {seeds}, and is '
        'measured alone and with our Newton steps after it.'
    )
    return text + (' Numbers are medians over the seeds.' if comparison.seeds > 1 else '')


def _table_section(sheet: TextTable) -> Iterator[str]:
    yield html.heading(sheet.title)
    yield html.number_table(sheet.columns, sheet.rows)
    yield html.paragraph(sheet.caption)


def _error_time(comparison: Comparison) -> Iterator[str]:
    yield html.heading('Error against time')
    yield html.figure(
        draw_error_time(comparison),
        'Lower is more accurate, further left is faster; both axes are logarithmic, and below 1e-9 '
        'of reach, where an answer counts as exact, a decade takes less room. Errors are along '
        'paths. An arrow leads from a network alone to the same network with Newton steps after '
        'it. A bar up to the upper edge: more than 1 % of the targets got no answer. Smaller than '
        '1e-17 is shown at 1e-17.',
    )


def _maps(comparison: Comparison) -> Iterator[str]:
    yield html.figure(
        panels.draw_maps(comparison),
        'Error of each method alone over the workspace, elbow on the positive side; one scale for '
        'all. Darkest: exact. Brightest: no answer. Blank: the arm '
        'does not get there within its joint limits. A path network is shown at a path that stays '
        'where it is. The cross is the first axis. Networks from the first seed.',
    )


def _robustness(comparison: Comparison) -> Iterator[str]:
    yield html.figure(
        draw_robustness(comparison),
        'Errors along paths. Left: in reach, as the table above. Middle: with noise on the '
        'targets; what an exact answer to a noisy target is off by is the noise itself. Right: '
        'targets beyond reach, against the nearest point that the arm reaches. Smaller than 1e-9 '
        'is shown at 1e-9.',
    )


def _joints(comparison: Comparison) -> Iterator[str]:
    yield html.heading('Joints along a test figure')
    yield html.figure(
        panels.draw_joints(comparison),
        f'A figure eight of {len(comparison.figure_eight_xy)} points. Where the thin lines leave the '
        'grey ones, the arm is somewhere else than it should be; a step in a line is a jerk. '
        'Networks from the first seed, alone.',
    )
    yield html.figure(
        panels.draw_smoothness(comparison),
        'How much the joints change their pace from point to point of that figure (length of the '
        'second difference of both joints). A line that dances about the grey one is a motor that '
        'hums. The number in each panel is the roughness over all paths; the exact joints have 1.',
    )


def _methodology(comparison: Comparison) -> Iterator[str]:
    sizes = comparison.sizes
    yield html.heading('How it was measured')
    yield html.paragraph(
        f'On {sizes.scattered:,} targets anywhere and {sizes.paths:,} paths of {sizes.points} '
        'targets of each kind, the same for all methods, and none of them seen in training.'
    )
    yield html.fact_table(words.MEASURE_DESCRIPTIONS)


def _provenance(comparison: Comparison) -> Iterator[str]:
    trained = [
        row for row in comparison.rows if row.kind in (MethodKind.NETWORK, MethodKind.PATH_NETWORK)
    ]
    seconds = sum(
        run.training.seconds
        for row in trained
        if not row.refined
        for run in row.runs
        if run.training is not None
    )
    yield html.heading('Where this comes from')
    yield html.fact_table(
        (
            ('command', comparison.command),
            ('created', comparison.created),
            ('seeds', ', '.join(str(seed) for seed in range(comparison.seeds))),
            ('training', f'{comparison.seconds:g} s each at most, {seconds:,.0f} s in all'),
            *((name.replace('_', ' '), str(value)) for name, value in comparison.machine.items()),
            ('numbers', 'comparison.json and comparison.csv, beside this page'),
        )
    )
