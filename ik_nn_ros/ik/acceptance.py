"""Configuration of the inverse kinematics, the context of one arm, and the results as data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from math import isfinite
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.geometry import Array, JointPair, Point2
from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.arm.workspace import BOTH_BRANCHES
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.ik.network import Network
from ik_nn_ros.ik.projection import BoundaryProjection
from ik_nn_ros.ik.refine import refine, refine_batch

BRANCH_CHOICES = {'nearest': BOTH_BRANCHES, 'positive': 1, 'negative': -1}
UNREACHABLE_CHOICES = ('reject', 'nearest')
PROPOSAL_LIMIT_TOLERANCE_RAD = 1e-2
"""How far past a limit (rad) a proposal still means the limit: the refinement starts there."""
DEFAULT_TOLERANCE_RATIO = 1e-9
"""Default tolerance as a fraction of reach."""


@dataclass(frozen=True)
class SolverConfig:
    """
    How targets are solved.

    :param branch: nearest (stay on the branch of the current joints while it reaches the target),
        positive or negative (see :meth:`Kinematics.branch_of`)
    :param on_unreachable: reject, or nearest: solve for the nearest reachable point
    :param tolerance: largest accepted distance between tip and target, m; 0: 1e-9 of the reach
    :param allow_branch_change: whether branch nearest may leave the branch of the current joints
        for a target that cannot be reached on it
    :raises ConfigError: a choice that does not exist, or a tolerance that is negative or not finite
    """

    branch: str = 'nearest'
    on_unreachable: str = 'reject'
    tolerance: float = 0.0
    allow_branch_change: bool = True

    def __post_init__(self) -> None:
        for name, value, choices in (
            ('branch', self.branch, tuple(BRANCH_CHOICES)),
            ('on_unreachable', self.on_unreachable, UNREACHABLE_CHOICES),
        ):
            if value not in choices:
                raise ConfigError(name, got=repr(value), expected=' or '.join(choices))
        if not (isfinite(self.tolerance) and self.tolerance >= 0.0):
            raise ConfigError('tolerance', got=f'{self.tolerance} m', expected='0 or more')


class SolverContext:
    """
    An arm and how its targets are solved: what solver, batch and path have in common.

    :param arm: the arm
    :param network: its network; None for the closed form only
    :param config: how to solve; None for the defaults
    """

    def __init__(
        self, arm: Kinematics, network: Network | None = None, config: SolverConfig | None = None
    ) -> None:
        self.arm = arm
        self.network = network
        self.config = config or SolverConfig()
        self.tolerance = self.config.tolerance or DEFAULT_TOLERANCE_RATIO * arm.reach
        self.configured_branch = BRANCH_CHOICES[self.config.branch]
        """+1, -1 or :data:`~ik_nn_ros.arm.workspace.BOTH_BRANCHES`."""
        self.branches = (
            arm.branches if self.configured_branch == BOTH_BRANCHES else (self.configured_branch,)
        )
        """The branches that may be used."""
        self._projections = {branch: BoundaryProjection(arm, branch) for branch in self.branches}
        self.branch_orders = {1: self._branch_order_from(1), -1: self._branch_order_from(-1)}
        """The branches to try, by the one the arm is on."""
        # Only targets between these two distances (m) from the first axis can be reached.
        slack = arm.residual_bound + self.tolerance
        self.max_distance = arm.reach + slack
        self.min_distance = arm.inner_reach - slack

    def _branch_order_from(self, branch: int) -> tuple[int, ...]:
        if self.configured_branch != BOTH_BRANCHES:
            return self.branches
        first = -branch if self._projections[-branch] and not self._projections[branch] else branch
        return (first, -first) if self.config.allow_branch_change else (first,)

    def within_reach(self, r: Any) -> Any:
        """Tell whether distances (m, number or array) from the first axis are within the reach."""
        slack = self.tolerance
        return (r >= self.arm.inner_reach - slack) & (r <= self.arm.reach + slack)

    def closed_form(self, x: float, y: float, branch: int, q_now: JointPair) -> JointPair | None:
        """Return :meth:`Kinematics.closed_form`, made exact by Newton steps where it is not."""
        arm = self.arm
        q = arm.closed_form(x, y, branch, q_now)
        if q is None or arm.closed_form_is_exact:
            return q
        return refine(arm, x, y, branch, q, self.tolerance)[0]

    def closed_form_batch(self, xy: Array, branch: NDArray[np.int8], q_now: Array) -> Array | None:
        """Return :meth:`closed_form` (N, 2) of (N, 2) targets, m, on (N,) branches."""
        arm = self.arm
        q = arm.closed_form_batch(xy, branch, q_now)
        if q is None or arm.closed_form_is_exact:
            return q
        return refine_batch(arm, xy, branch, q, self.tolerance)[0]

    def project(self, xy: Array, branches: NDArray[np.int8], q_now: Array) -> Array:
        """
        Return :meth:`BoundaryProjection.project` of each target on its own branch.

        :param xy: (N, 2) targets that cannot be reached, m
        :param branches: (N,) the branches to stay on
        :param q_now: (N, 2) where the joints are, rad
        :return: (N, 2), rad; NaN where the branch reaches nothing
        """
        q = np.full_like(xy, np.nan)
        for branch, projection in self._projections.items():
            rows = np.flatnonzero(branches == branch)
            if len(rows):
                q[rows] = projection.project(xy[rows], q_now[rows])
        return q


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
