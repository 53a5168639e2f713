"""The head of the page: what was measured, and the key figures in plain words."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from math import isfinite
from typing import Any

import numpy as np

from ik_nn_ros.arm.model import ArmModel, Pair
from ik_nn_ros.learning.report import html
from ik_nn_ros.learning.report.accuracy import CLOSED_FORM, NETWORK, REFINED, ErrorSummary
from ik_nn_ros.learning.report.joint_path import largest_step
from ik_nn_ros.learning.report.measure import Report, Subject
from ik_nn_ros.learning.report.style import LABELS

Row = tuple[str, str, str, str]


def head(report: Report) -> Iterator[str]:
    """Return title, facts and key figures."""
    subject = report.subject
    yield f'<h1>Model report: {escape(subject.network.file.name)}</h1>'
    yield html.heading('Key figures')
    yield html.figures(_key_figures(report))
    yield html.heading('Model and arm')
    yield html.facts(_model(subject))
    yield html.facts(_arm(subject))


def _key_figures(report: Report) -> Iterator[Row]:
    reach, summaries = report.subject.arm.reach, report.accuracy.summaries()
    alone, refined = summaries[NETWORK], summaries[REFINED]
    yield _figure(
        'network alone, median',
        alone.p50_m,
        reach,
        'Half of the targets are missed by less, with the network’s angles taken as they are.',
    )
    yield _figure(
        'network alone, largest',
        alone.worst_m,
        reach,
        f'The worst of {alone.count:,} random targets.',
    )
    yield _figure(
        f'{LABELS[REFINED]}, largest',
        refined.worst_m,
        reach,
        'The worst of them after the solver’s Newton steps.',
    )
    if report.subject.calibration is not None:
        closed = summaries[CLOSED_FORM]
        yield _figure(
            'closed form, median',
            closed.p50_m,
            reach,
            'What the fitted lengths and offsets leave to the calibration’s residual.',
        )
    yield from _solver(report)
    yield from _recorded(report)


def _figure(name: str, value: float, reach: float, words: str) -> Row:
    return name, html.length(value), f'{value / reach:.1e} of reach', words


def _solver(report: Report) -> Iterator[Row]:
    answers = report.accuracy.answers
    yield (
        'answered by the solver',
        f'{answers.answered:.4%}',
        '',
        f'Of the reachable targets, with an error of at most {html.power(answers.worst)} of reach.',
    )
    yield (
        'without the closed form',
        f'{answers.network + answers.refined:.4%}',
        '',
        'Answers that came from the network. Of its own angles, '
        f'{report.accuracy.wrong_branch:.2%} bend the elbow to the other side than asked.',
    )
    if report.path is not None:
        step, least = largest_step(report.path.hybrid), largest_step(report.path.closed_form)
        yield (
            'largest joint step',
            f'{step:.4f} rad',
            '',
            f'Of the solver on the test path; the exact solution takes {least:.4f} rad.',
        )


def _recorded(report: Report) -> Iterator[Row]:
    if report.recorded is None:
        return
    summaries, reach = report.recorded.summaries(), report.subject.nominal.reach
    yield _figure(
        'recorded, before',
        summaries['before'].p50_m,
        reach,
        'Median distance of the measured tip from the URDF’s arm.',
    )
    if 'after' in summaries:
        yield _figure(
            'recorded, calibrated',
            summaries['after'].p50_m,
            reach,
            f'The same for the calibrated arm{_times(summaries)}. Sensor noise is in both.',
        )


def _times(summaries: dict[str, ErrorSummary]) -> str:
    before, after = summaries['before'].p50_m, summaries['after'].p50_m
    return f', {before / after:.3g} times less' if 0.0 < after < before else ''


def _model(subject: Subject) -> Iterator[tuple[str, str]]:
    info = subject.network.info
    yield 'model file', subject.network.file.name
    yield 'network', f'{info.family}, for branches: {info.branches}'
    for name, value in info.training.items():
        if name == 'errors':
            yield 'errors when trained', _training_errors(value)
        elif name != 'curve':
            yield f'training: {name.replace("_", " ")}', _text(value)


def _training_errors(errors: Any) -> str:
    """Say the record's errors, fractions of reach over the region that was trained for."""
    if not isinstance(errors, dict):
        return _text(errors)
    listed = ', '.join(f'{name} {_text(value)}' for name, value in errors.items())
    return f'{listed} (fractions of reach, over the region it was trained for)'


def _text(value: object) -> str:
    if isinstance(value, float):
        return f'{value:.3g}'
    return f'{value:,}' if isinstance(value, int) else str(value)


def _arm(subject: Subject) -> Iterator[tuple[str, str]]:
    arm, nominal = subject.arm, subject.nominal
    yield 'arm', f'{arm.name}, joints {" and ".join(arm.joint_names)}'
    yield 'lengths', _pair(arm.lengths, 'm')
    yield 'zero offsets', _pair(arm.offsets, 'rad')
    yield 'joint limits', '; '.join(_limits(arm))
    if subject.calibration is None:
        yield 'calibration', 'none: errors are told by the URDF’s arm'
        return
    base = subject.calibration.base
    yield 'calibration', f'{subject.calibration_file}: errors are told by the calibrated arm'
    yield 'URDF’s lengths', _pair(nominal.lengths, 'm')
    yield 'URDF’s zero offsets', _pair(nominal.offsets, 'rad')
    yield 'base moved by', _pair(base, 'm')
    size = html.length(arm.deviation)
    yield 'residual', f'{len(subject.calibration.residual)} terms, together at most {size}'
    yield from _held_out(subject.calibration.record.get('held_out_errors'))


def _held_out(errors: Any) -> Iterator[tuple[str, str]]:
    """Say what the calibration found on samples it was not fitted to, where its file tells."""
    if not isinstance(errors, dict):
        return
    medians = {name: error.get('median') for name, error in errors.items()}
    listed = (f'{name} {html.length(value)}' for name, value in medians.items())
    yield 'held out when calibrating', f'median tip error {", ".join(listed)}'


def _pair(values: Pair, unit: str) -> str:
    return ', '.join(f'{value:.7g}' for value in np.asarray(values).tolist()) + f' {unit}'


def _limits(arm: ArmModel) -> Iterator[str]:
    for name, low, up in zip(arm.joint_names, arm.lower, arm.upper, strict=True):
        limited = isfinite(low) or isfinite(up)
        yield f'{name} {low:.4g} to {up:.4g} rad' if limited else f'{name} none'
