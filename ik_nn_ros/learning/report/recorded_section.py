"""The section on recordings: errors of the measured tip before and after calibration."""

from __future__ import annotations

from collections.abc import Iterator

from ik_nn_ros.learning.report import html, recorded_plots
from ik_nn_ros.learning.report.measure import ModelReport
from ik_nn_ros.learning.report.recorded import OUTLIER_RATIO, RecordedErrors

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
