"""The page, put together."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from math import isfinite
from typing import Any

import numpy as np

from ik_nn_ros.arm.model import ArmModel, JointPair
from ik_nn_ros.studies import html
from ik_nn_ros.studies.accuracy import CLOSED_FORM, NETWORK, REFINED, ErrorSummary
from ik_nn_ros.studies.plot_style import METHOD_LABELS
from ik_nn_ros.studies.report import plots
from ik_nn_ros.studies.report import plots as map_plots
from ik_nn_ros.studies.report import plots as recorded_plots
from ik_nn_ros.studies.report.joint_path import largest_joint_step
from ik_nn_ros.studies.report.measure import EvaluatedModel, ModelReport
from ik_nn_ros.studies.report.recorded import OUTLIER_RATIO, RecordedErrors
from ik_nn_ros.studies.report.workspace_map import BRANCH_NAMES, BranchMap

# MERGED learning.report.head: The head of the page: what was measured, and the key figures in plain words.

KeyFigureRow = tuple[str, str, str, str]


def head_section(report: ModelReport) -> Iterator[str]:
    """Return title, facts and key figures."""
    subject = report.model
    yield f'<h1>Model report: {escape(subject.network.file.name)}</h1>'
    yield html.heading('Key figures')
    yield html.key_figure_table(_key_figures(report))
    yield html.heading('Model and arm')
    yield html.fact_table(_model_facts(subject))
    yield html.fact_table(_arm_facts(subject))


def _key_figures(report: ModelReport) -> Iterator[KeyFigureRow]:
    reach, summaries = report.model.arm.reach, report.accuracy.summaries()
    alone, refined = summaries[NETWORK], summaries[REFINED]
    yield _error_figure(
        'network alone, median',
        alone.p50_m,
        reach,
        'Half of the targets are missed by less, with the network’s angles taken as they are.',
    )
    yield _error_figure(
        'network alone, largest',
        alone.worst_m,
        reach,
        f'The worst of {alone.count:,} random targets.',
    )
    yield _error_figure(
        f'{METHOD_LABELS[REFINED]}, largest',
        refined.worst_m,
        reach,
        'The worst of them after the solver’s Newton steps.',
    )
    if report.model.calibration is not None:
        closed = summaries[CLOSED_FORM]
        yield _error_figure(
            'closed form, median',
            closed.p50_m,
            reach,
            'What the fitted lengths and offsets leave to the calibration’s residual.',
        )
    yield from _solver_figures(report)
    yield from _recorded_figures(report)


def _error_figure(name: str, value: float, reach: float, explanation: str) -> KeyFigureRow:
    return name, html.format_length(value), f'{value / reach:.1e} of reach', explanation


def _solver_figures(report: ModelReport) -> Iterator[KeyFigureRow]:
    answers = report.accuracy.solver_statistics
    yield (
        'answered by the solver',
        f'{answers.answered:.4%}',
        '',
        f'Of the reachable targets, with an error of at most {html.format_scientific(answers.worst)} of reach.',
    )
    yield (
        'without the closed form',
        f'{answers.network + answers.refined:.4%}',
        '',
        'Answers that came from the network. Of its own angles, '
        f'{report.accuracy.wrong_branch:.2%} bend the elbow to the other side than asked.',
    )
    if report.joint_path is not None:
        step, least = (
            largest_joint_step(report.joint_path.hybrid),
            largest_joint_step(report.joint_path.closed_form),
        )
        yield (
            'largest joint step',
            f'{step:.4f} rad',
            '',
            f'Of the solver on the test path; the exact solution takes {least:.4f} rad.',
        )


def _recorded_figures(report: ModelReport) -> Iterator[KeyFigureRow]:
    if report.recorded is None:
        return
    summaries, reach = report.recorded.summaries(), report.model.nominal_arm.reach
    yield _error_figure(
        'recorded, before',
        summaries['before'].p50_m,
        reach,
        'Median distance of the measured tip from the URDF’s arm.',
    )
    if 'after' in summaries:
        yield _error_figure(
            'recorded, calibrated',
            summaries['after'].p50_m,
            reach,
            f'The same for the calibrated arm{_improvement(summaries)}. Sensor noise is in both.',
        )


def _improvement(summaries: dict[str, ErrorSummary]) -> str:
    before, after = summaries['before'].p50_m, summaries['after'].p50_m
    return f', {before / after:.3g} times less' if 0.0 < after < before else ''


def _model_facts(model: EvaluatedModel) -> Iterator[tuple[str, str]]:
    info = model.network.info
    yield 'model file', model.network.file.name
    yield 'network', f'{info.family}, for branches: {info.branches}'
    for name, value in info.training.items():
        if name == 'errors':
            yield 'errors when trained', _format_training_errors(value)
        elif name != 'curve':
            yield f'training: {name.replace("_", " ")}', _format_value(value)


def _format_training_errors(errors: Any) -> str:
    """Say the record's errors, fractions of reach over the region that was trained for."""
    if not isinstance(errors, dict):
        return _format_value(errors)
    listed = ', '.join(f'{name} {_format_value(value)}' for name, value in errors.items())
    return f'{listed} (fractions of reach, over the region it was trained for)'


def _format_value(value: object) -> str:
    if isinstance(value, float):
        return f'{value:.3g}'
    return f'{value:,}' if isinstance(value, int) else str(value)


def _arm_facts(model: EvaluatedModel) -> Iterator[tuple[str, str]]:
    arm, nominal = model.arm, model.nominal_arm
    yield 'arm', f'{arm.name}, joints {" and ".join(arm.joint_names)}'
    yield 'lengths', _format_pair(arm.lengths, 'm')
    yield 'zero offsets', _format_pair(arm.offsets, 'rad')
    yield 'joint limits', '; '.join(_format_limits(arm))
    if model.calibration is None:
        yield 'calibration', 'none: errors are told by the URDF’s arm'
        return
    base = model.calibration.base
    yield 'calibration', f'{model.calibration_file}: errors are told by the calibrated arm'
    yield 'URDF’s lengths', _format_pair(nominal.lengths, 'm')
    yield 'URDF’s zero offsets', _format_pair(nominal.offsets, 'rad')
    yield 'base moved by', _format_pair(base, 'm')
    size = html.format_length(arm.residual_bound)
    yield 'residual', f'{len(model.calibration.residual)} terms, together at most {size}'
    yield from _held_out_facts(model.calibration.record.get('held_out_errors'))


def _held_out_facts(errors: Any) -> Iterator[tuple[str, str]]:
    """Say what the calibration found on samples it was not fitted to, where its file tells."""
    if not isinstance(errors, dict):
        return
    medians = {name: error.get('median') for name, error in errors.items()}
    listed = (f'{name} {html.format_length(value)}' for name, value in medians.items())
    yield 'held out when calibrating', f'median tip error {", ".join(listed)}'


def _format_pair(values: JointPair, unit: str) -> str:
    return ', '.join(f'{value:.7g}' for value in np.asarray(values).tolist()) + f' {unit}'


def _format_limits(arm: ArmModel) -> Iterator[str]:
    for name, low, up in zip(arm.joint_names, arm.lower, arm.upper, strict=True):
        limited = isfinite(low) or isfinite(up)
        yield f'{name} {low:.4g} to {up:.4g} rad' if limited else f'{name} none'


# MERGED learning.report.sections: The sections of the page, one for each thing measured.

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


# MERGED learning.report.recorded_section: The section on recordings: errors of the measured tip before and after calibration.

ERROR_ROW_LABELS = {
    'before': 'before: URDF',
    'after': 'after: calibrated',
    'before_with_outliers': 'before, with outliers',
    'after_with_outliers': 'after, with outliers',
}


def recorded_section(report: ModelReport) -> Iterator[str]:
    """Return the section; nothing without recordings."""
    recorded, reach = report.recorded, report.model.nominal_arm.reach
    if recorded is None:
        return
    yield html.heading('Recordings: before and after calibration')
    yield html.paragraph(
        f'{len(recorded.xy):,} samples of {", ".join(recorded.names)}: distance of the measured '
        f'tip from the forward kinematics at the joints {recorded.pairing}. The noise of the '
        'sensors is in these figures, so they do not fall to zero for a perfect model.'
    )
    yield from _calibration_notes(report, recorded)
    summaries = recorded.summaries()
    yield html.error_table(
        ((ERROR_ROW_LABELS[key], summaries[key]) for key in ERROR_ROW_LABELS if key in summaries),
        reach,
    )
    outliers = int(recorded.is_outlier.sum())
    yield html.paragraph(
        f'{outliers:,} outliers, more than {OUTLIER_RATIO:g} times the median off, are left out of the '
        'first figures and of the maps.'
    )
    if recorded.dropped:
        rows = [(reason, f'{count:,}') for reason, count in recorded.dropped.items()]
        yield html.number_table(('left out when reading', 'count'), rows)
    yield html.figure(
        recorded_plots.draw_recorded_distribution(recorded, reach),
        'Share of all samples, outliers too, whose error is at most that on the axis below.',
    )
    yield html.figure(
        recorded_plots.draw_recorded_maps(recorded, reach),
        'Colour: median error of the samples in a cell. Arrows: where the measured tip is off the '
        'model, each map with its own scale of arrows.',
    )


def _calibration_notes(report: ModelReport, recorded: RecordedErrors) -> Iterator[str]:
    if report.model.calibration is None:
        yield html.note('No calibration was given: only the URDF’s arm is shown.')
    elif recorded.fitted_recordings:
        yield html.note(
            f'The calibration was fitted to {", ".join(recorded.fitted_recordings)}, in part or in whole: '
            'the figures after it flatter. A recording that it has not seen tells more.'
        )
    for warning in recorded.warnings:
        yield html.note(warning)


SECTIONS = (
    head_section,
    maps_section,
    distribution_section,
    stages_section,
    path_section,
    training_curve_section,
    worst_cases_section,
    recorded_section,
)


def to_html(report: ModelReport) -> str:
    """Return the report as a page of its own."""
    parts = [part for section in SECTIONS for part in section(report)]
    title = f'Model report: {report.model.network.file.name}'
    return html.page(title, [*parts, *_provenance_section(report)])


def _provenance_section(report: ModelReport) -> Iterator[str]:
    origin = report.provenance
    versions = ', '.join(f'{name} {version}' for name, version in origin.versions.items())
    yield html.heading('Where this comes from')
    yield html.fact_table(
        (
            ('command', origin.command),
            ('created', origin.created),
            ('seed', str(origin.seed)),
            ('with', versions),
            ('numbers', 'metrics.json, beside this page'),
        )
    )
