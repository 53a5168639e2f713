"""``ik_nn calibrate``: fit the model of an arm to recordings of it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ik_nn_ros.commands.arguments import (
    add_arm_arguments,
    add_topic_arguments,
    command_line,
    nominal_arm_from_args,
    topics_from_args,
)
from ik_nn_ros.errors import CalibrationError, ConfigError
from ik_nn_ros.files import require_writable

if TYPE_CHECKING:
    from rich.console import Console

    from ik_nn_ros.arm.calibrated import Calibration
    from ik_nn_ros.arm.model import ArmModel
    from ik_nn_ros.calibration.fit import CalibrationResult
    from ik_nn_ros.console import TextTable
    from ik_nn_ros.recordings.samples import TopicNames

HELP = 'fit lengths, joint zeros, base position and residual of an arm to recordings'
OUTLIER_WARNING_FRACTION = 0.05
"""Share of outliers from which a warning is printed."""
MIN_RECORDED_RANGE_FRACTION = 0.8
"""Share of a joint's range below which a warning of extrapolation is printed."""


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
    require_writable(args.output, '.yaml')
    _require_calibration_file(args.output)
    command = command_line('calibrate', add_arguments, args)
    calibration = fit_calibration(
        nominal_arm_from_args(args), args.recordings, topics_from_args(args), command
    )
    calibration.write(args.output)
    return 0


def _require_calibration_file(output: Path) -> None:
    """Refuse to overwrite a file that is no calibration, such as a file of parameters."""
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


def fit_calibration(
    arm: ArmModel, recordings: Sequence[Path], topics: TopicNames, command: str
) -> Calibration:
    """
    Fit a calibration to recordings, with progress on stderr and the result on stdout.

    :param arm: the arm as its URDF describes it
    :param recordings: files or folders
    :param topics: topics to read from the recordings
    :param command: the command line, for the record in the calibration
    :raises IkNnError: the recordings cannot be read or do not determine the calibration
    """
    from ik_nn_ros.calibration.fit import calibrate
    from ik_nn_ros.console import output_console, status_console
    from ik_nn_ros.recordings.samples import read_samples

    console = output_console()
    with status_console().status('reading') as status:
        samples = read_samples(recordings, arm.joint_names, arm.plane.base_frame, topics)
        # Before the fit, because these lines may explain an error in it.
        console.print(f'{len(samples)} samples of {arm.name}')
        for warning in samples.warnings:
            console.print(f'warning: {warning}')
        for reason, count in samples.dropped.items():
            console.print(f'left out: {count} {reason}')
        result = calibrate(arm, samples, status.update)
    _print_result(console, arm, result)
    calibration = result.calibration
    source = {'command': command, 'recordings': [path.resolve().name for path in recordings]}
    return replace(calibration, record={**source, **calibration.record})


def _print_result(console: Console, arm: ArmModel, result: CalibrationResult) -> None:
    from ik_nn_ros.calibration.regression import RAYLEIGH_MEDIAN_RATIO
    from ik_nn_ros.console import print_tables

    record = result.calibration.record
    print_tables(console, [_parameter_table(arm, result.calibration)])
    terms = len(result.calibration.residual)
    console.print(
        f'residual: {terms} terms, order {record["residual_order"]}'
        if terms
        else 'residual: none, left-out samples are predicted as well without'
    )
    console.print(
        f'outliers: {result.outlier_count} of {result.sample_count}{_outlier_warning(result)}'
    )
    height = record['height']
    console.print(
        f"height over the arm's plane: {1e3 * height['median']:.2f} mm, "
        f'standard deviation {1e3 * height["spread"]:.2f} mm; not used'
    )
    timing = record['timing']
    delay = f', tip late by {1e3 * timing["delay"]:.2g} ms' if timing['delay'] else ''
    console.print(f'paired with: {timing["pairing"]}{delay}')
    print_tables(console, [_error_table(result)])
    noise_std, uncertainty = result.noise_std, record['tip_uncertainty']
    console.print(
        f'These errors contain the noise of the measurement: {1e3 * noise_std:.2f} mm in x and in '
        f'y, {1e3 * RAYLEIGH_MEDIAN_RATIO * noise_std:.2f} mm median distance.\n'
        'The calibrated tip itself is uncertain by '
        f'{1e3 * uncertainty["where_recorded"]:.3f} mm in x and in y where recorded, by '
        f'{1e3 * uncertainty["joint_range"]:.3f} mm over the joint range, '
        f'{1e3 * uncertainty["joint_range_p95"]:.3f} mm in its worst 5 % (standard deviation).'
    )
    for warning in _extrapolation_warnings(arm, record['recorded_range']):
        console.print(warning)


def _outlier_warning(result: CalibrationResult) -> str:
    if result.outlier_count <= OUTLIER_WARNING_FRACTION * result.sample_count:
        return ''
    return '; that is many: did something move, or does a joint slip?'


def _extrapolation_warnings(arm: ArmModel, recorded: dict[str, list[float]]) -> list[str]:
    """Return a line for each joint that was recorded over a part of its range only."""
    ranges = zip(
        arm.joint_names, *arm.finite_limits, recorded['lower'], recorded['upper'], strict=True
    )
    return [
        f'{joint}: recorded from {first:.2f} to {last:.2f} rad of {lower:.2f} to {upper:.2f} rad; '
        'beyond, the model is an extrapolation'
        for joint, lower, upper, first, last in ranges
        if last - first < MIN_RECORDED_RANGE_FRACTION * (upper - lower)
    ]


def _parameter_table(arm: ArmModel, calibration: Calibration) -> TextTable:
    from ik_nn_ros.console import TextTable

    names = (
        *(f'length of link {number}, m' for number in (1, 2)),
        *(f'zero of {joint}, rad' for joint in arm.joint_names),
        *(f'base {axis} in the plane, m' for axis in 'xy'),
    )
    nominal = (*arm.lengths, *arm.offsets, 0.0, 0.0)
    fitted = (*calibration.lengths, *calibration.offsets, *calibration.base)
    deviations = [
        value for name in ('lengths', 'offsets', 'base') for value in calibration.uncertainty[name]
    ]
    rows = [
        (name, f'{before:.5f}', f'{after:.5f}', f'{deviation:.1e}')
        for name, before, after, deviation in zip(names, nominal, fitted, deviations, strict=True)
    ]
    return TextTable('', ('parameter', 'by URDF', 'fitted', 'standard deviation'), rows)


def _error_table(result: CalibrationResult) -> TextTable:
    from ik_nn_ros.console import TextTable

    count = result.calibration.record['held_out_samples']
    rows = [
        (name, f'{1e3 * error.median:.3f} mm', f'{1e3 * error.p95:.3f} mm')
        for name, error in (
            ('nominal', result.nominal),
            ('lengths, zeros and base fitted', result.geometry),
            ('calibrated', result.calibrated),
        )
    ]
    return TextTable('', (f'tip error on {count} held-out samples', 'median', '95 %'), rows)
