"""What ``ik_node`` says of itself on ``/diagnostics``, once a second."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.node import Node

from ik_nn_ros.motion.smooth import SmoothMotion
from ik_nn_ros.nodes.arm_commands import ArmCommands
from ik_nn_ros.nodes.qos import overridable
from ik_nn_ros.nodes.rates import Durations, Rate
from ik_nn_ros.nodes.reports import diagnostic_status
from ik_nn_ros.nodes.targets import Answer


class IkDiagnostics:
    """
    Counts, and reports as diagnostic_updater does: one status for each task, named after the node.

    :param node: that reports
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._publisher = node.create_publisher(DiagnosticArray, '/diagnostics', **overridable(10))
        self._codes: Counter[str] = Counter()
        self._stages: Counter[str] = Counter()
        self._answered = Rate()
        self._latencies = Durations()

    def count(self, answer: Answer, latency: float) -> None:
        """
        Count one answer.

        :param latency: from the target to its answer, s
        """
        self._codes[answer.code] += 1
        if answer.solution is not None:
            self._stages[answer.solution.stage.name.lower()] += 1
        self._answered.count()
        self._latencies.add(latency)

    def publish(
        self,
        health: tuple[bytes, str],
        hardware: str,
        model: tuple[str, str],
        commands: ArmCommands | None,
    ) -> None:
        """
        Report.

        :param health: level and text of the node as a whole
        :param hardware: the arm's name
        :param model: model and calibration file in use
        :param commands: None: not configured
        """
        # All arms report on the one topic: the namespace tells them apart.
        now, name = time.monotonic(), self._node.get_fully_qualified_name().lstrip('/')
        targets = [*self._targets(now), ('model', model[0]), ('calibration', model[1])]
        message = DiagnosticArray()
        message.header.stamp = self._node.get_clock().now().to_msg()
        message.status = [
            diagnostic_status(health[0], f'{name}: targets', health[1], hardware, targets)
        ]
        if commands is not None:
            level, text = self._motion_health(commands)
            values = self._motion(now, commands)
            message.status.append(
                diagnostic_status(level, f'{name}: motion', text, hardware, values)
            )
        self._publisher.publish(message)

    def _targets(self, now: float) -> Iterator[tuple[str, object]]:
        yield 'targets', self._answered.total
        yield 'targets_rate_hz', f'{self._answered.since(now):.1f}'
        for share in (50, 99):
            latency = 1e3 * self._latencies.percentile(share / 100.0)
            yield f'latency_p{share}_ms', f'{latency:.3f}'
        yield 'target_publishers', self._publishers('target_pose', 'target_point', 'target_path')
        yield from sorted(self._codes.items())
        yield from sorted(self._stages.items())

    def _motion(self, now: float, commands: ArmCommands) -> Iterator[tuple[str, object]]:
        commander = commands.commander
        yield 'joint_states', commands.received.total
        yield 'joint_states_rate_hz', f'{commands.received.since(now):.1f}'
        yield 'joint_states_age_s', f'{commander.joints.silence(now):.3f}'
        yield 'commands', commands.sent.total
        yield 'commands_rate_hz', f'{commands.sent.since(now):.1f}'
        yield 'command_publishers', self._publishers(commands.topic)
        if commander.tracking_error is not None:
            yield 'tracking_error_rad', f'{commander.tracking_error:.4f}'
        if isinstance(commander, SmoothMotion):
            yield 'phase', commander.phase.name.lower()
            yield 'late', commander.late
        yield 'fault', commander.fault

    def _motion_health(self, commands: ArmCommands) -> tuple[bytes, str]:
        """Return level and text of the motion."""
        commander = commands.commander
        if commander.fault:
            return DiagnosticStatus.WARN, commander.fault
        publishers = self._publishers(commands.topic)
        if publishers > 1:
            text = f'publishers of {commands.topic}: got {publishers}, expected this node alone'
            return DiagnosticStatus.WARN, text
        if commander.config.speed_scale == 0.0:
            return DiagnosticStatus.WARN, 'paused: speed_scale is 0'
        if isinstance(commander, SmoothMotion):
            return DiagnosticStatus.OK, commander.phase.name.lower()
        return DiagnosticStatus.OK, 'direct'

    def _publishers(self, *topics: str) -> int:
        return sum(map(self._node.count_publishers, topics))
