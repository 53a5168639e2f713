"""The course of the training, as a model file tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from ik_nn_ros.errors import ModelError


@dataclass(frozen=True)
class TrainingCurvePoint:
    """
    A look at the held-out targets.

    :param stage: of the training
    :param step: of that stage
    :param p50: median error, as a fraction of reach
    :param worst: largest error, as a fraction of reach
    """

    stage: str
    step: int
    p50: float
    worst: float


def read_training_curve(training: Mapping[str, Any], file: object) -> list[TrainingCurvePoint]:
    """
    Return the curve in a training record; empty where it holds none.

    :raises ModelError: it holds something else
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
