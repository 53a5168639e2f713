"""Joints that the caller does not allow are no solution: the other branch, or OBSTRUCTED."""

from dataclasses import replace

import numpy as np
import pytest

from ik_nn_ros.arm.urdf import load_arm, read_description
from ik_nn_ros.files import share_directory
from ik_nn_ros.ik.acceptance import Reason, SolverConfig, Stage, Status
from ik_nn_ros.ik.network import Network
from ik_nn_ros.ik.solver import HybridSolver

ARM = load_arm(read_description(share_directory() / 'urdf' / 'arm.urdf.xacro'))
NETWORK = Network(share_directory() / 'models' / 'arm.onnx', ARM)
TARGET = (0.3, 0.2)
"""Reached on both branches."""
NEGATIVE_ONLY = ARM.fk_point(-2.0, -1.5)
"""Reached on the negative branch only."""
NEAREST = SolverConfig(on_unreachable='nearest')

with_and_without_network = pytest.mark.parametrize(
    'network', [NETWORK, None], ids=['network', 'closed form']
)
each_mode = pytest.mark.parametrize('on_unreachable', ['reject', 'nearest'])


class GoalCheck:
    """Allows goals by a rule, and records the goals it was called with."""

    def __init__(self, rule):
        self.rule = rule
        self.goals = []

    def __call__(self, q):
        self.goals.append(q)
        return self.rule(q)


def nowhere(q):
    return False


def on_branch(branch):
    return lambda q: ARM.branch_of(q) == branch


@each_mode
@with_and_without_network
def test_the_other_branch_is_taken_where_the_current_one_is_obstructed(network, on_unreachable):
    config = SolverConfig(on_unreachable=on_unreachable)
    for branch in (1, -1):
        check = GoalCheck(on_branch(-branch))
        now = (0.0, branch * 0.5)
        solution = HybridSolver(ARM, network, config).solve(*TARGET, now, check)
        assert (solution.status, solution.branch) == (Status.ACCEPTED, -branch)
        assert solution.stage == (Stage.CLOSED_FORM if network is None else Stage.REFINED)
        assert solution.q == HybridSolver(ARM, network).solve(*TARGET, (0.0, -branch * 0.5)).q
        # Once for each branch: another stage would give the same joints.
        assert [ARM.branch_of(q) for q in check.goals] == [branch, -branch]


@each_mode
@with_and_without_network
def test_a_target_that_no_branch_may_reach_is_obstructed(network, on_unreachable):
    for config, count in (
        (SolverConfig(on_unreachable=on_unreachable), 2),
        (SolverConfig(on_unreachable=on_unreachable, allow_branch_change=False), 1),
        (SolverConfig('positive', on_unreachable), 1),
    ):
        check = GoalCheck(nowhere)
        solution = HybridSolver(ARM, network, config).solve(*TARGET, (0.0, 0.5), check)
        assert (solution.status, solution.reason) == (Status.REJECTED, Reason.OBSTRUCTED)
        assert (solution.q, solution.branch, solution.stage) == (None, 0, Stage.NONE)
        assert len(check.goals) == count


def test_a_branch_change_that_is_not_allowed_is_not_tried():
    solver = HybridSolver(ARM, NETWORK, SolverConfig(allow_branch_change=False))
    solution = solver.solve(*TARGET, (0.0, 0.5), on_branch(-1))
    assert (solution.status, solution.reason) == (Status.REJECTED, Reason.OBSTRUCTED)


def test_reach_and_limits_are_reported_before_obstacles():
    solver = HybridSolver(ARM, NETWORK)
    assert solver.solve(9.0, 0.0, (0.0, 0.5), nowhere).reason == Reason.UNREACHABLE
    assert solver.solve(np.nan, 0.0, (0.0, 0.5), nowhere).reason == Reason.NOT_FINITE
    keeping = HybridSolver(ARM, NETWORK, SolverConfig(allow_branch_change=False))
    assert keeping.solve(*NEGATIVE_ONLY, (2.8, 1.0), nowhere).reason == Reason.JOINT_LIMITS


def test_an_allowed_goal_is_solved_as_without_the_check():
    rng = np.random.default_rng(0)
    for config in (SolverConfig(), NEAREST):
        solver = HybridSolver(ARM, NETWORK, config)
        for x, y in rng.uniform(-0.6, 0.6, (200, 2)).tolist():
            check = GoalCheck(lambda q: True)
            free, asked = solver.solve(x, y, (0.0, 0.5)), solver.solve(x, y, (0.0, 0.5), check)
            assert asked[:3] == free[:3]
            assert asked[4:] == free[4:]
            assert check.goals == ([] if free.q is None else [free.q])


def test_a_target_is_projected_only_to_where_the_arm_may_move():
    """A zone on the boundary: free beside it, rejected in it."""
    solver = HybridSolver(ARM, NETWORK, NEAREST)
    outside = GoalCheck(lambda q: abs(q[0]) > 0.2)
    for bearing in (-0.5, 0.0, 0.1, 0.5):
        x, y = 0.8 * np.cos(bearing), 0.8 * np.sin(bearing)
        solution = solver.solve(x, y, (bearing, 0.1), outside)
        free = abs(bearing) > 0.2
        assert solution.status == (Status.PROJECTED if free else Status.REJECTED)
        assert solution.reason == (Reason.UNREACHABLE if free else Reason.OBSTRUCTED)


def test_a_projection_takes_the_other_branch_where_the_current_one_is_obstructed():
    x, y = ARM.fk_point(3.0, 0.1)  # beyond what either branch reaches
    for config in (NEAREST, replace(NEAREST, allow_branch_change=False)):
        solver = HybridSolver(ARM, NETWORK, config)
        assert solver.solve(x, y, (2.8, 0.2)).branch == 1
        other = solver.solve(x, y, (2.8, 0.2), on_branch(-1))
        if config.allow_branch_change:
            assert (other.status, other.branch) == (Status.PROJECTED, -1)
        else:
            assert (other.status, other.reason) == (Status.REJECTED, Reason.OBSTRUCTED)


def test_the_arm_stays_on_its_branch_where_the_other_one_is_obstructed():
    """Outside the limits of the current branch, the target is projected onto its boundary."""
    now = (2.8, 1.0)
    assert HybridSolver(ARM, NETWORK).solve(*NEGATIVE_ONLY, now).branch == -1
    rejected = HybridSolver(ARM, NETWORK).solve(*NEGATIVE_ONLY, now, on_branch(1))
    assert (rejected.status, rejected.reason) == (Status.REJECTED, Reason.OBSTRUCTED)
    projected = HybridSolver(ARM, NETWORK, NEAREST).solve(*NEGATIVE_ONLY, now, on_branch(1))
    assert (projected.status, projected.reason, projected.branch) == (
        Status.PROJECTED,
        Reason.OBSTRUCTED,
        1,
    )
    keeping = replace(NEAREST, allow_branch_change=False)
    assert projected.q == HybridSolver(ARM, NETWORK, keeping).solve(*NEGATIVE_ONLY, now).q
