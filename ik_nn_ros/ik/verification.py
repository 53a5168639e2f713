"""Random targets, and the verification of solutions independently of the solver's own test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.geometry import Array, JointPair, Point2
from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.errors import ArmError
from ik_nn_ros.ik.acceptance import Stage

MAX_TIP_ERROR_RATIO = 1e-9
"""Largest tip error of a right solution, as a fraction of reach."""
ROUNDING_ERROR_RATIO = 1e-14
"""How far (fraction of reach) two ways to compute the same tip may be apart."""


@dataclass(frozen=True)
class ReachableTargets:
    """
    N targets that an arm can reach, each with the joint positions it was made from.

    :param xy: (N, 2) points in the plane, m
    :param q: (N, 2) joint positions inside the limits with the tip at the targets, rad
    :param start: (N, 2) current joint positions, rad
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
        """The current joint positions as plain numbers, rad."""
        return [(q1, q2) for q1, q2 in self.start.tolist()]


def random_joints(arm: Kinematics, rng: np.random.Generator, count: int) -> Array:
    """Return (count, 2) joint positions inside the limits, rad; continuous joints over one turn."""
    return rng.uniform(np.maximum(arm.lower, -np.pi), np.minimum(arm.upper, np.pi), (count, 2))


def random_reachable_targets(
    arm: Kinematics, rng: np.random.Generator, count: int
) -> ReachableTargets:
    """Return random targets over the whole workspace."""
    q = random_joints(arm, rng, count)
    return ReachableTargets(arm.fk(q), q, random_joints(arm, rng, count))


def random_boundary_targets(
    arm: Kinematics, rng: np.random.Generator, count: int
) -> ReachableTargets:
    """Return random targets on the boundary: the arm stretched, or a joint at one of its limits."""
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
    """Tell (N,) whether a joint is outside its limits; False where there is no solution."""
    either = (q < arm.lower) | (q > arm.upper)
    outside: NDArray[np.bool_] = either[:, 0] | either[:, 1]
    return outside


@dataclass(frozen=True)
class SolveStatistics:
    """
    Outcome of solving many targets, in numbers.

    :param targets: number of targets
    :param answered: fraction of them with a solution
    :param network: fraction solved by the network's proposal without a step
    :param refined: fraction solved by refining it
    :param closed_form: fraction solved by the closed form
    :param worst: largest tip error of a solution, as a fraction of reach
    :param off_target: number of solutions with a larger error than the tolerance
    :param outside_limits: number of solutions outside the limits
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
    Count right and wrong solutions.

    :param arm: the arm
    :param errors: (N,) distances of the tip from the target, as a fraction of reach; NaN without a
        solution
    :param q: (N, 2) solutions, rad; NaN where there is none
    :param stage: (N,) of :class:`Stage`
    """
    answered = np.isfinite(errors)
    fractions = {kind: float((stage == kind).mean()) for kind in Stage}
    return SolveStatistics(
        targets=len(errors),
        answered=float(answered.mean()),
        network=fractions[Stage.NETWORK],
        refined=fractions[Stage.REFINED],
        closed_form=fractions[Stage.CLOSED_FORM],
        worst=float(np.max(errors[answered], initial=0.0)),
        off_target=int((errors > MAX_TIP_ERROR_RATIO + ROUNDING_ERROR_RATIO).sum()),
        outside_limits=int(outside_limits(arm, q).sum()),
    )
