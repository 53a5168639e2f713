"""Where the joints are, and whether they have settled there."""

from __future__ import annotations

from ik_nn_ros.arm.model import ArmModel, Pair
from ik_nn_ros.motion.exploration_config import ExplorationConfig
from ik_nn_ros.motion.latest_joints import LatestJoints
from ik_nn_ros.motion.stillness import Stillness


class MeasuredJoints(LatestJoints):
    """
    The latest measured positions, and what can be said of them.

    :param arm: the arm
    :param config: says what counts as silent, still and near
    """

    def __init__(self, arm: ArmModel, config: ExplorationConfig) -> None:
        super().__init__(arm, config.joint_states_timeout)
        self._config = config
        self._stillness = Stillness(config.settle_time, config.settle_tolerance)

    def add(
        self,
        now: float,
        stamp: float,
        q: Pair,
        command: Pair | None = None,
        velocity: Pair | None = None,
    ) -> bool:
        """Do :meth:`LatestJoints.add`, and watch whether they stand still."""
        if self.silent(now):
            self._stillness.clear()
        taken = super().add(now, stamp, q, command, velocity)
        if taken:
            self._stillness.add(stamp, self.q)
        return taken

    @property
    def still(self) -> bool:
        """Whether the joints stand still."""
        return self._stillness.still

    def near(self, q: Pair) -> bool:
        """Tell whether they are at a position."""
        return self.gap(q) <= self._config.goal_tolerance

    def why_unsettled(self, target: Pair) -> str:
        """Return what keeps the joints from standing still at a target, with the numbers."""
        config = self._config
        if not self.near(target):
            gap, joint = max(zip(self._gaps(target), self._arm.joint_names, strict=True))
            return f'{joint} stays {gap:.3g} rad away, goal_tolerance {config.goal_tolerance:g} rad'
        return (
            f'the joints moved by {self._stillness.movement:.3g} rad in {config.settle_time:g} s, '
            f'settle_tolerance {config.settle_tolerance:g} rad'
        )
