"""Cartesian motions are straight and within all limits; elsewhere no motion is returned."""

from functools import cache, partial
from math import cos, pi, sin

import numpy as np
import pytest
from arms import random_arm, random_joints
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ik_nn_ros.arm.calibrated import CalibratedArm, FourierTerm
from ik_nn_ros.arm.geometry import TWO_PI
from ik_nn_ros.arm.model import ArmModel
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
CALIBRATED = CalibratedArm(
    'calibrated',
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
STANDSTILL = (0.0, 0.0)
LIMITS = st.sampled_from([GENTLE, USUAL, UNLIKE])
seeds = st.integers(0, 2**32 - 1)


def standing(q):
    return KinematicState(tuple(map(float, q)), STANDSTILL, STANDSTILL)


def sampled(motion, period=0.002):
    """Return positions, velocities, accelerations (N, 2) until shortly after the end."""
    times = np.arange(0.0, motion.duration + 3 * period, period)
    return tuple(np.array([motion.at(time) for time in times.tolist()]).transpose(1, 0, 2))


def assert_within(motion, limits, arm):
    for period in (0.002, 0.01):
        q, v, a = sampled(motion, period)
        assert (q >= np.array(arm.lower) - 1e-9).all()
        assert (q <= np.array(arm.upper) + 1e-9).all()
        assert (np.abs(v) <= np.array(limits.velocity) * (1 + 1e-9)).all()
        assert (np.abs(a) <= np.array(limits.acceleration) * (1 + 1e-9)).all()
        # A limit bounds the differences between samples; and each value is the derivative below.
        for lower, limit in ((q, limits.velocity), (v, limits.acceleration), (a, limits.jerk)):
            assert (np.abs(np.diff(lower, axis=0)) <= np.array(limit) * period * (1 + 1e-6)).all()
        for lower, upper, third in ((q, v, limits.acceleration), (v, a, limits.jerk)):
            error = np.diff(lower, axis=0) / period - (upper[1:] + upper[:-1]) / 2
            assert (np.abs(error) <= period * np.array(third)).all()


def assert_joins(motion, start, goal):
    np.testing.assert_allclose(motion.at(0.0), start, atol=1e-9)
    q, v, a = motion.at(motion.duration - 1e-9)
    np.testing.assert_allclose(q, goal, atol=1e-9)
    np.testing.assert_allclose((v, a), 0.0, atol=1e-5)
    assert (
        motion.at(motion.duration)
        == motion.at(motion.duration + 9.0)
        == (goal, STANDSTILL, STANDSTILL)
    )


def line_error(arm, q, start, goal):
    """Return the largest distance beside the line and the largest step back, in reaches."""
    begin, end = arm.fk(start), arm.fk(goal)
    direction = (end - begin) / np.hypot(*(end - begin))
    tip = arm.fk(q) - begin
    cross_track = np.abs(tip @ (-direction[1], direction[0])).max()
    return np.array((cross_track, -min(np.diff(tip @ direction).min(), 0.0))) / arm.reach


def assert_straight(arm, start, goal, limits):
    motion = plan_cartesian_motion(arm, standing(start), goal, limits)
    assert motion is not None
    assert_joins(motion, standing(start), goal)
    assert_within(motion, limits, arm)
    assert (line_error(arm, sampled(motion)[0], start, goal) <= 1e-6).all()
    return motion


def time_optimal_duration(start, goal, limits):
    return OnlineTrajectoryGenerator(limits, start).plan_to(goal).duration


def follow_by_ik(arm, start, x, y, branch=1, count=4000):
    """
    Follow the straight line from joint positions to a point by inverse kinematics.

    :return: the last positions, rad; the largest error, relative, or excess of a limit, rad; the
        largest jump, rad
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
def test_a_line_is_found_exactly_where_inverse_kinematics_finds_one(number, seed, limits):
    """For any mounting, signs, offsets and limits: straight, within all limits, to the goal."""
    arm = arm_of(number)
    start, other = map(tuple, random_joints(arm, np.random.default_rng(seed), 2).tolist())
    branch = arm.branch_of(start)
    x, y = arm.fk_point(*other)
    goal = arm.closed_form(x, y, branch, start)
    error = np.hypot(*(arm.fk(goal) - (x, y))) / arm.reach
    assume(error < 1e-9 and arm.branch_of(goal) == branch)
    end, error, jump = follow_by_ik(arm, start, x, y, branch)
    arrives = np.allclose(end, goal, atol=1e-6)
    if arrives and error < 1e-9 and jump < 0.05:
        assert_straight(arm, start, goal, limits)
    elif not arrives or error > 1e-3 or jump > 1.0:
        assert plan_cartesian_motion(arm, standing(start), goal, limits) is None


@pytest.mark.parametrize('limits', [GENTLE, USUAL, UNLIKE])
def test_a_cartesian_motion_uses_its_limits(limits):
    """Some limit is reached, and most of the time nearly reached."""
    motion = assert_straight(LIMITED, (-1.0, 1.2), (1.0, 1.5), limits)
    _, v, a = sampled(motion)
    assert motion.required_stretch(limits) == pytest.approx(1.0)
    used = np.maximum(np.abs(v) / limits.velocity, np.abs(a) / limits.acceleration).max(axis=1)
    assert np.median(used) > 0.7


@pytest.mark.parametrize('distance', [0.1, 1e-2, 1e-3, 1e-4, 1e-6, 1e-8])
@pytest.mark.parametrize(
    ('arm', 'half'), [(EQUAL, 0.3), (FREE, 0.25)], ids=['past the base', 'past the hole']
)
def test_a_motion_past_a_singularity_slows_the_tip_but_not_the_joints(arm, half, distance):
    """The tip nearly stands while joint 1 turns by half a turn."""
    y = arm.inner_reach + distance
    start = arm.closed_form(-half, y, 1, (2.0, 1.0))
    # Close to the base samples jump, but the turn of joint 1 is known.
    goal = arm.closed_form(half, y, 1, (start[0] - 2.5, start[1]))
    motion = assert_straight(arm, start, goal, USUAL)
    assert motion.duration < 3.3 * time_optimal_duration(start, goal, USUAL)
    _, v, a = sampled(motion)
    used = np.maximum(np.abs(v) / USUAL.velocity, np.abs(a) / USUAL.acceleration).max(axis=1)
    assert np.median(used) > 0.75
    assert np.mean(np.abs(v).max(axis=1) < 0.03 * 3.0) < 0.2  # it hardly ever stands still


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
        'from nearly stretched, other side',
        'to folded',
        'from folded',
        'a micrometre',
    ],
)
def test_a_line_may_start_and_end_at_the_edge_of_the_workspace(start, goal):
    motion = assert_straight(FREE, start, goal, USUAL)
    assert motion.duration < 3.0 * time_optimal_duration(start, goal, USUAL)


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
    ids=[
        'hole',
        'branch',
        'turn',
        'same tip',
        'base',
        'behind',
        'limit',
        'outside',
        'other branch',
    ],
)
def test_there_is_no_line_where_the_joints_cannot_follow(arm, start, goal):
    assert trace_tip_line(arm, start, goal) is None
    assert plan_cartesian_motion(arm, standing(start), goal, USUAL) is None


def test_the_line_is_straight_for_a_calibrated_arm():
    """With ideal links the tip would be millimetres off."""
    assert_straight(CALIBRATED, (0.0, 1.0), (1.0, 2.0), USUAL)
    assert np.abs(FREE.fk((1.0, 2.0)) - CALIBRATED.fk((1.0, 2.0))).max() > 1e-3


def test_rounding_counts_as_standstill():
    """After a motion a velocity of 1e-17 may remain."""
    start = KinematicState((0.0, 1.0), (1e-12, 0.0), (0.0, -1e-11))
    motion = plan_cartesian_motion(FREE, start, (1.0, 2.0), USUAL)
    assert (line_error(FREE, sampled(motion)[0], (0.0, 1.0), (1.0, 2.0)) <= 1e-6).all()
    assert (
        motion.duration
        == plan_cartesian_motion(FREE, standing((0.0, 1.0)), (1.0, 2.0), USUAL).duration
    )


def test_positions_are_those_of_the_states():
    motion = plan_cartesian_motion(FREE, standing((0.0, 1.0)), (1.0, 2.0), USUAL)
    positions = motion.positions(0.0123)
    times = np.linspace(0.0, motion.duration, len(positions))
    assert times[1] <= 0.0123
    np.testing.assert_allclose(
        positions, [motion.at(time).position for time in times.tolist()], atol=1e-12
    )


# Moving joints


edge = st.one_of(st.floats(0.0, 1.0), st.sampled_from([0.0, 1.0]))
positions = st.tuples(edge, edge).map(lambda u: (-2.9 + 5.8 * u[0], 0.2 + 2.7 * u[1]))


@settings(max_examples=300, deadline=None)
@given(
    first=positions, second=positions, goal=positions, fraction=st.floats(0.02, 0.98), limits=LIMITS
)
def test_merging_from_any_motion_keeps_the_limits(first, second, goal, fraction, limits):
    """Also next to joint limits, which the residual motion must not cross."""
    previous = OnlineTrajectoryGenerator(limits, first).plan_to(second)
    start = previous.at(fraction * previous.duration)
    motion = plan_cartesian_motion(LIMITED, start, goal, limits)
    if motion is not None:
        assert_joins(motion, start, goal)
        assert_within(motion, limits, LIMITED)


@pytest.mark.parametrize(
    ('first', 'second', 'goal', 'time'),
    [
        ((0.0, 1.0), (2.9, 1.0), (1.5, 1.5), 1.0),
        ((-0.3045, 1.8575), (-2.9, 0.9233), (-2.9, 1.437), 0.78),
    ],
    ids=['the line starts outside', 'only the sum is outside'],
)
def test_a_residual_motion_that_would_leave_the_limits_is_rejected(first, second, goal, time):
    """The joint stops at its limit only if it brakes with its full acceleration."""
    start = OnlineTrajectoryGenerator(USUAL, first).plan_to(second).at(time)
    unlimited = sampled(plan_cartesian_motion(FREE, start, goal, USUAL))[0]
    assert np.abs(unlimited[:, 0]).max() > 2.905
    assert plan_cartesian_motion(LIMITED, start, goal, USUAL) is None


def moving(limits):
    """Return the state a third of the time into a motion."""
    motion = plan_cartesian_motion(LIMITED, standing((-1.0, 1.2)), (1.0, 1.5), limits)
    return motion.at(0.35 * motion.duration)


@pytest.mark.parametrize('limits', [GENTLE, USUAL, UNLIKE])
@pytest.mark.parametrize('goal', [(1.2, 1.2), (1.4, 0.8), (1.5, 1.0)])
def test_a_new_goal_merges_the_motion_instead_of_restarting_it(limits, goal):
    start = moving(limits)
    motion = plan_cartesian_motion(LIMITED, start, goal, limits)
    stop = OnlineTrajectoryGenerator(limits, start.position).plan_stop(start)
    end = stop.at(stop.duration).position
    restarted = plan_cartesian_motion(LIMITED, standing(end), goal, limits)
    assert motion.duration < 0.9 * (stop.duration + restarted.duration)
    q, v, _ = sampled(motion)
    on_line = q[round(0.6 * len(q)) :]
    assert (line_error(LIMITED, on_line, on_line[0], goal) <= 1e-6).all()
    # The tip does not stop meanwhile.
    speed = np.hypot(*np.einsum('nij,nj->ni', LIMITED.jacobian(q), v).T)
    assert speed[: len(speed) // 2].min() > 0.3 * speed.max()


def test_a_generator_can_follow_cartesian_motions():
    generator = OnlineTrajectoryGenerator(USUAL, (-1.0, 1.2))
    for goal, steps in (((1.0, 1.5), 60), ((1.5, 1.0), 300)):
        generator.follow(plan_cartesian_motion(LIMITED, generator.state, goal, USUAL))
        for _ in range(steps):
            generator.step(0.01)
    assert generator.at_rest
    assert generator.position == (1.5, 1.0)


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
def test_a_stream_of_goals_is_followed_to_the_last_one(path, speed, limits):
    """Where there is no line, or it takes too long, the joints move time-optimally."""
    ahead, period = 1.2, 0.02
    state = standing(FREE.closed_form(*path(0.0), 1, (0.0, 1.0)))
    tips = []
    for number in range(round((ahead + 1.2) / period)):
        x, y = path(speed * min(number * period, ahead))
        goal = FREE.closed_form(x, y, 1, state.position)
        motion = plan_cartesian_motion(FREE, state, goal, limits)
        if motion is None:
            motion = OnlineTrajectoryGenerator(limits, state.position).plan_to(goal, state)
        state = motion.at(period)
        tips.append((*FREE.fk_point(*state.position), x, y))
    tips = np.array(tips)
    lag = np.hypot(*(tips[:, :2] - tips[:, 2:]).T)
    assert lag.max() < 0.13 * (speed / 0.3 if limits is GENTLE else speed / 0.5) + 0.02
    assert lag[-1] < 1e-6
