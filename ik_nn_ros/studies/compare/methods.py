"""What answers targets, behind one interface; networks are in :mod:`.network_methods`."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.model import ArmModel, Array, JointPair
from ik_nn_ros.ik.refine import refine, refine_batch
from ik_nn_ros.ik.verification import MAX_TIP_ERROR_RATIO
from ik_nn_ros.studies.compare.evaluation_set import PathBatch, TargetBatch
from ik_nn_ros.studies.compare.numerical import StepRule, solve, solve_batch
from ik_nn_ros.studies.compare.results import MethodKind

SingleTargetSolver = Callable[[float, float, int, JointPair], JointPair]
"""From x, y (m), branch and where the joints are (rad) to where they are to go."""


class MethodSolutions(NamedTuple):
    """
    Joint angles, and what they took.

    :param q: (..., 2) rad; NaN where there is no answer
    :param steps: (...) iterations; None: none are taken
    """

    q: Array
    steps: NDArray[np.integer] | None = None


class IkMethod(Protocol):
    """
    What answers targets.

    ``kind`` is what it is; a path network answers only along paths.
    """

    @property
    def kind(self) -> MethodKind:
        """What it is."""

    def solve(self, targets: TargetBatch) -> MethodSolutions:
        """Answer N targets, each by itself."""

    def solve_paths(self, paths: PathBatch) -> MethodSolutions:
        """Answer P paths of T targets, each from where the one before has left the joints."""

    def single_target_solver(self) -> SingleTargetSolver | None:
        """Return what answers one target after the other of a path; None: it takes whole paths."""


class ClosedFormMethod:
    """
    The closed form, on the branch asked for.

    :param arm: the arm
    """

    kind = MethodKind.CLOSED_FORM

    def __init__(self, arm: ArmModel) -> None:
        self._arm = arm

    def solve(self, targets: TargetBatch) -> MethodSolutions:
        """See :class:`TimedMethod`."""
        return MethodSolutions(
            self._arm.closed_form_batch(targets.xy, targets.branch, targets.start)
        )

    def solve_paths(self, paths: PathBatch) -> MethodSolutions:
        """See :class:`TimedMethod`."""
        return _solve_sequentially(self, paths)

    def single_target_solver(self) -> SingleTargetSolver:
        """See :class:`TimedMethod`."""
        arm = self._arm
        return lambda x, y, branch, q_now: arm.closed_form(x, y, branch, q_now)


class NumericalMethod:
    """
    An iterative method, which starts where the joints are and knows of no branch.

    :param arm: the arm
    :param rule: its step
    """

    kind = MethodKind.NUMERICAL

    def __init__(self, arm: ArmModel, rule: StepRule) -> None:
        self._arm = arm
        self._rule = rule

    def solve(self, targets: TargetBatch) -> MethodSolutions:
        """See :class:`TimedMethod`."""
        return MethodSolutions(*solve_batch(self._rule, self._arm, targets.xy, targets.start))

    def solve_paths(self, paths: PathBatch) -> MethodSolutions:
        """See :class:`TimedMethod`."""
        return _solve_sequentially(self, paths)

    def single_target_solver(self) -> SingleTargetSolver:
        """See :class:`TimedMethod`."""
        arm, rule = self._arm, self._rule
        return lambda x, y, branch, q_now: solve(rule, arm, x, y, q_now)[0]


class RefinedMethod:
    """
    A method whose answers our Newton steps make exact.

    :param arm: the arm
    :param method: what proposes
    """

    def __init__(self, arm: ArmModel, method: IkMethod) -> None:
        self._arm = arm
        self._method = method

    @property
    def kind(self) -> MethodKind:
        """What proposes."""
        return self._method.kind

    def solve(self, targets: TargetBatch) -> MethodSolutions:
        """See :class:`TimedMethod`."""
        return self._refine(self._method.solve(targets).q, targets.xy, targets.branch)

    def solve_paths(self, paths: PathBatch) -> MethodSolutions:
        """See :class:`TimedMethod`."""
        shape = paths.xy.shape
        proposed = self._method.solve_paths(paths).q.reshape(-1, 2)
        q, steps = self._refine(proposed, paths.xy.reshape(-1, 2), paths.branch_by_target.ravel())
        return MethodSolutions(
            q.reshape(shape), None if steps is None else steps.reshape(shape[:-1])
        )

    def single_target_solver(self) -> SingleTargetSolver | None:
        """See :class:`TimedMethod`."""
        arm, exact, propose_one = (
            self._arm,
            MAX_TIP_ERROR_RATIO * self._arm.reach,
            self._method.single_target_solver(),
        )
        if propose_one is None:
            return None
        return lambda x, y, branch, q_now: refine(
            arm, x, y, branch, propose_one(x, y, branch, q_now), exact
        )[0]

    def _refine(self, proposed: Array, xy: Array, branch: NDArray[np.int8]) -> MethodSolutions:
        q, steps = np.full_like(proposed, np.nan), np.zeros(len(proposed), dtype=np.int8)
        rows = np.flatnonzero(np.isfinite(proposed).all(axis=1))
        exact = MAX_TIP_ERROR_RATIO * self._arm.reach
        q[rows], steps[rows] = refine_batch(
            self._arm, xy[rows], branch[rows], proposed[rows], exact
        )
        return MethodSolutions(q, steps)


def _solve_sequentially(method: IkMethod, paths: PathBatch) -> MethodSolutions:
    """Answer the first targets of all paths, the second ones from there, and so on."""
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
