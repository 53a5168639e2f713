"""GoalStream: the quickest way to a single goal; a stream in its own shape, and to its very end."""

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


class Driven:
    """A motion that is steered, and what it did."""

    def __init__(self, start, limits=LIMITS):
        self.motion = OnlineTrajectoryGenerator(limits, start)
        self.stream = GoalStream()
        self.now = 0.0
        self.times, self.rows = [0.0], [self.motion.state]

    def step(self, period=PERIOD):
        self.now += period
        self.stream.update(self.motion, self.now, period)
        self.motion.step(period)
        self.times.append(self.now)
        self.rows.append(self.motion.state)

    def follow(self, goals, period=PERIOD):
        """Give (time, goal) one after the other, each before the step it is received in ends."""
        for at, goal in goals:
            while self.now + period < at:
                self.step(period)
            self.stream.add(at, goal)
        self.step(period)

    def rest(self, period=PERIOD):
        """Step until the motion is at rest."""
        end = self.now + 20.0
        while not self.motion.at_rest:
            self.step(period)
            assert self.now < end

    @property
    def course(self):
        """Position, velocity, acceleration, (3, N, 2)."""
        return np.array(self.rows).transpose(1, 0, 2)


def eight(lap):
    """Return joint angles on a figure eight over time."""

    def at(time):
        angle = 2.0 * pi * time / lap
        return 0.8 * sin(angle), 1.2 + 0.4 * sin(2.0 * angle)

    return at


def streamed(path, rate, end, rng=None):
    """Return goals of a path, which come with jitter where there is a generator."""
    count = int(end * rate)
    late = np.zeros(count) if rng is None else rng.uniform(0.0, 0.6 / rate, count)
    return [(k / rate + late[k], path(k / rate)) for k in range(count)]


def within(driven, limits):
    """Check every limit, between the samples too: it bounds their differences."""
    q, v, a = driven.course
    periods = np.diff(driven.times)[:, None]
    assert (np.abs(v) <= np.array(limits.velocity) + 1e-9).all()
    assert (np.abs(a) <= np.array(limits.acceleration) + 1e-9).all()
    for lower, limit in ((q, limits.velocity), (v, limits.acceleration), (a, limits.jerk)):
        assert (np.abs(np.diff(lower, axis=0)) <= np.array(limit) * periods * (1 + 1e-9)).all()


edge = st.one_of(st.floats(0.0, 1.0), st.sampled_from([0.0, 1.0]))
places = st.tuples(edge, edge).map(lambda u: LOWER + np.array(u) * (UPPER - LOWER))
velocities = st.tuples(st.floats(-6.0, 6.0), st.floats(-6.0, 6.0)).map(np.array)
pieces = st.tuples(
    st.sampled_from(['drag', 'two sources', 'again', 'brake']),
    places,
    velocities,
    st.sampled_from([10.0, 20.0, 50.0, 200.0, 1000.0, 5000.0]),
    st.floats(0.0, 0.6),
    st.sampled_from([0.0, 0.05, 0.2]),
)


@settings(max_examples=80, deadline=None)
@given(
    start=places,
    steps=st.lists(pieces, min_size=1, max_size=5),
    period=st.sampled_from([0.002, 0.01, 0.05]),
    uneven=st.booleans(),
)
def test_whatever_comes_it_stays_within_every_limit_and_rests_on_the_last(
    start, steps, period, uneven
):
    driven = Driven(tuple(start.tolist()), UNEQUAL)
    rng = np.random.default_rng(0)
    goal = last = start
    for kind, place, velocity, rate, duration, pause in steps:
        begin = driven.now
        for k in range(1 + int(duration * rate)):
            goal = place
            if kind == 'drag':
                goal = np.clip(last + velocity * k / rate, LOWER, UPPER)
            elif kind == 'two sources' and k % 2:
                goal = last
            while driven.now + period < begin + k / rate:
                driven.step(period * (rng.uniform(0.5, 1.5) if uneven else 1.0))
            driven.stream.add(begin + k / rate, tuple(goal.tolist()))
        if kind == 'brake':
            driven.motion.brake()
        last = goal
        for _ in range(round(pause / period)):
            driven.step(period)
    driven.step(period)
    driven.rest(period)
    within(driven, UNEQUAL)
    q, v, a = driven.course
    assert (q >= LOWER - 1e-7).all()
    assert (q <= UPPER + 1e-7).all()
    np.testing.assert_allclose(q[-1], goal, atol=1e-9)
    # What Ruckig calls rest.
    np.testing.assert_allclose((v[-1], a[-1]), 0.0, atol=1e-7)


@pytest.mark.parametrize('goal', [(2.0, 1.0), (0.003, -0.002)])
@pytest.mark.parametrize('times', [1, 100])
def test_a_single_goal_is_gone_to_the_quickest_way(goal, times):
    """Also where the source says the same again and again."""
    driven = Driven((0.0, 0.0))
    driven.follow([(0.02 * k, goal) for k in range(times)])
    driven.rest()
    motion = OnlineTrajectoryGenerator(LIMITS, (0.0, 0.0))
    motion.set_goal(goal)
    for state in driven.rows[1:]:
        motion.step(PERIOD)
        np.testing.assert_allclose(state, motion.state, atol=1e-9)


def test_a_far_goal_in_a_stream_is_gone_to_the_quickest_way():
    driven = Driven(eight(6.0)(0.0))
    driven.follow(streamed(eight(6.0), 50.0, 2.0))
    far = (-2.0, 0.2)
    driven.stream.add(driven.now, far)
    motion = OnlineTrajectoryGenerator(LIMITS, (0.0, 0.0))
    motion._state = driven.motion.state
    motion.set_goal(far)
    for _ in range(100):
        driven.step()
        motion.step(PERIOD)
        np.testing.assert_allclose(driven.motion.state, motion.state, atol=1e-9)


def test_after_a_pause_a_goal_is_a_single_one_again():
    """Also one near the last."""
    driven = Driven((0.0, 0.0))
    driven.follow(streamed(lambda time: (time, time), 50.0, 0.5))
    driven.rest()
    motion = OnlineTrajectoryGenerator(LIMITS, driven.motion.position)
    driven.stream.add(driven.now, (0.6, 0.3))
    motion.set_goal((0.6, 0.3))
    for _ in range(30):
        driven.step()
        motion.step(PERIOD)
        np.testing.assert_allclose(driven.motion.position, motion.position, atol=1e-7)


def test_a_drag_is_caught_up_with_the_quickest_way():
    """One that begins while the arm is on its way to where it begins."""
    driven, motion = Driven((0.0, 0.0)), OnlineTrajectoryGenerator(LIMITS, (0.0, 0.0))
    driven.follow([(0.0, (1.0, 0.5))])
    goals = [(0.1 + at, goal) for at, goal in streamed(lambda t: (1 + t / 10, 0.5), 50.0, 0.6)]
    driven.follow(goals)
    motion.set_goal((1.0, 0.5))
    motion.step(driven.now)
    assert motion.position[0] > 0.99
    assert driven.motion.position[0] > motion.position[0]


def test_joints_that_are_still_on_their_way_to_a_drag_follow_it_smoothly_as_soon_as_they_can():
    """Not only once both are among its goals: joint 1 has a way of its own to go here."""
    driven = Driven((0.0, 0.0))
    driven.follow(streamed(lambda time: (0.5, 2.0 * sin(time)), 50.0, 2.0))
    assert np.diff(driven.course[2][20:70, 1]).std() / PERIOD < 50.0


@pytest.mark.parametrize('period', [0.002, 0.05])
@pytest.mark.parametrize('time', [0.015, 0.1])
def test_errors_wear_off_by_the_same_part_in_every_period(period, time):
    """Each pole of the error, of position, velocity and acceleration, is where it is said to be."""
    moves = np.array([[1.0, period, period**2 / 2.0], [0.0, 1.0, period], [0.0, 0.0, 1.0]])
    pushes = np.array([period**3 / 6.0, period**2 / 2.0, period])
    poles = np.linalg.eigvals(moves - np.outer(pushes, _feedback_gains(period, time)))
    np.testing.assert_allclose(poles, np.full(3, time / (period + time)), atol=1e-4)


@pytest.mark.parametrize('period', [0.01, 0.05])
@pytest.mark.parametrize('speed', [2.9, 3.1, 4.0])
def test_a_stream_at_the_limit_of_velocity_does_not_carry_the_arm_beyond(speed, period):
    """Nor does what it has to catch up with, or how the velocity swings between two steps."""
    driven = Driven((-2.0, 0.0))
    rng = np.random.default_rng(5)
    driven.follow(streamed(lambda t: (speed * t - 2.0, 0.0), 50.0, 1.2, rng), period)
    assert driven.course[1].max() > 2.5
    driven.rest(period)
    within(driven, LIMITS)


@pytest.mark.parametrize('period', [0.01, 0.05])
@pytest.mark.parametrize(('speed', 'rate'), [(2.0, 50.0), (4.0, 20.0)])
def test_a_zigzag_is_followed_within_the_limits(speed, rate, period):
    """Each turn asks for more acceleration than there is, and the way between for more speed."""

    def zigzag(time):
        back = abs(time / 0.4 % 2.0 - 1.0)
        return 0.4 * speed * back, -0.2 * speed * back

    driven = Driven(zigzag(0.0))
    driven.follow(streamed(zigzag, rate, 1.2, np.random.default_rng(2)), period)
    assert np.abs(driven.course[2]).max() == pytest.approx(10.0)
    driven.rest(period)
    within(driven, LIMITS)


def lags(driven, path, since):
    """Return how far each joint is behind its path, s: what fits the driven motion best."""
    shifts = np.arange(0.0, 0.3, 0.002)
    times = np.array(driven.times)
    used = times > since
    asked = np.array([[path(time - shift) for shift in shifts] for time in times[used]])
    off = ((asked - driven.course[0][used][:, None]) ** 2).sum(axis=0)
    return shifts[off.argmin(axis=0)]


def distances(driven, path, since):
    """Return how far off its path (rad) the motion is, wherever on it."""
    shifts = np.arange(0.0, 0.3, 0.002)
    return np.array(
        [
            min(np.hypot(*np.subtract(path(time - shift), state.position)) for shift in shifts)
            for time, state in zip(driven.times[::4], driven.rows[::4], strict=True)
            if time > since
        ]
    )


@pytest.mark.parametrize(('rate', 'nearer'), [(20.0, 2.0), (50.0, 4.0), (1000.0, 4.0)])
def test_a_figure_eight_keeps_its_shape(rate, nearer):
    """Against the quickest way to each goal: much nearer the path, half of the jerk."""
    path, goals = eight(6.0), streamed(eight(6.0), rate, 4.5, np.random.default_rng(1))
    driven, bare = Driven(path(0.0)), Driven(path(0.0))
    driven.follow(goals)
    bare.stream.update = lambda motion, now, seconds: None
    bare.stream.add = lambda now, goal: bare.motion.set_goal(goal)
    bare.follow(goals)
    assert distances(driven, path, 1.5).max() < distances(bare, path, 1.5).max() / nearer
    first, second = lags(driven, path, 1.5)
    assert abs(first - second) < 0.005
    assert first < lags(bare, path, 1.5).max() + 0.06
    if rate < 1.0 / PERIOD:
        jerks = [np.diff(one.course[2][150:], axis=0).std() for one in (driven, bare)]
        assert jerks[0] < jerks[1] / 2.0


@pytest.mark.parametrize('lap', [12.0, 3.0])
@pytest.mark.parametrize('end', np.arange(0.5, 2.0, 0.25).tolist())
def test_a_stream_that_ends_at_once_is_not_overrun(lap, end):
    """A user who drags and lets go does not see the arm run past."""
    path = eight(lap)
    goals = streamed(path, 60.0, end, np.random.default_rng(2))
    driven = Driven(path(0.0))
    driven.follow(goals)
    ended = len(driven.rows)
    driven.rest()
    assert (len(driven.rows) - ended) * PERIOD < 0.6
    q = driven.course[0][ended:]
    recent = np.array([goal for at, goal in goals if at > end - 0.5])
    assert (q >= recent.min(axis=0) - 1e-8).all()
    assert (q <= recent.max(axis=0) + 1e-8).all()
    np.testing.assert_allclose(q[-1], goals[-1][1], atol=1e-9)


def test_it_counts_when_a_goal_was_received_not_when_the_motion_steps():
    """70 goals a second fall into 100 steps one by one or not at all; the motion stays even."""
    driven = Driven((0.0, 0.0))
    driven.follow(streamed(lambda time: (time, -0.5 * time), 70.0, 2.5))
    velocity = driven.course[1][100:]
    np.testing.assert_allclose(velocity, np.full_like(velocity, (1.0, -0.5)), rtol=0.03)


def test_it_goes_on_where_something_else_has_moved_the_arm():
    """After a brake, or from a motion that began anew elsewhere."""
    path = eight(6.0)
    driven = Driven(path(0.0))
    driven.follow(streamed(path, 50.0, 1.0))
    driven.motion.brake()
    driven.rest()
    driven.motion = OnlineTrajectoryGenerator(LIMITS, (-1.0, -1.0))
    driven.step()
    driven.rest()
    np.testing.assert_allclose(driven.motion.position, path(0.98), atol=1e-9)


def test_a_step_that_takes_no_time_changes_nothing():
    driven = Driven(eight(6.0)(0.0))
    driven.follow(streamed(eight(6.0), 50.0, 1.0))
    before = driven.motion.state
    driven.step(0.0)
    np.testing.assert_allclose(driven.motion.state, before, atol=1e-12)
    driven.step()
    assert np.isfinite(driven.motion.state).all()


def test_what_has_been_cleared_is_not_gone_to():
    driven = Driven((0.0, 0.0))
    driven.stream.add(0.0, (1.0, 1.0))
    driven.stream.clear()
    driven.step()
    assert driven.motion.at_rest
    driven.follow([(0.02, (1.0, 1.0))])
    driven.motion.brake()
    driven.stream.clear()
    driven.rest()
    assert driven.motion.position[0] < 0.1


def test_new_limits_hold_from_the_next_step_on():
    """Also for a single goal, whose way has been planned."""
    slow = MotionLimits((0.5, 0.5), LIMITS.acceleration, LIMITS.jerk)
    driven = Driven((0.0, 0.0))
    driven.stream.add(0.0, (2.0, 2.0))
    for _ in range(40):
        driven.step()
    driven.motion.set_limits(slow)
    for _ in range(80):
        driven.step()
    assert driven.motion.velocity == pytest.approx((0.5, 0.5))
    driven.rest()
    within(driven, LIMITS)


def test_a_push_is_integrated():
    push = ConstantJerkSegment(KinematicState((1.0, -2.0), (0.5, 0.0), (3.0, -1.0)), (-40.0, 7.0))
    at = np.linspace(0.0, 0.5, 5001)
    q, v, a = np.array([push.at(time) for time in at]).transpose(1, 0, 2)
    assert push.at(0.0) == push.initial_state
    np.testing.assert_allclose(np.gradient(q, at, axis=0)[1:-1], v[1:-1], atol=1e-6)
    np.testing.assert_allclose(np.gradient(v, at, axis=0)[1:-1], a[1:-1], atol=1e-6)
    np.testing.assert_allclose(np.diff(a, axis=0) / 1e-4, np.full((5000, 2), push.jerk))


@pytest.mark.parametrize('centre', [(0.0, 0.0), (1.5, -7.0)])
def test_the_stopping_range_is_that_of_the_braking(centre):
    """Wherever the joints are: Ruckig's own adds the place 0 to it."""
    rng = np.random.default_rng(3)
    motion = OnlineTrajectoryGenerator(UNEQUAL, (0.0, 0.0))
    for _ in range(50):
        state = motion.state._replace(
            position=centre,
            velocity=tuple((rng.uniform(-1.0, 1.0, 2) * UNEQUAL.velocity).tolist()),
            acceleration=tuple((rng.uniform(-1.0, 1.0, 2) * UNEQUAL.acceleration).tolist()),
        )
        positions = motion.plan_stop(state).positions(0.001)
        ranges = np.array(motion.stopping_range(state))
        np.testing.assert_allclose(ranges[:, 0], positions.min(axis=0), atol=1e-5)
        np.testing.assert_allclose(ranges[:, 1], positions.max(axis=0), atol=1e-5)
