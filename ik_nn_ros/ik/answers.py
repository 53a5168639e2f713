"""What became of many targets, counted without the solver's own test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.arm.plane import Array
from ik_nn_ros.arm.targets import MAX_TIP_ERROR_RATIO, outside_limits
from ik_nn_ros.ik.result import Stage

ROUNDING_ERROR_RATIO = 1e-14
"""How far (fraction of reach) two ways to compute the same tip may be apart."""


@dataclass(frozen=True)
class SolveStatistics:
    """
    What became of many targets.

    :param targets: how many
    :param answered: share of them with an answer
    :param network: share answered by the network's proposal as it is
    :param refined: share answered by refining it
    :param closed_form: share answered by the closed form
    :param worst: largest error of an answer, as a fraction of reach
    :param off_target: answers further off than the tolerance
    :param outside_limits: answers outside the limits
    """

    targets: int
    answered: float
    network: float
    refined: float
    closed_form: float
    worst: float
    off_target: int
    outside_limits: int


def verify(arm: ArmModel, errors: Array, q: Array, stage: NDArray[np.int8]) -> SolveStatistics:
    """
    Count what is right and what is not.

    :param errors: (N,) distance of the tip from the target, as a fraction of reach; NaN: no answer
    :param q: (N, 2) answers, rad; NaN where there is none
    :param stage: (N,) of :class:`Stage`
    """
    answered = np.isfinite(errors)
    share = {stage_: float((stage == stage_).mean()) for stage_ in Stage}
    return SolveStatistics(
        targets=len(errors),
        answered=float(answered.mean()),
        network=share[Stage.NETWORK],
        refined=share[Stage.REFINED],
        closed_form=share[Stage.CLOSED_FORM],
        worst=float(np.max(errors[answered], initial=0.0)),
        off_target=int((errors > MAX_TIP_ERROR_RATIO + ROUNDING_ERROR_RATIO).sum()),
        outside_limits=int(outside_limits(arm, q).sum()),
    )
