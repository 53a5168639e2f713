"""Run a trained network from its model file with ONNX Runtime, on one thread."""

from __future__ import annotations

from array import array
from functools import partial
from math import atan2
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import ArrayLike
from onnxruntime.capi import onnxruntime_pybind11_state as onnx_errors

from ik_nn_ros.arm.model import ArmModel, JointPair
from ik_nn_ros.arm.plane import Array
from ik_nn_ros.errors import ModelError
from ik_nn_ros.ik.model_file import (
    BRANCH_SETS,
    INPUT_COLUMN_COUNT,
    INPUT_NAME,
    OUTPUT_NAME,
    ModelInfo,
)

LOAD_ERRORS = (
    onnx_errors.Fail,
    onnx_errors.InvalidArgument,
    onnx_errors.InvalidGraph,
    onnx_errors.InvalidProtobuf,
    onnx_errors.NoModel,
    onnx_errors.NoSuchFile,
    onnx_errors.NotImplemented,
    onnx_errors.RuntimeException,
)


class Network:
    """
    A model file, checked against the arm it is to serve.

    :param file: the ONNX file
    :param arm: the arm
    :raises ModelError: the file is missing, damaged, of another arm, or gives no finite angles
    """

    def __init__(self, file: str | Path, arm: ArmModel) -> None:
        self.file = Path(file)
        session = open_session(self.file)
        _check_shapes(session, self.file)
        self.info = ModelInfo.from_metadata(session.get_modelmeta().custom_metadata_map, self.file)
        self.info.require_arm(arm, self.file)
        self.branches = BRANCH_SETS[self.info.branches]
        """The branches the network was trained for."""
        self._session = session
        # One target goes through memory that is bound once: half the cost of a call.
        self._input_buffer = array('f', [0.0] * INPUT_COLUMN_COUNT)
        self._output_buffer = array('f', [0.0] * 2)
        self._binding = binding = session.io_binding()
        for bind, name, memory in (
            (binding.bind_input, INPUT_NAME, self._input_buffer),
            (binding.bind_output, OUTPUT_NAME, self._output_buffer),
        ):
            bind(name, 'cpu', 0, np.float32, (1, len(memory)), memory.buffer_info()[0])
        # The wrapped session skips checks that hold for every call here.
        self._run_bound = partial(session._sess.run_with_iobinding, binding._iobinding, None)
        self._check_outputs(arm)

    def propose(self, x: float, y: float, branch: int) -> JointPair:
        """Return joint angles (q1, q2), rad, on any turn, for a target (m) and a branch."""
        target = self._input_buffer
        target[0], target[1], target[2], target[3] = x, y, branch, atan2(y, x)
        self._run_bound()
        q1, q2 = self._output_buffer
        return q1, q2

    def propose_batch(self, xy: Array, branch: ArrayLike) -> Array:
        """
        Return joint angles for many targets.

        :param xy: (N, 2) m
        :param branch: (N,) +1 or -1
        :return: (N, 2) rad, on any turn
        """
        target = np.empty((len(xy), INPUT_COLUMN_COUNT), dtype=np.float32)
        target[:, :2] = xy
        target[:, 2] = branch
        target[:, 3] = np.arctan2(xy[:, 1], xy[:, 0])
        q: Array = self._session.run([OUTPUT_NAME], {INPUT_NAME: target})[0].astype(np.float64)
        return q

    def _check_outputs(self, arm: ArmModel) -> None:
        q = np.linspace((-3.0, 0.3), (3.0, 2.8), 16)
        proposed = self.propose_batch(arm.fk(q), np.full(16, self.branches[0]))
        if proposed.shape != q.shape or not np.isfinite(proposed).all():
            raise ModelError(
                f'model {self.file}',
                got=f'answers of shape {proposed.shape}, {np.isfinite(proposed).mean():.0%} finite',
                expected=f'finite joint angles of shape {q.shape}',
            )


def open_session(file: Path) -> onnxruntime.InferenceSession:
    """
    Load an ONNX file to run on one thread.

    :raises ModelError: it is missing or damaged
    """
    if not file.is_file():
        raise ModelError(f'model {file}', got='no such file', expected='an ONNX file')
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what it would log arrives as an exception, too
    try:
        return onnxruntime.InferenceSession(
            file.read_bytes(), options, providers=['CPUExecutionProvider']
        )
    except (*LOAD_ERRORS, OSError) as error:
        size = file.stat().st_size
        raise ModelError(
            f'model {file}', got=f'{size} bytes that do not load ({error})', expected='an ONNX file'
        ) from error


def _check_shapes(session: onnxruntime.InferenceSession, file: Path) -> None:
    for kind, ports, name, columns in (
        ('input', session.get_inputs(), INPUT_NAME, INPUT_COLUMN_COUNT),
        ('output', session.get_outputs(), OUTPUT_NAME, 2),
    ):
        got = [(port.name, port.type, port.shape) for port in ports]
        if not (
            len(got) == 1
            and got[0][:2] == (name, 'tensor(float)')
            and len(got[0][2]) == 2
            and got[0][2][1] == columns
            and not isinstance(got[0][2][0], int)
        ):
            raise ModelError(
                f'{kind} of model {file}',
                got=', '.join(f'{n} {t} {s}' for n, t, s in got) or 'none',
                expected=f'{name} tensor(float) [N, {columns}]',
            )
