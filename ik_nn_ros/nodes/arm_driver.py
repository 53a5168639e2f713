"""Drives the arm where an explorer wants it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from sensor_msgs.msg import JointState

from ik_nn_ros.motion.exploration import Explorer, Phase


class ArmDriver:
    """
    Publishes an explorer's commands until it has stopped.

    :param node: that publishes
    :param explorer: that commands
    :param joint_names: of joint 1 and joint 2
    :param rate: of the commands, Hz
    :param stopped: called when the explorer has stopped
    """

    def __init__(
        self,
        node: Node,
        explorer: Explorer,
        joint_names: Sequence[str],
        rate: float,
        stopped: Callable[[], None],
    ) -> None:
        self._node = node
        self._explorer = explorer
        self._stopped = stopped
        self._command = JointState(name=list(joint_names))
        self._phase = explorer.phase
        self._commands = node.create_publisher(JointState, 'joint_command', 10)
        # On the steady clock: the arm keeps moving smoothly while somebody sets the time.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer = node.create_timer(1.0 / rate, self._step, clock=steady)

    @property
    def trouble(self) -> str:
        """What keeps the arm from going on; empty: nothing."""
        if self._unheard:
            return f'nobody listens to {self._commands.topic_name}'
        return self._explorer.trouble

    def close(self) -> None:
        """Stop publishing."""
        self._node.destroy_timer(self._timer)
        self._node.destroy_publisher(self._commands)

    @property
    def _unheard(self) -> bool:
        """Whether the arm cannot hear the first command."""
        waiting = self._explorer.phase is Phase.WAITING
        return waiting and not self._commands.get_subscription_count()

    def _step(self) -> None:
        if not self._unheard:
            now, stamp = time.monotonic(), self._node.get_clock().now()
            q = self._explorer.step(now)
            if q is not None:
                self._command.header.stamp = stamp.to_msg()
                self._command.position = q
                self._commands.publish(self._command)
        self._tell()
        if self._explorer.phase is Phase.STOPPED:
            self._stopped()

    def _tell(self) -> None:
        """Log what the explorer begins to do, where nobody asked for it."""
        phase, before = self._explorer.phase, self._phase
        self._phase = phase
        if phase is before or before is Phase.BRAKING:
            return
        why = self._explorer.trouble or self._explorer.fault
        if phase in (Phase.RETURNING, Phase.BRAKING, Phase.WAITING) and why:
            self._node.get_logger().warning(why)
