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

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.errors import ModelError

FORMAT = 1
INPUT, OUTPUT = 'target', 'q'
COLUMNS = 4
"""Of the input: x, y, branch, bearing."""
PREFIX = 'ik_nn_ros.'
BRANCHES = {'both': (1, -1), 'positive': (1,), 'negative': (-1,)}
GEOMETRY_TOLERANCE = 1e-9
"""Largest difference (m, rad) between two arms that count as one."""


@dataclass(frozen=True)
class ModelInfo:
    """
    The metadata of a model file.

    :param arm: identity of the arm it was trained for, see :meth:`ArmModel.identity`
    :param family: kind of network
    :param branches: key of :data:`BRANCHES`, the branches it was trained for
    :param training: record of the training: command, seed, samples, errors
    """

    arm: dict[str, list[float | None]]
    family: str
    branches: str
    training: dict[str, Any]

    def to_metadata(self) -> dict[str, str]:
        """Return the entries to write into the ONNX file."""
        return {
            PREFIX + 'format': str(FORMAT),
            PREFIX + 'arm': json.dumps(self.arm),
            PREFIX + 'family': self.family,
            PREFIX + 'branches': self.branches,
            PREFIX + 'training': json.dumps(self.training),
        }

    @classmethod
    def from_metadata(cls, entries: Mapping[str, str], file: object) -> ModelInfo:
        """
        Read the entries of an ONNX file.

        :raises ModelError: entries are missing, damaged or of another format version
        """
        version = entries.get(PREFIX + 'format')
        if version != str(FORMAT):
            raise ModelError(f'format of model {file}', got=version, expected=FORMAT)
        try:
            info = cls(
                arm=json.loads(entries[PREFIX + 'arm']),
                family=entries[PREFIX + 'family'],
                branches=entries[PREFIX + 'branches'],
                training=json.loads(entries[PREFIX + 'training']),
            )
        except (KeyError, json.JSONDecodeError) as error:
            raise ModelError(
                f'metadata of model {file}', got=f'{error!r}', expected='entries of format 1'
            ) from error
        if info.branches not in BRANCHES or not isinstance(info.arm, dict):
            raise ModelError(
                f'metadata of model {file}',
                got=f'branches {info.branches!r}',
                expected=' or '.join(BRANCHES),
            )
        return info

    def require_arm(self, arm: ArmModel, file: object) -> None:
        """
        Check that the model was trained for this arm.

        The geometry must be the same and the limits no wider than in training.

        :raises ModelError: it was not
        """
        here = {name: _rounded(values) for name, values in arm.identity().items()}
        for name in ('lengths', 'signs', 'offsets'):
            there = self.arm.get(name)
            if isinstance(there, list):
                there = _rounded(there)
            if there is None or not _same(there, here[name]):
                raise ModelError(
                    f'arm of model {file}', got=f'{name} {there}', expected=f'{name} {here[name]}'
                )
        for name, outward in (('lower', -1.0), ('upper', 1.0)):
            there = self.arm.get(name) or [0.0, 0.0]
            for trained, limit in zip(there, here[name], strict=True):
                if trained is not None and (
                    limit is None or outward * (limit - trained) > GEOMETRY_TOLERANCE
                ):
                    raise ModelError(
                        f'arm of model {file}',
                        got=f'{name} limits {there}',
                        expected=f'{here[name]} or wider',
                    )


def _rounded(values: list[float | None]) -> list[float | None]:
    return [None if value is None else round(value, 12) for value in values]


def _same(these: list[float | None], those: list[float | None]) -> bool:
    return len(these) == len(those) and all(
        isinstance(a, float | int) and b is not None and abs(a - b) <= GEOMETRY_TOLERANCE
        for a, b in zip(these, those, strict=True)
    )
