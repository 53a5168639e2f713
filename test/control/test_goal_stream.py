"""The goal stream: time-optimal to a single goal; streams keep their shape and are finished."""

from math import pi, sin

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ik_nn_ros.control.goal_stream import GoalStream, _feedback_gains
from ik_nn_ros.trajectory.online_generator import (
    ConstantJerkSegment,
    KinematicState,
    MotionLimits,
    OnlineTrajectoryGenerator,
)

LIMITS = MotionLimits((3.0, 3.0), (10.0, 10.0), (100.0, 100.0))
UNEQUAL = MotionLimits((3.0, 1.5), (20.0, 6.0), (400.0, 60.0))
LOWER, UPPER = np.array([-2.9, -1.0]), np.array([2.9, 2.6])
PERIOD = 0.01


class StreamRig:
    """A generator that follows a goal stream, with its history."""

    def __init__(self, start, limits=LIMITS):
        self.generator = OnlineTrajectoryGenerator(limits, start)
        self.stream = GoalStream()
        self.now = 0.0
        self.times, self.rows = [0.0], [self.generator.state]

    def step(self, period=PERIOD):
        self.now += period
        self.stream.update(self.generator, self.now, period)
        self.generator.step(period)
        self.times.append(self.now)
        self.rows.append(self.generator.state)

    def follow(self, goals, period=PERIOD):
        """Send (time, goal) pairs, each before the end of the step in which it is received."""
        for at, goal in goals:
            while self.now + period < at:
                self.step(period)
            self.stream.add(at, goal)
        self.step(period)

    def run_until_rest(self, period=PERIOD):
        """Step until the generator is at rest."""
        end = self.now + 20.0
        while not self.generator.at_rest:
            self.step(period)
            assert self.now < end

    @property
    def states(self):
        """Position, velocity, acceleration, (3, N, 2)."""
        return np.array(self.rows).transpose(1, 0, 2)


def eight(lap):
    """Return a function of time that gives joint positions on a figure eight."""

    def at(time):
        angle = 2.0 * pi * time / lap
        return 0.8 * sin(angle), 1.2 + 0.4 * sin(2.0 * angle)

    return at


def streamed(path, rate, end, rng=None):
    """Return goals along a path, with jitter where a random generator is given."""
    count = int(end * rate)
    late = np.zeros(count) if rng is None else rng.uniform(0.0, 0.6 / rate, count)
    return [(k / rate + late[k], path(k / rate)) for k in range(count)]


def assert_within(rig, limits):
    """Check every limit, also by the differences between samples."""
    q, v, a = rig.states
    periods = np.diff(rig.times)[:, None]
    assert (np.abs(v) <= np.array(limits.velocity) + 1e-9).all()
    assert (np.abs(a) <= np.array(limits.acceleration) + 1e-9).all()
    for lower, limit in ((q, limits.velocity), (v, limits.acceleration), (a, limits.jerk)):
        assert (np.abs(np.diff(lower, axis=0)) <= np.array(limit) * periods * (1 + 1e-9)).all()


edge = st.one_of(st.floats(0.0, 1.0), st.sampled_from([0.0, 1.0]))
positions = st.tuples(edge, edge).map(lambda u: LOWER + np.array(u) * (UPPER - LOWER))
velocities = st.tuples(st.floats(-6.0, 6.0), st.floats(-6.0, 6.0)).map(np.array)
pieces = st.tuples(
    st.sampled_from(['drag', 'two sources', 'again', 'brake']),
    positions,
    velocities,
    st.sampled_from([10.0, 20.0, 50.0, 200.0, 1000.0, 5000.0]),
    st.floats(0.0, 0.6),
    st.sampled_from([0.0, 0.05, 0.2]),
)


@settings(max_examples=80, deadline=None)
@given(
    start=positions,
    steps=st.lists(pieces, min_size=1, max_size=5),
    period=st.sampled_from([0.002, 0.01, 0.05]),
    uneven=st.booleans(),
)
def test_any_stream_stays_within_every_limit_and_stops_at_the_last_goal(
    start, steps, period, uneven
):
    rig = StreamRig(tuple(start.tolist()), UNEQUAL)
    rng = np.random.default_rng(0)
    goal = last = start
    for kind, position, velocity, rate, duration, pause in steps:
        begin = rig.now
        for k in range(1 + int(duration * rate)):
            goal = position
            if kind == 'drag':
                goal = np.clip(last + velocity * k / rate, LOWER, UPPER)
            elif kind == 'two sources' and k % 2:
                goal = last
            while rig.now + period < begin + k / rate:
                rig.step(period * (rng.uniform(0.5, 1.5) if uneven else 1.0))
            rig.stream.add(begin + k / rate, tuple(goal.tolist()))
        if kind == 'brake':
            rig.generator.brake()
        last = goal
        for _ in range(round(pause / period)):
            rig.step(period)
    rig.step(period)
    rig.run_until_rest(period)
    assert_within(rig, UNEQUAL)
    q, v, a = rig.states
    assert (q >= LOWER - 1e-7).all()
    assert (q <= UPPER + 1e-7).all()
    np.testing.assert_allclose(q[-1], goal, atol=1e-9)
    # The tolerance of Ruckig.
    np.testing.assert_allclose((v[-1], a[-1]), 0.0, atol=1e-7)


@pytest.mark.parametrize('goal', [(2.0, 1.0), (0.003, -0.002)])
@pytest.mark.parametrize('times', [1, 100])
def test_the_motion_to_a_single_goal_is_time_optimal(goal, times):
    """Also where the source repeats the goal."""
    rig = StreamRig((0.0, 0.0))
    rig.follow([(0.02 * k, goal) for k in range(times)])
    rig.run_until_rest()
    generator = OnlineTrajectoryGenerator(LIMITS, (0.0, 0.0))
    generator.set_goal(goal)
    for state in rig.rows[1:]:
        generator.step(PERIOD)
        np.testing.assert_allclose(state, generator.state, atol=1e-9)


def test_the_motion_to_a_far_goal_in_a_stream_is_time_optimal():
    rig = StreamRig(eight(6.0)(0.0))
    rig.follow(streamed(eight(6.0), 50.0, 2.0))
    far = (-2.0, 0.2)
    rig.stream.add(rig.now, far)
    generator = OnlineTrajectoryGenerator(LIMITS, (0.0, 0.0))
    generator._state = rig.generator.state
    generator.set_goal(far)
    for _ in range(100):
        rig.step()
        generator.step(PERIOD)
        np.testing.assert_allclose(rig.generator.state, generator.state, atol=1e-9)


def test_after_a_pause_a_goal_is_a_single_one_again():
    """Even one close to the last."""
    rig = StreamRig((0.0, 0.0))
    rig.follow(streamed(lambda time: (time, time), 50.0, 0.5))
    rig.run_until_rest()
    generator = OnlineTrajectoryGenerator(LIMITS, rig.generator.position)
    rig.stream.add(rig.now, (0.6, 0.3))
    generator.set_goal((0.6, 0.3))
    for _ in range(30):
        rig.step()
        generator.step(PERIOD)
        np.testing.assert_allclose(rig.generator.position, generator.position, atol=1e-7)


def test_the_arm_catches_up_with_a_stream_time_optimally():
    """The stream starts while the arm is still moving to its start."""
    rig, generator = StreamRig((0.0, 0.0)), OnlineTrajectoryGenerator(LIMITS, (0.0, 0.0))
    rig.follow([(0.0, (1.0, 0.5))])
    goals = [(0.1 + at, goal) for at, goal in streamed(lambda t: (1 + t / 10, 0.5), 50.0, 0.6)]
    rig.follow(goals)
    generator.set_goal((1.0, 0.5))
    generator.step(rig.now)
    assert generator.position[0] > 0.99
    assert rig.generator.position[0] > generator.position[0]


def test_a_joint_follows_a_stream_smoothly_while_the_other_is_still_moving_to_its_start():
    rig = StreamRig((0.0, 0.0))
    rig.follow(streamed(lambda time: (0.5, 2.0 * sin(time)), 50.0, 2.0))
    assert np.diff(rig.states[2][20:70, 1]).std() / PERIOD < 50.0


@pytest.mark.parametrize('period', [0.002, 0.05])
@pytest.mark.parametrize('time', [0.015, 0.1])
def test_the_error_dynamics_have_a_triple_pole(period, time):
    """The errors of position, velocity and acceleration decay alike."""
    moves = np.array([[1.0, period, period**2 / 2.0], [0.0, 1.0, period], [0.0, 0.0, 1.0]])
    pushes = np.array([period**3 / 6.0, period**2 / 2.0, period])
    poles = np.linalg.eigvals(moves - np.outer(pushes, _feedback_gains(period, time)))
    np.testing.assert_allclose(poles, np.full(3, time / (period + time)), atol=1e-4)


@pytest.mark.parametrize('period', [0.01, 0.05])
@pytest.mark.parametrize('speed', [2.9, 3.1, 4.0])
def test_a_stream_at_the_velocity_limit_does_not_make_the_arm_exceed_it(speed, period):
    """Neither while it catches up nor between two steps."""
    rig = StreamRig((-2.0, 0.0))
    rng = np.random.default_rng(5)
    rig.follow(streamed(lambda t: (speed * t - 2.0, 0.0), 50.0, 1.2, rng), period)
    assert rig.states[1].max() > 2.5
    rig.run_until_rest(period)
    assert_within(rig, LIMITS)


@pytest.mark.parametrize('period', [0.01, 0.05])
@pytest.mark.parametrize(('speed', 'rate'), [(2.0, 50.0), (4.0, 20.0)])
def test_a_zigzag_is_followed_within_the_limits(speed, rate, period):
    """Its turns require more acceleration than allowed, its straight sections more speed."""

    def zigzag(time):
        back = abs(time / 0.4 % 2.0 - 1.0)
        return 0.4 * speed * back, -0.2 * speed * back

    rig = StreamRig(zigzag(0.0))
    rig.follow(streamed(zigzag, rate, 1.2, np.random.default_rng(2)), period)
    assert np.abs(rig.states[2]).max() == pytest.approx(10.0)
    rig.run_until_rest(period)
    assert_within(rig, LIMITS)


def lags(rig, path, since):
    """Return the lag of each joint behind its path, s: the one that fits best."""
    shifts = np.arange(0.0, 0.3, 0.002)
    times = np.array(rig.times)
    used = times > since
    desired = np.array([[path(time - shift) for shift in shifts] for time in times[used]])
    error = ((desired - rig.states[0][used][:, None]) ** 2).sum(axis=0)
    return shifts[error.argmin(axis=0)]


def distances(rig, path, since):
    """Return the distances of the motion from its path, rad."""
    shifts = np.arange(0.0, 0.3, 0.002)
    return np.array(
        [
            min(np.hypot(*np.subtract(path(time - shift), state.position)) for shift in shifts)
            for time, state in zip(rig.times[::4], rig.rows[::4], strict=True)
            if time > since
        ]
    )


@pytest.mark.parametrize(('rate', 'nearer'), [(20.0, 2.0), (50.0, 4.0), (1000.0, 4.0)])
def test_a_figure_eight_keeps_its_shape(rate, nearer):
    """Compared with time-optimal motions to each goal: much closer, with half the jerk."""
    path, goals = eight(6.0), streamed(eight(6.0), rate, 4.5, np.random.default_rng(1))
    rig, unblended = StreamRig(path(0.0)), StreamRig(path(0.0))
    rig.follow(goals)
    unblended.stream.update = lambda motion, now, seconds: None
    unblended.stream.add = lambda now, goal: unblended.generator.set_goal(goal)
    unblended.follow(goals)
    assert distances(rig, path, 1.5).max() < distances(unblended, path, 1.5).max() / nearer
    first, second = lags(rig, path, 1.5)
    assert abs(first - second) < 0.005
    assert first < lags(unblended, path, 1.5).max() + 0.06
    if rate < 1.0 / PERIOD:
        jerks = [np.diff(one.states[2][150:], axis=0).std() for one in (rig, unblended)]
        assert jerks[0] < jerks[1] / 2.0


@pytest.mark.parametrize('lap', [12.0, 3.0])
@pytest.mark.parametrize('end', np.arange(0.5, 2.0, 0.25).tolist())
def test_a_stream_that_ends_suddenly_is_not_overrun(lap, end):
    """A user who drags and releases the marker does not see the arm run past."""
    path = eight(lap)
    goals = streamed(path, 60.0, end, np.random.default_rng(2))
    rig = StreamRig(path(0.0))
    rig.follow(goals)
    ended = len(rig.rows)
    rig.run_until_rest()
    assert (len(rig.rows) - ended) * PERIOD < 0.6
    q = rig.states[0][ended:]
    recent = np.array([goal for at, goal in goals if at > end - 0.5])
    assert (q >= recent.min(axis=0) - 1e-8).all()
    assert (q <= recent.max(axis=0) + 1e-8).all()
    np.testing.assert_allclose(q[-1], goals[-1][1], atol=1e-9)


def test_the_time_of_reception_counts_not_that_of_the_step():
    """Of 100 steps per second 70 get a goal; the motion is even all the same."""
    rig = StreamRig((0.0, 0.0))
    rig.follow(streamed(lambda time: (time, -0.5 * time), 70.0, 2.5))
    velocity = rig.states[1][100:]
    np.testing.assert_allclose(velocity, np.full_like(velocity, (1.0, -0.5)), rtol=0.03)


def test_the_stream_continues_with_another_generator():
    """After a stop, or where a motion restarted at another position."""
    path = eight(6.0)
    rig = StreamRig(path(0.0))
    rig.follow(streamed(path, 50.0, 1.0))
    rig.generator.brake()
    rig.run_until_rest()
    rig.generator = OnlineTrajectoryGenerator(LIMITS, (-1.0, -1.0))
    rig.step()
    rig.run_until_rest()
    np.testing.assert_allclose(rig.generator.position, path(0.98), atol=1e-9)


def test_a_step_that_takes_no_time_changes_nothing():
    rig = StreamRig(eight(6.0)(0.0))
    rig.follow(streamed(eight(6.0), 50.0, 1.0))
    before = rig.generator.state
    rig.step(0.0)
    np.testing.assert_allclose(rig.generator.state, before, atol=1e-12)
    rig.step()
    assert np.isfinite(rig.generator.state).all()


def test_cleared_goals_are_discarded():
    rig = StreamRig((0.0, 0.0))
    rig.stream.add(0.0, (1.0, 1.0))
    rig.stream.clear()
    rig.step()
    assert rig.generator.at_rest
    rig.follow([(0.02, (1.0, 1.0))])
    rig.generator.brake()
    rig.stream.clear()
    rig.run_until_rest()
    assert rig.generator.position[0] < 0.1


def test_new_limits_apply_from_the_next_step_on():
    """Also to the planned motion to a single goal."""
    slow = MotionLimits((0.5, 0.5), LIMITS.acceleration, LIMITS.jerk)
    rig = StreamRig((0.0, 0.0))
    rig.stream.add(0.0, (2.0, 2.0))
    for _ in range(40):
        rig.step()
    rig.generator.set_limits(slow)
    for _ in range(80):
        rig.step()
    assert rig.generator.velocity == pytest.approx((0.5, 0.5))
    rig.run_until_rest()
    assert_within(rig, LIMITS)


def test_a_segment_of_constant_jerk_is_integrated():
    segment = ConstantJerkSegment(
        KinematicState((1.0, -2.0), (0.5, 0.0), (3.0, -1.0)), (-40.0, 7.0)
    )
    at = np.linspace(0.0, 0.5, 5001)
    q, v, a = np.array([segment.at(time) for time in at]).transpose(1, 0, 2)
    assert segment.at(0.0) == segment.initial_state
    np.testing.assert_allclose(np.gradient(q, at, axis=0)[1:-1], v[1:-1], atol=1e-6)
    np.testing.assert_allclose(np.gradient(v, at, axis=0)[1:-1], a[1:-1], atol=1e-6)
    np.testing.assert_allclose(np.diff(a, axis=0) / 1e-4, np.full((5000, 2), segment.jerk))


@pytest.mark.parametrize('center', [(0.0, 0.0), (1.5, -7.0)])
def test_the_stopping_range_is_that_of_the_stop(center):
    """At any position: the extrema of Ruckig include position 0."""
    rng = np.random.default_rng(3)
    generator = OnlineTrajectoryGenerator(UNEQUAL, (0.0, 0.0))
    for _ in range(50):
        state = generator.state._replace(
            position=center,
            velocity=tuple((rng.uniform(-1.0, 1.0, 2) * UNEQUAL.velocity).tolist()),
            acceleration=tuple((rng.uniform(-1.0, 1.0, 2) * UNEQUAL.acceleration).tolist()),
        )
        positions = generator.plan_stop(state).positions(0.001)
        ranges = np.array(generator.stopping_range(state))
        np.testing.assert_allclose(ranges[:, 0], positions.min(axis=0), atol=1e-5)
        np.testing.assert_allclose(ranges[:, 1], positions.max(axis=0), atol=1e-5)
