"""Reports of ``ik_node``: ``~/target_status`` for each target, ``/diagnostics`` once a second."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.node import Node
from std_msgs.msg import Header

from ik_nn_ros.control.smooth_controller import SmoothController
from ik_nn_ros.nodes.common.diagnostics import DurationStatistics, EventRate, diagnostic_status
from ik_nn_ros.nodes.common.parameters import overridable_qos
from ik_nn_ros.nodes.ik.arm_session import ArmSession
from ik_nn_ros.nodes.ik.command_publisher import CommandPublisher
from ik_nn_ros.nodes.ik.target_solver import TargetResult

STATUS_LEVELS = {'ACCEPTED': DiagnosticStatus.OK, 'PROJECTED': DiagnosticStatus.WARN}


def target_status(
    name: str, hardware_id: str, header: Header, result: TargetResult
) -> DiagnosticStatus:
    """
    Return the result of one target as a message.

    :param name: of the node
    :param hardware_id: name of the arm
    :param header: of the target
    :param result: of the target
    """
    solution = result.solution
    x, y = result.point or ('', '')
    q1, q2 = result.goal or ('', '')
    values: list[tuple[str, object]] = [
        ('stage', solution.stage.name.lower() if solution is not None else ''),
        ('position_error_m', solution.position_error if solution is not None else ''),
        ('branch', solution.branch if solution is not None else ''),
        ('x', x),
        ('y', y),
        ('q1', q1),
        ('q2', q2),
        ('stamp', f'{header.stamp.sec}.{header.stamp.nanosec:09d}'),
        ('detail', result.detail),
    ]
    level = STATUS_LEVELS.get(result.code, DiagnosticStatus.ERROR)
    return diagnostic_status(level, name, result.code, hardware_id, values)


class IkDiagnostics:
    """
    Counters of a node and their report, as diagnostic_updater makes it: one status for each task.

    :param node: node that publishes
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._publisher = node.create_publisher(
            DiagnosticArray, '/diagnostics', **overridable_qos(10)
        )
        self._code_counts: Counter[str] = Counter()
        self._stage_counts: Counter[str] = Counter()
        self._target_rate = EventRate()
        self._latencies = DurationStatistics()

    def count_result(self, result: TargetResult, latency: float) -> None:
        """
        Count the result of one target.

        :param latency: from the target to its result, s
        """
        self._code_counts[result.code] += 1
        if result.solution is not None:
            self._stage_counts[result.solution.stage.name.lower()] += 1
        self._target_rate.count()
        self._latencies.add(latency)

    def publish(
        self, health: tuple[bytes, str], session: ArmSession | None, calibration_file: str
    ) -> None:
        """
        Publish all counters.

        :param health: level and message of the node as a whole
        :param session: the configured arm, or None
        :param calibration_file: in use; '' if there is none
        """
        # All arms report on one topic; the namespace distinguishes them.
        now, name = time.monotonic(), self._node.get_fully_qualified_name().lstrip('/')
        network = session.solver.network if session is not None else None
        hardware_id = session.arm.name if session is not None else ''
        files = [('model', network.file if network else ''), ('calibration', calibration_file)]
        message = DiagnosticArray()
        message.header.stamp = self._node.get_clock().now().to_msg()
        message.status = [
            diagnostic_status(
                health[0],
                f'{name}: targets',
                health[1],
                hardware_id,
                [*self._target_values(now), *files],
            )
        ]
        if session is not None:
            level, text = self._motion_health(session.command_publisher)
            values = self._motion_values(now, session.command_publisher)
            message.status.append(
                diagnostic_status(level, f'{name}: motion', text, hardware_id, values)
            )
        self._publisher.publish(message)

    def _target_values(self, now: float) -> Iterator[tuple[str, object]]:
        yield 'targets', self._target_rate.total
        yield 'targets_rate_hz', f'{self._target_rate.mean_rate(now):.1f}'
        for percent in (50, 99):
            latency = 1e3 * self._latencies.percentile(percent / 100.0)
            yield f'latency_p{percent}_ms', f'{latency:.3f}'
        yield (
            'target_publishers',
            self._count_publishers('target_pose', 'target_point', 'target_path'),
        )
        yield from sorted(self._code_counts.items())
        yield from sorted(self._stage_counts.items())

    def _motion_values(
        self, now: float, command_publisher: CommandPublisher
    ) -> Iterator[tuple[str, object]]:
        controller = command_publisher.controller
        yield 'joint_states', command_publisher.joint_states_rate.total
        yield 'joint_states_rate_hz', f'{command_publisher.joint_states_rate.mean_rate(now):.1f}'
        yield 'joint_states_age_s', f'{controller.feedback.age(now):.3f}'
        yield 'commands', command_publisher.command_rate.total
        yield 'commands_rate_hz', f'{command_publisher.command_rate.mean_rate(now):.1f}'
        yield 'command_publishers', self._count_publishers(command_publisher.topic)
        if controller.tracking_error is not None:
            yield 'tracking_error_rad', f'{controller.tracking_error:.4f}'
        if isinstance(controller, SmoothController):
            yield 'phase', controller.phase.name.lower()
            yield 'late', controller.stall_count
        yield 'fault', controller.fault

    def _motion_health(self, command_publisher: CommandPublisher) -> tuple[bytes, str]:
        """Return level and message of the motion's status."""
        controller, topic = command_publisher.controller, command_publisher.topic
        if controller.fault:
            return DiagnosticStatus.WARN, controller.fault
        count = self._count_publishers(topic)
        if count > 1:
            text = f'publishers of {topic}: got {count}, expected this node alone'
            return DiagnosticStatus.WARN, text
        if controller.config.speed_scale == 0.0:
            return DiagnosticStatus.WARN, 'paused: speed_scale is 0'
        if isinstance(controller, SmoothController):
            return DiagnosticStatus.OK, controller.phase.name.lower()
        return DiagnosticStatus.OK, 'direct'

    def _count_publishers(self, *topics: str) -> int:
        return sum(map(self._node.count_publishers, topics))
