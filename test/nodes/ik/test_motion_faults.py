"""
Whatever fails while the arm moves, it comes to rest within its limits, and nothing stale follows.

The node runs in a process of its own; the test plays the arm, its joint_states and the clock.
"""

import signal
import time
from collections import Counter
from contextlib import contextmanager

import numpy as np
import pytest
import simulated_arm as played_arm
from builtin_interfaces.msg import Time
from geometry_msgs.msg import PoseStamped
from ik_node_rig import ARM
from motion_judge import PERIOD, braking_time, violations
from motion_rig import LEFT, MIDDLE, RIGHT, flood, motion_rig
from motion_watch import BOUNDS, INTRUDER
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState
from simulated_arm import PlayedArm

TIMEOUT = 0.3
"""joint_states_timeout, s."""
SETTLING = 0.6
"""For so long (s) after a motion the node watches the arm come to rest."""
NOTICED = 0.4
"""After so long (s) the command is 0.2 rad and 0.1 s of its way ahead: the arm does not follow."""
AHEAD = 1.3
"""How far (rad) the command may get ahead: 0.2 + 0.1 s to notice it at 3 rad/s, and the brakes."""
HAND = (0.5, 1.5)
"""Where somebody puts the arm meanwhile, rad."""


@pytest.fixture(scope='module')
def shared():
    with motion_rig({'joint_states_timeout': TIMEOUT}) as rig:
        rig.played = PlayedArm(rig.client, MIDDLE)
        yield rig


@pytest.fixture
def rig(shared):
    """A node that is ready, with an arm that behaves."""
    shared.played.behave()
    shared.ready()
    shared.wait_quiet()
    shared.forget()
    return shared


def check_only_a_new_target_moves_it(rig):
    """Put the arm somewhere else, and assert that only a new target moves it, from there."""
    rig.played.put(HAND)
    rig.played.behave()
    rig.forget()
    rig.wait_ready()
    assert not rig.commands
    rig.arrive(MIDDLE)
    rig.check()


# joint_states


@pytest.mark.parametrize('manner', [played_arm.silent, played_arm.nan])
def test_an_arm_that_cannot_be_seen_any_more_is_brought_to_rest(rig, manner):
    """Blind, the arm would go on to the goal, whatever is in its way."""
    goal = rig.set_off()
    rig.played.speak = manner
    blind = rig.now()
    rig.wait_said('joint_states: got none')
    rig.wait_quiet()
    assert rig.ask(goal) == 'NO_JOINT_STATES'
    rig.check_gave_up(goal, blind + TIMEOUT)
    check_only_a_new_target_moves_it(rig)


def test_frozen_joint_states_bring_the_arm_to_rest(rig):
    """They come in time; only that the arm does not seem to follow shows that they are wrong."""
    goal = rig.set_off()
    rig.played.speak = played_arm.frozen()
    frozen = rig.now()
    rig.wait_said('joint_states: got the same')
    rig.wait_quiet()
    stream = rig.check()
    assert np.abs(stream.q - goal).max(axis=1).min() > 0.3, 'went on to the goal'
    # It may go back to where the arm was seen last, slowly.
    afterwards = stream.since(frozen + NOTICED + braking_time(BOUNDS))
    assert afterwards.speeds(over=8).max(initial=0.0) < 1.0
    check_only_a_new_target_moves_it(rig)


@pytest.mark.parametrize('manner', [played_arm.slow, played_arm.reordered])
def test_joint_states_that_are_seldom_or_disordered_do_not_disturb_the_motion(rig, manner):
    """Old ones would look like an arm that does not follow, or that is somewhere else."""
    rig.played.speak = manner()
    goal = rig.set_off()
    rig.wait_quiet()
    rig.played.behave()
    rig.wait(lambda: np.abs(rig.measured() - goal).max() < 1e-3, 'not at the goal')
    rig.check()


def test_an_arm_that_does_not_follow_is_not_pulled_at(rig):
    """The command would run away from the arm, which leaps after it as soon as it can."""
    goal = rig.set_off()
    rig.played.obeying = False
    blocked = rig.now()
    rig.wait_stopped('the joints do not')
    rig.wait_quiet()
    stream = rig.check()
    assert np.abs(stream.since(blocked).q - rig.played.q).max() < AHEAD
    np.testing.assert_allclose(stream.q[-1], rig.played.q, atol=0.01)
    check_only_a_new_target_moves_it(rig)
    assert np.abs(rig.played.q - goal).max() > 0.3


def test_an_arm_that_stands_still_to_the_last_bit_does_not_lock_the_node_up(rig):
    """
    Nothing tells it from joint_states that are frozen.

    As after an emergency stop: the drives have forgotten their command, and stay where they are.
    """
    goal = rig.set_off()
    rig.played.noise = 0.0
    rig.played.obeying = False
    rig.wait_said('joint_states: got the same')
    rig.wait_quiet()
    rig.check()
    rig.played.put(rig.played.q)
    rig.played.obeying = True
    rig.forget()
    rig.arrive(goal)
    rig.check()


def test_one_wrong_reading_while_moving_does_not_lead_the_arm_astray(rig):
    """It may end the motion; but nothing has to move to where the arm never was."""
    rig.set_off()
    rig.played.speak = played_arm.wrong_once()
    rig.wait_quiet()
    stream = rig.check()
    np.testing.assert_allclose(stream.q[:, 1], MIDDLE[1], atol=0.02)
    np.testing.assert_allclose(stream.q[-1], rig.played.q, atol=0.02)


def test_one_wrong_reading_before_a_target_is_not_where_the_motion_begins(rig):
    """The arm would leap there at the first command."""
    rig.arrive(MIDDLE)
    rig.wait_for(SETTLING)
    rig.forget()
    told = []
    rig.played.speak = played_arm.wrong_once(told)
    rig.wait(lambda: told, 'the arm does not speak')
    rig.send(HAND)
    rig.wait_for(0.1)
    rig.wait_quiet()
    begins = [part.q[0] for part in rig.check().parts()]
    np.testing.assert_allclose(begins[:1], [MIDDLE] * len(begins[:1]), atol=0.02)


# Others who want something of the arm


@contextmanager
def intruder(rig):
    """Somebody else who, once told where to, has the last word after every command of the node."""
    publisher = rig.client.publisher(JointState, 'joint_command')
    message = JointState(name=['joint1', 'joint2'])
    message.header.frame_id = INTRUDER

    def contradict(command):
        if message.position and command.header.frame_id != INTRUDER:
            publisher.publish(message)

    listening = rig.client.node.create_subscription(JointState, 'joint_command', contradict, 100)
    try:
        yield message.position.extend
    finally:
        rig.client.node.destroy_subscription(listening)
        rig.client.node.destroy_publisher(publisher)


def test_a_second_publisher_of_commands_does_not_drag_the_motion_along(rig):
    """Each would answer the other's command by a jump of its own."""
    alone = 'publishers of joint_command: got 2, expected this node alone'
    with intruder(rig) as command:
        rig.wait_said(alone)
        goal = rig.set_off()
        command(HAND)
        rig.wait_stopped('the joints do not')
        rig.wait_quiet()
        rig.ask_until('ACCEPTED', rig.measured())
        rig.wait_said(alone)
    stream = rig.check()
    assert np.abs(stream.q[-1] - goal).max() > 0.1, 'went on to the goal'
    check_only_a_new_target_moves_it(rig)


def test_two_sources_of_targets_do_not_break_the_limits(rig):
    """The last target counts; every one is answered, once."""
    targets = {LEFT: rig.targets, RIGHT: rig.client.publisher(PoseStamped, 'target_pose')}
    for number in range(60):
        for goal, publisher in targets.items():
            rig.send_point(*ARM.fk_point(*goal), publisher=publisher)
        rig.wait(lambda n=number: len(rig.codes) > 2 * n, 'no answers')
    assert rig.ask(MIDDLE) == 'ACCEPTED'
    rig.wait_quiet()
    rig.wait(lambda: len(rig.codes) == len(rig.sent), 'not all are answered')
    assert set(rig.codes.values()) == {'ACCEPTED'}
    np.testing.assert_allclose(rig.check().q[-1], MIDDLE, atol=1e-6)


def test_a_flood_of_targets_does_not_stop_the_control_loop(rig):
    """Five thousand in a second: commands go on as before, and none is answered twice."""
    begin = rig.now()
    with flood(rig, MIDDLE, rate=5000, count=5000) as source:
        source.process.send_signal(signal.SIGUSR1)
        rig.wait(lambda: 'sent' in source.output, 'flood does not end')
        end = rig.now()
    rig.wait(lambda: rig.speed() < 0.1, 'does not come to rest')
    rig.arrive(MIDDLE)
    stream = rig.check()
    during = stream.t[(stream.t > begin) & (stream.t < end)]
    assert len(rig.codes) > 100
    assert len(during) > 30
    assert np.diff(during).max() < 0.3, 'stood still'


# The node itself


def test_killed_while_moving_and_run_again_it_waits_for_a_new_target(rig):
    """What it was told before its end is not carried out; it knows nothing of where the arm was."""
    rig.set_off()
    rig.node.process.kill()
    rig.wait_quiet()
    assert violations(rig.stream(), BOUNDS) == []
    rig.start_node()
    check_only_a_new_target_moves_it(rig)


def test_paused_while_moving_it_does_not_carry_out_what_has_grown_old(rig):
    """Stopped for two seconds, it would find a goal, and targets, of two seconds ago."""
    goal = rig.set_off()
    rig.node.process.send_signal(signal.SIGSTOP)
    end = time.monotonic() + 2.0
    while time.monotonic() < end:
        rig.send(HAND)
        rig.wait_for(0.05)
    where = rig.played.q
    continued = rig.now()
    rig.node.process.send_signal(signal.SIGCONT)
    rig.wait(lambda: len(rig.codes) == len(rig.sent), 'not all are answered')
    rig.wait_quiet()
    stale = Counter(rig.codes[stamp] for stamp in rig.sent[1:])
    assert not stale['ACCEPTED'], stale
    stream = rig.check(rests=False)
    after = stream.since(continued).q
    assert np.abs(after - where).max(initial=0.0) < 0.02, 'moved on'
    assert np.abs(where - goal).max() > 0.3
    check_only_a_new_target_moves_it(rig)


@pytest.mark.parametrize('times', [1, 2])
def test_told_to_end_while_moving_it_brakes_first(rig, times):
    """Ctrl-C under ros2 launch comes twice; servos hold the last command with a jerk."""
    goal = rig.set_off()
    told = rig.now()
    for _ in range(times):
        rig.node.process.send_signal(signal.SIGINT)
    rig.wait(lambda: rig.node.process.poll() is not None, 'does not end')
    assert rig.node.process.returncode == 0
    assert 'Traceback' not in rig.node.output
    rig.wait_quiet()
    rig.check_gave_up(goal, told)


# The clock


class PlayedClock:
    """Simulated time, which may stand still or be set."""

    def __init__(self, client):
        self.time = 1000.0
        self.rate = 1.0
        self._publisher = client.node.create_publisher(Clock, '/clock', 10)
        self._ticked = time.monotonic()
        client.node.create_timer(PERIOD, self._tick)

    def stamp(self):
        return Time(sec=int(self.time), nanosec=int(self.time % 1.0 * 1e9))

    def _tick(self):
        now = time.monotonic()
        self.time += self.rate * (now - self._ticked)
        self._ticked = now
        self._publisher.publish(Clock(clock=self.stamp()))


@pytest.fixture(scope='module')
def simulated():
    with motion_rig({'use_sim_time': True, 'joint_states_timeout': TIMEOUT}) as rig:
        rig.played = PlayedArm(rig.client, MIDDLE)
        rig.clock = PlayedClock(rig.client)
        rig.played.stamp = rig.clock.stamp
        rig.ready()
        yield rig


@pytest.mark.parametrize('rate', [0.0, 0.1, 10.0])
def test_a_motion_goes_on_whatever_the_pace_of_the_clock(simulated, rate):
    """Time by that clock would end the motion on its way, wherever that is, or hurry it."""
    simulated.forget()
    simulated.clock.rate = 1.0
    goal = simulated.set_off()
    simulated.clock.rate = rate
    simulated.wait_quiet()
    np.testing.assert_allclose(simulated.check().q[-1], goal, atol=1e-6)


def test_a_motion_goes_on_while_somebody_sets_the_clock(simulated):
    """Time by that clock would carry it out in one jump, or never; joint_states would be old."""
    simulated.forget()
    simulated.clock.rate = 1.0
    goal = simulated.set_off()
    for ahead in (5000.0, -0.15, -5900.0):
        simulated.clock.time += ahead
        simulated.wait_for(0.1)
    simulated.wait_quiet()
    np.testing.assert_allclose(simulated.check().q[-1], goal, atol=1e-6)
