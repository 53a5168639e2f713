"""
Whatever fails while the arm moves, it stops within its limits, and no old command follows.

The node runs in its own process; the test simulates the arm, its joint_states and the clock.
"""

import signal
import time
from collections import Counter
from contextlib import contextmanager

import numpy as np
import pytest
import simulated_arm
from builtin_interfaces.msg import Time
from command_stream import PERIOD_S, violations
from geometry_msgs.msg import PoseStamped
from ik_node_rig import ARM
from motion_recorder import INTRUDER
from motion_rig import BOUNDS, LEFT, MIDDLE, RIGHT, flood, motion_rig, retry_if_starved
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState
from simulated_arm import SimulatedArm

JOINT_STATES_TIMEOUT_S = 0.3
SETTLE_S = 0.6
"""Time for which the node watches the arm settle after a motion."""
DETECTION_S = 0.4
"""Time after which the command is 0.2 rad and 0.1 s ahead: the node notices the tracking error."""
MAX_LEAD_RAD = 1.3
"""Distance that the command may get ahead: 0.2 rad + 0.1 s at 3 rad/s, and the braking distance."""
ELSEWHERE = (0.5, 1.5)
"""Where the arm is put meanwhile, rad."""
CLOCK_START_S = 1000.0


@pytest.fixture(scope='module')
def shared():
    with motion_rig({'joint_states_timeout': JOINT_STATES_TIMEOUT_S}) as rig:
        rig.simulated = SimulatedArm(rig.client, MIDDLE)
        yield rig


@pytest.fixture
def rig(shared):
    """A node that takes targets, with an arm that works."""

    def set_up():
        shared.simulated.reset()
        shared.ready()
        shared.wait_at_rest()

    shared.begin_test(set_up)
    return shared


def check_only_a_new_target_moves_it(rig):
    """Put the arm elsewhere; assert that only a new target moves it, from there."""
    rig.simulated.place_at(ELSEWHERE)
    rig.simulated.reset()
    rig.forget()
    rig.wait_ready()
    assert not rig.commands
    rig.arrive(MIDDLE)
    rig.check()


# joint_states


@pytest.mark.parametrize('report', [simulated_arm.silent, simulated_arm.nan])
@retry_if_starved
def test_without_joint_states_the_arm_is_stopped(rig, report):
    """Without feedback the arm would move on to the goal, whatever is in its way."""
    goal = rig.set_off()
    rig.simulated.report = report
    lost = rig.now()
    rig.wait_reported('joint_states: got none')
    rig.wait_at_rest()
    assert rig.ask(goal) == 'NO_JOINT_STATES'
    rig.check_gave_up(goal, lost + JOINT_STATES_TIMEOUT_S)
    check_only_a_new_target_moves_it(rig)


@retry_if_starved
def test_frozen_joint_states_stop_the_arm(rig):
    """They arrive in time; only the arm that seems not to follow shows that they are wrong."""
    goal = rig.set_off()
    rig.simulated.report = simulated_arm.frozen()
    frozen = rig.now()
    rig.wait_stopped('joint_states are frozen')
    rig.wait_at_rest()
    stream = rig.check()
    assert np.abs(stream.q - goal).max(axis=1).min() > 0.3, 'the arm went on to the goal'
    # The command may return, slowly, to where the arm was measured last.
    afterwards = stream.since(frozen + DETECTION_S + BOUNDS.max_braking_time)
    assert afterwards.mean_speeds(steps=8).max(initial=0.0) < 1.0
    check_only_a_new_target_moves_it(rig)


@pytest.mark.parametrize('report', [simulated_arm.rare, simulated_arm.reordered])
@retry_if_starved
def test_rare_or_reordered_joint_states_do_not_disturb_the_motion(rig, report):
    """Old ones would look like an arm that does not follow, or that is elsewhere."""
    rig.simulated.report = report()
    goal = rig.set_off()
    rig.check_arrived(goal)
    rig.simulated.reset()
    rig.wait(lambda: np.abs(rig.measured() - goal).max() < 1e-3, 'not at the goal')


@retry_if_starved
def test_the_command_does_not_run_away_from_an_arm_that_does_not_follow(rig):
    """The arm would jump after the command as soon as it can."""
    goal = rig.set_off()
    rig.simulated.follows = False
    blocked = rig.now()
    rig.wait_stopped('the joints do not follow')
    rig.wait_at_rest()
    stream = rig.check()
    assert np.abs(stream.since(blocked).q - rig.simulated.q).max() < MAX_LEAD_RAD
    np.testing.assert_allclose(stream.q[-1], rig.simulated.q, atol=0.01)
    assert np.abs(rig.simulated.q - goal).max() > 0.3
    check_only_a_new_target_moves_it(rig)


@retry_if_starved
def test_an_arm_that_stands_still_to_the_last_bit_does_not_block_the_node(rig):
    """
    Nothing distinguishes it from frozen joint_states.

    So it is after an emergency stop: the drives forget their command and stay where they are.
    """
    goal = rig.set_off()
    rig.simulated.noise = 0.0
    rig.simulated.follows = False
    rig.wait_stopped('joint_states are frozen')
    rig.wait_at_rest()
    rig.check()
    rig.simulated.place_at(rig.simulated.q)
    rig.simulated.follows = True
    rig.forget()
    rig.arrive(goal)
    rig.check()


@retry_if_starved
def test_one_wrong_measurement_while_moving_does_not_misguide_the_arm(rig):
    """It may end the motion, but nothing has to move to where the arm never was."""
    rig.set_off()
    rig.simulated.report = simulated_arm.wrong_once()
    rig.wait_at_rest()
    stream = rig.check()
    np.testing.assert_allclose(stream.q[:, 1], MIDDLE[1], atol=0.02)
    np.testing.assert_allclose(stream.q[-1], rig.simulated.q, atol=0.02)


@retry_if_starved
def test_one_wrong_measurement_before_a_target_is_not_where_the_motion_begins(rig):
    """The arm would jump there at the first command."""
    rig.arrive(MIDDLE)
    rig.spin_for(SETTLE_S)
    rig.forget()
    published = []
    rig.simulated.report = simulated_arm.wrong_once(published)
    rig.wait(lambda: published, 'the arm does not publish')
    stamp = rig.send(ELSEWHERE)
    rig.wait(lambda: stamp in rig.codes, 'no answer')
    rig.wait_at_rest()
    starts = [segment.q[0] for segment in rig.check().segments()][:1]
    np.testing.assert_allclose(starts, [MIDDLE] * len(starts), atol=0.02)


# Other nodes that command the arm


@contextmanager
def intruder(rig):
    """Run another node that, once it has a goal, contradicts every command of the node."""
    publisher = rig.client.publisher(JointState, 'joint_command')
    message = JointState(name=['joint1', 'joint2'])
    message.header.frame_id = INTRUDER

    def contradict(command):
        if message.position and command.header.frame_id != INTRUDER:
            publisher.publish(message)

    subscription = rig.client.node.create_subscription(JointState, 'joint_command', contradict, 100)
    try:
        yield message.position.extend
    finally:
        rig.client.node.destroy_subscription(subscription)
        rig.client.node.destroy_publisher(publisher)


@retry_if_starved
def test_a_second_publisher_of_commands_ends_the_motion(rig):
    """Each would answer the other's command by a jump of its own."""
    warning = 'publishers of joint_command: got 2, expected this node alone'
    with intruder(rig) as contradict_with:
        rig.wait_reported(warning)
        goal = rig.set_off()
        contradict_with(ELSEWHERE)
        rig.wait_stopped('the joints do not')
        rig.wait_at_rest()
        rig.ask_until('ACCEPTED', rig.measured())
        rig.wait_reported(warning)
    rig.wait_at_rest()
    stream = rig.check()
    assert np.abs(stream.q[-1] - goal).max() > 0.1, 'the arm went on to the goal'
    check_only_a_new_target_moves_it(rig)


@retry_if_starved
def test_two_sources_of_targets_do_not_break_the_limits(rig):
    """The last target counts, and every target is answered once."""
    targets = {LEFT: rig.targets, RIGHT: rig.client.publisher(PoseStamped, 'target_pose')}
    for number in range(60):
        for goal, publisher in targets.items():
            rig.send_point(*ARM.fk_point(*goal), publisher=publisher)
        rig.wait(lambda n=number: len(rig.codes) > 2 * n, 'no answers')
    assert rig.ask(MIDDLE) == 'ACCEPTED'
    rig.check_arrived(MIDDLE)
    rig.wait_answers()
    assert set(rig.codes.values()) == {'ACCEPTED'}


@retry_if_starved
def test_a_flood_of_targets_does_not_stop_the_control_loop(rig):
    """Five thousand targets in a second: commands go on as before, and none is answered twice."""
    start = rig.now()
    with flood(rig, MIDDLE, rate=5000, count=5000) as source:
        source.process.send_signal(signal.SIGUSR1)
        rig.wait(lambda: 'sent' in source.output, 'the flood does not end')
        end = rig.now()
    rig.wait_at_rest()
    rig.arrive(MIDDLE)
    stream = rig.check()
    during = stream.t[(stream.t > start) & (stream.t < end)]
    assert len(rig.codes) > 100
    assert len(during) > 30
    assert np.diff(during).max() < 0.3, 'the control loop stood still'


# The node


@retry_if_starved
def test_killed_while_moving_and_started_again_it_waits_for_a_new_target(rig):
    """It knows nothing of its last target, nor of where the arm was."""
    rig.set_off()
    rig.node.process.kill()
    rig.wait(lambda: rig.node.process.poll() is not None, 'does not end')
    rig.wait_at_rest()
    assert violations(rig.stream(), BOUNDS) == []
    rig.start_node()
    check_only_a_new_target_moves_it(rig)


@retry_if_starved
def test_suspended_while_moving_it_does_not_carry_out_old_targets(rig):
    """Suspended for two seconds, it finds its goal, and targets, of two seconds ago."""
    goal = rig.set_off()
    with rig.suspended_node():
        end = time.monotonic() + 2.0
        while time.monotonic() < end:
            rig.send(ELSEWHERE)
            rig.spin_for(0.05)
        before = rig.simulated.q
        continued = rig.now()
    rig.wait_answers()
    rig.wait_at_rest()
    old = Counter(rig.codes[stamp] for stamp in rig.sent[1:])
    assert not old['ACCEPTED'], old
    stream = rig.check(at_rest=False)
    after = stream.since(continued).q
    assert np.abs(after - before).max(initial=0.0) < 0.02, 'the arm moved on'
    assert np.abs(before - goal).max() > 0.3
    check_only_a_new_target_moves_it(rig)


@pytest.mark.parametrize('count', [1, 2])
@retry_if_starved
def test_a_signal_while_moving_stops_the_arm_first(rig, count):
    """Ctrl-C under ros2 launch arrives twice; servos hold the last command with a jerk."""
    goal = rig.set_off()
    signalled = rig.now()
    for _ in range(count):
        rig.node.process.send_signal(signal.SIGINT)
    rig.wait(lambda: rig.node.process.poll() is not None, 'does not end')
    assert rig.node.process.returncode == 0
    assert 'Traceback' not in rig.node.output
    rig.check_gave_up(goal, signalled)


# The clock


class SimulatedClock:
    """Simulated time, which may stand still or be set."""

    def __init__(self, client):
        self.time = CLOCK_START_S
        self.rate = 1.0
        self._publisher = client.node.create_publisher(Clock, '/clock', 10)
        self._updated_at = time.monotonic()
        client.node.create_timer(PERIOD_S, self._update)

    def stamp(self):
        return Time(sec=int(self.time), nanosec=int(self.time % 1.0 * 1e9))

    def _update(self):
        now = time.monotonic()
        self.time += self.rate * (now - self._updated_at)
        self._updated_at = now
        self._publisher.publish(Clock(clock=self.stamp()))


@pytest.fixture(scope='module')
def shared_with_clock():
    parameters = {'use_sim_time': True, 'joint_states_timeout': JOINT_STATES_TIMEOUT_S}
    # DDS says when a command was sent, not when it was planned; by the clock it would be far off.
    with motion_rig(parameters, BOUNDS.with_rates_times(2.0)) as rig:
        rig.simulated = SimulatedArm(rig.client, MIDDLE)
        rig.clock = SimulatedClock(rig.client)
        rig.simulated.stamp = rig.clock.stamp
        yield rig


@pytest.fixture
def rig_with_clock(shared_with_clock):
    rig = shared_with_clock

    def set_up():
        rig.clock.rate = 1.0
        rig.ready()
        rig.wait_at_rest()

    rig.begin_test(set_up)
    return rig


@pytest.mark.parametrize('rate', [0.0, 0.1, 10.0])
@retry_if_starved
def test_a_motion_does_not_depend_on_the_rate_of_the_clock(rig_with_clock, rate):
    """By that clock the motion would end on its way, or be too fast."""
    goal = rig_with_clock.set_off()
    rig_with_clock.clock.rate = rate
    rig_with_clock.check_arrived(goal)


@retry_if_starved
def test_a_motion_goes_on_while_the_clock_is_set(rig_with_clock):
    """By that clock the motion would be one jump, or never end; joint_states would be old."""
    goal = rig_with_clock.set_off()
    for offset in (5000.0, -0.15, -5900.0):
        rig_with_clock.clock.time += offset
        rig_with_clock.spin_for(0.1)
    rig_with_clock.check_arrived(goal)
