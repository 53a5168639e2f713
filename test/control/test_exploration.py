"""The explorer with a simulated arm and a clock that the test sets."""

from dataclasses import replace
from math import inf

import numpy as np
import pytest

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.control.exploration import ExplorationConfig, ExplorationPhase, Explorer
from ik_nn_ros.errors import ConfigError

ARM = ArmModel(
    'arm', ('a', 'b'), (0.3, 0.2), lower=(-2.0, -1.0), upper=(1.0, 2.5), max_velocity=(3.0, 2.0)
)
CONFIG = ExplorationConfig(speed_scale=1.0, acceleration=(25.0, 25.0), jerk=(500.0, 500.0))
PERIOD = 0.01


class ExplorationRig:
    """
    An arm that follows its commands with a lag and is measured in every step.

    :param q: initial positions, rad
    :param walls: lower and upper position that joint b cannot pass, rad
    """

    def __init__(self, q=(0.0, 0.0), arm=ARM, config=CONFIG, walls=(-inf, inf)):
        self.explorer = Explorer(arm, config, np.random.default_rng(0))
        self.q = np.array(q)
        self.walls = walls
        self.now = 100.0
        self.missing = ''
        self.encoder = tuple
        """Converts positions into measurements."""
        self.measuring = self.following = self.sampling = True
        self.commands = []
        """(time, command)"""
        self.samples = []
        """(time, position, speed)"""

    def step(self):
        self.now += PERIOD
        command = self.explorer.step(self.now, self.missing)
        before = self.q
        if command is not None:
            self.commands.append((self.now, command))
            if self.following:
                self.q = self.q + 0.5 * (np.array(command) - self.q)
                self.q[1] = np.clip(self.q[1], *self.walls)
        if self.measuring:
            self.explorer.update_feedback(self.now, self.now, self.encoder(self.q))
        if self.explorer.settled_at == self.now and self.sampling:
            speed = np.abs(self.q - before).max() / PERIOD
            self.samples.append((self.now, self.q, speed))
            self.explorer.sample_taken()

    def run(self, seconds):
        for _ in range(round(seconds / PERIOD)):
            self.step()

    def run_until(self, condition, seconds=60.0):
        for _ in range(round(seconds / PERIOD)):
            if condition():
                return
            self.step()
        raise AssertionError(f'{self.explorer.phase} {self.explorer.fault}')

    def reach(self, phase):
        self.run_until(lambda: self.explorer.phase is phase)

    def leads(self, seconds):
        """Return the distances (N, 2) of commands from joints until the explorer stops, rad."""
        leads = []
        for _ in range(round(seconds / PERIOD)):
            if self.explorer.phase is ExplorationPhase.STOPPED:
                break
            self.step()
            if self.commands:
                leads.append(np.abs(np.array(self.commands[-1][1]) - self.q))
        return np.array(leads)

    def speeds(self):
        """Return the speeds of the commands (N, 2) without those after a pause, rad/s."""
        times = np.array([time for time, _ in self.commands])
        q = np.array([command for _, command in self.commands])
        steps = np.diff(times)
        return (np.diff(q, axis=0) / steps[:, np.newaxis])[steps < 1.5 * PERIOD]

    def assert_smooth(self, arm=ARM):
        """Check the limits of velocity and acceleration of the commands."""
        speeds = self.speeds()
        assert (np.abs(speeds) <= np.array(arm.max_velocity) + 1e-9).all()
        assert np.abs(np.diff(speeds, axis=0)).max() <= 25.0 * PERIOD + 1e-9


def test_samples_are_taken_at_rest_all_over_the_range():
    rig = ExplorationRig(config=replace(CONFIG, samples=60))
    rig.run_until(lambda: len(rig.samples) == 60)
    q = np.array([q for _, q, _ in rig.samples])
    assert ARM.within_limits(q.min(axis=0))
    assert ARM.within_limits(q.max(axis=0))
    parts, *_ = np.histogram2d(*q.T, bins=4, range=[(-2.0, 1.0), (-1.0, 2.5)])
    assert parts.min() >= 1
    assert max(speed for *_, speed in rig.samples) < 0.01
    rig.assert_smooth()
    assert all(ARM.within_limits(command) for _, command in rig.commands)
    assert np.abs(rig.speeds()).max(axis=0) == pytest.approx((3.0, 2.0), rel=0.05)


def test_speed_scale_scales_the_speed():
    rig = ExplorationRig(config=replace(CONFIG, speed_scale=0.25))
    rig.run_until(lambda: len(rig.samples) == 15)
    np.testing.assert_allclose(np.abs(rig.speeds()).max(axis=0), (0.75, 0.5), rtol=0.05)


def test_the_first_motion_starts_at_the_joints_once_they_are_known_to_stand_still():
    rig = ExplorationRig(q=(-1.5, 2.0))
    rig.measuring = False
    rig.run(2.0)
    assert rig.explorer.blocking_reason.startswith('no joint_states')
    assert not rig.commands
    rig.measuring = True
    rig.run(0.1)
    assert not rig.commands  # it may be moving
    rig.run_until(lambda: rig.commands)
    assert rig.commands[0][1] == (-1.5, 2.0)
    rig.run(3.0)
    rig.assert_smooth()


def test_nothing_is_commanded_while_something_else_moves_the_arm():
    rig = ExplorationRig()
    for _ in range(100):
        rig.q = rig.q + 0.01
        rig.step()
    assert not rig.commands
    assert rig.explorer.blocking_reason == 'waiting until the joints stand still'


def test_an_arm_outside_its_limits_moves_slowly_back_inside_and_never_outward():
    rig = ExplorationRig(q=(1.4, -1.5))
    rig.reach(ExplorationPhase.RETURNING)
    assert 'outside its limits' in rig.explorer.blocking_reason
    rig.reach(ExplorationPhase.MOVING)
    q = np.array([command for _, command in rig.commands])
    assert (np.diff(q[:, 0]) <= 1e-12).all()
    assert (np.diff(q[:, 1]) >= -1e-12).all()
    assert ARM.within_limits(q[-1])
    assert (np.abs(rig.speeds()).max(axis=0) <= (0.3 + 1e-9, 0.2 + 1e-9)).all()
    returned = len(rig.commands)
    rig.run_until(lambda: len(rig.samples) == 10)
    assert all(ARM.within_limits(command) for _, command in rig.commands[returned:])
    rig.assert_smooth()


def test_silent_joint_states_stop_the_arm_and_it_resumes_from_where_it_is():
    rig = ExplorationRig()
    rig.run_until(lambda: len(rig.samples) == 5)
    rig.reach(ExplorationPhase.MOVING)
    rig.run(0.05)
    rig.measuring = False
    rig.reach(ExplorationPhase.WAITING)
    rig.assert_smooth()
    assert 'no joint_states for 0.5 s' in rig.explorer.blocking_reason
    count = len(rig.commands)
    rig.run(4.0)
    assert len(rig.commands) == count
    # Meanwhile something has pushed the arm.
    rig.q = rig.q + 0.2
    pushed = rig.q
    rig.measuring = True
    rig.run_until(lambda: len(rig.commands) > count)
    assert rig.commands[count][1] == pytest.approx(pushed)
    rig.run_until(lambda: len(rig.samples) == 10)
    rig.assert_smooth()


def test_silence_during_a_motion_does_not_become_a_dead_stop():
    """The arm is at full speed when the timeout expires."""
    slow = replace(ARM, max_velocity=(0.2, 0.2))
    rig = ExplorationRig(q=(1.0, -1.0), arm=slow)
    rig.run_until(lambda: np.abs(rig.explorer._generator.velocity).max() > 0.19)
    rig.measuring = False
    rig.reach(ExplorationPhase.BRAKING)
    assert np.abs(rig.explorer._generator.velocity).max() > 0.19
    assert 'no joint_states' in rig.explorer.blocking_reason
    rig.reach(ExplorationPhase.WAITING)
    rig.assert_smooth(slow)
    assert np.abs(rig.speeds()[-1]).max() < 0.05


def test_stop_brakes_and_is_final():
    rig = ExplorationRig()
    rig.run_until(lambda: len(rig.samples) == 3)
    rig.run(0.12)
    assert np.abs(rig.explorer._generator.velocity).max() > 1.0
    rig.explorer.stop()
    rig.reach(ExplorationPhase.STOPPED)
    rig.assert_smooth()
    assert np.abs(rig.speeds()[-1]).max() < 0.1
    count = len(rig.commands)
    rig.run(2.0)
    assert len(rig.commands) == count
    assert len(rig.samples) == 3
    assert not rig.explorer.fault


@pytest.mark.parametrize('phase', [ExplorationPhase.WAITING, ExplorationPhase.SETTLING])
def test_stop_ends_the_exploration_at_once_at_rest(phase):
    rig = ExplorationRig()
    rig.reach(phase)
    rig.explorer.stop()
    assert rig.explorer.phase is ExplorationPhase.STOPPED


# Joints that do not follow


def test_the_exploration_ends_when_the_joints_do_not_follow():
    rig = ExplorationRig()
    rig.run_until(lambda: len(rig.samples) == 2)
    rig.following = False
    rig.reach(ExplorationPhase.STOPPED)
    rig.assert_smooth()
    assert rig.explorer.fault.startswith('the joints do not follow: they are at (')


@pytest.mark.parametrize('wall', [0.5, 1.5, 2.2])
@pytest.mark.parametrize('config', [ExplorationConfig(), CONFIG], ids=['gentle', 'fast'])
def test_an_obstacle_is_pushed_neither_hard_nor_long(wall, config):
    """Beyond an ordinary lag of 0.1 s the command leads by up to 0.25 rad, to brake."""
    rig = ExplorationRig(config=config, walls=(-inf, wall))
    leads = rig.leads(60.0)
    assert rig.explorer.phase is ExplorationPhase.STOPPED
    assert 'the joints do not follow' in rig.explorer.fault
    fastest = config.speed_scale * max(ARM.max_velocity)
    assert leads.max() < 0.1 * fastest + 0.25
    assert np.count_nonzero(leads.max(axis=1) > 0.1) * PERIOD < 2.0
    np.testing.assert_allclose(rig.commands[-1][1], rig.q, atol=1e-9)
    rig.assert_smooth()


def test_an_obstacle_just_before_three_targets_ends_the_exploration():
    rig = ExplorationRig(config=replace(CONFIG, settle_timeout=1.0))
    rig.run_until(lambda: len(rig.samples) == 2)
    stuck = tuple(rig.q)
    rig.explorer._targets = iter([(stuck[0], stuck[1] + gap) for gap in (0.06, 0.08, -0.07)])
    rig.explorer.sample_taken()
    rig.walls = stuck[1], stuck[1]
    leads = rig.leads(60.0)
    assert leads.max() < 0.1
    assert rig.explorer.fault == (
        'no sample at 3 targets in a row; the last: '
        f'target ({stuck[0]:.3g}, {stuck[1] - 0.07:.3g}) rad given up: '
        'b stays 0.07 rad away, goal_tolerance 0.05 rad'
    )
    np.testing.assert_allclose(rig.commands[-1][1], rig.q, atol=1e-9)


def test_the_command_waits_for_joints_that_are_held_for_a_moment():
    rig = ExplorationRig()
    rig.run_until(lambda: len(rig.samples) == 3)
    rig.run(0.1)
    rig.following = False
    rig.reach(ExplorationPhase.HOLDING)
    assert rig.explorer.blocking_reason == 'the joints do not follow: the command waits for them'
    rig.run(0.3)
    rig.following = True
    rig.run_until(lambda: len(rig.samples) == 8)
    rig.assert_smooth()
    assert not rig.explorer.dropped


def test_the_command_waits_for_a_slow_servo_as_long_as_it_makes_progress():
    """It reaches a tenth of the speed in its description."""
    rig = ExplorationRig()
    follow = rig.encoder
    behind = np.zeros(2)

    def slow(q):
        nonlocal behind
        behind = behind + np.clip(q - behind, -0.2 * PERIOD, 0.2 * PERIOD)
        rig.q = behind
        return follow(behind)

    rig.encoder = slow
    rig.run_until(lambda: len(rig.samples) == 6, 200.0)
    assert not rig.explorer.fault


@pytest.mark.parametrize('seconds', np.arange(0.2, 5.0, 0.4))
@pytest.mark.parametrize('config', [ExplorationConfig(), CONFIG], ids=['gentle', 'fast'])
def test_a_late_controller_finds_the_command_near_the_joints(config, seconds):
    """Until it connects only another subscriber, e.g. ros2 bag, receives the commands."""
    rig = ExplorationRig(config=config)
    rig.following = False
    rig.reach(ExplorationPhase.MOVING)
    assert rig.leads(seconds).max() < 0.15
    rig.leads(10.0)
    assert 'do not follow' in rig.explorer.fault or 'stays' in rig.explorer.fault
    np.testing.assert_allclose(rig.commands[-1][1], rig.q, atol=1e-9)


def test_a_joint_is_slow_until_it_has_been_seen_to_respond():
    rig = ExplorationRig(q=(-1.0, 0.0))
    rig.run_until(lambda: np.abs(rig.explorer._generator.velocity).max() > 1.0)
    q = np.array([command for _, command in rig.commands])
    moved, speeds = np.abs(q - q[0])[1:], np.abs(rig.speeds())
    assert (speeds[moved < 0.03] < 0.1 * 3.0 + 1e-9).all()


# Targets that give no sample


@pytest.mark.parametrize(
    ('missing', 'text'), [('', 'no sample came'), ('no tip', 'no sample came: no tip')]
)
def test_targets_without_a_sample_are_dropped_and_three_in_a_row_end_the_exploration(missing, text):
    rig = ExplorationRig(config=replace(CONFIG, settle_timeout=1.0))
    rig.run_until(lambda: len(rig.samples) == 2)
    rig.sampling, rig.missing = False, missing
    rig.run_until(lambda: rig.explorer.dropped['no sample'] == 2)
    rig.sampling = True
    rig.run_until(lambda: len(rig.samples) == 4)
    rig.sampling = False
    rig.reach(ExplorationPhase.STOPPED)
    assert rig.explorer.dropped == {'no sample': 5}
    assert rig.explorer.fault.startswith('no sample at 3 targets in a row; the last: target (')
    assert rig.explorer.fault.endswith(f'the arm stood still there, but {text}')


def test_the_exploration_does_not_start_while_something_for_samples_is_missing():
    rig = ExplorationRig()
    rig.missing = 'no tip'
    rig.run(3.0)
    assert not rig.commands
    rig.missing = ''
    rig.run_until(lambda: rig.samples)


def test_a_target_at_which_the_arm_trembles_is_dropped_with_numbers():
    rig = ExplorationRig(config=replace(CONFIG, settle_timeout=1.0))
    rig.run_until(lambda: len(rig.samples) == 2)
    rig.encoder = lambda q: (q[0] + 0.01 * (-1.0) ** round(rig.now / PERIOD), q[1])
    rig.reach(ExplorationPhase.STOPPED)
    text = 'the joints moved by 0.02 rad in 0.12 s, settle_tolerance 0.011 rad'
    assert rig.explorer.last_dropped.endswith(text)
    assert rig.explorer.fault.endswith(text)


def test_a_servo_with_ten_bits_settles_although_it_flickers_by_a_tick():
    rig = ExplorationRig()
    rng = np.random.default_rng(0)
    tick = np.radians(300.0) / 1024.0
    rig.encoder = lambda q: tuple(np.floor(q / tick + rng.integers(0, 2, 2)) * tick)
    rig.run_until(lambda: len(rig.samples) == 10)
    assert not rig.explorer.dropped


@pytest.mark.parametrize('started', [False, True])
def test_a_long_silence_ends_the_exploration(started):
    """An arm must not move when it is switched on again after ten minutes."""
    rig = ExplorationRig()
    rig.missing = '' if started else 'no tip'
    rig.run(1.0)
    assert bool(rig.commands) == started
    rig.measuring = False
    rig.reach(ExplorationPhase.STOPPED)
    assert rig.explorer.fault == 'no joint_states for 6 s'
    sent = len(rig.commands)
    rig.measuring, rig.missing = True, ''
    rig.run(2.0)
    assert len(rig.commands) == sent


def test_the_explorer_waits_for_joints_that_were_never_measured():
    rig = ExplorationRig()
    rig.measuring = False
    rig.run(60.0)
    rig.measuring = True
    rig.run_until(lambda: rig.samples)


# Other events


@pytest.mark.parametrize(
    'phase', [phase for phase in ExplorationPhase if phase is not ExplorationPhase.STOPPED]
)
def test_stop_ends_the_exploration_in_every_phase(phase):
    rig = ExplorationRig(q=(1.4, 0.0) if phase is ExplorationPhase.RETURNING else (0.0, 0.0))
    if phase not in (ExplorationPhase.WAITING, ExplorationPhase.RETURNING):
        rig.run_until(lambda: len(rig.samples) == 2)
    rig.following = phase not in (ExplorationPhase.HOLDING, ExplorationPhase.YIELDING)
    rig.measuring = phase is not ExplorationPhase.BRAKING
    rig.reach(phase)
    rig.run(0.05)
    fault = rig.explorer.fault
    rig.explorer.stop()
    rig.explorer.stop()  # as by SIGINT after ~/stop
    rig.run_until(lambda: rig.explorer.phase is ExplorationPhase.STOPPED, 3.0)
    assert rig.explorer.fault == fault
    sent = len(rig.commands)
    rig.run(1.0)
    assert len(rig.commands) == sent
    if sent:
        rig.assert_smooth()
    if rig.measuring and sent:
        np.testing.assert_allclose(rig.commands[-1][1], rig.q, atol=0.05)


def test_measurements_that_arrive_late_do_not_make_a_moving_arm_stand_still():
    """By their times of reception these two would span the window."""
    rig = ExplorationRig()
    rig.run_until(lambda: len(rig.samples) == 3)
    rig.reach(ExplorationPhase.SETTLING)
    rig.measuring = False
    target = rig.explorer._target
    for late, stamp in ((0.0, 0.0), (0.2, 0.01)):
        rig.explorer.update_feedback(rig.now + late, rig.now + stamp, target)
    assert rig.explorer.settled_at is None
    rig.explorer.update_feedback(rig.now + 0.21, rig.now + 0.2, target)
    assert rig.explorer.settled_at


def test_an_arm_that_is_pushed_at_its_target_is_no_longer_settled():
    rig = ExplorationRig()
    rig.sampling = False
    rig.run_until(lambda: rig.explorer.settled_at)
    rig.q = rig.q + 0.04
    rig.step()
    assert rig.explorer.settled_at is None
    rig.run_until(lambda: rig.explorer.settled_at)


def test_a_late_step_does_not_make_the_arm_leap():
    rig = ExplorationRig()
    rig.run_until(lambda: len(rig.samples) == 3)
    rig.run(0.1)
    rig.now += 0.4
    rig.run(1.0)
    q = np.array([command for _, command in rig.commands])
    assert np.abs(np.diff(q, axis=0)).max() <= 3.0 * 0.05 + 1e-9


def test_a_continuous_joint_stays_in_its_turn():
    continuous = replace(ARM, lower=(-inf, -1.0), upper=(inf, 2.5))
    rig = ExplorationRig(q=(7.0, 0.0), arm=continuous)
    rig.run_until(lambda: len(rig.samples) == 40)
    q1 = np.array([q[0] for _, q, _ in rig.samples]) - 2 * np.pi
    assert q1.min() > -np.pi
    assert q1.max() < np.pi
    assert np.ptp(q1) > 5.0


@pytest.mark.parametrize('start', [3.05, -3.1, 0.5])
def test_the_encoder_of_a_continuous_joint_may_wrap(start):
    """The joint sags by 0.03 rad: near the end of the turn it is past its command."""
    rig = ExplorationRig(q=(start, 0.0), arm=replace(ARM, lower=(-inf, -1.0), upper=(inf, 2.5)))
    rig.encoder = lambda q: ((q[0] + 0.03 + np.pi) % (2.0 * np.pi) - np.pi, q[1])
    rig.run_until(lambda: len(rig.samples) == 60, 120.0)
    assert not rig.explorer.dropped
    commands = np.array([command for _, command in rig.commands])
    assert np.abs(commands[:, 0]).max() < np.pi
    assert np.ptp(commands[:, 0]) > 5.5
    rig.assert_smooth()


def test_an_arm_without_velocity_limits_is_rejected():
    with pytest.raises(ConfigError, match='velocity limit of b: got none, expected one in the'):
        ExplorationRig(arm=replace(ARM, max_velocity=(1.0, inf)))


# Thresholds


class Hand:
    """An explorer at its first target with measurements that the test sets one by one."""

    def __init__(self, **options):
        rig = ExplorationRig(config=replace(CONFIG, settle_tolerance=1e-3, **options))
        rig.sampling = False
        rig.reach(ExplorationPhase.SETTLING)
        self.explorer, self.now = rig.explorer, rig.now
        self.arrived_at = rig.now
        self.target = self.explorer._target

    def step(self, offset=(0.0, 0.0), seconds=PERIOD):
        self.now += seconds
        command = self.explorer.step(self.now)
        q = self.target[0] + offset[0], self.target[1] + offset[1]
        self.explorer.update_feedback(self.now, self.now, q)
        return command

    def run(self, seconds, offset=(0.0, 0.0)):
        for _ in range(round(seconds / PERIOD)):
            self.step(offset)


@pytest.mark.parametrize('joint', [0, 1])
@pytest.mark.parametrize(('distance', 'settled'), [(0.0499, True), (0.0501, False)])
def test_an_arm_settles_within_the_goal_tolerance(joint, distance, settled):
    hand = Hand(goal_tolerance=0.05)
    offset = [0.0, 0.0]
    offset[joint] = -distance
    hand.run(0.5, offset)
    assert (hand.explorer.settled_at is not None) is settled


def test_an_arm_settles_after_the_settle_time_and_keeps_the_time_of_it():
    hand = Hand(settle_time=0.3)
    hand.run(0.5)
    hand.step((0.02, 0.0))
    assert hand.explorer.settled_at is None
    moved_at = hand.now
    while hand.explorer.settled_at is None:
        hand.step()
    settled_at = hand.explorer.settled_at
    assert settled_at == hand.now
    # The window must not contain the movement: it starts with the first measurement after it.
    assert settled_at - moved_at == pytest.approx(0.3 + PERIOD, abs=PERIOD)
    hand.run(0.2)
    assert hand.explorer.settled_at == settled_at


@pytest.mark.parametrize(('offset', 'reason'), [(0.0, 'no sample'), (0.06, 'not settled')])
def test_a_target_is_dropped_after_the_settle_timeout(offset, reason):
    hand = Hand(settle_timeout=1.0)
    while not hand.explorer.dropped:
        hand.step((offset, 0.0))
        assert hand.now - hand.arrived_at < 1.1
    assert hand.now - hand.arrived_at == pytest.approx(1.0, abs=1.5 * PERIOD)
    assert hand.now - hand.arrived_at > 1.0
    assert hand.explorer.dropped == {reason: 1}
    assert hand.explorer.phase is ExplorationPhase.MOVING
    assert hand.explorer.settled_at is None


@pytest.mark.parametrize(('misses', 'ended'), [(2, False), (3, True)])
def test_a_sample_resets_the_number_of_consecutive_misses(misses, ended):
    rig = ExplorationRig(config=replace(CONFIG, settle_timeout=0.5))
    rig.sampling = False
    rig.run_until(lambda: rig.explorer.dropped.total() == 2)
    rig.sampling = True
    rig.run_until(lambda: len(rig.samples) == 1)
    rig.sampling = False
    rig.run_until(lambda: rig.explorer.dropped.total() == 2 + misses)
    assert bool(rig.explorer.fault) is ended


def test_a_silent_arm_ends_the_exploration_after_five_seconds_and_the_timeout():
    hand = Hand(joint_states_timeout=0.5)
    silent_since = hand.now
    while hand.explorer.phase is not ExplorationPhase.STOPPED:
        hand.now += PERIOD
        hand.explorer.step(hand.now)
        assert hand.now - silent_since < 6.0
    assert hand.now - silent_since == pytest.approx(5.5, abs=1.5 * PERIOD)


@pytest.mark.parametrize(('distance', 'holding'), [(0.099, False), (0.101, True)])
def test_a_standing_arm_may_be_off_its_command_by_the_tracking_tolerance(distance, holding):
    hand = Hand(tracking_tolerance=0.1)
    hand.step((0.0, distance))
    hand.step((0.0, distance))
    assert (hand.explorer.phase is ExplorationPhase.HOLDING) is holding


def test_a_held_command_continues_once_the_joints_are_within_the_tolerance():
    hand = Hand(tracking_tolerance=0.1)
    hand.run(0.05, (0.0, 0.2))
    assert hand.explorer.phase is ExplorationPhase.HOLDING
    hand.run(0.05, (0.0, 0.101))
    assert hand.explorer.phase is ExplorationPhase.HOLDING
    hand.run(0.05, (0.0, 0.099))
    assert hand.explorer.phase in (ExplorationPhase.MOVING, ExplorationPhase.SETTLING)


def test_a_held_command_yields_half_a_second_after_the_last_progress():
    hand = Hand(tracking_tolerance=0.1)
    while hand.explorer.phase is not ExplorationPhase.HOLDING:
        hand.step((0.0, 0.3))
    held_at = hand.now
    while hand.explorer.phase is ExplorationPhase.HOLDING:
        command = hand.step((0.0, 0.3))
    assert hand.now - held_at == pytest.approx(0.5, abs=2.5 * PERIOD)
    assert hand.explorer.phase is ExplorationPhase.YIELDING
    while hand.explorer.phase is not ExplorationPhase.STOPPED:
        command = hand.step((0.0, 0.3)) or command
    assert command == pytest.approx((hand.target[0], hand.target[1] + 0.3), abs=1e-9)


@pytest.mark.parametrize(
    ('q', 'goal'),
    [((1.5, 0.0), (0.98, 0.0)), ((-2.5, 2.9), (-1.98, 2.48)), ((0.3, -1.2), (0.3, -0.98))],
)
def test_an_arm_outside_its_limits_returns_to_the_margin_of_the_targets(q, goal):
    rig = ExplorationRig(q=q)
    rig.reach(ExplorationPhase.RETURNING)
    rig.reach(ExplorationPhase.MOVING)
    returned = rig.commands[-1][1]
    assert returned == pytest.approx(goal, abs=1e-6)


def test_targets_keep_a_margin_from_the_limits():
    """0.02 rad; of a small range a twentieth."""
    narrow = replace(ARM, lower=(-2.0, 0.0), upper=(1.0, 0.2))
    rig = ExplorationRig(arm=narrow)
    rig.reach(ExplorationPhase.MOVING)
    q = np.array([next(rig.explorer._targets) for _ in range(2000)])
    np.testing.assert_allclose(q.min(axis=0), (-1.98, 0.01), atol=5e-3)
    np.testing.assert_allclose(q.max(axis=0), (0.98, 0.19), atol=5e-3)
    assert (q >= (-1.98, 0.01)).all()
    assert (q <= (0.98, 0.19)).all()
