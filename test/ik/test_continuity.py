"""Smooth target paths give smooth joint paths, on one branch while it reaches them."""

from dataclasses import replace

import numpy as np
import pytest
from arms import random_arm, random_joints
from built_arms import calibration_of

from ik_nn_ros.arm.urdf import load_arm, read_description
from ik_nn_ros.files import share_directory
from ik_nn_ros.ik.acceptance import Reason, SolverConfig, Status
from ik_nn_ros.ik.network import Network
from ik_nn_ros.ik.solver import HybridSolver

ARM = load_arm(read_description(share_directory() / 'urdf' / 'arm.urdf.xacro'))
FREE = ARM.without_limits()
BUILT = calibration_of(ARM, 3).apply(ARM)
FREE_BUILT = BUILT.without_limits()
NETWORK = Network(share_directory() / 'models' / 'arm.onnx', ARM)
REACH, INNER = ARM.reach, ARM.inner_reach
NEAREST = SolverConfig(on_unreachable='nearest')
KEEPING = SolverConfig(allow_branch_change=False)
KEEPING_NEAREST = replace(NEAREST, allow_branch_change=False)

with_and_without_network = pytest.mark.parametrize(
    'network', [NETWORK, None], ids=['network', 'closed form']
)
each_branch = pytest.mark.parametrize('branch', [1, -1])
FREE_ARMS = pytest.mark.parametrize(
    ('arm', 'network'),
    [(FREE, NETWORK), (FREE, None), (FREE_BUILT, None)],
    ids=['network', 'closed form', 'calibrated'],
)
LIMITED_ARMS = pytest.mark.parametrize(
    ('arm', 'network'),
    [(ARM, NETWORK), (ARM, None), (BUILT, None)],
    ids=['network', 'closed form', 'calibrated'],
)


def circle(radius, turns, center=(0.0, 0.0), count=240):
    """A circle of targets that starts off every symmetry of the arm."""
    angle = 0.1 + np.linspace(0.0, 2.0 * np.pi * turns, count)
    return np.array(center) + radius * np.column_stack((np.cos(angle), np.sin(angle)))


def there_and_back(start, end, count=241):
    """Targets to a point and back; of an odd count the middle one is that point."""
    along = 0.5 - 0.5 * np.cos(np.linspace(0.0, 2.0 * np.pi, count))
    return np.array(start) + along[:, None] * (np.array(end) - start)


def follow(solver, path, now):
    """Solve targets one after the other, each from the joints of the one before."""
    solutions = []
    for x, y in path.tolist():
        solutions.append(solver.solve(x, y, now))
        now = solutions[-1].q or now
    return solutions


def start_of(arm, path, branch):
    """Joints on the branch, near to the first target."""
    return arm.clip((arm.closed_form(*path[0], branch, (0.0, 0.0))[0], branch * 0.5))


def excess(arm, path, q):
    """
    How much further (rad) the joints move from target to target than the tip's motion allows.

    With δ the tip's step, the elbow's cosine changes by at most u = R δ / (L1 L2): its root
    bounds the turn of the elbow at the stretched arm; elsewhere u / sin θ2 bounds it.
    """
    l1, l2 = arm.lengths
    step = np.hypot(*np.diff(path, axis=0).T) + 4e-9 * arm.reach  # both ends to the tolerance
    u = (l1 + l2) * step / (l1 * l2)
    sine = np.abs(np.sin(arm.signs[1] * q[:, 1] + arm.offsets[1]))
    smaller = np.minimum(sine[1:], sine[:-1])
    root = 2.0 * np.arcsin(np.minimum(1.0, np.sqrt(u / 2.0)))
    elbow = np.minimum(root, 1.5 * u / np.maximum(smaller, 1e-9))
    r = np.hypot(*path.T)
    shoulder = 2.0 * step / np.minimum(r[1:], r[:-1]) + elbow * l2 / abs(l1 - l2)
    moved = np.abs(np.diff(q, axis=0))
    return np.maximum(moved[:, 0] - shoulder, moved[:, 1] - elbow).max()


def joints(solutions):
    return np.array([solution.q for solution in solutions])


def require_smooth(arm, path, solutions, branch):
    assert all(solution.status == Status.ACCEPTED for solution in solutions)
    assert all(solution.branch == branch for solution in solutions)
    assert excess(arm, path, joints(solutions)) <= 0.0


@each_branch
@with_and_without_network
@pytest.mark.parametrize('turns', [3, -3])
@pytest.mark.parametrize('radius', [0.4, INNER + 1e-4, REACH - 1e-4])
def test_circles_around_the_base_continue_turn_after_turn(network, branch, turns, radius):
    path = circle(radius, turns)
    solutions = follow(HybridSolver(FREE, network), path, start_of(FREE, path, branch))
    require_smooth(FREE, path, solutions, branch)
    first, last = joints(solutions)[[0, -1]]
    np.testing.assert_allclose(last - first, (2.0 * np.pi * turns, 0.0), atol=1e-3)


@each_branch
@with_and_without_network
@pytest.mark.parametrize('off', [0.0, 1e-12, -1e-12, 1e-10, -1e-9, -1e-6, -1e-3])
@pytest.mark.parametrize('edge', [REACH, INNER])
def test_along_the_boundary_rounding_does_not_change_the_branch(network, branch, off, edge):
    """``off`` is to the outside, at most the tolerance of a solution at the stretched arm."""
    path = circle(edge + (off if edge == REACH else -off), 1, count=120)
    solver, now = HybridSolver(FREE, network), start_of(FREE, path, branch)
    solutions = follow(solver, path, now)
    require_smooth(FREE, path, solutions, branch)
    for q in (joints(solutions), solver.solve_batch(path, now).q):
        assert (branch * FREE.elbow_sine_batch(q) > 1e-6).all()


@each_branch
@with_and_without_network
@pytest.mark.parametrize('beyond', [-1e-3, -1e-6, -1e-12, 0.0, 1e-12, 1e-10])
@pytest.mark.parametrize('bearing', [0.0, 2.0, np.pi])
def test_a_path_to_the_stretched_arm_and_back_is_smooth(network, branch, beyond, bearing):
    ahead = np.array((np.cos(bearing), np.sin(bearing)))
    path = there_and_back(0.3 * ahead, (REACH + beyond) * ahead)
    solutions = follow(HybridSolver(FREE, network), path, start_of(FREE, path, branch))
    require_smooth(FREE, path, solutions, branch)


@each_branch
@FREE_ARMS
@pytest.mark.parametrize('beyond', [1e-5, 1e-3, 0.4])
def test_a_target_dragged_out_and_back_returns_on_its_branch(arm, network, branch, beyond):
    """Straight out, aslant, and into the hole in the middle."""
    for start, end in (
        ((0.3, 0.1), (REACH + beyond) * np.array((0.8, 0.6))),
        ((0.1, -0.4), (0.1 + beyond, -REACH - beyond)),
        ((0.3, 0.1), (0.02, min(beyond, 0.05))),
    ):
        path = there_and_back(start, end, 41)
        now = HybridSolver(arm).solve(*path[0], (0.0, branch * 1.0)).q
        refusing = follow(HybridSolver(arm, network), path, now)
        sliding = follow(HybridSolver(arm, network, NEAREST), path, now)
        assert any(solution.status == Status.REJECTED for solution in refusing)
        for solution, slid in zip(refusing, sliding, strict=True):
            reached = solution.status == Status.ACCEPTED
            assert slid.status == (Status.ACCEPTED if reached else Status.PROJECTED)
            assert slid.branch == branch == (solution.branch or branch)
        assert (branch * arm.elbow_sine_batch(joints(sliding)) > 1e-6).all()


@each_branch
@FREE_ARMS
@pytest.mark.parametrize(
    'path',
    [
        circle(0.7, 1, count=100),
        circle(0.05, 1, count=100),
        circle(0.6, 1, (0.3, 0.0), 200),
        circle(0.02, 1, (0.06, 0.0), 100),
    ],
    ids=['around', 'in the hole', 'in and out', 'in the hole beside the base'],
)
def test_a_target_dragged_outside_moves_the_tip_along_the_boundary(arm, network, branch, path):
    now = HybridSolver(arm, None, NEAREST).solve(*path[0], (0.0, branch * 1.0)).q
    solutions = follow(HybridSolver(arm, network, NEAREST), path, now)
    assert any(solution.status == Status.PROJECTED for solution in solutions)
    assert all(solution.branch == branch for solution in solutions)
    moved = np.hypot(*np.diff(arm.fk(joints(solutions)), axis=0).T)
    r = np.hypot(*path.T)
    # The projection onto a circle moves further than a target inside it.
    stretch = np.maximum(1.0, INNER / np.minimum(r[1:], r[:-1]))
    assert (moved <= 1.3 * stretch * np.hypot(*np.diff(path, axis=0).T)).all()


@each_branch
@with_and_without_network
def test_a_path_across_the_negative_x_axis_is_smooth(network, branch):
    """Continuous joints and limits beyond ±π both continue past it."""
    path = there_and_back((-0.35, 0.2), (-0.35, -0.2))
    far = replace(ARM, lower=(-4.5, -2.6), upper=(4.5, 2.6))
    for arm in (FREE, far):
        solver = HybridSolver(arm, network)
        require_smooth(arm, path, follow(solver, path, start_of(arm, path, branch)), branch)


@each_branch
def test_limited_joints_follow_a_circle_up_to_the_limit(branch):
    path = circle(0.4, branch * 1.0, count=1000)
    solutions = follow(HybridSolver(ARM, NETWORK, KEEPING), path, start_of(ARM, path, branch))
    rejected = [solution.status == Status.REJECTED for solution in solutions]
    first = rejected.index(True)
    require_smooth(ARM, path[:first], solutions[:first], branch)
    assert 2.89 < branch * solutions[first - 1].q[0] <= 2.9
    again = first + rejected[first:].index(False)
    assert all(solution.reason == Reason.JOINT_LIMITS for solution in solutions[first:again])
    assert not any(rejected[again:])  # from the other end of the joint's range
    require_smooth(ARM, path[again:], solutions[again:], branch)


@each_branch
@LIMITED_ARMS
@pytest.mark.parametrize('radius', [0.05, 0.4, REACH, 0.7])
def test_a_target_dragged_behind_the_base_swings_the_arm_once(arm, network, branch, radius):
    """Before and after the swing of joint 1 the tip slides along the boundary."""
    path = circle(radius, 1, count=140)
    solver = HybridSolver(arm, network, KEEPING_NEAREST)
    solutions = follow(solver, path, solver.solve(*path[0], (0.0, branch * 1.0)).q)
    assert all(solution.branch == branch for solution in solutions)
    moved = np.hypot(*np.diff(arm.fk(joints(solutions)), axis=0).T)
    step = np.hypot(*np.diff(path, axis=0).T)
    swings = np.flatnonzero(np.abs(np.diff(joints(solutions)[:, 0])) > 1.0)
    assert len(swings) == 1
    # In the hole the projection moves further than the target.
    jumps = np.flatnonzero(moved > 3.0 * max(1.0, 0.5 * REACH / radius) * step)
    assert set(jumps) <= set(swings)


def jittering(point, rng, count):
    return np.array(point) + rng.normal(0.0, 1e-4, (count, 2))


@each_branch
@LIMITED_ARMS
@pytest.mark.parametrize('config', [SolverConfig(), NEAREST], ids=['reject', 'nearest'])
def test_a_target_jittering_where_a_branch_ends_changes_it_once(arm, network, branch, config):
    rng = np.random.default_rng(0)
    solver = HybridSolver(arm, network, config)
    changes = 0
    for q2 in np.linspace(0.8, 2.5, 6):
        limit = (branch * 2.9, branch * q2)
        path = jittering(arm.fk_point(*limit), rng, 30)
        branches = np.array([solution.branch for solution in follow(solver, path, limit)])
        assert (branches != 0).all()
        assert np.count_nonzero(np.diff(branches)) <= 1
        changes += branches[-1] != branch
    assert changes > 3


def between_two_points(solver, branch, radius):
    """A target behind the base that is equally far from two points of the boundary."""
    gap = (
        np.pi if radius > INNER else branch * (np.pi + 0.68)
    )  # in the hole the elbow is at its limit
    low, high = gap - 0.2, gap + 0.2
    for _ in range(20):
        middle = 0.5 * (low + high)
        point = radius * np.array((np.cos(middle), np.sin(middle)))
        nearest = solver.solve(*point, (0.0, branch * 1.0)).point  # the joints prefer neither
        clockwise = point[0] * nearest[1] - point[1] * nearest[0] < 0.0
        low, high = (middle, high) if clockwise else (low, middle)
    return point


@each_branch
@LIMITED_ARMS
def test_a_target_jittering_between_two_boundary_points_keeps_the_arm_at_one(arm, network, branch):
    rng = np.random.default_rng(1)
    solver = HybridSolver(arm, network, KEEPING_NEAREST)
    for radius in (0.05, 0.6, 3.0):
        path = jittering(between_two_points(solver, branch, radius), rng, 12)
        for start in (2.8, -2.8):
            now = (start, branch * (2.5 if radius < INNER else 0.3))
            solutions = follow(solver, path, now)
            assert all(solution.status == Status.PROJECTED for solution in solutions)
            q = np.vstack((now, joints(solutions)))
            assert np.abs(np.diff(q, axis=0)).max() < 1.0
        for start in (0.3, -0.3):  # moving to one of them
            q = solver.solve_batch(path, (start, branch * 1.0)).q
            assert (np.sign(q[:, 0]) == np.sign(start)).all()


@each_branch
def test_a_calibrated_arm_returns_to_the_outer_boundary_without_delay(branch):
    """Where the boundary with joint 1 at its limit joins it, next to the straight arm."""
    bearing = np.linspace(-2.9, -2.65, 180)
    path = np.column_stack((np.cos(bearing), branch * np.sin(bearing))) * REACH
    solver = HybridSolver(BUILT, None, KEEPING_NEAREST)
    now = solver.solve(*path[0], (branch * -2.8, branch * 0.05)).q
    moved = np.hypot(*np.diff(BUILT.fk(joints(follow(solver, path, now))), axis=0).T)
    assert (moved < 1.15 * np.hypot(*np.diff(path, axis=0).T)).all()


@with_and_without_network
@each_branch
@pytest.mark.parametrize('off', [0.0, *(s * 10.0**-k for k in range(3, 13) for s in (1, -1))])
def test_a_stretched_arm_can_be_reached_and_left(network, branch, off):
    """On the boundary and next to it: solved, or rejected and projected, and left again."""
    for bearing in (0.0, 1.0, -2.5):
        ahead = np.array((np.cos(bearing), np.sin(bearing)))
        target, back = (REACH + off) * ahead, (REACH - 0.01) * ahead
        start = HybridSolver(ARM, network).solve(*back, (bearing, branch * 0.3))
        now = start.q
        solution = HybridSolver(ARM, network).solve(*target, now)
        projected = HybridSolver(ARM, network, NEAREST).solve(*target, now)
        inside = off <= 0.9e-9 * REACH
        assert solution.status == (Status.ACCEPTED if inside else Status.REJECTED)
        assert solution.reason == (Reason.NONE if inside else Reason.UNREACHABLE)
        assert projected.status == (Status.ACCEPTED if inside else Status.PROJECTED)
        edge = min(REACH + off, REACH) * ahead
        assert np.hypot(*(np.array(ARM.fk_point(*projected.q)) - edge)) <= 2e-9 * REACH
        assert projected.branch == branch
        returned = HybridSolver(ARM, network, KEEPING).solve(*back, projected.q)
        np.testing.assert_allclose(returned.q, now, atol=1e-6)


@pytest.mark.parametrize('seed', range(12))
def test_the_branch_is_kept_where_a_change_is_not_allowed(seed):
    arm = random_arm(seed).model
    rng = np.random.default_rng(seed)
    now = random_joints(arm, rng, 400)
    now = now[np.abs(arm.elbow_sine_batch(now)) > 1e-6]
    xy = rng.normal(0.0, 0.7 * arm.reach, now.shape)
    branch = np.sign(arm.elbow_sine_batch(now))
    for on_unreachable in ('reject', 'nearest'):
        config = SolverConfig(on_unreachable=on_unreachable, allow_branch_change=False)
        solver = HybridSolver(arm, None, config)
        many = solver.solve_batch(xy, now)
        answered = many.status != Status.REJECTED
        assert (many.branch[answered] == branch[answered]).all()
        assert answered.all() or on_unreachable == 'reject'
        free = HybridSolver(arm, None, replace(config, allow_branch_change=True))
        same = free.solve_batch(xy, now)
        kept = (same.branch == branch) & (same.status == Status.ACCEPTED)
        assert (kept == (many.status == Status.ACCEPTED)).all()
        for i in range(0, len(xy), 10):
            one = solver.solve(*xy[i].tolist(), tuple(now[i].tolist()))
            assert (one.status, one.branch) == (many.status[i], many.branch[i])
            assert one.reason == many.reason[i]


def test_a_straight_arm_may_move_to_either_branch():
    """It is on neither: moving to the one that the limits allow is no change."""
    x, y = ARM.fk_point(0.5, 1.5)
    for branch in (1, -1):
        bounds = sorted((-branch * 0.3, branch * 2.6))  # on the other branch, too little bend
        arm = replace(ARM, lower=(-2.9, bounds[0]), upper=(2.9, bounds[1]))
        solver = HybridSolver(arm, None, KEEPING)
        assert solver.solve(x, y, (0.0, 0.0)).branch == branch
        assert solver.solve_batch([[x, y]], (0.0, 0.0)).branch[0] == branch
        assert solver.solve(x, y, (0.0, -branch * 0.1)).reason == Reason.JOINT_LIMITS


@each_branch
@pytest.mark.parametrize('config', [KEEPING, KEEPING_NEAREST], ids=['reject', 'nearest'])
def test_an_arm_past_the_limit_of_its_only_branch_returns_to_it(branch, config):
    bounds = sorted((0.0, branch * 2.6))
    arm = replace(ARM, lower=(-2.9, bounds[0]), upper=(2.9, bounds[1]))
    solver = HybridSolver(arm, None, config)
    for now in ((0.0, -branch * 0.05), (0.0, 0.0)):
        assert solver.solve(0.3, 0.1, now).branch == branch
        assert solver.solve_batch([[0.3, 0.1]], now).branch[0] == branch
