"""How an arm is explored."""

from __future__ import annotations

from dataclasses import dataclass

from ik_nn_ros.arm.model import ArmModel, JointPair
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
    :param settle_tolerance: how far a joint may seem to move meanwhile, rad: at least one tick of
        its encoder and a bit; a servo of 10 bit has ticks of 0.0051 rad
    :param settle_timeout: after which a target is given up, s
    :param goal_tolerance: largest distance of a joint from its target, rad
    :param tracking_tolerance: largest distance of a joint at rest from its command, rad; one that
        moves may also lag
    :param joint_states_timeout: after which measured positions do not count, s
    """

    speed_scale: float = 0.3
    acceleration: JointPair = (5.0, 5.0)
    jerk: JointPair = (50.0, 50.0)
    samples: int = 0
    settle_time: float = 0.12
    settle_tolerance: float = 0.011
    settle_timeout: float = 3.0
    goal_tolerance: float = 0.05
    tracking_tolerance: float = 0.1
    joint_states_timeout: float = 0.5

    def motion_limits(self, arm: ArmModel, velocity_ratios: JointPair = (1.0, 1.0)) -> MotionLimits:
        """
        Return how the arm may move.

        :param arm: the arm
        :param velocity_ratios: part of the velocity, each joint
        :raises ConfigError: the arm has no velocity limit
        """
        scale = self.speed_scale
        return MotionLimits.from_arm(
            arm,
            (scale * velocity_ratios[0], scale * velocity_ratios[1]),
            self.acceleration,
            self.jerk,
        )
