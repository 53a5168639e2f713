"""RRBot of ros2_control_demos, moved by ik_node with config/rrbot.yaml alone."""

from contextlib import contextmanager
from math import nan

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped
from processes import Client, node_process, reserved_domain
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray, String

from ik_nn_ros.arm.urdf import load_arm
from ik_nn_ros.files import share_directory

COMMANDS = 'forward_position_controller/commands'
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
SLOWDOWN = 5
"""The hardware moves by this part of the remaining distance in each cycle; 100 in the demo."""
PERIOD_S = 0.02

# Output of xacro for example_1/description/urdf/rrbot.urdf.xacro, without shapes and masses.
URDF = """<robot name="2dof_robot">
  <link name="world"/><link name="base_link"/><link name="link1"/><link name="link2"/>
  <link name="tool_link"/>
  <joint name="base_joint" type="fixed"><origin rpy="0 0 0" xyz="0 0 0"/>
    <parent link="world"/><child link="base_link"/></joint>
  <joint name="joint1" type="continuous"><parent link="base_link"/><child link="link1"/>
    <origin rpy="0 0 0" xyz="0 0.1 1.95"/><axis xyz="0 1 0"/><dynamics damping="0.7"/>
    <limit effort="100" velocity="1.0"/></joint>
  <joint name="joint2" type="continuous"><parent link="link1"/><child link="link2"/>
    <origin rpy="0 0 0" xyz="0 0.1 0.9"/><axis xyz="0 1 0"/><dynamics damping="0.7"/>
    <limit effort="100" velocity="1.0"/></joint>
  <joint name="tool_joint" type="fixed"><origin rpy="0 0 0" xyz="0 0 1"/>
    <parent link="link2"/><child link="tool_link"/></joint>
  <ros2_control name="RRBot" type="system">
    <hardware><plugin>ros2_control_demo_example_1/RRBotSystemPositionOnlyHardware</plugin>
      <param name="example_param_hw_slowdown">100</param></hardware>
    <joint name="joint1"><command_interface name="position"/>
      <state_interface name="position"/></joint>
    <joint name="joint2"><command_interface name="position"/>
      <state_interface name="position"/></joint>
  </ros2_control>
</robot>"""
ARM = load_arm(URDF, 'base_link', 'tool_link')


class Demo:
    """
    The controllers and the hardware of example_1, and an ik_node that commands them.

    The hardware moves like RRBotSystemPositionOnlyHardware.
    """

    def __init__(self, client):
        node = client.node
        self._client = client
        self._q = self._command = np.zeros(2)
        self._cycles = self._commanded_at = 0
        self._states = node.create_publisher(JointState, 'joint_states', 10)
        self._commands = []
        node.create_subscription(Float64MultiArray, COMMANDS, self._on_command, 10)
        node.create_timer(PERIOD_S, self._cycle)
        self._descriptions = node.create_publisher(String, 'robot_description', LATCHED)
        self._descriptions.publish(String(data=URDF))
        self._targets = client.publisher(PoseStamped, 'target_pose')

    def move(self, point, q):
        """Put the arm at q and send it a target in the base frame; return where it stops, rad."""
        # In two steps, as the node counts the turns of joints without limits.
        for step in 2 * [0.5 * np.subtract(q, self._q)]:
            self._q = self._command = self._q + step
            self._wait_measured()
        message = PoseStamped()
        message.header.frame_id = 'base_link'
        position = message.pose.position
        position.x, position.y, position.z = (float(value) for value in point)
        self._commands.clear()
        self._client.publish_until(
            self._targets, message, lambda: self._commands, what='no command'
        )
        self._client.wait_until(self._has_stopped, what='the arm moves on')
        return self._q

    def _wait_measured(self):
        """Wait until the node has read the joints: several messages, each read within a cycle."""
        count = self._cycles + 20
        self._client.wait_until(lambda: self._cycles > count)

    def _has_stopped(self):
        """Tell whether the arm is at a command after which no other one came for a while."""
        return (
            self._cycles > self._commanded_at + 20 and np.abs(self._q - self._command).max() < 1e-6
        )

    def _on_command(self, message):
        self._command = np.array(message.data)
        self._commands.append(self._command)
        self._commanded_at = self._cycles

    def _cycle(self):
        self._cycles += 1
        self._q = self._q + (self._command - self._q) / SLOWDOWN
        # Like joint_state_broadcaster: any order, NaN for what the hardware does not have.
        state = JointState(name=['joint2', 'joint1'], velocity=[nan, nan])
        state.position = self._q[::-1].tolist()
        self._states.publish(state)


@contextmanager
def run_demo(*arguments):
    file = share_directory() / 'config' / 'rrbot.yaml'
    with (
        reserved_domain() as domain,
        node_process(
            'ik_nn_ros.nodes.ik.node',
            *('--params-file', str(file), '-r', f'commands:={COMMANDS}', *arguments),
            domain=domain,
        ),
        Client(domain) as client,
    ):
        yield Demo(client)


@pytest.fixture(scope='module')
def demo():
    with run_demo() as it:
        yield it


def tip(q):
    """Return where the tool is in base_link (m) for joints q, by the chain written out."""
    q1, q2 = q
    x = 0.9 * np.sin(q1) + np.sin(q1 + q2)
    return x, 0.2, 1.95 + 0.9 * np.cos(q1) + np.cos(q1 + q2)


def test_the_model_is_the_chain_written_out():
    for q in ((0.0, 0.0), (0.4, -1.1), (-2.0, 0.7)):
        np.testing.assert_allclose(ARM.plane.to_base(ARM.fk(q)), tip(q), atol=1e-12)
    assert ARM.max_velocity == (1.0, 1.0)


def test_a_target_is_reached_with_the_commands_in_the_order_of_the_joints(demo):
    """An array has no names. Without y the arm's plane is meant."""
    x, _, z = tip((0.3, 0.8))
    np.testing.assert_allclose(demo.move((x, 0.0, z), q=(0.1, 0.5)), (0.3, 0.8), atol=1e-5)


def test_a_joint_without_limits_moves_the_short_way_across_the_half_turn(demo):
    """joint1 moves on from -3.0 to -3.4 rad, not back to 2 pi - 3.4."""
    np.testing.assert_allclose(demo.move(tip((-3.4, 0.6)), q=(-3.0, 0.4)), (-3.4, 0.6), atol=1e-5)


def test_a_controller_with_joint2_first_gets_it_first():
    """The simulated hardware, which does not know that, swaps the joints."""
    with run_demo('-p', 'command_joints:=[joint2, joint1]') as demo:
        q = demo.move(tip((0.3, 0.8)), q=(0.1, 0.5))
    np.testing.assert_allclose(q, (0.8, 0.3), atol=1e-5)
