"""The goal blend: a smooth reference among the goals, half a blend time behind, to the last one."""

import numpy as np
import pytest

from ik_nn_ros.control.goal_stream import GoalBlend
from ik_nn_ros.trajectory.online_generator import MotionLimits

LIMITS = MotionLimits((3.0, 1.5), (20.0, 6.0), (400.0, 60.0))
RATE = 100.0


def blended(times, goals, limits=LIMITS):
    """Return a blend of goals, the first of which is its start."""
    blend = GoalBlend(tuple(goals[0]))
    for index in range(1, len(goals)):
        since = times[index] - times[index - 1]
        blend.add(times[index], since, goals[index] - goals[index - 1], limits)
    return blend


def sampled(blend, times):
    """Return position, velocity, acceleration at the times, (3, N, 2)."""
    return np.array([blend.at(time) for time in times]).transpose(1, 0, 2)


@pytest.fixture
def walk():
    """Return times and goals of a random walk at irregular intervals."""
    rng = np.random.default_rng(4)
    times = np.cumsum(rng.uniform(0.002, 0.04, 100))
    return times, np.cumsum(rng.normal(scale=0.02, size=(100, 2)), axis=0)


def test_velocity_and_acceleration_are_the_derivatives(walk):
    times, goals = walk
    at = np.arange(0.0, times[-1] + 1.0, 1e-4)
    q, v, a = sampled(blended(times, goals), at)
    np.testing.assert_allclose(np.gradient(q, at, axis=0), v, atol=1e-3)
    np.testing.assert_allclose(np.gradient(v, at, axis=0), a, atol=0.05)
    # The acceleration is continuous: a goal changes only its slope.
    assert np.abs(np.diff(a, axis=0)).max() < 0.02 * np.abs(a).max()


def test_the_reference_stays_among_the_goals_and_stops_at_the_last(walk):
    times, goals = walk
    blend = blended(times, goals)
    at = np.arange(0.0, times[-1] + 2.0, 0.003)
    q, v, a = sampled(blend, at)
    assert (q >= goals.min(axis=0) - 1e-12).all()
    assert (q <= goals.max(axis=0) + 1e-12).all()
    np.testing.assert_allclose(q[-1], goals[-1], atol=1e-12)
    np.testing.assert_allclose((v[-1], a[-1]), 0.0, atol=1e-12)
    blend.drop_finished(at[-1])
    assert blend.finished
    np.testing.assert_allclose(blend.at(at[-1])[0], goals[-1], atol=1e-12)


def test_a_new_goal_does_not_make_the_reference_jump(walk):
    times, goals = walk
    before = blended(times[:-1], goals[:-1]).at(times[-1])
    np.testing.assert_allclose(blended(times, goals).at(times[-1]), before, atol=1e-12)


def test_finished_steps_are_dropped_without_an_effect(walk):
    times, goals = walk
    blend = blended(times, goals)
    at = times[-1] + 0.05
    whole = blend.at(at)
    blend.drop_finished(at)
    assert 1 < len(blend.active_goals) < 60
    np.testing.assert_allclose(blend.at(at), whole, atol=1e-12)


@pytest.mark.parametrize('speed', [0.1, 0.5, 1.0])
def test_an_even_stream_is_followed_half_a_blend_behind_and_stops_within_the_limits(speed):
    """Nearly at the limits: a softer stop would only add delay."""
    times = np.arange(0.0, 2.0, 1.0 / RATE)
    velocity = speed * np.array(LIMITS.velocity)
    blend = blended(times, times[:, None] * velocity)
    q, v, _ = blend.at(times[-1])
    # A goal is valid until the next one: half that time on average.
    delay = blend.blend_time / 2.0 + 0.5 / RATE
    np.testing.assert_allclose(v, velocity, rtol=0.01)
    np.testing.assert_allclose(q, (times[-1] - delay) * velocity, atol=0.003)
    at = np.arange(times[-1], times[-1] + blend.blend_time, 1e-3)
    acceleration = sampled(blend, at)[2]
    part = np.abs(acceleration).max(axis=0) / LIMITS.acceleration
    jerk = np.abs(np.diff(acceleration, axis=0)).max(axis=0) / 1e-3 / LIMITS.jerk
    assert 0.65 < max(part.max(), jerk.max()) <= 1.0


def test_infrequent_goals_are_blended_for_longer():
    """At least four at a time; otherwise every goal would be a separate jerk."""
    times = np.arange(0.0, 2.0, 0.08)
    blend = blended(times, times[:, None] * np.array([0.02, 0.01]))
    assert blend.blend_time == pytest.approx(4.0 * 0.08)


def test_delayed_goals_do_not_count_as_a_fast_stream():
    """Of two goals 1 ms apart the speed is measured over at least 60 ms."""
    goals = np.array([[0.0, 0.0], [0.03, 0.0]])
    assert blended([0.0, 0.001], goals).blend_time < 0.15


def test_a_stream_too_fast_for_the_arm_is_not_blended_for_longer_than_one_it_can_follow():
    times = np.arange(0.0, 1.0, 1.0 / RATE)
    fast, faster = (
        blended(times, times[:, None] * np.array([v, 0.0])).blend_time for v in (3.0, 30.0)
    )
    assert faster == pytest.approx(fast)


@pytest.mark.parametrize('joint', [0, 1])
def test_the_blend_time_lets_a_stream_stop_with_a_reserve(joint):
    """1.15 times what the deceleration 2 v / T or the jerk 2 π v / T² takes, whichever is more."""
    acceleration, jerk = LIMITS.acceleration[joint], LIMITS.jerk[joint]
    for speed in (0.05, 1.4):
        times = np.arange(0.0, 2.0, 1.0 / RATE)
        velocity = np.zeros(2)
        velocity[joint] = speed
        blend = blended(times, times[:, None] * velocity)
        needed = max(2.0 * speed / acceleration, np.sqrt(2.0 * np.pi * speed / jerk))
        # The speed is measured over whole intervals: a little high.
        assert blend.blend_time == pytest.approx(max(1.15 * needed, 0.06), rel=0.1)


def test_the_blend_time_decreases_by_a_tenth_of_the_time_between_goals():
    blend = GoalBlend((0.0, 0.0))
    blend.add(0.0, 0.01, np.array([0.0, 0.06]), LIMITS)
    first = blend.blend_time
    assert first > 0.2
    blend.add(0.05, 0.05, np.zeros(2), LIMITS)
    assert blend.blend_time == pytest.approx(first - 0.1 * 0.05)


def test_a_step_finishes_exactly_at_the_end_of_its_blend_time():
    blend = GoalBlend((0.0, 0.0))
    blend.add(0.0, 1.0, np.array([0.0, 0.1]), LIMITS)
    assert blend.blend_time == pytest.approx(4.0)
    blend.drop_finished(np.nextafter(blend.blend_time, 0.0))
    assert not blend.finished
    blend.drop_finished(blend.blend_time)
    assert blend.finished
