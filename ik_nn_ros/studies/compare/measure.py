"""Measures of a method on the evaluation set: errors, robustness, smoothness and time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.geometry import Array, JointPair
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.ik.verification import MAX_TIP_ERROR_RATIO, ROUNDING_ERROR_RATIO, outside_limits
from ik_nn_ros.studies.accuracy import CLEAR_BRANCH_SINE, tip_distance
from ik_nn_ros.studies.compare.evaluation_set import EvaluationSet, PathBatch
from ik_nn_ros.studies.compare.methods import IkMethod, MethodSolutions, SingleTargetSolver
from ik_nn_ros.studies.compare.results import (
    MIN_FAILED_ERROR_RATIO,
    IterationCounts,
    MethodErrors,
    MethodKind,
    MethodRun,
    TrainingRecord,
)

BoolArray = NDArray[np.bool_]

TIMED_PATH_COUNT = 60
"""Number of paths that are timed target by target."""
BATCH_REPETITIONS = 5
"""Number of timings of a batch, of which the median counts."""


def measure(
    method: IkMethod,
    evaluation_set: EvaluationSet,
    seed: int | None = None,
    training: TrainingRecord | None = None,
) -> MethodRun:
    """
    Measure a method.

    :param method: the method
    :param evaluation_set: targets and paths to measure on
    :param seed: seed of its training; None: the method is not trained
    :param training: record of its training
    """
    arm = evaluation_set.arm
    scattered = None
    if method.kind is not MethodKind.PATH_NETWORK:
        scattered = method.solve(evaluation_set.scattered)
    path_solutions = method.solve_paths(evaluation_set.paths)
    return MethodRun(
        seed=seed,
        training=training,
        scattered=None
        if scattered is None
        else _method_errors(arm, evaluation_set.scattered.xy, scattered.q),
        along_path=_method_errors(arm, evaluation_set.paths.reference_xy, path_solutions.q),
        exact=float(
            _are_correct(
                arm,
                evaluation_set.paths.reference_xy,
                path_solutions.q,
                MAX_TIP_ERROR_RATIO + ROUNDING_ERROR_RATIO,
            ).mean()
        ),
        noisy=_method_errors(
            arm, evaluation_set.noisy.reference_xy, method.solve_paths(evaluation_set.noisy).q
        ),
        outside=_method_errors(
            arm, evaluation_set.outside.reference_xy, method.solve_paths(evaluation_set.outside).q
        ),
        both_branches=_both_branches(method, evaluation_set, path_solutions.q),
        roughness=_roughness(path_solutions.q) / _roughness(evaluation_set.path_joints),
        steps=None
        if scattered is None
        else _iteration_counts(arm, evaluation_set.scattered.xy, scattered),
        path_steps=_iteration_counts(arm, evaluation_set.paths.reference_xy, path_solutions),
    )


def error_map(method: IkMethod, evaluation_set: EvaluationSet) -> Array:
    """
    Return (n, n) tip errors over the workspace, see :class:`~.results.CompareRow`.

    A path network gets each point for the length of a path; the error is that of its last answer.
    """
    targets = evaluation_set.map_targets
    if method.kind is MethodKind.PATH_NETWORK:
        xy = np.repeat(targets.xy[:, None], evaluation_set.paths.xy.shape[1], axis=1)
        q = method.solve_paths(PathBatch(xy, targets.branch, targets.start, xy)).q[:, -1]
    else:
        q = method.solve(targets).q
    return evaluation_set.map_grid.to_grid(_tip_error(evaluation_set.arm, targets.xy, q))


def figure_eight_joints(method: IkMethod, evaluation_set: EvaluationSet) -> Array:
    """Return (N, 2) joint positions along the figure eight, rad."""
    joints: Array = method.solve_paths(evaluation_set.figure_eight).q[0]
    return joints


def _tip_error(arm: ArmModel, reference_xy: Array, q: Array) -> Array:
    """Return (N,) tip errors as fractions of reach, infinite without an answer."""
    distance = tip_distance(arm, reference_xy.reshape(-1, 2), q.reshape(-1, 2)) / arm.reach
    return np.where(np.isnan(distance), np.inf, distance)


def _are_correct(arm: ArmModel, reference_xy: Array, q: Array, tolerance: float) -> BoolArray:
    """Return (N,) whether answers are within a tolerance (fraction of reach) and the limits."""
    on_target: BoolArray = _tip_error(arm, reference_xy, q) <= tolerance
    return on_target & ~outside_limits(arm, q.reshape(-1, 2))


def _method_errors(arm: ArmModel, reference_xy: Array, q: Array) -> MethodErrors:
    return MethodErrors.from_errors(
        _tip_error(arm, reference_xy, q),
        ~_are_correct(arm, reference_xy, q, MIN_FAILED_ERROR_RATIO),
    )


def _iteration_counts(
    arm: ArmModel, reference_xy: Array, solutions: MethodSolutions
) -> IterationCounts | None:
    if solutions.steps is None:
        return None
    steps = solutions.steps.ravel()[
        _are_correct(arm, reference_xy, solutions.q, MAX_TIP_ERROR_RATIO + ROUNDING_ERROR_RATIO)
    ]
    if not len(steps):
        return None
    p50, p99 = np.quantile(steps, (0.5, 0.99), method='higher').tolist()
    return IterationCounts(p50, p99)


def _both_branches(method: IkMethod, evaluation_set: EvaluationSet, q: Array) -> float:
    """
    Return the share of targets answered correctly on both branches; NaN if none is on both.

    :param q: (P, T, 2) answers on the branches of the paths, rad
    """
    arm, rows, other = (
        evaluation_set.arm,
        evaluation_set.both_branch_rows,
        evaluation_set.other_branch,
    )
    if not len(rows):
        return float('nan')

    def are_correct(answers: Array, branch: NDArray[np.int8]) -> BoolArray:
        elbow_sine = arm.elbow_sine_batch(answers.reshape(-1, 2))
        on_branch: BoolArray = branch.ravel() * elbow_sine >= -CLEAR_BRANCH_SINE
        return on_branch & _are_correct(arm, other.reference_xy, answers, MIN_FAILED_ERROR_RATIO)

    on_own = are_correct(q[rows], evaluation_set.paths.branch_by_target[rows])
    on_other = are_correct(method.solve_paths(other).q, other.branch_by_target)
    return float((on_own & on_other).mean())


def _roughness(q: Array) -> float:
    """Return the root mean square of the second differences, rad; infinite without an answer."""
    squares = np.diff(q, n=2, axis=1) ** 2
    return float(np.sqrt(np.where(np.isnan(squares), np.inf, squares).mean()))


def single_target_times_us(
    methods: Sequence[IkMethod], evaluation_set: EvaluationSet
) -> list[float | None]:
    """
    Return the median time of a single target by method, µs; None: it needs a whole path at once.

    Each method solves paths target by target as in a control loop, from its last answer. The
    methods take turns, a path each, so that disturbances of the machine affect all of them.
    """
    times_ns: list[list[int]] = [[] for _ in methods]
    for number, path in enumerate(evaluation_set.paths.xy[:TIMED_PATH_COUNT].tolist()):
        branch, start = (
            int(evaluation_set.paths.branch[number]),
            tuple(evaluation_set.paths.start[number].tolist()),
        )
        for method, times in zip(methods, times_ns, strict=True):
            solve_target = method.single_target_solver()
            if solve_target is not None:
                times += _path_times_ns(solve_target, path, branch, start)
    return [float(np.median(times)) * 1e-3 if times else None for times in times_ns]


def _path_times_ns(
    solve_target: SingleTargetSolver, path: list[JointPair], branch: int, q_now: JointPair
) -> list[int]:
    """Return the time of each target along a path, ns."""
    clock = time.perf_counter_ns
    times = []
    for x, y in path:
        start = clock()
        q_now = solve_target(x, y, branch, q_now)
        times.append(clock() - start)
    return times


def batch_rates_per_s(methods: Sequence[IkMethod], evaluation_set: EvaluationSet) -> list[float]:
    """
    Return how many targets a second each method answers in one call, the methods taking turns.

    The targets are the scattered ones, or those of all paths for a method that needs paths.
    """
    calls = [_batch_call(method, evaluation_set) for method in methods]
    times_s = np.empty((BATCH_REPETITIONS, len(methods)))
    for times in times_s:
        for number, (call, _) in enumerate(calls):
            start = time.perf_counter()
            call()
            times[number] = time.perf_counter() - start
    medians: list[float] = np.median(times_s, axis=0).tolist()
    return [count / median for (_, count), median in zip(calls, medians, strict=True)]


def _batch_call(
    method: IkMethod, evaluation_set: EvaluationSet
) -> tuple[Callable[[], object], int]:
    """Return the call to time, and the number of targets it answers."""
    if method.kind is MethodKind.PATH_NETWORK:
        return lambda: method.solve_paths(
            evaluation_set.paths
        ), evaluation_set.paths.branch_by_target.size
    return lambda: method.solve(evaluation_set.scattered), len(evaluation_set.scattered.xy)
