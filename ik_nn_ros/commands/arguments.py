"""Arguments that several commands share, and the objects they describe."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ik_nn_ros.errors import ConfigError

if TYPE_CHECKING:
    from ik_nn_ros.arm.model import ArmModel
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
    """Declare ``--joint-states`` and ``--tip-pose``, the topics to read from recordings."""
    parser.add_argument(
        '--joint-states', default='joint_states', metavar='TOPIC', help='default: %(default)s'
    )
    parser.add_argument(
        '--tip-pose', default='tip_pose', metavar='TOPIC', help='default: %(default)s'
    )


def add_verbose_argument(parser: argparse.ArgumentParser) -> None:
    """Declare ``--verbose``."""
    parser.add_argument(
        '--verbose', action='store_true', help='also show the requirements and which are met'
    )


def topics_from_args(args: argparse.Namespace) -> TopicNames:
    """Return the topics to read from recordings."""
    from ik_nn_ros.recordings.samples import TopicNames

    return TopicNames(args.joint_states, args.tip_pose)


def demo_arm_description() -> str:
    """Return the URDF of the demo arm."""
    from ik_nn_ros.arm.urdf import read_description
    from ik_nn_ros.files import share_directory

    return read_description(share_directory() / 'urdf' / 'arm.urdf.xacro')


def urdf_from_args(args: argparse.Namespace) -> str:
    """Return the URDF of the arm."""
    from ik_nn_ros.arm.urdf import read_description

    return read_description(args.urdf) if args.urdf else demo_arm_description()


def nominal_arm_from_args(args: argparse.Namespace) -> ArmModel:
    """Return the arm as its URDF describes it."""
    from ik_nn_ros.arm.urdf import load_arm

    return load_arm(urdf_from_args(args), args.base_link, args.tip_link)


def arm_from_args(args: argparse.Namespace) -> ArmModel:
    """Return the arm, calibrated where ``--calibration`` is given."""
    from ik_nn_ros.arm.calibrated import Calibration

    arm = nominal_arm_from_args(args)
    return Calibration.read(args.calibration).apply(arm) if args.calibration else arm


def command_line(
    name: str, add_arguments: Callable[[argparse.ArgumentParser], None], args: argparse.Namespace
) -> str:
    """
    Return the command line that led to a result, to be kept with the result.

    Only the name of a path outside the working directory is kept.

    :param name: name of the subcommand
    :param add_arguments: function that declares its arguments
    :param args: the parsed arguments
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
        folder, path = Path.cwd(), value.resolve()
        value = path.relative_to(folder) if path.is_relative_to(folder) else path.name
    return str(value)


@contextmanager
def require_rclpy() -> Iterator[None]:
    """Turn a missing module of the block's imports into an error that names ROS 2 as the remedy."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ConfigError(
            'rclpy', got=f'{error}', expected='a sourced ROS 2, or `make demo`, which installs it'
        ) from error


@contextmanager
def require_training_packages() -> Iterator[None]:
    """Turn a missing module of the block's imports into an error that says how to install torch."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ConfigError(
            'training',
            got=f'no module {error.name}',
            expected='`pip install torch onnx onnxscript`, '
            "or without ROS 2 `.venv/bin/pip install -e '.[train]'`",
        ) from error
