"""The sections of the page, one for each thing measured."""

from __future__ import annotations

from collections.abc import Iterator

from ik_nn_ros.learning.report import html, map_plots, plots
from ik_nn_ros.learning.report.accuracy import NETWORK
from ik_nn_ros.learning.report.joint_path import largest_joint_step
from ik_nn_ros.learning.report.measure import ModelReport
from ik_nn_ros.learning.report.style import METHOD_LABELS
from ik_nn_ros.learning.report.workspace_map import BRANCH_NAMES, BranchMap

STAGE_LABELS = {
    'network': 'network, as proposed',
    'refined': 'network, refined by Newton steps',
    'closed_form': 'closed form',
}
"""Shares of the answers, and what they are called."""


def maps_section(report: ModelReport) -> Iterator[str]:
    """Return the maps of the workspace."""
    yield html.heading('Error over the workspace')
    yield html.figure(
        map_plots.draw_maps(report.maps, report.model.arm.reach),
        'Distance of the tip from its target, for targets on a grid; each column has its own '
        'scale. Blank: the arm does not get there within its joint limits on that branch. The '
        'cross is the first axis.',
    )
    yield html.paragraph(_method_description(report))


def _method_description(report: ModelReport) -> str:
    text = (
        'Network alone: the angles as the model file gives them. Network + Newton: the same after '
        'the solver’s Newton steps, which end at an error of 1e-9 of reach. '
    )
    if report.model.calibration is None:
        return text + 'Closed form: exact for this arm but for rounding.'
    return text + (
        'Closed form: that of the fitted lengths and offsets alone; the error is what the '
        'calibration’s residual adds. The solver ends it with Newton steps too.'
    )


def distribution_section(report: ModelReport) -> Iterator[str]:
    """Return the errors over random targets."""
    accuracy, reach = report.accuracy, report.model.arm.reach
    yield html.heading('Distribution of the error')
    yield html.paragraph(
        f'{len(accuracy.xy):,} targets, uniform in the joint angles within the limits, on the '
        f'{_branch_names(report)} the network was trained for. A network made for a part of the '
        'workspace is judged on all of it.'
    )
    summaries = accuracy.summaries().items()
    yield html.error_table(
        ((METHOD_LABELS[method], summary) for method, summary in summaries), reach
    )
    yield html.paragraph(
        f'Of the network’s own answers, {accuracy.wrong_branch:.2%} bend the elbow to the other '
        f'side than asked and {accuracy.outside_limits:.2%} lie outside the joint limits. Their '
        'tip may be right all the same, but the solver cannot take such angles as they are.'
    )
    yield html.figure(
        plots.draw_distribution(accuracy, reach),
        'Share of the targets whose error is at most that on the axis below; an error of exactly '
        'zero is shown at 1e-18 of reach.',
    )


def _branch_names(report: ModelReport) -> str:
    names = [BRANCH_NAMES[branch] for branch in report.model.network.branches]
    return f'{" and ".join(names)} branch{"es" if len(names) > 1 else ""}'


def stages_section(report: ModelReport) -> Iterator[str]:
    """Return what the hybrid solver made of them."""
    answers = report.accuracy.solver_statistics
    yield html.heading('Which stage gives the answer')
    yield html.paragraph(
        f'The hybrid solver on {answers.targets:,} reachable targets, either branch, from random '
        'joints. A stage’s answer counts when it is within 1e-9 of reach and the joint limits; '
        'else the next stage has its turn.'
    )
    rows = [(name, getattr(answers, stage)) for stage, name in STAGE_LABELS.items()]
    yield html.share_table([*rows, ('refused', 1.0 - answers.answered)])
    yield html.paragraph(
        'Counted again here from the angles answered: '
        f'{answers.off_target:,} further off than that, {answers.outside_limits:,} outside the '
        f'joint limits, largest error {html.format_scientific(answers.worst)} of reach.'
    )


def path_section(report: ModelReport) -> Iterator[str]:
    """Return the joints along a test path."""
    yield html.heading('Joints along a test path')
    path, arm = report.joint_path, report.model.arm
    if path is None:
        yield html.paragraph('No figure eight fits into this workspace.')
        return
    yield html.figure(
        plots.draw_path(path, _map_of_branch(report.maps, path.branch), arm),
        f'A figure eight of {len(path.xy)} points, the largest that fits; grey: what the arm '
        'reaches on this branch. Where the lines lie on each other, network and solver agree.',
    )
    rows = [
        (
            name,
            f'{largest_joint_step(q):.4f} rad',
            html.format_length(path.tip_errors(arm, q).max()),
        )
        for name, q in (
            (METHOD_LABELS[NETWORK], path.network),
            ('hybrid solver', path.hybrid),
            ('solver without network', path.closed_form),
        )
    ]
    yield html.number_table(('', 'largest joint step', 'largest tip error'), rows)


def _map_of_branch(maps: list[BranchMap], branch: int) -> BranchMap:
    return next(branch_map for branch_map in maps if branch_map.branch == branch)


def training_curve_section(report: ModelReport) -> Iterator[str]:
    """Return the course of the training."""
    yield html.heading('Training curve')
    if not report.training_curve:
        yield html.paragraph('Not in this model file: it was written before curves were kept.')
        return
    yield html.figure(
        plots.draw_training_curve(report.training_curve, report.model.arm.reach),
        'Errors on held-out targets at each look of the training; the weights kept are the best of '
        'all looks, by median and largest error together.',
    )


def worst_cases_section(report: ModelReport) -> Iterator[str]:
    """Return the worst targets."""
    yield html.heading('Worst cases')
    yield html.paragraph(
        'The targets that the network alone misses by most, of those above. Bearing: their '
        'direction from the first axis. Edge: how far they are from where the arm is stretched or '
        'folded, whichever is nearer.'
    )
    columns = (
        '',
        'x, m',
        'y, m',
        'branch',
        'bearing, rad',
        'edge',
        'network alone',
        'solver',
        'solved by',
    )
    rows = [
        (
            str(number),
            f'{case.x_m:.4f}',
            f'{case.y_m:.4f}',
            BRANCH_NAMES[case.branch],
            f'{case.bearing_rad:.3f}',
            html.format_length(case.edge_distance_m),
            html.format_length(case.network_error_m),
            'refused' if case.solved_error_m is None else html.format_length(case.solved_error_m),
            case.solved_by.replace('_', ' '),
        )
        for number, case in enumerate(report.worst_cases, start=1)
    ]
    yield html.number_table(columns, rows)
