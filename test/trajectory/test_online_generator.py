"""OnlineTrajectoryGenerator keeps its limits whatever it is asked, and comes to rest where it is asked to."""

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
# The limits themselves are where a motion that brakes too late would be outside.
edge = st.one_of(unit, st.sampled_from([0.0, 1.0]))
places = st.tuples(edge, edge).map(lambda u: tuple((LOWER + u * (UPPER - LOWER)).tolist()))
orders = st.one_of(st.none(), places)  # None: brake


def run(motion, seconds, period=PERIOD):
    """Step through a time; return rows of position, velocity, acceleration, two joints each."""
    rows = []
    for _ in range(round(seconds / period)):
        q, v = motion.step(period)
        assert q == motion.position
        assert v == motion.velocity
        rows.append((*q, *v, *motion.acceleration))
    return rows


def until_rest(motion):
    rows = []
    while not motion.at_rest:
        rows += run(motion, PERIOD)
        assert len(rows) < 10_000
    return rows


@settings(max_examples=150, deadline=None)
@given(start=places, steps=st.lists(st.tuples(orders, st.integers(0, 60)), max_size=8), last=places)
def test_stays_within_every_limit_and_rests_on_the_last_goal(start, steps, last):
    """Goals and brakes at any time, also while it is fast or braking towards a limit."""
    motion = OnlineTrajectoryGenerator(LIMITS, start)
    rows = [(*start, 0.0, 0.0, 0.0, 0.0)]
    for goal, periods in steps:
        if goal is None:
            motion.brake()
        else:
            motion.set_goal(goal)
        rows += run(motion, periods * PERIOD)
    motion.set_goal(last)
    rows += until_rest(motion)
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


def test_uses_the_limits_it_has():
    """On a long way each joint reaches its velocity, acceleration and, nearly, its jerk limit."""
    motion = OnlineTrajectoryGenerator(LIMITS, (-2.0, -1.0))
    motion.set_goal((2.0, 2.0))
    _, v, a = np.hsplit(np.array(until_rest(motion)), 3)
    np.testing.assert_allclose(v.max(axis=0), LIMITS.velocity)
    np.testing.assert_allclose(a.max(axis=0), LIMITS.acceleration, rtol=0.01)
    jerk = np.abs(np.diff(a, axis=0)).max(axis=0) / PERIOD
    np.testing.assert_allclose(jerk, LIMITS.jerk, rtol=0.01)


def test_braking_is_no_dead_stop_and_takes_the_shortest_time():
    motion = OnlineTrajectoryGenerator(LIMITS, (-2.0, -1.0))
    motion.set_goal((2.0, -1.0))
    run(motion, 0.5)
    (fast, _), (before, _) = motion.velocity, motion.position
    assert fast == pytest.approx(3.0)
    motion.brake()
    rows = until_rest(motion)
    # From v at rest to rest: v / a + a / j for a ramp up and one down.
    shortest = fast / 20.0 + 20.0 / 400.0
    assert len(rows) * PERIOD == pytest.approx(shortest, abs=PERIOD)
    assert motion.position[0] - before == pytest.approx(fast * shortest / 2.0)


def test_time_may_pass_in_any_portions():
    """The place depends on the time alone: a computer that is late does not bend the motion."""
    even, uneven = (
        OnlineTrajectoryGenerator(LIMITS, (0.0, 0.0)),
        OnlineTrajectoryGenerator(LIMITS, (0.0, 0.0)),
    )
    for motion in (even, uneven):
        motion.set_goal((2.0, 1.0))
    run(even, 0.4)
    for portion in (0.001, 0.25, 0.0, 0.149):
        uneven.step(portion)
    np.testing.assert_allclose(even.position, uneven.position, atol=1e-12)


@pytest.mark.parametrize('distance', [0.1, -0.1, 0.2])
@pytest.mark.parametrize('acceleration', [0.0, -3.552713678800501e-15])
def test_a_way_on_which_a_limit_is_just_reached_is_found(distance, acceleration):
    """2 a³ / j² = 0.1 rad: with these numbers Ruckig alone finds none."""
    motion = OnlineTrajectoryGenerator(LIMITS, (-2.8, -1.0))
    motion._state = motion._state._replace(acceleration=(acceleration, 0.0))
    motion.set_goal((-2.8 + distance, -1.0))
    until_rest(motion)
    assert motion.position == pytest.approx((-2.8 + distance, -1.0), abs=1e-9)


@pytest.mark.parametrize('goal', [(np.nan, 0.0), (0.0, np.inf)])
def test_a_goal_that_is_none_is_refused_and_the_one_before_stands(goal):
    motion = OnlineTrajectoryGenerator(LIMITS, (0.0, 0.0))
    motion.set_goal((1.0, 1.0))
    run(motion, 0.1)
    with pytest.raises(ConfigError, match='goal of a motion'):
        motion.set_goal(goal)
    until_rest(motion)
    np.testing.assert_allclose(motion.position, (1.0, 1.0))


@pytest.mark.parametrize('name', ['velocity', 'acceleration', 'jerk'])
@pytest.mark.parametrize('value', [0.0, -1.0, np.inf, np.nan])
def test_limits_are_positive_and_finite(name, value):
    with pytest.raises(ConfigError, match=f'motion limits: {name}'):
        replace(LIMITS, **{name: (1.0, value)})


def test_without_ruckig_it_says_what_to_install(monkeypatch):
    """No rosdep key brings it, so a sourced ROS 2 may lack it."""
    monkeypatch.setitem(sys.modules, 'ruckig', None)
    with pytest.raises(ConfigError, match='pip install ruckig'):
        OnlineTrajectoryGenerator(MotionLimits((1.0, 1.0), (1.0, 1.0), (1.0, 1.0)), (0.0, 0.0))
