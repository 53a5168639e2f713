"""One recording while it is made: the file, and the numbers that tell how it goes."""

from __future__ import annotations

import time
from collections import Counter, deque
from pathlib import Path

from rclpy.serialization import serialize_message

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.motion.joint_range import JointCoverage
from ik_nn_ros.nodes.synchronizer import Sample, Timed
from ik_nn_ros.recordings.message_types import JOINT_STATE, POSE_STAMPED
from ik_nn_ros.recordings.writer import RecordingWriter

RATE_TIME = 10.0
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
        arm: ArmModel,
        joints_topic: str,
        tip_topic: str,
        dropped: Counter[str],
    ) -> None:
        self.path = path
        self.samples = 0
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
        self._write(self._joints_topic, sample.joints)
        self._write(self._tip_topic, sample.tip)
        if flush:
            self.flush()
        self.samples += 1
        self._coverage.add(sample.q)
        self._times.append(time.monotonic())

    def _write(self, topic: str, timed: Timed) -> None:
        cdr = serialize_message(timed.message)
        self._writer.write(topic, cdr, timed.log_time, timed.log_time)

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
        while len(self._times) > 1 and self._times[0] < now - RATE_TIME:
            self._times.popleft()
        return (len(self._times) - 1) / max(now - self._times[0], 1e-3)

    def summary(self, target: int) -> str:
        """
        Return the numbers in one line.

        :param target: samples that are wanted; 0: no number
        """
        of = f' of {target}' if target else ''
        dropped = ', '.join(f'{count} {reason}' for reason, count in sorted(self.dropped.items()))
        return (
            f'{self.samples}{of} samples, {self.rate():.1f} Hz, '
            f'coverage {100.0 * self.coverage:.0f} %, dropped: {dropped or "none"}'
        )

    def values(self) -> list[tuple[str, object]]:
        """Return the numbers for the diagnostics, by name."""
        spans = zip(self.arm.joint_names, self._coverage.position_ranges, strict=True)
        return [
            ('samples', self.samples),
            ('rate_hz', f'{self.rate():.3g}'),
            ('coverage', f'{self.coverage:.3f}'),
            *((f'span.{joint}', f'{low:.3g} to {up:.3g}') for joint, (low, up) in spans),
            *((f'dropped.{reason}', count) for reason, count in sorted(self.dropped.items())),
            ('file', self.path),
        ]
