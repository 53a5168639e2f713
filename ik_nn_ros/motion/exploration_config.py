"""How an arm is explored."""

from __future__ import annotations

from dataclasses import dataclass
from math import isinf

from ik_nn_ros.arm.model import ArmModel, Pair
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.motion.joint_motion import MotionLimits


@dataclass(frozen=True)
class ExplorationConfig:
    """
    How an arm is explored.

    :param speed_scale: part of the arm's velocity limits that is used
    :param acceleration: largest of each joint, rad/s²
    :param jerk: largest of each joint, rad/s³
    :param samples: targets over which the joint range is covered evenly; 0: no number is known
    :param settle_time: how long the arm must stand still, s
    :param settle_tolerance: how far a joint may seem to move meanwhile, rad
    :param settle_timeout: after which a target is given up, s
    :param goal_tolerance: largest distance of a joint from its target, rad
    :param tracking_tolerance: largest distance of a joint from its command on the way, rad
    :param joint_states_timeout: after which measured positions do not count, s
    """

    speed_scale: float = 0.5
    acceleration: Pair = (25.0, 25.0)
    jerk: Pair = (500.0, 500.0)
    samples: int = 0
    settle_time: float = 0.12
    settle_tolerance: float = 0.005
    settle_timeout: float = 3.0
    goal_tolerance: float = 0.05
    tracking_tolerance: float = 0.5
    joint_states_timeout: float = 0.5

    def motion_limits(self, arm: ArmModel, share: float = 1.0) -> MotionLimits:
        """
        Return how the arm may move.

        :param arm: the arm
        :param share: part of the velocity
        :raises ConfigError: the arm has no velocity limit
        """
        for joint, limit in zip(arm.joint_names, arm.velocity, strict=True):
            if isinf(limit):
                raise ConfigError(
                    f'velocity limit of {joint}', got='none', expected='one in the URDF, to explore'
                )
        scale = share * self.speed_scale
        velocity = arm.velocity[0] * scale, arm.velocity[1] * scale
        return MotionLimits(velocity, self.acceleration, self.jerk)
