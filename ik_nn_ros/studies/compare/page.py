"""The comparison as a page of its own."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from ik_nn_ros.studies import html
from ik_nn_ros.studies.compare import method_grids as panels
from ik_nn_ros.studies.compare.plots import draw_error_time, draw_robustness
from ik_nn_ros.studies.compare.results import Comparison, MethodKind
from ik_nn_ros.studies.compare.tables import TextTable, comparison_tables


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
        (label, METHOD_DESCRIPTIONS.get(name, '')) for name, label in labels.items()
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
    yield html.fact_table(MEASURE_DESCRIPTIONS)


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


# MERGED learning.compare.words: What the page says about the methods and the measures, in plain words.

METHOD_DESCRIPTIONS = {
    'closed_form': 'The angles from the law of cosines, on the elbow side asked for.',
    'pseudo_inverse': 'Steps by the pseudo-inverse of the Jacobian, from the joints as they are.',
    'damped_least_squares': 'The same with damping, so that steps stay short near a straight arm.',
    'gradient_descent': 'Steps down the gradient of the squared distance, their length optimal.',
    'ccd': 'Points one joint after the other at the target.',
    'feed_forward': 'The network of the paper, 64 and 32 ReLU units, trained on joint angles.',
    'edge_smooth': 'The default of this package: inputs that are smooth up to the edge of the '
    'workspace, trained on the tip error.',
    'variational': 'Samples several solutions and keeps the best on the elbow side asked for.',
    'graph': 'Messages along the chain of the joints and the tip.',
    'policy': 'A few moves of the joints, learned from rewards alone.',
    'lstm': 'Target by target along a path, with a memory.',
    'convolution': 'Each target with its neighbours on the path.',
    'transformer': 'All targets of the path at once, by attention.',
}
MEASURE_DESCRIPTIONS = (
    (
        'tip error',
        'Distance of the tip, by forward kinematics of the angles answered, from its target, as a '
        'fraction of the arm’s reach. p50: half of the targets are missed by less; p99: 99 % are; '
        'infinite (∞) where a method gives no answer.',
    ),
    ('failed', 'No answer, off by more than 1 % of reach, or outside the joint limits.'),
    ('exact', 'Off by at most 1e-9 of reach, and inside the joint limits.'),
    (
        'anywhere',
        'Targets from joints at random, on either elbow side, while the arm is somewhere else.',
    ),
    (
        'along paths',
        'Smooth paths of targets; each starts from the joints that the one before has led to.',
    ),
    (
        'noise',
        'The same paths with normal noise on x and y, standard deviation 1 % of reach. An exact '
        'answer to a noisy target is off by the noise: p50 1.2e-2, p99 3.0e-2.',
    ),
    (
        'outside',
        'Paths beyond reach, by up to a fifth of it. The error is against the nearest point that '
        'the arm reaches.',
    ),
    (
        'both branches',
        'Of the targets on paths that the arm can follow with its elbow on either side, the share '
        'that is answered rightly on both, each when asked for.',
    ),
    (
        'roughness',
        'Root mean square of the second differences of the joints along the paths, over that of '
        'the exact joints: 1 is as smooth as those, 10 ten times as rough.',
    ),
    (
        'time',
        'One by itself: a target at a time, as a controller asks. Many at once: targets in one '
        'call. Of the first seed.',
    ),
    (
        'Newton',
        'Our refinement, as the solver of ik_node has it: Newton steps from the angles proposed, '
        'until the tip is within 1e-9 of reach.',
    ),
)
