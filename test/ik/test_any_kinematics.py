"""Solver, path and keep-out zones use the interface of the arm, whatever it can do."""

import numpy as np
import pytest
from arms import OpaqueArm, random_arm, random_joints
from paths import circle

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.collision.zones import Circle
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.ik.acceptance import Reason, SolverConfig, Stage, Status
from ik_nn_ros.ik.network import Network
from ik_nn_ros.ik.path import solve_path
from ik_nn_ros.ik.solver import HybridSolver
from ik_nn_ros.trajectory.keep_out import KeepOut
from models import info, linear_model

MODEL = ArmModel('arm', ('a', 'b'), (0.3, 0.2), lower=(-2.9, -2.6), upper=(2.9, 2.6))


@pytest.mark.parametrize('seed', range(8))
def test_a_seed_of_the_closed_form_is_made_exact(seed):
    model, rng = random_arm(seed).model, np.random.default_rng(seed)
    solver = HybridSolver(OpaqueArm(model, 1e-3))
    q, now = random_joints(model, rng, 400), random_joints(model, rng, 400)
    q = q[np.abs(model.elbow_sine_batch(q)) > 0.02]
    xy = model.fk(q)
    batch = solver.solve_batch(xy, now[: len(q)])
    assert (batch.status == Status.ACCEPTED).all()
    assert (batch.stage == Stage.CLOSED_FORM).all()
    assert np.hypot(*(model.fk(batch.q) - xy).T).max() <= 1e-9 * model.reach
    for i in range(0, len(q), 20):
        one = solver.solve(*xy[i].tolist(), tuple(now[i].tolist()))
        np.testing.assert_allclose(one.q, batch.q[i], atol=1e-6)


def test_a_target_out_of_reach_is_projected_and_a_path_is_followed():
    arm = OpaqueArm(MODEL, 1e-4)
    solver = HybridSolver(arm, None, SolverConfig(on_unreachable='nearest'))
    projected = solver.solve(0.8, 0.6, (0.3, 0.5))
    assert (projected.status, projected.reason) == (Status.PROJECTED, Reason.UNREACHABLE)
    np.testing.assert_allclose(projected.point, (0.4, 0.3), atol=1e-4)
    xy = circle((0.3, 0.0), 0.1, 50)
    np.testing.assert_allclose(MODEL.fk(solve_path(solver, xy, (0.1, 0.5)).q), xy, atol=1e-8)


def test_an_arm_without_closed_form_is_solved_by_its_network_or_not_at_all(tmp_path):
    arm = OpaqueArm(MODEL, None)
    network = Network(linear_model(tmp_path / 'm.onnx', info(MODEL).to_metadata()), arm)
    x, y = MODEL.fk_point(0.4, 0.8)  # the network proposes (0.3, 0.7)
    for q_now in ((0.0, 0.5), (0.0, 0.0)):
        solved = HybridSolver(arm, network).solve(x, y, q_now)
        assert (solved.stage, solved.branch) == (Stage.REFINED, 1)
        np.testing.assert_allclose(solved.q, (0.4, 0.8), atol=1e-6)
        batch = HybridSolver(arm, network).solve_batch([[x, y]], q_now)
        np.testing.assert_allclose(batch.q, [(0.4, 0.8)], atol=1e-6)
        for config in (SolverConfig(), SolverConfig(on_unreachable='nearest')):
            alone = HybridSolver(arm, None, config)
            assert alone.solve(x, y, q_now).status == Status.REJECTED
            assert alone.solve_batch([[x, y], [9.0, 0.0]], q_now).status.tolist() == [0, 0]


def test_keep_out_zones_need_rigid_links():
    arm = OpaqueArm(MODEL, 0.0)
    assert not KeepOut(arm, [], [], 0.0)
    with pytest.raises(ConfigError, match='keep-out zones: got arm, without rigid links'):
        KeepOut(arm, [Circle((0.3, 0.3), 0.05)], [], 0.0)
    assert KeepOut(MODEL, [Circle((0.3, 0.3), 0.05)], [], 0.0)
