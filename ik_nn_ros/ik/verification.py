"""Random targets, and whether an answer to one is right, told without the solver's own test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.geometry import Array, JointPair, Point2
from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.errors import ArmError
from ik_nn_ros.ik.result import Stage

MAX_TIP_ERROR_RATIO = 1e-9
"""Largest error of a right answer, as a fraction of reach."""


@dataclass(frozen=True)
class ReachableTargets:
    """
    N targets that the arm can reach, each with the joint angles it was made from.

    :param xy: (N, 2) points in the plane, m
    :param q: (N, 2) joint angles inside the limits whose tip is there, rad
    :param start: (N, 2) where the joints are, rad
    """

    xy: Array
    q: Array
    start: Array

    @property
    def points(self) -> list[Point2]:
        """The targets as plain numbers, m."""
        return [(x, y) for x, y in self.xy.tolist()]

    @property
    def starts(self) -> list[JointPair]:
        """Where the joints are, as plain numbers, rad."""
        return [(q1, q2) for q1, q2 in self.start.tolist()]


def random_joints(arm: Kinematics, rng: np.random.Generator, count: int) -> Array:
    """Return (count, 2) joint angles inside the limits, rad; continuous joints over one turn."""
    return rng.uniform(np.maximum(arm.lower, -np.pi), np.minimum(arm.upper, np.pi), (count, 2))


def random_reachable_targets(
    arm: Kinematics, rng: np.random.Generator, count: int
) -> ReachableTargets:
    """Return targets over the whole workspace."""
    q = random_joints(arm, rng, count)
    return ReachableTargets(arm.fk(q), q, random_joints(arm, rng, count))


def random_boundary_targets(
    arm: Kinematics, rng: np.random.Generator, count: int
) -> ReachableTargets:
    """Return targets on the edge: the arm stretched, or one joint at one of its limits."""
    q = random_joints(arm, rng, count)
    kind = rng.integers(5, size=count)
    _, stretched = arm.stretched(0.0)
    for number, (joint, value) in enumerate(
        ((1, stretched), (0, arm.lower[0]), (0, arm.upper[0]), (1, arm.lower[1]), (1, arm.upper[1]))
    ):
        if arm.lower[joint] <= value <= arm.upper[joint] and np.isfinite(value):
            q[kind == number, joint] = value
    return ReachableTargets(arm.fk(q), q, random_joints(arm, rng, count))


def random_points(arm: Kinematics, rng: np.random.Generator, count: int) -> Array:
    """Return (count, 2) points in and around the workspace, reachable or not, m."""
    return rng.uniform(-1.1 * arm.reach, 1.1 * arm.reach, (count, 2))


def tip_errors(arm: Kinematics, xy: Array, q: Array) -> Array:
    """
    Return how far the tip of the two rigid links is from each target, as a fraction of reach.

    The tip is summed as complex numbers, not by the model's own forward kinematics.

    :param xy: (N, 2) m
    :param q: (N, 2) rad; NaN rows give NaN
    :raises ArmError: the arm has no rigid links
    """
    poses = arm.link_poses(q)
    if poses is None:
        raise ArmError(f'{arm.name}: links', got='none', expected='two rigid links')
    tip = np.exp(1j * poses.angles) @ np.array(poses.lengths)
    errors: Array = np.abs(tip - (xy[:, 0] + 1j * xy[:, 1])) / arm.reach
    return errors


def outside_limits(arm: Kinematics, q: Array) -> NDArray[np.bool_]:
    """Return (N,) whether a joint is outside its limits; False where there is no answer."""
    either = (q < arm.lower) | (q > arm.upper)
    outside: NDArray[np.bool_] = either[:, 0] | either[:, 1]
    return outside


# MERGED ik.answers: What became of many targets, counted without the solver's own test.

ROUNDING_ERROR_RATIO = 1e-14
"""How far (fraction of reach) two ways to compute the same tip may be apart."""


@dataclass(frozen=True)
class SolveStatistics:
    """
    What became of many targets.

    :param targets: how many
    :param answered: share of them with an answer
    :param network: share answered by the network's proposal as it is
    :param refined: share answered by refining it
    :param closed_form: share answered by the closed form
    :param worst: largest error of an answer, as a fraction of reach
    :param off_target: answers further off than the tolerance
    :param outside_limits: answers outside the limits
    """

    targets: int
    answered: float
    network: float
    refined: float
    closed_form: float
    worst: float
    off_target: int
    outside_limits: int


def verify(arm: Kinematics, errors: Array, q: Array, stage: NDArray[np.int8]) -> SolveStatistics:
    """
    Count what is right and what is not.

    :param errors: (N,) distance of the tip from the target, as a fraction of reach; NaN: no answer
    :param q: (N, 2) answers, rad; NaN where there is none
    :param stage: (N,) of :class:`Stage`
    """
    answered = np.isfinite(errors)
    share = {stage_: float((stage == stage_).mean()) for stage_ in Stage}
    return SolveStatistics(
        targets=len(errors),
        answered=float(answered.mean()),
        network=share[Stage.NETWORK],
        refined=share[Stage.REFINED],
        closed_form=share[Stage.CLOSED_FORM],
        worst=float(np.max(errors[answered], initial=0.0)),
        off_target=int((errors > MAX_TIP_ERROR_RATIO + ROUNDING_ERROR_RATIO).sum()),
        outside_limits=int(outside_limits(arm, q).sum()),
    )
