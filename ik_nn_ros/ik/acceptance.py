"""Configuration of the inverse kinematics, and what follows from it for one arm."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.geometry import Array, JointPair
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
