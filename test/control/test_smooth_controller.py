"""The smooth controller keeps its limits, starts from the arm and stops when something fails."""

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

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.control.controller import MotionConfig
from ik_nn_ros.control.smooth_controller import STALL_TIMEOUT_S, MotionPhase, SmoothController
from ik_nn_ros.errors import ConfigError


def random_goal(rng):
    fraction = rng.random(2)
    # At the limits themselves a motion that brakes too late would be outside.
    fraction = np.where(rng.random(2) < 0.3, np.round(fraction), fraction)
    return tuple((LOWER + fraction * (UPPER - LOWER)).tolist())


def random_events(seed, cycles):
    """Send random goals, holds and speeds at random times to an arm that follows at once."""
    rng = np.random.default_rng(seed)
    rig = ClosedLoopRig(lag=PERIOD)
    rig.step()
    goal, commands = None, np.empty((cycles, 2))
    for cycle in range(cycles):
        event = rng.random()
        if event < 0.03:
            goal = random_goal(rng)
            rig.go_to(goal)
        elif event < 0.032:
            rig.controller.stop()
            goal = None
        elif event < 0.034:
            scale = float(rng.choice([0.0, 0.1, 0.5, 1.0]))
            rig.controller.config = MotionConfig(speed_scale=scale)
        rig.step()
        commands[cycle] = rig.q
    rig.controller.config = CONFIG
    if goal is not None:
        rig.go_to(goal)
    rig.run_until_rest()
    assert (commands >= LOWER).all()
    assert (commands <= UPPER).all()
    assert_within_limits(commands)
    assert not rig.controller.fault
    if goal is not None:
        np.testing.assert_allclose(rig.q, goal, atol=1e-9)


@pytest.mark.parametrize('seed', range(4))
def test_random_goals_at_random_times_keep_every_limit(seed):
    random_events(seed, 20_000)


@pytest.mark.soak
def test_a_million_cycles_keep_every_limit():
    for seed in range(10, 20):
        random_events(seed, 100_000)


# Start


def test_nothing_is_commanded_before_the_joints_are_measured():
    rig = ClosedLoopRig()
    rig.run(0.1, measured=False)
    assert rig.controller.rejection(rig.now).code == 'NO_JOINT_STATES'
    assert rig.controller.phase is MotionPhase.WAITING
    rig.step()
    assert rig.controller.rejection(rig.now) is None
    assert not rig.commands


def test_the_first_command_is_where_the_joints_are():
    rig = ClosedLoopRig((1.2, -0.7))
    rig.step()
    rig.go_to((0.0, 0.5))
    rig.run_until_rest()
    assert_within_limits(rig.commands, start=(1.2, -0.7))
    np.testing.assert_allclose(rig.commands[-1], (0.0, 0.5), atol=1e-9)


def test_a_motion_starts_with_the_velocity_of_a_moving_arm():
    """A start from standstill would be a dead stop."""
    rig = ClosedLoopRig((-0.2, 0.6))
    for _ in range(10):
        rig.move_by_hand((2.0, -1.0))
    rig.go_to((2.0, 0.5))
    first, second = rig.step(), rig.step()
    np.testing.assert_allclose(np.subtract(second, first) / PERIOD, (2.0, -1.0), atol=0.1)
    rig.run_until_rest()
    assert_within_limits(rig.commands)


def test_a_velocity_that_cannot_stop_inside_the_limits_is_reduced():
    """0.4 rad before a limit the joint cannot stop from 3 rad/s."""
    rig = ClosedLoopRig((2.5, 0.5))
    for _ in range(10):
        rig.move_by_hand((3.0, 0.0))
    rig.go_to((0.0, 0.5))
    rig.run_until_rest()
    assert np.max(np.array(rig.commands)[:, 0]) <= ARM.upper[0]


def test_velocities_are_estimated_where_they_are_not_measured():
    """joint_state_broadcaster sends NaN where the hardware has none."""
    motion = SmoothController(ARM, CONFIG)
    for step in range(20):
        motion.update_feedback(0.01 * step, 0.01 * step, (0.02 * step, 0.5), None)
    np.testing.assert_allclose(motion.feedback.velocity, (2.0, 0.0), atol=1e-9)


def test_the_next_motion_starts_at_the_command_under_which_the_servo_sags():
    """From the measured joints the arm would sag farther with every target."""
    rig = ClosedLoopRig()
    rig.step()
    rig.go_to((1.0, 0.8))
    rig.run_until_rest()
    rig.run(1.0)
    last = rig.commands[-1]
    sagged = np.array(last) - 0.015
    rig.q = sagged
    rig.received = None
    rig.step()
    rig.controller._rest_position = tuple(sagged)
    rig.go_to((0.5, 0.8))
    np.testing.assert_allclose(rig.step(), last, atol=1e-3)


def test_the_next_motion_starts_where_something_else_moved_the_arm():
    rig = ClosedLoopRig()
    rig.step()
    rig.go_to((1.0, 0.8))
    rig.run_until_rest()
    rig.run(1.0)
    rig.received = None  # another node has it now
    rig.q = np.array([-1.0, 1.5])
    rig.commands.clear()
    rig.run(0.1)
    rig.go_to((1.0, 0.8))
    rig.run_until_rest()
    assert_within_limits(rig.commands, start=(-1.0, 1.5))


# Rest


def test_nothing_is_commanded_at_rest():
    rig = ClosedLoopRig()
    rig.step()
    rig.go_to((1.0, 0.8))
    rig.run_until_rest()
    rig.commands.clear()
    rig.run(2.0)
    assert not rig.commands


def test_the_last_command_is_repeated_with_hold_when_idle():
    rig = ClosedLoopRig(config=MotionConfig(hold_when_idle=True))
    rig.run(0.05)
    np.testing.assert_allclose(rig.commands, [(0.3, 0.5)] * 5)
    rig.go_to((1.0, 0.8))
    rig.run_until_rest()
    assert rig.step() == pytest.approx((1.0, 0.8), abs=1e-9)


def stopped_short_of(goal, distance=0.03):
    """Return a rig whose motion has ended and whose arm has lost the last commands."""
    rig = ClosedLoopRig(config=MotionConfig(joint_states_timeout=0.1))
    rig.step()
    rig.go_to(goal)
    while not rig.controller.at_rest:
        rig.commands_lost = (
            bool(rig.commands) and np.abs(np.subtract(rig.commands[-1], goal)).max() < distance
        )
        rig.step()
    assert 0.3 * distance < rig.controller.tracking_error < distance
    rig.commands.clear()
    return rig


def test_a_lost_last_command_is_resent_until_the_joints_arrive():
    rig = stopped_short_of((1.0, 0.8))
    rig.run(0.1)
    rig.commands_lost = False
    rig.run(2.0)
    assert 10 < len(rig.commands) < 20
    np.testing.assert_allclose(rig.commands, [(1.0, 0.8)] * len(rig.commands), atol=1e-9)
    assert rig.controller.tracking_error < 2e-3


def test_the_last_command_is_resent_for_the_settling_time_only():
    """An arm that sags, or stands at an obstacle, never arrives."""
    rig = stopped_short_of((1.0, 0.8))
    rig.run(2.0)
    assert 40 <= len(rig.commands) <= 51
    assert not rig.controller.fault


@pytest.mark.parametrize('end', ['hold', 'moved away', 'silent'])
def test_the_last_command_is_not_resent_to_an_arm_that_must_not_move_there(end):
    rig = stopped_short_of((1.0, 0.8))
    rig.run(0.1)
    assert rig.step() is not None
    if end == 'hold':
        rig.controller.hold(rig.now)
        assert rig.step() is None
    elif end == 'moved away':
        rig.move_by_hand((-0.3, 0.0))
        rig.move_by_hand((-0.3, 0.0))
    else:
        rig.run(0.11, measured=False)
        assert rig.step(measured=False) is None


def test_a_command_from_before_a_stall_is_not_resent():
    """Something may have moved the arm meanwhile, even closer to the command."""
    rig = ClosedLoopRig(lag=0.05)
    rig.step()
    rig.go_to((2.5, 2.0))
    rig.run(0.5)
    rig.commands_lost = True
    rig.run(0.05)
    rig.step(seconds=0.6)
    assert rig.controller.at_rest
    rig.commands.clear()
    rig.q = 0.5 * (rig.q + rig.controller.command)
    rig.run(1.0)
    assert not rig.commands


def test_a_stop_brakes_within_the_limits_and_discards_the_goal():
    rig = ClosedLoopRig()
    rig.step()
    rig.go_to((2.5, 2.0))
    rig.run(0.5)
    assert rig.controller.velocity[0] > 2.0
    rig.controller.stop()
    rig.run_until_rest()
    assert_within_limits(rig.commands, start=(0.3, 0.5))
    assert rig.commands[-1][0] < 2.0
    rig.commands.clear()
    rig.run(1.0)
    assert not rig.commands


def test_speed_scale_zero_stops_the_arm_and_a_higher_one_resumes_the_motion():
    rig = ClosedLoopRig()
    rig.step()
    rig.go_to((2.5, 2.0))
    rig.run(0.3)
    rig.controller.config = MotionConfig(speed_scale=0.0)
    rig.run_until_rest()
    assert rig.commands[-1][0] < 2.4
    rig.controller.config = MotionConfig(speed_scale=0.2)
    rig.run_until_rest()
    assert rig.commands[-1] == pytest.approx((2.5, 2.0), abs=1e-9)
    assert_within_limits(rig.commands, start=(0.3, 0.5))


def test_speed_scale_bounds_the_velocity():
    rig = ClosedLoopRig(config=MotionConfig(speed_scale=0.25))
    rig.step()
    rig.go_to((2.5, 2.0))
    rig.run_until_rest()
    fastest = np.abs(np.diff(rig.commands, axis=0)).max() / PERIOD
    assert fastest == pytest.approx(0.75)


# Watchdogs


@pytest.mark.parametrize('hold', [False, True])
def test_silent_joint_states_stop_the_arm(hold):
    rig = ClosedLoopRig(config=MotionConfig(hold_when_idle=hold, speed_scale=0.3))
    rig.step()
    rig.go_to((2.5, 2.0))
    rig.run(0.3)
    rig.run_until_rest(measured=False)
    assert rig.controller.phase is MotionPhase.WAITING
    assert 'no joint_states' in rig.controller.fault
    assert rig.controller.rejection(rig.now).code == 'NO_JOINT_STATES'
    assert_within_limits(rig.commands)
    assert rig.commands[-1][0] < 2.0
    rig.commands.clear()
    rig.run(1.0, measured=False)
    rig.q = np.array([-2.0, 0.5])  # measured again, at another position
    rig.received = None
    rig.run(0.02)
    assert hold or not rig.commands
    rig.commands.clear()
    rig.go_to((0.0, 0.5))
    rig.run_until_rest()
    assert_within_limits(rig.commands, start=(-2.0, 0.5))


def test_frozen_joint_states_move_the_command_back_to_the_last_measured_position():
    rig = ClosedLoopRig()
    rig.step()
    rig.go_to((2.5, 2.0))
    rig.run(0.3)
    frozen = tuple(rig.q)
    codes = set()
    for _ in range(300):
        rejection = rig.controller.rejection(rig.now)
        codes.add(rejection and rejection.code)
        rig.now += PERIOD
        rig.controller.update_feedback(rig.now, rig.now, frozen, (0.0, 0.0))
        command = rig.controller.step(rig.now)
        if command is not None:
            rig.commands.append(command)
    assert rig.controller.at_rest
    assert 'frozen' in rig.controller.fault
    assert 'NO_JOINT_STATES' in codes
    # The arm may be blocked, too: only its last measured position is known.
    assert rig.commands[-1] == pytest.approx(frozen, abs=1e-6)
    assert_within_limits(rig.commands, start=(0.3, 0.5))


def test_after_frozen_joint_states_the_arm_moves_slowly_until_the_joints_change():
    """A blocked arm with coarse encoders looks frozen, too, and must become usable again."""
    rig = ClosedLoopRig(lag=PERIOD)
    rig.blocked_at = np.array([1.0, 9.0])
    rig.noise = 0.0
    rig.step()
    rig.go_to((2.5, 0.5))
    rig.run(4.0)
    assert 'frozen' in rig.controller.fault
    assert rig.controller.at_rest
    assert rig.commands[-1][0] == pytest.approx(1.0, abs=0.01), 'still pushes'
    assert rig.controller.rejection(rig.now) is None
    rig.commands.clear()
    rig.go_to((2.5, 0.5))
    rig.run(0.3)
    assert np.abs(np.diff(rig.commands, axis=0)).max() < 0.31 * PERIOD
    rig.blocked_at = None
    rig.run_until_rest()
    assert rig.commands[-1] == pytest.approx((2.5, 0.5), abs=1e-9)
    assert np.abs(np.diff(rig.commands, axis=0)).max() > 2.0 * PERIOD


def test_joints_that_do_not_follow_are_not_pushed():
    rig = ClosedLoopRig()
    rig.blocked_at = np.array([1.0, 9.0])
    rig.step()
    rig.go_to((2.5, 2.0))
    rig.run(3.0)
    assert rig.controller.at_rest
    assert 'do not follow' in rig.controller.fault
    assert abs(rig.commands[-1][0] - 1.0) < 0.05, 'still pushes'
    assert_within_limits(rig.commands, start=(0.3, 0.5))


def test_goals_are_rejected_until_the_command_has_yielded():
    """A stream of targets would push again at once."""
    rig = ClosedLoopRig()
    rig.blocked_at = np.array([1.0, 9.0])
    rig.step()
    rig.go_to((2.5, 2.0))
    while not rig.controller.fault:
        rig.step()
    codes = set()
    for _ in range(400):
        rig.step()
        rejection = rig.controller.rejection(rig.now)
        codes.add(rejection.code if rejection else None)
        if rejection is None:
            break
    assert codes == {'HOLDING', None}


def test_an_arm_that_stops_short_of_its_goal_is_not_pushed():
    """It is within tolerance and lag during the motion, but never at the goal."""
    rig = ClosedLoopRig(config=MotionConfig(tracking_tolerance=0.05))
    rig.blocked_at = np.array([0.9, 9.0])
    rig.step()
    rig.go_to((1.0, 0.6))
    rig.run(3.0)
    assert 'do not' in rig.controller.fault
    assert rig.commands[-1][0] == pytest.approx(0.9, abs=0.02)


def test_a_lagging_servo_is_no_fault():
    rig = ClosedLoopRig(lag=0.09)
    rig.step()
    rig.go_to((2.5, 2.0))
    rig.run_until_rest()
    assert not rig.controller.fault


def test_joint_states_at_a_tenth_of_the_rate_are_enough():
    rig = ClosedLoopRig()
    rig.step()
    rig.go_to((2.5, 2.0))
    for step in range(400):
        rig.step(measured=step % 10 == 0)
    assert not rig.controller.fault
    assert rig.commands[-1] == pytest.approx((2.5, 2.0), abs=1e-9)


def test_joint_states_out_of_order_do_not_count():
    rig = ClosedLoopRig()
    rig.step()
    rig.go_to((2.5, 2.0))
    old = []
    for _ in range(200):
        old.append((rig.now, tuple(rig.q)))
        rig.step()
        stamp, q = old[-min(15, len(old))]
        rig.controller.update_feedback(rig.now, stamp, q)
        assert rig.controller.feedback.raw_q == pytest.approx(tuple(rig.q), abs=0.05)
    assert not rig.controller.fault


def test_stamps_that_jump_do_no_harm():
    """The clock may be set, or simulated time may restart."""
    rig = ClosedLoopRig()
    rig.step()
    rig.go_to((2.5, 2.0))
    for jump in (0.0, -3600.0, 3600.0, -0.15, 0.0):
        for _ in range(20):
            rig.now += PERIOD
            rig.controller.update_feedback(rig.now, 5000.0 + jump + rig.now, tuple(rig.q))
            rig.q = np.array(rig.controller.step(rig.now) or rig.q)
    rig.run_until_rest()
    assert not rig.controller.fault
    assert rig.commands[-1] == pytest.approx((2.5, 2.0), abs=1e-9)


def test_a_silent_target_stream_ends_the_motion_after_target_timeout():
    rig = ClosedLoopRig(config=MotionConfig(target_timeout=0.2))
    rig.step()
    for _ in range(20):
        rig.go_to((2.5, 2.0))
        rig.run(0.02)
    rig.run_until_rest()
    assert 'no target for 0.2 s' in rig.controller.fault
    assert rig.commands[-1][0] < 2.4
    assert_within_limits(rig.commands, start=(0.3, 0.5))


def test_after_a_late_step_the_motion_restarts_from_standstill():
    """The servos have stopped at their last command: full speed would be a jolt."""
    rig = ClosedLoopRig()
    rig.step()
    rig.go_to((2.5, 2.0))
    rig.run(0.5)
    rig.commands.clear()
    rig.step(seconds=0.3)
    rig.run(0.1)
    assert_within_limits(rig.commands, start=rig.commands[0])
    assert rig.controller.stall_count == 1
    rig.run_until_rest()
    assert rig.commands[-1] == pytest.approx((2.5, 2.0), abs=1e-9)


def test_after_a_stall_the_goal_is_discarded():
    rig = ClosedLoopRig()
    rig.step()
    rig.go_to((2.5, 2.0))
    rig.run(0.5)
    before = rig.commands[-1]
    rig.now += 2.0
    rig.commands.clear()
    rig.run(0.5)
    assert 'stood still for 2' in rig.controller.fault
    assert all(q == before for q in rig.commands)
    assert STALL_TIMEOUT_S < 2.0
    assert rig.controller.rejection(rig.now) is None


# Outside the limits


@pytest.mark.parametrize('start', [(3.3, 0.5), (-3.1, -2.9), (0.3, 2.8)])
def test_an_arm_outside_its_limits_moves_slowly_inside_and_never_outward(start):
    rig = ClosedLoopRig(start)
    rig.step()
    rig.run(0.5)
    assert not rig.commands, 'moves without a goal'
    rig.go_to((0.5, 0.5))
    rig.run_until_rest()
    q = np.array(rig.commands)
    outside = np.maximum(np.maximum(q - UPPER, LOWER - q), 0.0)
    assert (np.diff(outside, axis=0) <= 1e-12).all(), 'outward'
    speed = np.abs(np.diff(q, axis=0)) / PERIOD
    beyond = outside[:-1].max(axis=1) > 0.0
    assert beyond.any()
    assert speed[beyond].max() <= 0.3 + 1e-9
    assert_within_limits(rig.commands, start=start)
    np.testing.assert_allclose(q[-1], (0.5, 0.5), atol=1e-9)


def test_a_joint_measured_outside_by_noise_counts_as_at_its_limit():
    rig = ClosedLoopRig((2.905, 0.5))
    rig.step()
    rig.go_to((2.0, 0.5))
    rig.run_until_rest()
    assert np.max(np.array(rig.commands)[:, 0]) <= ARM.upper[0]


def test_an_arm_outside_is_not_held_at_the_limit_and_waits_at_speed_zero():
    rig = ClosedLoopRig((3.4, 0.5), MotionConfig(hold_when_idle=True, speed_scale=0.0))
    rig.run(0.5)
    assert not rig.commands
    rig.go_to((0.5, 0.5))
    rig.run(0.5)
    assert set(rig.commands) <= {(3.4, 0.5)}
    rig.controller.config = CONFIG
    rig.run_until_rest()
    assert_within_limits(rig.commands, start=(3.4, 0.5))
    assert rig.commands[-1] == pytest.approx((0.5, 0.5), abs=1e-9)


def test_the_newest_goal_counts_while_the_arm_returns_inside():
    rig = ClosedLoopRig((3.2, 0.5))
    rig.step()
    rig.go_to((2.0, 0.5))
    rig.run(0.2)
    rig.go_to((1.0, 1.0))
    rig.run_until_rest()
    assert rig.commands[-1] == pytest.approx((1.0, 1.0), abs=1e-9)


def test_the_arm_stays_slow_outside_its_limits_after_a_stop():
    rig = ClosedLoopRig((3.4, 0.5))
    rig.step()
    rig.go_to((2.0, 0.5))
    rig.run(0.2)
    rig.controller.stop()
    rig.step()
    rig.go_to((1.0, 0.5))
    rig.run_until_rest()
    q = np.array(rig.commands)[:, 0]
    assert np.abs(np.diff(q[q > ARM.upper[0]])).max() <= 0.3 * PERIOD + 1e-9


# Wrong measurements


@pytest.mark.parametrize('wrong', [(50.0, 0.5), (-1.0, 2.0), (32768.0, 0.0)])
def test_a_single_outlier_is_ignored(wrong):
    rig = ClosedLoopRig()
    rig.step()
    rig.go_to((2.5, 2.0))
    rig.run(0.3)
    rig.controller.update_feedback(rig.now, rig.now, wrong)
    rig.run_until_rest()
    assert not rig.controller.fault
    assert rig.commands[-1] == pytest.approx((2.5, 2.0), abs=1e-9)


def test_a_motion_that_cannot_be_planned_is_a_fault():
    """Raw encoder ticks instead of radians."""
    rig = ClosedLoopRig((32768.0, 0.5))
    rig.run(0.1)
    rig.go_to((0.5, 0.5))
    rig.run_until_rest()
    assert 'no way to' in rig.controller.fault
    assert set(rig.commands) <= {(32768.0, 0.5)}


def test_a_velocity_in_the_wrong_unit_is_ignored():
    rig = ClosedLoopRig()
    for _ in range(20):
        rig.now += PERIOD
        rig.controller.update_feedback(rig.now, rig.now, tuple(rig.q), (1e6, -1e6))
    rig.go_to((1.0, 0.5))
    rig.velocity = np.zeros(2)
    rig.run_until_rest()
    assert_within_limits(rig.commands, start=(0.3, 0.5))


# Arms that something else moves


def test_an_arm_that_is_moved_away_after_it_arrived_is_not_held():
    rig = ClosedLoopRig()
    rig.step()
    rig.go_to((1.0, 0.8))
    rig.run_until_rest()
    rig.run(0.1)
    rig.commands.clear()
    rig.received = None
    for _ in range(200):
        rig.move_by_hand((-0.9, 0.3))
    assert not rig.controller.fault


def test_a_goal_kept_at_speed_zero_is_discarded_when_feedback_is_lost():
    rig = ClosedLoopRig()
    rig.step()
    rig.go_to((2.5, 2.0))
    rig.run(0.3)
    rig.controller.config = MotionConfig(speed_scale=0.0)
    rig.run_until_rest()
    rig.run(60.0, measured=False)
    rig.q = np.array((-2.0, 0.5))
    rig.received = None
    rig.commands.clear()
    rig.run(0.1)
    rig.controller.config = CONFIG
    rig.run(1.0)
    assert not rig.commands


def test_a_stop_against_an_obstacle_yields():
    """With low deceleration the command would run on for several radians."""
    rig = ClosedLoopRig(config=MotionConfig(acceleration=(0.5, 0.5)))
    rig.step()
    rig.go_to((2.5, 0.5))
    rig.run(1.5)
    rig.blocked_at = np.array([rig.q[0] + 0.05, 9.0])
    rig.controller.stop()
    rig.run_until_rest()
    assert rig.commands[-1][0] == pytest.approx(rig.q[0], abs=0.01)


# Other arms


def test_an_arm_whose_range_does_not_contain_zero():
    """Ruckig counts position 0 among the extrema of a stop from standstill."""
    arm = ArmModel(
        'off', ('a', 'b'), (0.3, 0.2), lower=(0.5, -2.0), upper=(2.9, -0.1), max_velocity=(3.0, 3.0)
    )
    rig = ClosedLoopRig((0.6, -0.2), arm=arm)
    rig.step()
    rig.go_to((2.8, -1.9))
    rig.run_until_rest()
    assert rig.commands[-1] == pytest.approx((2.8, -1.9), abs=1e-9)


def test_an_encoder_that_counts_turns_is_not_unwound():
    arm = ArmModel('spinner', ('a', 'b'), (0.3, 0.2), max_velocity=(3.0, 3.0))
    rig = ClosedLoopRig((12.7, 0.5), arm=arm)
    rig.step()
    assert rig.controller.seed_joints(rig.now) == (12.7, 0.5)
    rig.go_to((12.9, 0.5))
    rig.run_until_rest()
    rig.run(1.0, measured=False)  # switched off and on: the encoder counts from 0 again
    rig.q = np.array((12.9 - 4.0 * np.pi, 0.5))
    rig.received = None
    rig.commands.clear()
    rig.run(0.1)
    rig.go_to((0.5, 0.5))
    rig.run_until_rest()
    assert_within_limits(rig.commands, start=(12.9 - 4.0 * np.pi, 0.5))


def test_a_continuous_joint_passes_the_wrap_of_its_encoder():
    arm = ArmModel('spinner', ('a', 'b'), (0.3, 0.2), max_velocity=(3.0, 3.0))
    rig = ClosedLoopRig((3.0, 0.5), arm=arm)
    rig.step()
    rig.go_to((4.0, 0.5))
    for _ in range(MAX_STEPS):
        if rig.controller.at_rest:
            break
        rig.now += PERIOD
        wrapped = (rig.q + np.pi) % (2.0 * np.pi) - np.pi
        rig.controller.update_feedback(rig.now, rig.now, tuple(wrapped))
        rig.q = np.array(rig.controller.step(rig.now) or rig.q)
    assert not rig.controller.fault
    np.testing.assert_allclose(rig.q, (4.0, 0.5), atol=1e-9)


def test_without_required_joint_states_the_last_command_stands_for_the_joints():
    rig = ClosedLoopRig(config=MotionConfig(require_joint_states=False))
    rig.go_to((1.0, 0.5))
    rig.run_until_rest(measured=False)
    assert_within_limits(rig.commands, start=ARM.home)
    count = len(rig.commands)
    rig.go_to((0.5, 0.7))
    rig.run_until_rest(measured=False)
    assert_within_limits(rig.commands[count:], start=(1.0, 0.5))


def test_an_arm_without_velocity_limits_is_rejected_unless_the_configuration_has_them():
    arm = ArmModel('limitless', ('a', 'b'), (0.3, 0.2))
    with pytest.raises(ConfigError, match='velocity limit of a: got none'):
        SmoothController(arm, CONFIG)
    SmoothController(arm, MotionConfig(velocity=(1.0, 1.0)))


def test_a_continuous_joint_turned_by_hand_stays_in_its_turn():
    """With an encoder that counts turns the joint would spin back otherwise."""
    arm = ArmModel('spinner', ('a', 'b'), (0.3, 0.2), max_velocity=(3.0, 3.0))
    rig = ClosedLoopRig((3.0, 0.5), arm=arm)
    rig.step()
    rig.go_to((3.4, 0.5))
    rig.run_until_rest()
    while rig.q[0] > -0.5:
        rig.move_by_hand((-2.0, 0.0))
    for _ in range(20):
        rig.move_by_hand((0.0, 0.0))
    assert rig.controller.seed_joints(rig.now) == pytest.approx(rig.q)
    rig.commands.clear()
    rig.go_to((-0.3, 0.5))
    rig.run_until_rest()
    np.testing.assert_allclose(rig.q, (-0.3, 0.5), atol=1e-3)
    assert np.abs(np.array(rig.commands)[:, 0]).max() < 0.7
