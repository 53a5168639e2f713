"""
What a model file says of itself, and whether it fits the arm at hand.

A model file is ONNX: input ``target`` (N, 4) float32 with columns x, y (m, plane frame), branch (+1
or -1) and bearing, output ``q`` (N, 2) float32 joint angles (rad, any turn). Normalisation is
inside the graph. The bearing is atan2(y, x), rad: ONNX has no arctangent of two arguments, and what
stands in for it took half a graph. The metadata entries below say which arm the network was trained
for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ik_nn_ros.arm.calibrated import RESIDUAL_KEY, CalibratedArm
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.errors import ModelError

FORMAT = 1
INPUT_NAME, OUTPUT_NAME = 'target', 'q'
INPUT_COLUMN_COUNT = 4
"""Of the input: x, y, branch, bearing."""
METADATA_PREFIX = 'ik_nn_ros.'
BRANCH_SETS = {'both': (1, -1), 'positive': (1,), 'negative': (-1,)}
GEOMETRY_KEYS = ('lengths', 'signs', 'offsets')
"""The entries of an arm's identity that a network depends on."""
GEOMETRY_TOLERANCE = 1e-9
"""Largest difference (m, rad) between two arms that count as one."""


@dataclass(frozen=True)
class ModelInfo:
    """
    The metadata of a model file.

    :param arm: identity of the arm it was trained for, see :meth:`ArmModel.identity`
    :param family: kind of network
    :param branches: key of :data:`BRANCH_SETS`, the branches it was trained for
    :param training: record of the training: command, seed, samples, errors
    """

    arm: dict[str, list[float | None]]
    family: str
    branches: str
    training: dict[str, Any]

    def to_metadata(self) -> dict[str, str]:
        """Return the entries to write into the ONNX file."""
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

    def require_arm(self, arm: ArmModel, file: object) -> None:
        """
        Check that the model was trained for an arm of this geometry, whatever its limits.

        :raises ModelError: it was not
        """
        here = arm.identity()
        for name in GEOMETRY_KEYS:
            trained, wanted = (np.array(arm[name], dtype=float) for arm in (self.arm, here))
            if not np.allclose(trained, wanted, rtol=0.0, atol=GEOMETRY_TOLERANCE):
                got, expected = (np.round(values, 9).tolist() for values in (trained, wanted))
                raise ModelError(
                    f'arm of model {file}',
                    got=f'{name} {got}',
                    expected=f'{expected}{self._calibration_hint(isinstance(arm, CalibratedArm))}',
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
