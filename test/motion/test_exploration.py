"""The explorer, with a simple arm and a clock that the test sets."""

from dataclasses import replace
from math import inf

import numpy as np
import pytest

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.motion.exploration import Explorer, Phase
from ik_nn_ros.motion.exploration_config import ExplorationConfig

ARM = ArmModel(
    'arm', ('a', 'b'), (0.3, 0.2), lower=(-2.0, -1.0), upper=(1.0, 2.5), velocity=(3.0, 2.0)
)
CONFIG = ExplorationConfig(speed_scale=1.0)
PERIOD = 0.01


class Bench:
    """
    An arm that follows its commands with a lag, measured each time it is commanded.

    :param q: where it stands
    """

    def __init__(self, q=(0.0, 0.0), arm=ARM, config=CONFIG):
        self.explorer = Explorer(arm, config, np.random.default_rng(0))
        self.q = np.array(q)
        self.now = 100.0
        self.measuring = self.following = self.sampling = True
        self.commands = []
        """(time, command)"""
        self.samples = []
        """(time, position, speed, target)"""

    def step(self):
        self.now += PERIOD
        command = self.explorer.step(self.now)
        before = self.q
        if command is not None:
            self.commands.append((self.now, command))
            if self.following:
                self.q = self.q + 0.5 * (np.array(command) - self.q)
        if self.measuring:
            self.explorer.measure(self.now, self.now, tuple(self.q))
        if self.explorer.settled_at == self.now and self.sampling:
            speed = np.abs(self.q - before).max() / PERIOD
            self.samples.append((self.now, self.q, speed))
            self.explorer.taken()

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

    def speeds(self):
        """(N - 1, 2) of the commands, rad/s; those after a pause are left out."""
        times = np.array([time for time, _ in self.commands])
        q = np.array([command for _, command in self.commands])
        steps = np.diff(times)
        return (np.diff(q, axis=0) / steps[:, np.newaxis])[steps < 1.5 * PERIOD]

    def assert_smooth(self, arm=ARM):
        """No command is faster, or changes its speed faster, than the limits allow."""
        speeds = self.speeds()
        assert (np.abs(speeds) <= np.array(arm.velocity) + 1e-9).all()
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
    assert bench.explorer.trouble.startswith('no joint_states')
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
    assert bench.explorer.trouble == 'waiting until the joints stand still'


def test_an_arm_outside_its_limits_goes_back_inside_slowly_and_not_farther_out():
    bench = Bench(q=(1.4, -1.5))
    bench.reach(Phase.RETURNING)
    assert 'outside its limits' in bench.explorer.trouble
    bench.reach(Phase.MOVING)
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
    bench.reach(Phase.MOVING)
    bench.run(0.05)
    bench.measuring = False
    bench.reach(Phase.WAITING)
    bench.assert_smooth()
    assert 'no joint_states for 0.5 s' in bench.explorer.trouble
    count = len(bench.commands)
    bench.run(5.0)
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
    slow = replace(ARM, velocity=(0.2, 0.2))
    bench = Bench(q=(1.0, -1.0), arm=slow)
    bench.reach(Phase.MOVING)
    bench.run(0.3)
    bench.measuring = False
    bench.reach(Phase.BRAKING)
    assert np.abs(bench.explorer._motion.velocity).max() > 0.19
    assert 'no joint_states' in bench.explorer.trouble
    bench.reach(Phase.WAITING)
    bench.assert_smooth(slow)
    assert np.abs(bench.speeds()[-1]).max() < 0.05


def test_stop_brakes_and_is_for_good():
    bench = Bench()
    bench.run_until(lambda: len(bench.samples) == 3)
    bench.run(0.12)
    assert np.abs(bench.explorer._motion.velocity).max() > 1.0
    bench.explorer.stop()
    bench.reach(Phase.STOPPED)
    bench.assert_smooth()
    assert np.abs(bench.speeds()[-1]).max() < 0.1
    count = len(bench.commands)
    bench.run(2.0)
    assert len(bench.commands) == count
    assert len(bench.samples) == 3
    assert not bench.explorer.fault


@pytest.mark.parametrize('phase', [Phase.WAITING, Phase.SETTLING])
def test_an_arm_at_rest_needs_no_brake(phase):
    bench = Bench()
    bench.reach(phase)
    bench.explorer.stop()
    assert bench.explorer.phase is Phase.STOPPED


def test_stops_when_the_joints_do_not_follow():
    bench = Bench()
    bench.run_until(lambda: len(bench.samples) == 2)
    bench.following = False
    bench.reach(Phase.STOPPED)
    bench.assert_smooth()
    assert bench.explorer.fault.startswith('the joints do not follow: they are at (')


def test_a_target_where_the_arm_does_not_settle_is_given_up():
    """The joints stay 0.1 rad off: near enough to be followed, too far to be there."""
    bench = Bench(config=replace(CONFIG, settle_timeout=1.0))
    bench.run_until(lambda: len(bench.samples) == 2)
    command = bench.explorer.step
    bench.explorer.step = lambda now: (q := command(now)) and (q[0] + 0.1, q[1])
    bench.run_until(lambda: bench.explorer.dropped['not settled'] == 3)
    assert len(bench.samples) == 2
    bench.explorer.step = command
    bench.run_until(lambda: len(bench.samples) == 4)


def test_a_target_without_a_sample_is_given_up():
    bench = Bench(config=replace(CONFIG, settle_timeout=1.0))
    bench.sampling = False
    bench.run_until(lambda: bench.explorer.dropped['no sample'] == 2)
    assert not bench.explorer.dropped['not settled']


def test_measurements_that_arrive_late_do_not_make_a_moving_arm_stand_still():
    """By the time they were received these two would span the window."""
    bench = Bench()
    bench.run_until(lambda: len(bench.samples) == 3)
    bench.reach(Phase.SETTLING)
    bench.measuring = False
    target = bench.explorer._target
    for late, stamp in ((0.0, 0.0), (0.2, 0.01)):
        bench.explorer.measure(bench.now + late, bench.now + stamp, target)
    assert bench.explorer.settled_at is None
    bench.explorer.measure(bench.now + 0.21, bench.now + 0.2, target)
    assert bench.explorer.settled_at


def test_an_arm_that_is_pushed_at_its_target_is_not_settled_any_more():
    bench = Bench()
    bench.sampling = False
    bench.run_until(lambda: bench.explorer.settled_at)
    bench.q = bench.q + 0.02
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


def test_an_arm_without_velocity_limits_is_refused():
    with pytest.raises(ConfigError, match='velocity limit of b: got none, expected one in the'):
        Bench(arm=replace(ARM, velocity=(1.0, inf)))
