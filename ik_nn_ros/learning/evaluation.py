"""Errors of a model file, measured with onnxruntime as on a robot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from ik_nn_ros.arm.geometry import Array
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.ik.network import INPUT_NAME, OUTPUT_NAME

STATE_INPUT = 'state'
"""Input of a recurrent network for its state, which is zero at the beginning of a path."""
NEXT_STATE_OUTPUT = 'next_state'
"""Output of a recurrent network for the state at the next target."""
MAX_CHUNK_TARGETS = 100_000
"""Targets or paths in one call of onnxruntime."""


@dataclass(frozen=True)
class TipErrorSummary:
    """
    Distance of the tip from the target, as fractions of reach.

    :param p50: median
    :param p99: 99th percentile
    :param worst: largest
    :param targets: number of targets
    """

    p50: float
    p99: float
    worst: float
    targets: int


def run_inference(model: bytes, targets: Array) -> Array:
    """
    Run a model on one thread.

    :param model: content of a model file
    :param targets: (N, 4) x, y (m), branch and bearing (rad), or (N, T, 4) paths of such
    :return: (N, 2) or (N, T, 2) joint angles, rad
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=['CPUExecutionProvider'])
    inputs = {port.name: port.shape for port in session.get_inputs()}
    results = []
    for start in range(0, len(targets), MAX_CHUNK_TARGETS):
        chunk = targets[start : start + MAX_CHUNK_TARGETS].astype(np.float32)
        if STATE_INPUT in inputs:
            results.append(_run_recurrent(session, chunk, inputs[STATE_INPUT][1]))
        else:
            results += session.run([OUTPUT_NAME], {INPUT_NAME: chunk})
    return np.concatenate(results).astype(float)


def _run_recurrent(
    session: onnxruntime.InferenceSession, paths: NDArray[np.float32], state_size: int
) -> NDArray[np.float32]:
    """Return (N, T, 2) joint angles along (N, T, 4) paths."""
    state, joints = np.zeros((len(paths), state_size), dtype=np.float32), []
    for target in np.ascontiguousarray(paths.swapaxes(0, 1)):
        q, state = session.run(
            [OUTPUT_NAME, NEXT_STATE_OUTPUT], {INPUT_NAME: target, STATE_INPUT: state}
        )
        joints.append(q)
    return np.stack(joints, axis=1)


def measure_tip_errors(model: bytes, arm: ArmModel, targets: Array) -> TipErrorSummary:
    """
    Measure the tip errors of a network's joint angles, without refinement by the solver.

    Joint angles that are not finite make ``worst`` NaN.

    :param model: content of a model file
    :param arm: the arm
    :param targets: (N, 4) x, y (m), branch and bearing (rad), all reachable
    """
    offset = arm.fk(run_inference(model, targets)) - targets[:, :2]
    error = np.hypot(offset[:, 0], offset[:, 1]) / arm.reach
    p50, p99 = np.quantile(error, (0.5, 0.99))
    return TipErrorSummary(float(p50), float(p99), float(error.max()), len(targets))
