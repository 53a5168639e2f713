"""What ``ik_node`` says of itself on ``/diagnostics``, once a second."""

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
from ik_nn_ros.nodes.ik.command_publisher import CommandPublisher
from ik_nn_ros.nodes.ik.target_solver import TargetResult

STATUS_LEVELS = {'ACCEPTED': DiagnosticStatus.OK, 'PROJECTED': DiagnosticStatus.WARN}


def target_status(
    name: str, hardware_id: str, header: Header, result: TargetResult
) -> DiagnosticStatus:
    """
    Build the answer to one target as a message.

    :param name: the node's name
    :param hardware_id: the arm's name
    :param header: of the target
    :param result: to it
    """
    x, y = result.point or ('', '')
    stage = position_error = branch = q1 = q2 = ''
    if result.solution is not None and result.solution.q is not None:
        q1, q2 = result.solution.q
        stage = result.solution.stage.name.lower()
        position_error, branch = result.solution.position_error, result.solution.branch
    values = {
        'stage': stage,
        'position_error_m': position_error,
        'branch': branch,
        'x': x,
        'y': y,
        'q1': q1,
        'q2': q2,
        'stamp': f'{header.stamp.sec}.{header.stamp.nanosec:09d}',
        'detail': result.detail,
    }
    level = STATUS_LEVELS.get(result.code, DiagnosticStatus.ERROR)
    return diagnostic_status(level, name, result.code, hardware_id, values.items())


class IkDiagnostics:
    """
    Counts, and reports as diagnostic_updater does: one status for each task, named after the node.

    :param node: that reports
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
        Count one answer.

        :param latency: from the target to its answer, s
        """
        self._code_counts[result.code] += 1
        if result.solution is not None:
            self._stage_counts[result.solution.stage.name.lower()] += 1
        self._target_rate.count()
        self._latencies.add(latency)

    def publish(
        self,
        health: tuple[bytes, str],
        hardware_id: str,
        model: tuple[str, str],
        command_publisher: CommandPublisher | None,
    ) -> None:
        """
        Report.

        :param health: level and text of the node as a whole
        :param hardware_id: the arm's name
        :param model: model and calibration file in use
        :param command_publisher: None: not configured
        """
        # All arms report on the one topic: the namespace tells them apart.
        now, name = time.monotonic(), self._node.get_fully_qualified_name().lstrip('/')
        targets = [*self._target_values(now), ('model', model[0]), ('calibration', model[1])]
        message = DiagnosticArray()
        message.header.stamp = self._node.get_clock().now().to_msg()
        message.status = [
            diagnostic_status(health[0], f'{name}: targets', health[1], hardware_id, targets)
        ]
        if command_publisher is not None:
            level, text = self._motion_health(command_publisher)
            values = self._motion_values(now, command_publisher)
            message.status.append(
                diagnostic_status(level, f'{name}: motion', text, hardware_id, values)
            )
        self._publisher.publish(message)

    def _target_values(self, now: float) -> Iterator[tuple[str, object]]:
        yield 'targets', self._target_rate.total
        yield 'targets_rate_hz', f'{self._target_rate.mean_rate(now):.1f}'
        for share in (50, 99):
            latency = 1e3 * self._latencies.percentile(share / 100.0)
            yield f'latency_p{share}_ms', f'{latency:.3f}'
        yield (
            'target_publishers',
            self._count_publishers('target_pose', 'target_point', 'target_path'),
        )
        yield from sorted(self._code_counts.items())
        yield from sorted(self._stage_counts.items())

    def _motion_values(
        self, now: float, command_publisher: CommandPublisher
    ) -> Iterator[tuple[str, object]]:
        commander = command_publisher.controller
        yield 'joint_states', command_publisher.joint_states_rate.total
        yield 'joint_states_rate_hz', f'{command_publisher.joint_states_rate.mean_rate(now):.1f}'
        yield 'joint_states_age_s', f'{commander.feedback.age(now):.3f}'
        yield 'commands', command_publisher.command_rate.total
        yield 'commands_rate_hz', f'{command_publisher.command_rate.mean_rate(now):.1f}'
        yield 'command_publishers', self._count_publishers(command_publisher.topic)
        if commander.tracking_error is not None:
            yield 'tracking_error_rad', f'{commander.tracking_error:.4f}'
        if isinstance(commander, SmoothController):
            yield 'phase', commander.phase.name.lower()
            yield 'late', commander.stall_count
        yield 'fault', commander.fault

    def _motion_health(self, command_publisher: CommandPublisher) -> tuple[bytes, str]:
        """Return level and text of the motion."""
        commander = command_publisher.controller
        if commander.fault:
            return DiagnosticStatus.WARN, commander.fault
        publishers = self._count_publishers(command_publisher.topic)
        if publishers > 1:
            text = f'publishers of {command_publisher.topic}: got {publishers}, expected this node alone'
            return DiagnosticStatus.WARN, text
        if commander.config.speed_scale == 0.0:
            return DiagnosticStatus.WARN, 'paused: speed_scale is 0'
        if isinstance(commander, SmoothController):
            return DiagnosticStatus.OK, commander.phase.name.lower()
        return DiagnosticStatus.OK, 'direct'

    def _count_publishers(self, *topics: str) -> int:
        return sum(map(self._node.count_publishers, topics))
