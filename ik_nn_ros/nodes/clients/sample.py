"""Follow a data_collector to the end of its recording, on public topics only."""

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
"""How long (s) there may be no new sample, at the start and later."""
FINAL_STATES = ('done', 'stopped')


@dataclass(frozen=True)
class RecordingProgress:
    """
    How a recording goes, by the collector's diagnostics.

    :param state: what the collector does
    :param text: the same and what is in its way
    :param samples: recorded
    :param rate: samples in a second, Hz
    :param coverage: part of the joint range that was visited, 0 to 1
    :param dropped: what could not be used, by reason
    """

    state: str = 'starting'
    text: str = 'starting'
    samples: int = 0
    rate: float = 0.0
    coverage: float = 0.0
    dropped: dict[str, int] = field(default_factory=dict)


class CollectorMonitor(Node):
    """
    Publishes the robot description and listens to what the collector says.

    :param description: URDF for the other nodes
    :param namespace: of all nodes
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
    Wait until the collector has ended its recording; return how it ended.

    :param description: URDF for the other nodes
    :param namespace: of all nodes, their diagnostics included
    :param report: called all the time
    :param require_running: called all the time; raises when a node has ended
    :raises IkNnError: it ended with an error, or there are no more samples
    """
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = CollectorMonitor(description, namespace)
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        samples, latest = 0, time.monotonic() + SAMPLE_TIMEOUT_S
        while node.progress.state not in FINAL_STATES:
            executor.spin_once(timeout_sec=0.1)
            require_running()
            report(node.progress)
            if node.progress.samples > samples:
                samples, latest = node.progress.samples, time.monotonic() + SAMPLE_TIMEOUT_S
            if node.progress.state == 'error' or time.monotonic() > latest:
                raise IkNnError('data_collector', got=node.progress.text, expected='samples')
        return node.progress
    finally:
        rclpy.try_shutdown()
