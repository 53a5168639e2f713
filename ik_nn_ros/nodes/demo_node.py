"""The demo's own node: sends targets and watches what the arm does, on public topics only."""

from __future__ import annotations

import time
from math import hypot

from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from ik_nn_ros.demo.record import ACCEPTED_CODES, DemoRecord
from ik_nn_ros.demo.script import DemoTarget
from ik_nn_ros.nodes.conversions import joint_positions, stamp_to_seconds

DEPTH = 100


class DemoNode(Node):
    """
    Publishes the robot description and targets, and records answers, commands and the tip.

    :param record: filled in
    :param description: URDF for the other nodes
    :param namespace: of all nodes of the demo
    """

    def __init__(self, record: DemoRecord, description: str, namespace: str) -> None:
        super().__init__('demo', namespace=namespace)
        self._record = record
        self._plane = record.arm.plane
        self._tip: tuple[float, float] | None = None
        self._asked: dict[str, tuple[float, float]] = {}
        self._own: set[str] = set()
        self._latest = self._latest_accepted = ''
        self._accepted: tuple[float, float] | None = None
        self._sent: float | None = None
        self.accepting = False
        """Whether a probe was accepted, or refused because somebody holds the arm."""
        self.taken_over = False
        """Whether somebody else has sent a target."""
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.create_publisher(String, 'robot_description', latched).publish(
            String(data=description)
        )
        self._targets = self.create_publisher(PoseStamped, 'target_pose', DEPTH)
        self.create_subscription(JointState, 'joint_command', self._on_command, DEPTH)
        self.create_subscription(PoseStamped, 'tip_pose', self._on_tip, DEPTH)
        self._status = self.create_subscription(
            DiagnosticStatus, 'ik_node/target_status', self._on_status, DEPTH
        )

    @property
    def ready(self) -> bool:
        """Whether the arm is there and somebody takes targets."""
        return (
            self._tip is not None
            and self._targets.get_subscription_count() > 0
            and self._status.get_publisher_count() > 0
        )

    @property
    def tip_error(self) -> float | None:
        """Distance of the tip from the last accepted target, m."""
        if self._tip is None or self._accepted is None:
            return None
        return hypot(self._tip[0] - self._accepted[0], self._tip[1] - self._accepted[1])

    @property
    def goes_to_latest(self) -> bool:
        """Whether the last target was accepted."""
        return self._latest == self._latest_accepted

    @property
    def is_answered(self) -> bool:
        """Whether there is an answer to every target."""
        return not self._asked

    def probe(self, target: DemoTarget) -> None:
        """Publish a target that does not count, to find out whether targets are accepted yet."""
        self._targets.publish(self._message(target))

    def send(self, target: DemoTarget) -> None:
        """Publish one target."""
        message = self._message(target)
        self._latest = _key(message)
        self._asked[self._latest] = self._plane.to_plane(*target.position)[:2]
        self._record.target_count += 1
        self._sent = time.perf_counter()
        self._targets.publish(message)

    def _message(self, target: DemoTarget) -> PoseStamped:
        message = PoseStamped()
        message.header.frame_id = target.frame
        message.header.stamp = self.get_clock().now().to_msg()
        position = message.pose.position
        position.x, position.y, position.z = target.position
        message.pose.orientation.w = 1.0
        self._own.add(_key(message))
        return message

    def _on_command(self, message: JointState) -> None:
        record = self._record
        if self._sent is not None:
            record.round_trips_s.append(time.perf_counter() - self._sent)
            self._sent = None  # the other commands on the way to a target are no answers
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
        asked = self._asked.pop(stamp, None)
        if asked is None:
            self.accepting |= message.message in (*ACCEPTED_CODES, 'HOLDING')
            self.taken_over |= stamp not in self._own
            return
        record.result_codes[message.message] += 1
        if message.message in ACCEPTED_CODES:
            self._latest_accepted = stamp
            record.stages[values['stage']] += 1
            record.solver_errors.append(float(values['position_error_m']))
            record.accepted_targets.append(asked)
            self._accepted = asked
        elif message.message in ('UNREACHABLE', 'JOINT_LIMITS'):
            record.rejected_targets.append((message.message, asked))


def _key(message: PoseStamped) -> str:
    """Return a target's stamp as the answer to it has it."""
    stamp = message.header.stamp
    return f'{stamp.sec}.{stamp.nanosec:09d}'
