"""Client of a data_collector: follows a recording to its end, on public topics only."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.signals import SignalHandlerOptions
from std_msgs.msg import String

from ik_nn_ros.errors import IkNnError

SAMPLE_TIMEOUT_S = 30.0
"""Longest time without a new sample, s."""
FINAL_STATES = ('done', 'stopped')


@dataclass(frozen=True)
class RecordingProgress:
    """
    Progress of a recording, from the diagnostics of the data_collector.

    :param state: state of the data_collector
    :param text: state, and what keeps it from making progress
    :param samples: number of samples
    :param rate: rate of samples, Hz
    :param coverage: visited fraction of the joint range, 0 to 1
    :param dropped: number of dropped messages and targets by reason
    """

    state: str = 'starting'
    text: str = 'starting'
    samples: int = 0
    rate: float = 0.0
    coverage: float = 0.0
    dropped: dict[str, int] = field(default_factory=dict)


class CollectorMonitor(Node):
    """
    Publishes the robot description and follows the diagnostics of the data_collector.

    :param description: URDF for the other nodes
    :param namespace: namespace of all nodes
    """

    def __init__(self, description: str, namespace: str) -> None:
        super().__init__('sample', namespace=namespace)
        self.progress = RecordingProgress()
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.create_publisher(String, 'robot_description', latched).publish(
            String(data=description)
        )
        self.create_subscription(DiagnosticArray, 'diagnostics', self._on_diagnostics, 10)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        (status,) = message.status
        values = {item.key: item.value for item in status.values}
        self.progress = RecordingProgress(
            values['state'],
            status.message,
            int(values.get('samples', 0)),
            float(values.get('rate_hz', 0.0)),
            float(values.get('coverage', 0.0)),
            {
                key.removeprefix('dropped.'): int(value)
                for key, value in values.items()
                if key.startswith('dropped.')
            },
        )


def follow_recording(
    description: str,
    namespace: str,
    report: Callable[[RecordingProgress], None],
    require_running: Callable[[], None],
) -> RecordingProgress:
    """
    Wait until the data_collector has finished its recording.

    :param description: URDF for the other nodes
    :param namespace: namespace of all nodes, and of their diagnostics
    :param report: called repeatedly
    :param require_running: called repeatedly; raises if a node has ended
    :return: the final progress
    :raises IkNnError: the recording has failed, or there are no more samples
    """
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = CollectorMonitor(description, namespace)
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        samples, deadline = 0, time.monotonic() + SAMPLE_TIMEOUT_S
        while node.progress.state not in FINAL_STATES:
            executor.spin_once(timeout_sec=0.1)
            require_running()
            report(node.progress)
            if node.progress.samples > samples:
                samples = node.progress.samples
                deadline = time.monotonic() + SAMPLE_TIMEOUT_S
            if node.progress.state == 'error' or time.monotonic() > deadline:
                raise IkNnError('data_collector', got=node.progress.text, expected='samples')
        return node.progress
    finally:
        rclpy.try_shutdown()
