"""Drives the arm where an explorer wants it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from sensor_msgs.msg import JointState

from ik_nn_ros.errors import ConfigError
from ik_nn_ros.motion.exploration import ExplorationPhase, Explorer
from ik_nn_ros.nodes.qos import overridable_qos

TOPIC = 'joint_command'
UNNAMED = 'another node'
"""One that has just been found; its name comes a little later."""


class ArmDriver:
    """
    Publishes an explorer's commands until it has stopped.

    :param node: that publishes
    :param explorer: that commands
    :param joint_names: of joint 1 and joint 2
    :param rate: of the commands, Hz
    :param lack: says why there are no samples; empty: there are
    :param stopped: called when the explorer has stopped
    """

    def __init__(
        self,
        node: Node,
        explorer: Explorer,
        joint_names: Sequence[str],
        rate: float,
        lack: Callable[[], str],
        stopped: Callable[[], None],
    ) -> None:
        self._node = node
        self._explorer = explorer
        self._lack = lack
        self._stopped = stopped
        self._command = JointState(name=list(joint_names))
        self._phase = explorer.phase
        self._given_up = ''
        self._commands = node.create_publisher(JointState, TOPIC, **overridable_qos(10))
        # On the steady clock: the arm keeps moving smoothly while somebody sets the time.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer = node.create_timer(1.0 / rate, self._step, clock=steady)

    @property
    def trouble(self) -> str:
        """What keeps the arm from going on; empty: nothing."""
        lack = self._what_lacks() if self._explorer.phase is ExplorationPhase.WAITING else ''
        return f'the arm does not set out: {lack}' if lack else self._explorer.blocking_reason

    def close(self) -> None:
        """Stop publishing."""
        self._node.destroy_timer(self._timer)
        self._node.destroy_publisher(self._commands)

    def _what_lacks(self) -> str:
        if not self._commands.get_subscription_count():
            return f'nobody listens to {self._commands.topic_name}'
        return self._lack()

    def _step(self) -> None:
        lack = self._what_lacks()
        try:
            require_alone(self._node, own=1)
        except ConfigError as error:
            if error.got == UNNAMED and self._explorer.phase is ExplorationPhase.WAITING:
                lack = str(error)
            else:
                self._explorer.stop(str(error))
        now, stamp = time.monotonic(), self._node.get_clock().now()
        q = self._explorer.step(now, lack)
        if q is not None:
            self._command.header.stamp = stamp.to_msg()
            self._command.position = q
            self._commands.publish(self._command)
        self._tell()
        if self._explorer.phase is ExplorationPhase.STOPPED:
            self._stopped()

    def _tell(self) -> None:
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


def require_alone(node: Node, own: int = 0) -> None:
    """
    Check that no other node commands the arm: it would get both streams.

    :param node: that asks
    :param own: publishers of the commands that it has itself

    :raises ConfigError: there is one
    """
    topic = node.resolve_topic_name(TOPIC)
    if node.count_publishers(topic) <= own:
        return
    names = Counter(
        f'{info.node_namespace.rstrip("/")}/{info.node_name}'
        for info in node.get_publishers_info_by_topic(topic)
        if 'UNKNOWN' not in info.node_name
    )
    names -= Counter({node.get_fully_qualified_name(): own})
    raise ConfigError(
        f'publishers of {topic}', got=', '.join(names) or UNNAMED, expected='none, to explore'
    )
