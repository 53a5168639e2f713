"""RRBot of ros2_control_demos, moved by ik_node with config/rrbot.yaml and nothing else."""

from math import nan

import numpy as np
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
"""In each cycle the hardware goes one so-manieth of its way; 100 in the demo."""
PERIOD = 0.02

# As xacro makes it of example_1/description/urdf/rrbot.urdf.xacro; without shapes and masses.
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
    """The controllers and the hardware of example_1, as RRBotSystemPositionOnlyHardware moves."""

    def __init__(self, client, q):
        node = client.node
        self.q = self._goal = np.array(q)
        self._states = node.create_publisher(JointState, 'joint_states', 10)
        node.create_subscription(Float64MultiArray, COMMANDS, self._obey, 10)
        node.create_timer(PERIOD, self._cycle)
        node.create_publisher(String, 'robot_description', LATCHED).publish(String(data=URDF))

    def _obey(self, message):
        self._goal = np.array(message.data)

    def _cycle(self):
        self.q = self.q + (self._goal - self.q) / SLOWDOWN
        # joint_state_broadcaster: any order, NaN for what the hardware does not have.
        state = JointState(name=['joint2', 'joint1'], velocity=[nan, nan])
        state.position = self.q[::-1].tolist()
        self._states.publish(state)


def carried_out(point, q, *arguments):
    """Send a target in the base frame to an arm at q; return the joints where they rest."""
    file = share_directory() / 'config' / 'rrbot.yaml'
    message = PoseStamped()
    message.header.frame_id = 'base_link'
    position = message.pose.position
    position.x, position.y, position.z = (float(value) for value in point)
    with (
        reserved_domain() as domain,
        node_process(
            'ik_nn_ros.nodes.ik.node',
            *('--params-file', str(file), '-r', f'commands:={COMMANDS}', *arguments),
            domain=domain,
        ),
        Client(domain) as client,
    ):
        demo = Demo(client, q)
        commands = client.collect(Float64MultiArray, COMMANDS)
        targets = client.publisher(PoseStamped, 'target_pose')
        client.publish_until(targets, message, lambda: commands, what='no command')
        client.wait_until(lambda: np.abs(demo.q - commands[-1].data).max() < 1e-6, what='not there')
        return demo.q


def tip(q):
    """Where the tool is in base_link when the joints are at q, by the chain written out."""
    q1, q2 = q
    x = 0.9 * np.sin(q1) + np.sin(q1 + q2)
    return x, 0.2, 1.95 + 0.9 * np.cos(q1) + np.cos(q1 + q2)


def test_the_model_is_the_chain_written_out():
    for q in ((0.0, 0.0), (0.4, -1.1), (-2.0, 0.7)):
        np.testing.assert_allclose(ARM.plane.to_base(ARM.fk(q)), tip(q), atol=1e-12)
    assert ARM.max_velocity == (1.0, 1.0)


def test_a_target_is_reached_with_each_joint_where_it_belongs():
    """By the order of the joints: an array has no names. Without y the arm's plane is meant."""
    x, _, z = tip((0.3, 0.8))
    q = carried_out((x, 0.0, z), q=(0.1, 0.5))
    np.testing.assert_allclose(q, (0.3, 0.8), atol=1e-5)


def test_the_short_way_round_across_the_half_turn():
    """joint1 goes on from -3.0 to -3.4 rad, not back to 2 pi - 3.4."""
    q = carried_out(tip((-3.4, 0.6)), q=(-3.0, 0.4))
    np.testing.assert_allclose(q, (-3.4, 0.6), atol=1e-5)


def test_a_controller_that_has_joint2_first_gets_it_first():
    """The hardware, which does not know, is off by that."""
    q = carried_out(tip((0.3, 0.8)), (0.1, 0.5), '-p', 'command_joints:=[joint2, joint1]')
    np.testing.assert_allclose(q, (0.8, 0.3), atol=1e-5)
