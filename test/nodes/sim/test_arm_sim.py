"""The node arm_sim in its own process: topics, parameters and shutdown."""

import signal
import time

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped
from processes import Client, fresh_domain, node_process, wait_until
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.time import Time
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from ik_nn_ros.arm.urdf import load_arm, read_description
from ik_nn_ros.files import share_directory
from ik_nn_ros.nodes.common.conversions import MessageError
from ik_nn_ros.nodes.sim.node import joint_state_message, read_command, tip_pose_message
from ik_nn_ros.sim.deviations import ArmDeviations
from ik_nn_ros.sim.simulator import Simulator

MODULE = 'ik_nn_ros.nodes.sim.node'
URDF = read_description(share_directory() / 'urdf' / 'arm.urdf.xacro')
ARM = load_arm(URDF)
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
DESCRIPTION = {'robot_description': URDF}
NAN, INF = float('nan'), float('inf')


@pytest.fixture
def domain():
    return fresh_domain()


@pytest.fixture
def client(domain):
    with Client(domain) as client:
        yield client


def command(q1, q2):
    return JointState(name=['joint1', 'joint2'], position=[q1, q2])


def near(states, q, tolerance=1e-3):
    """Return a condition: the last state is at q."""
    return lambda: states and np.allclose(states[-1].position, q, atol=tolerance)


def positions(states):
    return np.array([state.position for state in states])


def xyz(poses):
    return np.array([(p.pose.position.x, p.pose.position.y, p.pose.position.z) for p in poses])


def stamps(messages):
    """Return the stamps of messages, s, from the second of the first one."""
    first = messages[0].header.stamp.sec
    return [m.header.stamp.sec - first + m.header.stamp.nanosec * 1e-9 for m in messages]


def warnings(output):
    return [line for line in output.splitlines() if '[WARN]' in line]


# Commands, without a process

MALFORMED = {
    'a joint missing': (
        JointState(name=['joint1'], position=[1.0]),
        'joints: got joint1, expected joint1, joint2',
    ),
    'positions missing': (
        JointState(name=['joint1', 'joint2'], position=[1.0]),
        'positions: got 1 for 2 names, expected one for each name',
    ),
    'names missing': (
        JointState(position=[1.0, 1.0]),
        'positions: got 2 for 0 names, expected one for each name',
    ),
    'nothing': (JointState(), 'joints: got none, expected joint1, joint2'),
    'nan': (command(NAN, 1.0), 'positions of joint1, joint2: got nan, 1.0 rad, expected finite'),
    'inf': (command(1.0, -INF), 'positions of joint1, joint2: got 1.0, -inf rad, expected finite'),
    'over': (command(3.0, 1.0), 'position of joint1: got 3 rad, expected -2.9 to 2.9 rad'),
    'under': (command(1.0, -2.7), 'position of joint2: got -2.7 rad, expected -2.6 to 2.6 rad'),
}

SAME_CAUSE = {MALFORMED[name][1] for name in ('names missing', 'nothing', 'inf')}
"""Not logged if the same cause was logged before."""


@pytest.mark.parametrize(('message', 'text'), MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_command_is_refused_with_got_and_expected(message, text):
    with pytest.raises(MessageError) as refusal:
        read_command(message, ARM)
    assert str(refusal.value) == text


def test_command_is_read_by_name():
    message = JointState(name=['other', 'joint2', 'joint1'], position=[NAN, 0.2, 0.1])
    message.velocity = [9.0]
    assert read_command(message, ARM) == (0.1, 0.2)


def test_limits_themselves_are_allowed():
    assert read_command(command(2.9 + 1e-12, -2.6), ARM) == (2.9 + 1e-12, -2.6)


# Measurements, without a process


def measured(deviations, count=4000):
    """Return (count, 2) positions and (count, 3) tips of an arm at rest."""
    simulator, rng = Simulator(URDF, q=(1.0, -0.5), deviations=deviations), np.random.default_rng(0)
    states = [joint_state_message(simulator, Time(), rng) for _ in range(count)]
    tips = [tip_pose_message(simulator, Time(), rng) for _ in range(count)]
    assert {tuple(state.velocity) for state in states} == {(0.0, 0.0)}
    return positions(states), xyz(tips)


def test_noise_is_gaussian_of_the_size_asked_for_and_the_same_on_every_axis():
    q, tip = measured(ArmDeviations(encoder_noise=2e-3, tip_noise=5e-4))
    for values, mean, deviation in (
        (q, (1.0, -0.5), 2e-3),
        (tip, ARM.plane.to_base(ARM.fk((1.0, -0.5))), 5e-4),
    ):
        errors = (values - mean) / deviation
        np.testing.assert_allclose(errors.mean(axis=0), 0.0, atol=0.08)
        np.testing.assert_allclose(errors.std(axis=0), 1.0, atol=0.06)
        np.testing.assert_allclose((np.abs(errors) > 2.0).mean(axis=0), 0.0455, atol=0.02)
        independent = np.corrcoef(errors.T) - np.eye(values.shape[1])
        assert np.abs(independent).max() < 0.08
        assert np.abs(np.corrcoef(errors[:-1, 0], errors[1:, 0])[0, 1]) < 0.08


def test_no_noise_by_default():
    q, tip = measured(ArmDeviations(), count=10)
    assert (q == (1.0, -0.5)).all()
    assert (tip == tip[0]).all()


# The process


def test_states_and_tip_poses_belong_together_and_keep_the_rate(domain, client):
    states = client.collect(JointState, 'joint_states')
    tips = client.collect(PoseStamped, 'tip_pose')
    settings = {**DESCRIPTION, 'rate': 50, 'initial_position': [1.0, -0.5]}
    with node_process(MODULE, domain=domain, parameters=settings):
        client.wait_until(lambda: len(states) > 30 and len(tips) > 30)
        # 0.01 s is the default; a busy machine may take a while to keep the period.
        period = lambda: np.median(np.diff(stamps(states[-30:])))  # noqa: E731
        client.wait_until(lambda: period() == pytest.approx(0.02, rel=0.25), 60.0, what=period)
    assert all(state.name == ['joint1', 'joint2'] for state in states)
    assert all(len(state.velocity) == len(state.effort) == 2 for state in states)
    np.testing.assert_allclose(positions(states), [[1.0, -0.5]] * len(states), atol=1e-6)
    by_stamp = {(s.header.stamp.sec, s.header.stamp.nanosec): s for s in states}
    pairs = [(by_stamp.get((t.header.stamp.sec, t.header.stamp.nanosec)), t) for t in tips]
    pairs = [(state, tip) for state, tip in pairs if state is not None]
    assert len(pairs) > 20
    for state, tip in pairs:
        p, o = tip.pose.position, tip.pose.orientation
        assert tip.header.frame_id == 'base_link'
        expected = ARM.plane.to_base(ARM.fk(state.position))
        np.testing.assert_allclose((p.x, p.y, p.z), expected, atol=1e-9)
        half = sum(state.position) / 2  # the hand turns about z by q1 + q2
        np.testing.assert_allclose(
            (o.x, o.y, o.z, o.w), (0, 0, np.sin(half), np.cos(half)), atol=1e-9
        )


def test_deviations_of_the_arm_show_in_the_tip_only(domain, client):
    states = client.collect(JointState, 'joint_states')
    tips = client.collect(PoseStamped, 'tip_pose')
    settings = {
        **DESCRIPTION,
        'initial_position': [1.0, -0.7],
        'as_built.length_errors': [0.01, -0.02],
        'as_built.joint_offsets': [0.02, 0.03],
        'as_built.sag': [0.04, -0.01],
        'as_built.encoder_noise': 1e-4,
        'as_built.tip_noise': 2e-4,
    }
    with node_process(MODULE, domain=domain, parameters=settings) as node:
        client.wait_until(lambda: len(states) > 100 and len(tips) > 100)
        assert not warnings(node.output)
    q, tip = positions(states), xyz(tips)
    np.testing.assert_allclose(q.mean(axis=0), (1.0, -0.7), atol=1e-4)
    np.testing.assert_allclose(q.std(axis=0), 1e-4, rtol=0.5)
    first = 1.02 + 0.04 * np.cos(0.3)
    forearm = first - 0.67 - 0.01 * np.cos(0.3)
    expected = (
        0.303 * np.cos(first) + 0.196 * np.cos(forearm),
        0.303 * np.sin(first) + 0.196 * np.sin(forearm),
        0.0,
    )
    np.testing.assert_allclose(tip.mean(axis=0), expected, atol=2e-4)
    np.testing.assert_allclose(tip.std(axis=0), 2e-4, rtol=0.5)


def test_follows_commands_by_name_and_ignores_malformed_ones(domain, client):
    states = client.collect(JointState, 'joint_states')
    with node_process(MODULE, domain=domain, parameters=DESCRIPTION) as node:
        publisher = client.publisher(JointState, 'joint_command')
        turned = JointState(name=['gripper', 'joint2', 'joint1'], position=[7.0, -0.4, 0.3])
        client.publish_until(publisher, turned, near(states, (0.3, -0.4)))

        del states[:]
        said = {text: message for message, text in MALFORMED.values() if text not in SAME_CAUSE}
        for text, message in said.items():
            client.publish_until(publisher, message, lambda text=text: text in node.output)
        for _ in range(20):
            for message, _ in MALFORMED.values():
                publisher.publish(message)
        # Each of them would have moved joint 1 or joint 2 to the positive side.
        publisher.publish(command(0.3, -0.6))
        client.wait_until(near(states, (0.3, -0.6)), what=lambda: node.output)
        q = positions(states)
        assert q[:, 0].max() < 0.31
        assert q[:, 1].max() < -0.39

        lines = warnings(node.output)
        assert len(lines) == len(said), lines


def test_waits_for_a_description_that_can_be_used(domain, client):
    states = client.collect(JointState, 'joint_states')
    descriptions = client.node.create_publisher(String, 'robot_description', LATCHED)
    with node_process(MODULE, domain=domain) as node:
        node.wait_for('waiting for a description on /robot_description')
        commands = client.publisher(JointState, 'joint_command')
        client.publish_until(
            commands, command(0.1, 0.1), lambda: 'joint_command ignored: no desc' in node.output
        )
        descriptions.publish(String(data='<robot name="half"><link name="base_link"/>'))
        node.wait_for('well-formed XML')
        assert node.output.count('waiting for a valid robot_description') == 1
        assert not states
        descriptions.publish(String(data=URDF))
        client.wait_until(lambda: states)
        client.publish_until(commands, command(0.5, 0.5), near(states, (0.5, 0.5)))
        assert 'Traceback' not in node.output
        assert node.output.count('waiting for a description on') == 1
        assert node.stop() == 0


def test_a_running_simulation_keeps_its_description(domain, client):
    states = client.collect(JointState, 'joint_states')
    with node_process(MODULE, domain=domain) as node:
        descriptions = client.publisher(String, 'robot_description', LATCHED)
        descriptions.publish(String(data=URDF))
        client.wait_until(lambda: states)
        commands = client.publisher(JointState, 'joint_command')
        client.publish_until(commands, command(0.5, 0.5), near(states, (0.5, 0.5)))
        descriptions.publish(String(data=URDF.replace('joint1', 'shoulder')))
        node.wait_for('robot_description has changed: restart the node')
        client.wait_until(near(states, (0.5, 0.5)))
        assert states[-1].name == ['joint1', 'joint2']


def test_late_joiner_gets_latched_description(domain, client):
    descriptions = client.node.create_publisher(String, 'robot_description', LATCHED)
    descriptions.publish(String(data=URDF))
    states = client.collect(JointState, 'joint_states')
    with node_process(MODULE, domain=domain):
        client.wait_until(lambda: states)


@pytest.mark.parametrize(
    ('name', 'bad', 'text', 'good'),
    [
        ('rate', 'abc', "rate: got 'abc' (str), expected a float", 50.0),
        ('rate', '-5.0', 'rate: got -5.0, expected 1.0 to 1000.0', 50),
        ('initial_position', '[.nan, 0.0]', 'initial_position: got ', [0.1, 0.2]),
        ('tip_link', 'tool0', "link 'tool0': got links ", 'tip'),
        (
            'as_built.sag',
            '[0.3, 0.0]',
            'as_built.sag: got [0.3, 0.0], expected -0.2 to 0.2',
            [0.0, -0.01],
        ),
        ('as_built.length_errors', '[0.01]', 'got 1 numbers, expected 2', [0.01, 0.01]),
    ],
)
def test_invalid_parameter_is_reported_and_can_be_corrected(domain, client, name, bad, text, good):
    states = client.collect(JointState, 'joint_states')
    override = ('-p', f'{name}:={bad}')
    with node_process(MODULE, *override, domain=domain, parameters=DESCRIPTION) as node:
        node.wait_for(text)
        assert node.output.count('[ERROR]') == 1, node.output
        assert not states
        assert client.set_parameter('arm_sim', name, good).successful
        client.wait_until(lambda: states, what=lambda: node.output)
        # A running simulation keeps its parameters.
        assert not client.set_parameter('arm_sim', name, good).successful
        assert 'Traceback' not in node.output


def test_starts_inside_the_limits(domain, client):
    states = client.collect(JointState, 'joint_states')
    settings = {**DESCRIPTION, 'initial_position': [5, -5]}
    with node_process(MODULE, domain=domain, parameters=settings) as node:
        client.wait_until(lambda: states)
        np.testing.assert_allclose(states[0].position, (2.9, -2.6), atol=1e-3)
        assert len(warnings(node.output)) == 1, node.output


def test_does_not_leap_after_a_pause(domain, client):
    # Deep enough to lose no state while the test is suspended.
    states = client.collect(JointState, 'joint_states', 5000)
    with node_process(MODULE, domain=domain, parameters=DESCRIPTION) as node:
        publisher = client.publisher(JointState, 'joint_command')
        is_moving = lambda: states and states[-1].position[0] > 0.05  # noqa: E731
        client.publish_until(publisher, command(2.5, 0.0), is_moving)
        node.process.send_signal(signal.SIGSTOP)
        begin = time.monotonic()
        wait_until(lambda: time.monotonic() > begin + 0.7)
        node.process.send_signal(signal.SIGCONT)
        client.wait_until(near(states, (2.5, 0.0)))
    assert np.diff(stamps(states)).max() > 0.5  # it was paused
    assert np.diff(positions(states)[:, 0]).max() < 3.0 * 0.11  # rad/s times the capped step


def test_publishes_the_clock_and_does_not_wait_for_it(domain, client):
    """It must not wait for its own clock; the time is that of the arm, without pauses."""
    parameters = {**DESCRIPTION, 'publish_clock': True, 'use_sim_time': True}
    with node_process(MODULE, domain=domain, parameters=parameters) as node:
        clock = client.collect(Clock, '/clock')
        states = client.collect(JointState, 'joint_states')
        client.wait_until(lambda: len(clock) > 20 and len(states) > 20)
        node.process.send_signal(signal.SIGSTOP)
        end = time.monotonic() + 1.0
        client.wait_until(lambda: time.monotonic() > end)
        node.process.send_signal(signal.SIGCONT)
        before = len(clock)
        client.wait_until(lambda: len(clock) > before + 20)
    ticks = [Time.from_msg(message.clock).nanoseconds for message in clock]
    steps = np.diff(ticks) * 1e-9
    assert steps.min() > 0.0
    assert steps.max() < 0.1 + 1e-6
    stamps = {Time.from_msg(state.header.stamp).nanoseconds for state in states}
    assert len(stamps & set(ticks)) > 20


def test_two_arms_in_two_namespaces_are_independent(domain, client):
    states = {side: client.collect(JointState, f'{side}/joint_states') for side in ('l', 'r')}
    with (
        node_process(MODULE, '-r', '__ns:=/l', domain=domain, parameters=DESCRIPTION),
        node_process(MODULE, '-r', '__ns:=/r', domain=domain, parameters=DESCRIPTION),
    ):
        publishers = {side: client.publisher(JointState, f'{side}/joint_command') for side in 'lr'}
        client.wait_until(lambda: states['l'] and states['r'])
        client.publish_until(publishers['l'], command(0.5, 0.5), near(states['l'], (0.5, 0.5)))
        assert np.abs(positions(states['r'])).max() < 1e-3
        client.publish_until(publishers['r'], command(-0.5, 0), near(states['r'], (-0.5, 0)))
        assert positions(states['l']).min() > -1e-3
        topics = {name for name, _ in client.node.get_topic_names_and_types()}
    assert topics - {'/parameter_events', '/rosout'} == {
        f'/{side}/{name}'
        for side in 'lr'
        for name in ('joint_command', 'joint_states', 'tip_pose', 'robot_description')
    }


@pytest.mark.parametrize(
    'signals',
    [(signal.SIGINT,), (signal.SIGINT, signal.SIGINT), (signal.SIGTERM,)],
    ids=['SIGINT', 'SIGINT twice', 'SIGTERM'],
)
def test_ends_cleanly(domain, signals):
    with node_process(MODULE, domain=domain, parameters=DESCRIPTION) as node:
        node.wait_for('simulating two_link_arm')
        assert node.stop(*signals) == 0
        assert 'Traceback' not in node.output
