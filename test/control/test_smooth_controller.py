"""SmoothController keeps its limits, begins where the arm is, comes to rest when something fails."""

import numpy as np
import pytest
from closed_loop import ARM, CONFIG, LOWER, PERIOD, STEPS, UPPER, Played, require_within

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.control.controller import MotionConfig
from ik_nn_ros.control.smooth_controller import STALL_TIMEOUT_S, MotionPhase, SmoothController
from ik_nn_ros.errors import ConfigError


def random_goals(rng):
    share = rng.random(2)
    # The limits themselves are where a motion that brakes too late would be outside.
    share = np.where(rng.random(2) < 0.3, np.round(share), share)
    return tuple((LOWER + share * (UPPER - LOWER)).tolist())


def torture(seed, cycles):
    """Random goals, holds and speeds at random times; the arm follows at once."""
    rng = np.random.default_rng(seed)
    it = Played(lag=PERIOD)
    it.tick()
    goal, commands = None, np.empty((cycles, 2))
    for cycle in range(cycles):
        event = rng.random()
        if event < 0.03:
            goal = random_goals(rng)
            it.go(goal)
        elif event < 0.032:
            it.motion.stop()
            goal = None
        elif event < 0.034:
            scale = float(rng.choice([0.0, 0.1, 0.5, 1.0]))
            it.motion.config = MotionConfig(speed_scale=scale)
        it.tick()
        commands[cycle] = it.q
    it.motion.config = CONFIG
    if goal is not None:
        it.go(goal)
    it.until_rest()
    assert (commands >= LOWER).all()
    assert (commands <= UPPER).all()
    require_within(commands)
    assert not it.motion.fault
    if goal is not None:
        np.testing.assert_allclose(it.q, goal, atol=1e-9)


@pytest.mark.parametrize('seed', range(4))
def test_random_goals_at_random_times_keep_every_limit(seed):
    torture(seed, 20_000)


@pytest.mark.soak
def test_a_million_cycles_keep_every_limit():
    for seed in range(10, 20):
        torture(seed, 100_000)


# Start


def test_nothing_is_commanded_before_the_joints_are_measured():
    it = Played()
    it.run(0.1, measured=False)
    assert it.motion.rejection(it.now).code == 'NO_JOINT_STATES'
    assert it.motion.phase is MotionPhase.WAITING
    it.tick()
    assert it.motion.rejection(it.now) is None
    assert not it.commands


def test_the_first_command_is_where_the_joints_are():
    it = Played((1.2, -0.7))
    it.tick()
    it.go((0.0, 0.5))
    it.until_rest()
    require_within(it.commands, start=(1.2, -0.7))
    np.testing.assert_allclose(it.commands[-1], (0.0, 0.5), atol=1e-9)


def test_a_moving_arm_is_taken_over_with_its_velocity():
    """From rest it would be stopped dead first."""
    it = Played((-0.2, 0.6))
    for _ in range(10):
        it.moved_by((2.0, -1.0))
    it.go((2.0, 0.5))
    first, second = it.tick(), it.tick()
    np.testing.assert_allclose(np.subtract(second, first) / PERIOD, (2.0, -1.0), atol=0.1)
    it.until_rest()
    require_within(it.commands)


def test_a_velocity_that_cannot_be_braked_inside_the_limits_is_not_taken_over():
    """0.1 rad before a limit no brakes stop 3 rad/s."""
    it = Played((2.5, 0.5))
    for _ in range(10):
        it.moved_by((3.0, 0.0))
    it.go((0.0, 0.5))
    it.until_rest()
    assert np.max(np.array(it.commands)[:, 0]) <= ARM.upper[0]


def test_velocities_are_estimated_where_they_are_not_measured():
    """joint_state_broadcaster sends NaN where the hardware has none."""
    motion = SmoothController(ARM, CONFIG)
    for step in range(20):
        motion.update_feedback(0.01 * step, 0.01 * step, (0.02 * step, 0.5), None)
    np.testing.assert_allclose(motion.feedback.velocity, (2.0, 0.0), atol=1e-9)


def test_the_next_motion_begins_at_the_command_that_the_servo_gives_in_under():
    """From the measured joints it would sag anew with every target."""
    it = Played()
    it.tick()
    it.go((1.0, 0.8))
    it.until_rest()
    it.run(1.0)
    last = it.commands[-1]
    sagged = np.array(last) - 0.015
    it.q = sagged
    it.held = None
    it.tick()
    it.motion._rest_position = tuple(sagged)
    it.go((0.5, 0.8))
    np.testing.assert_allclose(it.tick(), last, atol=1e-3)


def test_an_arm_that_was_moved_meanwhile_starts_from_there():
    it = Played()
    it.tick()
    it.go((1.0, 0.8))
    it.until_rest()
    it.run(1.0)
    it.held = None  # another node has it now
    it.q = np.array([-1.0, 1.5])
    it.commands.clear()
    it.run(0.1)
    it.go((1.0, 0.8))
    it.until_rest()
    require_within(it.commands, start=(-1.0, 1.5))


# Rest


def test_it_is_silent_when_there_is_nothing_to_do():
    it = Played()
    it.tick()
    it.go((1.0, 0.8))
    it.until_rest()
    it.commands.clear()
    it.run(2.0)
    assert not it.commands


def test_it_repeats_the_last_command_where_it_shall_hold():
    it = Played(config=MotionConfig(hold_when_idle=True))
    it.run(0.05)
    np.testing.assert_allclose(it.commands, [(0.3, 0.5)] * 5)
    it.go((1.0, 0.8))
    it.until_rest()
    assert it.tick() == pytest.approx((1.0, 0.8), abs=1e-9)


def short_of(goal, near=0.03):
    """Return a motion that has ended, and an arm that has lost the last commands."""
    it = Played(config=MotionConfig(joint_states_timeout=0.1))
    it.tick()
    it.go(goal)
    while not it.motion.at_rest:
        it.deaf = bool(it.commands) and np.abs(np.subtract(it.commands[-1], goal)).max() < near
        it.tick()
    assert 0.3 * near < it.motion.tracking_error < near
    it.commands.clear()
    return it


def test_a_last_command_that_was_lost_is_repeated_until_the_joints_are_there():
    it = short_of((1.0, 0.8))
    it.run(0.1)
    it.deaf = False
    it.run(2.0)
    assert 10 < len(it.commands) < 20
    np.testing.assert_allclose(it.commands, [(1.0, 0.8)] * len(it.commands), atol=1e-9)
    assert it.motion.tracking_error < 2e-3


def test_it_is_not_repeated_for_long():
    """As by an arm that sags, or stands at an obstacle."""
    it = short_of((1.0, 0.8))
    it.run(2.0)
    assert 40 <= len(it.commands) <= 51
    assert not it.motion.fault


@pytest.mark.parametrize('end', ['hold', 'away', 'silent'])
def test_it_is_not_repeated_to_an_arm_that_shall_not_go_there(end):
    it = short_of((1.0, 0.8))
    it.run(0.1)
    assert it.tick() is not None
    if end == 'hold':
        it.motion.hold(it.now)
        assert it.tick() is None
    elif end == 'away':
        it.moved_by((-0.3, 0.0))
        it.moved_by((-0.3, 0.0))
    else:
        it.run(0.11, measured=False)
        assert it.tick(measured=False) is None


def test_a_command_from_before_the_control_loop_stood_still_is_not_repeated():
    """Somebody may have moved the arm meanwhile, also nearer to it."""
    it = Played(lag=0.05)
    it.tick()
    it.go((2.5, 2.0))
    it.run(0.5)
    it.deaf = True
    it.run(0.05)
    it.tick(seconds=0.6)
    assert it.motion.at_rest
    it.commands.clear()
    it.q = 0.5 * (it.q + it.motion.command)
    it.run(1.0)
    assert not it.commands


def test_a_stop_brakes_within_the_limits_and_forgets_the_goal():
    it = Played()
    it.tick()
    it.go((2.5, 2.0))
    it.run(0.5)
    assert it.motion.velocity[0] > 2.0
    it.motion.stop()
    it.until_rest()
    require_within(it.commands, start=(0.3, 0.5))
    assert it.commands[-1][0] < 2.0
    it.commands.clear()
    it.run(1.0)
    assert not it.commands


def test_speed_scale_zero_stops_on_the_way_and_more_goes_on():
    it = Played()
    it.tick()
    it.go((2.5, 2.0))
    it.run(0.3)
    it.motion.config = MotionConfig(speed_scale=0.0)
    it.until_rest()
    assert it.commands[-1][0] < 2.4
    it.motion.config = MotionConfig(speed_scale=0.2)
    it.until_rest()
    assert it.commands[-1] == pytest.approx((2.5, 2.0), abs=1e-9)
    require_within(it.commands, start=(0.3, 0.5))


def test_speed_scale_bounds_the_velocity():
    it = Played(config=MotionConfig(speed_scale=0.25))
    it.tick()
    it.go((2.5, 2.0))
    it.until_rest()
    fastest = np.abs(np.diff(it.commands, axis=0)).max() / PERIOD
    assert fastest == pytest.approx(0.75)


# Watchdogs


@pytest.mark.parametrize('hold', [False, True])
def test_silent_joint_states_brake_the_arm(hold):
    it = Played(config=MotionConfig(hold_when_idle=hold, speed_scale=0.3))
    it.tick()
    it.go((2.5, 2.0))
    it.run(0.3)
    it.until_rest(measured=False)
    assert it.motion.phase is MotionPhase.WAITING
    assert 'no joint_states' in it.motion.fault
    assert it.motion.rejection(it.now).code == 'NO_JOINT_STATES'
    require_within(it.commands)
    assert it.commands[-1][0] < 2.0
    it.commands.clear()
    it.run(1.0, measured=False)
    it.q = np.array([-2.0, 0.5])  # it comes back elsewhere
    it.held = None
    it.run(0.02)
    assert hold or not it.commands
    it.commands.clear()
    it.go((0.0, 0.5))
    it.until_rest()
    require_within(it.commands, start=(-2.0, 0.5))


def test_frozen_joint_states_bring_the_arm_back_to_where_it_was_seen_last():
    it = Played()
    it.tick()
    it.go((2.5, 2.0))
    it.run(0.3)
    frozen = tuple(it.q)
    codes = set()
    for _ in range(300):
        refusal = it.motion.rejection(it.now)
        codes.add(refusal and refusal.code)
        it.now += PERIOD
        it.motion.update_feedback(it.now, it.now, frozen, (0.0, 0.0))
        command = it.motion.step(it.now)
        if command is not None:
            it.commands.append(command)
    assert it.motion.at_rest
    assert 'frozen' in it.motion.fault
    assert 'NO_JOINT_STATES' in codes
    # The arm may be blocked as well: the only place known is where it was seen last.
    assert it.commands[-1] == pytest.approx(frozen, abs=1e-6)
    require_within(it.commands, start=(0.3, 0.5))


def test_after_frozen_joint_states_it_goes_slowly_until_the_joints_are_seen_to_move():
    """A blocked arm with coarse encoders looks frozen too, and shall be of use again some day."""
    it = Played(lag=PERIOD)
    it.blocked = np.array([1.0, 9.0])
    it.noise = 0.0
    it.tick()
    it.go((2.5, 0.5))
    it.run(4.0)
    assert 'frozen' in it.motion.fault
    assert it.motion.at_rest
    assert it.commands[-1][0] == pytest.approx(1.0, abs=0.01), 'still pushes'
    assert it.motion.rejection(it.now) is None
    it.commands.clear()
    it.go((2.5, 0.5))
    it.run(0.3)
    assert np.abs(np.diff(it.commands, axis=0)).max() < 0.31 * PERIOD
    it.blocked = None
    it.until_rest()
    assert it.commands[-1] == pytest.approx((2.5, 0.5), abs=1e-9)
    assert np.abs(np.diff(it.commands, axis=0)).max() > 2.0 * PERIOD


def test_joints_that_do_not_follow_are_not_pushed():
    it = Played()
    it.blocked = np.array([1.0, 9.0])
    it.tick()
    it.go((2.5, 2.0))
    it.run(3.0)
    assert it.motion.at_rest
    assert 'do not follow' in it.motion.fault
    assert abs(it.commands[-1][0] - 1.0) < 0.05, 'still pushes'
    require_within(it.commands, start=(0.3, 0.5))


def test_no_goal_is_taken_until_it_has_yielded():
    """A stream of targets would push again at once."""
    it = Played()
    it.blocked = np.array([1.0, 9.0])
    it.tick()
    it.go((2.5, 2.0))
    while not it.motion.fault:
        it.tick()
    codes = set()
    for _ in range(400):
        it.tick()
        refusal = it.motion.rejection(it.now)
        codes.add(refusal.code if refusal else None)
        if refusal is None:
            break
    assert codes == {'HOLDING', None}


def test_an_arm_that_stops_short_of_its_goal_is_not_pushed_on():
    """Within tolerance plus lag all the way, but never at the goal."""
    it = Played(config=MotionConfig(tracking_tolerance=0.05))
    it.blocked = np.array([0.9, 9.0])
    it.tick()
    it.go((1.0, 0.6))
    it.run(3.0)
    assert 'do not' in it.motion.fault
    assert it.commands[-1][0] == pytest.approx(0.9, abs=0.02)


def test_a_lagging_servo_is_no_fault():
    it = Played(lag=0.09)
    it.tick()
    it.go((2.5, 2.0))
    it.until_rest()
    assert not it.motion.fault


def test_joint_states_at_a_tenth_of_the_rate_are_enough():
    it = Played()
    it.tick()
    it.go((2.5, 2.0))
    for step in range(400):
        it.tick(measured=step % 10 == 0)
    assert not it.motion.fault
    assert it.commands[-1] == pytest.approx((2.5, 2.0), abs=1e-9)


def test_joint_states_out_of_order_do_not_count():
    it = Played()
    it.tick()
    it.go((2.5, 2.0))
    old = []
    for _ in range(200):
        old.append((it.now, tuple(it.q)))
        it.tick()
        stamp, q = old[-min(15, len(old))]
        it.motion.update_feedback(it.now, stamp, q)
        assert it.motion.feedback.raw_q == pytest.approx(tuple(it.q), abs=0.05)
    assert not it.motion.fault


def test_stamps_that_jump_back_do_no_harm():
    """Somebody sets the clock, or simulated time begins anew."""
    it = Played()
    it.tick()
    it.go((2.5, 2.0))
    for jump in (0.0, -3600.0, 3600.0, -0.15, 0.0):
        for _ in range(20):
            it.now += PERIOD
            it.motion.update_feedback(it.now, 5000.0 + jump + it.now, tuple(it.q))
            it.q = np.array(it.motion.step(it.now) or it.q)
    it.until_rest()
    assert not it.motion.fault
    assert it.commands[-1] == pytest.approx((2.5, 2.0), abs=1e-9)


def test_a_silent_target_stream_ends_the_motion_where_that_is_wanted():
    it = Played(config=MotionConfig(target_timeout=0.2))
    it.tick()
    for _ in range(20):
        it.go((2.5, 2.0))
        it.run(0.02)
    it.until_rest()
    assert 'no target for 0.2 s' in it.motion.fault
    assert it.commands[-1][0] < 2.4
    require_within(it.commands, start=(0.3, 0.5))


def test_a_late_loop_begins_anew_from_rest():
    """The servos have stopped at their last command: going on at full speed would be a jolt."""
    it = Played()
    it.tick()
    it.go((2.5, 2.0))
    it.run(0.5)
    it.commands.clear()
    it.tick(seconds=0.3)
    it.run(0.1)
    require_within(it.commands, start=it.commands[0])
    assert it.motion.stall_count == 1
    it.until_rest()
    assert it.commands[-1] == pytest.approx((2.5, 2.0), abs=1e-9)


def test_after_a_long_pause_of_the_loop_nothing_is_carried_out():
    it = Played()
    it.tick()
    it.go((2.5, 2.0))
    it.run(0.5)
    before = it.commands[-1]
    it.now += 2.0
    it.commands.clear()
    it.run(0.5)
    assert 'stood still for 2' in it.motion.fault
    assert all(q == before for q in it.commands)
    assert STALL_TIMEOUT_S < 2.0
    assert it.motion.rejection(it.now) is None


# Outside the limits


@pytest.mark.parametrize('start', [(3.3, 0.5), (-3.1, -2.9), (0.3, 2.8)])
def test_an_arm_outside_its_limits_moves_back_inside_slowly_and_never_outward(start):
    it = Played(start)
    it.tick()
    it.run(0.5)
    assert not it.commands, 'moves by itself'
    it.go((0.5, 0.5))
    it.until_rest()
    q = np.array(it.commands)
    outside = np.maximum(np.maximum(q - UPPER, LOWER - q), 0.0)
    assert (np.diff(outside, axis=0) <= 1e-12).all(), 'outward'
    speed = np.abs(np.diff(q, axis=0)) / PERIOD
    beyond = outside[:-1].max(axis=1) > 0.0
    assert beyond.any()
    assert speed[beyond].max() <= 0.3 + 1e-9
    require_within(it.commands, start=start)
    np.testing.assert_allclose(q[-1], (0.5, 0.5), atol=1e-9)


def test_a_joint_that_noise_puts_outside_is_at_its_limit():
    it = Played((2.905, 0.5))
    it.tick()
    it.go((2.0, 0.5))
    it.until_rest()
    assert np.max(np.array(it.commands)[:, 0]) <= ARM.upper[0]


def test_an_arm_outside_is_not_held_at_the_limit_and_waits_where_the_speed_is_zero():
    it = Played((3.4, 0.5), MotionConfig(hold_when_idle=True, speed_scale=0.0))
    it.run(0.5)
    assert not it.commands
    it.go((0.5, 0.5))
    it.run(0.5)
    assert set(it.commands) <= {(3.4, 0.5)}
    it.motion.config = CONFIG
    it.until_rest()
    require_within(it.commands, start=(3.4, 0.5))
    assert it.commands[-1] == pytest.approx((0.5, 0.5), abs=1e-9)


def test_on_the_way_back_inside_the_newest_goal_counts():
    it = Played((3.2, 0.5))
    it.tick()
    it.go((2.0, 0.5))
    it.run(0.2)
    it.go((1.0, 1.0))
    it.until_rest()
    assert it.commands[-1] == pytest.approx((1.0, 1.0), abs=1e-9)


def test_a_goal_after_a_stop_outside_is_gone_to_as_slowly():
    it = Played((3.4, 0.5))
    it.tick()
    it.go((2.0, 0.5))
    it.run(0.2)
    it.motion.stop()
    it.tick()
    it.go((1.0, 0.5))
    it.until_rest()
    q = np.array(it.commands)[:, 0]
    assert np.abs(np.diff(q[q > ARM.upper[0]])).max() <= 0.3 * PERIOD + 1e-9


# Wrong and doubtful measurements


@pytest.mark.parametrize('wrong', [(50.0, 0.5), (-1.0, 2.0), (32768.0, 0.0)])
def test_one_wrong_measurement_is_not_believed(wrong):
    it = Played()
    it.tick()
    it.go((2.5, 2.0))
    it.run(0.3)
    it.motion.update_feedback(it.now, it.now, wrong)
    it.until_rest()
    assert not it.motion.fault
    assert it.commands[-1] == pytest.approx((2.5, 2.0), abs=1e-9)


def test_where_no_way_can_be_planned_it_says_so_and_lives_on():
    """Raw encoder ticks for radians."""
    it = Played((32768.0, 0.5))
    it.run(0.1)
    it.go((0.5, 0.5))
    it.until_rest()
    assert 'no way to' in it.motion.fault
    assert set(it.commands) <= {(32768.0, 0.5)}


def test_a_velocity_in_the_wrong_unit_is_not_taken_over():
    it = Played()
    for _ in range(20):
        it.now += PERIOD
        it.motion.update_feedback(it.now, it.now, tuple(it.q), (1e6, -1e6))
    it.go((1.0, 0.5))
    it.velocity = np.zeros(2)
    it.until_rest()
    require_within(it.commands, start=(0.3, 0.5))


# Others who have the arm


def test_an_arm_taken_away_right_after_it_arrived_is_not_fought_for():
    it = Played()
    it.tick()
    it.go((1.0, 0.8))
    it.until_rest()
    it.run(0.1)
    it.commands.clear()
    it.held = None
    for _ in range(200):
        it.moved_by((-0.9, 0.3))
    assert not it.motion.fault


def test_a_goal_kept_at_speed_zero_is_forgotten_when_the_arm_is_lost():
    it = Played()
    it.tick()
    it.go((2.5, 2.0))
    it.run(0.3)
    it.motion.config = MotionConfig(speed_scale=0.0)
    it.until_rest()
    it.run(60.0, measured=False)
    it.q = np.array((-2.0, 0.5))
    it.held = None
    it.commands.clear()
    it.run(0.1)
    it.motion.config = CONFIG
    it.run(1.0)
    assert not it.commands


def test_a_stop_against_an_obstacle_is_let_go():
    """With gentle brakes the command would run on for a metre."""
    it = Played(config=MotionConfig(acceleration=(0.5, 0.5)))
    it.tick()
    it.go((2.5, 0.5))
    it.run(1.5)
    it.blocked = np.array([it.q[0] + 0.05, 9.0])
    it.motion.stop()
    it.until_rest()
    assert it.commands[-1][0] == pytest.approx(it.q[0], abs=0.01)


# Other arms


def test_an_arm_whose_range_does_not_hold_zero():
    """Ruckig takes 0 for the end of a braking where it begins at rest."""
    arm = ArmModel(
        'off', ('a', 'b'), (0.3, 0.2), lower=(0.5, -2.0), upper=(2.9, -0.1), max_velocity=(3.0, 3.0)
    )
    it = Played((0.6, -0.2), arm=arm)
    it.tick()
    it.go((2.8, -1.9))
    it.until_rest()
    assert it.commands[-1] == pytest.approx((2.8, -1.9), abs=1e-9)


def test_an_encoder_that_counts_turns_is_not_unwound():
    arm = ArmModel('spinner', ('a', 'b'), (0.3, 0.2), max_velocity=(3.0, 3.0))
    it = Played((12.7, 0.5), arm=arm)
    it.tick()
    assert it.motion.seed_joints(it.now) == (12.7, 0.5)
    it.go((12.9, 0.5))
    it.until_rest()
    it.run(1.0, measured=False)  # off and on: it counts from 0 again
    it.q = np.array((12.9 - 4.0 * np.pi, 0.5))
    it.held = None
    it.commands.clear()
    it.run(0.1)
    it.go((0.5, 0.5))
    it.until_rest()
    require_within(it.commands, start=(12.9 - 4.0 * np.pi, 0.5))


def test_a_continuous_joint_is_followed_over_the_turns_of_its_encoder():
    arm = ArmModel('spinner', ('a', 'b'), (0.3, 0.2), max_velocity=(3.0, 3.0))
    it = Played((3.0, 0.5), arm=arm)
    it.tick()
    it.go((4.0, 0.5))
    for _ in range(STEPS):
        if it.motion.at_rest:
            break
        it.now += PERIOD
        wrapped = (it.q + np.pi) % (2.0 * np.pi) - np.pi
        it.motion.update_feedback(it.now, it.now, tuple(wrapped))
        it.q = np.array(it.motion.step(it.now) or it.q)
    assert not it.motion.fault
    np.testing.assert_allclose(it.q, (4.0, 0.5), atol=1e-9)


def test_without_joint_states_the_last_command_stands_for_the_joints():
    it = Played(config=MotionConfig(require_joint_states=False))
    it.go((1.0, 0.5))
    it.until_rest(measured=False)
    require_within(it.commands, start=ARM.home)
    count = len(it.commands)
    it.go((0.5, 0.7))
    it.until_rest(measured=False)
    require_within(it.commands[count:], start=(1.0, 0.5))


def test_an_arm_without_velocity_limits_is_refused_unless_they_are_given():
    arm = ArmModel('limitless', ('a', 'b'), (0.3, 0.2))
    with pytest.raises(ConfigError, match='velocity limit of a: got none'):
        SmoothController(arm, CONFIG)
    SmoothController(arm, MotionConfig(velocity=(1.0, 1.0)))


def test_a_joint_that_others_have_turned_round_is_held_where_it_is():
    """A counting encoder would otherwise spin back by the turn that the command is off."""
    arm = ArmModel('spinner', ('a', 'b'), (0.3, 0.2), max_velocity=(3.0, 3.0))
    it = Played((3.0, 0.5), arm=arm)
    it.tick()
    it.go((3.4, 0.5))
    it.until_rest()
    while it.q[0] > -0.5:
        it.moved_by((-2.0, 0.0))
    for _ in range(20):
        it.moved_by((0.0, 0.0))
    assert it.motion.seed_joints(it.now) == pytest.approx(it.q)
    it.commands.clear()
    it.go((-0.3, 0.5))
    it.until_rest()
    np.testing.assert_allclose(it.q, (-0.3, 0.5), atol=1e-3)
    assert np.abs(np.array(it.commands)[:, 0]).max() < 0.7
