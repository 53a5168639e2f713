"""The tip goes straight where it can, within all limits; elsewhere there is no line."""

from functools import cache, partial
from math import cos, pi, sin

import numpy as np
import pytest
from arms import random_arm, random_joints
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ik_nn_ros.arm.calibrated import CalibratedArm, FourierTerm
from ik_nn_ros.arm.model import TWO_PI, ArmModel
from ik_nn_ros.trajectory.cartesian_line import trace_tip_line
from ik_nn_ros.trajectory.cartesian_motion import plan_cartesian_motion
from ik_nn_ros.trajectory.online_generator import (
    KinematicState,
    MotionLimits,
    OnlineTrajectoryGenerator,
)

build = partial(ArmModel, joint_names=('a', 'b'), max_velocity=(3.0, 3.0))
FREE = build('free', lengths=(0.3, 0.2))
LIMITED = build('limited', lengths=(0.3, 0.2), lower=(-2.9, -2.9), upper=(2.9, 2.9))
EQUAL = build('equal', lengths=(0.25, 0.25))
AS_BUILT = CalibratedArm(
    'as built',
    ('a', 'b'),
    (0.3, 0.2),
    residual=(
        FourierTerm(0, 1, 0.004 + 0.001j),
        FourierTerm(2, 1, 0.002j),
        FourierTerm(-1, 0, 0.0005),
    ),
)
GENTLE = MotionLimits((3.0, 3.0), (5.0, 5.0), (50.0, 50.0))
USUAL = MotionLimits((3.0, 3.0), (10.0, 10.0), (100.0, 100.0))
UNLIKE = MotionLimits((3.0, 1.5), (20.0, 6.0), (400.0, 60.0))
STILL = (0.0, 0.0)
LIMITS = st.sampled_from([GENTLE, USUAL, UNLIKE])
seeds = st.integers(0, 2**32 - 1)


def at_rest(q):
    return KinematicState(tuple(map(float, q)), STILL, STILL)


def sampled(way, period=0.002):
    """Positions, velocities, accelerations (N, 2) along a way and a bit beyond its end."""
    times = np.arange(0.0, way.duration + 3 * period, period)
    return tuple(np.array([way.at(time) for time in times.tolist()]).transpose(1, 0, 2))


def assert_within(way, limits, arm):
    for period in (0.002, 0.01):
        q, v, a = sampled(way, period)
        assert (q >= np.array(arm.lower) - 1e-9).all()
        assert (q <= np.array(arm.upper) + 1e-9).all()
        assert (np.abs(v) <= np.array(limits.velocity) * (1 + 1e-9)).all()
        assert (np.abs(a) <= np.array(limits.acceleration) * (1 + 1e-9)).all()
        # A derivative's limit bounds the difference between samples; it is the derivative, too.
        for lower, limit in ((q, limits.velocity), (v, limits.acceleration), (a, limits.jerk)):
            assert (np.abs(np.diff(lower, axis=0)) <= np.array(limit) * period * (1 + 1e-6)).all()
        for lower, upper, third in ((q, v, limits.acceleration), (v, a, limits.jerk)):
            error = np.diff(lower, axis=0) / period - (upper[1:] + upper[:-1]) / 2
            assert (np.abs(error) <= period * np.array(third)).all()


def assert_joins(way, start, goal):
    np.testing.assert_allclose(way.at(0.0), start, atol=1e-9)
    q, v, a = way.at(way.duration - 1e-9)
    np.testing.assert_allclose(q, goal, atol=1e-9)
    np.testing.assert_allclose((v, a), 0.0, atol=1e-5)
    assert way.at(way.duration) == way.at(way.duration + 9.0) == (goal, STILL, STILL)


def off_line(arm, q, start, goal):
    """How far (parts of reach) the tip is beside the line and behind where it was, at most."""
    begin, end = arm.fk(start), arm.fk(goal)
    along = (end - begin) / np.hypot(*(end - begin))
    tip = arm.fk(q) - begin
    beside = np.abs(tip @ (-along[1], along[0])).max()
    return np.array((beside, -min(np.diff(tip @ along).min(), 0.0))) / arm.reach


def assert_straight(arm, start, goal, limits):
    way = plan_cartesian_motion(arm, at_rest(start), goal, limits)
    assert way is not None
    assert_joins(way, at_rest(start), goal)
    assert_within(way, limits, arm)
    assert (off_line(arm, sampled(way)[0], start, goal) <= 1e-6).all()
    return way


def quickest(start, goal, limits):
    return OnlineTrajectoryGenerator(limits, start).plan_to(goal).duration


def followed(arm, start, x, y, branch=1, count=4000):
    """
    Joints on the straight line from joints to a point, by inverse kinematics.

    :return: where they end, rad; how far off a line or the limits they are, relative or rad; and
        how far they jump, rad, at most
    """
    points = np.linspace(arm.fk(start), (x, y), count)
    side = np.full(count, branch, dtype=np.int8)
    q = arm.closed_form_batch(points, side, np.array(start))
    error = np.hypot(*(arm.fk(q) - points).T).max() / arm.reach
    q = np.unwrap(np.vstack([start, q]), axis=0)
    outside = np.maximum(np.subtract(arm.lower, q), np.subtract(q, arm.upper)).max()
    return tuple(q[-1].tolist()), max(error, outside), np.abs(np.diff(q, axis=0)).max()


@cache
def arm_of(number):
    return LIMITED if number == 0 else random_arm(number).model


@settings(max_examples=120, deadline=None)
@given(number=st.integers(0, 12), seed=seeds, limits=LIMITS)
def test_is_found_where_inverse_kinematics_finds_one_and_only_there(number, seed, limits):
    """Any mounting, signs, offsets, limits: straight, within all limits, to the very goal."""
    arm = arm_of(number)
    start, other = map(tuple, random_joints(arm, np.random.default_rng(seed), 2).tolist())
    branch = arm.branch_of(start)
    x, y = arm.fk_point(*other)
    goal = arm.closed_form(x, y, branch, start)
    error = np.hypot(*(arm.fk(goal) - (x, y))) / arm.reach
    assume(error < 1e-9 and arm.branch_of(goal) == branch)
    end, error, jump = followed(arm, start, x, y, branch)
    arrives = np.allclose(end, goal, atol=1e-6)
    if arrives and error < 1e-9 and jump < 0.05:
        assert_straight(arm, start, goal, limits)
    elif not arrives or error > 1e-3 or jump > 1.0:
        assert plan_cartesian_motion(arm, at_rest(start), goal, limits) is None


@pytest.mark.parametrize('limits', [GENTLE, USUAL, UNLIKE])
def test_uses_the_limits_it_has(limits):
    """It takes no longer than it must: some limit is reached, and most of the time all but."""
    way = assert_straight(LIMITED, (-1.0, 1.2), (1.0, 1.5), limits)
    _, v, a = sampled(way)
    assert way.required_stretch(limits) == pytest.approx(1.0)
    used = np.maximum(np.abs(v) / limits.velocity, np.abs(a) / limits.acceleration).max(axis=1)
    assert np.median(used) > 0.7


@pytest.mark.parametrize('distance', [0.1, 1e-2, 1e-3, 1e-4, 1e-6, 1e-8])
@pytest.mark.parametrize(
    ('arm', 'half'), [(EQUAL, 0.3), (FREE, 0.25)], ids=['past the base', 'past the hole']
)
def test_slows_down_and_goes_on_past_a_singularity(arm, half, distance):
    """The tip all but stands while joint 1 turns by half a turn, but the joints go on."""
    y = arm.inner_reach + distance
    start = arm.closed_form(-half, y, 1, (2.0, 1.0))
    # So near to the base that samples jump, the turn of joint 1 is known all the same.
    goal = arm.closed_form(half, y, 1, (start[0] - 2.5, start[1]))
    way = assert_straight(arm, start, goal, USUAL)
    assert way.duration < 3.3 * quickest(start, goal, USUAL)
    _, v, a = sampled(way)
    used = np.maximum(np.abs(v) / USUAL.velocity, np.abs(a) / USUAL.acceleration).max(axis=1)
    assert np.median(used) > 0.75
    assert np.mean(np.abs(v).max(axis=1) < 0.03 * 3.0) < 0.2  # it hardly ever stands


@pytest.mark.parametrize(
    ('start', 'goal'),
    [
        ((0.0, 1.0), FREE.closed_form(0.5 * cos(0.3), 0.5 * sin(0.3), 1, (0.0, 1.0))),
        ((0.0, -1.0), (0.3, 0.0)),
        ((0.3, 0.0), (1.0, 1.5)),
        ((0.3, 0.0), (1.0, -1.5)),
        ((0.3, 0.0), (1.3, 0.0)),
        ((0.3, -1e-9), (1.0, 1.5)),
        ((0.0, 1.0), (0.3, pi)),
        ((0.3, pi), (0.0, 1.0)),
        ((0.0, 1.0), (0.0, 1.0 + 1e-6)),
    ],
    ids=[
        'to stretched',
        'to stretched, other side',
        'from stretched',
        'from stretched, other side',
        'stretched to stretched',
        'from all but stretched, of the other side',
        'to folded',
        'from folded',
        'a micrometre',
    ],
)
def test_begins_and_ends_at_the_edge_without_stopping_before(start, goal):
    way = assert_straight(FREE, start, goal, USUAL)
    assert way.duration < 3.0 * quickest(start, goal, USUAL)


@pytest.mark.parametrize(
    ('arm', 'start', 'goal'),
    [
        (FREE, (0.0, 1.0), FREE.closed_form(-0.3, -0.2, 1, (0.0, 1.0))),
        (FREE, (0.0, 1.0), (0.0, -1.0)),
        (FREE, (0.0, 1.0), (0.5 + TWO_PI, 1.3)),
        (FREE, (0.0, 1.0), (0.0, 1.0)),
        (EQUAL, *((EQUAL.closed_form(x, 0.0, 1, (0.6 - 5.0 * x, 1.8))) for x in (-0.3, 0.3))),
        (LIMITED, (2.8, 0.5), (-2.8, 0.5)),
        (build('low', lengths=(0.3, 0.2), upper=(3, 1.5)), (-1.0, 1.2), (1.0, 1.2)),
        (LIMITED, (2.91, 0.5), (2.0, 0.5)),
        (FREE, (0.3, -0.05), (1.0, 1.5)),
    ],
    ids=['hole', 'branch', 'turn', 'nowhere', 'base', 'behind', 'limit', 'outside', 'bent off'],
)
def test_there_is_none_where_the_joints_cannot_follow(arm, start, goal):
    assert trace_tip_line(arm, start, goal) is None
    assert plan_cartesian_motion(arm, at_rest(start), goal, USUAL) is None


def test_is_straight_for_the_arm_as_built():
    """Where rigid links would have the tip is millimetres off."""
    assert_straight(AS_BUILT, (0.0, 1.0), (1.0, 2.0), USUAL)
    assert np.abs(FREE.fk((1.0, 2.0)) - AS_BUILT.fk((1.0, 2.0))).max() > 1e-3


def test_rounding_is_no_motion():
    """A motion that came to rest may leave a velocity of 1e-17."""
    start = KinematicState((0.0, 1.0), (1e-12, 0.0), (0.0, -1e-11))
    way = plan_cartesian_motion(FREE, start, (1.0, 2.0), USUAL)
    assert (off_line(FREE, sampled(way)[0], (0.0, 1.0), (1.0, 2.0)) <= 1e-6).all()
    assert (
        way.duration == plan_cartesian_motion(FREE, at_rest((0.0, 1.0)), (1.0, 2.0), USUAL).duration
    )


def test_positions_are_those_of_the_states():
    way = plan_cartesian_motion(FREE, at_rest((0.0, 1.0)), (1.0, 2.0), USUAL)
    positions = way.positions(0.0123)
    times = np.linspace(0.0, way.duration, len(positions))
    assert times[1] <= 0.0123
    np.testing.assert_allclose(
        positions, [way.at(time).position for time in times.tolist()], atol=1e-12
    )


# Joints that move.


edge = st.one_of(st.floats(0.0, 1.0), st.sampled_from([0.0, 1.0]))
places = st.tuples(edge, edge).map(lambda u: (-2.9 + 5.8 * u[0], 0.2 + 2.7 * u[1]))


@settings(max_examples=300, deadline=None)
@given(first=places, second=places, goal=places, part=st.floats(0.02, 0.98), limits=LIMITS)
def test_bends_from_any_motion_within_the_limits(first, second, goal, part, limits):
    """Also next to the limits of the joints, which the rest that is braked must not cross."""
    old = OnlineTrajectoryGenerator(limits, first).plan_to(second)
    start = old.at(part * old.duration)
    way = plan_cartesian_motion(LIMITED, start, goal, limits)
    if way is not None:
        assert_joins(way, start, goal)
        assert_within(way, limits, LIMITED)


@pytest.mark.parametrize(
    ('first', 'second', 'goal', 'time'),
    [
        ((0.0, 1.0), (2.9, 1.0), (1.5, 1.5), 1.0),
        ((-0.3045, 1.8575), (-2.9, 0.9233), (-2.9, 1.437), 0.78),
    ],
    ids=['the line begins outside', 'only the sum is outside'],
)
def test_the_rest_that_is_braked_stays_inside(first, second, goal, time):
    """The joint comes to rest at its limit if it brakes with all it has: not with less."""
    start = OnlineTrajectoryGenerator(USUAL, first).plan_to(second).at(time)
    unlimited = sampled(plan_cartesian_motion(FREE, start, goal, USUAL))[0]
    assert np.abs(unlimited[:, 0]).max() > 2.905
    assert plan_cartesian_motion(LIMITED, start, goal, USUAL) is None


def under_way(limits):
    """The joints a third of the time into a motion."""
    way = plan_cartesian_motion(LIMITED, at_rest((-1.0, 1.2)), (1.0, 1.5), limits)
    return way.at(0.35 * way.duration)


@pytest.mark.parametrize('limits', [GENTLE, USUAL, UNLIKE])
@pytest.mark.parametrize('goal', [(1.2, 1.2), (1.4, 0.8), (1.5, 1.0)])
def test_a_new_goal_bends_the_motion_instead_of_restarting_it(limits, goal):
    start = under_way(limits)
    way = plan_cartesian_motion(LIMITED, start, goal, limits)
    stop = OnlineTrajectoryGenerator(limits, start.position).plan_stop(start)
    end = stop.at(stop.duration).position
    restarted = plan_cartesian_motion(LIMITED, at_rest(end), goal, limits)
    assert way.duration < 0.9 * (stop.duration + restarted.duration)
    q, v, _ = sampled(way)
    on_line = q[round(0.6 * len(q)) :]
    assert (off_line(LIMITED, on_line, on_line[0], goal) <= 1e-6).all()
    # The tip goes on while it bends.
    speed = np.hypot(*np.einsum('nij,nj->ni', LIMITED.jacobian(q), v).T)
    assert speed[: len(speed) // 2].min() > 0.3 * speed.max()


def test_the_motion_of_the_joints_can_follow_it():
    """As another does: from goal to goal, and brake on it."""
    motion = OnlineTrajectoryGenerator(USUAL, (-1.0, 1.2))
    for goal, steps in (((1.0, 1.5), 60), ((1.5, 1.0), 300)):
        way = plan_cartesian_motion(LIMITED, motion.state, goal, USUAL)
        motion.follow(way)
        for _ in range(steps):
            motion.step(0.01)
    assert motion.at_rest
    assert motion.position == (1.5, 1.0)


@pytest.mark.parametrize('limits', [GENTLE, USUAL])
@pytest.mark.parametrize(
    ('path', 'speed'),
    [
        (lambda s: (0.3 + 0.08 * cos(s / 0.08), 0.1 + 0.08 * sin(s / 0.08)), 0.1),
        (lambda s: (0.3 + 0.08 * cos(s / 0.08), 0.1 + 0.08 * sin(s / 0.08)), 0.3),
        (lambda s: (0.3, -0.15 + s), 0.3),
        (lambda s: (0.5 * cos(s / 0.5), 0.5 * sin(s / 0.5)), 0.2),
        (lambda s: (0.2 + min(s, 0.15), max(s - 0.15, 0.0)), 0.4),
    ],
    ids=['circle', 'fast circle', 'line', 'edge', 'fast corner'],
)
def test_follows_goals_that_keep_coming_and_comes_to_rest_at_the_last(path, speed, limits):
    """Where there is no line, or it is not worth it, the joints go their quickest way."""
    ahead, period = 1.2, 0.02
    state = at_rest(FREE.closed_form(*path(0.0), 1, (0.0, 1.0)))
    tips = []
    for number in range(round((ahead + 1.2) / period)):
        x, y = path(speed * min(number * period, ahead))
        goal = FREE.closed_form(x, y, 1, state.position)
        way = plan_cartesian_motion(FREE, state, goal, limits)
        if way is None:
            way = OnlineTrajectoryGenerator(limits, state.position).plan_to(goal, state)
        state = way.at(period)
        tips.append((*FREE.fk_point(*state.position), x, y))
    tips = np.array(tips)
    lag = np.hypot(*(tips[:, :2] - tips[:, 2:]).T)
    assert lag.max() < 0.13 * (speed / 0.3 if limits is GENTLE else speed / 0.5) + 0.02
    assert lag[-1] < 1e-6
