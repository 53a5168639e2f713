"""From messages to samples: what cannot be used is told apart, the rest is paired."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from math import inf, isfinite

from builtin_interfaces.msg import Time as Stamp
from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import JointState

from ik_nn_ros.arm.model import ArmModel, JointPair
from ik_nn_ros.nodes.conversions import MessageError, joint_positions
from ik_nn_ros.nodes.synchronizer import CLOCKS, Sample, Synchronizer, Timed
from ik_nn_ros.recordings.tracks import is_in_frame

NANOSECONDS = 1_000_000_000
NO_TIP = 'no tip_pose in time'

RECENT = 1.0
"""How long (s) a sample shows that there are samples."""
JITTER = 0.05
"""How early (s) a sample may be, so that messages at the rate itself are all taken."""

Drop = Callable[[str, str], None]
"""Called with the reason for what cannot be used, and an explanation."""


class SampleSource:
    """
    Makes samples of what is received.

    :param arm: the arm
    :param max_difference: largest time between the two messages of a sample, s; None: the tip is
        not measured but computed
    :param drop: told what cannot be used
    """

    def __init__(self, arm: ArmModel, max_difference: float | None, drop: Drop) -> None:
        self._arm = arm
        self._drop = drop
        self._heard = {'joint_states': -inf}
        """When the last message came, s."""
        self._paired_at = -inf
        self._why = ''
        """What was wrong with what came since the last sample."""
        self._synchronizer: Synchronizer | None = None
        if max_difference is not None:
            self._heard['tip_pose'] = -inf
            self._no_tip = f'no tip_pose within {max_difference:g} s of a joint_states'
            self._why = self._no_tip
            self._synchronizer = Synchronizer(
                round(max_difference * NANOSECONDS), self._drop_unpaired
            )

    @property
    def trouble(self) -> str:
        """Why there are no samples; empty: there are."""
        now = time.monotonic()
        if self._synchronizer is None or now - self._paired_at < RECENT:
            return ''
        heard = self._heard['tip_pose']
        if now - heard < RECENT:
            return self._why
        return f'no tip_pose for {now - heard:.0f} s' if isfinite(heard) else 'no tip_pose yet'

    def positions(self, message: JointState) -> JointPair | None:
        """Return the joint positions, rad; None where the message cannot be used."""
        self._heard['joint_states'] = time.monotonic()
        try:
            return joint_positions(message, self._arm.joint_names)
        except MessageError as error:
            finite = error.expected == 'finite'
            reason = 'joint_states not finite' if finite else 'joint_states without the joints'
            self._drop(reason, f'joint_states ignored: {error}')
            return None

    def joints(self, message: JointState, q: JointPair, log_time: int) -> Iterator[Sample]:
        """
        Take joint_states in.

        :param message: as received
        :param q: the joint positions in it, rad
        :param log_time: when it was received, ns since the epoch
        :return: the samples that are complete now
        """
        joints = _timed(message, log_time)
        if self._synchronizer is not None:
            return self._paired(self._synchronizer.add_joints(joints, q))
        return iter((Sample(joints, q, _timed(self._computed_tip(message, q), log_time)),))

    def tip(self, message: PoseStamped, log_time: int) -> Iterator[Sample]:
        """Do the same with a tip_pose."""
        if self._synchronizer is None:
            return iter(())
        self._heard['tip_pose'] = time.monotonic()
        if not self._is_usable(message):
            return iter(())
        return self._paired(self._synchronizer.add_tip(_timed(message, log_time)))

    def silent(self, bound: float) -> list[str]:
        """Return the topics that are needed and have had no message for so long (s)."""
        now = time.monotonic()
        return [name for name, heard in self._heard.items() if now - heard > bound]

    def _paired(self, samples: Iterator[Sample]) -> Iterator[Sample]:
        for sample in samples:
            self._paired_at, self._why = time.monotonic(), ''
            yield sample

    def _drop_unpaired(self, gap: int | None) -> None:
        """Drop joint_states; gap is the time to the nearest tip_pose, ns."""
        text = self._no_tip
        if gap is not None:
            text += f': the nearest is {gap / NANOSECONDS:.2g} s away'
            if gap > CLOCKS:
                text += ': do the clocks differ?'
            self._why = text
        self._drop(NO_TIP, text)

    def _is_usable(self, message: PoseStamped) -> bool:
        frame, expected = message.header.frame_id, self._arm.plane.base_frame
        if not is_in_frame(frame, expected):
            text = f'tip_pose ignored: frame: got {frame!r}, expected {expected!r}'
            self._why = text
            self._drop('tip_pose in another frame', text)
            return False
        position = message.pose.position
        if not all(map(isfinite, (position.x, position.y, position.z))):
            text = f'tip_pose ignored: position: got {position}, expected finite'
            self._why = text
            self._drop('tip_pose not finite', text)
            return False
        return True

    def _computed_tip(self, joints: JointState, q: JointPair) -> PoseStamped:
        """Return where the description says the tip is."""
        message = PoseStamped()
        message.header.stamp = joints.header.stamp
        message.header.frame_id = self._arm.plane.base_frame
        position = message.pose.position
        position.x, position.y, position.z = self._arm.plane.to_base(self._arm.fk(q)).tolist()
        message.pose.orientation.w = 1.0
        return message


class Pace:
    """
    Holds samples to a rate, judged by their stamps: they may arrive in bursts.

    :param rate: Hz
    """

    def __init__(self, rate: float) -> None:
        self._period = 1.0 / rate
        self._due = self._latest = -inf

    def admits(self, stamp: float) -> bool:
        """Tell whether a sample with this stamp (s) may be taken; if so it counts as taken."""
        if stamp < self._latest:
            self._due = -inf  # somebody has set the time back
        self._latest = stamp
        if stamp < self._due - JITTER:
            return False
        self._due = max(self._due, stamp) + self._period
        return True


def _timed(message: JointState | PoseStamped, log_time: int) -> Timed:
    return Timed(
        message, _nanoseconds(message.header.stamp) or log_time, log_time, time.monotonic()
    )


def _nanoseconds(stamp: Stamp) -> int:
    """Return a stamp; 0 where there is none."""
    nanoseconds: int = stamp.sec * NANOSECONDS + stamp.nanosec
    return nanoseconds
