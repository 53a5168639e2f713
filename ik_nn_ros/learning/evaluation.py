"""How far a model file's answers are off, measured through onnxruntime as a robot runs it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnxruntime

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.arm.plane import Array
from ik_nn_ros.ik.model_file import INPUT, OUTPUT

CHUNK = 100_000


@dataclass(frozen=True)
class TipErrors:
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


def propose(model: bytes, targets: Array) -> Array:
    """
    Run a model.

    :param model: content of a model file
    :param targets: (N, 4) x, y (m), branch and bearing (rad)
    :return: (N, 2) joint angles, rad
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=['CPUExecutionProvider'])
    answers = [
        session.run([OUTPUT], {INPUT: targets[start : start + CHUNK].astype(np.float32)})[0]
        for start in range(0, len(targets), CHUNK)
    ]
    return np.concatenate(answers).astype(float)


def tip_errors(model: bytes, arm: ArmModel, targets: Array) -> TipErrors:
    """
    Measure the network alone: what it proposes, put through the arm's forward kinematics.

    An answer that is not finite makes ``worst`` NaN.

    :param model: content of a model file
    :param arm: the arm
    :param targets: (N, 4) x, y (m), branch and bearing (rad), all within reach
    """
    offset = arm.fk(propose(model, targets)) - targets[:, :2]
    error = np.hypot(offset[:, 0], offset[:, 1]) / arm.reach
    p50, p99 = np.quantile(error, (0.5, 0.99))
    return TipErrors(float(p50), float(p99), float(error.max()), len(targets))
