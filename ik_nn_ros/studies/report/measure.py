"""Everything that a report tells, measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from ik_nn_ros.arm.calibrated import Calibration
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.errors import ModelError
from ik_nn_ros.ik.network import Network
from ik_nn_ros.studies.accuracy import Accuracy, WorstCase, measure_accuracy, worst_cases
from ik_nn_ros.studies.report.joint_path import JointPath, measure_path
from ik_nn_ros.studies.report.recorded import RecordedErrors, Recordings, measure_recorded
from ik_nn_ros.studies.report.workspace_map import BranchMap, measure_maps

# MERGED learning.report.training_curve: The course of the training, as a model file tells it.


@dataclass(frozen=True)
class TrainingCurvePoint:
    """
    A look at the held-out targets.

    :param stage: of the training
    :param step: of that stage
    :param p50: median error, as a fraction of reach
    :param worst: largest error, as a fraction of reach
    """

    stage: str
    step: int
    p50: float
    worst: float


def read_training_curve(training: Mapping[str, Any], file: object) -> list[TrainingCurvePoint]:
    """
    Return the curve in a training record; empty where it holds none.

    :raises ModelError: it holds something else
    """
    try:
        points = [
            TrainingCurvePoint(str(stage), int(step), float(p50), float(worst))
            for stage, step, p50, worst in training.get('curve', [])
        ]
    except (AttributeError, TypeError, ValueError) as error:
        raise ModelError(
            f'training record of model {file}',
            got=f'{error}',
            expected='a curve of [stage, step, median, largest error]',
        ) from error
    return [point for point in points if isfinite(point.p50) and isfinite(point.worst)]


StatusCallback = Callable[[str], None]
"""Takes what is being done."""


@dataclass(frozen=True)
class EvaluatedModel:
    """
    What a report is on.

    :param network: the model file
    :param nominal_arm: the arm as its URDF has it
    :param arm: the arm that errors are told by: calibrated, where there is a calibration
    :param calibration: None: none
    :param calibration_file: its name
    """

    network: Network
    nominal_arm: ArmModel
    arm: ArmModel
    calibration: Calibration | None = None
    calibration_file: str = ''


@dataclass(frozen=True)
class Provenance:
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
class ModelReport:
    """
    What was measured.

    :param joint_path: None: none fits into the workspace
    :param training_curve: empty: not in the model file
    :param recorded: None: no recordings
    """

    model: EvaluatedModel
    provenance: Provenance
    accuracy: Accuracy
    maps: list[BranchMap]
    joint_path: JointPath | None
    worst_cases: list[WorstCase]
    training_curve: list[TrainingCurvePoint]
    recorded: RecordedErrors | None


def measure_model(
    model: EvaluatedModel,
    provenance: Provenance,
    target_count: int,
    recordings: Recordings,
    on_status: StatusCallback,
) -> ModelReport:
    """
    Measure.

    :param target_count: how many to draw
    :param recordings: to compare the arm with
    :raises IkNnError: the model or a recording is not fit for it
    """
    arm, network = model.arm, model.network
    curve = read_training_curve(network.info.training, network.file)
    recorded = None
    if recordings.paths:
        on_status('recordings')
        recorded = measure_recorded(model.nominal_arm, model.calibration, recordings)
    on_status(f'{target_count:,} targets')
    accuracy = measure_accuracy(arm, network, np.random.default_rng(provenance.seed), target_count)
    on_status('maps of the workspace')
    maps = measure_maps(arm, network)
    on_status('test path and worst cases')
    return ModelReport(
        model=model,
        provenance=provenance,
        accuracy=accuracy,
        maps=maps,
        joint_path=measure_path(arm, network, maps) if maps else None,
        worst_cases=worst_cases(arm, network, accuracy),
        training_curve=curve,
        recorded=recorded,
    )
