"""
Trained networks in model files, run with ONNX Runtime on one thread.

A model file is ONNX: input ``target`` (N, 4) float32 with columns x, y (m, plane frame), branch (+1
or -1) and bearing, output ``q`` (N, 2) float32 joint positions (rad, any turn). Normalisation is
inside the graph. The bearing is atan2(y, x), rad: ONNX has no arctangent of two arguments, and its
replacement took half a graph. The metadata entries of :class:`ModelInfo` say which arm the network
was trained for.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from math import atan2
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import ArrayLike
from onnxruntime.capi import onnxruntime_pybind11_state as onnx_errors

from ik_nn_ros.arm.geometry import Array, JointPair
from ik_nn_ros.arm.kinematics import RESIDUAL_KEY, Kinematics
from ik_nn_ros.errors import ModelError

FORMAT = 1
INPUT_NAME = 'target'
OUTPUT_NAME = 'q'
INPUT_COLUMN_COUNT = 4
"""Columns of the input: x, y, branch, bearing."""
METADATA_PREFIX = 'ik_nn_ros.'
BRANCH_SETS = {'both': (1, -1), 'positive': (1,), 'negative': (-1,)}
GEOMETRY_KEYS = ('lengths', 'signs', 'offsets')
"""Entries of an arm's identity that a network depends on."""
GEOMETRY_TOLERANCE = 1e-9
"""Largest difference (m, rad) between the geometries of equal arms."""

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


@dataclass(frozen=True)
class ModelInfo:
    """
    The metadata of a model file.

    :param arm: identity of the arm it was trained for, see :meth:`Kinematics.identity`
    :param family: kind of network
    :param branches: key of :data:`BRANCH_SETS`, the branches it was trained for
    :param training: record of the training: command, seed, samples, errors
    """

    arm: dict[str, list[float | None]]
    family: str
    branches: str
    training: dict[str, Any]

    def to_metadata(self) -> dict[str, str]:
        """Return the metadata entries of the ONNX file."""
        return {
            METADATA_PREFIX + 'format': str(FORMAT),
            METADATA_PREFIX + 'arm': json.dumps(self.arm),
            METADATA_PREFIX + 'family': self.family,
            METADATA_PREFIX + 'branches': self.branches,
            METADATA_PREFIX + 'training': json.dumps(self.training),
        }

    @classmethod
    def from_metadata(cls, entries: Mapping[str, str], file: object) -> ModelInfo:
        """
        Read the entries of an ONNX file.

        :raises ModelError: entries are missing, damaged or of another format version
        """
        version = entries.get(METADATA_PREFIX + 'format')
        if version != str(FORMAT):
            raise ModelError(f'format of model {file}', got=version, expected=FORMAT)
        try:
            info = cls(
                arm=json.loads(entries[METADATA_PREFIX + 'arm']),
                family=entries[METADATA_PREFIX + 'family'],
                branches=entries[METADATA_PREFIX + 'branches'],
                training=json.loads(entries[METADATA_PREFIX + 'training']),
            )
        except (KeyError, json.JSONDecodeError) as error:
            raise ModelError(
                f'metadata of model {file}', got=f'{error!r}', expected='entries of format 1'
            ) from error
        if info.branches not in BRANCH_SETS:
            got, expected = f'branches {info.branches!r}', ' or '.join(BRANCH_SETS)
            raise ModelError(f'metadata of model {file}', got=got, expected=expected)
        arm = info.arm if isinstance(info.arm, dict) else {}
        for name in GEOMETRY_KEYS:
            if not _is_pair(arm.get(name)):
                got = f'{name} {arm.get(name)} of the arm'
                raise ModelError(f'metadata of model {file}', got=got, expected='two numbers')
        return info

    def require_arm(self, arm: Kinematics, file: object) -> None:
        """
        Check that the model was trained for an arm of this geometry; limits may differ.

        :param arm: the arm it is to serve
        :param file: the model file, for the error
        :raises ModelError: it was trained for another arm
        """
        identity = arm.identity()
        for name in GEOMETRY_KEYS:
            trained, wanted = (np.array(of[name], dtype=float) for of in (self.arm, identity))
            if not np.allclose(trained, wanted, rtol=0.0, atol=GEOMETRY_TOLERANCE):
                got, expected = (np.round(values, 9).tolist() for values in (trained, wanted))
                hint = self._calibration_hint(RESIDUAL_KEY in identity)
                raise ModelError(
                    f'arm of model {file}',
                    got=f'{name} {got}',
                    expected=f'{expected}{hint}',
                )

    def _calibration_hint(self, calibrated: bool) -> str:
        if RESIDUAL_KEY in self.arm:
            other = 'another calibration' if calibrated else 'a calibration, which is not given'
            return f': it was trained with {other}'
        return ': it was trained without the calibration' if calibrated else ''


def _is_pair(values: object) -> bool:
    return (
        isinstance(values, list)
        and len(values) == 2
        and all(isinstance(value, float | int) for value in values)
    )


class Network:
    """
    A network from a model file, checked against the arm it is to serve.

    :param file: the ONNX file
    :param arm: the arm
    :raises ModelError: the file is missing, damaged, of another arm, or gives angles that are not
        finite
    """

    def __init__(self, file: str | Path, arm: Kinematics) -> None:
        self.file = Path(file)
        session = open_session(self.file)
        _check_shapes(session, self.file)
        self.info = ModelInfo.from_metadata(session.get_modelmeta().custom_metadata_map, self.file)
        self.info.require_arm(arm, self.file)
        self.branches = BRANCH_SETS[self.info.branches]
        """The branches the network was trained for."""
        self._session = session
        # Single targets use memory that is bound once, which halves the cost of a call.
        self._input_buffer = array('f', [0.0] * INPUT_COLUMN_COUNT)
        self._output_buffer = array('f', [0.0] * 2)
        self._binding = binding = session.io_binding()
        for bind, name, memory in (
            (binding.bind_input, INPUT_NAME, self._input_buffer),
            (binding.bind_output, OUTPUT_NAME, self._output_buffer),
        ):
            bind(name, 'cpu', 0, np.float32, (1, len(memory)), memory.buffer_info()[0])
        # The wrapped session skips checks that every call from here passes.
        self._run_bound = partial(session._sess.run_with_iobinding, binding._iobinding, None)
        self._check_outputs(arm)

    def propose(self, x: float, y: float, branch: int) -> JointPair:
        """Return joint positions (q1, q2), rad, on any turn, for a target (m) and a branch."""
        target = self._input_buffer
        target[0], target[1], target[2], target[3] = x, y, branch, atan2(y, x)
        self._run_bound()
        q1, q2 = self._output_buffer
        return q1, q2

    def propose_batch(self, xy: Array, branch: ArrayLike) -> Array:
        """
        Return :meth:`propose` of many targets.

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

    def _check_outputs(self, arm: Kinematics) -> None:
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

    :param file: the model file
    :raises ModelError: it is missing or damaged
    """
    if not file.is_file():
        raise ModelError(f'model {file}', got='no such file', expected='an ONNX file')
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # errors also arrive as exceptions
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
