"""What the solver answers: data, also where there is no solution."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.geometry import Array, JointPair


class Status(IntEnum):
    """What became of a target."""

    REJECTED = 0
    ACCEPTED = 1
    PROJECTED = 2
    """Out of reach or limits; solved for the nearest point that is not."""


class Stage(IntEnum):
    """Which stage gave the joint angles."""

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
    """Within reach and limits, but the caller does not admit the joints that lead there."""


class Solution(NamedTuple):
    """
    The answer to one target.

    ``q`` holds joint angles (rad) that passed the acceptance test, or None; ``position_error`` is
    the distance (m) from their tip to ``point``, the target or, where projected, the nearest
    reachable point; ``branch`` is +1, -1, or 0 without a solution.
    """

    q: JointPair | None
    status: Status
    stage: Stage
    position_error: float
    branch: int
    reason: Reason
    point: JointPair


@dataclass(frozen=True)
class BatchSolution:
    """
    The answers to N targets; see :class:`Solution` for the meaning.

    :param q: (N, 2) joint angles, rad; NaN where rejected
    :param status: (N,) of :class:`RecordingStatus`
    :param stage: (N,) of :class:`Stage`
    :param position_error: (N,) m; NaN where rejected
    :param branch: (N,) +1, -1, or 0 where rejected
    :param reason: (N,) of :class:`Reason`
    :param point: (N, 2) what was solved for, m
    """

    q: Array
    status: NDArray[np.int8]
    stage: NDArray[np.int8]
    position_error: Array
    branch: NDArray[np.int8]
    reason: NDArray[np.int8]
    point: Array
