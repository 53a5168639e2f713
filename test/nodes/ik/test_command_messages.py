"""The messages that a command can be: which joint has which number, and from when it counts."""

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped
from ik_node_rig import ARM, MODEL, MODULE
from processes import Client, node_process, reserved_domain
from rclpy.time import Time
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from ik_nn_ros.errors import ConfigError
from ik_nn_ros.nodes.ik.command_messages import COMMAND_TYPES

GOAL = (0.7, 1.1)
STAMP = Time(seconds=7)
TURNED = ['joint2', 'joint1']
WITHOUT_ARM = {**MODEL, 'require_joint_states': False}


def written(kind, order=(), with_velocity=False, velocity=(0.3, 0.4)):
    writer = COMMAND_TYPES[kind](ARM, list(order), 0.01, with_velocity)
    return writer.setpoint_message(STAMP, (0.1, 0.2), velocity)


@pytest.mark.parametrize(
    ('order', 'names', 'q'),
    [((), ['joint1', 'joint2'], [0.1, 0.2]), (TURNED, TURNED, [0.2, 0.1])],
)
def test_each_joint_has_its_own_position_in_any_order(order, names, q):
    state = written('joint_state', order)
    assert (state.name, list(state.position)) == (names, q)
    trajectory = written('joint_trajectory', order)
    assert (trajectory.joint_names, list(trajectory.points[0].positions)) == (names, q)
    assert list(trajectory.points[0].velocities) == [0.3, 0.4][:: 1 if q[0] == 0.1 else -1]
    assert list(written('float64_multi_array', order).data) == q


def test_velocities_are_in_a_joint_state_only_where_asked_for():
    assert not written('joint_state').velocity
    assert list(written('joint_state', TURNED, with_velocity=True).velocity) == [0.4, 0.3]
    assert not written('joint_state', with_velocity=True, velocity=None).velocity


def test_a_joint_state_is_stamped_and_a_trajectory_begins_when_it_arrives():
    assert written('joint_state').header.stamp.sec == 7
    trajectory = written('joint_trajectory')
    assert trajectory.header.stamp == Time().to_msg()
    assert trajectory.points[0].time_from_start.nanosec == 10_000_000


@pytest.mark.parametrize('order', [['joint1'], ['joint1', 'joint1'], ['joint1', 'elbow']])
def test_an_order_of_other_joints_is_refused(order):
    with pytest.raises(ConfigError, match='expected each of joint1, joint2 once'):
        written('float64_multi_array', order)


@pytest.mark.parametrize(
    ('kind', 'message', 'topic', 'positions'),
    [
        ('joint_trajectory', JointTrajectory, 'joint_trajectory', lambda m: m.points[0].positions),
        ('float64_multi_array', Float64MultiArray, 'commands', lambda m: m.data),
    ],
)
def test_the_node_moves_a_controller_smoothly_to_the_goal(kind, message, topic, positions):
    parameters = {**WITHOUT_ARM, 'command_type': kind, 'command_joints': TURNED}
    with (
        reserved_domain() as domain,
        node_process(MODULE, domain=domain, parameters=parameters) as node,
        Client(domain) as client,
    ):
        received, sent = [], []

        def take(command, info):
            received.append(command)
            sent.append(1e-9 * info['source_timestamp'])

        client.node.create_subscription(message, topic, take, 100)
        others = client.collect(JointState, 'joint_command')
        targets = client.publisher(PoseStamped, 'target_pose')
        target = PoseStamped()
        target.pose.position.x, target.pose.position.y = ARM.fk_point(*GOAL)
        client.publish_until(targets, target, lambda: received)
        client.wait_until(
            lambda: np.allclose(positions(received[-1]), GOAL[::-1], atol=1e-9),
            what=lambda: f'{received[-1]}\n{node.output}',
        )
        q = np.array([positions(command) for command in received])
        assert len(q) > 20
        # A node that a busy machine held up may go on as far as full speed takes it meanwhile.
        way, passed = np.abs(np.diff(q, axis=0)).max(axis=1), np.diff(sent)
        assert (way < np.maximum(0.1, 1.1 * max(ARM.max_velocity) * passed)).all(), 'a leap'
        assert not others


def test_other_joints_than_the_arms_keep_the_node_from_being_configured():
    parameters = {**WITHOUT_ARM, 'command_joints': ['joint1', 'elbow']}
    with (
        reserved_domain() as domain,
        node_process(MODULE, domain=domain, parameters=parameters) as node,
    ):
        node.wait_for('command_joints: got joint1, elbow, expected each of joint1, joint2 once')
