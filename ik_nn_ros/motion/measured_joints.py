"""Where the joints are, as far as that is known."""

from __future__ import annotations

from math import inf, isfinite

from ik_nn_ros.arm.model import ArmModel, Pair
from ik_nn_ros.motion.exploration_config import ExplorationConfig
from ik_nn_ros.motion.joint_range import same_turn
from ik_nn_ros.motion.stillness import Stillness


class MeasuredJoints:
    """
    The latest measured positions, and what can be said of them.

    :param arm: the arm
    :param config: says what counts as silent, still and near
    """

    def __init__(self, arm: ArmModel, config: ExplorationConfig) -> None:
        self._arm = arm
        self._config = config
        self._stillness = Stillness(config.settle_time, config.settle_tolerance)
        self._at = -inf
        self.received: Pair = arm.home
        """(q1, q2), rad."""
        self.q: Pair = arm.home
        """The same in the turn of the command, or of what was measured before, rad."""

    def add(self, now: float, stamp: float, q: Pair, command: Pair | None) -> None:
        """
        Take positions in.

        :param now: s
        :param stamp: when they were measured, s, perhaps on another clock
        :param q: rad
        :param command: rad; None: there is none
        """
        if self.silent(now):
            self._stillness.clear()
        self.received, self._at = q, now
        self.q = same_turn(self._arm, q, self.q if command is None else command)
        self._stillness.add(stamp, self.q)

    def silence(self, now: float) -> float:
        """Return how long there has been no measurement, s; 0: there has never been one."""
        return now - self._at if isfinite(self._at) else 0.0

    def silent(self, now: float) -> bool:
        """Tell whether they do not count any more."""
        return now - self._at > self._config.joint_states_timeout

    @property
    def still(self) -> bool:
        """Whether the joints stand still."""
        return self._stillness.still

    def gap(self, q: Pair) -> float:
        """Return how far they are from a position, the joint that is farther off, rad."""
        return max(self._gaps(q))

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

    def _gaps(self, q: Pair) -> Pair:
        return abs(self.q[0] - q[0]), abs(self.q[1] - q[1])
