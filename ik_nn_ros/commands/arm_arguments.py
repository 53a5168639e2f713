"""The arguments that say which arm a command is about."""

from __future__ import annotations

import argparse
from pathlib import Path

from ik_nn_ros.arm.calibration import Calibration
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.arm.urdf import read_description
from ik_nn_ros.recordings.samples import TopicNames
from ik_nn_ros.share import share_directory


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
    return ArmModel.from_urdf(urdf_from_args(args), args.base_link, args.tip_link)


def arm_from_args(args: argparse.Namespace) -> ArmModel:
    """Return the arm, calibrated where ``--calibration`` is given."""
    arm = nominal_arm_from_args(args)
    return Calibration.read(args.calibration).apply(arm) if args.calibration else arm
