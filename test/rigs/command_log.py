"""Prints when each joint_command was sent and received (ns, system clock), one per line."""

import rclpy
from rclpy.executors import ExternalShutdownException
from sensor_msgs.msg import JointState


def print_times(_, info):
    print(info['source_timestamp'], info['received_timestamp'], flush=True)  # noqa: T201


def main():
    rclpy.init()
    node = rclpy.create_node('command_log')
    node.create_subscription(JointState, 'joint_command', print_times, 1000)
    try:
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


if __name__ == '__main__':
    main()
