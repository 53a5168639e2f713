"""Drives the arm where an explorer wants it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from sensor_msgs.msg import JointState

from ik_nn_ros.control.exploration import ExplorationPhase, Explorer
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.nodes.common.parameters import overridable_qos

COMMAND_TOPIC = 'joint_command'
UNNAMED_PUBLISHER = 'another node'
"""One that has just been found; its name comes a little later."""


class ArmDriver:
    """
    Publishes an explorer's commands until it has stopped.

    :param node: that publishes
    :param explorer: that commands
    :param joint_names: of joint 1 and joint 2
    :param rate: of the commands, Hz
    :param no_sample_reason: says why there are no samples; empty: there are
    :param on_stopped: called when the explorer has stopped
    """

    def __init__(
        self,
        node: Node,
        explorer: Explorer,
        joint_names: Sequence[str],
        rate: float,
        no_sample_reason: Callable[[], str],
        on_stopped: Callable[[], None],
    ) -> None:
        self._node = node
        self._explorer = explorer
        self._no_sample_reason = no_sample_reason
        self._on_stopped = on_stopped
        self._command = JointState(name=list(joint_names))
        self._phase = explorer.phase
        self._given_up = ''
        self._commands = node.create_publisher(JointState, COMMAND_TOPIC, **overridable_qos(10))
        # On the steady clock: the arm keeps moving smoothly while somebody sets the time.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer = node.create_timer(1.0 / rate, self._step, clock=steady)

    @property
    def blocking_reason(self) -> str:
        """What keeps the arm from going on; empty: nothing."""
        lack = self._missing() if self._explorer.phase is ExplorationPhase.WAITING else ''
        return f'the arm does not set out: {lack}' if lack else self._explorer.blocking_reason

    def close(self) -> None:
        """Stop publishing."""
        self._node.destroy_timer(self._timer)
        self._node.destroy_publisher(self._commands)

    def _missing(self) -> str:
        if not self._commands.get_subscription_count():
            return f'nobody listens to {self._commands.topic_name}'
        return self._no_sample_reason()

    def _step(self) -> None:
        lack = self._missing()
        try:
            require_sole_publisher(self._node, own_count=1)
        except ConfigError as error:
            if error.got == UNNAMED_PUBLISHER and self._explorer.phase is ExplorationPhase.WAITING:
                lack = str(error)
            else:
                self._explorer.stop(str(error))
        now, stamp = time.monotonic(), self._node.get_clock().now()
        q = self._explorer.step(now, lack)
        if q is not None:
            self._command.header.stamp = stamp.to_msg()
            self._command.position = q
            self._commands.publish(self._command)
        self._log_phase()
        if self._explorer.phase is ExplorationPhase.STOPPED:
            self._on_stopped()

    def _log_phase(self) -> None:
        """Log what the explorer begins to do, where nobody asked for it."""
        if self._explorer.last_dropped != self._given_up:
            self._given_up = self._explorer.last_dropped
            self._node.get_logger().warning(self._given_up)
        phase, before = self._explorer.phase, self._phase
        self._phase = phase
        if phase is before or before is ExplorationPhase.BRAKING:
            return
        why = self._explorer.blocking_reason or self._explorer.fault
        if (
            phase
            in (ExplorationPhase.RETURNING, ExplorationPhase.BRAKING, ExplorationPhase.WAITING)
            and why
        ):
            self._node.get_logger().warning(why)


def require_sole_publisher(node: Node, own_count: int = 0) -> None:
    """
    Check that no other node commands the arm: it would get both streams.

    :param node: that asks
    :param own_count: publishers of the commands that it has itself

    :raises ConfigError: there is one
    """
    topic = node.resolve_topic_name(COMMAND_TOPIC)
    if node.count_publishers(topic) <= own_count:
        return
    names = Counter(
        f'{info.node_namespace.rstrip("/")}/{info.node_name}'
        for info in node.get_publishers_info_by_topic(topic)
        if 'UNKNOWN' not in info.node_name
    )
    names -= Counter({node.get_fully_qualified_name(): own_count})
    raise ConfigError(
        f'publishers of {topic}',
        got=', '.join(names) or UNNAMED_PUBLISHER,
        expected='none, to explore',
    )
