"""``ik_nn calibrate``: from recordings of an arm to the arm as built."""

from __future__ import annotations

import argparse
from pathlib import Path

from ik_nn_ros.commands.arm_arguments import (
    add_arm_arguments,
    add_topic_arguments,
    nominal_arm_from_args,
    topics_from_args,
)
from ik_nn_ros.commands.command_line import command_line
from ik_nn_ros.errors import CalibrationError, ConfigError
from ik_nn_ros.files import require_writable

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
    from ik_nn_ros.commands.fit_calibration import fit_calibration

    require_writable(args.output, '.yaml')
    _require_calibration_file(args.output)
    command = command_line('calibrate', add_arguments, args)
    fit_calibration(
        nominal_arm_from_args(args), args.recordings, topics_from_args(args), command
    ).write(args.output)
    return 0


def _require_calibration_file(output: Path) -> None:
    """Refuse to write over what is no calibration, such as a file of parameters."""
    from ik_nn_ros.arm.calibration import Calibration

    if output.exists():
        try:
            Calibration.read(output)
        except CalibrationError as error:
            raise ConfigError(
                f'output {output}',
                got='a file that is no calibration',
                expected='a calibration or a new file',
            ) from error
