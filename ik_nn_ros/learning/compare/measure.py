"""What a method makes of a test set."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.arm.plane import Array
from ik_nn_ros.arm.targets import EXACT, outside_limits
from ik_nn_ros.ik.answers import ROUNDING
from ik_nn_ros.learning.compare.methods import Answers, Method
from ik_nn_ros.learning.compare.results import FAILED, Errors, Kind, Run, Steps, Training
from ik_nn_ros.learning.compare.test_set import Paths, TestSet
from ik_nn_ros.learning.report.accuracy import BENT, tip_distance

Mask = NDArray[np.bool_]


def measure(
    method: Method, tests: TestSet, seed: int | None = None, training: Training | None = None
) -> Run:
    """
    Measure a method.

    :param seed: of its training; None: it is not trained
    :param training: record of it
    """
    arm = tests.arm
    scattered = None
    if method.kind is not Kind.PATH_NETWORK:
        scattered = method.solve(tests.scattered)
    along = method.follow(tests.paths)
    return Run(
        seed=seed,
        training=training,
        scattered=None if scattered is None else _errors(arm, tests.scattered.xy, scattered.q),
        along_path=_errors(arm, tests.paths.meant, along.q),
        exact=float(_right(arm, tests.paths.meant, along.q, EXACT + ROUNDING).mean()),
        noisy=_errors(arm, tests.noisy.meant, method.follow(tests.noisy).q),
        outside=_errors(arm, tests.outside.meant, method.follow(tests.outside).q),
        both_branches=_both_branches(method, tests, along.q),
        roughness=_roughness(along.q) / _roughness(tests.joints),
        steps=None if scattered is None else _steps(arm, tests.scattered.xy, scattered),
        path_steps=_steps(arm, tests.paths.meant, along),
    )


def error_map(method: Method, tests: TestSet) -> Array:
    """
    Return (n, n) tip errors over the workspace, see :class:`~.results.Row`.

    A path network stays at each point for the length of a path and is judged by its last answer.
    """
    targets = tests.anywhere
    if method.kind is Kind.PATH_NETWORK:
        xy = np.repeat(targets.xy[:, None], tests.paths.xy.shape[1], axis=1)
        q = method.follow(Paths(xy, targets.branch, targets.start, xy)).q[:, -1]
    else:
        q = method.solve(targets).q
    return tests.grid.filled(_distance(tests.arm, targets.xy, q))


def figure(method: Method, tests: TestSet) -> Array:
    """Return (N, 2) joints along the test figure, rad."""
    joints: Array = method.follow(tests.figure).q[0]
    return joints


def _distance(arm: ArmModel, meant: Array, q: Array) -> Array:
    """Return (N,) tip errors as fractions of reach, infinite where there is no answer."""
    distance = tip_distance(arm, meant.reshape(-1, 2), q.reshape(-1, 2)) / arm.reach
    return np.where(np.isnan(distance), np.inf, distance)


def _right(arm: ArmModel, meant: Array, q: Array, tolerance: float) -> Mask:
    """Tell (N,) which answers are within a tolerance (fraction of reach) and the limits."""
    right: Mask = _distance(arm, meant, q) <= tolerance
    return right & ~outside_limits(arm, q.reshape(-1, 2))


def _errors(arm: ArmModel, meant: Array, q: Array) -> Errors:
    return Errors.of(_distance(arm, meant, q), ~_right(arm, meant, q, FAILED))


def _steps(arm: ArmModel, meant: Array, answers: Answers) -> Steps | None:
    if answers.steps is None:
        return None
    steps = answers.steps.ravel()[_right(arm, meant, answers.q, EXACT + ROUNDING)]
    if not len(steps):
        return None
    p50, p99 = np.quantile(steps, (0.5, 0.99), method='higher').tolist()
    return Steps(p50, p99)


def _both_branches(method: Method, tests: TestSet, q: Array) -> float:
    """
    Return the share of targets answered rightly on both branches; NaN if none is on both.

    :param q: (P, T, 2) answers on the branches of the paths, rad
    """
    if not len(tests.both):
        return float('nan')
    other = method.follow(tests.other).q
    rightly = [
        _right(tests.arm, tests.other.meant, answers, FAILED)
        & (side.ravel() * tests.arm.bend_batch(answers.reshape(-1, 2)) >= -BENT)
        for answers, side in (
            (q[tests.both], tests.paths.side[tests.both]),
            (other, tests.other.side),
        )
    ]
    return float((rightly[0] & rightly[1]).mean())


def _roughness(q: Array) -> float:
    """Return the root mean square of the second differences, rad; infinite without an answer."""
    squares = np.diff(q, n=2, axis=1) ** 2
    return float(np.sqrt(np.where(np.isnan(squares), np.inf, squares).mean()))
