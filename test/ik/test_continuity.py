"""Smooth target paths give smooth joint paths, on one branch while that can go on."""

from dataclasses import replace

import numpy as np
import pytest
from arms import random_arm, random_joints
from built_arms import calibration_of

from ik_nn_ros.arm.urdf import load_arm, read_description
from ik_nn_ros.files import share_directory
from ik_nn_ros.ik.acceptance import SolverConfig
from ik_nn_ros.ik.network import Network
from ik_nn_ros.ik.result import Reason, Status
from ik_nn_ros.ik.solver import HybridSolver

ARM = load_arm(read_description(share_directory() / 'urdf' / 'arm.urdf.xacro'))
FREE = replace(ARM, lower=(-np.inf, -np.inf), upper=(np.inf, np.inf))
BUILT = calibration_of(ARM, 3).apply(ARM)
FREE_BUILT = replace(BUILT, lower=FREE.lower, upper=FREE.upper)
NETWORK = Network(share_directory() / 'models' / 'arm.onnx', ARM)
REACH, INNER = ARM.reach, ARM.inner_reach
NEAREST = SolverConfig(on_unreachable='nearest')
KEEPING = SolverConfig(allow_branch_change=False)
KEEPING_NEAREST = replace(NEAREST, allow_branch_change=False)

with_and_without_network = pytest.mark.parametrize(
    'network', [NETWORK, None], ids=['network', 'closed form']
)
each_side = pytest.mark.parametrize('side', [1, -1])
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
    """The start is off every symmetry of the arm."""
    angle = 0.1 + np.linspace(0.0, 2.0 * np.pi * turns, count)
    return np.array(center) + radius * np.column_stack((np.cos(angle), np.sin(angle)))


def there_and_back(start, end, count=241):
    """The middle one of an odd count is the end."""
    way = 0.5 - 0.5 * np.cos(np.linspace(0.0, 2.0 * np.pi, count))
    return np.array(start) + way[:, None] * (np.array(end) - start)


def follow(solver, path, now):
    """The answers to targets one after the other, each solved from the joints of the last."""
    answers = []
    for x, y in path.tolist():
        answers.append(solver.solve(x, y, now))
        now = answers[-1].q or now
    return answers


def start_of(arm, path, side):
    """Joints from which the first target is solved on that branch."""
    return arm.clip((arm.closed_form(*path[0], side, (0.0, 0.0))[0], side * 0.5))


def excess(arm, path, q):
    """
    How much further (rad) the joints go from target to target than the tip's way allows.

    With δ the tip's step, the elbow's cosine changes by at most u = R δ / (L1 L2): the root of it
    is the most the elbow can turn, at the stretched arm; elsewhere u / sin θ2 bounds it.
    """
    l1, l2 = arm.lengths
    step = np.hypot(*np.diff(path, axis=0).T) + 4e-9 * arm.reach  # both ends to the tolerance
    u = (l1 + l2) * step / (l1 * l2)
    sine = np.abs(np.sin(arm.signs[1] * q[:, 1] + arm.offsets[1]))
    least = np.minimum(sine[1:], sine[:-1])
    root = 2.0 * np.arcsin(np.minimum(1.0, np.sqrt(u / 2.0)))
    elbow = np.minimum(root, 1.5 * u / np.maximum(least, 1e-9))
    r = np.hypot(*path.T)
    shoulder = 2.0 * step / np.minimum(r[1:], r[:-1]) + elbow * l2 / abs(l1 - l2)
    moved = np.abs(np.diff(q, axis=0))
    return np.maximum(moved[:, 0] - shoulder, moved[:, 1] - elbow).max()


def joints(answers):
    return np.array([answer.q for answer in answers])


def require_smooth(arm, path, answers, side):
    assert all(answer.status == Status.ACCEPTED for answer in answers)
    assert all(answer.branch == side for answer in answers)
    assert excess(arm, path, joints(answers)) <= 0.0


@each_side
@with_and_without_network
@pytest.mark.parametrize('turns', [3, -3])
@pytest.mark.parametrize('radius', [0.4, INNER + 1e-4, REACH - 1e-4])
def test_circles_around_the_base_go_on_turn_after_turn(network, side, turns, radius):
    path = circle(radius, turns)
    answers = follow(HybridSolver(FREE, network), path, start_of(FREE, path, side))
    require_smooth(FREE, path, answers, side)
    first, last = joints(answers)[[0, -1]]
    np.testing.assert_allclose(last - first, (2.0 * np.pi * turns, 0.0), atol=1e-3)


@each_side
@with_and_without_network
@pytest.mark.parametrize('off', [0.0, 1e-12, -1e-12, 1e-10, -1e-9, -1e-6, -1e-3])
@pytest.mark.parametrize('edge', [REACH, INNER])
def test_along_the_edge_the_branch_is_not_left_to_rounding(network, side, off, edge):
    """``off`` is to the outside, at most the tolerance of a stretched arm's answer."""
    path = circle(edge + (off if edge == REACH else -off), 1, count=120)
    solver, now = HybridSolver(FREE, network), start_of(FREE, path, side)
    answers = follow(solver, path, now)
    require_smooth(FREE, path, answers, side)
    for q in (joints(answers), solver.solve_batch(path, now).q):
        assert (side * FREE.elbow_sine_batch(q) > 1e-6).all()


@each_side
@with_and_without_network
@pytest.mark.parametrize('beyond', [-1e-3, -1e-6, -1e-12, 0.0, 1e-12, 1e-10])
@pytest.mark.parametrize('bearing', [0.0, 2.0, np.pi])
def test_through_the_stretched_arm_and_back(network, side, beyond, bearing):
    ahead = np.array((np.cos(bearing), np.sin(bearing)))
    path = there_and_back(0.3 * ahead, (REACH + beyond) * ahead)
    answers = follow(HybridSolver(FREE, network), path, start_of(FREE, path, side))
    require_smooth(FREE, path, answers, side)


@each_side
@FREE_ARMS
@pytest.mark.parametrize('beyond', [1e-5, 1e-3, 0.4])
def test_dragged_out_over_the_edge_the_arm_comes_back_on_its_branch(arm, network, side, beyond):
    """Straight out, aslant, and into the hole in the middle."""
    for start, end in (
        ((0.3, 0.1), (REACH + beyond) * np.array((0.8, 0.6))),
        ((0.1, -0.4), (0.1 + beyond, -REACH - beyond)),
        ((0.3, 0.1), (0.02, min(beyond, 0.05))),
    ):
        path = there_and_back(start, end, 41)
        now = HybridSolver(arm).solve(*path[0], (0.0, side * 1.0)).q
        refusing = follow(HybridSolver(arm, network), path, now)
        sliding = follow(HybridSolver(arm, network, NEAREST), path, now)
        assert any(answer.status == Status.REJECTED for answer in refusing)
        for answer, slid in zip(refusing, sliding, strict=True):
            reached = answer.status == Status.ACCEPTED
            assert slid.status == (Status.ACCEPTED if reached else Status.PROJECTED)
            assert slid.branch == side == (answer.branch or side)
        assert (side * arm.elbow_sine_batch(joints(sliding)) > 1e-6).all()


@each_side
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
def test_dragged_outside_the_tip_slides_along_the_edge(arm, network, side, path):
    now = HybridSolver(arm, None, NEAREST).solve(*path[0], (0.0, side * 1.0)).q
    answers = follow(HybridSolver(arm, network, NEAREST), path, now)
    assert any(answer.status == Status.PROJECTED for answer in answers)
    assert all(answer.branch == side for answer in answers)
    way = np.hypot(*np.diff(arm.fk(joints(answers)), axis=0).T)
    r = np.hypot(*path.T)
    # On a circle the foot of a point further in goes further than the point.
    wider = np.maximum(1.0, INNER / np.minimum(r[1:], r[:-1]))
    assert (way <= 1.3 * wider * np.hypot(*np.diff(path, axis=0).T)).all()


@each_side
@with_and_without_network
def test_across_the_negative_x_axis(network, side):
    """Continuous joints take the short way over ±π; limited ones go on past it."""
    path = there_and_back((-0.35, 0.2), (-0.35, -0.2))
    far = replace(ARM, lower=(-4.5, -2.6), upper=(4.5, 2.6))
    for arm in (FREE, far):
        solver = HybridSolver(arm, network)
        require_smooth(arm, path, follow(solver, path, start_of(arm, path, side)), side)


@each_side
def test_limited_joints_follow_a_circle_to_the_limit_and_are_refused_there(side):
    path = circle(0.4, side * 1.0, count=1000)
    answers = follow(HybridSolver(ARM, NETWORK, KEEPING), path, start_of(ARM, path, side))
    refused = [answer.status == Status.REJECTED for answer in answers]
    first = refused.index(True)
    require_smooth(ARM, path[:first], answers[:first], side)
    assert 2.89 < side * answers[first - 1].q[0] <= 2.9
    again = first + refused[first:].index(False)
    assert all(answer.reason == Reason.JOINT_LIMITS for answer in answers[first:again])
    assert not any(refused[again:])  # from the other end of the joint's range
    require_smooth(ARM, path[again:], answers[again:], side)


@each_side
@LIMITED_ARMS
@pytest.mark.parametrize('radius', [0.05, 0.4, REACH, 0.7])
def test_dragged_round_behind_the_base_the_arm_changes_over_once(arm, network, side, radius):
    """Where joint 1 has to swing round; before and after, the tip slides."""
    path = circle(radius, 1, count=140)
    solver = HybridSolver(arm, network, KEEPING_NEAREST)
    answers = follow(solver, path, solver.solve(*path[0], (0.0, side * 1.0)).q)
    assert all(answer.branch == side for answer in answers)
    way = np.hypot(*np.diff(arm.fk(joints(answers)), axis=0).T)
    step = np.hypot(*np.diff(path, axis=0).T)
    swings = np.flatnonzero(np.abs(np.diff(joints(answers)[:, 0])) > 1.0)
    assert len(swings) == 1
    # In the hole the foot goes further than the target.
    jumps = np.flatnonzero(way > 3.0 * max(1.0, 0.5 * REACH / radius) * step)
    assert set(jumps) <= set(swings)


def hovering(point, rng, count):
    return np.array(point) + rng.normal(0.0, 1e-4, (count, 2))


@each_side
@LIMITED_ARMS
@pytest.mark.parametrize('config', [SolverConfig(), NEAREST], ids=['reject', 'nearest'])
def test_a_target_that_hovers_where_the_branch_ends_changes_it_once(arm, network, side, config):
    rng = np.random.default_rng(0)
    solver = HybridSolver(arm, network, config)
    changes = 0
    for q2 in np.linspace(0.8, 2.5, 6):
        limit = (side * 2.9, side * q2)
        path = hovering(arm.fk_point(*limit), rng, 30)
        branches = np.array([answer.branch for answer in follow(solver, path, limit)])
        assert (branches != 0).all()
        assert np.count_nonzero(np.diff(branches)) <= 1
        changes += branches[-1] != side
    assert changes > 3


def between_two_places(solver, side, radius):
    """A point behind the base from which two places on the edge of a branch are equally far."""
    gap = (
        np.pi if radius > INNER else side * (np.pi + 0.68)
    )  # in the hole the elbow is at its limit
    low, high = gap - 0.2, gap + 0.2
    for _ in range(20):
        middle = 0.5 * (low + high)
        point = radius * np.array((np.cos(middle), np.sin(middle)))
        nearest = solver.solve(*point, (0.0, side * 1.0)).point  # seen from neither place
        clockwise = point[0] * nearest[1] - point[1] * nearest[0] < 0.0
        low, high = (middle, high) if clockwise else (low, middle)
    return point


@each_side
@LIMITED_ARMS
def test_a_target_that_hovers_between_two_places_on_the_edge_leaves_the_arm_at_one(
    arm, network, side
):
    rng = np.random.default_rng(1)
    solver = HybridSolver(arm, network, KEEPING_NEAREST)
    for radius in (0.05, 0.6, 3.0):
        path = hovering(between_two_places(solver, side, radius), rng, 12)
        for start in (2.8, -2.8):
            now = (start, side * (2.5 if radius < INNER else 0.3))
            answers = follow(solver, path, now)
            assert all(answer.status == Status.PROJECTED for answer in answers)
            q = np.vstack((now, joints(answers)))
            assert np.abs(np.diff(q, axis=0)).max() < 1.0
        for start in (0.3, -0.3):  # on its way to one of them
            q = solver.solve_batch(path, (start, side * 1.0)).q
            assert (np.sign(q[:, 0]) == np.sign(start)).all()


@each_side
def test_an_arm_as_built_goes_back_to_the_outer_edge_without_delay(side):
    """Where its edge with joint 1 at the limit runs into it, next to the straight arm."""
    bearing = np.linspace(-2.9, -2.65, 180)
    path = np.column_stack((np.cos(bearing), side * np.sin(bearing))) * REACH
    solver = HybridSolver(BUILT, None, KEEPING_NEAREST)
    now = solver.solve(*path[0], (side * -2.8, side * 0.05)).q
    way = np.hypot(*np.diff(BUILT.fk(joints(follow(solver, path, now))), axis=0).T)
    assert (way < 1.15 * np.hypot(*np.diff(path, axis=0).T)).all()


@with_and_without_network
@each_side
@pytest.mark.parametrize('off', [0.0, *(s * 10.0**-k for k in range(3, 13) for s in (1, -1))])
def test_the_stretched_arm_is_no_dead_stop(network, side, off):
    """On the edge and next to it: solved, or refused and slid to, and left again."""
    for bearing in (0.0, 1.0, -2.5):
        ahead = np.array((np.cos(bearing), np.sin(bearing)))
        target, back = (REACH + off) * ahead, (REACH - 0.01) * ahead
        start = HybridSolver(ARM, network).solve(*back, (bearing, side * 0.3))
        now = start.q
        answer = HybridSolver(ARM, network).solve(*target, now)
        slid = HybridSolver(ARM, network, NEAREST).solve(*target, now)
        inside = off <= 0.9e-9 * REACH
        assert answer.status == (Status.ACCEPTED if inside else Status.REJECTED)
        assert answer.reason == (Reason.NONE if inside else Reason.UNREACHABLE)
        assert slid.status == (Status.ACCEPTED if inside else Status.PROJECTED)
        edge = min(REACH + off, REACH) * ahead
        assert np.hypot(*(np.array(ARM.fk_point(*slid.q)) - edge)) <= 2e-9 * REACH
        assert slid.branch == side
        left = HybridSolver(ARM, network, KEEPING).solve(*back, slid.q)
        np.testing.assert_allclose(left.q, now, atol=1e-6)


@pytest.mark.parametrize('seed', range(12))
def test_the_branch_is_kept_to_where_it_may_not_change(seed):
    arm = random_arm(seed).model
    rng = np.random.default_rng(seed)
    now = random_joints(arm, rng, 400)
    now = now[np.abs(arm.elbow_sine_batch(now)) > 1e-6]
    xy = rng.normal(0.0, 0.7 * arm.reach, now.shape)
    side = np.sign(arm.elbow_sine_batch(now))
    for on_unreachable in ('reject', 'nearest'):
        config = SolverConfig(on_unreachable=on_unreachable, allow_branch_change=False)
        solver = HybridSolver(arm, None, config)
        many = solver.solve_batch(xy, now)
        answered = many.status != Status.REJECTED
        assert (many.branch[answered] == side[answered]).all()
        assert answered.all() or on_unreachable == 'reject'
        free = HybridSolver(arm, None, replace(config, allow_branch_change=True))
        same = free.solve_batch(xy, now)
        kept = (same.branch == side) & (same.status == Status.ACCEPTED)
        assert (kept == (many.status == Status.ACCEPTED)).all()
        for i in range(0, len(xy), 10):
            one = solver.solve(*xy[i].tolist(), tuple(now[i].tolist()))
            assert (one.status, one.branch) == (many.status[i], many.branch[i])
            assert one.reason == many.reason[i]


def test_a_straight_arm_may_go_to_either_branch():
    """It is on neither: going to where the limits allow is no change."""
    x, y = ARM.fk_point(0.5, 1.5)
    for side in (1, -1):
        bounds = sorted((-side * 0.3, side * 2.6))  # on the other side, too little bend
        arm = replace(ARM, lower=(-2.9, bounds[0]), upper=(2.9, bounds[1]))
        solver = HybridSolver(arm, None, KEEPING)
        assert solver.solve(x, y, (0.0, 0.0)).branch == side
        assert solver.solve_batch([[x, y]], (0.0, 0.0)).branch[0] == side
        assert solver.solve(x, y, (0.0, -side * 0.1)).reason == Reason.JOINT_LIMITS


@each_side
@pytest.mark.parametrize('config', [KEEPING, KEEPING_NEAREST], ids=['reject', 'nearest'])
def test_an_arm_that_stands_past_a_limit_on_a_side_it_does_not_have_comes_back(side, config):
    bounds = sorted((0.0, side * 2.6))
    arm = replace(ARM, lower=(-2.9, bounds[0]), upper=(2.9, bounds[1]))
    solver = HybridSolver(arm, None, config)
    for now in ((0.0, -side * 0.05), (0.0, 0.0)):
        assert solver.solve(0.3, 0.1, now).branch == side
        assert solver.solve_batch([[0.3, 0.1]], now).branch[0] == side
