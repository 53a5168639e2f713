"""The messages that a command can be, by what takes them: an arm's own node, or a controller."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from rclpy.duration import Duration
from rclpy.time import Time
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from ik_nn_ros.arm.model import ArmModel, Pair
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.motion.path_points import Points


class CommandType(ABC):
    """
    Writes commands as messages.

    :param arm: the arm
    :param order: the names of its joints in the order wanted; none: from base to tip
    :param period: between two commands, s
    :param with_velocity: whether velocities are wanted where they can be left out
    :raises ConfigError: other joints than the arm's
    """

    TOPIC: ClassVar[str]
    MESSAGE: ClassVar[type]
    TAKES_PATHS: ClassVar[bool] = False

    def __init__(self, arm: ArmModel, order: list[str], period: float, with_velocity: bool) -> None:
        self.names = order or list(arm.joint_names)
        if sorted(self.names) != sorted(arm.joint_names):
            raise ConfigError(
                'command_joints',
                got=', '.join(self.names),
                expected=f'each of {", ".join(arm.joint_names)} once',
            )
        self._turned = self.names != list(arm.joint_names)
        self._period = Duration(seconds=period).to_msg()
        self._with_velocity = with_velocity

    def _ordered(self, pair: Pair) -> Pair:
        return (pair[1], pair[0]) if self._turned else pair

    def whole(self, points: Points) -> Any:
        """
        Return one message for a whole motion, where :attr:`TAKES_PATHS`.

        :param points: of the motion
        """
        raise NotImplementedError

    @abstractmethod
    def message(self, stamp: Time, q: Pair, velocity: Pair | None) -> Any:
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

    def __init__(self, *described: Any) -> None:
        super().__init__(*described)
        self._message = JointState(name=self.names)

    def message(self, stamp: Time, q: Pair, velocity: Pair | None) -> JointState:
        """Return names, positions and, if asked for, velocities."""
        self._message.header.stamp = stamp.to_msg()
        self._message.position = self._ordered(q)
        if self._with_velocity and velocity is not None:
            self._message.velocity = self._ordered(velocity)
        return self._message


class JointTrajectoryCommand(CommandType):
    """
    ``joint_trajectory``: what joint_trajectory_controller takes.

    One point, a period ahead. The stamp is zero, "from now on": a trajectory that is stamped and
    comes late has begun in the past, and the controller drops it.
    """

    TOPIC = 'joint_trajectory'
    MESSAGE = JointTrajectory
    TAKES_PATHS = True

    def message(self, stamp: Time, q: Pair, velocity: Pair | None) -> JointTrajectory:
        """Return a trajectory of one point."""
        point = JointTrajectoryPoint(positions=self._ordered(q), time_from_start=self._period)
        if velocity is not None:
            point.velocities = self._ordered(velocity)
        return JointTrajectory(joint_names=self.names, points=[point])

    def whole(self, points: Points) -> JointTrajectory:
        """Return a trajectory of all points."""
        return JointTrajectory(
            joint_names=self.names,
            points=[
                JointTrajectoryPoint(
                    positions=self._ordered(q),
                    velocities=self._ordered(velocity),
                    accelerations=self._ordered(acceleration),
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

    def message(self, stamp: Time, q: Pair, velocity: Pair | None) -> Float64MultiArray:
        """Return the positions alone."""
        return Float64MultiArray(data=self._ordered(q))


COMMAND_TYPES: dict[str, type[CommandType]] = {
    'joint_state': JointStateCommand,
    'joint_trajectory': JointTrajectoryCommand,
    'float64_multi_array': ArrayCommand,
}
"""By the parameter ``command_type``."""
