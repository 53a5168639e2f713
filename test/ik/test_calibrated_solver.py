"""The solver on an arm with a calibration: solutions hold on the full model."""

import numpy as np
import pytest
from arms import random_joints
from built_arms import calibrated_arm, tips

from ik_nn_ros.ik.acceptance import Reason, SolverConfig, Status
from ik_nn_ros.ik.solver import HybridSolver

TOLERANCE_RATIO = 1e-9
"""Largest tip error, as a fraction of reach."""
each_arm = pytest.mark.parametrize('seed', range(20))


@each_arm
def test_every_reachable_target_is_solved_on_the_full_model(seed):
    arm = calibrated_arm(seed)
    rng = np.random.default_rng(seed)
    xy = tips(arm, random_joints(arm, rng, 2000))
    solved = HybridSolver(arm).solve_batch(xy, random_joints(arm, rng, 2000))
    assert (solved.status == Status.ACCEPTED).all()
    off = np.hypot(*(tips(arm, solved.q) - xy).T)
    assert off.max() <= TOLERANCE_RATIO * arm.reach
    assert ((solved.q >= arm.lower) & (solved.q <= arm.upper)).all()


@each_arm
def test_one_target_is_solved_as_in_a_batch(seed):
    arm = calibrated_arm(seed)
    rng = np.random.default_rng(seed)
    xy = np.vstack((tips(arm, random_joints(arm, rng, 60)), rng.normal(0, arm.reach, (60, 2))))
    q_now = random_joints(arm, rng, 120)
    solver = HybridSolver(arm, config=SolverConfig(on_unreachable='nearest'))
    many = solver.solve_batch(xy, q_now)
    for i, (point, near) in enumerate(zip(xy.tolist(), q_now.tolist(), strict=True)):
        one = solver.solve(*point, tuple(near))
        assert (one.status, one.reason, one.branch) == (
            many.status[i],
            many.reason[i],
            many.branch[i],
        )
        np.testing.assert_allclose(
            tips(arm, np.array([one.q])), tips(arm, many.q[i : i + 1]), atol=1e-6
        )


@pytest.mark.parametrize('seed', range(8))
def test_a_target_dragged_over_the_boundary_causes_no_jump(seed):
    """A projection onto the rigid arm's boundary would jump by the size of the residual."""
    arm = calibrated_arm(seed)
    arm = arm.without_limits()
    solver = HybridSolver(arm, config=SolverConfig(on_unreachable='nearest'))
    bearing = np.linspace(0.0, 1.0, 40)
    r = np.linspace(0.95, 1.05, 2000) * arm.reach
    xy = np.stack((r * np.cos(bearing[5]), r * np.sin(bearing[5])), axis=-1)
    solved = solver.solve_batch(xy, arm.home)
    assert (solved.status != Status.REJECTED).all()
    assert solved.status[0] == Status.ACCEPTED
    assert solved.status[-1] == Status.PROJECTED
    moved = np.hypot(*np.diff(tips(arm, solved.q), axis=0).T)
    assert moved.max() <= 3e-4 * arm.reach < 0.2 * arm.residual_bound


def test_a_target_out_of_reach_is_unreachable():
    arm = calibrated_arm(0)
    far = HybridSolver(arm).solve(1.5 * arm.reach, 0.0, arm.home)
    assert (far.status, far.reason) == (Status.REJECTED, Reason.UNREACHABLE)
    many = HybridSolver(arm).solve_batch([[1.5 * arm.reach, 0.0]], arm.home)
    assert many.reason[0] == Reason.UNREACHABLE
