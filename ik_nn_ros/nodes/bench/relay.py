"""
The node ``relay``: a minimal rclpy node with the messages of ``ik_node``, for comparison.

It answers a target with a command that contains the target's x and y: same message types, same
queues, no IK. ``ik_nn bench`` measures ``ik_node`` against it.
"""

from __future__ import annotations

import rclpy
from geometry_msgs.msg import PoseStamped
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import JointState

TARGET_QUEUE_DEPTH = 100
"""Queue depth as in ``ik_node``."""


class Relay(Node):
    """Answers ``target_pose`` with ``joint_command``, and receives ``joint_states``."""

    def __init__(self) -> None:
        super().__init__('relay')
        self._command = JointState(name=['joint1', 'joint2'])
        self._positions = None
        self._commands = self.create_publisher(JointState, 'joint_command', 10)
        self.create_subscription(
            JointState, 'joint_states', self._on_joint_states, qos_profile_sensor_data
        )
        self.create_subscription(PoseStamped, 'target_pose', self._on_target, TARGET_QUEUE_DEPTH)

    def _on_joint_states(self, message: JointState) -> None:
        self._positions = message.position

    def _on_target(self, message: PoseStamped) -> None:
        position = message.pose.position
        self._command.header.stamp = self.get_clock().now().to_msg()
        self._command.position = (position.x, position.y)
        self._commands.publish(self._command)


def main() -> None:
    """Run the node as the examples of rclpy do."""
    rclpy.init()
    node = Relay()
    try:
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


if __name__ == '__main__':
    main()
