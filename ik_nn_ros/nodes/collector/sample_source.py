"""From messages to samples: what cannot be used is told apart, the rest is paired."""

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

# MERGED nodes.synchronizer: Which joint_states and which tip_pose belong to the same moment.

PAIRING_TIMEOUT_S = 0.5
"""How long (s) a message may be on its way before one is paired without it."""
CLOCK_OFFSET_NS = 1_000_000_000
"""Time (ns) between messages that come together, from which on their clocks must differ."""
MAX_QUEUE_LENGTH = 2000
"""Messages kept at most while they wait for others."""


@dataclass(frozen=True)
class StampedMessage:
    """
    A message and its times.

    :param message: as received
    :param stamp: the time it is about, ns
    :param log_time: when it was received, ns since the epoch
    :param received: the same on a clock that nobody sets, s
    """

    message: JointState | PoseStamped
    stamp: int
    log_time: int
    received: float


@dataclass(frozen=True)
class Sample:
    """
    One moment of the arm.

    :param joints: joint_states
    :param q: the joint positions in it, rad
    :param tip: tip_pose
    """

    joints: StampedMessage
    q: JointPair
    tip: StampedMessage


class Synchronizer:
    """
    Pairs joint_states and tip_pose that are, of all, each the nearest in time to the other.

    :param max_difference: largest time between them, ns
    :param drop: called for each joint_states without a tip_pose near enough, with the time to the
        nearest one, ns; None: there is none
    """

    def __init__(self, max_difference: int, drop: Callable[[int | None], None]) -> None:
        self._max_difference = max_difference
        self._drop = drop
        self._joints: deque[tuple[StampedMessage, JointPair]] = deque(maxlen=MAX_QUEUE_LENGTH)
        self._tips: deque[StampedMessage] = deque(maxlen=MAX_QUEUE_LENGTH)
        self._previous: StampedMessage | None = None
        self._latest_tip: StampedMessage | None = None

    def add_joints(self, joints: StampedMessage, q: JointPair) -> Iterator[Sample]:
        """Take joint_states in; yield the samples that are complete now."""
        self._joints.append((joints, q))
        return self._take_pairs(joints.received)

    def add_tip(self, tip: StampedMessage) -> Iterator[Sample]:
        """Take a tip_pose in; yield the samples that are complete now."""
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
        """Tell whether no message that may still come could change what belongs to what."""
        if tip is not None and tip.stamp == joints.stamp:
            return True
        if now - joints.received > PAIRING_TIMEOUT_S:
            return True
        followed = len(self._joints) > 1
        return followed and bool(self._tips) and self._tips[-1].stamp >= joints.stamp

    def _reported_gap(self, joints: StampedMessage, gap: int | None, now: float) -> int | None:
        """Return the time to the nearest tip_pose; where it is large, by how much clocks differ."""
        tip = self._latest_tip
        if (
            (gap is not None and gap < CLOCK_OFFSET_NS)
            or tip is None
            or tip.received < now - 2 * PAIRING_TIMEOUT_S
        ):
            return gap
        between = round((tip.received - joints.received) * 1e9)
        return abs(tip.stamp - joints.stamp - between)

    def _has_nearer(self, tip: StampedMessage, gap: int) -> bool:
        """Tell whether the joint_states before or after are nearer to this tip_pose."""
        before, after = self._previous, self._joints[0][0] if self._joints else None
        return (before is not None and abs(tip.stamp - before.stamp) <= gap) or (
            after is not None and abs(tip.stamp - after.stamp) < gap
        )

    def _drop_old_tips(self, joints: StampedMessage, now: float) -> None:
        """Drop tips that are too early for all joint_states that may still come."""
        while self._tips and (
            self._tips[0].stamp < joints.stamp - self._max_difference
            or self._tips[0].received < now - 2 * PAIRING_TIMEOUT_S
        ):
            self._tips.popleft()


NANOSECONDS_PER_SECOND = 1_000_000_000
NO_TIP = 'no tip_pose in time'

SAMPLE_TIMEOUT_S = 1.0
"""How long (s) a sample shows that there are samples."""
STAMP_JITTER_S = 0.05
"""How early (s) a sample may be, so that messages at the rate itself are all taken."""

DropCallback = Callable[[str, str], None]
"""Called with the reason for what cannot be used, and an explanation."""


class SampleSource:
    """
    Makes samples of what is received.

    :param arm: the arm
    :param max_difference: largest time between the two messages of a sample, s; None: the tip is
        not measured but computed
    :param drop: told what cannot be used
    """

    def __init__(self, arm: Kinematics, max_difference: float | None, drop: DropCallback) -> None:
        self._arm = arm
        self._drop = drop
        self._last_received = {'joint_states': -inf}
        """When the last message came, s."""
        self._last_sample = -inf
        self._last_rejection = ''
        """What was wrong with what came since the last sample."""
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
        """Why there are no samples; empty: there are."""
        now = time.monotonic()
        if self._synchronizer is None or now - self._last_sample < SAMPLE_TIMEOUT_S:
            return ''
        heard = self._last_received['tip_pose']
        if now - heard < SAMPLE_TIMEOUT_S:
            return self._last_rejection
        return f'no tip_pose for {now - heard:.0f} s' if isfinite(heard) else 'no tip_pose yet'

    def positions(self, message: JointState) -> JointPair | None:
        """Return the joint positions, rad; None where the message cannot be used."""
        self._last_received['joint_states'] = time.monotonic()
        try:
            return joint_positions(message, self._arm.joint_names)
        except MessageError as error:
            finite = error.expected == 'finite'
            reason = 'joint_states not finite' if finite else 'joint_states without the joints'
            self._drop(reason, f'joint_states ignored: {error}')
            return None

    def add_joints(self, message: JointState, q: JointPair, log_time: int) -> Iterator[Sample]:
        """
        Take joint_states in.

        :param message: as received
        :param q: the joint positions in it, rad
        :param log_time: when it was received, ns since the epoch
        :return: the samples that are complete now
        """
        joints = _stamped(message, log_time)
        if self._synchronizer is not None:
            return self._note_samples(self._synchronizer.add_joints(joints, q))
        return iter((Sample(joints, q, _stamped(self._computed_tip(message, q), log_time)),))

    def add_tip(self, message: PoseStamped, log_time: int) -> Iterator[Sample]:
        """Do the same with a tip_pose."""
        if self._synchronizer is None:
            return iter(())
        self._last_received['tip_pose'] = time.monotonic()
        if not self._is_valid_tip(message):
            return iter(())
        return self._note_samples(self._synchronizer.add_tip(_stamped(message, log_time)))

    def silent_topics(self, timeout: float) -> list[str]:
        """Return the topics that are needed and have had no message for so long (s)."""
        now = time.monotonic()
        return [name for name, heard in self._last_received.items() if now - heard > timeout]

    def _note_samples(self, samples: Iterator[Sample]) -> Iterator[Sample]:
        for sample in samples:
            self._last_sample, self._last_rejection = time.monotonic(), ''
            yield sample

    def _drop_unpaired(self, gap: int | None) -> None:
        """Drop joint_states; gap is the time to the nearest tip_pose, ns."""
        text = self._no_tip_text
        if gap is not None:
            text += f': the nearest is {gap / NANOSECONDS_PER_SECOND:.2g} s away'
            if gap > CLOCK_OFFSET_NS:
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
        """Return where the description says the tip is."""
        message = PoseStamped()
        message.header.stamp = joints.header.stamp
        message.header.frame_id = self._arm.plane.base_frame
        position = message.pose.position
        position.x, position.y, position.z = self._arm.plane.to_base(self._arm.fk(q)).tolist()
        message.pose.orientation.w = 1.0
        return message


class RateLimiter:
    """
    Holds samples to a rate, judged by their stamps: they may arrive in bursts.

    :param rate: Hz
    """

    def __init__(self, rate: float) -> None:
        self._period = 1.0 / rate
        self._next_due = self._latest = -inf

    def accepts(self, stamp: float) -> bool:
        """Tell whether a sample with this stamp (s) may be taken; if so it counts as taken."""
        if stamp < self._latest:
            self._next_due = -inf  # somebody has set the time back
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
    """Return a stamp; 0 where there is none."""
    nanoseconds: int = stamp.sec * NANOSECONDS_PER_SECOND + stamp.nanosec
    return nanoseconds
