"""The solver's stages over many targets at once: same order, same acceptance test, as arrays."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.closed_form import closed_form_batch
from ik_nn_ros.arm.model import Array
from ik_nn_ros.arm.workspace import BOTH_BRANCHES
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.ik.acceptance import PROPOSAL_LIMIT_TOLERANCE_RAD, BranchSolver
from ik_nn_ros.ik.network import Network
from ik_nn_ros.ik.refine import SINGULAR_SINE, nudge_off_singularity, refine_batch
from ik_nn_ros.ik.result import BatchSolution, Reason, Stage, Status

RowIndices = NDArray[np.intp]
BranchArray = NDArray[np.int8]
Mask = NDArray[np.bool_]

CHUNK_SIZE = 16384
"""Targets solved at once: enough that threads seldom wait for Python's lock between them."""


def solve_batch(
    solver: BranchSolver, xy: Array, q_now: Array, branch: int | None = None
) -> BatchSolution:
    """
    Do what :meth:`HybridSolver.solve_batch` says.

    :param branch: the one branch of the solver's to solve on, +1 or -1; None: as configured
    """
    if xy.ndim != 2 or xy.shape[1] != 2:
        raise ConfigError('targets', got=f'shape {xy.shape}', expected='(N, 2)')
    if q_now.shape not in ((2,), xy.shape) or not np.isfinite(q_now).all():
        raise ConfigError(
            'q_now', got=f'shape {q_now.shape}', expected='finite, (2,) or the shape of the targets'
        )
    q_now = np.broadcast_to(q_now, xy.shape)
    work = _BatchWork(solver, xy, branch or solver.configured_branch)
    chunks = [slice(start, start + CHUNK_SIZE) for start in range(0, len(xy), CHUNK_SIZE)]
    workers = min(len(chunks), os.cpu_count() or 1)
    if workers > 1:
        # NumPy and ONNX Runtime leave Python's lock while they work on a chunk.
        with ThreadPoolExecutor(workers) as pool:
            for _ in pool.map(lambda chunk: work.solve_chunk(chunk, q_now[chunk]), chunks):
                pass
    else:
        for chunk in chunks:
            work.solve_chunk(chunk, q_now[chunk])
    return work.solution


class _BatchWork:
    """The answer to a batch while it is being filled in, chunk by chunk."""

    def __init__(self, solver: BranchSolver, xy: Array, branch: int) -> None:
        count = len(xy)
        self.solver = solver
        self.branch = branch
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
        solver = self.solver
        point, status = self.solution.point[chunk], self.solution.status[chunk]
        finite = np.isfinite(point).all(axis=1)
        with np.errstate(over='ignore', invalid='ignore'):
            r = np.hypot(point[:, 0], point[:, 1])
            inside = finite & (r >= solver.min_distance) & (r <= solver.max_distance)
            limits = finite & solver.within_reach(r)
        reason = np.where(finite, Reason.UNREACHABLE, Reason.NOT_FINITE)
        reason[limits] = Reason.JOINT_LIMITS
        rows = np.flatnonzero(inside)
        self._run_stages(
            chunk.start + rows, self._branch_order(chunk.start + rows, q_now[rows]), q_now[rows]
        )
        reason[status == Status.ACCEPTED] = Reason.NONE
        self.solution.reason[chunk] = reason
        if solver.config.on_unreachable == 'nearest':
            self._solve_projected(
                chunk, np.flatnonzero(finite & (status != Status.ACCEPTED)), q_now
            )

    def _solve_projected(self, chunk: slice, rows: RowIndices, q_now: Array) -> None:
        solver, point, status = self.solver, self.solution.point[chunk], self.solution.status[chunk]
        sides = self._branch_order(chunk.start + rows, q_now[rows])
        left = np.arange(len(rows))
        for side in sides:
            q = solver.project(point[rows[left]], side[left], q_now[rows[left]])
            there = np.isfinite(q[:, 0])
            tried, q = left[there], q[there]
            nearest = solver.arm.fk(q)
            stage = np.full(len(tried), Stage.CLOSED_FORM)
            solved = self._accept(chunk.start + rows[tried], q, nearest, side[tried], stage)
            done = rows[tried[solved]]
            point[done], status[done] = nearest[solved], Status.PROJECTED
            left = left[status[rows[left]] == Status.REJECTED]

    def _run_stages(
        self, rows: RowIndices, branches: tuple[BranchArray, BranchArray], q_now: Array
    ) -> None:
        """Run all stages on some rows of the answer, on their first branch and then the other."""
        stages = [self._solve_closed_form]
        if self.solver.network is not None:
            stages.insert(0, partial(self._solve_with_network, self.solver.network))
        left = np.arange(len(rows))
        for side in branches:
            left = left[side[left] != 0]
            for stage in stages:
                if len(left):
                    left = left[~stage(rows[left], side[left], q_now[left])]

    def _branch_order(self, rows: RowIndices, q_now: Array) -> tuple[BranchArray, BranchArray]:
        """Return the branches to try first and after that; 0 where there is no other to try."""
        solver, arm = self.solver, self.solver.arm
        if self.branch != BOTH_BRANCHES:
            wanted = np.full(len(rows), self.branch, dtype=np.int8)
            return wanted, np.zeros_like(wanted)
        bend = arm.elbow_sine_batch(q_now)
        straight = np.abs(bend) < SINGULAR_SINE
        if straight.any():
            xy, near = self.solution.point[rows[straight]], q_now[straight]
            with np.errstate(over='ignore'):  # a point to project may be anywhere
                solved = [closed_form_batch(arm, xy, np.full(len(xy), s), near) for s in (1, -1)]
            up, down = (np.abs(q - near).max(axis=1) for q in solved)
            bend[straight] = down - up
        first = np.where(
            bend >= 0.0, solver.branch_orders[1][0], solver.branch_orders[-1][0]
        ).astype(np.int8)
        change = straight | solver.config.allow_branch_change
        return first, np.where(change, -first, 0).astype(np.int8)

    def _solve_with_network(
        self, network: Network, rows: RowIndices, branch: BranchArray, q_now: Array
    ) -> Mask:
        solver, xy = self.solver, self.solution.point[rows]
        q = network.propose_batch(xy, branch)
        usable: Mask = np.isfinite(q[:, 0] + q[:, 1])
        if len(network.branches) == 1:
            usable &= branch == network.branches[0]
        if not usable.all():
            rows, branch = rows[usable], branch[usable]
            xy, q, q_now = xy[usable], q[usable], q_now[usable]
        q = solver.arm.wrap_into_limits_batch(q, q_now, PROPOSAL_LIMIT_TOLERANCE_RAD)
        q, steps = refine_batch(solver.arm, xy, branch, q, solver.tolerance)
        stage = np.where(steps > 0, Stage.REFINED, Stage.NETWORK)
        usable[usable] = self._accept(rows, q, xy, branch, stage)
        return usable

    def _solve_closed_form(self, rows: RowIndices, branch: BranchArray, q_now: Array) -> Mask:
        xy = self.solution.point[rows]
        q = self.solver.closed_form_batch(xy, branch, q_now)
        stage = np.full(len(rows), Stage.CLOSED_FORM)
        return self._accept(rows, q, xy, branch, stage)

    def _accept(
        self, rows: RowIndices, q: Array, xy: Array, branch: BranchArray, stage: RowIndices
    ) -> Mask:
        """Apply the acceptance test and write what passes into the answer."""
        arm, tolerance, answer = self.solver.arm, self.solver.tolerance, self.solution
        bend = branch * arm.elbow_sine_batch(q)
        straight = np.flatnonzero(np.abs(bend) < SINGULAR_SINE)
        if len(straight):
            q[straight] = nudge_off_singularity(
                arm, q[straight], branch[straight], xy[straight], tolerance
            )
        tip = arm.fk(q)
        error = np.hypot(tip[:, 0] - xy[:, 0], tip[:, 1] - xy[:, 1])
        inside = (q >= arm.lower) & (q <= arm.upper)
        on_branch = bend >= -SINGULAR_SINE
        passed: Mask = inside[:, 0] & inside[:, 1] & on_branch & (error <= tolerance)
        done = rows[passed]
        answer.q[done] = q[passed]
        answer.position_error[done] = error[passed]
        answer.branch[done] = branch[passed]
        answer.stage[done] = stage[passed]
        answer.status[done] = Status.ACCEPTED
        return passed
