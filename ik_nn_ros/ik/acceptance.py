"""What a solver is to solve: the arm, its network, and what counts as an answer."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.calibrated import (
    CalibratedArm,
    closed_form_calibrated,
    closed_form_calibrated_batch,
)
from ik_nn_ros.arm.closed_form import closed_form, closed_form_batch
from ik_nn_ros.arm.model import ArmModel, Array, JointPair
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

    :param branch: nearest (stay on the branch of the current joints while it can go on), positive
        or negative (see :meth:`ArmModel.branch_of`)
    :param on_unreachable: reject, or nearest: go to the nearest reachable point
    :param tolerance: largest accepted distance between tip and target, m; 0: 1e-9 of the reach
    :param allow_branch_change: whether branch nearest may leave the branch of the current joints,
        for a target that cannot be reached on it
    :raises ConfigError: a value that is none of these
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


class BranchSolver:
    """
    An arm and how its targets are to be solved.

    :param arm: the arm
    :param network: its network; None: closed form only
    :param config: how to solve
    """

    def __init__(
        self, arm: ArmModel, network: Network | None = None, config: SolverConfig | None = None
    ) -> None:
        self.arm = arm
        self.network = network
        self.config = config or SolverConfig()
        self.tolerance = self.config.tolerance or DEFAULT_TOLERANCE_RATIO * arm.reach
        self.configured_branch = BRANCH_CHOICES[self.config.branch]
        self.branches = (
            (1, -1) if self.configured_branch == BOTH_BRANCHES else (self.configured_branch,)
        )
        self._projections = {side: BoundaryProjection(arm, side) for side in self.branches}
        self.branch_orders = {1: self._branch_order_from(1), -1: self._branch_order_from(-1)}
        """Which branches to try, by the one the arm is on."""
        # Only targets between these two distances (m) from the first axis can be met.
        slack = arm.residual_bound + self.tolerance
        self.max_distance = arm.reach + slack
        self.min_distance = arm.inner_reach - slack

    def _branch_order_from(self, branch: int) -> tuple[int, ...]:
        if self.configured_branch != BOTH_BRANCHES:
            return self.branches
        first = -branch if self._projections[-branch] and not self._projections[branch] else branch
        return (first, -first) if self.config.allow_branch_change else (first,)

    def within_reach(self, r: Any) -> Any:
        """Tell whether a distance (m) from the first axis is one of the rigid arm's."""
        slack = self.tolerance
        return (r >= self.arm.inner_reach - slack) & (r <= self.arm.reach + slack)

    def closed_form(self, x: float, y: float, branch: int, q_now: JointPair) -> JointPair:
        """Do :func:`~ik_nn_ros.arm.closed_form.closed_form`; with a residual, Newton ends it."""
        arm = self.arm
        if not isinstance(arm, CalibratedArm):
            return closed_form(arm, x, y, branch, q_now)
        q = closed_form_calibrated(arm, x, y, branch, q_now)
        return refine(arm, x, y, branch, q, self.tolerance)[0]

    def closed_form_batch(self, xy: Array, branch: NDArray[np.int8], q_now: Array) -> Array:
        """Do :meth:`closed_form` for (N, 2) targets, m, on (N,) sides."""
        arm = self.arm
        if not isinstance(arm, CalibratedArm):
            return closed_form_batch(arm, xy, branch, q_now)
        q = closed_form_calibrated_batch(arm, xy, branch, q_now)
        return refine_batch(arm, xy, branch, q, self.tolerance)[0]

    def project(self, xy: Array, branches: NDArray[np.int8], q_now: Array) -> Array:
        """
        Do :meth:`BoundaryProjection.project <ik_nn_ros.ik.projection.BoundaryProjection.project>` on each target's own branch.

        :param branches: (N,) the branches to stay on
        """
        q = np.full_like(xy, np.nan)
        for branch, edge in self._projections.items():
            rows = np.flatnonzero(branches == branch)
            if len(rows):
                q[rows] = edge.project(xy[rows], q_now[rows])
        return q
