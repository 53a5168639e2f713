"""SmoothController goes along paths: on them, within its limits, and gives them up where it must."""

from itertools import pairwise

import numpy as np
import pytest
from closed_loop import ARM, CONFIG, LOWER, PERIOD, STEPS, UPPER, Played, require_within
from paths import circle, figure_eight, off_lines, square, wave

from ik_nn_ros.collision.zones import Circle
from ik_nn_ros.control.controller import MotionConfig
from ik_nn_ros.control.passthrough import PassthroughController
from ik_nn_ros.control.smooth_controller import STALL_TIMEOUT_S, MotionPhase
from ik_nn_ros.ik.path import solve_path
from ik_nn_ros.ik.solver import HybridSolver
from ik_nn_ros.trajectory.keep_out import KeepOut
from ik_nn_ros.trajectory.time_scaling import ScaledTrajectory

OFF = 5e-4 * ARM.reach
SOLVER = HybridSolver(ARM)


def joint_path(xy, now=(0.3, 0.5)):
    return solve_path(SOLVER, xy, now).path


def begun(xy, config=CONFIG, lag=PERIOD):
    """A motion that has just joined a path."""
    it = Played(config=config, lag=lag)
    it.tick()
    path = joint_path(xy)
    assert it.motion.follow_path(it.now, path) is None
    for _ in range(STEPS):
        it.tick()
        if it.motion._executor.on_path:
            break
    return it, path


def joined(it, path):
    """The commands from where the path begins."""
    q = np.array(it.commands)
    return q[np.argmax(np.abs(q - path.waypoints[0]).max(axis=1) < 1e-6) :]


def require_followed(it, path, xy):
    assert len(xy) == 1 or off_lines(ARM.fk(joined(it, path)), np.asarray(xy)) <= OFF
    np.testing.assert_allclose(it.commands[-1], path.waypoints[-1], atol=1e-9)
    assert it.motion.phase is MotionPhase.IDLE
    assert not it.motion.fault
    require_within(it.commands)


@pytest.mark.parametrize('straight', [False, True], ids=['joints', 'cartesian'])
@pytest.mark.parametrize('xy', [figure_eight(), square(), [(0.3, 0.1)]], ids=['8', 'square', 'one'])
def test_goes_to_where_it_begins_and_along_it(xy, straight):
    it = Played(config=MotionConfig(cartesian_path=straight))
    it.tick()
    path = joint_path(xy)
    assert it.motion.follow_path(it.now, path) is None
    it.until_rest()
    require_followed(it, path, xy)
    assert it.tick() is None


@pytest.mark.parametrize('seed', range(6))
def test_the_pace_changes_on_the_way_but_not_the_path(seed):
    rng = np.random.default_rng(seed)
    xy = [figure_eight(), square(), circle((0.0, 0.0), 0.35, 300, 0.6, -2.5)][seed % 3]
    it, path = begun(xy)
    while not it.motion.at_rest:
        it.run(rng.choice([0.01, 0.05, 0.3]))
        scale = float(rng.choice([0.0, 0.05, 0.5, 1.0]))
        it.motion.config = MotionConfig(speed_scale=scale)
        if scale == 0.0:
            it.run(rng.choice([0.01, 0.1, 3.0]))
            it.motion.config = CONFIG
    require_followed(it, path, xy)


def test_at_speed_zero_it_stops_on_the_path_and_goes_on_when_it_is_raised():
    it, path = begun(figure_eight())
    it.run(1.0)
    assert not it.motion.at_rest
    it.motion.config = MotionConfig(speed_scale=0.0)
    before = it.now
    it.until_rest()
    assert it.now - before < 1.5
    where = it.commands[-1]
    assert it.tick() is None
    it.run(2.0)
    it.motion.config = CONFIG
    for _ in range(10):
        it.tick()
    np.testing.assert_allclose(it.commands[-1], where, atol=0.01)
    it.until_rest()
    require_followed(it, path, figure_eight())


def test_speed_scale_is_the_part_of_the_speed():
    took = []
    for scale in (1.0, 0.5):
        it, _ = begun(square(), MotionConfig(speed_scale=scale))
        before = it.now
        it.until_rest()
        took.append(it.now - before)
    assert took[1] == pytest.approx(2.0 * took[0], abs=0.05)


@pytest.mark.parametrize('time', [0.3, 1.0, 2.0])
def test_a_new_goal_or_path_replaces_it_smoothly(time):
    it, _ = begun(figure_eight())
    it.run(time)
    speed = np.abs(it.motion.velocity).max()
    it.go((1.0, 0.8))
    it.run(0.05)
    assert np.abs(it.motion.velocity).max() > 0.2 * speed
    it.run(0.3)
    path = joint_path(square())
    it.motion.follow_path(it.now, path)
    it.until_rest()
    require_followed(it, path, square())


def test_a_goal_where_the_path_begins_replaces_it():
    it, path = begun(figure_eight())
    goal = tuple(path.waypoints[0].tolist())
    it.go(goal)
    it.run(0.02)
    it.until_rest()
    np.testing.assert_allclose(it.commands[-1], goal, atol=1e-9)
    assert len(it.commands) < 200


def test_the_next_goal_is_chosen_from_where_it_is_on_the_path():
    it, _ = begun(figure_eight())
    it.run(1.0)
    assert it.motion.seed_joints(it.now) == it.motion._generator.position


def test_a_hold_on_the_way_brakes_and_forgets_it():
    it, _ = begun(figure_eight())
    it.run(1.0)
    it.motion.hold(it.now)
    before = len(it.commands)
    it.until_rest()
    assert len(it.commands) - before < 60
    require_within(it.commands)
    it.run(1.0)
    assert it.motion.phase is MotionPhase.IDLE
    it.motion.config = CONFIG
    it.run(0.1)
    assert it.motion.at_rest


def test_other_limits_end_it():
    """It was planned for those before."""
    it, _ = begun(figure_eight())
    it.run(1.0)
    it.motion.config = MotionConfig(velocity=(1.0, 1.0))
    it.until_rest()
    assert 'limits that the path was planned with' in it.motion.fault
    it.run(0.5)
    assert it.motion.at_rest


def test_silent_joint_states_end_it():
    it, _ = begun(figure_eight())
    it.run(1.0, measured=False)
    it.until_rest(measured=False)
    assert 'no joint_states' in it.motion.fault
    require_within(it.commands)
    it.run(1.0)
    assert it.motion.at_rest


def test_a_path_is_no_stream_of_targets_that_falls_silent():
    xy = figure_eight()
    it, path = begun(xy, MotionConfig(target_timeout=0.3))
    it.until_rest()
    require_followed(it, path, xy)


def test_a_late_loop_goes_on_from_where_it_was_on_the_path():
    xy = figure_eight()
    it, path = begun(xy)
    it.run(1.5)
    before = len(it.commands)
    it.tick(seconds=0.2)
    assert it.motion.stall_count == 1
    np.testing.assert_allclose(it.motion.velocity, 0.0)
    it.until_rest()
    assert len(it.commands) - before > 150
    assert off_lines(ARM.fk(joined(it, path)), xy) <= OFF
    require_within(it.commands[before + 1 :])
    np.testing.assert_allclose(it.commands[-1], path.waypoints[-1], atol=1e-9)


def test_after_a_long_pause_of_the_loop_it_is_forgotten():
    it, _ = begun(figure_eight())
    it.run(1.0)
    it.tick(seconds=STALL_TIMEOUT_S + 0.1)
    assert it.motion.at_rest
    it.run(2.0)
    assert it.motion.at_rest


def test_from_outside_the_limits_it_goes_inside_first_and_then_along():
    it = Played((2.95, 0.5))
    it.tick()
    path = joint_path(square(), (2.9, 0.5))
    assert it.motion.follow_path(it.now, path) is None
    it.until_rest()
    assert off_lines(ARM.fk(joined(it, path)), square()) <= OFF
    np.testing.assert_allclose(it.commands[-1], path.waypoints[-1], atol=1e-9)


def test_along_a_joint_limit_it_stays_inside():
    """The brakes would end past the limit where the way just turns about: there it waits."""
    inner = np.hypot(*ARM.fk((0.0, 2.6)))
    xy = np.vstack([[(0.3, -0.2)], circle((0.0, 0.0), inner + 1e-9, 200, 0.3, -1.0), [(0.3, 0.3)]])
    it, path = begun(xy)
    it.until_rest()
    q = np.array(it.commands)
    assert (q >= LOWER).all()
    assert (q <= UPPER).all()
    require_within(it.commands)
    np.testing.assert_allclose(q[-1], path.waypoints[-1], atol=1e-9)


def post(x, y):
    return KeepOut(ARM, [Circle((x, y), 0.01)], [], 0.02)


def test_a_long_path_past_a_zone_is_refused_wherever_the_zone_is():
    """Twenty seconds and more: sampled as one, the zone would be between two samples."""
    there = np.column_stack((np.full(40, 0.35), np.linspace(-0.2, 0.2, 40)))
    xy = np.vstack([there, there[::-1]] * 8 + [[(0.35, -0.2), (0.3, -0.35)]])
    path = joint_path(xy)
    it = Played()
    it.tick()
    for zone, refused in ((post(0.315, -0.365), True), (post(-0.3, 0.3), False)):
        it.motion.keep_out = zone
        answer = it.motion.follow_path(it.now, path)
        assert (answer is not None) == refused
        if answer is not None:
            assert answer.code == 'OBSTRUCTED'
            assert 'expected at least 0.02 m' in answer.detail
            assert it.motion.at_rest


def test_the_way_to_the_path_is_judged_too():
    it = Played((1.5, 0.1))
    it.tick()
    it.motion.keep_out = post(0.3, 0.3)
    answer = it.motion.follow_path(it.now, joint_path([(0.4, -0.1), (0.4, -0.15)]))
    assert answer.code == 'OBSTRUCTED'
    assert it.motion.at_rest


def test_whoever_was_handed_a_path_may_be_behind():
    """A command in between would end what it is to do."""
    it = Played(lag=0.1)
    it.tick()
    assert it.motion.follow_path(it.now, joint_path(square())) is None
    assert it.motion.commit_trajectory() is not None
    it.until_rest()
    assert it.motion.tracking_error > 2e-3
    assert it.tick() is None


def test_direct_motion_refuses_paths():
    answer = PassthroughController(ARM, CONFIG).follow_path(0.0, joint_path(square()))
    assert answer.code == 'UNSUPPORTED'
    assert answer.detail == 'motion: got direct, expected smooth, to follow a path'


@pytest.mark.parametrize('seed', range(3))
def test_paths_goals_holds_and_speeds_in_any_order_keep_every_limit(seed):
    rng = np.random.default_rng(seed)
    it = Played(lag=PERIOD)
    it.tick()
    paths = [joint_path(xy) for xy in (figure_eight(), square(), wave(rng), [(0.2, 0.2)])]
    paths = [path for path in paths if path is not None]
    for _ in range(5000):
        event = rng.random()
        if event < 0.01:
            it.motion.follow_path(it.now, paths[rng.integers(len(paths))])
        elif event < 0.015:
            it.go(tuple(rng.uniform(LOWER, UPPER).tolist()))
        elif event < 0.016:
            it.motion.stop()
        elif event < 0.025:
            scale = float(rng.choice([0.0, 0.1, 0.5, 1.0]))
            it.motion.config = MotionConfig(speed_scale=scale)
        it.tick()
    it.motion.config = CONFIG
    it.until_rest()
    q = np.array(it.commands)
    assert (q >= LOWER).all()
    assert (q <= UPPER).all()
    require_continuous(it)
    assert not it.motion.fault


def require_continuous(it):
    """Silence at rest leaves no gap in the commands: it goes on from the last."""
    require_within(it.commands)
    assert all(
        np.abs(np.subtract(b, a)).max() <= 3.0 * PERIOD + 1e-6 for a, b in pairwise(it.commands)
    )


@pytest.mark.parametrize('rate', [0.0, 0.3])
def test_the_reserve_lets_the_pace_change_anywhere(rate):
    it, _ = begun(figure_eight())
    course, limits = it.motion._executor.path_trajectory, CONFIG.motion_limits(ARM)
    for place in (np.linspace(0.02, 0.98, 49) * course.duration).tolist():
        even = ScaledTrajectory.from_rest(course, 0.0, 1.0, limits)
        ride = even.with_speed_ratio(place, rate, limits)
        assert ride is not None
        assert ride._keeps_limits(limits)
        assert ride.at(0.0) == course.at(place)
        slowed = ride.at(4.0)
        there = course.at(ride.path_time(4.0))
        np.testing.assert_allclose(slowed.velocity, rate * np.array(there.velocity), atol=1e-9)
