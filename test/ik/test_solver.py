"""The solver: what it accepts is right, and it accepts every reachable target."""

from dataclasses import replace

import numpy as np
import pytest
from arms import random_arm, random_joints
from hypothesis import given, settings
from hypothesis import strategies as st

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.arm.urdf import load_arm, read_description
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.files import share_directory
from ik_nn_ros.ik.acceptance import Reason, SolverConfig, Stage, Status
from ik_nn_ros.ik.network import Network
from ik_nn_ros.ik.solver import HybridSolver
from models import info, linear_model

ARM = load_arm(read_description(share_directory() / 'urdf' / 'arm.urdf.xacro'))
FREE = ARM.without_limits()
NETWORK = Network(share_directory() / 'models' / 'arm.onnx', ARM)
ROOT_TOLERANCE_RAD = 1e-4
"""Joints at the stretched arm agree to the root of the tip's tolerance."""
ANYWHERE = st.floats(allow_nan=True, allow_infinity=True)


def require_sound(arm, solution, tolerance):
    """Solutions reach their point inside the limits and on the branch; rejections have a reason."""
    q = solution.q[np.isin(solution.status, (Status.ACCEPTED, Status.PROJECTED))]
    point = solution.point[solution.status != Status.REJECTED]
    assert ((q >= arm.lower) & (q <= arm.upper)).all()
    assert np.hypot(*(arm.fk(q) - point).T).max(initial=0.0) <= tolerance
    branch = solution.branch[solution.status != Status.REJECTED]
    assert (arm.elbow_sine_batch(q) * branch).min(initial=0.0) >= -1e-6
    rejected = solution.status == Status.REJECTED
    assert (solution.reason[rejected] != Reason.NONE).all()
    assert np.isnan(solution.q[rejected]).all()


def boundary_joints(arm, rng, count):
    """Joints at their limits, and the stretched and folded arm as far as the limits allow."""
    q = random_joints(arm, rng, count)
    for joint in range(2):
        ends = np.array([arm.lower[joint], arm.upper[joint]])
        ends = ends[np.isfinite(ends)]
        if len(ends):
            at_end = rng.random(count) < 0.4
            q[at_end, joint] = rng.choice(ends, at_end.sum())
    straight = -arm.signs[1] * arm.offsets[1] + np.pi * rng.integers(-2, 3, count)
    allowed = (straight >= arm.lower[1]) & (straight <= arm.upper[1]) & (rng.random(count) < 0.5)
    q[allowed, 1] = straight[allowed]
    return q


@pytest.mark.parametrize('seed', range(40))
def test_every_reachable_target_of_any_arm_is_solved(seed):
    arm = random_arm(seed).model
    rng = np.random.default_rng(seed)
    solver = HybridSolver(arm)
    q = np.concatenate((random_joints(arm, rng, 500), boundary_joints(arm, rng, 500)))
    now = random_joints(arm, rng, 1000)
    solution = solver.solve_batch(arm.fk(q), now)
    assert (solution.status == Status.ACCEPTED).all()
    require_sound(arm, solution, 1e-9 * arm.reach)
    for i in range(0, 1000, 40):
        one = solver.solve(*arm.fk_point(*q[i]), tuple(now[i]))
        assert one.status == Status.ACCEPTED


@pytest.mark.parametrize('arm', [ARM, FREE], ids=['limits', 'continuous'])
def test_the_network_and_its_refinement_solve_the_whole_workspace(arm):
    """Both branches and the boundary, to 1e-9 of reach, hardly ever by the closed form."""
    rng = np.random.default_rng(1)
    solver = HybridSolver(arm, NETWORK)
    q = np.concatenate((random_joints(arm, rng, 50_000), boundary_joints(arm, rng, 50_000)))
    solution = solver.solve_batch(arm.fk(q), q + rng.normal(0.0, 0.1, q.shape))
    assert (solution.status == Status.ACCEPTED).all()
    require_sound(arm, solution, 1e-9 * arm.reach)
    assert np.mean(solution.stage == Stage.CLOSED_FORM) <= 1e-3
    assert np.mean(solution.stage == Stage.REFINED) > 0.5


def test_a_loose_tolerance_accepts_the_network_as_it_is():
    solver = HybridSolver(ARM, NETWORK, SolverConfig(tolerance=1e-5))
    solution = solver.solve(0.3, 0.2, (0.0, 0.5))
    assert (solution.status, solution.stage) == (Status.ACCEPTED, Stage.NETWORK)
    assert 0.0 < solution.position_error <= 1e-5


@settings(max_examples=500)
@given(x=ANYWHERE, y=ANYWHERE, q1=st.floats(-50, 50), q2=st.floats(-50, 50))
@pytest.mark.parametrize('on_unreachable', ['reject', 'nearest'])
def test_any_target_gets_a_sound_solution_or_a_reason(on_unreachable, x, y, q1, q2):
    solver = HybridSolver(ARM, NETWORK, SolverConfig(on_unreachable=on_unreachable))
    solution = solver.solve(x, y, (q1, q2))
    batch = solver.solve_batch([[x, y]], (q1, q2))
    assert (solution.status, solution.stage) == (batch.status[0], batch.stage[0])
    assert (solution.reason, solution.branch) == (batch.reason[0], batch.branch[0])
    if not (np.isfinite(x) and np.isfinite(y)):
        assert solution.reason == Reason.NOT_FINITE
    if solution.status == Status.REJECTED:
        assert solution.q is None
        assert on_unreachable == 'reject' or solution.reason == Reason.NOT_FINITE
    else:
        assert ARM.within_limits(solution.q)
        tip = ARM.fk_point(*solution.q)
        assert np.hypot(tip[0] - solution.point[0], tip[1] - solution.point[1]) <= 1e-9 * ARM.reach


@pytest.mark.parametrize('config', [{}, {'branch': 'positive'}, {'on_unreachable': 'nearest'}])
def test_one_target_and_a_batch_get_the_same_solutions(config):
    solver = HybridSolver(ARM, NETWORK, SolverConfig(**config))
    rng = np.random.default_rng(3)
    xy = rng.uniform(-0.6, 0.6, (600, 2))
    xy[::50] = [np.nan, np.inf]
    now = rng.uniform(-2.5, 2.5, (600, 2))
    now[::7, 1] = 0.0
    batch = solver.solve_batch(xy, now)
    for i in range(600):
        one = solver.solve(*xy[i].tolist(), tuple(now[i].tolist()))
        assert (one.status, one.branch, one.reason) == (
            batch.status[i],
            batch.branch[i],
            batch.reason[i],
        )
        network_stages = {Stage.NETWORK, Stage.REFINED}
        assert one.stage == batch.stage[i] or {one.stage, batch.stage[i]} <= network_stages
        np.testing.assert_allclose(
            batch.q[i] if one.q is None else one.q, batch.q[i], atol=ROOT_TOLERANCE_RAD
        )
        np.testing.assert_allclose(one.point, batch.point[i], atol=1e-12)


def test_more_targets_than_one_chunk_keep_their_order():
    solver = HybridSolver(ARM, NETWORK)
    q = random_joints(ARM, np.random.default_rng(4), 20_000)
    solution = solver.solve_batch(ARM.fk(q), q)
    np.testing.assert_allclose(ARM.fk(solution.q), ARM.fk(q), atol=1e-9)
    assert len(solver.solve_batch(np.empty((0, 2)), (0.0, 0.0)).q) == 0


def test_a_configured_branch_is_kept():
    x, y = ARM.fk_point(0.3, 1.0)
    for name, branch in (('positive', 1), ('negative', -1)):
        solution = HybridSolver(ARM, NETWORK, SolverConfig(branch=name)).solve(x, y, (0.0, 0.0))
        assert solution.branch == branch
        assert ARM.branch_of(solution.q) == branch
    one_sided = replace(ARM, lower=(-2.9, 0.1))
    solver = HybridSolver(one_sided, None, SolverConfig(branch='negative'))
    assert solver.solve(x, y, (0.0, 0.5)).reason == Reason.JOINT_LIMITS


def test_the_current_branch_is_kept_while_it_reaches_the_target():
    """Even where the other branch is nearer in joint space."""
    solver = HybridSolver(FREE, NETWORK)
    for branch in (1, -1):
        for angle in np.linspace(-3, 3, 25):
            x, y = FREE.fk_point(angle, branch * 2.0)
            assert solver.solve(x, y, (0.0, branch * 0.2)).branch == branch
    x, y = ARM.fk_point(2.8, -0.5)
    over = HybridSolver(ARM, NETWORK).solve(x, y, (2.0, 0.5))
    assert over.status == Status.ACCEPTED
    positive = HybridSolver(ARM, NETWORK, SolverConfig(branch='positive')).solve(x, y, (2.0, 0.5))
    assert (over.branch == 1) == (positive.status == Status.ACCEPTED)


def test_a_straight_arm_takes_the_nearer_branch():
    solver = HybridSolver(ARM, NETWORK)
    for branch in (1, -1):
        x, y = ARM.fk_point(-branch * 0.1, branch * 0.8)
        assert solver.solve(x, y, (-branch * 0.3, 0.0)).branch == branch


@pytest.mark.parametrize(
    'path',
    [
        lambda t: 0.4 * np.column_stack((np.cos(t), np.sin(t))),
        lambda t: np.column_stack((0.5 - 0.2 * np.abs(np.sin(t)) ** 2, 0.0 * t)),
        lambda t: 0.1 * np.column_stack((np.cos(t), np.sin(t))),
    ],
    ids=['circle around the base', 'out to the stretched arm and back', 'inner boundary'],
)
@pytest.mark.parametrize('start', [1.0, -1.0])
def test_smooth_target_paths_give_smooth_joint_paths(path, start):
    solver = HybridSolver(FREE, NETWORK)
    now = (0.0, start)
    previous = None
    for x, y in path(np.linspace(0.0, 4.0 * np.pi, 4001)):
        solution = solver.solve(x, y, now)
        assert solution.status == Status.ACCEPTED
        now = solution.q
        if previous is not None:
            # At the stretched arm joints move by the square root of the tip's motion.
            assert max(abs(now[0] - previous[0]), abs(now[1] - previous[1])) < 0.05
        previous = now


@pytest.mark.parametrize('branch', [1, -1])
@pytest.mark.parametrize('network', [NETWORK, None], ids=['network', 'closed form'])
def test_a_drag_outside_the_workspace_stays_on_its_branch(branch, network):
    """In the hole around the base, with joint 1 at its limit, the other branch would be nearer."""
    solver = HybridSolver(ARM, network, SolverConfig(on_unreachable='nearest'))
    for radius in (0.02, 0.1, 0.6):
        now = (0.0, branch * 1.0)
        angle = np.linspace(0.0, branch * 3.1, 200)
        for x, y in radius * np.column_stack((np.cos(angle), np.sin(angle))):
            solution = solver.solve(x, y, now)
            assert solution.status == Status.PROJECTED
            assert solution.branch == branch or abs(ARM.elbow_sine(solution.q)) < 1e-3
            batch = solver.solve_batch([[x, y]], now)
            np.testing.assert_allclose(batch.point[0], solution.point, atol=1e-12)
            now = solution.q


def test_no_target_is_projected_onto_a_branch_that_reaches_nothing():
    one_sided = replace(ARM, lower=(-2.9, 0.1))
    solver = HybridSolver(one_sided, None, SolverConfig(on_unreachable='nearest'))
    solution = solver.solve(1.0, 0.0, (0.0, -0.5))
    assert (solution.status, solution.branch) == (Status.PROJECTED, 1)
    excluded = HybridSolver(one_sided, None, SolverConfig('negative', 'nearest'))
    assert excluded.solve(1.0, 0.0, (0.0, 0.5)).reason == Reason.UNREACHABLE


def test_projection_goes_to_the_nearest_point_inside_the_limits():
    solver = HybridSolver(ARM, NETWORK, SolverConfig(on_unreachable='nearest'))
    rng = np.random.default_rng(5)
    xy = rng.uniform(-1.0, 1.0, (5000, 2))
    solution = solver.solve_batch(xy, (0.0, 0.5))
    projected = solution.status == Status.PROJECTED
    assert projected.sum() > 1000
    assert (solution.status != Status.REJECTED).all()
    require_sound(ARM, solution, 1e-9 * ARM.reach)
    joints = random_joints(ARM, rng, 60_000)
    cloud = ARM.fk(joints[joints[:, 1] > 0.0])  # the branch of the current joints
    for target, point in zip(xy[projected][:300], solution.point[projected][:300], strict=True):
        assert np.hypot(*(point - target)) <= np.hypot(*(cloud - target).T).min() + 1e-9
    np.testing.assert_allclose(
        solution.point[projected], ARM.workspace(1).nearest_points(xy[projected]), atol=1e-12
    )


@pytest.mark.parametrize('bias', [(0.3, 0.7), (1e30, -1e30), (3.0, 0.0)])
def test_a_useless_network_loses_no_target_and_changes_no_branch(tmp_path, bias):
    metadata = info(ARM).to_metadata()
    useless = Network(linear_model(tmp_path / 'm.onnx', metadata, bias=bias), ARM)
    q = random_joints(ARM, np.random.default_rng(6), 5000)
    with_network = HybridSolver(ARM, useless).solve_batch(ARM.fk(q), q)
    without = HybridSolver(ARM).solve_batch(ARM.fk(q), q)
    assert (with_network.status == Status.ACCEPTED).all()
    assert (with_network.branch == without.branch).all()
    require_sound(ARM, with_network, 1e-9 * ARM.reach)


def test_proposals_that_are_not_finite_are_skipped(tmp_path):
    """Finite where the file is checked, not finite far out."""
    weights = np.full((4, 2), 3e38)
    weights[2:] = 0.0
    network = Network(linear_model(tmp_path / 'm.onnx', info(ARM).to_metadata(), weights), ARM)
    giant = ArmModel('giant', ('a', 'b'), (30.0, 20.0))
    q = random_joints(giant, np.random.default_rng(7), 500)
    solver = HybridSolver(giant, network)
    solution = solver.solve_batch(giant.fk(q), q)
    assert (solution.stage == Stage.CLOSED_FORM).all()
    assert solver.solve(*giant.fk_point(0.1, 1.0), (0.0, 0.5)).stage == Stage.CLOSED_FORM


def test_a_network_is_asked_only_for_branches_it_was_trained_for(tmp_path):
    file = linear_model(tmp_path / 'm.onnx', info(ARM, 'positive').to_metadata())
    solver = HybridSolver(ARM, Network(file, ARM), SolverConfig(tolerance=1.0))
    for branch, stage in ((1, Stage.NETWORK), (-1, Stage.CLOSED_FORM)):
        x, y = ARM.fk_point(0.2, branch * 1.0)
        now = (0.0, branch * 0.5)
        assert solver.solve(x, y, now).stage == stage
        both = solver.solve_batch(np.array([[x, y], [x, y]]), np.array([now, (0.0, -now[1])]))
        assert both.stage[0] == stage


def test_the_turn_nearest_to_the_current_joints_is_taken():
    solver = HybridSolver(FREE, NETWORK)
    x, y = FREE.fk_point(3.0, 1.0)
    assert solver.solve(x, y, (-3.2, 1.0)).q[0] == pytest.approx(3.0 - 2.0 * np.pi)
    assert solver.solve(x, y, (100.0, 1.0)).q[0] == pytest.approx(3.0 + 30.0 * np.pi)


@pytest.mark.parametrize('limit', [np.pi, 3.1415, 3.5, 7.0])
@pytest.mark.parametrize('network', [NETWORK, None], ids=['network', 'closed form'])
def test_an_arm_at_its_target_stays_there(limit, network):
    """Neither rounding nor an error of the network turns a joint at its limit all the way round."""
    arm = replace(ARM, lower=(-limit, -limit), upper=(limit, limit))
    rng = np.random.default_rng(8)
    q = boundary_joints(arm, rng, 4000)
    q = q[np.abs(arm.elbow_sine_batch(q)) > 0.02]
    now = np.clip(q + rng.uniform(-0.01, 0.01, q.shape), arm.lower, arm.upper)
    solver = HybridSolver(arm, network)
    solution = solver.solve_batch(arm.fk(q), now)
    assert (solution.status == Status.ACCEPTED).all()
    assert np.abs(solution.q - q).max() < 1e-6
    for i in range(0, len(q), 5):
        one = solver.solve(*arm.fk_point(*q[i]), tuple(now[i].tolist()))
        np.testing.assert_allclose(one.q, q[i], atol=1e-6)


def test_current_joints_far_outside_the_limits_do_not_change_the_turn():
    x, y = ARM.fk_point(0.5, 1.0)
    for wild in (1e8, -1e300, 400.0):
        solution = HybridSolver(ARM, NETWORK).solve(x, y, (wild, 1.0))
        np.testing.assert_allclose(solution.q, (0.5, 1.0), atol=1e-6)


@pytest.mark.parametrize(
    ('kwargs', 'words'),
    [
        ({'branch': 'left'}, "branch: got 'left', expected nearest or positive or negative"),
        ({'on_unreachable': 'clip'}, "on_unreachable: got 'clip', expected reject or nearest"),
        ({'tolerance': -1.0}, 'tolerance: got -1.0 m'),
        ({'tolerance': float('nan')}, 'tolerance: got nan m'),
    ],
)
def test_bad_configurations_are_refused(kwargs, words):
    with pytest.raises(ConfigError, match=words):
        SolverConfig(**kwargs)


@pytest.mark.parametrize(
    ('xy', 'now'),
    [
        (np.zeros(2), (0, 0)),
        (np.zeros((3, 3)), (0, 0)),
        (np.zeros((3, 2)), (0, np.nan)),
        (np.zeros((3, 2)), np.zeros((2, 2))),
    ],
)
def test_batches_of_the_wrong_shape_are_refused(xy, now):
    with pytest.raises(ConfigError, match=r'got shape .* expected'):
        HybridSolver(ARM).solve_batch(xy, now)
