"""Publisher of the controller's commands; it also passes joint_states to the controller."""

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
from ik_nn_ros.trajectory.spline import sample_waypoints

COMMAND_QOS = QoSProfile(depth=10, lifespan=Duration(seconds=0.3))
"""QoS of commands; the lifespan prevents that old ones are sent again after a network outage."""
MAX_CLOCK_READ_GAP_S = 5e-5
"""Longest time between the readings of two clocks that count as simultaneous, s."""
BRAKING_TIMEOUT_S = 5.0
"""Time after which the node does not wait any longer for the arm to stop, s."""


class CommandPublisher:
    """
    Publisher that steps a controller at a constant rate.

    :param node: node that publishes
    :param command_type: type of the messages
    :param controller: computes the commands
    :param rate: of the commands, Hz
    :param on_step: called after each step
    :param on_outage: called when this process has been stalled, or joint_states have been missing;
        with the end and the start of the outage on the steady clock, s
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
        self.topic = command_type.TOPIC
        self.joint_states_rate, self.command_rate = EventRate(), EventRate()
        self._is_active = False
        self._node = node
        self._command_type = command_type
        self._trajectory_sent = False
        """Whether the receiving controller follows a whole trajectory on its own."""
        self._publisher = node.create_publisher(
            command_type.MESSAGE, command_type.TOPIC, **overridable_qos(COMMAND_QOS)
        )
        self._period = 1.0 / rate
        self._on_step = on_step
        self._on_outage = on_outage
        self._last_joint_states_time = self._last_step_time = time.monotonic()
        self._joint_names = controller.arm.joint_names
        # The steady clock: a motion stays smooth when the system time is set.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer: Timer = node.create_timer(self._period, self.step, clock=steady)

    def close(self) -> None:
        """Destroy timer and publisher."""
        self._node.destroy_timer(self._timer)
        self._node.destroy_publisher(self._publisher)

    def activate(self) -> None:
        """Publish commands also while the arm is at rest, if the controller gives any."""
        self._is_active = True

    def deactivate(self) -> None:
        """Publish commands only until the arm is at rest."""
        self._is_active = False

    def on_joint_states(self, message: JointState) -> None:
        """
        Pass measured joints to the controller.

        :raises MessageError: the message does not contain both joints
        """
        q = joint_positions(message, self._joint_names)
        velocity = joint_velocities(message, self._joint_names)
        now = time.monotonic()
        if self.controller.feedback_lost(now):
            self._on_outage(now, self._last_joint_states_time)
        self._last_joint_states_time = now
        stamp = stamp_to_seconds(message.header.stamp)
        if self.controller.update_feedback(now, stamp, q, velocity):
            self.joint_states_rate.count()

    def publish(self, q: JointPair | None, stamp: Time | None = None) -> None:
        """
        Publish a command.

        :param q: positions, rad; None: nothing is published
        :param stamp: time at which the joints should be at the positions; None: now
        """
        if q is None or self._trajectory_sent:
            return
        controller = self.controller
        velocity = controller.velocity if isinstance(controller, SmoothController) else None
        stamp = stamp or self._node.get_clock().now()
        self._publisher.publish(self._command_type.setpoint_message(stamp, q, velocity))
        self.command_rate.count()

    def send_trajectory(self) -> None:
        """
        Publish the trajectory of the current path in one message, if the command type can.

        The receiving controller then follows it on its own, until the controller of this node does
        anything else.
        """
        controller = self.controller
        self._trajectory_sent = False
        if self._command_type.SUPPORTS_TRAJECTORIES and isinstance(controller, SmoothController):
            trajectory = controller.commit_trajectory()
            if trajectory is not None:
                message = self._command_type.trajectory_message(sample_waypoints(trajectory))
                self._publisher.publish(message)
                self.command_rate.count()
                self._trajectory_sent = True

    def _revoke_trajectory(self) -> bool:
        """Forget a trajectory that is no longer valid; return whether there was one."""
        controller = self.controller
        if not self._trajectory_sent or (
            isinstance(controller, SmoothController) and controller.trajectory_committed
        ):
            return False
        self._trajectory_sent = False
        return True

    def step(self) -> None:
        """Step the controller and publish its command."""
        now, stamp = self._read_clocks()
        if now - self._last_step_time > STALL_TIMEOUT_S:
            self._on_outage(now, self._last_step_time)
        self._last_step_time = now
        command = self.controller.step(now)
        if self._revoke_trajectory():
            # A command ends the trajectory, even if it only keeps the arm where it is.
            self.publish(command or self.controller.command, stamp)
        elif self._is_active or not self.controller.at_rest:
            self.publish(command, stamp)
        self._on_step()

    def _read_clocks(self) -> tuple[float, Time]:
        """Return the steady time, s, and the node's time of the same moment."""
        for _ in range(3):
            now = time.monotonic()
            stamp = self._node.get_clock().now()
            if time.monotonic() - now < MAX_CLOCK_READ_GAP_S:
                break
        return now, stamp

    def stop_and_wait(self) -> bool:
        """Stop the arm; return whether it is at rest, after :data:`BRAKING_TIMEOUT_S` at most."""
        self.controller.stop()
        deadline = time.monotonic() + BRAKING_TIMEOUT_S
        self.step()
        while not self.controller.at_rest and time.monotonic() < deadline:
            self.step()
            if isinstance(self._node.executor, CachedWaitSetExecutor):
                self._node.executor.spin_other_nodes(self._node)
            time.sleep(self._period)
        return self.controller.at_rest
