"""
Drive an arm from one joint target to the next, and say when it stands still at one.

No clock and no messages in here: who uses it says what time it is, what was measured and when the
sample at a target was taken, and sends the commands it returns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from enum import Enum, auto
from math import inf

import numpy as np

from ik_nn_ros.arm.model import ArmModel, Pair
from ik_nn_ros.motion.exploration_config import ExplorationConfig
from ik_nn_ros.motion.joint_motion import JointMotion
from ik_nn_ros.motion.joint_range import JointRange
from ik_nn_ros.motion.stillness import Stillness
from ik_nn_ros.motion.tour import tour

MARGIN, SHARE = 0.02, 0.05
"""Targets keep this far from a limit: rad, or part of the range where that is less."""
RETURN_SPEED = 0.1
"""Part of the velocity with which an arm that is outside its limits moves back inside."""
PATIENCE = 1.0
"""How long (s) the joints may be too far from the command."""
LONGEST_STEP = 0.05
"""The most time (s) one step counts: what a busy computer was late is not made up for."""


class Phase(Enum):
    """What is being done."""

    WAITING = auto()
    """For joints that are measured and stand still; nothing is commanded."""
    RETURNING = auto()
    """From outside the limits back inside, slowly."""
    MOVING = auto()
    """To a target."""
    SETTLING = auto()
    """At a target."""
    BRAKING = auto()
    STOPPED = auto()
    """For good; nothing is commanded."""


class Explorer:
    """
    Visits one joint target after the other, and stops by itself when the joints do not follow.

    :param arm: the arm; targets and the ways between them are inside its limits
    :param config: how
    :param rng: chooses the set of targets
    :raises ConfigError: the arm has no velocity limits
    """

    def __init__(self, arm: ArmModel, config: ExplorationConfig, rng: np.random.Generator) -> None:
        self._arm = arm
        self._config = config
        self._rng = rng
        self._limits = config.motion_limits(arm)
        self._return_limits = config.motion_limits(arm, RETURN_SPEED)
        self._stillness = Stillness(config.settle_time, config.settle_tolerance)
        self._motion = JointMotion(self._limits, arm.home)
        self._targets: Iterator[Pair] | None = None
        self._target = arm.home
        self._measured: Pair = arm.home
        self._measured_at = self._stepped_at = -inf
        self._followed_at = self._arrived_at = -inf
        self._after_brake = Phase.STOPPED
        self.phase = Phase.WAITING
        self.fault = ''
        """Why it stopped by itself."""
        self.settled_at: float | None = None
        """Since when (s) the arm has been standing still at a target; None: it does not."""
        self.dropped: Counter[str] = Counter()
        """Targets given up, by reason."""

    @property
    def trouble(self) -> str:
        """What keeps it from going on; empty: nothing."""
        if self.phase is Phase.RETURNING:
            return 'the arm is outside its limits: it moves back inside, slowly'
        if self.phase in (Phase.WAITING, Phase.BRAKING) and self._silent(self._stepped_at):
            return f'no joint_states for {self._config.joint_states_timeout:g} s'
        return 'waiting until the joints stand still' if self.phase is Phase.WAITING else ''

    def measure(self, now: float, stamp: float, q: Pair) -> None:
        """
        Take in measured joint positions.

        :param now: s
        :param stamp: when they were measured, s, perhaps on another clock
        :param q: rad
        """
        if self._silent(now):
            self._stillness.clear()
        self._measured, self._measured_at = q, now
        self._stillness.add(stamp, q)
        if self.phase is Phase.SETTLING:
            self._judge(now)

    def step(self, now: float) -> Pair | None:
        """Return the command (rad) for now (s); None: there is nothing to be sent."""
        seconds = min(now - self._stepped_at, LONGEST_STEP)
        self._stepped_at = now
        if self.phase is Phase.WAITING and self._stillness.still and not self._silent(now):
            self._begin(now)
        elif self.phase in (Phase.WAITING, Phase.STOPPED):
            return None
        else:
            self._motion.step(seconds)
            self._watch(now)
            if self._motion.at_rest:
                self._go_on(now)
        return self._motion.position

    def taken(self) -> None:
        """Go to the next target: the sample at this one has been taken."""
        if self._targets is not None:
            self._target = next(self._targets)
            self._set_out()

    def stop(self, fault: str = '') -> None:
        """
        Brake and stop for good.

        :param fault: why, if nobody wanted it
        """
        self.fault = self.fault or fault
        if self._motion.at_rest:
            self.settled_at = None
            self.phase = Phase.STOPPED
        else:
            self._brake(Phase.STOPPED)

    def _begin(self, now: float) -> None:
        """Start from where the joints are."""
        here = self._measured
        self._followed_at = now
        inside = JointRange.of(self._arm, here).within(MARGIN, SHARE)
        if self._targets is None:
            self._targets = tour(inside, here, self._rng, self._config.samples)
            self._target = next(self._targets)
        if self._arm.within_limits(here):
            self._motion = JointMotion(self._limits, here)
            self._set_out()
        else:
            self._motion = JointMotion(self._return_limits, here)
            self._motion.set_goal(inside.clip(here))
            self.phase = Phase.RETURNING

    def _set_out(self) -> None:
        self.settled_at = None
        self.phase = Phase.MOVING
        self._motion.set_goal(self._target)

    def _watch(self, now: float) -> None:
        """Brake when the joints are not measured any more, or do not follow."""
        if self.phase is Phase.BRAKING:
            return
        if self._distance(self._motion.position) <= self._config.tracking_tolerance:
            self._followed_at = now
        if self._silent(now):
            self._brake(Phase.WAITING)
        elif now - self._followed_at > PATIENCE:
            at, to = (
                f'({q[0]:.3g}, {q[1]:.3g}) rad' for q in (self._measured, self._motion.position)
            )
            self.stop(f'the joints do not follow: they are at {at}, commanded to {to}')

    def _go_on(self, now: float) -> None:
        """Do what comes next where the motion has ended."""
        if self.phase is Phase.RETURNING:
            self._motion = JointMotion(self._limits, self._motion.position)
            self._set_out()
        elif self.phase is Phase.MOVING:
            self.phase = Phase.SETTLING
            self._arrived_at = now
        elif self.phase is Phase.BRAKING:
            self.phase = self._after_brake
        elif self.phase is Phase.SETTLING and self._has_waited(now):
            self.dropped['not settled' if self.settled_at is None else 'no sample'] += 1
            self.taken()

    def _has_waited(self, now: float) -> bool:
        return now - self._arrived_at > self._config.settle_timeout

    def _judge(self, now: float) -> None:
        """Tell whether the arm has settled at the target."""
        near = self._distance(self._target) <= self._config.goal_tolerance
        if not (near and self._stillness.still):
            self.settled_at = None
        elif self.settled_at is None:
            self.settled_at = now

    def _brake(self, then: Phase) -> None:
        self.settled_at = None
        self._after_brake = then
        self.phase = Phase.BRAKING
        self._motion.brake()

    def _silent(self, now: float) -> bool:
        return now - self._measured_at > self._config.joint_states_timeout

    def _distance(self, q: Pair) -> float:
        """Distance of the measured joints from a position, of the one that is farther off, rad."""
        return max(abs(self._measured[0] - q[0]), abs(self._measured[1] - q[1]))
