"""What a solver is to solve: the arm, its network, and what counts as an answer."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.calibrated import (
    ROUNDS,
    CalibratedArm,
    closed_form_as_built,
    closed_form_as_built_batch,
)
from ik_nn_ros.arm.closed_form import closed_form, closed_form_batch
from ik_nn_ros.arm.model import ArmModel, Pair
from ik_nn_ros.arm.plane import Array
from ik_nn_ros.arm.workspace import BOTH, Workspace
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.ik.network import Network
from ik_nn_ros.ik.refine import refine, refine_batch

BRANCH_CHOICES = {'nearest': BOTH, 'positive': 1, 'negative': -1}
UNREACHABLE_CHOICES = ('reject', 'nearest')
STRAIGHT = 1e-6
"""|sin| of an elbow angle below which the arm counts as on neither branch."""
PROPOSAL_SLACK = 1e-2
"""How far past a limit (rad) a proposal still means the limit: the refinement starts there."""
EXACT = 1e-9
"""Default tolerance as a fraction of reach."""
FARTHEST = 1e9
"""Targets further out than this many reaches are projected as if they were this far."""


@dataclass(frozen=True)
class SolverConfig:
    """
    How targets are solved.

    :param branch: nearest (stay on the branch of the current joints while it can go on), positive
        or negative (see :meth:`ArmModel.branch_of`)
    :param on_unreachable: reject, or nearest: go to the nearest reachable point
    :param tolerance: largest accepted distance between tip and target, m; 0: 1e-9 of the reach
    :raises ConfigError: a value that is none of these
    """

    branch: str = 'nearest'
    on_unreachable: str = 'reject'
    tolerance: float = 0.0

    def __post_init__(self) -> None:
        for name, value, choices in (
            ('branch', self.branch, tuple(BRANCH_CHOICES)),
            ('on_unreachable', self.on_unreachable, UNREACHABLE_CHOICES),
        ):
            if value not in choices:
                raise ConfigError(name, got=repr(value), expected=' or '.join(choices))
        if not (isfinite(self.tolerance) and self.tolerance >= 0.0):
            raise ConfigError('tolerance', got=f'{self.tolerance} m', expected='0 or more')


class Problem:
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
        self.tolerance = self.config.tolerance or EXACT * arm.reach
        self.wanted = BRANCH_CHOICES[self.config.branch]
        self.sides = (1, -1) if self.wanted == BOTH else (self.wanted,)
        self._workspaces = {side: Workspace(arm, side) for side in self.sides}
        # Only targets between these two distances (m) from the first axis can be met.
        slack = arm.deviation + self.tolerance
        self.outer = arm.reach + slack
        self.inner = arm.inner_reach - slack

    def within_reach(self, r: Any) -> Any:
        """Tell whether a distance (m) from the first axis is one of the rigid arm's."""
        slack = self.tolerance
        return (r >= self.arm.inner_reach - slack) & (r <= self.arm.reach + slack)

    def closed_form(self, x: float, y: float, side: int, near: Pair) -> Pair:
        """Do :func:`~ik_nn_ros.arm.closed_form.closed_form`; with a residual, Newton ends it."""
        arm = self.arm
        if not isinstance(arm, CalibratedArm):
            return closed_form(arm, x, y, side, near)
        q = closed_form_as_built(arm, x, y, side, near)
        return refine(arm, x, y, side, q, self.tolerance)[0]

    def closed_form_batch(self, xy: Array, side: NDArray[np.int8], near: Array) -> Array:
        """Do :meth:`closed_form` for (N, 2) targets, m, on (N,) sides."""
        arm = self.arm
        if not isinstance(arm, CalibratedArm):
            return closed_form_batch(arm, xy, side, near)
        q = closed_form_as_built_batch(arm, xy, side, near)
        return refine_batch(arm, xy, side, q, self.tolerance)[0]

    def project(self, xy: Array, side: NDArray[np.int8]) -> Array:
        """
        Return the nearest points that the arm can reach within its limits.

        :param xy: (N, 2) unreachable points, m
        :param side: (N,) the branch to stay on, where it reaches anything at all
        :return: (N, 2), m; NaN where nothing can be reached
        """
        farthest = FARTHEST * self.arm.reach
        size = np.abs(xy).max(axis=1)
        scale = np.where(size > farthest, farthest / np.maximum(size, farthest), 1.0)
        nearest = np.full_like(xy, np.nan)
        for order in (1, -1):
            for branch in self.sides:
                rows = np.flatnonzero((order * side == branch) & np.isnan(nearest[:, 0]))
                points = xy[rows] * scale[rows, None]
                nearest[rows] = self._nearest(points, branch)
        return nearest

    def _nearest(self, points: Array, branch: int) -> Array:
        """Do :meth:`project` on one branch: the edge of the rigid arm, moved by the residual."""
        arm, workspace = self.arm, self._workspaces[branch]
        nearest = workspace.nearest(points)
        if isinstance(arm, CalibratedArm) and len(workspace.arcs):
            sides = np.full(len(points), branch, dtype=np.int8)
            for _ in range(ROUNDS):
                offset = arm.offset(closed_form_batch(arm, nearest, sides, np.array(arm.home)))
                nearest = workspace.nearest(points - offset)
            nearest = arm.fk(closed_form_batch(arm, nearest, sides, np.array(arm.home)))
        return nearest
