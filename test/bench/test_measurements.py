"""Measurements of the solver on few targets."""

import numpy as np
import pytest

from ik_nn_ros.arm.urdf import load_arm, read_description
from ik_nn_ros.bench import measurements
from ik_nn_ros.bench.results import Requirement
from ik_nn_ros.files import share_directory
from ik_nn_ros.ik import verification as targets
from ik_nn_ros.ik.acceptance import Stage
from ik_nn_ros.ik.network import Network
from ik_nn_ros.ik.solver import HybridSolver
from ik_nn_ros.ik.verification import verify

URDF = read_description(share_directory() / 'urdf' / 'arm.urdf.xacro')
ARM = load_arm(URDF)
FRAMES = ('base_link', 'tip')


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture(scope='module')
def network():
    return Network(share_directory() / 'models' / 'arm.onnx', ARM)


def test_tip_errors_are_those_of_the_model(rng):
    xy, q = targets.random_points(ARM, rng, 100), targets.random_joints(ARM, rng, 100)
    expected = np.linalg.norm(ARM.fk(q) - xy, axis=1) / ARM.reach
    np.testing.assert_allclose(targets.tip_errors(ARM, xy, q), expected, atol=1e-15)


def test_boundary_targets_are_on_the_boundary(rng):
    q = targets.random_boundary_targets(ARM, rng, 500).q
    at_limit = (q == ARM.lower) | (q == ARM.upper)
    assert (at_limit.any(axis=1) | (q[:, 1] == 0.0)).all()
    assert (q[:, 1] == 0.0).any()
    assert at_limit.any(axis=0).all()
    assert not targets.outside_limits(ARM, q).any()


def test_wrong_answers_are_counted():
    q = np.array([(0.1, 0.2), (0.1, 0.2), (3.0, 0.2), (np.nan, np.nan)])
    xy = ARM.fk(np.nan_to_num(q))
    xy[1] += 2e-9 * ARM.reach
    stage = np.array([Stage.NETWORK, Stage.REFINED, Stage.CLOSED_FORM, Stage.NONE])
    found = verify(ARM, targets.tip_errors(ARM, xy, q), q, stage)
    assert (found.targets, found.answered) == (4, 0.75)
    assert (found.off_target, found.outside_limits) == (1, 1)
    assert found.worst == pytest.approx(np.sqrt(8) * 1e-9, rel=1e-6)
    assert found.network == found.refined == found.closed_form == 0.25


def test_the_solver_has_no_wrong_answers(rng, network):
    solver = HybridSolver(ARM, network)
    for found in (
        measurements.verify_reachable_targets(solver, rng, 2000),
        measurements.verify_targets_one_by_one(solver, rng, 500),
    ):
        assert (found.off_target, found.outside_limits) == (0, 0)
        assert found.worst <= 1e-9
        assert found.network + found.refined + found.closed_form == pytest.approx(found.answered)
    alone = measurements.measure_network_errors(ARM, network, rng, 2000)
    assert 0.0 < alone.p50 <= alone.p99 <= alone.worst < 1e-3


def test_every_method_solves_the_same_targets(rng, network):
    rows = measurements.measure_solve_times(
        ARM, URDF, FRAMES, network, targets.random_reachable_targets(ARM, rng, 60)
    )
    by_name = {row.method: row for row in rows}
    assert len(by_name) == len(rows) == 8
    for name in (measurements.CLOSED_FORM, measurements.CHECKED_CLOSED_FORM, measurements.HYBRID):
        assert by_name[name].solved == 1.0
        assert by_name[name].worst <= 1e-9
    assert by_name[measurements.REFINEMENT].solved == 1.0
    assert all(row.median is None or 0.0 < row.median <= row.p99 for row in rows)


def test_without_a_network_its_stages_are_left_out(rng):
    rows = measurements.measure_solve_times(
        ARM, URDF, FRAMES, None, targets.random_reachable_targets(ARM, rng, 10)
    )
    assert {measurements.NETWORK, measurements.REFINEMENT, measurements.HYBRID}.isdisjoint(
        row.method for row in rows
    )


def test_a_solver_that_is_not_installed_is_named(rng, monkeypatch):
    def missing(*_):
        raise ModuleNotFoundError('ikpy')

    monkeypatch.setattr(measurements, 'ikpy_solver', missing)
    rows = measurements.measure_solve_times(
        ARM, URDF, FRAMES, None, targets.random_reachable_targets(ARM, rng, 10)
    )
    assert [row.method for row in rows if row.median is None] == [measurements.IKPY]


def test_reference_solvers_reach_targets_nearby(rng):
    pytest.importorskip('ikpy')
    pytest.importorskip('pinocchio')
    ikpy = measurements.ikpy_solver(ARM, URDF, 'base_link')
    pinocchio = measurements.pinocchio_solver(ARM, URDF, *FRAMES)
    for q1, q2 in rng.uniform((-2.0, 0.5), (2.0, 2.0), (10, 2)).tolist():
        x, y = ARM.fk_point(q1, q2)
        assert ikpy(x, y, (q1 + 0.1, q2 - 0.1)) == pytest.approx((q1, q2), abs=1e-4)
        assert pinocchio(x, y, (q1 + 0.1, q2 - 0.1)) == pytest.approx((q1, q2), abs=1e-7)


def test_batches_of_every_size_are_timed(rng, network):
    rates = measurements.measure_batch_rates(
        HybridSolver(ARM), HybridSolver(ARM, network), rng, (1, 30)
    )
    assert [rate.size for rate in rates] == [1, 30]
    assert all(rate.closed_form > 0.0 and rate.hybrid > 0.0 for rate in rates)


def test_a_requirement_is_met_on_its_bound():
    assert Requirement('most', 2.0, 2.0).is_met
    assert not Requirement('most', 2.1, 2.0).is_met
    assert Requirement('least', 2.0, 2.0, at_least=True).is_met
    assert not Requirement('least', 1.9, 2.0, at_least=True).is_met
    assert not Requirement('lost all', float('nan'), 2.0).is_met
