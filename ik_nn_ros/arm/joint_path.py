"""A path of the tip, as places of the joints."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.plane import Array
from ik_nn_ros.errors import ConfigError


@dataclass(frozen=True)
class JointPath:
    """
    Places that the joints go through while the tip goes along a path.

    They are so near to each other that a smooth curve through them keeps the tip on the path.

    :param waypoints: (N, 2), rad, at least one; no two that follow each other are alike
    :param corners: (N,) where the path turns so sharply that the arm stops; its ends are corners
    :raises ConfigError: places that are none
    """

    waypoints: Array
    corners: NDArray[np.bool_]

    def __post_init__(self) -> None:
        shape = self.waypoints.shape
        if len(shape) != 2 or shape[0] == 0 or shape[1] != 2 or self.corners.shape != shape[:1]:
            raise ConfigError(
                'path of the joints',
                got=f'shapes {shape} and {self.corners.shape}',
                expected='(N, 2) and (N,), N > 0',
            )
        if (
            not np.isfinite(self.waypoints).all()
            or (np.diff(self.waypoints, axis=0) == 0).all(1).any()
        ):
            raise ConfigError(
                'path of the joints', got='places alike or not finite', expected='none such'
            )
        if not (self.corners[0] and self.corners[-1]):
            raise ConfigError('ends of a path', got='no corners', expected='corners')
