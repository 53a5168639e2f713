"""The solver's stages over many targets at once: same order, same acceptance test, as arrays."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.closed_form import closed_form_batch
from ik_nn_ros.arm.plane import Array
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.ik.network import Network
from ik_nn_ros.ik.problem import PROPOSAL_SLACK, STRAIGHT, Problem
from ik_nn_ros.ik.refine import refine_batch
from ik_nn_ros.ik.result import BatchSolution, Reason, Stage, Status

Rows = NDArray[np.intp]
Sides = NDArray[np.int8]
Mask = NDArray[np.bool_]

CHUNK = 16384
"""Targets solved at once: enough that threads seldom wait for Python's lock between them."""


def solve_batch(solver: Problem, xy: Array, q_now: Array) -> BatchSolution:
    """Do what :meth:`HybridSolver.solve_batch` says."""
    if xy.ndim != 2 or xy.shape[1] != 2:
        raise ConfigError('targets', got=f'shape {xy.shape}', expected='(N, 2)')
    if q_now.shape not in ((2,), xy.shape) or not np.isfinite(q_now).all():
        raise ConfigError(
            'q_now', got=f'shape {q_now.shape}', expected='finite, (2,) or the shape of the targets'
        )
    q_now = np.broadcast_to(q_now, xy.shape)
    work = _Work(solver, xy)
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

    def __init__(self, solver: Problem, xy: Array) -> None:
        count = len(xy)
        self.solver = solver
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
        self._stages(chunk.start, np.flatnonzero(inside), q_now)
        reason[status == Status.ACCEPTED] = Reason.NONE
        self.answer.reason[chunk] = reason
        if solver.config.on_unreachable == 'nearest':
            self._solve_projected(
                chunk, np.flatnonzero(finite & (status != Status.ACCEPTED)), q_now
            )

    def _solve_projected(self, chunk: slice, rows: Rows, q_now: Array) -> None:
        point, status = self.answer.point[chunk], self.answer.status[chunk]
        side = self._order(chunk.start + rows, q_now[rows])[0]
        nearest = self.solver.project(point[rows], side)
        reachable = np.isfinite(nearest).all(axis=1)
        rows, nearest = rows[reachable], nearest[reachable]
        asked = point[rows]
        point[rows] = nearest
        self._stages(chunk.start, rows, q_now)
        solved = status[rows] == Status.ACCEPTED
        status[rows[solved]] = Status.PROJECTED
        point[rows[~solved]] = asked[~solved]

    def _stages(self, start: int, rows: Rows, q_now: Array) -> None:
        """Run all stages on some rows of the chunk that starts at ``start``."""
        q_now, rows = q_now[rows], start + rows
        sides = self._order(rows, q_now)
        stages = [self._closed_form]
        if self.solver.network is not None:
            stages.insert(0, partial(self._learned, self.solver.network))
        left = np.arange(len(rows))
        for side in sides:
            for stage in stages:
                if len(left):
                    left = left[~stage(rows[left], side[left], q_now[left])]

    def _order(self, rows: Rows, q_now: Array) -> list[Sides]:
        solver = self.solver
        if len(solver.sides) == 1:
            return [np.full(len(rows), solver.sides[0], dtype=np.int8)]
        arm = solver.arm
        bend = arm.bend_batch(q_now)
        straight = np.flatnonzero(np.abs(bend) < STRAIGHT)
        if len(straight):
            xy, near = self.answer.point[rows[straight]], q_now[straight]
            with np.errstate(over='ignore'):  # a point to project may be anywhere
                solved = [closed_form_batch(arm, xy, np.full(len(xy), s), near) for s in (1, -1)]
            up, down = (np.abs(q - near).max(axis=1) for q in solved)
            bend[straight] = down - up
        side = np.where(bend >= 0.0, 1, -1).astype(np.int8)
        return [side, -side]

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
        q, moved = refine_batch(solver.arm, xy, side, q, solver.tolerance)
        stage = np.where(moved, Stage.REFINED, Stage.NETWORK)
        usable[usable] = self._accept(rows, q, xy, side, stage)
        return usable

    def _closed_form(self, rows: Rows, side: Sides, q_now: Array) -> Mask:
        xy = self.answer.point[rows]
        q = self.solver.closed_form_batch(xy, side, q_now)
        stage = np.full(len(rows), Stage.CLOSED_FORM)
        return self._accept(rows, q, xy, side, stage)

    def _accept(self, rows: Rows, q: Array, xy: Array, side: Sides, stage: Rows) -> Mask:
        """Apply the acceptance test and write what passes into the answer."""
        arm, answer = self.solver.arm, self.answer
        tip = arm.fk(q)
        error = np.hypot(tip[:, 0] - xy[:, 0], tip[:, 1] - xy[:, 1])
        inside = (q >= arm.lower) & (q <= arm.upper)
        on_branch = side * arm.bend_batch(q) >= -STRAIGHT
        passed: Mask = inside[:, 0] & inside[:, 1] & on_branch & (error <= self.solver.tolerance)
        done = rows[passed]
        answer.q[done] = q[passed]
        answer.position_error[done] = error[passed]
        answer.branch[done] = side[passed]
        answer.stage[done] = stage[passed]
        answer.status[done] = Status.ACCEPTED
        return passed
