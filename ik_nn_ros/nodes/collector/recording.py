"""One recording in progress: its file, statistics, state and diagnostics."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.node import Node
from rclpy.serialization import serialize_message

from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.control.coverage import JointCoverage
from ik_nn_ros.nodes.collector.sample_source import Sample, StampedMessage
from ik_nn_ros.nodes.common.diagnostics import diagnostic_status
from ik_nn_ros.recordings.mcap_writer import RecordingWriter
from ik_nn_ros.recordings.messages import JOINT_STATE, POSE_STAMPED

RATE_WINDOW_S = 10.0
"""Time span over which the rate is averaged, s."""


class RecordingSession:
    """
    Writes samples to a file and keeps statistics of them.

    :param path: file to create
    :param arm: the arm that is recorded
    :param joints_topic: full name of the topic of joint_states
    :param tip_topic: full name of the topic of tip_pose
    :param dropped: counter of dropped messages and targets by reason
    :raises RecordingError: the file exists, or cannot be written
    """

    def __init__(
        self,
        path: Path,
        arm: Kinematics,
        joints_topic: str,
        tip_topic: str,
        dropped: Counter[str],
    ) -> None:
        self.path = path
        self.sample_count = 0
        self.arm = arm
        self._dropped = dropped
        self._coverage = JointCoverage(arm)
        self._times: deque[float] = deque([time.monotonic()])
        self._joints_topic, self._tip_topic = joints_topic, tip_topic
        self._writer = RecordingWriter(path)
        self._writer.add_topic(joints_topic, JOINT_STATE)
        self._writer.add_topic(tip_topic, POSE_STAMPED)

    def write(self, sample: Sample, flush: bool) -> None:
        """
        Write both messages of a sample.

        :param flush: whether to flush the file at once
        :raises RecordingError: they cannot be written
        """
        self._write_message(self._joints_topic, sample.joints)
        self._write_message(self._tip_topic, sample.tip)
        if flush:
            self.flush()
        self.sample_count += 1
        self._coverage.add(sample.q)
        self._times.append(time.monotonic())

    def _write_message(self, topic: str, stamped: StampedMessage) -> None:
        cdr = serialize_message(stamped.message)
        self._writer.write(topic, cdr, stamped.log_time, stamped.log_time)

    def flush(self) -> None:
        """
        Write all buffered samples to disk, where they survive the end of the process.

        :raises RecordingError: it cannot be written
        """
        self._writer.flush()

    def close(self) -> None:
        """
        Complete the file.

        :raises RecordingError: it cannot be written
        """
        self._writer.close()

    def count_dropped(self, reason: str) -> None:
        """Count a dropped message."""
        self._dropped[reason] += 1

    @property
    def coverage(self) -> float:
        """Visited fraction of the joint range, 0 to 1."""
        return self._coverage.fraction

    def rate(self) -> float:
        """Return the rate of samples over the last :data:`RATE_WINDOW_S`, Hz."""
        now = time.monotonic()
        while len(self._times) > 1 and self._times[0] < now - RATE_WINDOW_S:
            self._times.popleft()
        return (len(self._times) - 1) / max(now - self._times[0], 1e-3)

    def summary(self, target_count: int) -> str:
        """
        Return the statistics in one line.

        :param target_count: number of samples to record; 0: not limited
        """
        total = f' of {target_count}' if target_count else ''
        dropped = ', '.join(f'{count} {reason}' for reason, count in sorted(self._dropped.items()))
        return (
            f'{self.sample_count}{total} samples, {self.rate():.1f} Hz, '
            f'coverage {100.0 * self.coverage:.0f} %, dropped: {dropped or "none"}'
        )

    def diagnostic_values(self) -> list[tuple[str, object]]:
        """Return the statistics for the diagnostics, by key."""
        ranges = zip(self.arm.joint_names, self._coverage.position_ranges, strict=True)
        return [
            ('samples', self.sample_count),
            ('rate_hz', f'{self.rate():.3g}'),
            ('coverage', f'{self.coverage:.3f}'),
            *((f'span.{joint}', f'{low:.3g} to {up:.3g}') for joint, (low, up) in ranges),
            *((f'dropped.{reason}', count) for reason, count in sorted(self._dropped.items())),
            ('file', self.path),
        ]


class RecordingState(Enum):
    """State of the node, as in its diagnostics."""

    WAITING = 'waiting'
    RECORDING = 'recording'
    EXPLORING = 'exploring'
    STOPPING = 'stopping'
    STOPPED = 'stopped'
    DONE = 'done'
    ERROR = 'error'


@dataclass(frozen=True)
class RecordingStatus:
    """
    A state and the reason for it.

    :param state: the state
    :param reason: why the node is in this state, or makes no progress; empty if all is well
    """

    state: RecordingState
    reason: str = ''

    @property
    def is_recording(self) -> bool:
        """Whether samples are recorded."""
        return self.state in (RecordingState.RECORDING, RecordingState.EXPLORING)

    @property
    def is_idle(self) -> bool:
        """Whether a recording can be started."""
        return not self.is_recording and self.state is not RecordingState.STOPPING

    def __str__(self) -> str:
        return f'{self.state.value}: {self.reason}' if self.reason else self.state.value


def recording_diagnostics(
    node: Node, status: RecordingStatus, session: RecordingSession | None, target_count: int
) -> DiagnosticArray:
    """
    Return the diagnostics of the node.

    :param node: node that publishes them
    :param status: status of the node
    :param session: the current or last recording
    :param target_count: number of samples to record; 0: not limited
    """
    level = DiagnosticStatus.WARN if status.reason else DiagnosticStatus.OK
    if status.state is RecordingState.ERROR:
        level = DiagnosticStatus.ERROR
    values: Sequence[tuple[str, object]] = [
        ('state', status.state.value),
        ('target', target_count),
        *(session.diagnostic_values() if session else ()),
    ]
    name = node.get_fully_qualified_name().lstrip('/')
    arm = session.arm.name if session else ''
    message = DiagnosticArray(
        status=[diagnostic_status(level, f'{name}: recording', str(status), arm, values)]
    )
    message.header.stamp = node.get_clock().now().to_msg()
    return message
