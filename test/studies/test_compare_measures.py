"""Measures of a comparison on answers with known defects."""

from dataclasses import replace
from math import isnan, pi

import numpy as np
import onnx
import pytest
from arms import random_arm
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.errors import ModelError
from ik_nn_ros.files import share_directory
from ik_nn_ros.ik.network import Network
from ik_nn_ros.ik.verification import outside_limits
from ik_nn_ros.studies.compare.evaluation_set import (
    EvaluationSizes,
    PathBatch,
    TargetBatch,
    sample_evaluation_set,
)
from ik_nn_ros.studies.compare.measure import (
    batch_rates_per_s,
    error_map,
    figure_eight_joints,
    measure,
    single_target_times_us,
)
from ik_nn_ros.studies.compare.methods import (
    ClosedFormMethod,
    MethodSolutions,
    NumericalMethod,
    RefinedMethod,
)
from ik_nn_ros.studies.compare.network_methods import (
    PathNetwork,
    PathNetworkMethod,
    TargetNetworkMethod,
)
from ik_nn_ros.studies.compare.numerical import STEP_RULES
from ik_nn_ros.studies.compare.results import MethodKind
from models import info, linear_model

ARM = ArmModel('arm', ('joint1', 'joint2'), (0.3, 0.2), lower=(-2.9, -2.6), upper=(2.9, 2.6))
SIZES = EvaluationSizes(scattered=500, paths=40, points=16, grid=21)
WEIGHTS = np.array([(0.5, 0.1), (-0.2, 0.4), (0.05, 0.3), (0.3, -0.1)], dtype=np.float32)
INERTIA = 0.5


@pytest.fixture(scope='module')
def tests():
    return sample_evaluation_set(ARM, np.random.default_rng(3), SIZES)


class Wrong(ClosedFormMethod):
    """The closed form, and what ``spoil`` makes of its answers."""

    def __init__(self, spoil):
        super().__init__(ARM)
        self.spoil = spoil

    def solve(self, targets):
        return MethodSolutions(self.spoil(super().solve(targets).q, targets))


def offline_model(file, metadata):
    """q = target · WEIGHTS for each target of a path."""
    shapes = ['N', 'T', 4], ['N', 'T', 2]
    nodes = [helper.make_node('MatMul', ['target', 'w'], ['q'])]
    return saved(file, metadata, nodes, {'w': WEIGHTS}, {'target': shapes[0]}, {'q': shapes[1]})


def stepping_model(file, metadata, states=2, state='state'):
    """q = target · WEIGHTS + INERTIA · state, and that is the next state."""
    nodes = [
        helper.make_node('MatMul', ['target', 'w'], ['now']),
        helper.make_node('Mul', [state, 'inertia'], ['before']),
        helper.make_node('Add', ['now', 'before'], ['q']),
        helper.make_node('Identity', ['q'], ['next_state']),
    ]
    return saved(
        file,
        metadata,
        nodes,
        {'w': WEIGHTS, 'inertia': np.float32(INERTIA)},
        {'target': ['N', 4], state: ['N', states]},
        {'q': ['N', 2], 'next_state': ['N', states]},
    )


def saved(file, metadata, nodes, constants, inputs, outputs):
    ports = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in each]
        for each in (inputs.items(), outputs.items())
    ]
    weights = [numpy_helper.from_array(np.asarray(each), name) for name, each in constants.items()]
    graph = helper.make_graph(nodes, 'test', *ports, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)
    helper.set_model_props(model, metadata)
    onnx.save(model, file)
    return file


def rows(paths):
    bearing = np.arctan2(paths.xy[..., 1], paths.xy[..., 0])
    return np.concatenate((paths.xy, np.stack((paths.branch_by_target, bearing), axis=-1)), axis=-1)


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_evaluation_set_is_valid_for_any_arm(seed):
    arm = random_arm(seed).model
    tests = sample_evaluation_set(arm, np.random.default_rng(seed), SIZES)
    assert not outside_limits(arm, tests.path_joints.reshape(-1, 2)).any()
    np.testing.assert_allclose(arm.fk(tests.path_joints), tests.paths.xy, atol=1e-12)
    assert np.abs(np.diff(tests.path_joints, axis=1)).max() <= 0.09
    assert np.abs(tests.path_joints[:, 0] - tests.paths.start).max() <= 0.09
    bend = arm.elbow_sine_batch(tests.path_joints.reshape(-1, 2))
    assert (bend * tests.paths.branch_by_target.ravel() > 0.0).all()
    assert (arm.elbow_sine_batch(tests.scattered.start) * tests.scattered.branch >= 0.0).all()
    for start in (tests.scattered.start, tests.paths.start, tests.outside.start):
        assert not outside_limits(arm, start).any()
    beyond = np.hypot(tests.outside.xy[..., 0], tests.outside.xy[..., 1]) / arm.reach
    assert beyond.min() >= 1.0 - 1e-12
    assert beyond.max() <= 1.2 + 1e-12
    np.testing.assert_array_equal(
        tests.other_branch.branch, -tests.paths.branch[tests.both_branch_rows]
    )
    found = measure(ClosedFormMethod(arm), tests)
    assert found.scattered.worst <= 1e-9
    assert (found.scattered.failed, found.along_path.failed, found.exact) == (0.0, 0.0, 1.0)
    assert found.roughness == pytest.approx(1.0, abs=1e-3)
    assert found.both_branches == 1.0 or (
        isnan(found.both_branches) and not len(tests.both_branch_rows)
    )


def test_the_closed_form_is_exact_and_limited_by_noise_alone(tests):
    found = measure(ClosedFormMethod(ARM), tests)
    assert found.scattered.worst <= 1e-14
    assert found.along_path.worst <= 1e-14
    assert found.outside.worst <= 1e-14
    assert (found.exact, found.both_branches) == (1.0, 1.0)
    assert found.roughness == pytest.approx(1.0, abs=1e-6)
    assert (found.steps, found.path_steps, found.seed, found.training) == (None,) * 4
    # The median of the distance from the middle of a round normal distribution, σ √(2 ln 2),
    # less what the edge of the workspace takes away.
    assert found.noisy.p50 == pytest.approx(0.0118, rel=0.15)
    assert len(tests.both_branch_rows) >= 10


def test_an_answer_on_the_wrong_branch_is_on_target_but_not_on_both(tests):
    def other(q, targets):
        return ARM.closed_form_batch(targets.xy, -targets.branch, targets.start)

    found = measure(Wrong(other), tests)
    assert found.both_branches <= 0.1  # the nearly straight arm is on either
    # Where the arm cannot mirror itself within its limits it misses.
    assert found.along_path.p50 <= 1e-14


def test_a_method_with_one_branch_does_not_count_as_both(tests):
    def positive(q, targets):
        return ARM.closed_form_batch(targets.xy, np.ones_like(targets.branch), targets.start)

    assert measure(Wrong(positive), tests).both_branches <= 0.1


def test_joints_outside_their_limits_fail_with_the_tip_on_target(tests):
    found = measure(Wrong(lambda q, targets: np.add(q, (2 * pi, 0.0))), tests)
    assert found.scattered.worst <= 1e-14
    assert found.scattered.failed == found.along_path.failed == 1.0
    assert (found.exact, found.both_branches) == (0.0, 0.0)


def test_small_errors_are_not_exact_and_large_ones_fail(tests):
    near = measure(Wrong(lambda q, targets: np.clip(q + 1e-6, ARM.lower, ARM.upper)), tests)
    assert 1e-9 < near.along_path.p50 < 1e-5
    assert (near.exact, near.along_path.failed) == (0.0, 0.0)
    far = measure(Wrong(lambda q, targets: np.add(q, (0.2, 0.0))), tests)
    assert far.along_path.failed > 0.95


def test_jitter_increases_the_roughness(tests):
    rng = np.random.default_rng(0)
    found = measure(Wrong(lambda q, targets: q + rng.normal(0.0, 1e-3, q.shape)), tests)
    exact = np.diff(tests.path_joints, n=2, axis=1)
    expected = np.sqrt(1.0 + 6.0 * 1e-6 / np.mean(exact**2))
    assert found.roughness == pytest.approx(expected, rel=0.1)


def test_a_missing_answer_is_an_infinite_error(tests):
    def silent(q, targets):
        return np.where(targets.xy[:, :1] > 0.0, q, np.nan)

    found = measure(Wrong(silent), tests)
    share = (tests.scattered.xy[:, 0] <= 0.0).mean()
    assert found.scattered.failed == pytest.approx(share)
    assert found.scattered.worst == found.roughness == np.inf


def test_the_map_is_of_the_workspace_on_the_positive_branch(tests):
    errors = error_map(ClosedFormMethod(ARM), tests)
    assert errors.shape == (21, 21)
    assert np.nanmax(errors) <= 1e-14
    middle, ahead = errors[10, 10], errors[10, 19]  # the first axis; 0.92 of reach along x
    assert isnan(middle)
    assert not isnan(ahead)
    # Joint 1 points back as far as 2.9 rad; bent to the positive side only one way round is left.
    assert isnan(errors[10, 0])
    spoilt = error_map(Wrong(lambda q, targets: np.add(q, (0.1, 0.0))), tests)
    assert spoilt[10, 19] == pytest.approx(2 * np.sin(0.05) * 0.9 * 1.02, rel=1e-6)


def test_the_figure_eight_is_followed_from_its_first_point(tests):
    joints = figure_eight_joints(ClosedFormMethod(ARM), tests)
    np.testing.assert_allclose(ARM.fk(joints), tests.figure_eight.xy[0], atol=1e-12)
    np.testing.assert_allclose(joints[0], joints[-1], atol=1e-9)
    np.testing.assert_allclose(
        joints,
        figure_eight_joints(NumericalMethod(ARM, STEP_RULES['pseudo_inverse']), tests),
        atol=1e-7,
    )


def test_a_numerical_method_starts_from_the_current_joints(tests):
    found = measure(NumericalMethod(ARM, STEP_RULES['pseudo_inverse']), tests)
    assert found.path_steps.p50 < found.steps.p50
    assert found.along_path.failed < found.scattered.failed
    assert found.exact > 0.9


def test_refinement_makes_a_network_exact_and_counts_its_steps(tests):
    network = TargetNetworkMethod(ARM, Network(share_directory() / 'models' / 'arm.onnx', ARM))
    alone, refined = measure(network, tests), measure(RefinedMethod(ARM, network), tests)
    assert 1e-9 < alone.scattered.p50 < 1e-6
    assert (alone.exact < 0.1, alone.steps) == (True, None)
    assert (refined.exact, refined.scattered.failed) == (1.0, 0.0)
    assert 1 <= refined.steps.p50 <= refined.steps.p99 <= 3
    assert refined.both_branches == alone.both_branches == 1.0
    assert RefinedMethod(ARM, network).kind is MethodKind.NETWORK


def test_each_target_of_a_path_starts_from_the_answer_before(tests):
    given = []

    def spy(q, targets):
        given.append(targets.start)
        return q

    q = Wrong(spy).solve_paths(tests.paths).q
    np.testing.assert_array_equal(given[0], tests.paths.start)
    np.testing.assert_array_equal(given[1:], q.swapaxes(0, 1)[:-1])


@pytest.mark.parametrize('branch', [1, -1])
def test_refinement_uses_the_required_branch(tmp_path, branch):
    """From a straight arm to a target straight inwards no gradient says which way to bend."""
    file = linear_model(tmp_path / 'm.onnx', info(ARM).to_metadata(), bias=(0.0, 0.0))
    refined = RefinedMethod(ARM, TargetNetworkMethod(ARM, Network(file, ARM)))
    r = float(np.hypot(*ARM.fk((0.0, 0.05))))
    xy, sides, start = np.array([[r, 0.0]]), np.array([branch], dtype=np.int8), np.zeros((1, 2))
    answers = refined.solve(TargetBatch(xy, sides, start))
    alike = refined.solve_paths(PathBatch(xy[None], sides, start, xy[None]))
    np.testing.assert_array_equal(alike.q[0], answers.q)
    np.testing.assert_allclose(
        refined.single_target_solver()(r, 0.0, branch, (0.0, 0.0)), answers.q[0], atol=1e-9
    )
    np.testing.assert_allclose(ARM.fk(answers.q), xy, atol=1e-9)
    assert answers.q[0, 1] == pytest.approx(branch * 0.05, abs=1e-6)


def test_a_path_around_the_base_continues_past_a_turn(tmp_path):
    arm = replace(ARM, lower=(-np.inf, -2.6), upper=(np.inf, 2.6))
    bearing_is_q1 = np.array([(0, 0), (0, 0), (0, 0), (1, 0)])
    file = linear_model(tmp_path / 'm.onnx', info(arm).to_metadata(), bearing_is_q1)
    angle = np.linspace(2.0, 2.0 + 4 * pi, 40)
    xy = 0.4 * np.stack((np.cos(angle), np.sin(angle)), axis=-1)[None]
    path = PathBatch(xy, np.ones(1, dtype=np.int8), np.array([(2.0, 0.7)]), xy)
    q = TargetNetworkMethod(arm, Network(file, arm)).solve_paths(path).q[0]
    np.testing.assert_allclose(q[:, 0] - angle, 0.3, atol=1e-5)


def test_a_network_answers_on_the_turn_nearest_to_the_joints(tmp_path):
    arm = replace(ARM, lower=(-np.inf, -2.6), upper=(np.inf, 2.6))
    tests = sample_evaluation_set(arm, np.random.default_rng(1), SIZES)
    file = linear_model(tmp_path / 'm.onnx', info(arm).to_metadata(), bias=(30.0, 7.0))
    network = TargetNetworkMethod(arm, Network(file, arm))
    found = network.solve(tests.scattered).q
    assert np.abs(found - tests.scattered.start)[:, 0].max() <= pi
    np.testing.assert_allclose(found[:, 1], 7.0 - 2 * pi, atol=1e-6)
    assert np.abs(np.diff(network.solve_paths(tests.paths).q, axis=1)).max() <= 1e-9


@pytest.mark.parametrize('make', [offline_model, stepping_model])
def test_a_path_network_runs_in_the_form_of_its_file(tmp_path, tests, make):
    network = PathNetwork(make(tmp_path / 'p.onnx', info(ARM).to_metadata()), ARM)
    expected = rows(tests.paths) @ WEIGHTS
    if make is stepping_model:
        for number in range(1, SIZES.points):
            expected[:, number] += INERTIA * expected[:, number - 1]
    q = network.propose(tests.paths.xy, tests.paths.branch_by_target)
    np.testing.assert_allclose(q, expected, atol=1e-5)
    assert network.execution_mode == ('step by step' if make is stepping_model else 'offline')

    method = PathNetworkMethod(ARM, network)
    found = measure(method, tests)
    assert (found.scattered, found.steps, method.kind) == (None, None, MethodKind.PATH_NETWORK)
    assert found.along_path.failed > 0.5
    assert np.isfinite(error_map(method, tests)).sum() == tests.map_grid.reachable.sum()
    assert figure_eight_joints(method, tests).shape == (401, 2)
    refined = RefinedMethod(ARM, method)
    assert measure(refined, tests).along_path.p50 < found.along_path.p50
    if make is offline_model:
        assert method.single_target_solver() is refined.single_target_solver() is None
        return
    q_now, path = tuple(tests.paths.start[0].tolist()), tests.paths.xy[0].tolist()
    for _ in range(2):  # each begins with a state of zero
        command = method.single_target_solver()
        answers = [command(x, y, int(tests.paths.branch[0]), q_now) for x, y in path]
        np.testing.assert_allclose(answers, method.solve_paths(tests.paths).q[0], atol=1e-6)


def test_nan_along_a_path_is_a_missing_answer(tmp_path, tests):
    file = stepping_model(tmp_path / 'p.onnx', info(ARM).to_metadata())
    network = PathNetwork(file, ARM)
    xy = tests.paths.xy.copy()
    xy[0, 3] = np.nan
    method = PathNetworkMethod(ARM, network)
    q = method.solve_paths(replace(tests.paths, xy=xy)).q
    assert np.isfinite(q[0, :3]).all()
    assert np.isnan(q[0, 3:]).all()
    assert np.isfinite(q[1:]).all()
    assert method.single_target_solver()(np.nan, 0.0, 1, (0.1, 0.2)) == (0.1, 0.2)


def test_a_path_file_of_another_form_or_arm_is_refused(tmp_path):
    metadata = info(ARM).to_metadata()
    other = info(replace(ARM, lengths=(0.3, 0.21))).to_metadata()
    for file, words in (
        (stepping_model(tmp_path / 'a', metadata, state='memory'), "got inputs .*'memory'"),
        (stepping_model(tmp_path / 'b', metadata, states='S'), 'got inputs and outputs'),
        (linear_model(tmp_path / 'c', metadata), 'expected names and dimensions'),
        (offline_model(tmp_path / 'd', other), 'arm of model'),
    ):
        with pytest.raises(ModelError, match=words):
            PathNetwork(file, ARM)


def test_methods_are_timed_target_by_target_where_possible(tmp_path, tests):
    metadata = info(ARM).to_metadata()
    offline = PathNetworkMethod(ARM, PathNetwork(offline_model(tmp_path / 'o', metadata), ARM))
    stepping = PathNetworkMethod(ARM, PathNetwork(stepping_model(tmp_path / 's', metadata), ARM))
    methods = [
        ClosedFormMethod(ARM),
        NumericalMethod(ARM, STEP_RULES['ccd']),
        offline,
        RefinedMethod(ARM, stepping),
    ]
    single, batch = (
        single_target_times_us(methods, tests),
        batch_rates_per_s(methods, tests),
    )
    assert [time is None for time in single] == [False, False, True, False]
    assert all(time is None or 0.0 < time < 1e6 for time in single)
    assert len(batch) == 4
    assert min(batch) > 0.0
