"""The explorer, with a simple arm and a clock that the test sets."""

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


class Bench:
    """
    An arm that follows its commands with a lag, measured each time it is commanded.

    :param q: where it stands
    :param walls: (low, up) positions that joint b cannot pass, whatever it is commanded
    """

    def __init__(self, q=(0.0, 0.0), arm=ARM, config=CONFIG, walls=(-inf, inf)):
        self.explorer = Explorer(arm, config, np.random.default_rng(0))
        self.q = np.array(q)
        self.walls = walls
        self.now = 100.0
        self.lack = ''
        self.encoder = tuple
        """What it makes of where the joints are."""
        self.measuring = self.following = self.sampling = True
        self.commands = []
        """(time, command)"""
        self.samples = []
        """(time, position, speed, target)"""

    def step(self):
        self.now += PERIOD
        command = self.explorer.step(self.now, self.lack)
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
        """(N, 2) how far the commands are from the joints, rad, until it has stopped."""
        leads = []
        for _ in range(round(seconds / PERIOD)):
            if self.explorer.phase is ExplorationPhase.STOPPED:
                break
            self.step()
            if self.commands:
                leads.append(np.abs(np.array(self.commands[-1][1]) - self.q))
        return np.array(leads)

    def speeds(self):
        """(N - 1, 2) of the commands, rad/s; those after a pause are left out."""
        times = np.array([time for time, _ in self.commands])
        q = np.array([command for _, command in self.commands])
        steps = np.diff(times)
        return (np.diff(q, axis=0) / steps[:, np.newaxis])[steps < 1.5 * PERIOD]

    def assert_smooth(self, arm=ARM):
        """No command is faster, or changes its speed faster, than the limits allow."""
        speeds = self.speeds()
        assert (np.abs(speeds) <= np.array(arm.max_velocity) + 1e-9).all()
        assert np.abs(np.diff(speeds, axis=0)).max() <= 25.0 * PERIOD + 1e-9


def test_takes_samples_of_an_arm_that_stands_at_places_all_over_the_range():
    bench = Bench(config=replace(CONFIG, samples=60))
    bench.run_until(lambda: len(bench.samples) == 60)
    q = np.array([q for _, q, _ in bench.samples])
    assert ARM.within_limits(q.min(axis=0))
    assert ARM.within_limits(q.max(axis=0))
    parts, *_ = np.histogram2d(*q.T, bins=4, range=[(-2.0, 1.0), (-1.0, 2.5)])
    assert parts.min() >= 1
    assert max(speed for *_, speed in bench.samples) < 0.01
    bench.assert_smooth()
    assert all(ARM.within_limits(command) for _, command in bench.commands)
    assert np.abs(bench.speeds()).max(axis=0) == pytest.approx((3.0, 2.0), rel=0.05)


def test_speed_scale_scales_the_speed():
    bench = Bench(config=replace(CONFIG, speed_scale=0.25))
    bench.run_until(lambda: len(bench.samples) == 15)
    np.testing.assert_allclose(np.abs(bench.speeds()).max(axis=0), (0.75, 0.5), rtol=0.05)


def test_starts_from_where_the_joints_are_and_not_before_they_are_known():
    bench = Bench(q=(-1.5, 2.0))
    bench.measuring = False
    bench.run(2.0)
    assert bench.explorer.blocking_reason.startswith('no joint_states')
    assert not bench.commands
    bench.measuring = True
    bench.run(0.1)
    assert not bench.commands  # it may be moving
    bench.run_until(lambda: bench.commands)
    assert bench.commands[0][1] == (-1.5, 2.0)
    bench.run(3.0)
    bench.assert_smooth()


def test_does_not_start_while_somebody_else_moves_the_arm():
    bench = Bench()
    for _ in range(100):
        bench.q = bench.q + 0.01
        bench.step()
    assert not bench.commands
    assert bench.explorer.blocking_reason == 'waiting until the joints stand still'


def test_an_arm_outside_its_limits_goes_back_inside_slowly_and_not_farther_out():
    bench = Bench(q=(1.4, -1.5))
    bench.reach(ExplorationPhase.RETURNING)
    assert 'outside its limits' in bench.explorer.blocking_reason
    bench.reach(ExplorationPhase.MOVING)
    q = np.array([command for _, command in bench.commands])
    assert (np.diff(q[:, 0]) <= 1e-12).all()
    assert (np.diff(q[:, 1]) >= -1e-12).all()
    assert ARM.within_limits(q[-1])
    assert (np.abs(bench.speeds()).max(axis=0) <= (0.3 + 1e-9, 0.2 + 1e-9)).all()
    returned = len(bench.commands)
    bench.run_until(lambda: len(bench.samples) == 10)
    assert all(ARM.within_limits(command) for _, command in bench.commands[returned:])
    bench.assert_smooth()


def test_brakes_when_joint_states_fall_silent_and_goes_on_from_where_the_arm_is():
    bench = Bench()
    bench.run_until(lambda: len(bench.samples) == 5)
    bench.reach(ExplorationPhase.MOVING)
    bench.run(0.05)
    bench.measuring = False
    bench.reach(ExplorationPhase.WAITING)
    bench.assert_smooth()
    assert 'no joint_states for 0.5 s' in bench.explorer.blocking_reason
    count = len(bench.commands)
    bench.run(4.0)
    assert len(bench.commands) == count
    # Meanwhile somebody has pushed the arm.
    bench.q = bench.q + 0.2
    pushed = bench.q
    bench.measuring = True
    bench.run_until(lambda: len(bench.commands) > count)
    assert bench.commands[count][1] == pytest.approx(pushed)
    bench.run_until(lambda: len(bench.samples) == 10)
    bench.assert_smooth()


def test_silence_on_the_way_does_not_become_a_dead_stop():
    """It falls silent so that the arm is fast when the time is up."""
    slow = replace(ARM, max_velocity=(0.2, 0.2))
    bench = Bench(q=(1.0, -1.0), arm=slow)
    bench.run_until(lambda: np.abs(bench.explorer._generator.velocity).max() > 0.19)
    bench.measuring = False
    bench.reach(ExplorationPhase.BRAKING)
    assert np.abs(bench.explorer._generator.velocity).max() > 0.19
    assert 'no joint_states' in bench.explorer.blocking_reason
    bench.reach(ExplorationPhase.WAITING)
    bench.assert_smooth(slow)
    assert np.abs(bench.speeds()[-1]).max() < 0.05


def test_stop_brakes_and_is_for_good():
    bench = Bench()
    bench.run_until(lambda: len(bench.samples) == 3)
    bench.run(0.12)
    assert np.abs(bench.explorer._generator.velocity).max() > 1.0
    bench.explorer.stop()
    bench.reach(ExplorationPhase.STOPPED)
    bench.assert_smooth()
    assert np.abs(bench.speeds()[-1]).max() < 0.1
    count = len(bench.commands)
    bench.run(2.0)
    assert len(bench.commands) == count
    assert len(bench.samples) == 3
    assert not bench.explorer.fault


@pytest.mark.parametrize('phase', [ExplorationPhase.WAITING, ExplorationPhase.SETTLING])
def test_an_arm_at_rest_needs_no_brake(phase):
    bench = Bench()
    bench.reach(phase)
    bench.explorer.stop()
    assert bench.explorer.phase is ExplorationPhase.STOPPED


# Joints that do not follow


def test_stops_when_the_joints_do_not_follow():
    bench = Bench()
    bench.run_until(lambda: len(bench.samples) == 2)
    bench.following = False
    bench.reach(ExplorationPhase.STOPPED)
    bench.assert_smooth()
    assert bench.explorer.fault.startswith('the joints do not follow: they are at (')


@pytest.mark.parametrize('wall', [0.5, 1.5, 2.2])
@pytest.mark.parametrize('config', [ExplorationConfig(), CONFIG], ids=['gentle', 'fast'])
def test_an_obstacle_is_not_pushed_hard_nor_for_long(wall, config):
    """Beyond an ordinary lag of 0.1 s the command leads by 0.25 rad: it takes that to brake."""
    bench = Bench(config=config, walls=(-inf, wall))
    leads = bench.leads(60.0)
    assert bench.explorer.phase is ExplorationPhase.STOPPED
    assert 'the joints do not follow' in bench.explorer.fault
    fastest = config.speed_scale * max(ARM.max_velocity)
    assert leads.max() < 0.1 * fastest + 0.25
    assert np.count_nonzero(leads.max(axis=1) > 0.1) * PERIOD < 2.0
    np.testing.assert_allclose(bench.commands[-1][1], bench.q, atol=1e-9)
    bench.assert_smooth()


def test_an_obstacle_just_before_a_target_is_a_fault_after_three_of_them():
    bench = Bench(config=replace(CONFIG, settle_timeout=1.0))
    bench.run_until(lambda: len(bench.samples) == 2)
    stuck = tuple(bench.q)
    bench.explorer._targets = iter([(stuck[0], stuck[1] + gap) for gap in (0.06, 0.08, -0.07)])
    bench.explorer.sample_taken()
    bench.walls = stuck[1], stuck[1]
    leads = bench.leads(60.0)
    assert leads.max() < 0.1
    assert bench.explorer.fault == (
        'no sample at 3 targets in a row; the last: '
        f'target ({stuck[0]:.3g}, {stuck[1] - 0.07:.3g}) rad given up: '
        'b stays 0.07 rad away, goal_tolerance 0.05 rad'
    )
    np.testing.assert_allclose(bench.commands[-1][1], bench.q, atol=1e-9)


def test_the_command_waits_for_joints_that_are_held_for_a_moment():
    bench = Bench()
    bench.run_until(lambda: len(bench.samples) == 3)
    bench.run(0.1)
    bench.following = False
    bench.reach(ExplorationPhase.HOLDING)
    assert bench.explorer.blocking_reason == 'the joints do not follow: the command waits for them'
    bench.run(0.3)
    bench.following = True
    bench.run_until(lambda: len(bench.samples) == 8)
    bench.assert_smooth()
    assert not bench.explorer.dropped


def test_a_slow_servo_is_waited_for_as_long_as_it_comes_nearer():
    """It does a tenth of the speed that its description says."""
    bench = Bench()
    follow = bench.encoder
    behind = np.zeros(2)

    def slow(q):
        nonlocal behind
        behind = behind + np.clip(q - behind, -0.2 * PERIOD, 0.2 * PERIOD)
        bench.q = behind
        return follow(behind)

    bench.encoder = slow
    bench.run_until(lambda: len(bench.samples) == 6, 200.0)
    assert not bench.explorer.fault


@pytest.mark.parametrize('seconds', np.arange(0.2, 5.0, 0.4))
@pytest.mark.parametrize('config', [ExplorationConfig(), CONFIG], ids=['gentle', 'fast'])
def test_a_controller_that_begins_to_listen_late_finds_the_command_near(config, seconds):
    """Until then somebody else heard the commands, e.g. ros2 bag."""
    bench = Bench(config=config)
    bench.following = False
    bench.reach(ExplorationPhase.MOVING)
    assert bench.leads(seconds).max() < 0.15
    bench.leads(10.0)
    assert 'do not follow' in bench.explorer.fault or 'stays' in bench.explorer.fault
    np.testing.assert_allclose(bench.commands[-1][1], bench.q, atol=1e-9)


def test_a_joint_is_slow_until_it_has_been_seen_to_obey():
    bench = Bench(q=(-1.0, 0.0))
    bench.run_until(lambda: np.abs(bench.explorer._generator.velocity).max() > 1.0)
    q = np.array([command for _, command in bench.commands])
    moved, speeds = np.abs(q - q[0])[1:], np.abs(bench.speeds())
    assert (speeds[moved < 0.03] < 0.1 * 3.0 + 1e-9).all()


# Targets that give no sample


@pytest.mark.parametrize(
    ('lack', 'text'), [('', 'no sample came'), ('no tip', 'no sample came: no tip')]
)
def test_targets_without_a_sample_are_given_up_and_three_in_a_row_are_a_fault(lack, text):
    bench = Bench(config=replace(CONFIG, settle_timeout=1.0))
    bench.run_until(lambda: len(bench.samples) == 2)
    bench.sampling, bench.lack = False, lack
    bench.run_until(lambda: bench.explorer.dropped['no sample'] == 2)
    bench.sampling = True
    bench.run_until(lambda: len(bench.samples) == 4)
    bench.sampling = False
    bench.reach(ExplorationPhase.STOPPED)
    assert bench.explorer.dropped == {'no sample': 5}
    assert bench.explorer.fault.startswith('no sample at 3 targets in a row; the last: target (')
    assert bench.explorer.fault.endswith(f'the arm stood still there, but {text}')


def test_it_does_not_set_out_while_there_can_be_no_sample():
    bench = Bench()
    bench.lack = 'no tip'
    bench.run(3.0)
    assert not bench.commands
    bench.lack = ''
    bench.run_until(lambda: bench.samples)


def test_an_arm_that_trembles_is_given_up_with_the_numbers():
    bench = Bench(config=replace(CONFIG, settle_timeout=1.0))
    bench.run_until(lambda: len(bench.samples) == 2)
    bench.encoder = lambda q: (q[0] + 0.01 * (-1.0) ** round(bench.now / PERIOD), q[1])
    bench.reach(ExplorationPhase.STOPPED)
    text = 'the joints moved by 0.02 rad in 0.12 s, settle_tolerance 0.011 rad'
    assert bench.explorer.last_dropped.endswith(text)
    assert bench.explorer.fault.endswith(text)


def test_a_servo_of_ten_bit_settles_though_it_flickers_by_a_tick():
    bench = Bench()
    rng = np.random.default_rng(0)
    tick = np.radians(300.0) / 1024.0
    bench.encoder = lambda q: tuple(np.floor(q / tick + rng.integers(0, 2, 2)) * tick)
    bench.run_until(lambda: len(bench.samples) == 10)
    assert not bench.explorer.dropped


@pytest.mark.parametrize('started', [False, True])
def test_a_long_silence_is_the_end(started):
    """Nobody expects the arm to move when it is switched on again after ten minutes."""
    bench = Bench()
    bench.lack = '' if started else 'no tip'
    bench.run(1.0)
    assert bool(bench.commands) == started
    bench.measuring = False
    bench.reach(ExplorationPhase.STOPPED)
    assert bench.explorer.fault == 'no joint_states for 6 s'
    sent = len(bench.commands)
    bench.measuring, bench.lack = True, ''
    bench.run(2.0)
    assert len(bench.commands) == sent


def test_joints_that_were_never_measured_are_waited_for():
    bench = Bench()
    bench.measuring = False
    bench.run(60.0)
    bench.measuring = True
    bench.run_until(lambda: bench.samples)


# The rest


@pytest.mark.parametrize(
    'phase', [phase for phase in ExplorationPhase if phase is not ExplorationPhase.STOPPED]
)
def test_stop_brings_the_arm_to_rest_in_every_phase(phase):
    bench = Bench(q=(1.4, 0.0) if phase is ExplorationPhase.RETURNING else (0.0, 0.0))
    if phase not in (ExplorationPhase.WAITING, ExplorationPhase.RETURNING):
        bench.run_until(lambda: len(bench.samples) == 2)
    bench.following = phase not in (ExplorationPhase.HOLDING, ExplorationPhase.YIELDING)
    bench.measuring = phase is not ExplorationPhase.BRAKING
    bench.reach(phase)
    bench.run(0.05)
    fault = bench.explorer.fault
    bench.explorer.stop()
    bench.explorer.stop()  # as by SIGINT after ~/stop
    bench.run_until(lambda: bench.explorer.phase is ExplorationPhase.STOPPED, 3.0)
    assert bench.explorer.fault == fault
    sent = len(bench.commands)
    bench.run(1.0)
    assert len(bench.commands) == sent
    if sent:
        bench.assert_smooth()
    if bench.measuring and sent:
        np.testing.assert_allclose(bench.commands[-1][1], bench.q, atol=0.05)


def test_measurements_that_arrive_late_do_not_make_a_moving_arm_stand_still():
    """By the time they were received these two would span the window."""
    bench = Bench()
    bench.run_until(lambda: len(bench.samples) == 3)
    bench.reach(ExplorationPhase.SETTLING)
    bench.measuring = False
    target = bench.explorer._target
    for late, stamp in ((0.0, 0.0), (0.2, 0.01)):
        bench.explorer.update_feedback(bench.now + late, bench.now + stamp, target)
    assert bench.explorer.settled_at is None
    bench.explorer.update_feedback(bench.now + 0.21, bench.now + 0.2, target)
    assert bench.explorer.settled_at


def test_an_arm_that_is_pushed_at_its_target_is_not_settled_any_more():
    bench = Bench()
    bench.sampling = False
    bench.run_until(lambda: bench.explorer.settled_at)
    bench.q = bench.q + 0.04
    bench.step()
    assert bench.explorer.settled_at is None
    bench.run_until(lambda: bench.explorer.settled_at)


def test_a_late_computer_does_not_make_the_arm_leap():
    bench = Bench()
    bench.run_until(lambda: len(bench.samples) == 3)
    bench.run(0.1)
    bench.now += 0.4
    bench.run(1.0)
    q = np.array([command for _, command in bench.commands])
    assert np.abs(np.diff(q, axis=0)).max() <= 3.0 * 0.05 + 1e-9


def test_a_continuous_joint_keeps_to_the_turn_it_is_in():
    continuous = replace(ARM, lower=(-inf, -1.0), upper=(inf, 2.5))
    bench = Bench(q=(7.0, 0.0), arm=continuous)
    bench.run_until(lambda: len(bench.samples) == 40)
    q1 = np.array([q[0] for _, q, _ in bench.samples]) - 2 * np.pi
    assert q1.min() > -np.pi
    assert q1.max() < np.pi
    assert np.ptp(q1) > 5.0


@pytest.mark.parametrize('start', [3.05, -3.1, 0.5])
def test_the_encoder_of_a_continuous_joint_may_wrap(start):
    """The joint sags by 0.03 rad: near the end of the turn it is beyond where it is commanded."""
    bench = Bench(q=(start, 0.0), arm=replace(ARM, lower=(-inf, -1.0), upper=(inf, 2.5)))
    bench.encoder = lambda q: ((q[0] + 0.03 + np.pi) % (2.0 * np.pi) - np.pi, q[1])
    bench.run_until(lambda: len(bench.samples) == 60, 120.0)
    assert not bench.explorer.dropped
    commands = np.array([command for _, command in bench.commands])
    assert np.abs(commands[:, 0]).max() < np.pi
    assert np.ptp(commands[:, 0]) > 5.5
    bench.assert_smooth()


def test_an_arm_without_velocity_limits_is_refused():
    with pytest.raises(ConfigError, match='velocity limit of b: got none, expected one in the'):
        Bench(arm=replace(ARM, max_velocity=(1.0, inf)))
