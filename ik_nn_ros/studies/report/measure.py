"""The measurements of a report on a model file, and the same as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

import numpy as np

from ik_nn_ros.arm.calibrated import Calibration
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.errors import ModelError
from ik_nn_ros.ik.network import Network
from ik_nn_ros.studies.accuracy import (
    Accuracy,
    ErrorSummary,
    WorstCase,
    measure_accuracy,
    worst_cases,
)
from ik_nn_ros.studies.report.joint_path import JointPath, largest_joint_step, measure_path
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


def metrics(report: ModelReport) -> dict[str, Any]:
    """
    Return the report for JSON; lengths in m, angles in rad, shares from 0 to 1.

    - ``command``, ``created``, ``versions``: origin of the report
    - ``model``: file, family, branches, training (the record in the file, without its curve)
    - ``arm``: name, lengths_m, offsets_rad, lower_rad, upper_rad (null: no limit), reach_m, of the
      arm that errors are measured by; calibration (a file's name or null), and nominal, the URDF's
      lengths and offsets
    - ``targets``: count, seed; uniform in the joints within the limits
    - ``errors``: by method (network, refined, closed_form), over the targets on branches that the
      network serves: count, p50_m, p95_m, p99_m, worst_m
    - ``network_wrong_branch``, ``network_outside_limits``: shares of the network's own answers
      clearly on the wrong branch, and outside the limits on every turn
    - ``solver``: answers of the hybrid solver to all targets, see
      :class:`ik_nn_ros.ik.verification.SolveStatistics`; ``worst`` is a fraction of reach
    - ``map``: for each branch: branch, points (of the grid within the limits), and by method the
      errors
    - ``path``: branch, points, largest_step_rad and worst_error_m by method; null: no path fits
    - ``worst_cases``: see :class:`ik_nn_ros.studies.accuracy.WorstCase`
    - ``curve``: stage, step, p50 and worst (fractions of reach); empty: the model file has none
    - ``recorded``: names, pairing (of tips with joints), samples, outliers, dropped by reason,
      warnings, refitted (recordings that the calibration was fitted to), errors before and after
      calibration, also with the outliers; null: no recordings
    """
    accuracy = report.accuracy
    return {
        'command': report.provenance.command,
        'created': report.provenance.created,
        'versions': dict(report.provenance.versions),
        'model': _model_metrics(report.model),
        'arm': _arm_metrics(report.model),
        'targets': {'count': accuracy.solver_statistics.targets, 'seed': report.provenance.seed},
        'errors': _error_metrics(accuracy.summaries()),
        'network_wrong_branch': accuracy.wrong_branch,
        'network_outside_limits': accuracy.outside_limits,
        'solver': asdict(accuracy.solver_statistics),
        'map': [_map_metrics(branch_map) for branch_map in report.maps],
        'path': _path_metrics(report, report.joint_path) if report.joint_path else None,
        'worst_cases': [asdict(case) for case in report.worst_cases],
        'curve': [asdict(point) for point in report.training_curve],
        'recorded': _recorded_metrics(report.recorded) if report.recorded else None,
    }


def _error_metrics(summaries: dict[str, ErrorSummary]) -> dict[str, Any]:
    return {name: asdict(summary) for name, summary in summaries.items()}


def _model_metrics(model: EvaluatedModel) -> dict[str, Any]:
    info = model.network.info
    return {
        'file': model.network.file.name,
        'family': info.family,
        'branches': info.branches,
        'training': {name: value for name, value in info.training.items() if name != 'curve'},
    }


def _arm_metrics(model: EvaluatedModel) -> dict[str, Any]:
    arm, nominal = model.arm, model.nominal_arm
    return {
        'name': arm.name,
        'lengths_m': arm.lengths,
        'offsets_rad': arm.offsets,
        'lower_rad': arm.lower,
        'upper_rad': arm.upper,
        'reach_m': arm.reach,
        'calibration': model.calibration_file or None,
        'nominal': {'lengths_m': nominal.lengths, 'offsets_rad': nominal.offsets},
    }


def _map_metrics(branch_map: BranchMap) -> dict[str, Any]:
    summaries = {
        method: ErrorSummary.from_errors(error[branch_map.reachable])
        for method, error in branch_map.errors.items()
    }
    return {
        'branch': branch_map.branch,
        'points': int(branch_map.reachable.sum()),
        **_error_metrics(summaries),
    }


def _path_metrics(report: ModelReport, path: JointPath) -> dict[str, Any]:
    arm = report.model.arm
    joints = {'network': path.network, 'hybrid': path.hybrid, 'closed_form': path.closed_form}
    return {
        'branch': path.branch,
        'points': len(path.xy),
        'largest_step_rad': {name: largest_joint_step(q) for name, q in joints.items()},
        'worst_error_m': {
            name: float(np.max(path.tip_errors(arm, q))) for name, q in joints.items()
        },
    }


def _recorded_metrics(recorded: RecordedErrors) -> dict[str, Any]:
    return {
        'names': recorded.names,
        'pairing': recorded.pairing,
        'samples': len(recorded.xy),
        'outliers': int(recorded.is_outlier.sum()),
        'dropped': dict(recorded.dropped),
        'warnings': recorded.warnings,
        'refitted': recorded.fitted_recordings,
        'errors': _error_metrics(recorded.summaries()),
    }
