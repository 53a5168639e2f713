"""Which joint_states and which tip_pose belong to the same moment."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import JointState

from ik_nn_ros.arm.model import JointPair

PATIENCE = 0.5
"""How long (s) a message may be on its way before one is paired without it."""
CLOCKS = 1_000_000_000
"""Time (ns) between messages that come together, from which on their clocks must differ."""
MOST = 2000
"""Messages kept at most while they wait for others."""


@dataclass(frozen=True)
class Timed:
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

    joints: Timed
    q: JointPair
    tip: Timed


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
        self._joints: deque[tuple[Timed, JointPair]] = deque(maxlen=MOST)
        self._tips: deque[Timed] = deque(maxlen=MOST)
        self._previous: Timed | None = None
        self._latest_tip: Timed | None = None

    def add_joints(self, joints: Timed, q: JointPair) -> Iterator[Sample]:
        """Take joint_states in; yield the samples that are complete now."""
        self._joints.append((joints, q))
        return self._complete(joints.received)

    def add_tip(self, tip: Timed) -> Iterator[Sample]:
        """Take a tip_pose in; yield the samples that are complete now."""
        self._tips.append(tip)
        self._latest_tip = tip
        return self._complete(tip.received)

    def _complete(self, now: float) -> Iterator[Sample]:
        while self._joints:
            joints, q = self._joints[0]
            tip = min(self._tips, key=lambda tip: abs(tip.stamp - joints.stamp), default=None)
            if not self._is_decided(joints, tip, now):
                return
            self._joints.popleft()
            gap = abs(tip.stamp - joints.stamp) if tip is not None else None
            if gap is None or gap > self._max_difference:
                self._drop(self._how_far(joints, gap, now))
            elif tip is not None and not self._has_nearer(tip, gap):
                yield Sample(joints, q, tip)
            self._previous = joints
            self._forget(joints, now)

    def _is_decided(self, joints: Timed, tip: Timed | None, now: float) -> bool:
        """Tell whether no message that may still come could change what belongs to what."""
        if tip is not None and tip.stamp == joints.stamp:
            return True
        if now - joints.received > PATIENCE:
            return True
        followed = len(self._joints) > 1
        return followed and bool(self._tips) and self._tips[-1].stamp >= joints.stamp

    def _how_far(self, joints: Timed, gap: int | None, now: float) -> int | None:
        """Return the time to the nearest tip_pose; where it is large, by how much clocks differ."""
        tip = self._latest_tip
        if (gap is not None and gap < CLOCKS) or tip is None or tip.received < now - 2 * PATIENCE:
            return gap
        between = round((tip.received - joints.received) * 1e9)
        return abs(tip.stamp - joints.stamp - between)

    def _has_nearer(self, tip: Timed, gap: int) -> bool:
        """Tell whether the joint_states before or after are nearer to this tip_pose."""
        before, after = self._previous, self._joints[0][0] if self._joints else None
        return (before is not None and abs(tip.stamp - before.stamp) <= gap) or (
            after is not None and abs(tip.stamp - after.stamp) < gap
        )

    def _forget(self, joints: Timed, now: float) -> None:
        """Drop tips that are too early for all joint_states that may still come."""
        while self._tips and (
            self._tips[0].stamp < joints.stamp - self._max_difference
            or self._tips[0].received < now - 2 * PATIENCE
        ):
            self._tips.popleft()
