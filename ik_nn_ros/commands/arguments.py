"""The arguments that say which arm a command is about."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ik_nn_ros.arm.calibrated import Calibration
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.arm.urdf import load_arm, read_description
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.files import share_directory
from ik_nn_ros.recordings.samples import TopicNames


def add_arm_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``--urdf``, ``--base-link`` and ``--tip-link``."""
    parser.add_argument(
        '--urdf', type=Path, metavar='FILE', help='the arm, URDF or xacro (default: the demo arm)'
    )
    parser.add_argument('--base-link', default='base_link', help='default: %(default)s')
    parser.add_argument('--tip-link', default='tip', help='default: %(default)s')


def add_calibration_argument(parser: argparse._ActionsContainer) -> None:
    """Declare ``--calibration``."""
    parser.add_argument(
        '--calibration', type=Path, metavar='FILE', help='of this arm, by `ik_nn calibrate`'
    )


def add_topic_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the topics that are read from recordings."""
    parser.add_argument(
        '--joint-states', default='joint_states', metavar='TOPIC', help='default: %(default)s'
    )
    parser.add_argument(
        '--tip-pose', default='tip_pose', metavar='TOPIC', help='default: %(default)s'
    )


def topics_from_args(args: argparse.Namespace) -> TopicNames:
    """Return the topics to read from recordings."""
    return TopicNames(args.joint_states, args.tip_pose)


def urdf_from_args(args: argparse.Namespace) -> str:
    """Return the URDF text."""
    return read_description(args.urdf or share_directory() / 'urdf' / 'arm.urdf.xacro')


def nominal_arm_from_args(args: argparse.Namespace) -> ArmModel:
    """Return the arm as its URDF has it."""
    return load_arm(urdf_from_args(args), args.base_link, args.tip_link)


def arm_from_args(args: argparse.Namespace) -> ArmModel:
    """Return the arm, calibrated where ``--calibration`` is given."""
    arm = nominal_arm_from_args(args)
    return Calibration.read(args.calibration).apply(arm) if args.calibration else arm


# MERGED commands.command_line: The command line that led to a result, to be kept with it.


def command_line(
    name: str, add_arguments: Callable[[argparse.ArgumentParser], None], args: argparse.Namespace
) -> str:
    """
    Return what was typed; a path outside the working directory only by its name.

    :param name: of the subcommand
    :param add_arguments: what declares its arguments
    :param args: as parsed
    """
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    words = ['ik_nn', name]
    for action in parser._actions:
        value = getattr(args, action.dest, action.default)
        if value == action.default:
            continue
        values = value if isinstance(value, list) else [value]
        words += [*action.option_strings[-1:], *(_argument_text(item) for item in values)]
    return shlex.join(words)


def _argument_text(value: object) -> str:
    if isinstance(value, Path) and (value.is_absolute() or '..' in value.parts):
        here, there = Path.cwd(), value.resolve()
        value = there.relative_to(here) if there.is_relative_to(here) else there.name
    return str(value)


# MERGED commands.needs: What a command needs that may not be installed, and how to get it.


@contextmanager
def require_rclpy() -> Iterator[None]:
    """Say in plain words, where an import of the block fails, how to get what is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ConfigError(
            'rclpy', got=f'{error}', expected='a sourced ROS 2, or `make demo`, which installs it'
        ) from error


@contextmanager
def require_training_packages() -> Iterator[None]:
    """Do :func:`require_rclpy` for torch and what it exports with."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ConfigError(
            'training',
            got=f'no module {error.name}',
            expected='`pip install torch onnx onnxscript`, '
            "or without ROS 2 `.venv/bin/pip install -e '.[train]'`",
        ) from error
