"""One command for each goal, for a planner or a controller that makes the motion."""

from __future__ import annotations

import numpy as np

from ik_nn_ros.arm.joint_path import JointPath
from ik_nn_ros.arm.model import ArmModel, Pair
from ik_nn_ros.motion.commander import Commander, Refusal
from ik_nn_ros.motion.keep_out import KeepOut
from ik_nn_ros.motion.motion_config import MotionConfig

ARRIVED = 0.05
"""Joints this near (rad) to where they were sent are taken to be there."""
SAMPLES = 200
"""Of the way to a goal, to find out whether a keep-out zone is in it."""


class DirectMotion(Commander):
    """Sends each goal as it is; nothing but the position limits is kept on the way."""

    def __init__(
        self, arm: ArmModel, config: MotionConfig, keep_out: KeepOut | None = None
    ) -> None:
        super().__init__(arm, config, keep_out)
        self._held: Pair | None = None

    def refusal(self, now: float) -> Refusal | None:
        """Return why no goal is taken now; None: one is."""
        if self.config.speed_scale == 0.0:
            return Refusal('HOLDING', 'speed_scale: got 0, expected more, to move the arm')
        return super().refusal(now)

    def place(self, now: float) -> Pair:
        """Return where the joints are, rad; where they are as commanded, the command."""
        command = self._command
        if self.joints.silent(now):
            return command or self.arm.home
        q = self.joints.q
        if command is None:
            return q
        off = max(abs(q[0] - command[0]), abs(q[1] - command[1]))
        return command if off < ARRIVED else q

    def _blocked_way(self, now: float, q: Pair) -> str:
        """Judge the straight line between the joints: whoever makes the motion may go another."""
        return self.keep_out.blocked_on(np.linspace(self.place(now), q, SAMPLES))

    def go_to(self, now: float, q: Pair) -> Pair:
        """Return the goal."""
        self._command = q
        return q

    def go_along(self, now: float, path: JointPath) -> Refusal:
        """Refuse it: a path takes a motion."""
        return Refusal('UNSUPPORTED', 'motion: got direct, expected smooth, to go along a path')

    def stop(self) -> None:
        """Do nothing: the last command has been sent."""

    def step(self, now: float) -> Pair | None:
        """Return the last command again, where it is to be held."""
        held, self._held = self._held, None
        if self.lost(now):
            self._command = None  # where the arm will be when it is back is not known
        return held or (self._command if self._config.hold_when_idle else None)

    def hold(self, now: float) -> bool:
        """Have the arm sent to where it is: so it gives up the way it still had to go."""
        if self.joints.silent(now):
            return False
        self._command = self._held = self.arm.clip(self.joints.q)
        return True
