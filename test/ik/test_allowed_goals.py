"""What the caller does not admit is not answered: the other branch, or OBSTRUCTED."""

from dataclasses import replace

import numpy as np
import pytest

from ik_nn_ros.arm.urdf import load_arm, read_description
from ik_nn_ros.files import share_directory
from ik_nn_ros.ik.acceptance import SolverConfig
from ik_nn_ros.ik.network import Network
from ik_nn_ros.ik.result import Reason, Stage, Status
from ik_nn_ros.ik.solver import HybridSolver

ARM = load_arm(read_description(share_directory() / 'urdf' / 'arm.urdf.xacro'))
NETWORK = Network(share_directory() / 'models' / 'arm.onnx', ARM)
TARGET = (0.3, 0.2)
"""Reached on both branches."""
BACK = ARM.fk_point(-2.0, -1.5)
"""Reached on the negative branch alone."""
NEAREST = SolverConfig(on_unreachable='nearest')

with_and_without_network = pytest.mark.parametrize(
    'network', [NETWORK, None], ids=['network', 'closed form']
)
each_mode = pytest.mark.parametrize('on_unreachable', ['reject', 'nearest'])


class Admits:
    """Admits what a test says, and keeps what it was asked."""

    def __init__(self, rule):
        self.rule = rule
        self.asked = []

    def __call__(self, q):
        self.asked.append(q)
        return self.rule(q)


def nothing(q):
    return False


def one_branch(side):
    return lambda q: ARM.branch_of(q) == side


@each_mode
@with_and_without_network
def test_the_other_branch_is_taken_where_the_current_one_is_obstructed(network, on_unreachable):
    config = SolverConfig(on_unreachable=on_unreachable)
    for side in (1, -1):
        admits = Admits(one_branch(-side))
        now = (0.0, side * 0.5)
        solution = HybridSolver(ARM, network, config).solve(*TARGET, now, admits)
        assert (solution.status, solution.branch) == (Status.ACCEPTED, -side)
        assert solution.stage == (Stage.CLOSED_FORM if network is None else Stage.REFINED)
        assert solution.q == HybridSolver(ARM, network).solve(*TARGET, (0.0, -side * 0.5)).q
        # Once a branch: another stage would give the same joints.
        assert [ARM.branch_of(q) for q in admits.asked] == [side, -side]


@each_mode
@with_and_without_network
def test_what_no_branch_may_reach_is_obstructed(network, on_unreachable):
    for config, asked in (
        (SolverConfig(on_unreachable=on_unreachable), 2),
        (SolverConfig(on_unreachable=on_unreachable, allow_branch_change=False), 1),
        (SolverConfig('positive', on_unreachable), 1),
    ):
        admits = Admits(nothing)
        solution = HybridSolver(ARM, network, config).solve(*TARGET, (0.0, 0.5), admits)
        assert (solution.status, solution.reason) == (Status.REJECTED, Reason.OBSTRUCTED)
        assert (solution.q, solution.branch, solution.stage) == (None, 0, Stage.NONE)
        assert len(admits.asked) == asked


def test_a_change_of_branch_that_is_not_allowed_is_not_asked_for():
    solver = HybridSolver(ARM, NETWORK, SolverConfig(allow_branch_change=False))
    solution = solver.solve(*TARGET, (0.0, 0.5), one_branch(-1))
    assert (solution.status, solution.reason) == (Status.REJECTED, Reason.OBSTRUCTED)


def test_reach_and_limits_are_told_before_obstacles():
    solver = HybridSolver(ARM, NETWORK)
    assert solver.solve(9.0, 0.0, (0.0, 0.5), nothing).reason == Reason.UNREACHABLE
    assert solver.solve(np.nan, 0.0, (0.0, 0.5), nothing).reason == Reason.NOT_FINITE
    keeping = HybridSolver(ARM, NETWORK, SolverConfig(allow_branch_change=False))
    assert keeping.solve(*BACK, (2.8, 1.0), nothing).reason == Reason.JOINT_LIMITS


def test_what_the_caller_admits_is_answered_as_without_it():
    rng = np.random.default_rng(0)
    for config in (SolverConfig(), NEAREST):
        solver = HybridSolver(ARM, NETWORK, config)
        for x, y in rng.uniform(-0.6, 0.6, (200, 2)).tolist():
            admits = Admits(lambda q: True)
            free, asked = solver.solve(x, y, (0.0, 0.5)), solver.solve(x, y, (0.0, 0.5), admits)
            assert asked[:3] == free[:3]
            assert asked[4:] == free[4:]
            assert admits.asked == ([] if free.q is None else [free.q])


def test_a_projection_is_only_to_where_the_arm_may_go():
    """A zone on the edge: free beside it, refused in it."""
    solver = HybridSolver(ARM, NETWORK, NEAREST)
    outside = Admits(lambda q: abs(q[0]) > 0.2)
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
        other = solver.solve(x, y, (2.8, 0.2), one_branch(-1))
        if config.allow_branch_change:
            assert (other.status, other.branch) == (Status.PROJECTED, -1)
        else:
            assert (other.status, other.reason) == (Status.REJECTED, Reason.OBSTRUCTED)


def test_the_arm_slides_on_where_the_branch_to_change_to_is_obstructed():
    """Out of the current branch's limits, and the other one may not: to the current one's edge."""
    now = (2.8, 1.0)
    assert HybridSolver(ARM, NETWORK).solve(*BACK, now).branch == -1
    refused = HybridSolver(ARM, NETWORK).solve(*BACK, now, one_branch(1))
    assert (refused.status, refused.reason) == (Status.REJECTED, Reason.OBSTRUCTED)
    slid = HybridSolver(ARM, NETWORK, NEAREST).solve(*BACK, now, one_branch(1))
    assert (slid.status, slid.reason, slid.branch) == (Status.PROJECTED, Reason.OBSTRUCTED, 1)
    keeping = replace(NEAREST, allow_branch_change=False)
    assert slid.q == HybridSolver(ARM, NETWORK, keeping).solve(*BACK, now).q
