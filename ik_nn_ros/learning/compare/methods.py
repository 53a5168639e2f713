"""What answers targets, behind one interface; networks are in :mod:`.network_methods`."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.closed_form import closed_form, closed_form_batch
from ik_nn_ros.arm.model import ArmModel, Pair
from ik_nn_ros.arm.plane import Array
from ik_nn_ros.arm.targets import EXACT
from ik_nn_ros.ik.refine import refine, refine_batch
from ik_nn_ros.learning.compare.numerical import Rule, solve, solve_batch
from ik_nn_ros.learning.compare.results import Kind
from ik_nn_ros.learning.compare.test_set import Paths, Targets

Command = Callable[[float, float, int, Pair], Pair]
"""From x, y (m), branch and where the joints are (rad) to where they are to go."""


class Answers(NamedTuple):
    """
    Joint angles, and what they took.

    :param q: (..., 2) rad; NaN where there is no answer
    :param steps: (...) iterations; None: none are taken
    """

    q: Array
    steps: NDArray[np.integer] | None = None


class Method(Protocol):
    """
    What answers targets.

    ``kind`` is what it is; a path network answers only along paths.
    """

    @property
    def kind(self) -> Kind:
        """What it is."""

    def solve(self, targets: Targets) -> Answers:
        """Answer N targets, each by itself."""

    def follow(self, paths: Paths) -> Answers:
        """Answer P paths of T targets, each from where the one before has left the joints."""

    def control(self) -> Command | None:
        """Return what answers one target after the other of a path; None: it takes whole paths."""


class ClosedForm:
    """
    The closed form, on the branch asked for.

    :param arm: the arm
    """

    kind = Kind.CLOSED_FORM

    def __init__(self, arm: ArmModel) -> None:
        self._arm = arm

    def solve(self, targets: Targets) -> Answers:
        """See :class:`Method`."""
        return Answers(closed_form_batch(self._arm, targets.xy, targets.branch, targets.start))

    def follow(self, paths: Paths) -> Answers:
        """See :class:`Method`."""
        return _one_by_one(self, paths)

    def control(self) -> Command:
        """See :class:`Method`."""
        arm = self._arm
        return lambda x, y, branch, q_now: closed_form(arm, x, y, branch, q_now)


class Numerical:
    """
    An iterative method, which starts where the joints are and knows of no branch.

    :param arm: the arm
    :param rule: its step
    """

    kind = Kind.NUMERICAL

    def __init__(self, arm: ArmModel, rule: Rule) -> None:
        self._arm = arm
        self._rule = rule

    def solve(self, targets: Targets) -> Answers:
        """See :class:`Method`."""
        return Answers(*solve_batch(self._rule, self._arm, targets.xy, targets.start))

    def follow(self, paths: Paths) -> Answers:
        """See :class:`Method`."""
        return _one_by_one(self, paths)

    def control(self) -> Command:
        """See :class:`Method`."""
        arm, rule = self._arm, self._rule
        return lambda x, y, branch, q_now: solve(rule, arm, x, y, q_now)[0]


class Refined:
    """
    A method whose answers our Newton steps make exact.

    :param arm: the arm
    :param method: what proposes
    """

    def __init__(self, arm: ArmModel, method: Method) -> None:
        self._arm = arm
        self._method = method

    @property
    def kind(self) -> Kind:
        """What proposes."""
        return self._method.kind

    def solve(self, targets: Targets) -> Answers:
        """See :class:`Method`."""
        return self._refined(self._method.solve(targets).q, targets.xy, targets.branch)

    def follow(self, paths: Paths) -> Answers:
        """See :class:`Method`."""
        shape = paths.xy.shape
        proposed = self._method.follow(paths).q.reshape(-1, 2)
        q, steps = self._refined(proposed, paths.xy.reshape(-1, 2), paths.side.ravel())
        return Answers(q.reshape(shape), None if steps is None else steps.reshape(shape[:-1]))

    def control(self) -> Command | None:
        """See :class:`Method`."""
        arm, exact, propose_one = self._arm, EXACT * self._arm.reach, self._method.control()
        if propose_one is None:
            return None
        return lambda x, y, branch, q_now: refine(
            arm, x, y, branch, propose_one(x, y, branch, q_now), exact
        )[0]

    def _refined(self, proposed: Array, xy: Array, branch: NDArray[np.int8]) -> Answers:
        q, steps = np.full_like(proposed, np.nan), np.zeros(len(proposed), dtype=np.int8)
        rows = np.flatnonzero(np.isfinite(proposed).all(axis=1))
        exact = EXACT * self._arm.reach
        q[rows], steps[rows] = refine_batch(
            self._arm, xy[rows], branch[rows], proposed[rows], exact
        )
        return Answers(q, steps)


def _one_by_one(method: Method, paths: Paths) -> Answers:
    """Answer the first targets of all paths, the second ones from there, and so on."""
    answers = []
    q = paths.start
    for xy in paths.xy.swapaxes(0, 1):
        answers.append(method.solve(Targets(xy, paths.branch, q)))
        q = answers[-1].q
    steps = [answer.steps for answer in answers if answer.steps is not None]
    return Answers(
        np.stack([answer.q for answer in answers], axis=1),
        np.stack(steps, axis=1) if steps else None,
    )
