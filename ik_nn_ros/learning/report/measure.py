"""Everything that a report tells, measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ik_nn_ros.arm.calibration import Calibration
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.ik.network import Network
from ik_nn_ros.learning.report.accuracy import Accuracy, measure_accuracy
from ik_nn_ros.learning.report.joint_path import JointPath, measure_path
from ik_nn_ros.learning.report.recorded import Recorded, Recordings, measure_recorded
from ik_nn_ros.learning.report.training_curve import CurvePoint, training_curve
from ik_nn_ros.learning.report.workspace_map import BranchMap, measure_maps
from ik_nn_ros.learning.report.worst_cases import WorstCase, worst_cases

Tell = Callable[[str], None]
"""Takes what is being done."""


@dataclass(frozen=True)
class Subject:
    """
    What a report is on.

    :param network: the model file
    :param nominal: the arm as its URDF has it
    :param arm: the arm that errors are told by: calibrated, where there is a calibration
    :param calibration: None: none
    :param calibration_file: its name
    """

    network: Network
    nominal: ArmModel
    arm: ArmModel
    calibration: Calibration | None = None
    calibration_file: str = ''


@dataclass(frozen=True)
class Origin:
    """
    Where a report comes from.

    :param command: the command line
    :param created: date and time
    :param seed: of the targets
    :param versions: what it was measured with, by name
    """

    command: str
    created: str
    seed: int
    versions: Mapping[str, str]


@dataclass(frozen=True)
class Report:
    """
    What was measured.

    :param path: None: none fits into the workspace
    :param curve: empty: not in the model file
    :param recorded: None: no recordings
    """

    subject: Subject
    origin: Origin
    accuracy: Accuracy
    maps: list[BranchMap]
    path: JointPath | None
    worst: list[WorstCase]
    curve: list[CurvePoint]
    recorded: Recorded | None


def measure(
    subject: Subject, origin: Origin, targets: int, recordings: Recordings, tell: Tell
) -> Report:
    """
    Measure.

    :param targets: how many to draw
    :param recordings: to compare the arm with
    :raises IkNnError: the model or a recording is not fit for it
    """
    arm, network = subject.arm, subject.network
    curve = training_curve(network.info.training, network.file)
    recorded = None
    if recordings.paths:
        tell('recordings')
        recorded = measure_recorded(subject.nominal, subject.calibration, recordings)
    tell(f'{targets:,} targets')
    accuracy = measure_accuracy(arm, network, np.random.default_rng(origin.seed), targets)
    tell('maps of the workspace')
    maps = measure_maps(arm, network)
    tell('test path and worst cases')
    return Report(
        subject=subject,
        origin=origin,
        accuracy=accuracy,
        maps=maps,
        path=measure_path(arm, network, maps) if maps else None,
        worst=worst_cases(arm, network, accuracy),
        curve=curve,
        recorded=recorded,
    )
