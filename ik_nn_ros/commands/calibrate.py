"""``ik_nn calibrate``: from recordings of an arm to the arm as built."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ik_nn_ros.arm.calibrated import Calibration
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.calibration.fit import CalibrationResult, calibrate
from ik_nn_ros.calibration.regression import RAYLEIGH_MEDIAN_RATIO
from ik_nn_ros.commands.arguments import (
    add_arm_arguments,
    add_topic_arguments,
    command_line,
    nominal_arm_from_args,
    topics_from_args,
)
from ik_nn_ros.errors import CalibrationError, ConfigError
from ik_nn_ros.files import require_writable
from ik_nn_ros.recordings.samples import TopicNames, read_samples

# MERGED commands.fit_calibration: Fit a calibration to recordings and show what came of it; for `calibrate` and `train`.

OUTLIER_WARNING_FRACTION = 0.05
"""Share of outliers that is worth a word."""
MIN_RECORDED_RANGE_FRACTION = 0.8
"""Share of a joint's range; where less was recorded it is said that the rest is extrapolated."""


def fit_calibration(
    arm: ArmModel, recordings: Sequence[Path], topics: TopicNames, command: str
) -> Calibration:
    """
    Fit, with progress on stderr and the outcome on stdout.

    :param arm: the arm from the URDF
    :param command: the command line, for the record
    :raises IkNnError: the recordings cannot be read or do not determine the calibration
    """
    console = Console(highlight=False, soft_wrap=True)
    with Console(stderr=True).status('reading') as status:
        samples = read_samples(recordings, arm.joint_names, arm.plane.base_frame, topics)
        # Before the fit, which may refuse them: these lines may tell why.
        console.print(f'{len(samples)} samples of {arm.name}')
        for warning in samples.warnings:
            console.print(f'warning: {warning}', markup=False)
        for reason, count in samples.dropped.items():
            console.print(f'left out: {count} {reason}', markup=False)
        outcome = calibrate(arm, samples, status.update)
    _print_outcome(console, arm, outcome)
    calibration = outcome.calibration
    source = {'command': command, 'recordings': [path.resolve().name for path in recordings]}
    return replace(calibration, record={**source, **calibration.record})


def _print_outcome(console: Console, arm: ArmModel, outcome: CalibrationResult) -> None:
    calibration = outcome.calibration
    record = calibration.record
    console.print(_parameter_table(arm, calibration))
    terms = len(calibration.residual)
    console.print(
        f'residual: {terms} terms, order {record["residual_order"]}'
        if terms
        else 'residual: none, left-out samples are predicted as well without'
    )
    console.print(
        f'outliers: {outcome.outlier_count} of {outcome.sample_count}{_outlier_warning(outcome)}'
    )
    height = record['height']
    console.print(
        f"height over the arm's plane: {1e3 * height['median']:.2f} mm, "
        f'standard deviation {1e3 * height["spread"]:.2f} mm; not used'
    )
    timing = record['timing']
    late = f', tip late by {1e3 * timing["delay"]:.2g} ms' if timing['delay'] else ''
    console.print(f'paired with: {timing["pairing"]}{late}')
    console.print(_error_table(outcome))
    noise = outcome.noise_std
    doubt = record['tip_uncertainty']
    console.print(
        f'These hold the noise of the measurement: {1e3 * noise:.2f} mm in x and in y, '
        f'{1e3 * RAYLEIGH_MEDIAN_RATIO * noise:.2f} mm median distance.\n'
        f'The calibrated tip itself is uncertain by {1e3 * doubt["where_recorded"]:.3f} mm in x '
        f'and in y where recorded, by {1e3 * doubt["joint_range"]:.3f} mm over the joint range, '
        f'{1e3 * doubt["joint_range_p95"]:.3f} mm in its worst 5 % (standard deviation).'
    )

    for text in _extrapolation_warnings(arm, record['recorded_range']):
        console.print(text, markup=False)


def _outlier_warning(outcome: CalibrationResult) -> str:
    many = outcome.outlier_count > OUTLIER_WARNING_FRACTION * outcome.sample_count
    return '; that is many: did something move, or does a joint slip?' if many else ''


def _extrapolation_warnings(arm: ArmModel, recorded: dict[str, list[float]]) -> list[str]:
    """Return a line for each joint that was recorded over a part of its range only."""
    rows = zip(
        arm.joint_names, *arm.finite_limits, recorded['lower'], recorded['upper'], strict=True
    )
    return [
        f'{joint}: recorded from {first:.2f} to {last:.2f} rad of {least:.2f} to {most:.2f} rad; '
        'beyond, the model is an extrapolation'
        for joint, least, most, first, last in rows
        if last - first < MIN_RECORDED_RANGE_FRACTION * (most - least)
    ]


def _parameter_table(arm: ArmModel, calibration: Calibration) -> Table:
    table = _new_table('parameter', 'by URDF', 'fitted', 'standard deviation')
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


def _error_table(outcome: CalibrationResult) -> Table:
    count = outcome.calibration.record['held_out_samples']
    table = _new_table(f'tip error on {count} held-out samples', 'median', '95 %')
    for name, error in (
        ('nominal', outcome.nominal),
        ('lengths, zeros and base fitted', outcome.geometry),
        ('calibrated', outcome.calibrated),
    ):
        table.add_row(name, *(f'{1e3 * value:.3f} mm' for value in (error.median, error.p95)))
    return table


def _new_table(first: str, *others: str) -> Table:
    table = Table(first)
    for name in others:
        table.add_column(name, justify='right')
    return table


HELP = 'fit lengths, joint zeros, base position and residual of an arm to recordings'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        'recordings',
        nargs='+',
        type=Path,
        metavar='RECORDING',
        help='.mcap file, or folder of `ros2 bag record`',
    )
    add_arm_arguments(parser)
    add_topic_arguments(parser)
    parser.add_argument(
        '--output', type=Path, metavar='FILE', required=True, help='file to write, .yaml'
    )


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    # (own name)

    require_writable(args.output, '.yaml')
    _require_calibration_file(args.output)
    command = command_line('calibrate', add_arguments, args)
    fit_calibration(
        nominal_arm_from_args(args), args.recordings, topics_from_args(args), command
    ).write(args.output)
    return 0


def _require_calibration_file(output: Path) -> None:
    """Refuse to write over what is no calibration, such as a file of parameters."""
    from ik_nn_ros.arm.calibrated import Calibration

    if output.exists():
        try:
            Calibration.read(output)
        except CalibrationError as error:
            raise ConfigError(
                f'output {output}',
                got='a file that is no calibration',
                expected='a calibration or a new file',
            ) from error
