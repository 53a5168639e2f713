"""The messages that a command can be, by what takes them: an arm's own node, or a controller."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from rclpy.duration import Duration
from rclpy.time import Time
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from ik_nn_ros.arm.geometry import JointPair
from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.trajectory.waypoints import Waypoints


class CommandType(ABC):
    """
    Writes commands as messages.

    :param arm: the arm
    :param joint_order: the names of its joints in the order wanted; none: from base to tip
    :param period: between two commands, s
    :param with_velocity: whether velocities are wanted where they can be left out
    :raises ConfigError: other joints than the arm's
    """

    TOPIC: ClassVar[str]
    MESSAGE: ClassVar[type]
    SUPPORTS_TRAJECTORIES: ClassVar[bool] = False

    def __init__(
        self, arm: Kinematics, joint_order: list[str], period: float, with_velocity: bool
    ) -> None:
        self.joint_names = joint_order or list(arm.joint_names)
        if sorted(self.joint_names) != sorted(arm.joint_names):
            raise ConfigError(
                'command_joints',
                got=', '.join(self.joint_names),
                expected=f'each of {", ".join(arm.joint_names)} once',
            )
        self._is_reordered = self.joint_names != list(arm.joint_names)
        self._period = Duration(seconds=period).to_msg()
        self._with_velocity = with_velocity

    def _in_command_order(self, values: JointPair) -> JointPair:
        return (values[1], values[0]) if self._is_reordered else values

    def trajectory_message(self, points: Waypoints) -> Any:
        """
        Return one message for a whole motion, where :attr:`SUPPORTS_TRAJECTORIES`.

        :param points: of the motion
        """
        raise NotImplementedError

    @abstractmethod
    def setpoint_message(self, stamp: Time, q: JointPair, velocity: JointPair | None) -> Any:
        """
        Return the message for a command; it may be used again for the next.

        :param stamp: when the joints are to be there
        :param q: rad
        :param velocity: rad/s; None: unknown
        """


class JointStateCommand(CommandType):
    """
    ``joint_command``: what the arm's own node takes, as Isaac Sim and topic_based_ros2_control do.

    Positions alone, unless velocities are asked for: Isaac Sim takes a message with both for two
    commands at odds.
    """

    TOPIC = 'joint_command'
    MESSAGE = JointState

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._message = JointState(name=self.joint_names)

    def setpoint_message(self, stamp: Time, q: JointPair, velocity: JointPair | None) -> JointState:
        """Return names, positions and, if asked for, velocities."""
        self._message.header.stamp = stamp.to_msg()
        self._message.position = self._in_command_order(q)
        if self._with_velocity and velocity is not None:
            self._message.velocity = self._in_command_order(velocity)
        return self._message


class JointTrajectoryCommand(CommandType):
    """
    ``joint_trajectory``: what joint_trajectory_controller takes.

    One point, a period ahead. The stamp is zero, "from now on": a trajectory that is stamped and
    comes late has begun in the past, and the controller drops it.
    """

    TOPIC = 'joint_trajectory'
    MESSAGE = JointTrajectory
    SUPPORTS_TRAJECTORIES = True

    def setpoint_message(
        self, stamp: Time, q: JointPair, velocity: JointPair | None
    ) -> JointTrajectory:
        """Return a trajectory of one point."""
        point = JointTrajectoryPoint(
            positions=self._in_command_order(q), time_from_start=self._period
        )
        if velocity is not None:
            point.velocities = self._in_command_order(velocity)
        return JointTrajectory(joint_names=self.joint_names, points=[point])

    def trajectory_message(self, points: Waypoints) -> JointTrajectory:
        """Return a trajectory of all points."""
        return JointTrajectory(
            joint_names=self.joint_names,
            points=[
                JointTrajectoryPoint(
                    positions=self._in_command_order(q),
                    velocities=self._in_command_order(velocity),
                    accelerations=self._in_command_order(acceleration),
                    time_from_start=Duration(seconds=time).to_msg(),
                )
                for time, q, velocity, acceleration in zip(
                    *(values.tolist() for values in points), strict=True
                )
            ],
        )


class ArrayCommand(CommandType):
    """``commands``: what forward_command_controller takes; it knows joints by their order."""

    TOPIC = 'commands'
    MESSAGE = Float64MultiArray

    def setpoint_message(
        self, stamp: Time, q: JointPair, velocity: JointPair | None
    ) -> Float64MultiArray:
        """Return the positions alone."""
        return Float64MultiArray(data=self._in_command_order(q))


COMMAND_TYPES: dict[str, type[CommandType]] = {
    'joint_state': JointStateCommand,
    'joint_trajectory': JointTrajectoryCommand,
    'float64_multi_array': ArrayCommand,
}
"""By the parameter ``command_type``."""
