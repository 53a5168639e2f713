"""What ``data_collector`` says of itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.node import Node

from ik_nn_ros.nodes.recording_session import RecordingSession
from ik_nn_ros.nodes.reports import diagnostic_status


class State(Enum):
    """What the node does, in the words of its diagnostics."""

    WAITING = 'waiting'
    RECORDING = 'recording'
    EXPLORING = 'exploring'
    STOPPING = 'stopping'
    STOPPED = 'stopped'
    DONE = 'done'
    ERROR = 'error'


@dataclass(frozen=True)
class Status:
    """
    A state and why.

    :param state: the state
    :param why: the node is in it, or does not get on; empty: as it should be
    """

    state: State
    why: str = ''

    @property
    def recording(self) -> bool:
        """Whether samples are taken."""
        return self.state in (State.RECORDING, State.EXPLORING)

    @property
    def idle(self) -> bool:
        """Whether a recording can begin."""
        return not self.recording and self.state is not State.STOPPING

    def __str__(self) -> str:
        return f'{self.state.value}: {self.why}' if self.why else self.state.value


def diagnostics(
    node: Node, status: Status, session: RecordingSession | None, target: int
) -> DiagnosticArray:
    """
    Build the diagnostics.

    :param node: that publishes them
    :param status: of the node
    :param session: the recording, or the last one
    :param target: samples that are wanted; 0: no number
    """
    level = DiagnosticStatus.WARN if status.why else DiagnosticStatus.OK
    if status.state is State.ERROR:
        level = DiagnosticStatus.ERROR
    values: Sequence[tuple[str, object]] = [
        ('state', status.state.value),
        ('target', target),
        *(session.values() if session else ()),
    ]
    name = node.get_fully_qualified_name().lstrip('/')
    arm = session.arm.name if session else ''
    message = DiagnosticArray(
        status=[diagnostic_status(level, f'{name}: recording', str(status), arm, values)]
    )
    message.header.stamp = node.get_clock().now().to_msg()
    return message
