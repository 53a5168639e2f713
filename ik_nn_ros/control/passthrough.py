"""One command for each goal, for a planner or a controller that makes the motion."""

from __future__ import annotations

import numpy as np

from ik_nn_ros.arm.geometry import JointPair
from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.arm.paths import JointPath
from ik_nn_ros.control.controller import Controller, MotionConfig, Rejection
from ik_nn_ros.trajectory.keep_out import KeepOut

ARRIVAL_TOLERANCE_RAD = 0.05
"""Joints this near (rad) to where they were sent are taken to be there."""
LINE_SAMPLE_COUNT = 200
"""Of the way to a goal, to find out whether a keep-out zone is in it."""


class PassthroughController(Controller):
    """Sends each goal as it is; nothing but the position limits is kept on the way."""

    def __init__(
        self, arm: Kinematics, config: MotionConfig, keep_out: KeepOut | None = None
    ) -> None:
        super().__init__(arm, config, keep_out)
        self._hold_command: JointPair | None = None

    def rejection(self, now: float) -> Rejection | None:
        """Return why no goal is taken now; None: one is."""
        if self.config.speed_scale == 0.0:
            return Rejection('HOLDING', 'speed_scale: got 0, expected more, to move the arm')
        return super().rejection(now)

    def seed_joints(self, now: float) -> JointPair:
        """Return where the joints are, rad; where they are as commanded, the command."""
        command = self._command
        if self.feedback.is_stale(now):
            return command or self.arm.home
        q = self.feedback.q
        if command is None:
            return q
        off = max(abs(q[0] - command[0]), abs(q[1] - command[1]))
        return command if off < ARRIVAL_TOLERANCE_RAD else q

    def _obstruction_to(self, now: float, q: JointPair) -> str:
        """Judge the straight line between the joints: whoever makes the motion may go another."""
        return self.keep_out.obstruction_along(
            np.linspace(self.seed_joints(now), q, LINE_SAMPLE_COUNT)
        )

    def go_to(self, now: float, q: JointPair) -> JointPair:
        """Return the goal."""
        self._command = q
        return q

    def follow_path(self, now: float, path: JointPath) -> Rejection:
        """Refuse it: a path takes a motion."""
        return Rejection('UNSUPPORTED', 'motion: got direct, expected smooth, to go along a path')

    def stop(self) -> None:
        """Do nothing: the last command has been sent."""

    def step(self, now: float) -> JointPair | None:
        """Return the last command again, where it is to be held."""
        held, self._hold_command = self._hold_command, None
        if self.feedback_lost(now):
            self._command = None  # where the arm will be when it is back is not known
        return held or (self._command if self._config.hold_when_idle else None)

    def hold(self, now: float) -> bool:
        """Have the arm sent to where it is: so it gives up the way it still had to go."""
        if self.feedback.is_stale(now):
            return False
        self._command = self._hold_command = self.arm.clip(self.feedback.q)
        return True
