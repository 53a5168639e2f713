"""How an arm is moved to its targets."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ik_nn_ros.arm.model import ArmModel, JointPair
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.motion.joint_motion import MotionLimits

MIN_SPEED_RATIO = 1e-3
"""Part of the velocity limits with which motions can still be planned."""
MIN_ACCELERATION_TIME_S = 1e-4
"""The shortest time (s) in which an acceleration may be reached."""


@dataclass(frozen=True)
class MotionConfig:
    """
    How an arm is moved to its targets.

    :param speed_scale: part of the velocity limits that is used; 0: the arm stops on its way
    :param cartesian_path: whether the tip goes on straight lines where it can
    :param velocity: of each joint, rad/s, where that is less than in the URDF; 0: as in the URDF
    :param acceleration: largest of each joint, rad/s²
    :param jerk: largest of each joint, rad/s³
    :param tracking_tolerance: largest distance of a joint at rest from its command, rad; one that
        moves may also lag
    :param require_joint_states: whether the arm is moved only while its joints are measured;
        otherwise the last command stands for them
    :param joint_states_timeout: age after which measured joints do not count, s
    :param target_timeout: a motion ends when no target has come for so long, s; 0: at its goal
    :param hold_when_idle: whether the last command is repeated while there is nothing to do
    """

    speed_scale: float = 1.0
    cartesian_path: bool = False
    velocity: JointPair = (0.0, 0.0)
    acceleration: JointPair = (10.0, 10.0)
    jerk: JointPair = (100.0, 100.0)
    tracking_tolerance: float = 0.2
    require_joint_states: bool = True
    joint_states_timeout: float = 0.5
    target_timeout: float = 0.0
    hold_when_idle: bool = False

    def __post_init__(self) -> None:
        if self.speed_scale != 0.0 and not MIN_SPEED_RATIO <= self.speed_scale <= 1.0:
            raise ConfigError(
                'speed_scale', got=self.speed_scale, expected=f'0, or {MIN_SPEED_RATIO} to 1'
            )
        for joint, (a, j) in enumerate(zip(self.acceleration, self.jerk, strict=True)):
            if not a * MIN_SPEED_RATIO <= j <= a / MIN_ACCELERATION_TIME_S:
                raise ConfigError(
                    f'jerk of joint {joint + 1}',
                    got=f'{j:g} rad/s³',
                    expected=f'{MIN_SPEED_RATIO:g} to {1.0 / MIN_ACCELERATION_TIME_S:g} 1/s times the acceleration',
                )

    def motion_limits(self, arm: ArmModel) -> MotionLimits:
        """
        Return how the arm may move at full speed.

        :raises ConfigError: a joint has no velocity limit
        """
        return MotionLimits.from_arm(arm, (1.0, 1.0), self.acceleration, self.jerk, self.velocity)


def scale_velocity(limits: MotionLimits, ratio: float) -> MotionLimits:
    """Return limits with a part of the velocity."""
    first, second = limits.velocity
    return replace(limits, velocity=(ratio * first, ratio * second))
