"""The head of the page: what was measured, and the key figures in plain words."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from math import isfinite
from typing import Any

import numpy as np

from ik_nn_ros.arm.model import ArmModel, JointPair
from ik_nn_ros.learning.report import html
from ik_nn_ros.learning.report.accuracy import CLOSED_FORM, NETWORK, REFINED, ErrorSummary
from ik_nn_ros.learning.report.joint_path import largest_joint_step
from ik_nn_ros.learning.report.measure import EvaluatedModel, ModelReport
from ik_nn_ros.learning.report.style import METHOD_LABELS

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
