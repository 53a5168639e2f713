"""One recording while it is made: the file, and the numbers that tell how it goes."""

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
"""The time (s) over which the rate is taken."""


class RecordingSession:
    """
    Writes samples.

    :param path: the file to create
    :param arm: the arm that is recorded
    :param joints_topic: full name of the topic of joint_states
    :param tip_topic: full name of the topic of tip_pose
    :param dropped: counts what could not be used, by reason
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
        self.dropped = dropped
        self.arm = arm
        self._coverage = JointCoverage(arm)
        self._times: deque[float] = deque([time.monotonic()])
        self._joints_topic, self._tip_topic = joints_topic, tip_topic
        self._writer = RecordingWriter(path)
        self._writer.add_topic(joints_topic, JOINT_STATE)
        self._writer.add_topic(tip_topic, POSE_STAMPED)

    def write(self, sample: Sample, flush: bool) -> None:
        """
        Write both messages of a sample.

        :param sample: the sample
        :param flush: do not wait for :meth:`flush`
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
        Put what was written where a killed process cannot lose it.

        :raises RecordingError: it cannot be written
        """
        self._writer.flush()

    def close(self) -> None:
        """
        Complete the file.

        :raises RecordingError: it cannot be written
        """
        self._writer.close()

    @property
    def coverage(self) -> float:
        """The part of the joint range that was visited, 0 to 1."""
        return self._coverage.fraction

    def rate(self) -> float:
        """Return the samples in a second, Hz, of late."""
        now = time.monotonic()
        while len(self._times) > 1 and self._times[0] < now - RATE_WINDOW_S:
            self._times.popleft()
        return (len(self._times) - 1) / max(now - self._times[0], 1e-3)

    def summary(self, target_count: int) -> str:
        """
        Return the numbers in one line.

        :param target_count: samples that are wanted; 0: no number
        """
        of = f' of {target_count}' if target_count else ''
        dropped = ', '.join(f'{count} {reason}' for reason, count in sorted(self.dropped.items()))
        return (
            f'{self.sample_count}{of} samples, {self.rate():.1f} Hz, '
            f'coverage {100.0 * self.coverage:.0f} %, dropped: {dropped or "none"}'
        )

    def diagnostic_values(self) -> list[tuple[str, object]]:
        """Return the numbers for the diagnostics, by name."""
        spans = zip(self.arm.joint_names, self._coverage.position_ranges, strict=True)
        return [
            ('samples', self.sample_count),
            ('rate_hz', f'{self.rate():.3g}'),
            ('coverage', f'{self.coverage:.3f}'),
            *((f'span.{joint}', f'{low:.3g} to {up:.3g}') for joint, (low, up) in spans),
            *((f'dropped.{reason}', count) for reason, count in sorted(self.dropped.items())),
            ('file', self.path),
        ]


# MERGED nodes.collector_report: What ``data_collector`` says of itself.


class RecordingState(Enum):
    """What the node does, in the words of its diagnostics."""

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
    A state and why.

    :param state: the state
    :param reason: the node is in it, or does not get on; empty: as it should be
    """

    state: RecordingState
    reason: str = ''

    @property
    def is_recording(self) -> bool:
        """Whether samples are taken."""
        return self.state in (RecordingState.RECORDING, RecordingState.EXPLORING)

    @property
    def is_idle(self) -> bool:
        """Whether a recording can begin."""
        return not self.is_recording and self.state is not RecordingState.STOPPING

    def __str__(self) -> str:
        return f'{self.state.value}: {self.reason}' if self.reason else self.state.value


def recording_diagnostics(
    node: Node, status: RecordingStatus, session: RecordingSession | None, target_count: int
) -> DiagnosticArray:
    """
    Build the diagnostics.

    :param node: that publishes them
    :param status: of the node
    :param session: the recording, or the last one
    :param target_count: samples that are wanted; 0: no number
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
