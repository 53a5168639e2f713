"""
A report as JSON; lengths in m, angles in rad, shares from 0 to 1.

- ``command``, ``created``, ``versions``: origin of the report
- ``model``: file, family, branches, training (the record in the file, without its curve)
- ``arm``: name, lengths_m, offsets_rad, lower_rad, upper_rad (null: no limit), reach_m, of the arm
  that errors are measured by; calibration (a file's name or null), and nominal, the URDF's lengths
  and offsets
- ``targets``: count, seed; uniform in the joints within the limits
- ``errors``: by method (network, refined, closed_form), over the targets on branches that the
  network serves: count, p50_m, p95_m, p99_m, worst_m
- ``network_wrong_branch``, ``network_outside_limits``: shares of the network's own answers clearly
  on the wrong branch, and outside the limits on every turn
- ``solver``: answers of the hybrid solver to all targets, see
  :class:`ik_nn_ros.ik.verification.SolveStatistics`; ``worst`` is a fraction of reach
- ``map``: for each branch: branch, points (of the grid within the limits), and by method the errors
- ``path``: branch, points, largest_step_rad and worst_error_m by method; null: no path fits
- ``worst_cases``: see :class:`ik_nn_ros.studies.accuracy.WorstCase`
- ``curve``: stage, step, p50 and worst (fractions of reach); empty: the model file has none
- ``recorded``: names, pairing (of tips with joints), samples, outliers, dropped by reason,
  warnings, refitted (recordings that the calibration was fitted to), errors before and after
  calibration, also with the outliers; null: no recordings
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from ik_nn_ros.studies.accuracy import ErrorSummary
from ik_nn_ros.studies.report.joint_path import JointPath, largest_joint_step
from ik_nn_ros.studies.report.measure import EvaluatedModel, ModelReport
from ik_nn_ros.studies.report.recorded import RecordedErrors
from ik_nn_ros.studies.report.workspace_map import BranchMap


def metrics(report: ModelReport) -> dict[str, Any]:
    """Return the report for JSON."""
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
