"""Blend: a reference among the goals, smooth, half its time behind them, at rest on the last."""

import numpy as np
import pytest

from ik_nn_ros.control.goal_stream import GoalBlend
from ik_nn_ros.trajectory.online_generator import MotionLimits

LIMITS = MotionLimits((3.0, 1.5), (20.0, 6.0), (400.0, 60.0))
RATE = 100.0


def blended(times, goals, limits=LIMITS):
    """Return a blend that has got the goals, the first as its beginning."""
    blend = GoalBlend(tuple(goals[0]))
    for index in range(1, len(goals)):
        since = times[index] - times[index - 1]
        blend.add(times[index], since, goals[index] - goals[index - 1], limits)
    return blend


def course(blend, times):
    """Return position, velocity, acceleration at the times, (3, N, 2)."""
    return np.array([blend.at(time) for time in times]).transpose(1, 0, 2)


@pytest.fixture
def walk():
    """A hundred goals at irregular times, here and there."""
    rng = np.random.default_rng(4)
    times = np.cumsum(rng.uniform(0.002, 0.04, 100))
    return times, np.cumsum(rng.normal(scale=0.02, size=(100, 2)), axis=0)


def test_velocity_and_acceleration_are_the_derivatives(walk):
    times, goals = walk
    at = np.arange(0.0, times[-1] + 1.0, 1e-4)
    q, v, a = course(blended(times, goals), at)
    np.testing.assert_allclose(np.gradient(q, at, axis=0), v, atol=1e-3)
    np.testing.assert_allclose(np.gradient(v, at, axis=0), a, atol=0.05)
    # No step in the acceleration: with every goal its slope changes, no more.
    assert np.abs(np.diff(a, axis=0)).max() < 0.02 * np.abs(a).max()


def test_it_stays_among_the_goals_and_rests_on_the_last(walk):
    times, goals = walk
    blend = blended(times, goals)
    at = np.arange(0.0, times[-1] + 2.0, 0.003)
    q, v, a = course(blend, at)
    assert (q >= goals.min(axis=0) - 1e-12).all()
    assert (q <= goals.max(axis=0) + 1e-12).all()
    np.testing.assert_allclose(q[-1], goals[-1], atol=1e-12)
    np.testing.assert_allclose((v[-1], a[-1]), 0.0, atol=1e-12)
    blend.drop_finished(at[-1])
    assert blend.finished
    np.testing.assert_allclose(blend.at(at[-1])[0], goals[-1], atol=1e-12)


def test_a_goal_changes_nothing_before_it_comes(walk):
    """Else the reference would jump from under the motion that follows it."""
    times, goals = walk
    before = blended(times[:-1], goals[:-1]).at(times[-1])
    np.testing.assert_allclose(blended(times, goals).at(times[-1]), before, atol=1e-12)


def test_steps_that_are_over_are_dropped_and_change_nothing(walk):
    times, goals = walk
    blend = blended(times, goals)
    at = times[-1] + 0.05
    whole = blend.at(at)
    blend.drop_finished(at)
    assert 1 < len(blend.active_goals) < 60
    np.testing.assert_allclose(blend.at(at), whole, atol=1e-12)


@pytest.mark.parametrize('speed', [0.1, 0.5, 1.0])
def test_an_even_stream_is_followed_half_a_blend_behind_and_ends_within_the_limits(speed):
    """Neither too hard nor much softer than it may: that would only be delay."""
    times = np.arange(0.0, 2.0, 1.0 / RATE)
    velocity = speed * np.array(LIMITS.velocity)
    blend = blended(times, times[:, None] * velocity)
    q, v, _ = blend.at(times[-1])
    # A goal stands until the next comes: half that time on the average.
    delay = blend.blend_time / 2.0 + 0.5 / RATE
    np.testing.assert_allclose(v, velocity, rtol=0.01)
    np.testing.assert_allclose(q, (times[-1] - delay) * velocity, atol=0.003)
    at = np.arange(times[-1], times[-1] + blend.blend_time, 1e-3)
    acceleration = course(blend, at)[2]
    part = np.abs(acceleration).max(axis=0) / LIMITS.acceleration
    jerk = np.abs(np.diff(acceleration, axis=0)).max(axis=0) / 1e-3 / LIMITS.jerk
    assert 0.65 < max(part.max(), jerk.max()) <= 1.0


def test_goals_that_come_seldom_are_blended_for_longer():
    """At least four at a time; else each would be a jerk of its own."""
    times = np.arange(0.0, 2.0, 0.08)
    blend = blended(times, times[:, None] * np.array([0.02, 0.01]))
    assert blend.blend_time >= 0.3


def test_goals_that_were_held_up_are_not_taken_for_a_fast_stream():
    """Two that come 1 ms apart: how fast they were is seen over some time only."""
    goals = np.array([[0.0, 0.0], [0.03, 0.0]])
    assert blended([0.0, 0.001], goals).blend_time < 0.15


def test_a_stream_that_is_too_fast_for_the_arm_is_not_blended_for_longer_than_one_it_can_follow():
    times = np.arange(0.0, 1.0, 1.0 / RATE)
    fast, faster = (
        blended(times, times[:, None] * np.array([v, 0.0])).blend_time for v in (3.0, 30.0)
    )
    assert faster == pytest.approx(fast)
