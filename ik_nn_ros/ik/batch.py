"""The solver's stages over many targets at once: same order, same acceptance test, as arrays."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.closed_form import closed_form_batch
from ik_nn_ros.arm.plane import Array
from ik_nn_ros.arm.workspace import BOTH
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.ik.network import Network
from ik_nn_ros.ik.problem import PROPOSAL_SLACK, Problem
from ik_nn_ros.ik.refine import refine_batch
from ik_nn_ros.ik.result import BatchSolution, Reason, Stage, Status
from ik_nn_ros.ik.straight import STRAIGHT, bent

Rows = NDArray[np.intp]
Sides = NDArray[np.int8]
Mask = NDArray[np.bool_]

CHUNK = 16384
"""Targets solved at once: enough that threads seldom wait for Python's lock between them."""


def solve_batch(solver: Problem, xy: Array, q_now: Array, only: int | None = None) -> BatchSolution:
    """
    Do what :meth:`HybridSolver.solve_batch` says.

    :param only: the one branch of the solver's to solve on, +1 or -1; None: as configured
    """
    if xy.ndim != 2 or xy.shape[1] != 2:
        raise ConfigError('targets', got=f'shape {xy.shape}', expected='(N, 2)')
    if q_now.shape not in ((2,), xy.shape) or not np.isfinite(q_now).all():
        raise ConfigError(
            'q_now', got=f'shape {q_now.shape}', expected='finite, (2,) or the shape of the targets'
        )
    q_now = np.broadcast_to(q_now, xy.shape)
    work = _Work(solver, xy, only or solver.wanted)
    chunks = [slice(start, start + CHUNK) for start in range(0, len(xy), CHUNK)]
    workers = min(len(chunks), os.cpu_count() or 1)
    if workers > 1:
        # NumPy and ONNX Runtime leave Python's lock while they work on a chunk.
        with ThreadPoolExecutor(workers) as pool:
            for _ in pool.map(lambda chunk: work.solve(chunk, q_now[chunk]), chunks):
                pass
    else:
        for chunk in chunks:
            work.solve(chunk, q_now[chunk])
    return work.answer


class _Work:
    """The answer to a batch while it is being filled in, chunk by chunk."""

    def __init__(self, solver: Problem, xy: Array, wanted: int) -> None:
        count = len(xy)
        self.solver = solver
        self.wanted = wanted
        self.answer = BatchSolution(
            q=np.full((count, 2), np.nan),
            status=np.zeros(count, dtype=np.int8),
            stage=np.zeros(count, dtype=np.int8),
            position_error=np.full(count, np.nan),
            branch=np.zeros(count, dtype=np.int8),
            reason=np.zeros(count, dtype=np.int8),
            point=xy.copy(),
        )

    def solve(self, chunk: slice, q_now: Array) -> None:
        """Solve the targets of one chunk; ``q_now`` (n, 2) holds that chunk's joints."""
        solver = self.solver
        point, status = self.answer.point[chunk], self.answer.status[chunk]
        finite = np.isfinite(point).all(axis=1)
        with np.errstate(over='ignore', invalid='ignore'):
            r = np.hypot(point[:, 0], point[:, 1])
            inside = finite & (r >= solver.inner) & (r <= solver.outer)
            limits = finite & solver.within_reach(r)
        reason = np.where(finite, Reason.UNREACHABLE, Reason.NOT_FINITE)
        reason[limits] = Reason.JOINT_LIMITS
        rows = np.flatnonzero(inside)
        self._stages(chunk.start + rows, self._order(chunk.start + rows, q_now[rows]), q_now[rows])
        reason[status == Status.ACCEPTED] = Reason.NONE
        self.answer.reason[chunk] = reason
        if solver.config.on_unreachable == 'nearest':
            self._solve_projected(
                chunk, np.flatnonzero(finite & (status != Status.ACCEPTED)), q_now
            )

    def _solve_projected(self, chunk: slice, rows: Rows, q_now: Array) -> None:
        solver, point, status = self.solver, self.answer.point[chunk], self.answer.status[chunk]
        sides = self._order(chunk.start + rows, q_now[rows])
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

    def _stages(self, rows: Rows, sides: tuple[Sides, Sides], q_now: Array) -> None:
        """Run all stages on some rows of the answer, on their first branch and then the other."""
        stages = [self._closed_form]
        if self.solver.network is not None:
            stages.insert(0, partial(self._learned, self.solver.network))
        left = np.arange(len(rows))
        for side in sides:
            left = left[side[left] != 0]
            for stage in stages:
                if len(left):
                    left = left[~stage(rows[left], side[left], q_now[left])]

    def _order(self, rows: Rows, q_now: Array) -> tuple[Sides, Sides]:
        """Return the branches to try first and after that; 0 where there is no other to try."""
        solver, arm = self.solver, self.solver.arm
        if self.wanted != BOTH:
            wanted = np.full(len(rows), self.wanted, dtype=np.int8)
            return wanted, np.zeros_like(wanted)
        bend = arm.bend_batch(q_now)
        straight = np.abs(bend) < STRAIGHT
        if straight.any():
            xy, near = self.answer.point[rows[straight]], q_now[straight]
            with np.errstate(over='ignore'):  # a point to project may be anywhere
                solved = [closed_form_batch(arm, xy, np.full(len(xy), s), near) for s in (1, -1)]
            up, down = (np.abs(q - near).max(axis=1) for q in solved)
            bend[straight] = down - up
        first = np.where(bend >= 0.0, solver.tries[1][0], solver.tries[-1][0]).astype(np.int8)
        change = straight | solver.config.allow_branch_change
        return first, np.where(change, -first, 0).astype(np.int8)

    def _learned(self, network: Network, rows: Rows, side: Sides, q_now: Array) -> Mask:
        solver, xy = self.solver, self.answer.point[rows]
        q = network.propose_batch(xy, side)
        usable: Mask = np.isfinite(q[:, 0] + q[:, 1])
        if len(network.branches) == 1:
            usable &= side == network.branches[0]
        if not usable.all():
            rows, side = rows[usable], side[usable]
            xy, q, q_now = xy[usable], q[usable], q_now[usable]
        q = solver.arm.into_limits_batch(q, q_now, PROPOSAL_SLACK)
        q, steps = refine_batch(solver.arm, xy, side, q, solver.tolerance)
        stage = np.where(steps > 0, Stage.REFINED, Stage.NETWORK)
        usable[usable] = self._accept(rows, q, xy, side, stage)
        return usable

    def _closed_form(self, rows: Rows, side: Sides, q_now: Array) -> Mask:
        xy = self.answer.point[rows]
        q = self.solver.closed_form_batch(xy, side, q_now)
        stage = np.full(len(rows), Stage.CLOSED_FORM)
        return self._accept(rows, q, xy, side, stage)

    def _accept(self, rows: Rows, q: Array, xy: Array, side: Sides, stage: Rows) -> Mask:
        """Apply the acceptance test and write what passes into the answer."""
        arm, tolerance, answer = self.solver.arm, self.solver.tolerance, self.answer
        bend = side * arm.bend_batch(q)
        straight = np.flatnonzero(np.abs(bend) < STRAIGHT)
        if len(straight):
            q[straight] = bent(arm, q[straight], side[straight], xy[straight], tolerance)
        tip = arm.fk(q)
        error = np.hypot(tip[:, 0] - xy[:, 0], tip[:, 1] - xy[:, 1])
        inside = (q >= arm.lower) & (q <= arm.upper)
        on_branch = bend >= -STRAIGHT
        passed: Mask = inside[:, 0] & inside[:, 1] & on_branch & (error <= tolerance)
        done = rows[passed]
        answer.q[done] = q[passed]
        answer.position_error[done] = error[passed]
        answer.branch[done] = side[passed]
        answer.stage[done] = stage[passed]
        answer.status[done] = Status.ACCEPTED
        return passed
