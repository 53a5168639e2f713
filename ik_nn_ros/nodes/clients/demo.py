"""The demo's node and its script: sends targets and records the motion, on public topics only."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from math import hypot

import rclpy
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from ik_nn_ros.arm.geometry import Point2
from ik_nn_ros.demo.display import DisplayCallback
from ik_nn_ros.demo.record import ACCEPTED_CODES, DemoRecord
from ik_nn_ros.demo.script import DemoTarget
from ik_nn_ros.errors import IkNnError
from ik_nn_ros.nodes.common.conversions import joint_positions, stamp_to_seconds

QUEUE_DEPTH = 100
STARTUP_TIMEOUT_S = 20.0
"""Time for the nodes to find each other, s."""
ANSWER_TIMEOUT_S = 1.0
"""Time for the last answers after the user has taken over, s."""
PROBE_PERIOD_S = 0.1
"""Period of the targets that test whether the nodes are ready, s."""
SPIN_PERIOD_S = 0.05
"""Longest time between two updates of the display, s."""
MEASURED_PHASES = ('figure eight', 'random points')
"""Phases in which the distance of the tip from its target is recorded."""


class DemoNode(Node):
    """
    Publishes the robot description and targets, and records answers, commands and the tip.

    :param record: record to fill in
    :param description: URDF for the other nodes
    :param namespace: namespace of all nodes of the demo
    """

    def __init__(self, record: DemoRecord, description: str, namespace: str) -> None:
        super().__init__('demo', namespace=namespace)
        self._record = record
        self._plane = record.arm.plane
        self._tip: Point2 | None = None
        self._pending: dict[str, Point2] = {}
        self._own_stamps: set[str] = set()
        self._latest_stamp = self._latest_accepted_stamp = ''
        self._accepted_point: Point2 | None = None
        self._sent_at: float | None = None
        self.is_accepting = False
        """Whether a probe was accepted, or refused because the user holds the arm."""
        self.is_taken_over = False
        """Whether the user, or another node, has sent a target."""
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.create_publisher(String, 'robot_description', latched).publish(
            String(data=description)
        )
        self._target_publisher = self.create_publisher(PoseStamped, 'target_pose', QUEUE_DEPTH)
        self.create_subscription(JointState, 'joint_command', self._on_command, QUEUE_DEPTH)
        self.create_subscription(PoseStamped, 'tip_pose', self._on_tip, QUEUE_DEPTH)
        self._status_subscription = self.create_subscription(
            DiagnosticStatus, 'ik_node/target_status', self._on_status, QUEUE_DEPTH
        )

    @property
    def is_ready(self) -> bool:
        """Whether the arm and the ik_node have been discovered."""
        return (
            self._tip is not None
            and self._target_publisher.get_subscription_count() > 0
            and self._status_subscription.get_publisher_count() > 0
        )

    @property
    def tip_error(self) -> float | None:
        """Distance of the tip from the last accepted target, m."""
        if self._tip is None or self._accepted_point is None:
            return None
        return hypot(self._tip[0] - self._accepted_point[0], self._tip[1] - self._accepted_point[1])

    @property
    def is_latest_accepted(self) -> bool:
        """Whether the last target was accepted."""
        return self._latest_stamp == self._latest_accepted_stamp

    @property
    def is_answered(self) -> bool:
        """Whether every target has been answered."""
        return not self._pending

    def probe(self, target: DemoTarget) -> None:
        """Publish a target that is not recorded, to test whether targets are accepted."""
        self._target_publisher.publish(self._target_message(target))

    def send(self, target: DemoTarget) -> None:
        """Publish a target and record what comes of it."""
        message = self._target_message(target)
        self._latest_stamp = _stamp_key(message)
        self._pending[self._latest_stamp] = self._plane.to_plane(*target.position)[:2]
        self._record.target_count += 1
        self._sent_at = time.perf_counter()
        self._target_publisher.publish(message)

    def _target_message(self, target: DemoTarget) -> PoseStamped:
        message = PoseStamped()
        message.header.frame_id = target.frame
        message.header.stamp = self.get_clock().now().to_msg()
        position = message.pose.position
        position.x, position.y, position.z = target.position
        message.pose.orientation.w = 1.0
        self._own_stamps.add(_stamp_key(message))
        return message

    def _on_command(self, message: JointState) -> None:
        record = self._record
        if self._sent_at is not None:
            record.round_trips_s.append(time.perf_counter() - self._sent_at)
            self._sent_at = None  # only the first command is the answer to a target
        q = joint_positions(message, record.arm.joint_names)
        record.commands.append((stamp_to_seconds(message.header.stamp), *q))
        if not record.arm.within_limits(q):
            record.limit_violations += 1

    def _on_tip(self, message: PoseStamped) -> None:
        position = message.pose.position
        self._tip = self._plane.to_plane(position.x, position.y, position.z)[:2]
        if self._record.target_count:
            self._record.tip_path.append(self._tip)

    def _on_status(self, message: DiagnosticStatus) -> None:
        record = self._record
        values = {entry.key: entry.value for entry in message.values}
        stamp = values['stamp']
        target = self._pending.pop(stamp, None)
        if target is None:
            self.is_accepting |= message.message in (*ACCEPTED_CODES, 'HOLDING')
            self.is_taken_over |= stamp not in self._own_stamps
            return
        record.result_codes[message.message] += 1
        if message.message in ACCEPTED_CODES:
            self._latest_accepted_stamp = stamp
            record.stages[values['stage']] += 1
            record.solver_errors.append(float(values['position_error_m']))
            record.accepted_targets.append(target)
            self._accepted_point = target
        elif message.message in ('UNREACHABLE', 'JOINT_LIMITS'):
            record.rejected_targets.append((message.message, target))


def _stamp_key(message: PoseStamped) -> str:
    """Return a target's stamp in the format of the answers."""
    stamp = message.header.stamp
    return f'{stamp.sec}.{stamp.nanosec:09d}'


def play(
    record: DemoRecord,
    description: str,
    namespace: str,
    targets: Sequence[DemoTarget],
    show: DisplayCallback,
    require_running: Callable[[], None],
) -> bool:
    """
    Send the targets of the script once the nodes are ready, until the user sends one.

    :param record: record to fill in
    :param description: URDF for the other nodes
    :param namespace: namespace of all nodes
    :param show: called repeatedly, with the phase and the distance of the tip from its target
    :param require_running: called repeatedly; raises if a node has ended
    :return: whether the user has taken over
    :raises IkNnError: the nodes accept no target
    """
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = DemoNode(record, description, namespace)
        executor = SingleThreadedExecutor()
        executor.add_node(node)

        def spin(end: float, phase: str, done: Callable[[], bool] = lambda: False) -> None:
            while not done() and (remaining := end - time.monotonic()) > 0.0:
                executor.spin_once(timeout_sec=min(remaining, SPIN_PERIOD_S))
                require_running()
                show(phase, node.tip_error)

        _wait_for_nodes(node, targets[0], spin)
        due = time.monotonic()
        for target in targets:
            if node.is_taken_over:
                spin(time.monotonic() + ANSWER_TIMEOUT_S, 'taken over', lambda: node.is_answered)
                break
            node.send(target)
            due += target.dwell_s
            spin(due, target.phase, lambda: node.is_taken_over)
            tip_error = node.tip_error if node.is_latest_accepted else None
            if target.phase in MEASURED_PHASES and tip_error is not None and not node.is_taken_over:
                record.tip_errors.append(tip_error)
        return node.is_taken_over
    finally:
        rclpy.try_shutdown()


def _wait_for_nodes(node: DemoNode, probe: DemoTarget, spin: Callable[..., None]) -> None:
    deadline = time.monotonic() + STARTUP_TIMEOUT_S
    spin(deadline, 'starting', lambda: node.is_ready)
    while not (node.is_accepting or node.is_taken_over) and time.monotonic() < deadline:
        node.probe(probe)
        spin(time.monotonic() + PROBE_PERIOD_S, 'starting', lambda: node.is_accepting)
    if not (node.is_accepting or node.is_taken_over):
        raise IkNnError(
            'nodes', got=f'not ready in {STARTUP_TIMEOUT_S:g} s', expected='arm_sim, ik_node'
        )
