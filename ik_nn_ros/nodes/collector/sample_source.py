"""Samples from messages: validation, pairing by time stamps, and a limit of their rate."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf, isfinite

from builtin_interfaces.msg import Time as Stamp
from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import JointState

from ik_nn_ros.arm.geometry import JointPair
from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.nodes.common.conversions import MessageError, joint_positions
from ik_nn_ros.recordings.messages import is_in_frame

NANOSECONDS_PER_SECOND = 1_000_000_000
NO_TIP = 'no tip_pose in time'
"""Reason for joint_states that are dropped because no tip_pose is near enough in time."""

PAIRING_TIMEOUT_S = 0.5
"""Time after which a joint_states is paired without waiting for further messages, s."""
MIN_CLOCK_OFFSET_NS = 1_000_000_000
"""Difference between stamps of simultaneous messages above which their clocks differ, ns."""
MAX_QUEUE_LENGTH = 2000
"""Largest number of messages that wait to be paired."""
SAMPLE_TIMEOUT_S = 1.0
"""Time for which a sample shows that samples are coming, s."""
STAMP_JITTER_S = 0.05
"""Time by which a sample may be early, s, so that messages at the rate itself are all taken."""

DropCallback = Callable[[str, str], None]
"""Called with the reason for dropping a message, and with an explanation."""


@dataclass(frozen=True)
class StampedMessage:
    """
    A message and its times.

    :param message: the message as received
    :param stamp: time of measurement, ns
    :param log_time: time of reception, ns since the epoch
    :param received: time of reception on the monotonic clock, s
    """

    message: JointState | PoseStamped
    stamp: int
    log_time: int
    received: float


@dataclass(frozen=True)
class Sample:
    """
    Joint positions and tip position at one time.

    :param joints: joint_states
    :param q: joint positions in joint_states, rad
    :param tip: tip_pose
    """

    joints: StampedMessage
    q: JointPair
    tip: StampedMessage


class Synchronizer:
    """
    Pairs joint_states and tip_pose messages that are mutually nearest in time.

    :param max_difference: largest time between both, ns
    :param drop: called for each joint_states without a tip_pose near enough, with the time to the
        nearest one, ns, or None if there is none
    """

    def __init__(self, max_difference: int, drop: Callable[[int | None], None]) -> None:
        self._max_difference = max_difference
        self._drop = drop
        self._joints: deque[tuple[StampedMessage, JointPair]] = deque(maxlen=MAX_QUEUE_LENGTH)
        self._tips: deque[StampedMessage] = deque(maxlen=MAX_QUEUE_LENGTH)
        self._previous: StampedMessage | None = None
        self._latest_tip: StampedMessage | None = None

    def add_joints(self, joints: StampedMessage, q: JointPair) -> Iterator[Sample]:
        """Add joint_states; yield the samples that are now complete."""
        self._joints.append((joints, q))
        return self._take_pairs(joints.received)

    def add_tip(self, tip: StampedMessage) -> Iterator[Sample]:
        """Add a tip_pose; yield the samples that are now complete."""
        self._tips.append(tip)
        self._latest_tip = tip
        return self._take_pairs(tip.received)

    def _take_pairs(self, now: float) -> Iterator[Sample]:
        while self._joints:
            joints, q = self._joints[0]
            tip = min(self._tips, key=lambda tip: abs(tip.stamp - joints.stamp), default=None)
            if not self._is_decided(joints, tip, now):
                return
            self._joints.popleft()
            gap = abs(tip.stamp - joints.stamp) if tip is not None else None
            if gap is None or gap > self._max_difference:
                self._drop(self._reported_gap(joints, gap, now))
            elif tip is not None and not self._has_nearer(tip, gap):
                yield Sample(joints, q, tip)
            self._previous = joints
            self._drop_old_tips(joints, now)

    def _is_decided(self, joints: StampedMessage, tip: StampedMessage | None, now: float) -> bool:
        """Return whether no later message can change the pairing."""
        if tip is not None and tip.stamp == joints.stamp:
            return True
        if now - joints.received > PAIRING_TIMEOUT_S:
            return True
        has_successor = len(self._joints) > 1
        return has_successor and bool(self._tips) and self._tips[-1].stamp >= joints.stamp

    def _reported_gap(self, joints: StampedMessage, gap: int | None, now: float) -> int | None:
        """Return the time to the nearest tip_pose, ns; if it is large, the offset of the clocks."""
        tip = self._latest_tip
        if (
            (gap is not None and gap < MIN_CLOCK_OFFSET_NS)
            or tip is None
            or tip.received < now - 2 * PAIRING_TIMEOUT_S
        ):
            return gap
        elapsed = round((tip.received - joints.received) * 1e9)
        return abs(tip.stamp - joints.stamp - elapsed)

    def _has_nearer(self, tip: StampedMessage, gap: int) -> bool:
        """Return whether the previous or the next joint_states are nearer to a tip_pose."""
        previous, following = self._previous, self._joints[0][0] if self._joints else None
        return (previous is not None and abs(tip.stamp - previous.stamp) <= gap) or (
            following is not None and abs(tip.stamp - following.stamp) < gap
        )

    def _drop_old_tips(self, joints: StampedMessage, now: float) -> None:
        """Drop the tips that are too old for all later joint_states."""
        while self._tips and (
            self._tips[0].stamp < joints.stamp - self._max_difference
            or self._tips[0].received < now - 2 * PAIRING_TIMEOUT_S
        ):
            self._tips.popleft()


class SampleSource:
    """
    Makes samples from received messages.

    :param arm: the arm
    :param max_difference: largest time between the two messages of a sample, s; None: the tip is
        computed from joint_states instead of measured
    :param drop: called for each message that cannot be used
    """

    def __init__(self, arm: Kinematics, max_difference: float | None, drop: DropCallback) -> None:
        self._arm = arm
        self._drop = drop
        self._last_received = {'joint_states': -inf}
        """Time of the last message by topic, s, monotonic."""
        self._last_sample = -inf
        self._last_rejection = ''
        """What was wrong with the messages since the last sample."""
        self._synchronizer: Synchronizer | None = None
        if max_difference is not None:
            self._last_received['tip_pose'] = -inf
            self._no_tip_text = f'no tip_pose within {max_difference:g} s of a joint_states'
            self._last_rejection = self._no_tip_text
            self._synchronizer = Synchronizer(
                round(max_difference * NANOSECONDS_PER_SECOND), self._drop_unpaired
            )

    @property
    def blocking_reason(self) -> str:
        """Why there are no samples; empty if there are some."""
        now = time.monotonic()
        if self._synchronizer is None or now - self._last_sample < SAMPLE_TIMEOUT_S:
            return ''
        age = now - self._last_received['tip_pose']
        if age < SAMPLE_TIMEOUT_S:
            return self._last_rejection
        return f'no tip_pose for {age:.0f} s' if isfinite(age) else 'no tip_pose yet'

    def positions(self, message: JointState) -> JointPair | None:
        """Return the joint positions, rad, or None if the message cannot be used."""
        self._last_received['joint_states'] = time.monotonic()
        try:
            return joint_positions(message, self._arm.joint_names)
        except MessageError as error:
            is_not_finite = error.expected == 'finite'
            reason = f'joint_states {"not finite" if is_not_finite else "without the joints"}'
            self._drop(reason, f'joint_states ignored: {error}')
            return None

    def add_joints(self, message: JointState, q: JointPair, log_time: int) -> Iterator[Sample]:
        """
        Add joint_states.

        :param message: the message as received
        :param q: joint positions in the message, rad
        :param log_time: time of reception, ns since the epoch
        :return: the samples that are now complete
        """
        joints = _stamped(message, log_time)
        if self._synchronizer is not None:
            return self._note_samples(self._synchronizer.add_joints(joints, q))
        return iter((Sample(joints, q, _stamped(self._computed_tip(message, q), log_time)),))

    def add_tip(self, message: PoseStamped, log_time: int) -> Iterator[Sample]:
        """Add a tip_pose, as :meth:`add_joints` adds joint_states."""
        if self._synchronizer is None:
            return iter(())
        self._last_received['tip_pose'] = time.monotonic()
        if not self._is_valid_tip(message):
            return iter(())
        return self._note_samples(self._synchronizer.add_tip(_stamped(message, log_time)))

    def silent_topics(self, timeout: float) -> list[str]:
        """Return the required topics without a message within ``timeout`` s."""
        now = time.monotonic()
        return [name for name, last in self._last_received.items() if now - last > timeout]

    def _note_samples(self, samples: Iterator[Sample]) -> Iterator[Sample]:
        for sample in samples:
            self._last_sample, self._last_rejection = time.monotonic(), ''
            yield sample

    def _drop_unpaired(self, gap: int | None) -> None:
        """Report dropped joint_states; ``gap`` is the time to the nearest tip_pose, ns."""
        text = self._no_tip_text
        if gap is not None:
            text += f': the nearest is {gap / NANOSECONDS_PER_SECOND:.2g} s away'
            if gap > MIN_CLOCK_OFFSET_NS:
                text += ': do the clocks differ?'
            self._last_rejection = text
        self._drop(NO_TIP, text)

    def _is_valid_tip(self, message: PoseStamped) -> bool:
        frame, expected = message.header.frame_id, self._arm.plane.base_frame
        if not is_in_frame(frame, expected):
            text = f'tip_pose ignored: frame: got {frame!r}, expected {expected!r}'
            self._last_rejection = text
            self._drop('tip_pose in another frame', text)
            return False
        position = message.pose.position
        if not all(map(isfinite, (position.x, position.y, position.z))):
            text = f'tip_pose ignored: position: got {position}, expected finite'
            self._last_rejection = text
            self._drop('tip_pose not finite', text)
            return False
        return True

    def _computed_tip(self, joints: JointState, q: JointPair) -> PoseStamped:
        """Return the tip_pose that the nominal arm has at these joint positions."""
        message = PoseStamped()
        message.header.stamp = joints.header.stamp
        message.header.frame_id = self._arm.plane.base_frame
        position = message.pose.position
        position.x, position.y, position.z = self._arm.plane.to_base(self._arm.fk(q)).tolist()
        message.pose.orientation.w = 1.0
        return message


class RateLimiter:
    """
    Limits the rate of samples by their stamps, because they may arrive in bursts.

    :param rate: largest rate, Hz
    """

    def __init__(self, rate: float) -> None:
        self._period = 1.0 / rate
        self._next_due = self._latest = -inf

    def accepts(self, stamp: float) -> bool:
        """Return whether a sample with this stamp, s, is due; then it counts as taken."""
        if stamp < self._latest:
            self._next_due = -inf  # the clock was set back
        self._latest = stamp
        if stamp < self._next_due - STAMP_JITTER_S:
            return False
        self._next_due = max(self._next_due, stamp) + self._period
        return True


def _stamped(message: JointState | PoseStamped, log_time: int) -> StampedMessage:
    return StampedMessage(
        message, _nanoseconds(message.header.stamp) or log_time, log_time, time.monotonic()
    )


def _nanoseconds(stamp: Stamp) -> int:
    """Return a stamp in nanoseconds, 0 if it is not set."""
    nanoseconds: int = stamp.sec * NANOSECONDS_PER_SECOND + stamp.nanosec
    return nanoseconds
