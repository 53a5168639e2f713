"""The online trajectory generator keeps its limits for any goals, and stops at the last one."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ik_nn_ros.errors import ConfigError
from ik_nn_ros.trajectory.online_generator import MotionLimits, OnlineTrajectoryGenerator

LIMITS = MotionLimits((3.0, 1.5), (20.0, 6.0), (400.0, 60.0))
LOWER, UPPER = np.array([-2.9, -1.0]), np.array([2.9, 2.6])
PERIOD = 0.01

unit = st.floats(0.0, 1.0)
# At the limits themselves a motion that brakes too late would be outside.
edge = st.one_of(unit, st.sampled_from([0.0, 1.0]))
positions = st.tuples(edge, edge).map(lambda u: tuple((LOWER + u * (UPPER - LOWER)).tolist()))
goals = st.one_of(st.none(), positions)  # None: brake


def run(motion, seconds, period=PERIOD):
    """Step for a time; return rows of position, velocity, acceleration, two joints each."""
    rows = []
    for _ in range(round(seconds / period)):
        q, v = motion.step(period)
        assert q == motion.position
        assert v == motion.velocity
        rows.append((*q, *v, *motion.acceleration))
    return rows


def run_until_rest(motion):
    rows = []
    while not motion.at_rest:
        rows += run(motion, PERIOD)
        assert len(rows) < 10_000
    return rows


@settings(max_examples=150, deadline=None)
@given(
    start=positions,
    steps=st.lists(st.tuples(goals, st.integers(0, 60)), max_size=8),
    last=positions,
)
def test_any_goals_keep_every_limit_and_the_joints_stop_at_the_last(start, steps, last):
    """Goals and stops come at any time, also while the joints brake towards a limit."""
    motion = OnlineTrajectoryGenerator(LIMITS, start)
    rows = [(*start, 0.0, 0.0, 0.0, 0.0)]
    for goal, periods in steps:
        if goal is None:
            motion.brake()
        else:
            motion.set_goal(goal)
        rows += run(motion, periods * PERIOD)
    motion.set_goal(last)
    rows += run_until_rest(motion)
    q, v, a = np.hsplit(np.array(rows), 3)
    assert (q >= LOWER - 1e-9).all()
    assert (q <= UPPER + 1e-9).all()
    assert (np.abs(v) <= np.array(LIMITS.velocity) + 1e-9).all()
    assert (np.abs(a) <= np.array(LIMITS.acceleration) + 1e-9).all()
    # A derivative's limit bounds the difference between samples.
    for lower, limit in ((q, LIMITS.velocity), (v, LIMITS.acceleration), (a, LIMITS.jerk)):
        assert (np.abs(np.diff(lower, axis=0)) <= np.array(limit) * PERIOD + 1e-9).all()
    np.testing.assert_allclose(q[-1], last, atol=1e-9)
    np.testing.assert_allclose((v[-1], a[-1]), 0.0, atol=1e-9)
    assert run(motion, 1.0)[-1] == pytest.approx((*last, 0, 0, 0, 0), abs=1e-9)


def test_a_long_motion_reaches_every_limit():
    """Of velocity and acceleration, and nearly of jerk."""
    motion = OnlineTrajectoryGenerator(LIMITS, (-2.0, -1.0))
    motion.set_goal((2.0, 2.0))
    _, v, a = np.hsplit(np.array(run_until_rest(motion)), 3)
    np.testing.assert_allclose(v.max(axis=0), LIMITS.velocity)
    np.testing.assert_allclose(a.max(axis=0), LIMITS.acceleration, rtol=0.01)
    jerk = np.abs(np.diff(a, axis=0)).max(axis=0) / PERIOD
    np.testing.assert_allclose(jerk, LIMITS.jerk, rtol=0.01)


def test_a_stop_takes_the_shortest_time_within_the_limits():
    motion = OnlineTrajectoryGenerator(LIMITS, (-2.0, -1.0))
    motion.set_goal((2.0, -1.0))
    run(motion, 0.5)
    (fast, _), (before, _) = motion.velocity, motion.position
    assert fast == pytest.approx(3.0)
    motion.brake()
    rows = run_until_rest(motion)
    # From a constant velocity v: v / a, and a / j for the ramps of the acceleration.
    shortest = fast / 20.0 + 20.0 / 400.0
    assert len(rows) * PERIOD == pytest.approx(shortest, abs=PERIOD)
    assert motion.position[0] - before == pytest.approx(fast * shortest / 2.0)


def test_the_position_depends_on_the_time_alone():
    """Late steps do not change the motion."""
    even, uneven = (
        OnlineTrajectoryGenerator(LIMITS, (0.0, 0.0)),
        OnlineTrajectoryGenerator(LIMITS, (0.0, 0.0)),
    )
    for motion in (even, uneven):
        motion.set_goal((2.0, 1.0))
    run(even, 0.4)
    for seconds in (0.001, 0.25, 0.0, 0.149):
        uneven.step(seconds)
    np.testing.assert_allclose(even.position, uneven.position, atol=1e-12)


@pytest.mark.parametrize('distance', [0.1, -0.1, 0.2])
@pytest.mark.parametrize('acceleration', [0.0, -3.552713678800501e-15])
def test_a_motion_that_just_reaches_a_limit_is_found(distance, acceleration):
    """2 a³ / j² = 0.1 rad: for these numbers Ruckig alone finds no motion."""
    motion = OnlineTrajectoryGenerator(LIMITS, (-2.8, -1.0))
    start = motion.state._replace(acceleration=(acceleration, 0.0))
    motion.follow(motion.plan_to((-2.8 + distance, -1.0), start))
    run_until_rest(motion)
    assert motion.position == pytest.approx((-2.8 + distance, -1.0), abs=1e-9)


@pytest.mark.parametrize('goal', [(np.nan, 0.0), (0.0, np.inf)])
def test_a_goal_that_is_not_finite_is_rejected_and_the_previous_one_stays(goal):
    motion = OnlineTrajectoryGenerator(LIMITS, (0.0, 0.0))
    motion.set_goal((1.0, 1.0))
    run(motion, 0.1)
    with pytest.raises(ConfigError, match='goal of a motion'):
        motion.set_goal(goal)
    run_until_rest(motion)
    np.testing.assert_allclose(motion.position, (1.0, 1.0))


@pytest.mark.parametrize('name', ['velocity', 'acceleration', 'jerk'])
@pytest.mark.parametrize('value', [0.0, -1.0, np.inf, np.nan])
def test_limits_are_positive_and_finite(name, value):
    with pytest.raises(ConfigError, match=f'motion limits: {name}'):
        replace(LIMITS, **{name: (1.0, value)})


def test_without_ruckig_the_error_says_what_to_install(monkeypatch):
    """No rosdep key installs it, so a sourced ROS 2 may lack it."""
    monkeypatch.setitem(sys.modules, 'ruckig', None)
    with pytest.raises(ConfigError, match='pip install ruckig'):
        OnlineTrajectoryGenerator(MotionLimits((1.0, 1.0), (1.0, 1.0), (1.0, 1.0)), (0.0, 0.0))
