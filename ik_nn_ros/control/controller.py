"""What stands between joint goals and commands: knows the joints, and when to take no goals."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

from ik_nn_ros.arm.geometry import JointPair
from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.arm.paths import JointPath
from ik_nn_ros.control.joint_feedback import JointFeedback
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.trajectory.keep_out import KeepOut
from ik_nn_ros.trajectory.online_generator import MotionLimits

# MERGED motion.motion_config: How an arm is moved to its targets.

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

    def motion_limits(self, arm: Kinematics) -> MotionLimits:
        """
        Return how the arm may move at full speed.

        :raises ConfigError: a joint has no velocity limit
        """
        return MotionLimits.from_arm(arm, (1.0, 1.0), self.acceleration, self.jerk, self.velocity)


def scale_velocity(limits: MotionLimits, ratio: float) -> MotionLimits:
    """Return limits with a part of the velocity."""
    first, second = limits.velocity
    return replace(limits, velocity=(ratio * first, ratio * second))


REST_DRIFT_TOLERANCE_RAD = 0.02
"""
How far (rad) joints at rest may be from where they were left and still count as left there.

Noise, and what a servo gives in under a load; by more than that, somebody has moved the arm.
"""


class Rejection(NamedTuple):
    """Why no goal is taken now: a reason code, and what was got and what was expected."""

    code: str
    detail: str


class Controller(ABC):
    """
    Turns joint goals into commands.

    No clock and no messages in here: who uses it says what time it is (s, on a clock that nobody
    sets) and what was measured, and sends the commands it returns.

    :param arm: the arm
    :param config: how it is moved
    :param keep_out: zones it keeps out of; may be changed while it is at rest
    """

    def __init__(
        self, arm: Kinematics, config: MotionConfig, keep_out: KeepOut | None = None
    ) -> None:
        self.arm = arm
        self.keep_out = keep_out or KeepOut(arm, (), (), 0.0)
        self.obstruction = ''
        """Which zone was in the way of the last goal that was not admitted."""
        self._config = config
        self.feedback = JointFeedback(arm, config.joint_states_timeout)
        self.fault = ''
        """What went wrong in the last motion; empty: nothing."""
        self._command: JointPair | None = None
        self._rest_position: JointPair | None = None

    @property
    def config(self) -> MotionConfig:
        """How the arm is moved; may be changed at any time."""
        return self._config

    @config.setter
    def config(self, config: MotionConfig) -> None:
        self._config = config
        self.feedback.timeout = config.joint_states_timeout

    @property
    def command(self) -> JointPair | None:
        """The last command (q1, q2), rad; None: there has been none."""
        return self._command

    @property
    def tracking_error(self) -> float | None:
        """Distance of the joints from the last command, of the joint that is farther off, rad."""
        return None if self._command is None else self.feedback.distance_to(self._command)

    def update_feedback(
        self, now: float, stamp: float, q: JointPair, velocity: JointPair | None = None
    ) -> bool:
        """
        Take measured joints in; return False where they are older than those before.

        :param stamp: when they were measured, s, perhaps on another clock; 0: unknown
        :param q: rad
        :param velocity: rad/s; None: not measured
        """
        return self.feedback.add(now, stamp, q, self._command, velocity)

    def feedback_lost(self, now: float) -> bool:
        """Tell whether it is not known where the joints are, and should be."""
        return self._config.require_joint_states and self.feedback.is_stale(now)

    def rejection(self, now: float) -> Rejection | None:
        """Return why no goal is taken now; None: one is."""
        if self.feedback_lost(now):
            timeout = self._config.joint_states_timeout
            return Rejection('NO_JOINT_STATES', f'joint_states: got none for {timeout:g} s')
        return None

    def seed_joints(self, now: float) -> JointPair:
        """Return the joints (rad) from which branch and turn of the next goal are chosen."""
        return self._start_position(now)

    def goal_filter(self, now: float) -> Callable[[JointPair], bool] | None:
        """Return what tells whether a goal (rad) can be gone to; None: every one can."""
        return partial(self._is_goal_allowed, now) if self.keep_out else None

    def _is_goal_allowed(self, now: float, q: JointPair) -> bool:
        self.obstruction = self.keep_out.obstruction_at(q) or self._obstruction_to(now, q)
        return not self.obstruction

    @abstractmethod
    def _obstruction_to(self, now: float, q: JointPair) -> str:
        """Return which zone is in the way to a goal, rad; empty: none."""

    @property
    def at_rest(self) -> bool:
        """Whether nothing is commanded that moves the arm."""
        return True

    @abstractmethod
    def stop(self) -> None:
        """Give the goal up and brake."""

    @abstractmethod
    def go_to(self, now: float, q: JointPair) -> JointPair | None:
        """
        Go to a goal inside the limits, where :meth:`rejection` gave None.

        :param q: rad
        :return: a command to be sent at once, rad; None: it is left to :meth:`step`
        """

    @abstractmethod
    def follow_path(self, now: float, path: JointPath) -> Rejection | None:
        """
        Go to where a path begins and along it, where :meth:`rejection` gave None.

        :param path: inside the limits
        :return: why it is not gone; None: it is
        """

    @abstractmethod
    def step(self, now: float) -> JointPair | None:
        """Return the command (rad) for now; None: there is nothing to be sent."""

    def hold(self, now: float) -> bool:
        """Bring the arm to rest where it is; return whether that can be done."""
        self.stop()
        return True

    def reset(self) -> None:
        """Forget what was commanded: the next motion begins where the joints are measured."""
        self._command = self._rest_position = None
        self.fault = ''

    def _start_position(self, now: float) -> JointPair:
        """
        Return where a motion begins, rad: where the joints are.

        As long as they are where the last command brought them, that command stands for them: a
        motion from the measured joints would give way under a load again and again, and the noise
        around a straight arm would choose the branch.
        """
        if self._command is None:
            return self.arm.home if self.feedback.is_stale(now) else self.feedback.q
        if self._rest_position is None or self.feedback.is_stale(now):
            return self._command
        near = self.feedback.distance_to(self._command) <= self._config.tracking_tolerance
        return (
            self._command
            if near and self.feedback.distance_to(self._rest_position) <= REST_DRIFT_TOLERANCE_RAD
            else self.feedback.q
        )
