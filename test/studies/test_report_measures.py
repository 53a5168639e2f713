"""Measurements of a report against independent computations."""

import math
from dataclasses import replace

import numpy as np
import pytest
from arms import random_arm

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.errors import ModelError
from ik_nn_ros.ik.network import Network
from ik_nn_ros.studies.accuracy import ErrorSummary, measure_accuracy, worst_cases
from ik_nn_ros.studies.report.joint_path import largest_joint_step, measure_path
from ik_nn_ros.studies.report.measure import TrainingCurvePoint, read_training_curve
from ik_nn_ros.studies.report.workspace_map import measure_maps
from models import info, linear_model

ARM = ArmModel('arm', ('a', 'b'), (0.3, 0.2), lower=(-2.9, -2.6), upper=(2.9, 2.6))
ANSWER = (0.3, 0.7)
TIP = (0.3 * math.cos(0.3) + 0.2 * math.cos(1.0), 0.3 * math.sin(0.3) + 0.2 * math.sin(1.0))
"""Tip of ANSWER, which the linear model returns for every target."""


def constant_network(folder, arm=ARM, branches='both', **options):
    file = linear_model(folder / 'model.onnx', info(arm, branches).to_metadata(), **options)
    return Network(file, arm)


@pytest.fixture
def network(tmp_path):
    return constant_network(tmp_path)


def accuracy_of(network, arm=ARM, count=500):
    return measure_accuracy(arm, network, np.random.default_rng(1), count)


def test_errors_are_distances_of_the_answered_tips(network):
    found = accuracy_of(network)
    assert len(found.xy) == 500
    expected = [math.dist(point, TIP) for point in found.xy.tolist()]
    np.testing.assert_allclose(found.errors['network'], expected, atol=1e-7)
    assert found.errors['closed_form'].max() < 1e-15
    close = found.errors['network'] < 0.05  # where Newton starts well, it ends well
    assert found.errors['refined'][close].max() <= 1e-9 * ARM.reach
    assert (found.solver_statistics.answered, found.solver_statistics.off_target) == (1.0, 0)
    assert found.solver_statistics.closed_form > 0.0


def test_a_summary_names_errors_that_occurred():
    errors = np.arange(1.0, 101.0)[::-1]
    assert ErrorSummary.from_errors(errors) == ErrorSummary(100, 51.0, 96.0, 100.0, 100.0)
    assert ErrorSummary.from_errors(np.array([1.0, np.inf])).worst_m == np.inf


def test_targets_are_on_the_branch_the_network_serves(tmp_path):
    network = constant_network(tmp_path, branches='negative')
    found = accuracy_of(network)
    assert set(found.branch) == {-1}
    assert 100 < len(found.xy) < 400
    assert found.solver_statistics.targets == 500
    assert [branch_map.branch for branch_map in measure_maps(ARM, network)] == [-1]


def test_a_network_for_a_branch_out_of_limits_is_refused(tmp_path):
    arm = replace(ARM, lower=(-2.9, 0.1))
    with pytest.raises(ModelError, match='one for a branch that the joint limits allow'):
        accuracy_of(constant_network(tmp_path, arm, 'negative'), arm)


def test_a_branch_out_of_limits_has_no_map(tmp_path):
    arm = replace(ARM, lower=(-2.9, 0.1))
    network = constant_network(tmp_path, arm)
    assert [branch_map.branch for branch_map in measure_maps(arm, network)] == [1]


def test_unusable_answers_are_counted_even_with_the_tip_on_target(tmp_path, network):
    found = accuracy_of(network)
    # (0.3, 0.7) to everything: on the negative branch that is the wrong side.
    assert found.wrong_branch == pytest.approx((found.branch == -1).mean())
    assert found.outside_limits == 0.0
    weights = np.zeros((4, 2))
    weights[2, 1] = 2.61  # q2 past its limit by the slack; of the positive branch by more
    network = constant_network(tmp_path, weights=weights, bias=(0.3 + 4.0 * math.pi, 0.005))
    found = accuracy_of(network)
    assert found.wrong_branch == 0.0
    assert found.outside_limits == pytest.approx((found.branch == 1).mean())


def test_nan_is_an_infinite_error(tmp_path):
    weights = np.zeros((4, 2))
    weights[2] = 3e38  # branch: 0 to the positive, minus infinity to the negative
    network = constant_network(tmp_path, weights=weights, bias=(-3e38, -3e38))
    found = accuracy_of(network)
    for method in ('network', 'refined'):
        assert np.isinf(found.errors[method][found.branch == -1]).all()
    assert np.isfinite(found.errors['network'][found.branch == 1]).all()
    assert found.solver_statistics.answered == 1.0
    assert measure_path(ARM, network, measure_maps(ARM, network)) is not None


def test_a_map_holds_the_error_at_each_point_within_the_limits(network):
    positive, negative = measure_maps(ARM, network)
    assert (positive.branch, negative.branch) == (1, -1)
    rng = np.random.default_rng(2)
    for branch_map in (positive, negative):
        side, error = branch_map.coordinates, branch_map.errors['network']
        # Joints well inside the limits lead to points with a value, whatever the solver thinks.
        for q1, bend in rng.uniform((-2.8, 0.2), (2.8, 2.5), (50, 2)).tolist():
            x, y = ARM.fk_point(q1, branch_map.branch * bend)
            row, column = (int(np.argmin(np.abs(side - value))) for value in (y, x))
            expected = math.dist((side[column], side[row]), TIP)
            assert error[row, column] == pytest.approx(expected, abs=1e-7)
        x, y = np.meshgrid(side, side)
        least = math.hypot(0.3 + 0.2 * math.cos(2.6), 0.2 * math.sin(2.6))  # at the elbow's limit
        beyond = (np.hypot(x, y) > ARM.reach + 1e-6) | (np.hypot(x, y) < least - 1e-6)
        for values in branch_map.errors.values():
            assert np.isnan(values[beyond]).all()
    # The limits of joint 1 leave a gap, on either branch another.
    assert not np.array_equal(positive.reachable, negative.reachable)
    np.testing.assert_array_equal(positive.reachable, negative.reachable[::-1])


@pytest.mark.parametrize('seed', range(8))
def test_the_test_path_fits_any_arm_and_its_limits(seed, tmp_path):
    arm = random_arm(seed).model
    require_smooth(arm, constant_network(tmp_path, arm))


@pytest.mark.parametrize('limit', [math.pi, 3.5])
def test_the_test_path_avoids_limits_where_a_joint_must_turn_back(limit, tmp_path):
    """At ±π no gap in the plane tells that the joint has to go all the way round."""
    arm = ArmModel('arm', ('a', 'b'), (0.3, 0.3), lower=(-limit,) * 2, upper=(limit,) * 2)
    require_smooth(arm, constant_network(tmp_path, arm))


def require_smooth(arm, network):
    path = measure_path(arm, network, measure_maps(arm, network))
    assert ((path.hybrid >= arm.lower) & (path.hybrid <= arm.upper)).all()
    assert np.hypot(*(arm.fk(path.hybrid) - path.xy).T).max() <= 1e-9 * arm.reach
    np.testing.assert_allclose(path.xy[0], path.xy[-1], atol=1e-12 * arm.reach)
    assert 0.0 < largest_joint_step(path.hybrid) < 0.2
    assert largest_joint_step(path.hybrid) == pytest.approx(
        largest_joint_step(path.closed_form), rel=1e-5
    )
    assert np.ptp(path.xy, axis=0).min() > 0.0
    # The constant answer does not move, and is shown on a turn near the others.
    assert largest_joint_step(path.network) == 0.0
    assert np.abs(path.network[0] - path.hybrid[0]).max() <= math.pi + 1e-6


def test_the_largest_step_is_that_of_either_joint():
    assert largest_joint_step(np.array([(0.0, 0.0), (0.1, -0.5), (0.2, -0.6)])) == 0.5


def test_a_workspace_without_room_has_no_test_path(tmp_path):
    arm = ArmModel('arm', ('a', 'b'), (0.3, 0.2), lower=(0.0, 1.0), upper=(0.04, 1.04))
    network = constant_network(tmp_path, arm)
    maps = measure_maps(arm, network)
    assert maps
    assert measure_path(arm, network, maps) is None


def test_the_worst_cases_are_the_worst_and_the_solver_meets_them(network):
    found = accuracy_of(network)
    cases = worst_cases(ARM, network, found)
    errors = [case.network_error_m for case in cases]
    assert errors == sorted(found.errors['network'])[:-11:-1]
    for case in cases:
        point = case.x_m, case.y_m
        assert case.network_error_m == pytest.approx(math.dist(point, TIP), abs=1e-7)
        assert case.bearing_rad == pytest.approx(math.atan2(case.y_m, case.x_m))
        r = math.hypot(*point)
        assert case.edge_distance_m == pytest.approx(min(0.5 - r, r - 0.1), abs=1e-12)
        assert case.solved_error_m <= 1e-9 * ARM.reach
        assert case.solved_by in ('refined', 'closed_form')


def test_a_training_curve_is_read_from_the_record():
    record = {'curve': [['Adam', 250, 1e-2, 0.1], ['Adam', 500, math.nan, 0.1]]}
    assert read_training_curve(record, 'a.onnx') == [TrainingCurvePoint('Adam', 250, 1e-2, 0.1)]
    assert read_training_curve({'seed': 0}, 'a.onnx') == []


@pytest.mark.parametrize('record', [{'curve': [[1, 2]]}, {'curve': 3}, {'curve': ['Adam']}, []])
def test_a_malformed_training_curve_is_refused(record):
    with pytest.raises(ModelError, match=r'training record of model a\.onnx'):
        read_training_curve(record, 'a.onnx')
