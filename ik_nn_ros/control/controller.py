"""Interface and configuration of the controllers, which turn joint goals into commands."""

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

MIN_SPEED_RATIO = 1e-3
"""Smallest fraction of the velocity limits with which motions can be planned."""
MIN_ACCELERATION_TIME_S = 1e-4
"""Shortest time in which the acceleration limit may be reached, s."""
REST_DRIFT_TOLERANCE_RAD = 0.02
"""
Distance that joints at rest may drift and still count as where the controller left them, rad.

It covers noise and the sag of a servo under load; a larger distance means that something else has
moved the arm.
"""


@dataclass(frozen=True)
class MotionConfig:
    """
    Configuration of a controller.

    :param speed_scale: fraction of the velocity limits to use; 0: the arm stops and keeps its goal
    :param cartesian_path: whether the tip moves on straight lines where it can
    :param velocity: velocity limit of each joint, rad/s, where lower than in the URDF; 0: as in the
        URDF
    :param acceleration: acceleration limit of each joint, rad/s²
    :param jerk: jerk limit of each joint, rad/s³
    :param tracking_tolerance: largest distance of a standing joint from its command, rad; a moving
        joint may lag in addition
    :param require_joint_states: whether the arm moves only while its joints are measured; otherwise
        the last command stands for the measured positions
    :param joint_states_timeout: age after which measured joints are stale, s
    :param target_timeout: time without a target after which a motion ends, s; 0: no timeout
    :param hold_when_idle: whether the last command is repeated while there is no goal
    :raises ConfigError: ``speed_scale`` or ``jerk`` is out of range
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
                    expected=f'{MIN_SPEED_RATIO:g} to {1.0 / MIN_ACCELERATION_TIME_S:g} 1/s '
                    'times the acceleration',
                )

    def motion_limits(self, arm: Kinematics) -> MotionLimits:
        """
        Return the limits of the arm at full speed.

        :param arm: the arm
        :raises ConfigError: a joint has no velocity limit
        """
        return MotionLimits.from_arm(arm, (1.0, 1.0), self.acceleration, self.jerk, self.velocity)


def scale_velocity(limits: MotionLimits, ratio: float) -> MotionLimits:
    """Return limits with the velocity multiplied by a ratio."""
    first, second = limits.velocity
    return replace(limits, velocity=(ratio * first, ratio * second))


class Rejection(NamedTuple):
    """Rejection of a goal."""

    code: str
    """Reason code."""
    detail: str
    """Text with what was got and what was expected."""


class Controller(ABC):
    """
    Controller that turns joint goals into commands.

    It has no clock and no messages: the caller passes the time (s, of a monotonic clock) and the
    measured joints, and sends the commands that it returns.

    :param arm: the arm
    :param config: configuration
    :param keep_out: keep-out zones; none where this is None
    """

    def __init__(
        self, arm: Kinematics, config: MotionConfig, keep_out: KeepOut | None = None
    ) -> None:
        self.arm = arm
        self._keep_out = keep_out or KeepOut(arm, (), (), 0.0)
        self.obstruction = ''
        """Text on the zone that obstructed the last goal that was not allowed."""
        self._config = config
        self.feedback = JointFeedback(arm, config.joint_states_timeout)
        self.fault = ''
        """Why the last motion was aborted; empty if it was not."""
        self._command: JointPair | None = None
        self._rest_position: JointPair | None = None

    @property
    def config(self) -> MotionConfig:
        """Configuration; may be replaced at any time."""
        return self._config

    @config.setter
    def config(self, config: MotionConfig) -> None:
        self._config = config
        self.feedback.set_timeout(config.joint_states_timeout)

    @property
    def keep_out(self) -> KeepOut:
        """Keep-out zones; may be replaced while the arm is at rest."""
        return self._keep_out

    @keep_out.setter
    def keep_out(self, keep_out: KeepOut) -> None:
        self._keep_out = keep_out

    @property
    def command(self) -> JointPair | None:
        """Last command (q1, q2), rad; None before the first."""
        return self._command

    @property
    def tracking_error(self) -> float | None:
        """Larger of the joints' distances from the last command, rad; None before the first."""
        return None if self._command is None else self.feedback.distance_to(self._command)

    def update_feedback(
        self, now: float, stamp: float, q: JointPair, velocity: JointPair | None = None
    ) -> bool:
        """
        Process measured joints.

        :param now: time of reception, s
        :param stamp: time of measurement, s, possibly of another clock; 0: unknown
        :param q: positions, rad
        :param velocity: rad/s; None where it is not measured
        :return: whether the measurement is used, see :meth:`JointFeedback.add`
        """
        return self.feedback.add(now, stamp, q, self._command, velocity)

    def feedback_lost(self, now: float) -> bool:
        """Tell whether the joints must be measured and are not."""
        return self._config.require_joint_states and self.feedback.is_stale(now)

    def rejection(self, now: float) -> Rejection | None:
        """Return why no goal is accepted now; None where goals are accepted."""
        if self.feedback_lost(now):
            timeout = self._config.joint_states_timeout
            return Rejection('NO_JOINT_STATES', f'joint_states: got none for {timeout:g} s')
        return None

    def seed_joints(self, now: float) -> JointPair:
        """Return the joint positions, rad, that decide the next goal's branch and turn."""
        return self._start_position(now)

    def goal_filter(self, now: float) -> Callable[[JointPair], bool] | None:
        """Return a predicate of the goals, rad, that are allowed; None where all are."""
        return partial(self._is_goal_allowed, now) if self.keep_out else None

    def _is_goal_allowed(self, now: float, q: JointPair) -> bool:
        self.obstruction = self.keep_out.obstruction_at(q) or self._obstruction_to(now, q)
        return not self.obstruction

    @abstractmethod
    def _obstruction_to(self, now: float, q: JointPair) -> str:
        """Return a text on the zone that obstructs the motion to a goal, rad; empty if none."""

    @property
    def at_rest(self) -> bool:
        """Whether no command moves the arm."""
        return True

    @abstractmethod
    def stop(self) -> None:
        """Discard the goal and brake."""

    @abstractmethod
    def go_to(self, now: float, q: JointPair) -> JointPair | None:
        """
        Move to a goal within the limits, where :meth:`rejection` returned None.

        :param now: s
        :param q: goal, rad
        :return: command to send at once, rad; None where :meth:`step` returns the commands
        """

    @abstractmethod
    def follow_path(self, now: float, path: JointPath) -> Rejection | None:
        """
        Move to the start of a path and follow it, where :meth:`rejection` returned None.

        :param now: s
        :param path: path within the limits
        :return: why the path is rejected; None where it is accepted
        """

    @abstractmethod
    def step(self, now: float) -> JointPair | None:
        """Return the command to send now, rad; None where there is none."""

    def hold(self, now: float) -> bool:
        """Stop the arm where it is; return whether that is possible."""
        self.stop()
        return True

    def reset(self) -> None:
        """Discard goal and last command: the next motion starts at the measured joints."""
        self._command = self._rest_position = None
        self.fault = ''

    def _start_position(self, now: float) -> JointPair:
        """
        Return the start of a motion, rad: the position of the joints.

        As long as the joints are where the last command left them, that command stands for them:
        motions from the measured joints would sag under a load again and again, and noise around a
        straight arm would choose the branch.
        """
        if self._command is None:
            return self.arm.home if self.feedback.is_stale(now) else self.feedback.q
        if self._rest_position is None or self.feedback.is_stale(now):
            return self._command
        at_command = self.feedback.distance_to(self._command) <= self._config.tracking_tolerance
        at_rest_position = (
            self.feedback.distance_to(self._rest_position) <= REST_DRIFT_TOLERANCE_RAD
        )
        return self._command if at_command and at_rest_position else self.feedback.q
