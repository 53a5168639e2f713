"""Passthrough controller: one command per goal, for a downstream planner or controller."""

from __future__ import annotations

import numpy as np

from ik_nn_ros.arm.geometry import JointPair
from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.arm.paths import JointPath
from ik_nn_ros.control.controller import Controller, MotionConfig, Rejection
from ik_nn_ros.trajectory.keep_out import KeepOut

ARRIVAL_TOLERANCE_RAD = 0.05
"""Distance from the command up to which joints count as arrived, rad."""
LINE_SAMPLE_COUNT = 200
"""Samples of the straight joint motion to a goal that are checked against keep-out zones."""


class PassthroughController(Controller):
    """
    Controller that sends each goal unchanged as a command.

    Only the position limits are kept.

    :param arm: the arm
    :param config: configuration
    :param keep_out: keep-out zones; none where this is None
    """

    def __init__(
        self, arm: Kinematics, config: MotionConfig, keep_out: KeepOut | None = None
    ) -> None:
        super().__init__(arm, config, keep_out)
        self._hold_command: JointPair | None = None

    def rejection(self, now: float) -> Rejection | None:
        """Return why no goal is accepted now; None where goals are accepted."""
        if self.config.speed_scale == 0.0:
            return Rejection('HOLDING', 'speed_scale: got 0, expected more, to move the arm')
        return super().rejection(now)

    def seed_joints(self, now: float) -> JointPair:
        """Return the measured joints, rad, or the command where the joints have arrived at it."""
        command = self._command
        if self.feedback.is_stale(now):
            return command or self.arm.home
        q = self.feedback.q
        if command is None:
            return q
        return command if self.feedback.distance_to(command) < ARRIVAL_TOLERANCE_RAD else q

    def _obstruction_to(self, now: float, q: JointPair) -> str:
        """Check the straight line of the joints; the downstream controller may move otherwise."""
        return self.keep_out.obstruction_along(
            np.linspace(self.seed_joints(now), q, LINE_SAMPLE_COUNT)
        )

    def go_to(self, now: float, q: JointPair) -> JointPair:
        """Return the goal as the command."""
        self._command = q
        return q

    def follow_path(self, now: float, path: JointPath) -> Rejection:
        """Reject the path: following it needs a smooth motion."""
        return Rejection('UNSUPPORTED', 'motion: got direct, expected smooth, to follow a path')

    def stop(self) -> None:
        """Do nothing: the last command has already been sent."""

    def step(self, now: float) -> JointPair | None:
        """Return the command of :meth:`hold`, or the last command where it is to be held."""
        hold_command, self._hold_command = self._hold_command, None
        if self.feedback_lost(now):
            self._command = None  # the arm may be anywhere once it is measured again
        return hold_command or (self._command if self._config.hold_when_idle else None)

    def hold(self, now: float) -> bool:
        """Command the measured position, so that the arm does not move on to its goal."""
        if self.feedback.is_stale(now):
            return False
        self._command = self._hold_command = self.arm.clip(self.feedback.q)
        return True
