"""Where targets come in: each is answered once, by a command or by a reason code."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from math import inf
from typing import Generic, NamedTuple, TypeVar

from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import Point, PointStamped, PoseStamped
from nav_msgs.msg import Path
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from std_msgs.msg import Header

from ik_nn_ros.arm.geometry import JointPair
from ik_nn_ros.arm.paths import JointPath
from ik_nn_ros.nodes.common.diagnostics import ThrottledLogger
from ik_nn_ros.nodes.common.parameters import overridable_qos
from ik_nn_ros.nodes.ik.command_publisher import CommandPublisher
from ik_nn_ros.nodes.ik.diagnostics import target_status
from ik_nn_ros.nodes.ik.target_solver import TargetResult, TargetSolver
from ik_nn_ros.nodes.ik.target_tracker import TargetTracker

# MERGED nodes.waiting: Targets that wait for a transform, without holding up the executor that is to bring it.

T = TypeVar('T')
RETRY_PERIOD_S = 0.005
"""s between two tries."""


class TransformQueue(Generic[T]):
    """
    Answers targets in order of arrival, each once.

    One whose transform is not there yet is kept, and those behind it, until it comes; for its time
    out at the longest, so that none is held up for longer than one time out.

    :param node: has the timer, which runs only while something waits
    :param process: called with a target and whether it may wait; tells whether it has answered
    :param timeout: the longest a target waits, s; 0: none does
    """

    def __init__(self, node: Node, process: Callable[[T, bool], bool], timeout: float) -> None:
        self.timeout = timeout
        self._process = process
        self._queue: deque[tuple[float, T]] = deque()
        # On the steady clock: a simulated one may stand still.
        self._timer = node.create_timer(
            RETRY_PERIOD_S, self._process_queue, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )
        self._timer.cancel()

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, target: T) -> None:
        """Answer a target, now or when it is its turn and its transform is there."""
        if not self._queue:
            if self._process(target, self.timeout > 0.0):
                return
            self._timer.reset()
        self._queue.append((time.monotonic() + self.timeout, target))

    def drain(self) -> list[T]:
        """Give all that wait to the caller, who is to answer them."""
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


# MERGED nodes.freshness: Tell what was sent before an outage ended: it shall not be carried out any more.

OUTAGE_FLUSH_S = 5.0
"""
How long (s) after an outage something sent before its end may still arrive.

Fast DDS sends lost messages again after its heartbeat period, up to 3 s.
"""
MAX_QUEUE_TIME_S = 1.0
"""The longest (s) a message may have waited in a queue already when the outage began."""
CLOCK_OFFSET_HALF_WINDOW_S = 30.0
"""Half the time (s) over which the sender's clock is watched."""


class StaleMessageFilter:
    """
    Judges the messages of one topic by when they were sent.

    Only the sender's system clock tells that, and it may be another machine's, and be set at any
    time. So, as NTP does, the offset to our steady clock is learned: the smallest difference
    between reception and stamp in the last minute belongs to the message that took no time. A clock
    set forward is learned with its first message, one set back within that minute. Only in the
    first seconds after an outage is anything judged; a sender of whom nothing is known is then
    taken to be on our clock.

    Times are those of the steady clock, s; a source timestamp is the sender's system time, ns.
    """

    def __init__(self) -> None:
        self._outage_start = self._outage_end = -inf
        self._clock_offset = self._previous_clock_offset = inf
        """The smallest of this half of the window, and of the one before."""
        self._half_window_end = -inf

    def outage_ended(self, now: float, start: float | None = None) -> None:
        """
        Take note that nothing sent until now is wanted.

        :param now: the arm, its joint_states or this process are back, or the node is active again
        :param start: when they were last seen; what seems to be sent long before it has another
            clock; None: now
        """
        start = now if start is None else start
        # What an outage has held back may come after the next one.
        self._outage_start = (
            min(start, self._outage_start) if now <= self._outage_end + OUTAGE_FLUSH_S else start
        )
        self._outage_end = now

    def is_stale(self, now: float, source_timestamp: int) -> bool:
        """Tell whether a message received now was sent before the end of the last outage."""
        offset = now - 1e-9 * source_timestamp
        if now <= self._outage_end + OUTAGE_FLUSH_S and self._sent_before_outage_end(now, offset):
            return True
        if now > self._half_window_end:
            self._half_window_end = now + CLOCK_OFFSET_HALF_WINDOW_S
            self._previous_clock_offset, self._clock_offset = self._clock_offset, offset
        elif offset < self._clock_offset:
            self._clock_offset = offset
        return False

    def _sent_before_outage_end(self, now: float, clock_offset: float) -> bool:
        none = min(self._clock_offset, self._previous_clock_offset)
        if none == inf:
            none = time.monotonic() - time.time()
        sent = now - (clock_offset - none)
        return self._outage_start - MAX_QUEUE_TIME_S <= sent < self._outage_end


TARGET_QUEUE_DEPTH = 100
"""Targets queued while the node is busy: 100 ms at 1 kHz."""
PATH_QUEUE_DEPTH = 10
"""The same of paths."""
TARGET_SOURCES = ('pose', 'point', 'path', 'drag')
MessageInfo = Mapping[str, int]
ResultCallback = Callable[[Header, Point, TargetResult, float], object]


class Target(NamedTuple):
    """
    A target as it came in.

    ``began`` is when, s; ``position`` the place of its last pose; ``stale``: it was sent before an
    outage; ``path``: the whole, where it is more than a place.
    """

    received_at: float
    header: Header
    position: Point
    stale: bool
    path: Path | None = None


class TargetIntake:
    """
    Takes targets in, has them solved and gone to, and says what became of each.

    :param node: the node
    :param warn: logs what was refused
    :param on_result: told each target's header, position and answer, and the time it took, s
    :param transform_timeout: how long a target waits for its transform, s
    """

    def __init__(
        self, node: Node, warn: ThrottledLogger, on_result: ResultCallback, transform_timeout: float
    ) -> None:
        self.active = False
        """Whether targets are carried out."""
        self.holding = False
        """Whether they are refused until ``~/resume`` is called."""
        self.target_solver: TargetSolver | None = None
        self.command_publisher: CommandPublisher | None = None
        self._target_tracker: TargetTracker | None = None
        self._node, self._warn, self._on_result = node, warn, on_result
        self._transform_queue: TransformQueue[Target] = TransformQueue(
            node, self._process, transform_timeout
        )
        self._stale_filters = {source: StaleMessageFilter() for source in TARGET_SOURCES}
        self._status_publisher = node.create_publisher(
            DiagnosticStatus, '~/target_status', **overridable_qos(TARGET_QUEUE_DEPTH)
        )
        for kind, topic, take, depth in (
            (PoseStamped, 'target_pose', self._on_pose, TARGET_QUEUE_DEPTH),
            (PointStamped, 'target_point', self._on_point, TARGET_QUEUE_DEPTH),
            (Path, 'target_path', self._on_path, PATH_QUEUE_DEPTH),
        ):
            node.create_subscription(kind, topic, take, **overridable_qos(depth))

    def open(self, target_solver: TargetSolver, command_publisher: CommandPublisher) -> None:
        """
        Have targets solved and gone to from now on.

        :param target_solver: answers them
        :param command_publisher: takes the arm there
        """
        self.target_solver, self.command_publisher = target_solver, command_publisher
        self._target_tracker = TargetTracker(
            self._node, target_solver.plane_transformer, self._execute_tracked_point
        )

    def close(self) -> None:
        """Refuse targets from now on, with NOT_ACTIVE."""
        self.deactivate()
        if self._target_tracker is not None:
            self._target_tracker.close()
        self.target_solver = self.command_publisher = self._target_tracker = None

    def deactivate(self) -> None:
        """Carry nothing out any more."""
        self.active = False
        self.stop_tracking()
        for target in self._transform_queue.drain():
            self._process(target, False)

    def discard_earlier_targets(self, now: float, outage_start: float) -> None:
        """Carry out nothing that was sent before now; see :meth:`StaleMessageFilter.outage_ended`."""
        for freshness in self._stale_filters.values():
            freshness.outage_ended(now, outage_start)
        for target in self._transform_queue.drain():
            self._process(target._replace(stale=True), False)
        self.stop_tracking()

    def stop_tracking(self) -> None:
        """Send the arm no more after its last target, where that moves."""
        if self._target_tracker is not None:
            self._target_tracker.stop()

    def set_transform_timeout(self, transform_timeout: float) -> None:
        """Have targets wait so long for their transform, s."""
        self._transform_queue.timeout = transform_timeout

    @property
    def tracker_error(self) -> str:
        """Why the last target is not followed, where it should be; empty: it is."""
        fault = self._target_tracker.error if self._target_tracker is not None else ''
        return fault and f'the last target is not followed: {fault}'

    def on_drag(self, message: PoseStamped, info: MessageInfo) -> TargetResult:
        """Take a target that is dragged; return the answer, as it needs no transform."""
        target = self._receive('drag', info, message.header, message.pose.position)
        answer, path = self._solve(target.received_at, target)
        return self._execute(target.received_at, target, answer, path)

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
        stale = self._stale_filters[source].is_stale(now, info['source_timestamp'])
        return Target(now, header, position, stale)

    def _process(self, target: Target, may_wait: bool) -> bool:
        """Answer a target, unless it may wait for a transform."""
        # One that has waited is carried out from now on.
        now = time.monotonic() if len(self._transform_queue) else target.received_at
        answer, path = self._solve(now, target)
        if answer.transform_may_arrive and may_wait:
            return False
        self._execute(now, target, answer, path)
        return True

    def _solve(self, now: float, target: Target) -> tuple[TargetResult, JointPath | None]:
        """Return the answer, and the joints along the path if it is one."""
        refusal = self._rejection(now, target.stale)
        if refusal is not None:
            return refusal, None
        commander = self.command_publisher.controller
        place = commander.seed_joints(now)
        if target.path is not None:
            return self.target_solver.solve_path(target.path, place)
        admits = commander.goal_filter(now)
        answer = self.target_solver.solve(target.header, target.position, place, admits)
        return self._add_obstacle(answer), None

    def _rejection(self, now: float, stale: bool) -> TargetResult | None:
        """Return the answer to any target, whatever it is; None: it depends."""
        if not self.active or self.target_solver is None or self.command_publisher is None:
            state = 'unconfigured' if self.target_solver is None else 'inactive'
            return TargetResult('NOT_ACTIVE', f'lifecycle state: got {state}, expected active')
        if self.holding:
            return TargetResult('HOLDING', 'holding still until ~/resume is called')
        if stale:
            return TargetResult(
                'TOO_OLD', 'sent before the arm, its joint_states or this node were back'
            )
        refusal = self.command_publisher.controller.rejection(now)
        return TargetResult(refusal.code, refusal.detail) if refusal is not None else None

    def _add_obstacle(self, result: TargetResult) -> TargetResult:
        if result.code != 'OBSTRUCTED':
            return result
        return result._replace(
            detail=f'{result.detail}: {self.command_publisher.controller.obstruction}'
        )

    def _execute(
        self, now: float, target: Target, result: TargetResult, path: JointPath | None
    ) -> TargetResult:
        """Go where the answer says, if anywhere; tell what has become of it, and return that."""
        if path is not None:
            result = self._execute_path(now, result, path)
        elif result.solution is not None and result.solution.q is not None:
            self.command_publisher.publish(
                self.command_publisher.controller.go_to(now, result.solution.q)
            )
            self._target_tracker.track(result.point, result.anchor)
        if result.solution is None:
            cause = 'stale' if target.stale else result.code
            self._warn(cause, f'target refused, {result.code}: {result.detail}')
        took = time.monotonic() - target.received_at
        self._on_result(target.header, target.position, result, took)
        if self._status_publisher.get_subscription_count():
            arm = self.target_solver.solver.arm.name if self.target_solver is not None else ''
            name = self._node.get_name()
            self._status_publisher.publish(target_status(name, arm, target.header, result))
        return result

    def _execute_path(self, now: float, result: TargetResult, path: JointPath) -> TargetResult:
        refusal = self.command_publisher.controller.follow_path(now, path)
        if refusal is not None:
            return TargetResult(refusal.code, refusal.detail, result.point)
        self.stop_tracking()
        self.command_publisher.send_trajectory()
        return result

    def _execute_tracked_point(self, point: JointPair) -> str:
        """Send the arm after its last target, m; return '' or why it does not go."""
        now = time.monotonic()
        answer = self._rejection(now, stale=False)
        if answer is None:
            commander = self.command_publisher.controller
            place, admits = commander.seed_joints(now), commander.goal_filter(now)
            answer = self._add_obstacle(self.target_solver.solve_point(point, place, admits, None))
        if answer.solution is None or answer.solution.q is None:
            return f'{answer.code}: {answer.detail}'
        self.command_publisher.publish(
            self.command_publisher.controller.go_to(now, answer.solution.q)
        )
        return ''
