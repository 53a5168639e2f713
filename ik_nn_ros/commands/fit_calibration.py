"""Fit a calibration to recordings and show what came of it; for `calibrate` and `train`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ik_nn_ros.arm.calibration import Calibration
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.learning.calibrate import Outcome, calibrate
from ik_nn_ros.learning.tip_series import MEDIAN_RADIUS
from ik_nn_ros.recordings.samples import Topics, read_samples

MANY = 0.05
"""Share of outliers that is worth a word."""
NARROW = 0.8
"""Share of a joint's range; where less was recorded it is said that the rest is extrapolated."""


def fit_calibration(
    arm: ArmModel, recordings: Sequence[Path], topics: Topics, command: str
) -> Calibration:
    """
    Fit, with progress on stderr and the outcome on stdout.

    :param arm: the arm from the URDF
    :param command: the command line, for the record
    :raises IkNnError: the recordings cannot be read or do not determine the calibration
    """
    console = Console(highlight=False, soft_wrap=True)
    with Console(stderr=True).status('reading') as status:
        samples = read_samples(recordings, arm.joint_names, arm.plane.frame, topics)
        # Before the fit, which may refuse them: these lines may tell why.
        console.print(f'{len(samples)} samples of {arm.name}')
        for warning in samples.warnings:
            console.print(f'warning: {warning}', markup=False)
        for reason, count in samples.dropped.items():
            console.print(f'left out: {count} {reason}', markup=False)
        outcome = calibrate(arm, samples, status.update)
    _show(console, arm, outcome)
    calibration = outcome.calibration
    source = {'command': command, 'recordings': [path.resolve().name for path in recordings]}
    return replace(calibration, record={**source, **calibration.record})


def _show(console: Console, arm: ArmModel, outcome: Outcome) -> None:
    calibration = outcome.calibration
    record = calibration.record
    console.print(_parameters(arm, calibration))
    terms = len(calibration.residual)
    console.print(
        f'residual: {terms} terms, order {record["residual_order"]}'
        if terms
        else 'residual: none, left-out samples are predicted as well without'
    )
    console.print(f'outliers: {outcome.outliers} of {outcome.samples}{_many(outcome)}')
    height = record['height']
    console.print(
        f"height over the arm's plane: {1e3 * height['median']:.2f} mm, "
        f'standard deviation {1e3 * height["spread"]:.2f} mm; not used'
    )
    timing = record['timing']
    late = f', tip late by {1e3 * timing["delay"]:.2g} ms' if timing['delay'] else ''
    console.print(f'paired with: {timing["pairing"]}{late}')
    console.print(_errors(outcome))
    noise = outcome.noise
    doubt = record['tip_uncertainty']
    console.print(
        f'These hold the noise of the measurement: {1e3 * noise:.2f} mm in x and in y, '
        f'{1e3 * MEDIAN_RADIUS * noise:.2f} mm median distance.\n'
        f'The calibrated tip itself is uncertain by {1e3 * doubt["where_recorded"]:.3f} mm in x '
        f'and in y where recorded, by {1e3 * doubt["joint_range"]:.3f} mm over the joint range, '
        f'{1e3 * doubt["joint_range_p95"]:.3f} mm in its worst 5 % (standard deviation).'
    )

    for text in _extrapolated(arm, record['recorded_range']):
        console.print(text, markup=False)


def _many(outcome: Outcome) -> str:
    many = outcome.outliers > MANY * outcome.samples
    return '; that is many: did something move, or does a joint slip?' if many else ''


def _extrapolated(arm: ArmModel, recorded: dict[str, list[float]]) -> list[str]:
    """Return a line for each joint that was recorded over a part of its range only."""
    rows = zip(arm.joint_names, *arm.one_turn, recorded['lower'], recorded['upper'], strict=True)
    return [
        f'{joint}: recorded from {first:.2f} to {last:.2f} rad of {least:.2f} to {most:.2f} rad; '
        'beyond, the model is an extrapolation'
        for joint, least, most, first, last in rows
        if last - first < NARROW * (most - least)
    ]


def _parameters(arm: ArmModel, calibration: Calibration) -> Table:
    table = _table('parameter', 'by URDF', 'fitted', 'standard deviation')
    was = (*arm.lengths, *arm.offsets, 0.0, 0.0)
    now = (*calibration.lengths, *calibration.offsets, *calibration.base)
    doubt = [v for name in ('lengths', 'offsets', 'base') for v in calibration.uncertainty[name]]
    names = (
        *(f'length of link {number}, m' for number in (1, 2)),
        *(f'zero of {joint}, rad' for joint in arm.joint_names),
        *(f'base {axis} in the plane, m' for axis in 'xy'),
    )
    for name, *values, deviation in zip(names, was, now, doubt, strict=True):
        table.add_row(name, *(f'{value:.5f}' for value in values), f'{deviation:.1e}')
    return table


def _errors(outcome: Outcome) -> Table:
    count = outcome.calibration.record['held_out_samples']
    table = _table(f'tip error on {count} held-out samples', 'median', '95 %')
    for name, error in (
        ('nominal', outcome.nominal),
        ('lengths, zeros and base fitted', outcome.geometry),
        ('calibrated', outcome.calibrated),
    ):
        table.add_row(name, *(f'{1e3 * value:.3f} mm' for value in (error.median, error.p95)))
    return table


def _table(first: str, *others: str) -> Table:
    table = Table(first)
    for name in others:
        table.add_column(name, justify='right')
    return table
