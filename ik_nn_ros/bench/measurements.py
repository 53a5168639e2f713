"""
Measurements of the solver: times beside other solvers, rates of batches, and correctness.

Methods are timed on the same targets and take turns, so that disturbances of the machine affect all
of them.
"""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ik_nn_ros.arm.geometry import Array, JointPair
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.ik.acceptance import SolverConfig
from ik_nn_ros.ik.network import Network
from ik_nn_ros.ik.refine import refine
from ik_nn_ros.ik.solver import HybridSolver
from ik_nn_ros.ik.verification import (
    MAX_TIP_ERROR_RATIO,
    ReachableTargets,
    SolveStatistics,
    outside_limits,
    random_boundary_targets,
    random_joints,
    random_points,
    random_reachable_targets,
    tip_errors,
    verify,
)

CLOSED_FORM = 'closed form'
CHECKED_CLOSED_FORM = 'closed form, checked'
NETWORK = 'network'
REFINEMENT = 'refinement of it'
HYBRID = 'hybrid'
LOOSE_HYBRID = 'hybrid to 1e-4'
IKPY = 'ikpy'
PINOCCHIO = 'Pinocchio DLS'
LOOSE_TOLERANCE_RATIO = 1e-4
"""Tolerance at which the network's proposal needs no refinement, as a fraction of reach."""
TARGETS_PER_TURN = 50
"""Number of targets of a turn."""
MAX_REPEATED_TARGETS = 1_000_000
"""Largest number of targets of all repetitions of a batch, but for :data:`MIN_REPEATS`."""
MAX_REPEATS = 100
"""Largest number of repetitions of a batch."""
MIN_REPEATS = 3
"""Smallest number of repetitions of a batch."""


@dataclass(frozen=True)
class TimedMethod:
    """
    A method to be timed.

    :param name: name in the table
    :param call: function to be timed
    :param arguments: arguments of the function, one row for each target
    """

    name: str
    call: Callable[..., Any]
    arguments: Sequence[tuple[Any, ...]]


@dataclass(frozen=True)
class SolveTime:
    """
    Time and errors of a method; None: the method is not installed.

    :param method: name of the method
    :param median: median time of one solve, µs
    :param p99: 99th percentile of the time, µs
    :param solved: share of the targets met within 1e-9 of reach inside the limits
    :param error: median tip error, as a fraction of reach
    :param worst: largest tip error, as a fraction of reach
    """

    method: str
    median: float | None = None
    p99: float | None = None
    solved: float | None = None
    error: float | None = None
    worst: float | None = None


def measure_solve_times(
    arm: ArmModel,
    urdf: str,
    links: tuple[str, str],
    network: Network | None,
    targets: ReachableTargets,
) -> list[SolveTime]:
    """
    Time every method on the same targets from the same joint positions.

    :param arm: the arm
    :param urdf: URDF of the arm
    :param links: base link and tip link
    :param network: the network; None: the stages with a network are left out
    :param targets: the targets
    """
    methods = list(_timed_methods(arm, network, targets))
    missing = []
    base_link, tip_link = links
    for name, make_solver, arguments in (
        (IKPY, ikpy_solver, (arm, urdf, base_link)),
        (PINOCCHIO, pinocchio_solver, (arm, urdf, base_link, tip_link)),
    ):
        try:
            call = make_solver(*arguments)
        except ImportError:
            missing.append(SolveTime(name))
        else:
            methods.append(TimedMethod(name, call, _solver_arguments(targets)))
    times, answers = _time_in_turns(methods, len(targets.xy))
    results = [
        _summarize_times(arm, method.name, targets, times_us, answer)
        for method, times_us, answer in zip(methods, times, answers, strict=True)
    ]
    return results + missing


def _solver_arguments(targets: ReachableTargets) -> list[tuple[Any, ...]]:
    return [(x, y, start) for (x, y), start in zip(targets.points, targets.starts, strict=True)]


def _timed_methods(
    arm: ArmModel, network: Network | None, targets: ReachableTargets
) -> Iterator[TimedMethod]:
    branches = [arm.branch_of(q) for q in targets.q.tolist()]
    rows = _solver_arguments(targets)
    yield TimedMethod(
        CLOSED_FORM,
        arm.rigid.closed_form,
        [(x, y, branch, q) for (x, y, q), branch in zip(rows, branches, strict=True)],
    )
    yield TimedMethod(CHECKED_CLOSED_FORM, HybridSolver(arm).solve, rows)
    if network is None:
        return
    inputs = [(x, y, branch) for (x, y, _), branch in zip(rows, branches, strict=True)]
    yield TimedMethod(NETWORK, network.propose, inputs)
    tolerance = MAX_TIP_ERROR_RATIO * arm.reach
    proposals = [
        (arm, *each, arm.wrap_into_limits(network.propose(*each), start), tolerance)
        for each, start in zip(inputs, targets.starts, strict=True)
    ]
    yield TimedMethod(REFINEMENT, lambda *row: refine(*row)[0], proposals)
    yield TimedMethod(HYBRID, HybridSolver(arm, network).solve, rows)
    loose = SolverConfig(tolerance=LOOSE_TOLERANCE_RATIO * arm.reach)
    yield TimedMethod(LOOSE_HYBRID, HybridSolver(arm, network, loose).solve, rows)


def _time_in_turns(methods: Sequence[TimedMethod], count: int) -> tuple[Array, list[list[Any]]]:
    """Return (methods, count) times, µs, and the answers."""
    clock = time.perf_counter_ns
    times = np.zeros((len(methods), count))
    answers: list[list[Any]] = [[] for _ in methods]
    for start in range(0, count, TARGETS_PER_TURN):
        for number, method in enumerate(methods):
            call = method.call
            for index, row in enumerate(method.arguments[start : start + TARGETS_PER_TURN], start):
                begin = clock()
                answer = call(*row)
                times[number, index] = clock() - begin
                answers[number].append(answer)
    return times * 1e-3, answers


def _summarize_times(
    arm: ArmModel, name: str, targets: ReachableTargets, times_us: Array, answers: Sequence[Any]
) -> SolveTime:
    q = np.array([_answered_joints(answer) for answer in answers])
    if name == NETWORK:  # its angles may be on any turn
        q = arm.wrap_into_limits_batch(q, targets.start)
    errors = tip_errors(arm, targets.xy, q)
    solved = (errors <= MAX_TIP_ERROR_RATIO * (1 + 1e-6)) & ~outside_limits(arm, q)
    finite = errors[np.isfinite(errors)]
    median, p99 = np.quantile(times_us, (0.5, 0.99)).tolist()
    return SolveTime(
        name, median, p99, float(solved.mean()), float(np.median(finite)), float(finite.max())
    )


def _answered_joints(answer: Any) -> JointPair:
    q = getattr(answer, 'q', answer)
    return (np.nan, np.nan) if q is None else q


@dataclass(frozen=True)
class BatchRate:
    """
    Rates of batches of one size.

    :param size: number of targets in a batch
    :param closed_form: verified solutions per second without a network
    :param hybrid: verified solutions per second with the network; None: there is no network
    """

    size: int
    closed_form: float
    hybrid: float | None


def measure_batch_rates(
    closed_form: HybridSolver,
    hybrid: HybridSolver | None,
    rng: np.random.Generator,
    sizes: Sequence[int],
) -> list[BatchRate]:
    """Time batches of every size; the two solvers take turns."""
    solvers = [solver for solver in (closed_form, hybrid) if solver is not None]
    targets = random_reachable_targets(closed_form.arm, rng, max(sizes))
    rates = []
    for size in sizes:
        xy, start = targets.xy[:size], targets.start[:size]
        times: list[list[float]] = [[] for _ in solvers]
        for _ in range(max(MIN_REPEATS, min(MAX_REPEATS, MAX_REPEATED_TARGETS // size))):
            for solver, solver_times in zip(solvers, times, strict=True):
                begin = time.perf_counter()
                solver.solve_batch(xy, start)
                solver_times.append(time.perf_counter() - begin)
        medians = [size / float(np.median(solver_times)) for solver_times in times]
        rates.append(BatchRate(size, medians[0], medians[1] if hybrid is not None else None))
    return rates


@dataclass(frozen=True)
class NetworkErrors:
    """Tip errors of the network's own proposals, as fractions of reach."""

    targets: int
    p50: float
    p99: float
    worst: float


def verify_reachable_targets(
    solver: HybridSolver, rng: np.random.Generator, count: int
) -> SolveStatistics:
    """Solve reachable targets, a tenth of them on the boundary, in a batch."""
    boundary = random_boundary_targets(solver.arm, rng, count // 10)
    inner = random_reachable_targets(solver.arm, rng, count - len(boundary.xy))
    xy = np.concatenate((boundary.xy, inner.xy))
    solved = solver.solve_batch(xy, np.concatenate((boundary.start, inner.start)))
    return verify(solver.arm, tip_errors(solver.arm, xy, solved.q), solved.q, solved.stage)


def verify_targets_one_by_one(
    solver: HybridSolver, rng: np.random.Generator, count: int
) -> SolveStatistics:
    """Solve targets in and around the workspace one by one, as the node does."""
    xy = random_points(solver.arm, rng, count)
    starts = random_joints(solver.arm, rng, count)
    q, stage = np.full((count, 2), np.nan), np.zeros(count, dtype=np.int8)
    for row, ((x, y), start) in enumerate(zip(xy.tolist(), starts.tolist(), strict=True)):
        solution = solver.solve(x, y, (start[0], start[1]))
        if solution.q is not None:
            q[row], stage[row] = solution.q, solution.stage
    return verify(solver.arm, tip_errors(solver.arm, xy, q), q, stage)


def measure_network_errors(
    arm: ArmModel, network: Network, rng: np.random.Generator, count: int
) -> NetworkErrors:
    """Measure the network alone over the whole workspace, on the branches it was trained for."""
    targets = random_reachable_targets(arm, rng, count)
    branch = np.where(arm.elbow_sine_batch(targets.q) < 0.0, -1, 1)
    is_served = np.isin(branch, network.branches)
    xy, branch = targets.xy[is_served], branch[is_served]
    errors = tip_errors(arm, xy, network.propose_batch(xy, branch))
    p50, p99 = np.quantile(errors, (0.5, 0.99)).tolist()
    return NetworkErrors(len(xy), p50, p99, float(errors.max()))


SolveFunction = Callable[[float, float, JointPair], JointPair]
MAX_STEPS = 100
"""Largest number of steps of damped least squares."""
MAX_JOINT_STEP_RAD = 0.3
"""Largest step of a joint, rad, as in our refinement."""


def ikpy_solver(arm: ArmModel, urdf: str, base_link: str) -> SolveFunction:
    """
    Return ikpy's inverse kinematics with its default settings.

    :raises ImportError: ikpy is not installed
    """
    from ikpy.chain import Chain

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter('ignore')  # it advises to mask the fixed links, as is done below
        file = Path(folder) / 'arm.urdf'
        file.write_text(urdf, encoding='utf-8')
        chain = Chain.from_urdf_file(str(file), [base_link])
    is_moving = np.array([link.joint_type != 'fixed' for link in chain.links])
    chain.active_links_mask = is_moving
    columns = np.flatnonzero(is_moving)
    start = np.zeros(len(is_moving))
    plane = arm.plane

    def solve(x: float, y: float, q_now: JointPair) -> JointPair:
        start[columns] = q_now
        q = chain.inverse_kinematics(plane.to_base((x, y)), initial_position=start)[columns]
        return float(q[0]), float(q[1])

    return solve


def pinocchio_solver(arm: ArmModel, urdf: str, base_link: str, tip_link: str) -> SolveFunction:
    """
    Return damped least squares on Pinocchio's kinematics and Jacobian.

    The damping is λ = |e|², the best that we know, and the tolerance is ours. The iteration ignores
    the limits; the angles are returned on the turn inside the limits if there is one.

    :raises ImportError: Pinocchio is not installed
    """
    import pinocchio as pin

    model = pin.buildModelFromXML(urdf)
    data = model.createData()
    base, tip = model.getFrameId(base_link), model.getFrameId(tip_link)
    pin.framesForwardKinematics(model, data, pin.neutral(model))
    mount = data.oMf[base].copy()
    tolerance_squared = (MAX_TIP_ERROR_RATIO * arm.reach) ** 2
    identity = np.eye(2)

    def solve(x: float, y: float, q_now: JointPair) -> JointPair:
        target = mount.act(arm.plane.to_base((x, y)))
        q = np.array(q_now)
        for _ in range(MAX_STEPS):
            pin.computeJointJacobians(model, data, q)
            pin.updateFramePlacement(model, data, tip)
            error = target - data.oMf[tip].translation
            squared = error @ error
            if squared <= tolerance_squared:
                break
            jacobian = pin.getFrameJacobian(model, data, tip, pin.LOCAL_WORLD_ALIGNED)[:3]
            step = np.linalg.solve(jacobian.T @ jacobian + squared * identity, jacobian.T @ error)
            q += step * min(1.0, MAX_JOINT_STEP_RAD / max(np.abs(step).max(), 1e-300))
        return arm.wrap_into_limits((float(q[0]), float(q[1])), q_now)

    return solve
