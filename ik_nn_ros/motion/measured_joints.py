"""Where the joints are, and whether they have settled there."""

from __future__ import annotations

from ik_nn_ros.arm.model import ArmModel, JointPair
from ik_nn_ros.motion.exploration_config import ExplorationConfig
from ik_nn_ros.motion.latest_joints import JointFeedback
from ik_nn_ros.motion.stillness import SettlingDetector


class ExplorationFeedback(JointFeedback):
    """
    The latest measured positions, and what can be said of them.

    :param arm: the arm
    :param config: says what counts as silent, still and near
    """

    def __init__(self, arm: ArmModel, config: ExplorationConfig) -> None:
        super().__init__(arm, config.joint_states_timeout)
        self._config = config
        self._settling_detector = SettlingDetector(config.settle_time, config.settle_tolerance)

    def add(
        self,
        now: float,
        stamp: float,
        q: JointPair,
        command: JointPair | None = None,
        velocity: JointPair | None = None,
    ) -> bool:
        """Do :meth:`JointFeedback.add`, and watch whether they stand still."""
        if self.is_stale(now):
            self._settling_detector.clear()
        taken = super().add(now, stamp, q, command, velocity)
        if taken:
            self._settling_detector.add(stamp, self.q)
        return taken

    @property
    def is_still(self) -> bool:
        """Whether the joints stand still."""
        return self._settling_detector.is_still

    def is_at(self, q: JointPair) -> bool:
        """Tell whether they are at a position."""
        return self.distance_to(q) <= self._config.goal_tolerance

    def unsettled_reason(self, target: JointPair) -> str:
        """Return what keeps the joints from standing still at a target, with the numbers."""
        config = self._config
        if not self.is_at(target):
            gap, joint = max(zip(self._distances_to(target), self._arm.joint_names, strict=True))
            return f'{joint} stays {gap:.3g} rad away, goal_tolerance {config.goal_tolerance:g} rad'
        return (
            f'the joints moved by {self._settling_detector.movement:.3g} rad in {config.settle_time:g} s, '
            f'settle_tolerance {config.settle_tolerance:g} rad'
        )
