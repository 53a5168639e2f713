"""The smooth controller follows paths within its limits, and discards them where it must."""

from itertools import pairwise

import numpy as np
import pytest
from closed_loop import (
    ARM,
    CONFIG,
    LOWER,
    MAX_STEPS,
    PERIOD,
    UPPER,
    ClosedLoopRig,
    assert_within_limits,
)
from paths import circle, figure_eight, off_lines, square, wave

from ik_nn_ros.collision.zones import Circle
from ik_nn_ros.control.controller import MotionConfig
from ik_nn_ros.control.passthrough import PassthroughController
from ik_nn_ros.control.smooth_controller import STALL_TIMEOUT_S, MotionPhase
from ik_nn_ros.ik.path import solve_path
from ik_nn_ros.ik.solver import HybridSolver
from ik_nn_ros.trajectory.keep_out import KeepOut
from ik_nn_ros.trajectory.time_scaling import ScaledTrajectory

PATH_TOLERANCE_M = 5e-4 * ARM.reach
SOLVER = HybridSolver(ARM)


def joint_path(xy, now=(0.3, 0.5)):
    return solve_path(SOLVER, xy, now).path


def rig_on_path(xy, config=CONFIG, lag=PERIOD):
    """Return a rig that has just joined a path, and the path."""
    rig = ClosedLoopRig(config=config, lag=lag)
    rig.step()
    path = joint_path(xy)
    assert rig.controller.follow_path(rig.now, path) is None
    for _ in range(MAX_STEPS):
        rig.step()
        if rig.controller._executor.on_path:
            break
    return rig, path


def commands_on_path(rig, path):
    """Return the commands from the start of the path on."""
    q = np.array(rig.commands)
    return q[np.argmax(np.abs(q - path.waypoints[0]).max(axis=1) < 1e-6) :]


def assert_followed(rig, path, xy):
    assert (
        len(xy) == 1
        or off_lines(ARM.fk(commands_on_path(rig, path)), np.asarray(xy)) <= PATH_TOLERANCE_M
    )
    np.testing.assert_allclose(rig.commands[-1], path.waypoints[-1], atol=1e-9)
    assert rig.controller.phase is MotionPhase.IDLE
    assert not rig.controller.fault
    assert_within_limits(rig.commands)


@pytest.mark.parametrize('straight', [False, True], ids=['joints', 'cartesian'])
@pytest.mark.parametrize('xy', [figure_eight(), square(), [(0.3, 0.1)]], ids=['8', 'square', 'one'])
def test_the_arm_moves_to_the_start_of_a_path_and_follows_it(xy, straight):
    rig = ClosedLoopRig(config=MotionConfig(cartesian_path=straight))
    rig.step()
    path = joint_path(xy)
    assert rig.controller.follow_path(rig.now, path) is None
    rig.run_until_rest()
    assert_followed(rig, path, xy)
    assert rig.step() is None


@pytest.mark.parametrize('seed', range(6))
def test_the_speed_changes_on_the_path_but_not_the_path(seed):
    rng = np.random.default_rng(seed)
    xy = [figure_eight(), square(), circle((0.0, 0.0), 0.35, 300, 0.6, -2.5)][seed % 3]
    rig, path = rig_on_path(xy)
    while not rig.controller.at_rest:
        rig.run(rng.choice([0.01, 0.05, 0.3]))
        scale = float(rng.choice([0.0, 0.05, 0.5, 1.0]))
        rig.controller.config = MotionConfig(speed_scale=scale)
        if scale == 0.0:
            rig.run(rng.choice([0.01, 0.1, 3.0]))
            rig.controller.config = CONFIG
    assert_followed(rig, path, xy)


def test_the_arm_stops_on_the_path_at_speed_zero_and_resumes_at_a_higher_one():
    rig, path = rig_on_path(figure_eight())
    rig.run(1.0)
    assert not rig.controller.at_rest
    rig.controller.config = MotionConfig(speed_scale=0.0)
    before = rig.now
    rig.run_until_rest()
    assert rig.now - before < 1.5
    where = rig.commands[-1]
    assert rig.step() is None
    rig.run(2.0)
    rig.controller.config = CONFIG
    for _ in range(10):
        rig.step()
    np.testing.assert_allclose(rig.commands[-1], where, atol=0.01)
    rig.run_until_rest()
    assert_followed(rig, path, figure_eight())


def test_speed_scale_is_the_fraction_of_the_speed():
    durations = []
    for scale in (1.0, 0.5):
        rig, _ = rig_on_path(square(), MotionConfig(speed_scale=scale))
        before = rig.now
        rig.run_until_rest()
        durations.append(rig.now - before)
    assert durations[1] == pytest.approx(2.0 * durations[0], abs=0.05)


@pytest.mark.parametrize('time', [0.3, 1.0, 2.0])
def test_a_new_goal_or_path_replaces_it_smoothly(time):
    rig, _ = rig_on_path(figure_eight())
    rig.run(time)
    speed = np.abs(rig.controller.velocity).max()
    rig.go_to((1.0, 0.8))
    rig.run(0.05)
    assert np.abs(rig.controller.velocity).max() > 0.2 * speed
    rig.run(0.3)
    path = joint_path(square())
    rig.controller.follow_path(rig.now, path)
    rig.run_until_rest()
    assert_followed(rig, path, square())


def test_a_goal_at_the_start_of_the_path_replaces_it():
    rig, path = rig_on_path(figure_eight())
    goal = tuple(path.waypoints[0].tolist())
    rig.go_to(goal)
    rig.run(0.02)
    rig.run_until_rest()
    np.testing.assert_allclose(rig.commands[-1], goal, atol=1e-9)
    assert len(rig.commands) < 200


def test_the_seed_of_the_next_goal_is_the_position_on_the_path():
    rig, _ = rig_on_path(figure_eight())
    rig.run(1.0)
    assert rig.controller.seed_joints(rig.now) == rig.controller._generator.position


def test_a_hold_brakes_and_discards_the_path():
    rig, _ = rig_on_path(figure_eight())
    rig.run(1.0)
    rig.controller.hold(rig.now)
    before = len(rig.commands)
    rig.run_until_rest()
    assert len(rig.commands) - before < 60
    assert_within_limits(rig.commands)
    rig.run(1.0)
    assert rig.controller.phase is MotionPhase.IDLE
    rig.controller.config = CONFIG
    rig.run(0.1)
    assert rig.controller.at_rest


def test_other_limits_end_the_path():
    """It was planned with the previous ones."""
    rig, _ = rig_on_path(figure_eight())
    rig.run(1.0)
    rig.controller.config = MotionConfig(velocity=(1.0, 1.0))
    rig.run_until_rest()
    assert 'limits that the path was planned with' in rig.controller.fault
    rig.run(0.5)
    assert rig.controller.at_rest


def test_silent_joint_states_end_the_path():
    rig, _ = rig_on_path(figure_eight())
    rig.run(1.0, measured=False)
    rig.run_until_rest(measured=False)
    assert 'no joint_states' in rig.controller.fault
    assert_within_limits(rig.commands)
    rig.run(1.0)
    assert rig.controller.at_rest


def test_target_timeout_does_not_apply_to_paths():
    xy = figure_eight()
    rig, path = rig_on_path(xy, MotionConfig(target_timeout=0.3))
    rig.run_until_rest()
    assert_followed(rig, path, xy)


def test_after_a_late_step_the_path_continues_where_the_arm_left_it():
    xy = figure_eight()
    rig, path = rig_on_path(xy)
    rig.run(1.5)
    before = len(rig.commands)
    rig.step(seconds=0.2)
    assert rig.controller.stall_count == 1
    np.testing.assert_allclose(rig.controller.velocity, 0.0)
    rig.run_until_rest()
    assert len(rig.commands) - before > 150
    assert off_lines(ARM.fk(commands_on_path(rig, path)), xy) <= PATH_TOLERANCE_M
    assert_within_limits(rig.commands[before + 1 :])
    np.testing.assert_allclose(rig.commands[-1], path.waypoints[-1], atol=1e-9)


def test_after_a_stall_the_path_is_discarded():
    rig, _ = rig_on_path(figure_eight())
    rig.run(1.0)
    rig.step(seconds=STALL_TIMEOUT_S + 0.1)
    assert rig.controller.at_rest
    rig.run(2.0)
    assert rig.controller.at_rest


def test_from_outside_the_limits_the_arm_returns_inside_before_the_path():
    rig = ClosedLoopRig((2.95, 0.5))
    rig.step()
    path = joint_path(square(), (2.9, 0.5))
    assert rig.controller.follow_path(rig.now, path) is None
    rig.run_until_rest()
    assert off_lines(ARM.fk(commands_on_path(rig, path)), square()) <= PATH_TOLERANCE_M
    np.testing.assert_allclose(rig.commands[-1], path.waypoints[-1], atol=1e-9)


def test_a_path_along_a_joint_limit_stays_inside():
    """A stop would end past the limit where the path just turns back: the arm waits there."""
    inner = np.hypot(*ARM.fk((0.0, 2.6)))
    xy = np.vstack([[(0.3, -0.2)], circle((0.0, 0.0), inner + 1e-9, 200, 0.3, -1.0), [(0.3, 0.3)]])
    rig, path = rig_on_path(xy)
    rig.run_until_rest()
    q = np.array(rig.commands)
    assert (q >= LOWER).all()
    assert (q <= UPPER).all()
    assert_within_limits(rig.commands)
    np.testing.assert_allclose(q[-1], path.waypoints[-1], atol=1e-9)


def post(x, y):
    return KeepOut(ARM, [Circle((x, y), 0.01)], [], 0.02)


def test_a_long_path_past_a_zone_is_rejected_wherever_the_zone_is():
    """It takes over 20 s: sampled as a whole, the zone would lie between two samples."""
    there = np.column_stack((np.full(40, 0.35), np.linspace(-0.2, 0.2, 40)))
    xy = np.vstack([there, there[::-1]] * 8 + [[(0.35, -0.2), (0.3, -0.35)]])
    path = joint_path(xy)
    rig = ClosedLoopRig()
    rig.step()
    for zone, refused in ((post(0.315, -0.365), True), (post(-0.3, 0.3), False)):
        rig.controller.keep_out = zone
        answer = rig.controller.follow_path(rig.now, path)
        assert (answer is not None) == refused
        if answer is not None:
            assert answer.code == 'OBSTRUCTED'
            assert 'expected at least 0.02 m' in answer.detail
            assert rig.controller.at_rest


def test_the_motion_to_the_start_of_a_path_is_checked_too():
    rig = ClosedLoopRig((1.5, 0.1))
    rig.step()
    rig.controller.keep_out = post(0.3, 0.3)
    answer = rig.controller.follow_path(rig.now, joint_path([(0.4, -0.1), (0.4, -0.15)]))
    assert answer.code == 'OBSTRUCTED'
    assert rig.controller.at_rest


def test_nothing_is_resent_to_a_controller_that_follows_a_committed_path():
    """A command would interrupt its trajectory."""
    rig = ClosedLoopRig(lag=0.1)
    rig.step()
    assert rig.controller.follow_path(rig.now, joint_path(square())) is None
    assert rig.controller.commit_trajectory() is not None
    rig.run_until_rest()
    assert rig.controller.tracking_error > 2e-3
    assert rig.step() is None


def test_direct_motion_rejects_paths():
    answer = PassthroughController(ARM, CONFIG).follow_path(0.0, joint_path(square()))
    assert answer.code == 'UNSUPPORTED'
    assert answer.detail == 'motion: got direct, expected smooth, to follow a path'


@pytest.mark.parametrize('seed', range(3))
def test_paths_goals_holds_and_speeds_in_any_order_keep_every_limit(seed):
    rng = np.random.default_rng(seed)
    rig = ClosedLoopRig(lag=PERIOD)
    rig.step()
    paths = [joint_path(xy) for xy in (figure_eight(), square(), wave(rng), [(0.2, 0.2)])]
    paths = [path for path in paths if path is not None]
    for _ in range(5000):
        event = rng.random()
        if event < 0.01:
            rig.controller.follow_path(rig.now, paths[rng.integers(len(paths))])
        elif event < 0.015:
            rig.go_to(tuple(rng.uniform(LOWER, UPPER).tolist()))
        elif event < 0.016:
            rig.controller.stop()
        elif event < 0.025:
            scale = float(rng.choice([0.0, 0.1, 0.5, 1.0]))
            rig.controller.config = MotionConfig(speed_scale=scale)
        rig.step()
    rig.controller.config = CONFIG
    rig.run_until_rest()
    q = np.array(rig.commands)
    assert (q >= LOWER).all()
    assert (q <= UPPER).all()
    assert_continuous(rig)
    assert not rig.controller.fault


def assert_continuous(rig):
    """After a pause at rest the commands continue from the last one."""
    assert_within_limits(rig.commands)
    assert all(
        np.abs(np.subtract(b, a)).max() <= 3.0 * PERIOD + 1e-6 for a, b in pairwise(rig.commands)
    )


@pytest.mark.parametrize('ratio', [0.0, 0.3])
def test_the_reserve_lets_the_speed_change_anywhere(ratio):
    rig, _ = rig_on_path(figure_eight())
    trajectory, limits = rig.controller._executor.path_trajectory, CONFIG.motion_limits(ARM)
    for path_time in (np.linspace(0.02, 0.98, 49) * trajectory.duration).tolist():
        full_speed = ScaledTrajectory.from_rest(trajectory, 0.0, 1.0, limits)
        scaled = full_speed.with_speed_ratio(path_time, ratio, limits)
        assert scaled is not None
        assert scaled._keeps_limits(limits)
        assert scaled.at(0.0) == trajectory.at(path_time)
        slowed = scaled.at(4.0)
        unscaled = trajectory.at(scaled.path_time(4.0))
        np.testing.assert_allclose(slowed.velocity, ratio * np.array(unscaled.velocity), atol=1e-9)
