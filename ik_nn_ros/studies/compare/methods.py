"""Methods of inverse kinematics behind one interface; networks are in :mod:`.network_methods`."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.geometry import Array, JointPair
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.ik.refine import refine, refine_batch
from ik_nn_ros.ik.verification import MAX_TIP_ERROR_RATIO
from ik_nn_ros.studies.compare.evaluation_set import PathBatch, TargetBatch
from ik_nn_ros.studies.compare.numerical import StepRule, solve, solve_batch
from ik_nn_ros.studies.compare.results import MethodKind

SingleTargetSolver = Callable[[float, float, int, JointPair], JointPair]
"""From x, y (m), branch and the current joint positions (rad) to the next ones (rad)."""


class MethodSolutions(NamedTuple):
    """
    Answers of a method and their iterations.

    :param q: (..., 2) joint positions, rad; NaN without an answer
    :param steps: (...) iterations; None: the method does not iterate
    """

    q: Array
    steps: NDArray[np.integer] | None = None


class IkMethod(Protocol):
    """A method of inverse kinematics; a path network answers only along paths."""

    @property
    def kind(self) -> MethodKind:
        """The kind of the method."""

    def solve(self, targets: TargetBatch) -> MethodSolutions:
        """Solve N single targets."""

    def solve_paths(self, paths: PathBatch) -> MethodSolutions:
        """Solve P paths of T targets, each target from the answer to the one before."""

    def single_target_solver(self) -> SingleTargetSolver | None:
        """
        Return a function that solves a path target by target.

        :return: None: the method needs whole paths
        """


class ClosedFormMethod:
    """
    The closed form on the required branch.

    :param arm: the arm
    """

    kind = MethodKind.CLOSED_FORM

    def __init__(self, arm: ArmModel) -> None:
        self._arm = arm

    def solve(self, targets: TargetBatch) -> MethodSolutions:
        """See :class:`IkMethod`."""
        return MethodSolutions(
            self._arm.closed_form_batch(targets.xy, targets.branch, targets.start)
        )

    def solve_paths(self, paths: PathBatch) -> MethodSolutions:
        """See :class:`IkMethod`."""
        return _solve_sequentially(self, paths)

    def single_target_solver(self) -> SingleTargetSolver:
        """See :class:`IkMethod`."""
        arm = self._arm
        return lambda x, y, branch, q_now: arm.closed_form(x, y, branch, q_now)


class NumericalMethod:
    """
    An iterative method, which starts from the current joint positions and ignores the branch.

    :param arm: the arm
    :param rule: step of the method
    """

    kind = MethodKind.NUMERICAL

    def __init__(self, arm: ArmModel, rule: StepRule) -> None:
        self._arm = arm
        self._rule = rule

    def solve(self, targets: TargetBatch) -> MethodSolutions:
        """See :class:`IkMethod`."""
        return MethodSolutions(*solve_batch(self._rule, self._arm, targets.xy, targets.start))

    def solve_paths(self, paths: PathBatch) -> MethodSolutions:
        """See :class:`IkMethod`."""
        return _solve_sequentially(self, paths)

    def single_target_solver(self) -> SingleTargetSolver:
        """See :class:`IkMethod`."""
        arm, rule = self._arm, self._rule
        return lambda x, y, branch, q_now: solve(rule, arm, x, y, q_now)[0]


class RefinedMethod:
    """
    A method followed by the solver's Newton steps.

    :param arm: the arm
    :param method: method that proposes
    """

    def __init__(self, arm: ArmModel, method: IkMethod) -> None:
        self._arm = arm
        self._method = method

    @property
    def kind(self) -> MethodKind:
        """The kind of the method that proposes."""
        return self._method.kind

    def solve(self, targets: TargetBatch) -> MethodSolutions:
        """See :class:`IkMethod`."""
        return self._refine(self._method.solve(targets).q, targets.xy, targets.branch)

    def solve_paths(self, paths: PathBatch) -> MethodSolutions:
        """See :class:`IkMethod`."""
        shape = paths.xy.shape
        proposed = self._method.solve_paths(paths).q.reshape(-1, 2)
        q, steps = self._refine(proposed, paths.xy.reshape(-1, 2), paths.branch_by_target.ravel())
        return MethodSolutions(
            q.reshape(shape), None if steps is None else steps.reshape(shape[:-1])
        )

    def single_target_solver(self) -> SingleTargetSolver | None:
        """See :class:`IkMethod`."""
        arm, tolerance = self._arm, MAX_TIP_ERROR_RATIO * self._arm.reach
        propose = self._method.single_target_solver()
        if propose is None:
            return None
        return lambda x, y, branch, q_now: refine(
            arm, x, y, branch, propose(x, y, branch, q_now), tolerance
        )[0]

    def _refine(self, proposed: Array, xy: Array, branch: NDArray[np.int8]) -> MethodSolutions:
        q, steps = np.full_like(proposed, np.nan), np.zeros(len(proposed), dtype=np.int8)
        rows = np.flatnonzero(np.isfinite(proposed).all(axis=1))
        tolerance = MAX_TIP_ERROR_RATIO * self._arm.reach
        q[rows], steps[rows] = refine_batch(
            self._arm, xy[rows], branch[rows], proposed[rows], tolerance
        )
        return MethodSolutions(q, steps)


def _solve_sequentially(method: IkMethod, paths: PathBatch) -> MethodSolutions:
    """Solve the first targets of all paths, then the second ones from those answers, and so on."""
    answers = []
    q = paths.start
    for xy in paths.xy.swapaxes(0, 1):
        answers.append(method.solve(TargetBatch(xy, paths.branch, q)))
        q = answers[-1].q
    steps = [answer.steps for answer in answers if answer.steps is not None]
    return MethodSolutions(
        np.stack([answer.q for answer in answers], axis=1),
        np.stack(steps, axis=1) if steps else None,
    )
