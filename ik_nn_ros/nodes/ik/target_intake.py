"""
Intake of targets by topic: each gets one result, a command or a reason code.

A target passes a :class:`StaleMessageFilter`, which recognizes what was sent before an outage
ended, and a :class:`TransformQueue`, in which it may wait for its transform.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from math import inf
from typing import Generic, TypeVar

from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import Point, PointStamped, PoseStamped
from nav_msgs.msg import Path
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from std_msgs.msg import Header

from ik_nn_ros.arm.paths import JointPath
from ik_nn_ros.nodes.common.diagnostics import ThrottledLogger
from ik_nn_ros.nodes.common.parameters import overridable_qos
from ik_nn_ros.nodes.ik.arm_session import ArmSession
from ik_nn_ros.nodes.ik.diagnostics import target_status
from ik_nn_ros.nodes.ik.target_solver import Target, TargetResult

T = TypeVar('T')

TARGET_QUEUE_DEPTH = 100
"""Depth of the target topics: 100 ms at 1 kHz while the node is busy."""
PATH_QUEUE_DEPTH = 10
TARGET_SOURCES = ('pose', 'point', 'path', 'drag')
"""Sources of targets; each may have a sender with a clock of its own."""
RETRY_PERIOD_S = 0.005
"""Period with which a waiting target is tried again, s."""
OUTAGE_FLUSH_S = 5.0
"""
Time after an outage within which a message sent before its end may still arrive, s.

Fast DDS sends lost messages again after its heartbeat period, up to 3 s.
"""
MAX_QUEUE_TIME_S = 1.0
"""Longest time for which a message can have been queued when the outage began, s."""
CLOCK_OFFSET_HALF_WINDOW_S = 30.0
"""Half the time over which the offset of the sender's clock is estimated, s."""

MessageInfo = Mapping[str, int]
"""``source_timestamp`` of a message, ns of the sender's system clock."""
ResultCallback = Callable[[Header, Point, TargetResult, float], object]


class StaleMessageFilter:
    """
    Filter that recognizes messages of one topic that were sent before the last outage ended.

    When a message was sent is known only by the sender's system clock, which may be that of
    another machine and may be set at any time. So its offset to the local steady clock is
    estimated, as in NTP: the smallest difference between reception and source timestamp of the last
    minute belongs to the message with the shortest latency. A clock that was set forward is
    recognized with the first message, one that was set back within that minute. Messages are judged
    only in the first seconds after an outage; an unknown sender is then assumed to use the local
    system clock.

    Times are those of the steady clock, s; a source timestamp is the sender's system time, ns.
    """

    def __init__(self) -> None:
        self._outage_start = self._outage_end = -inf
        # Smallest offset in this half of the window, and in the previous one.
        self._clock_offset = self._previous_clock_offset = inf
        self._half_window_end = -inf

    def outage_ended(self, now: float, start: float | None = None) -> None:
        """
        Treat everything sent until now as stale.

        :param now: when the arm, its joint_states or this process were back, or the node was
            activated
        :param start: when they were last present; what seems to have been sent long before has
            another clock; None: now
        """
        start = now if start is None else start
        # What one outage has delayed may arrive after the next one.
        self._outage_start = (
            min(start, self._outage_start) if now <= self._outage_end + OUTAGE_FLUSH_S else start
        )
        self._outage_end = now

    def is_stale(self, now: float, source_timestamp: int) -> bool:
        """
        Return whether a message was sent before the end of the last outage.

        :param now: time of reception, s
        :param source_timestamp: sender's system time, ns
        """
        offset = now - 1e-9 * source_timestamp
        if now <= self._outage_end + OUTAGE_FLUSH_S and self._sent_before_outage_end(now, offset):
            return True
        if now > self._half_window_end:
            self._half_window_end = now + CLOCK_OFFSET_HALF_WINDOW_S
            self._previous_clock_offset, self._clock_offset = self._clock_offset, offset
        elif offset < self._clock_offset:
            self._clock_offset = offset
        return False

    def _sent_before_outage_end(self, now: float, offset: float) -> bool:
        min_offset = min(self._clock_offset, self._previous_clock_offset)
        if min_offset == inf:
            min_offset = time.monotonic() - time.time()
        sent = now - (offset - min_offset)
        return self._outage_start - MAX_QUEUE_TIME_S <= sent < self._outage_end


class TransformQueue(Generic[T]):
    """
    Queue of targets that wait for a transform, without blocking the executor that delivers it.

    Targets are processed in order of arrival, each once. A target whose transform is missing is
    kept, with all that follow it, until the transform arrives, but no longer than the timeout; so
    no target is delayed by more than one timeout.

    :param node: node whose timer tries again, while a target waits
    :param process: called with a target and whether it may wait; returns whether it was processed
    :param timeout: longest time a target waits, s; 0: none waits
    """

    def __init__(self, node: Node, process: Callable[[T, bool], bool], timeout: float) -> None:
        self._timeout = timeout
        self._process = process
        self._queue: deque[tuple[float, T]] = deque()
        # The steady clock, because a simulated clock may stand still.
        self._timer = node.create_timer(
            RETRY_PERIOD_S, self._process_queue, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )
        self._timer.cancel()

    def __len__(self) -> int:
        return len(self._queue)

    def set_timeout(self, timeout: float) -> None:
        """Change the longest time that the next targets wait, s."""
        self._timeout = timeout

    def put(self, target: T) -> None:
        """Process a target, now or when its turn and its transform have come."""
        if not self._queue:
            if self._process(target, self._timeout > 0.0):
                return
            self._timer.reset()
        self._queue.append((time.monotonic() + self._timeout, target))

    def drain(self) -> list[T]:
        """Remove all waiting targets and return them; the caller has to process them."""
        self._timer.cancel()
        targets = [target for _, target in self._queue]
        self._queue.clear()
        return targets

    def _process_queue(self) -> None:
        while self._queue:
            deadline, target = self._queue[0]
            if not self._process(target, time.monotonic() < deadline):
                return
            self._queue.popleft()
        self._timer.cancel()


class TargetIntake:
    """
    Subscriber to the target topics, and publisher of ``~/target_status``.

    :param node: the node
    :param session: returns the configured arm, or None
    :param warn: logs rejected targets
    :param on_result: called with each target's header, position and result, and its latency, s
    :param transform_timeout: longest time a target waits for its transform, s
    """

    def __init__(
        self,
        node: Node,
        session: Callable[[], ArmSession | None],
        warn: ThrottledLogger,
        on_result: ResultCallback,
        transform_timeout: float,
    ) -> None:
        self._node, self._session = node, session
        self._warn, self._on_result = warn, on_result
        self._is_holding = False
        self._transform_queue: TransformQueue[Target] = TransformQueue(
            node, self._process, transform_timeout
        )
        self._stale_filters = {source: StaleMessageFilter() for source in TARGET_SOURCES}
        self._status_publisher = node.create_publisher(
            DiagnosticStatus, '~/target_status', **overridable_qos(TARGET_QUEUE_DEPTH)
        )
        subscriptions: tuple[tuple[type, str, Callable[..., None], int], ...] = (
            (PoseStamped, 'target_pose', self._on_pose, TARGET_QUEUE_DEPTH),
            (PointStamped, 'target_point', self._on_point, TARGET_QUEUE_DEPTH),
            (Path, 'target_path', self._on_path, PATH_QUEUE_DEPTH),
        )
        for message_type, topic, callback, depth in subscriptions:
            node.create_subscription(message_type, topic, callback, **overridable_qos(depth))

    @property
    def is_holding(self) -> bool:
        """Whether targets are rejected until :meth:`resume`."""
        return self._is_holding

    def hold(self) -> None:
        """Reject targets with HOLDING until :meth:`resume`."""
        self._is_holding = True

    def resume(self) -> None:
        """Accept targets that are sent from now on."""
        now = time.monotonic()
        self.discard_earlier_targets(now, now)
        self._is_holding = False

    def set_transform_timeout(self, transform_timeout: float) -> None:
        """Change the longest time that targets wait for their transform, s."""
        self._transform_queue.set_timeout(transform_timeout)

    def process_waiting_targets(self) -> None:
        """Process the targets that wait for a transform, without it."""
        for target in self._transform_queue.drain():
            self._process(target, False)

    def discard_earlier_targets(self, now: float, outage_start: float) -> None:
        """
        Reject targets that were sent before now; stop tracking the last one.

        :param now: end of an outage, on the steady clock, s
        :param outage_start: start of the outage, s
        """
        for stale_filter in self._stale_filters.values():
            stale_filter.outage_ended(now, outage_start)
        for target in self._transform_queue.drain():
            self._process(target._replace(is_stale=True), False)
        session = self._session()
        if session is not None:
            session.stop_tracking()

    def on_drag(self, message: PoseStamped, info: MessageInfo) -> TargetResult:
        """Process a target dragged in RViz, and return its result; it needs no transform."""
        target = self._receive('drag', info, message.header, message.pose.position)
        result, path = self._solve(target.received_at, target)
        return self._execute(target.received_at, target, result, path)

    def _on_pose(self, message: PoseStamped, info: MessageInfo) -> None:
        self._transform_queue.put(
            self._receive('pose', info, message.header, message.pose.position)
        )

    def _on_point(self, message: PointStamped, info: MessageInfo) -> None:
        self._transform_queue.put(self._receive('point', info, message.header, message.point))

    def _on_path(self, message: Path, info: MessageInfo) -> None:
        last = message.poses[-1].pose.position if message.poses else Point()
        target = self._receive('path', info, message.header, last)
        self._transform_queue.put(target._replace(path=message))

    def _receive(self, source: str, info: MessageInfo, header: Header, position: Point) -> Target:
        now = time.monotonic()
        is_stale = self._stale_filters[source].is_stale(now, info['source_timestamp'])
        return Target(now, header, position, is_stale)

    def _process(self, target: Target, may_wait: bool) -> bool:
        """Solve and execute a target; return False if it has to wait for a transform."""
        # A target that has waited is executed from now on.
        now = time.monotonic() if len(self._transform_queue) else target.received_at
        result, path = self._solve(now, target)
        if result.transform_may_arrive and may_wait:
            return False
        self._execute(now, target, result, path)
        return True

    def _solve(self, now: float, target: Target) -> tuple[TargetResult, JointPath | None]:
        session = self._session()
        if session is None or not session.is_active:
            state = 'unconfigured' if session is None else 'inactive'
            detail = f'lifecycle state: got {state}, expected active'
            return TargetResult('NOT_ACTIVE', detail), None
        if self._is_holding:
            return TargetResult('HOLDING', 'holding still until ~/resume is called'), None
        if target.is_stale:
            detail = 'sent before the arm, its joint_states or this node were back'
            return TargetResult('TOO_OLD', detail), None
        return session.solve(now, target)

    def _execute(
        self, now: float, target: Target, result: TargetResult, path: JointPath | None
    ) -> TargetResult:
        """Execute the result of a target, report it and return it."""
        session = self._session()
        if session is not None and result.goal is not None:
            result = session.execute(now, result, path)
        if result.goal is None:
            cause = 'stale' if target.is_stale else result.code
            self._warn(cause, f'target refused, {result.code}: {result.detail}')
        latency = time.monotonic() - target.received_at
        self._on_result(target.header, target.position, result, latency)
        if self._status_publisher.get_subscription_count():
            arm_name = session.arm.name if session is not None else ''
            status = target_status(self._node.get_name(), arm_name, target.header, result)
            self._status_publisher.publish(status)
        return result
