"""The solver's stages over many targets at once: same order, same acceptance test, as arrays."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.geometry import Array
from ik_nn_ros.arm.workspace import BOTH_BRANCHES
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.ik.acceptance import (
    PROPOSAL_LIMIT_TOLERANCE_RAD,
    BatchSolution,
    Reason,
    SolverContext,
    Stage,
    Status,
)
from ik_nn_ros.ik.network import Network
from ik_nn_ros.ik.refine import SINGULAR_SINE, nudge_off_singularity, refine_batch

RowIndices = NDArray[np.intp]
BranchArray = NDArray[np.int8]
Mask = NDArray[np.bool_]

CHUNK_SIZE = 16384
"""Targets solved at once: enough that threads seldom wait for Python's lock between them."""


def solve_batch(
    context: SolverContext, xy: Array, q_now: Array, branch: int | None = None
) -> BatchSolution:
    """
    Solve many targets independently, on as many threads as there are processors.

    :param context: arm, network and configuration
    :param xy: (N, 2) targets in the plane, m
    :param q_now: (2,) or (N, 2) where the joints are, rad
    :param branch: the one branch of the context's to solve on, +1 or -1; None: as configured
    :raises ConfigError: arrays of another shape, or joints that are not finite
    """
    if xy.ndim != 2 or xy.shape[1] != 2:
        raise ConfigError('targets', got=f'shape {xy.shape}', expected='(N, 2)')
    if q_now.shape not in ((2,), xy.shape) or not np.isfinite(q_now).all():
        raise ConfigError(
            'q_now', got=f'shape {q_now.shape}', expected='finite, (2,) or the shape of the targets'
        )
    q_now = np.broadcast_to(q_now, xy.shape)
    work = _BatchWork(context, xy, branch or context.configured_branch)
    chunks = [slice(start, start + CHUNK_SIZE) for start in range(0, len(xy), CHUNK_SIZE)]
    workers = min(len(chunks), os.cpu_count() or 1)
    if workers > 1:
        # NumPy and ONNX Runtime release Python's lock while they work on a chunk.
        with ThreadPoolExecutor(workers) as pool:
            for _ in pool.map(lambda chunk: work.solve_chunk(chunk, q_now[chunk]), chunks):
                pass
    else:
        for chunk in chunks:
            work.solve_chunk(chunk, q_now[chunk])
    return work.solution


class _BatchWork:
    """
    The solution of a batch while it is filled in, chunk by chunk.

    :param context: arm, network and configuration
    :param xy: (N, 2) targets in the plane, m
    :param branch: the branch to solve on, or BOTH_BRANCHES
    """

    def __init__(self, context: SolverContext, xy: Array, branch: int) -> None:
        count = len(xy)
        self._context = context
        self._branch = branch
        self.solution = BatchSolution(
            q=np.full((count, 2), np.nan),
            status=np.zeros(count, dtype=np.int8),
            stage=np.zeros(count, dtype=np.int8),
            position_error=np.full(count, np.nan),
            branch=np.zeros(count, dtype=np.int8),
            reason=np.zeros(count, dtype=np.int8),
            point=xy.copy(),
        )

    def solve_chunk(self, chunk: slice, q_now: Array) -> None:
        """Solve the targets of one chunk; ``q_now`` (n, 2) holds that chunk's joints."""
        context = self._context
        point, status = self.solution.point[chunk], self.solution.status[chunk]
        finite = np.isfinite(point).all(axis=1)
        with np.errstate(over='ignore', invalid='ignore'):
            r = np.hypot(point[:, 0], point[:, 1])
            solvable = finite & (r >= context.min_distance) & (r <= context.max_distance)
            within_reach = finite & context.within_reach(r)
        reason = np.where(finite, Reason.UNREACHABLE, Reason.NOT_FINITE)
        reason[within_reach] = Reason.JOINT_LIMITS
        rows = np.flatnonzero(solvable)
        self._run_stages(
            chunk.start + rows, self._branch_order(chunk.start + rows, q_now[rows]), q_now[rows]
        )
        reason[status == Status.ACCEPTED] = Reason.NONE
        self.solution.reason[chunk] = reason
        if context.config.on_unreachable == 'nearest':
            self._solve_projected(
                chunk, np.flatnonzero(finite & (status != Status.ACCEPTED)), q_now
            )

    def _solve_projected(self, chunk: slice, rows: RowIndices, q_now: Array) -> None:
        """Solve some rows of a chunk for the nearest point that a branch reaches."""
        context = self._context
        point, status = self.solution.point[chunk], self.solution.status[chunk]
        pending = np.arange(len(rows))
        for branch in self._branch_order(chunk.start + rows, q_now[rows]):
            q = context.project(point[rows[pending]], branch[pending], q_now[rows[pending]])
            projected = np.isfinite(q[:, 0])
            tried, q = pending[projected], q[projected]
            nearest = context.arm.fk(q)
            stage = np.full(len(tried), Stage.CLOSED_FORM)
            accepted = self._accept(chunk.start + rows[tried], q, nearest, branch[tried], stage)
            done = rows[tried[accepted]]
            point[done], status[done] = nearest[accepted], Status.PROJECTED
            pending = pending[status[rows[pending]] == Status.REJECTED]

    def _run_stages(
        self, rows: RowIndices, branches: tuple[BranchArray, BranchArray], q_now: Array
    ) -> None:
        """Run all stages on some rows of the solution, on their first branch, then the other."""
        stages = [self._solve_closed_form]
        if self._context.network is not None:
            stages.insert(0, partial(self._solve_with_network, self._context.network))
        pending = np.arange(len(rows))
        for branch in branches:
            pending = pending[branch[pending] != 0]
            for stage in stages:
                if len(pending):
                    accepted = stage(rows[pending], branch[pending], q_now[pending])
                    pending = pending[~accepted]

    def _branch_order(self, rows: RowIndices, q_now: Array) -> tuple[BranchArray, BranchArray]:
        """Return the branches to try first and second; 0 where there is no second one to try."""
        context, arm = self._context, self._context.arm
        if self._branch != BOTH_BRANCHES:
            only = np.full(len(rows), self._branch, dtype=np.int8)
            return only, np.zeros_like(only)
        elbow_sine = arm.elbow_sine_batch(q_now)
        singular = np.abs(elbow_sine) < SINGULAR_SINE
        if singular.any():
            xy, q_singular = self.solution.point[rows[singular]], q_now[singular]
            with np.errstate(over='ignore'):  # a point to project may be anywhere
                up, down = (self._joint_distances(xy, branch, q_singular) for branch in (1, -1))
                elbow_sine[singular] = np.where(up <= down, 1.0, -1.0)
        orders = context.branch_orders
        first = np.where(elbow_sine >= 0.0, orders[1][0], orders[-1][0]).astype(np.int8)
        may_change = singular | context.config.allow_branch_change
        return first, np.where(may_change, -first, 0).astype(np.int8)

    def _joint_distances(self, xy: Array, branch: int, q_now: Array) -> Array:
        """Return the travel (N,), rad, from the joints to one branch's solutions of points, m."""
        branches = np.full(len(xy), branch, dtype=np.int8)
        q = self._context.arm.rigid.closed_form_batch(xy, branches, q_now)
        if q is None:
            return np.full(len(xy), np.inf)
        distances: Array = np.abs(q - q_now).max(axis=1)
        return distances

    def _solve_with_network(
        self, network: Network, rows: RowIndices, branch: BranchArray, q_now: Array
    ) -> Mask:
        context, xy = self._context, self.solution.point[rows]
        q = network.propose_batch(xy, branch)
        accepted: Mask = np.isfinite(q[:, 0] + q[:, 1])
        if len(network.branches) == 1:
            accepted &= branch == network.branches[0]
        if not accepted.all():
            rows, branch = rows[accepted], branch[accepted]
            xy, q, q_now = xy[accepted], q[accepted], q_now[accepted]
        q = context.arm.wrap_into_limits_batch(q, q_now, PROPOSAL_LIMIT_TOLERANCE_RAD)
        q, steps = refine_batch(context.arm, xy, branch, q, context.tolerance)
        stage = np.where(steps > 0, Stage.REFINED, Stage.NETWORK)
        accepted[accepted] = self._accept(rows, q, xy, branch, stage)
        return accepted

    def _solve_closed_form(self, rows: RowIndices, branch: BranchArray, q_now: Array) -> Mask:
        xy = self.solution.point[rows]
        q = self._context.closed_form_batch(xy, branch, q_now)
        if q is None:
            return np.zeros(len(rows), dtype=bool)
        stage = np.full(len(rows), Stage.CLOSED_FORM)
        return self._accept(rows, q, xy, branch, stage)

    def _accept(
        self, rows: RowIndices, q: Array, xy: Array, branch: BranchArray, stage: RowIndices
    ) -> Mask:
        """Apply the acceptance test and write what passes into the solution."""
        arm, tolerance, solution = self._context.arm, self._context.tolerance, self.solution
        elbow_sine = branch * arm.elbow_sine_batch(q)
        singular = np.flatnonzero(np.abs(elbow_sine) < SINGULAR_SINE)
        if len(singular):
            q[singular] = nudge_off_singularity(
                arm, q[singular], branch[singular], xy[singular], tolerance
            )
        tip = arm.fk(q)
        error = np.hypot(tip[:, 0] - xy[:, 0], tip[:, 1] - xy[:, 1])
        inside = (q >= arm.lower) & (q <= arm.upper)
        on_branch = elbow_sine >= -SINGULAR_SINE
        accepted: Mask = inside[:, 0] & inside[:, 1] & on_branch & (error <= tolerance)
        done = rows[accepted]
        solution.q[done] = q[accepted]
        solution.position_error[done] = error[accepted]
        solution.branch[done] = branch[accepted]
        solution.stage[done] = stage[accepted]
        solution.status[done] = Status.ACCEPTED
        return accepted
