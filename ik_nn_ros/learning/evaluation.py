"""How far a model file's answers are off, measured through onnxruntime as a robot runs it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from ik_nn_ros.arm.geometry import Array
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.ik.network import INPUT_NAME, OUTPUT_NAME

STATE_INPUT, NEXT_STATE_OUTPUT = 'state', 'next_state'
"""Input and output of a network that goes along a path step by step; zeros at the beginning."""
MAX_CHUNK_TARGETS = 100_000


@dataclass(frozen=True)
class TipErrorSummary:
    """
    Distance of the tip from the target, as fractions of reach.

    :param p50: median
    :param p99: 99th percentile
    :param worst: largest
    :param targets: how many were tried
    """

    p50: float
    p99: float
    worst: float
    targets: int


def run_inference(model: bytes, targets: Array) -> Array:
    """
    Run a model.

    :param model: content of a model file
    :param targets: (N, 4) x, y (m), branch and bearing (rad), or (N, T, 4) paths of such
    :return: (N, 2) or (N, T, 2) joint angles, rad
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=['CPUExecutionProvider'])
    inputs = {port.name: port.shape for port in session.get_inputs()}
    answers = []
    for start in range(0, len(targets), MAX_CHUNK_TARGETS):
        chunk = targets[start : start + MAX_CHUNK_TARGETS].astype(np.float32)
        if STATE_INPUT in inputs:
            answers.append(_run_recurrent(session, chunk, inputs[STATE_INPUT][1]))
        else:
            answers += session.run([OUTPUT_NAME], {INPUT_NAME: chunk})
    return np.concatenate(answers).astype(float)


def _run_recurrent(
    session: onnxruntime.InferenceSession, paths: NDArray[np.float32], state_size: int
) -> NDArray[np.float32]:
    """Return (N, T, 2) joint angles along (N, T, 4) paths."""
    state, answers = np.zeros((len(paths), state_size), dtype=np.float32), []
    for target in np.ascontiguousarray(paths.swapaxes(0, 1)):
        q, state = session.run(
            [OUTPUT_NAME, NEXT_STATE_OUTPUT], {INPUT_NAME: target, STATE_INPUT: state}
        )
        answers.append(q)
    return np.stack(answers, axis=1)


def measure_tip_errors(model: bytes, arm: ArmModel, targets: Array) -> TipErrorSummary:
    """
    Measure the network alone: what it proposes, put through the arm's forward kinematics.

    An answer that is not finite makes ``worst`` NaN.

    :param model: content of a model file
    :param arm: the arm
    :param targets: (N, 4) x, y (m), branch and bearing (rad), all within reach
    """
    offset = arm.fk(run_inference(model, targets)) - targets[:, :2]
    error = np.hypot(offset[:, 0], offset[:, 1]) / arm.reach
    p50, p99 = np.quantile(error, (0.5, 0.99))
    return TipErrorSummary(float(p50), float(p99), float(error.max()), len(targets))
