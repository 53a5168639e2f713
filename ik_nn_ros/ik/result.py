"""Results of the inverse kinematics: data, also where there is no solution."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.geometry import Array, JointPair, Point2


class Status(IntEnum):
    """Whether a target was solved."""

    REJECTED = 0
    ACCEPTED = 1
    PROJECTED = 2
    """Out of reach or limits; solved for the nearest reachable point."""


class Stage(IntEnum):
    """Stage of the solver that gave the joint positions."""

    NONE = 0
    NETWORK = 1
    REFINED = 2
    CLOSED_FORM = 3


class Reason(IntEnum):
    """Why a target was rejected or projected."""

    NONE = 0
    NOT_FINITE = 1
    UNREACHABLE = 2
    JOINT_LIMITS = 3
    OBSTRUCTED = 4
    """Within reach and limits, but the caller does not allow the joint positions there."""


class Solution(NamedTuple):
    """
    The solution of one target.

    :param q: joint positions (rad) that passed the acceptance test; None where rejected
    :param status: whether it was solved
    :param stage: the stage that gave ``q``
    :param position_error: distance of the tip from ``point``, m; NaN where rejected
    :param branch: +1, -1, or 0 where rejected
    :param reason: why it was rejected or projected
    :param point: the target or, where projected, the nearest reachable point, m
    """

    q: JointPair | None
    status: Status
    stage: Stage
    position_error: float
    branch: int
    reason: Reason
    point: Point2


@dataclass(frozen=True)
class BatchSolution:
    """
    The solutions of N targets; see :class:`Solution` for the meaning.

    :param q: (N, 2) joint positions, rad; NaN where rejected
    :param status: (N,) of :class:`Status`
    :param stage: (N,) of :class:`Stage`
    :param position_error: (N,) m; NaN where rejected
    :param branch: (N,) +1, -1, or 0 where rejected
    :param reason: (N,) of :class:`Reason`
    :param point: (N, 2) the targets or, where projected, the nearest reachable points, m
    """

    q: Array
    status: NDArray[np.int8]
    stage: NDArray[np.int8]
    position_error: Array
    branch: NDArray[np.int8]
    reason: NDArray[np.int8]
    point: Array
