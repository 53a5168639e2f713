"""The report on a model file as a page; the text is in ``templates/report.html.j2``."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from typing import Any

import numpy as np

from ik_nn_ros.arm.geometry import JointPair
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.console import format_length
from ik_nn_ros.studies.accuracy import NETWORK, ErrorSummary, WorstCase
from ik_nn_ros.studies.page import render
from ik_nn_ros.studies.plot_style import METHOD_LABELS, Picture
from ik_nn_ros.studies.report import plots
from ik_nn_ros.studies.report.joint_path import JointPath, largest_joint_step
from ik_nn_ros.studies.report.measure import EvaluatedModel, ModelReport, Provenance
from ik_nn_ros.studies.report.recorded import OUTLIER_RATIO, RecordedErrors
from ik_nn_ros.studies.report.workspace_map import BRANCH_NAMES

ERROR_ROW_LABELS = {
    'before': 'before: URDF',
    'after': 'after: calibrated',
    'before_with_outliers': 'before, with outliers',
    'after_with_outliers': 'after, with outliers',
}
"""Name of each row of the errors of recordings."""


def to_html(report: ModelReport) -> str:
    """Return the report as a page that needs no other file."""
    path, recorded = report.joint_path, report.recorded
    return render(
        'report.html.j2',
        title=f'Model report: {report.model.network.file.name}',
        report=report,
        plots=_draw_plots(report),
        method_labels=METHOD_LABELS,
        branch_names=[BRANCH_NAMES[branch] for branch in report.model.network.branches],
        model_facts=list(_model_facts(report.model)),
        arm_facts=list(_arm_facts(report.model)),
        error_rows=[
            (METHOD_LABELS[method], errors)
            for method, errors in report.accuracy.summaries().items()
        ],
        joint_steps={} if path is None else _joint_steps(path),
        path_rows=[] if path is None else _path_rows(path, report.model.arm),
        worst_case_rows=[
            _worst_case_row(number, case) for number, case in enumerate(report.worst_cases, start=1)
        ],
        recorded_rows=[] if recorded is None else _recorded_rows(recorded),
        outlier_ratio=OUTLIER_RATIO,
        provenance_facts=_provenance_facts(report.provenance),
    )


def _draw_plots(report: ModelReport) -> dict[str, Picture]:
    """Return the plots that the report has data for, by name."""
    arm, path, recorded = report.model.arm, report.joint_path, report.recorded
    pictures = {
        'maps': plots.draw_maps(report.maps, arm.reach),
        'distribution': plots.draw_distribution(report.accuracy, arm.reach),
    }
    if path is not None:
        (branch_map,) = (each for each in report.maps if each.branch == path.branch)
        pictures['path'] = plots.draw_path(path, branch_map, arm)
    if report.training_curve:
        pictures['training_curve'] = plots.draw_training_curve(report.training_curve, arm.reach)
    if recorded is not None:
        reach = report.model.nominal_arm.reach
        pictures['recorded_distribution'] = plots.draw_recorded_distribution(recorded, reach)
        pictures['recorded_maps'] = plots.draw_recorded_maps(recorded, reach)
    return pictures


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
    """Return the errors in a training record as a text."""
    if not isinstance(errors, dict):
        return _format_value(errors)
    text = ', '.join(f'{name} {_format_value(value)}' for name, value in errors.items())
    return f'{text} (fractions of reach, over the region it was trained for)'


def _format_value(value: object) -> str:
    if isinstance(value, float):
        return f'{value:.3g}'
    return f'{value:,}' if isinstance(value, int) else str(value)


def _arm_facts(model: EvaluatedModel) -> Iterator[tuple[str, str]]:
    arm, nominal, calibration = model.arm, model.nominal_arm, model.calibration
    yield 'arm', f'{arm.name}, joints {" and ".join(arm.joint_names)}'
    yield 'lengths', _format_pair(arm.lengths, 'm')
    yield 'zero offsets', _format_pair(arm.offsets, 'rad')
    yield 'joint limits', '; '.join(_format_limits(arm))
    if calibration is None:
        yield 'calibration', 'none: errors are measured by the URDF’s arm'
        return
    yield 'calibration', f'{model.calibration_file}: errors are measured by the calibrated arm'
    yield 'URDF’s lengths', _format_pair(nominal.lengths, 'm')
    yield 'URDF’s zero offsets', _format_pair(nominal.offsets, 'rad')
    yield 'base offset', _format_pair(calibration.base, 'm')
    bound = format_length(arm.residual_bound)
    yield 'residual', f'{len(calibration.residual)} terms, together at most {bound}'
    errors: Any = calibration.record.get('held_out_errors')
    if isinstance(errors, dict):
        medians = (f'{name} {format_length(each.get("median"))}' for name, each in errors.items())
        yield 'held out when calibrating', f'median tip error {", ".join(medians)}'


def _format_pair(values: JointPair, unit: str) -> str:
    return ', '.join(f'{value:.7g}' for value in np.asarray(values).tolist()) + f' {unit}'


def _format_limits(arm: ArmModel) -> Iterator[str]:
    for name, lower, upper in zip(arm.joint_names, arm.lower, arm.upper, strict=True):
        is_limited = isfinite(lower) or isfinite(upper)
        yield f'{name} {lower:.4g} to {upper:.4g} rad' if is_limited else f'{name} none'


def _joint_steps(path: JointPath) -> dict[str, float]:
    """Return the largest joint step, rad, of the solver with and without the network."""
    return {
        'hybrid': largest_joint_step(path.hybrid),
        'closed_form': largest_joint_step(path.closed_form),
    }


def _path_rows(path: JointPath, arm: ArmModel) -> list[tuple[str, str, str]]:
    return [
        (
            name,
            f'{largest_joint_step(q):.4f} rad',
            format_length(float(path.tip_errors(arm, q).max())),
        )
        for name, q in (
            (METHOD_LABELS[NETWORK], path.network),
            ('hybrid solver', path.hybrid),
            ('solver without network', path.closed_form),
        )
    ]


def _worst_case_row(number: int, case: WorstCase) -> tuple[str, ...]:
    return (
        str(number),
        f'{case.x_m:.4f}',
        f'{case.y_m:.4f}',
        BRANCH_NAMES[case.branch],
        f'{case.bearing_rad:.3f}',
        format_length(case.edge_distance_m),
        format_length(case.network_error_m),
        'rejected' if case.solved_error_m is None else format_length(case.solved_error_m),
        case.solved_by.replace('_', ' '),
    )


def _recorded_rows(recorded: RecordedErrors) -> list[tuple[str, ErrorSummary]]:
    summaries = recorded.summaries()
    return [(label, summaries[key]) for key, label in ERROR_ROW_LABELS.items() if key in summaries]


def _provenance_facts(provenance: Provenance) -> list[tuple[str, str]]:
    versions = ', '.join(f'{name} {version}' for name, version in provenance.versions.items())
    return [
        ('command', provenance.command),
        ('created', provenance.created),
        ('seed', str(provenance.seed)),
        ('with', versions),
        ('numbers', 'metrics.json, beside this page'),
    ]
