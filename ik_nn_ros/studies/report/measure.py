"""The measurements of a report on a model file."""

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

StatusCallback = Callable[[str], None]
"""Takes the name of the measurement that begins."""


@dataclass(frozen=True)
class TrainingCurvePoint:
    """
    Errors on the held-out targets at a step of the training.

    :param stage: stage of the training
    :param step: step of the stage
    :param p50: median error, as a fraction of reach
    :param worst: largest error, as a fraction of reach
    """

    stage: str
    step: int
    p50: float
    worst: float


@dataclass(frozen=True)
class EvaluatedModel:
    """
    The model file of a report and its arm.

    :param network: network of the model file
    :param nominal_arm: the arm as its URDF describes it
    :param arm: model of the arm that errors are measured by, calibrated if there is a calibration
    :param calibration: the calibration; None: there is none
    :param calibration_file: name of the calibration's file
    """

    network: Network
    nominal_arm: ArmModel
    arm: ArmModel
    calibration: Calibration | None = None
    calibration_file: str = ''


@dataclass(frozen=True)
class Provenance:
    """
    The origin of a report.

    :param command: the command line
    :param created: date and time
    :param seed: seed of the targets
    :param versions: versions of the software, by name
    """

    command: str
    created: str
    seed: int
    versions: Mapping[str, str]


@dataclass(frozen=True)
class ModelReport:
    """
    The measurements of a report.

    :param model: the model file and its arm
    :param provenance: origin of the report
    :param accuracy: errors over random targets
    :param maps: errors over the workspace, by branch
    :param joint_path: joints along a test path; None: no path fits into the workspace
    :param worst_cases: worst targets of the network alone
    :param training_curve: errors during the training; empty: the model file has none
    :param recorded: errors of recordings; None: there are no recordings
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
    Measure a model file.

    :param model: the model file and its arm
    :param provenance: origin of the report, with the seed of the targets
    :param target_count: number of random targets
    :param recordings: recordings to compare the arm with
    :param on_status: takes the name of the measurement that begins
    :raises IkNnError: the model or a recording cannot be measured
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


def read_training_curve(training: Mapping[str, Any], file: object) -> list[TrainingCurvePoint]:
    """
    Return the training curve in a training record.

    :param training: training record of a model file
    :param file: the file, for the error
    :return: points with finite errors; empty without a curve
    :raises ModelError: the curve has another form
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
