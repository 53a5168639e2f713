"""Command messages, by what receives them: a driver node of the arm, or a controller."""

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
from ik_nn_ros.trajectory.spline import Waypoints


class CommandType(ABC):
    """
    Type of the command messages.

    :param arm: the arm
    :param joint_order: names of its joints in the order of the command; empty: from base to tip
    :param period: time between two commands, s
    :param with_velocity: whether to include velocities where they are optional
    :raises ConfigError: the names are not those of the arm's joints
    """

    TOPIC: ClassVar[str]
    MESSAGE: ClassVar[type]
    SUPPORTS_TRAJECTORIES: ClassVar[bool] = False
    """Whether one message can contain a whole motion."""

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

    def trajectory_message(self, waypoints: Waypoints) -> Any:
        """
        Return one message for a whole motion.

        :param waypoints: of the motion
        :raises NotImplementedError: :attr:`SUPPORTS_TRAJECTORIES` is false
        """
        raise NotImplementedError

    @abstractmethod
    def setpoint_message(self, stamp: Time, q: JointPair, velocity: JointPair | None) -> Any:
        """
        Return the message for one command; the object may be reused for the next command.

        :param stamp: time at which the joints should be at the positions
        :param q: positions, rad
        :param velocity: rad/s; None: unknown
        """


class JointStateCommand(CommandType):
    """
    JointState on ``joint_command``: for a driver node, Isaac Sim and topic_based_ros2_control.

    It contains positions only, unless velocities are requested: Isaac Sim treats a message with
    both as two contradicting commands.
    """

    TOPIC = 'joint_command'
    MESSAGE = JointState

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._message = JointState(name=self.joint_names)

    def setpoint_message(self, stamp: Time, q: JointPair, velocity: JointPair | None) -> JointState:
        """Return a message with names, positions and, if requested, velocities."""
        self._message.header.stamp = stamp.to_msg()
        self._message.position = self._in_command_order(q)
        if self._with_velocity and velocity is not None:
            self._message.velocity = self._in_command_order(velocity)
        return self._message


class JointTrajectoryCommand(CommandType):
    """
    JointTrajectory on ``joint_trajectory``: for joint_trajectory_controller.

    A command is a trajectory of one point, one period ahead. Its stamp is zero, which means "start
    now": a stamped trajectory that arrives late would start in the past, and the controller would
    drop it.
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

    def trajectory_message(self, waypoints: Waypoints) -> JointTrajectory:
        """Return a trajectory of all waypoints."""
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
                    *(values.tolist() for values in waypoints), strict=True
                )
            ],
        )


class ArrayCommand(CommandType):
    """Float64MultiArray on ``commands``, in joint order: for forward_command_controller."""

    TOPIC = 'commands'
    MESSAGE = Float64MultiArray

    def setpoint_message(
        self, stamp: Time, q: JointPair, velocity: JointPair | None
    ) -> Float64MultiArray:
        """Return a message with the positions."""
        return Float64MultiArray(data=self._in_command_order(q))


COMMAND_TYPES: dict[str, type[CommandType]] = {
    'joint_state': JointStateCommand,
    'joint_trajectory': JointTrajectoryCommand,
    'float64_multi_array': ArrayCommand,
}
"""Command types, by the value of the parameter ``command_type``."""
