"""Benchmark client of ``ik_node``: sends targets and receives the commands, without an executor."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from types import TracebackType

import rclpy
from geometry_msgs.msg import PoseStamped
from rclpy.context import Context
from rclpy.impl.implementation_singleton import rclpy_implementation as _rclpy
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import JointState

from ik_nn_ros.arm.geometry import JointPair

QUEUE_DEPTH = 1000
"""Queue depth of the client, which must not lose messages itself."""
FEEDBACK_PERIOD_S = 0.01
"""Period of joint_states, s."""


class Channel:
    """
    Targets to one node and commands from it.

    It waits for its one subscription itself: an executor would add its own latency.

    :param node: the client's node
    :param namespace: namespace of the node under test
    """

    def __init__(self, node: Node, namespace: str) -> None:
        self._node = node
        self._target_publisher = node.create_publisher(
            PoseStamped, f'{namespace}/target_pose', QUEUE_DEPTH
        )
        self._command_subscription = node.create_subscription(
            JointState, f'{namespace}/joint_command', lambda _: None, QUEUE_DEPTH
        )
        self._wait_set = _rclpy.WaitSet(1, 0, 0, 0, 0, 0, node.context.handle)
        self._pose = PoseStamped()

    @property
    def is_connected(self) -> bool:
        """Whether the node under test has been discovered."""
        return (
            self._target_publisher.get_subscription_count() > 0
            and self._command_subscription.get_publisher_count() > 0
        )

    def prepare_target(self, x: float, y: float, z: float) -> None:
        """Set the next target in the base frame, m."""
        self._pose.header.stamp = self._node.get_clock().now().to_msg()
        position = self._pose.pose.position
        position.x, position.y, position.z = x, y, z

    def send_target(self) -> None:
        """Publish the prepared target."""
        self._target_publisher.publish(self._pose)

    def receive_command(self, timeout: float) -> JointState | None:
        """Return the next command, or None if there is none within ``timeout`` s."""
        deadline = time.monotonic() + timeout
        while (message := self.take_command()) is None:
            remaining = deadline - time.monotonic()
            if remaining <= 0.0:
                return None
            self._wait_set.clear_entities()
            self._wait_set.add_subscription(self._command_subscription.handle)
            self._wait_set.wait(int(remaining * 1e9))
        return message

    def take_command(self) -> JointState | None:
        """Return a command that has already arrived, or None."""
        taken = self._command_subscription.handle.take_message(JointState, False)
        return None if taken is None else taken[0]

    def drain(self, quiet_time: float = 0.0) -> None:
        """Drop late commands until none has arrived for ``quiet_time`` s."""
        while self.receive_command(quiet_time) is not None:
            pass


class BenchmarkClient:
    """
    A node that publishes joint_states at 100 Hz for the nodes under test; a context manager.

    :param joint_names: names of the arm's joints
    :param positions: initial joint positions, rad; see :meth:`move_to`
    """

    def __init__(self, joint_names: Sequence[str], positions: JointPair) -> None:
        self._positions = positions
        self._joint_names = list(joint_names)
        self._context = Context()
        rclpy.init(context=self._context, signal_handler_options=SignalHandlerOptions.NO)
        self._node = Node('ik_nn_bench', context=self._context, start_parameter_services=False)
        self._joint_states = self._node.create_publisher(
            JointState, 'joint_states', qos_profile_sensor_data
        )
        self._stop = threading.Event()
        self._feedback_thread = threading.Thread(target=self._publish_feedback, daemon=True)

    def __enter__(self) -> BenchmarkClient:
        self._feedback_thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._feedback_thread.join()
        self._node.destroy_node()
        rclpy.try_shutdown(context=self._context)

    def open_channel(self, namespace: str) -> Channel:
        """Return a channel to the node in a namespace."""
        return Channel(self._node, namespace)

    def move_to(self, positions: JointPair) -> None:
        """Publish these joint positions, rad, from now on."""
        self._positions = positions

    def _publish_feedback(self) -> None:
        message = JointState(name=self._joint_names)
        while not self._stop.wait(FEEDBACK_PERIOD_S):
            message.header.stamp = self._node.get_clock().now().to_msg()
            message.position = self._positions
            self._joint_states.publish(message)
