"""Between a commander and the arm: takes joint_states in, publishes commands."""

from __future__ import annotations

import time
from collections.abc import Callable

from rclpy.clock import Clock, ClockType
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.time import Time
from rclpy.timer import Timer
from sensor_msgs.msg import JointState

from ik_nn_ros.arm.geometry import JointPair
from ik_nn_ros.control.controller import Controller
from ik_nn_ros.control.smooth_controller import STALL_TIMEOUT_S, SmoothController
from ik_nn_ros.nodes.common.conversions import joint_positions, joint_velocities, stamp_to_seconds
from ik_nn_ros.nodes.common.diagnostics import EventRate
from ik_nn_ros.nodes.common.executor import CachedWaitSetExecutor
from ik_nn_ros.nodes.common.parameters import overridable_qos
from ik_nn_ros.nodes.ik.command_messages import CommandType
from ik_nn_ros.trajectory.waypoints import sample_waypoints

COMMAND_QOS = QoSProfile(depth=10, lifespan=Duration(seconds=0.3))
"""After a cut of the network no command is sent again that has grown old."""
MAX_CLOCK_READ_GAP_S = 5e-5
"""A process that was held up for longer (s) between two clocks looks at them again."""
BRAKING_TIMEOUT_S = 5.0
"""How long (s) the arm may take to come to rest before the node goes on without."""


class CommandPublisher:
    """
    Runs a commander at a steady rate.

    :param node: that publishes
    :param command_type: what a command is as a message
    :param controller: gives the commands
    :param rate: of the commands, Hz
    :param on_step: called after each step
    :param on_outage: called when this process, or the joint_states, are back: with the time (s) on the
        steady clock, and when they were last there
    """

    def __init__(
        self,
        node: Node,
        command_type: CommandType,
        controller: Controller,
        rate: float,
        on_step: Callable[[], None],
        on_outage: Callable[[float, float], None],
    ) -> None:
        self.controller = controller
        self.active = False
        """Whether anything is commanded at rest."""
        self.joint_states_rate, self.command_rate = EventRate(), EventRate()
        """How often joint_states come and commands go."""
        self._node = node
        self.topic = command_type.TOPIC
        self._command_type = command_type
        self._trajectory_sent = False
        """Whether the arm's controller follows a path by itself."""
        self._publisher = node.create_publisher(
            command_type.MESSAGE, command_type.TOPIC, **overridable_qos(COMMAND_QOS)
        )
        self._period = 1.0 / rate
        self._on_step = on_step
        self._on_outage = on_outage
        self._last_joint_states_time = self._last_step_time = time.monotonic()
        self._joint_names = controller.arm.joint_names
        # On the steady clock: the arm keeps moving smoothly while somebody sets the time.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer: Timer = node.create_timer(self._period, self.step, clock=steady)

    def close(self) -> None:
        """Stop publishing."""
        self._node.destroy_timer(self._timer)
        self._node.destroy_publisher(self._publisher)

    def on_joint_states(self, message: JointState) -> None:
        """
        Take joint_states in.

        :raises MessageError: they do not hold both joints
        """
        q = joint_positions(message, self._joint_names)
        velocity = joint_velocities(message, self._joint_names)
        now = time.monotonic()
        if self.controller.feedback_lost(now):
            self._on_outage(now, self._last_joint_states_time)
        self._last_joint_states_time = now
        if self.controller.update_feedback(
            now, stamp_to_seconds(message.header.stamp), q, velocity
        ):
            self.joint_states_rate.count()

    def publish(self, q: JointPair | None, stamp: Time | None = None) -> None:
        """
        Send a command, if there is one.

        :param q: rad
        :param stamp: when the joints are to be there; None: now
        """
        if q is None or self._trajectory_sent:
            return
        commander = self.controller
        velocity = commander.velocity if isinstance(commander, SmoothController) else None
        stamp = stamp or self._node.get_clock().now()
        self._publisher.publish(self._command_type.setpoint_message(stamp, q, velocity))
        self.command_rate.count()

    def send_trajectory(self) -> None:
        """
        Send the path that is gone along as a whole, where a message can hold it.

        The arm's controller goes along it by itself then. Whatever else the commander does from
        then on ends that: it is sent, if only where the arm is to stand.
        """
        commander = self.controller
        self._trajectory_sent = False
        if self._command_type.SUPPORTS_TRAJECTORIES and isinstance(commander, SmoothController):
            plan = commander.commit_trajectory()
            if plan is not None:
                self._publisher.publish(
                    self._command_type.trajectory_message(sample_waypoints(plan))
                )
                self.command_rate.count()
                self._trajectory_sent = True

    def _revoke_trajectory(self) -> bool:
        """Tell whether the controller is no longer to follow what was handed over."""
        commander = self.controller
        if not self._trajectory_sent or (
            isinstance(commander, SmoothController) and commander.trajectory_committed
        ):
            return False
        self._trajectory_sent = False
        return True

    def step(self) -> None:
        """Send what is to be commanded now."""
        now, stamp = self._read_clocks()
        if now - self._last_step_time > STALL_TIMEOUT_S:
            self._on_outage(now, self._last_step_time)
        self._last_step_time = now
        command = self.controller.step(now)
        if self._revoke_trajectory():
            self.publish(command or self.controller.command, stamp)
        elif self.active or not self.controller.at_rest:
            self.publish(command, stamp)
        self._on_step()

    def _read_clocks(self) -> tuple[float, Time]:
        """Return the time on the steady clock, s, and on the node's, of the same moment."""
        for _ in range(3):
            now = time.monotonic()
            stamp = self._node.get_clock().now()
            if time.monotonic() - now < MAX_CLOCK_READ_GAP_S:
                break
        return now, stamp

    def stop_and_wait(self) -> bool:
        """Bring the arm to rest; return whether it is after :data:`BRAKING_TIMEOUT_S`."""
        self.controller.stop()
        latest = time.monotonic() + BRAKING_TIMEOUT_S
        self.step()
        while not self.controller.at_rest and time.monotonic() < latest:
            self.step()
            if isinstance(self._node.executor, CachedWaitSetExecutor):
                self._node.executor.spin_other_nodes(self._node)
            time.sleep(self._period)
        return self.controller.at_rest
