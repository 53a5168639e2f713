"""Publisher of an explorer's commands, which makes sure that no other node commands the arm."""

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
"""Text for a publisher that has just been discovered, whose name is not known yet."""


LOGGED_PHASES = (
    ExplorationPhase.RETURNING,
    ExplorationPhase.BRAKING,
    ExplorationPhase.WAITING,
)


class ArmDriver:
    """
    Publishes an explorer's commands until it has stopped.

    :param node: node that publishes
    :param explorer: source of the commands
    :param joint_names: names of joint 1 and joint 2
    :param rate: rate of the commands, Hz
    :param no_sample_reason: returns why there are no samples, or '' if there are some
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
        self.explorer = explorer
        self._no_sample_reason = no_sample_reason
        self._on_stopped = on_stopped
        self._command = JointState(name=list(joint_names))
        self._phase = explorer.phase
        self._last_dropped = ''
        self._commands = node.create_publisher(JointState, COMMAND_TOPIC, **overridable_qos(10))
        # Steady clock: the arm moves smoothly even if the system time is set.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer = node.create_timer(1.0 / rate, self._step, clock=steady)

    @property
    def blocking_reason(self) -> str:
        """What keeps the arm from moving on; empty if nothing does."""
        missing = self._missing() if self.explorer.phase is ExplorationPhase.WAITING else ''
        return f'the arm does not start: {missing}' if missing else self.explorer.blocking_reason

    def close(self) -> None:
        """Stop publishing."""
        self._node.destroy_timer(self._timer)
        self._node.destroy_publisher(self._commands)

    def _missing(self) -> str:
        if not self._commands.get_subscription_count():
            return f'no subscriber of {self._commands.topic_name}'
        return self._no_sample_reason()

    def _step(self) -> None:
        missing = self._missing()
        try:
            require_sole_publisher(self._node, own_count=1)
        except ConfigError as error:
            if error.got == UNNAMED_PUBLISHER and self.explorer.phase is ExplorationPhase.WAITING:
                missing = str(error)
            else:
                self.explorer.stop(str(error))
        now, stamp = time.monotonic(), self._node.get_clock().now()
        q = self.explorer.step(now, missing)
        if q is not None:
            self._command.header.stamp = stamp.to_msg()
            self._command.position = q
            self._commands.publish(self._command)
        self._log_phase()
        if self.explorer.phase is ExplorationPhase.STOPPED:
            self._on_stopped()

    def _log_phase(self) -> None:
        """Log dropped targets, and each phase that the explorer enters because of a problem."""
        if self.explorer.last_dropped != self._last_dropped:
            self._last_dropped = self.explorer.last_dropped
            self._node.get_logger().warning(self._last_dropped)
        phase, previous = self.explorer.phase, self._phase
        self._phase = phase
        if phase is previous or previous is ExplorationPhase.BRAKING:
            return
        reason = self.explorer.blocking_reason or self.explorer.fault
        if phase in LOGGED_PHASES and reason:
            self._node.get_logger().warning(reason)


def require_sole_publisher(node: Node, own_count: int = 0) -> None:
    """
    Check that no other node commands the arm, which would receive both streams.

    :param node: node that wants to command the arm
    :param own_count: number of its own publishers of commands
    :raises ConfigError: there is another publisher
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
