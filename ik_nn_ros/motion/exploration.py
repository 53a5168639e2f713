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
from ik_nn_ros.motion.following import Following
from ik_nn_ros.motion.joint_motion import JointMotion, MotionLimits
from ik_nn_ros.motion.joint_range import JointRange
from ik_nn_ros.motion.measured_joints import MeasuredJoints
from ik_nn_ros.motion.tour import tour

MARGIN, SHARE = 0.02, 0.05
"""Targets keep this far from a limit: rad, or part of the range where that is less."""
SLOW = 0.1
"""
Part of the velocity with which an arm moves that is outside its limits, and a joint that has not
been seen to obey: it may begin to at any time, and shall not jump then.
"""
LOST = 5.0
"""How much longer (s) than their timeout joint_states may be silent; then it is over."""
MISSES = 3
"""Targets in a row without a sample after which it is over."""
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
    HOLDING = auto()
    """The command stands still until the joints are there."""
    BRAKING = auto()
    """The joints are not measured any more."""
    RELAXING = auto()
    """The command goes back to where the joints are, so that they do not push; then it is over."""
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
        self._slow = config.motion_limits(arm, (SLOW, SLOW))
        self._joints = MeasuredJoints(arm, config)
        self._motion = JointMotion(self._slow, arm.home)
        self._following = Following(arm.home, config.tracking_tolerance)
        self._targets: Iterator[Pair] | None = None
        self._target = self._goal = arm.home
        self._stepped_at = self._arrived_at = -inf
        self._stopping = False
        self._held = Phase.MOVING
        self._misses = 0
        self._lack = ''
        self.phase = Phase.WAITING
        self.fault = ''
        """Why it stopped by itself."""
        self.settled_at: float | None = None
        """Since when (s) the arm has been standing still at a target; None: it does not."""
        self.dropped: Counter[str] = Counter()
        """Targets given up, by reason."""
        self.given_up = ''
        """The last of them, and what was measured there."""

    @property
    def trouble(self) -> str:
        """What keeps it from going on; empty: nothing."""
        if self.phase is Phase.RETURNING:
            return 'the arm is outside its limits: it moves back inside, slowly'
        if self.phase is Phase.HOLDING and not self._stopping:
            return 'the joints do not follow: the command waits for them'
        if self.phase in (Phase.WAITING, Phase.BRAKING) and self._joints.silent(self._stepped_at):
            return f'no joint_states for {self._config.joint_states_timeout:g} s'
        return 'waiting until the joints stand still' if self.phase is Phase.WAITING else ''

    def measure(self, now: float, stamp: float, q: Pair) -> None:
        """
        Take in measured joint positions.

        :param now: s
        :param stamp: when they were measured, s, perhaps on another clock
        :param q: rad
        """
        command = None if self.phase is Phase.WAITING else self._motion.position
        self._joints.add(now, stamp, q, command)
        if self.phase is Phase.SETTLING:
            self._judge(now)
        elif self.phase is Phase.MOVING and self._following.observe(
            self._joints.q, self._motion.position
        ):
            self._motion.set_goal(self._goal, self._limits())

    def step(self, now: float, lack: str = '') -> Pair | None:
        """
        Return the command (rad) for now; None: there is nothing to be sent.

        :param now: s
        :param lack: what there must be for samples and is not; it does not set out then
        """
        self._lack = lack
        seconds = min(now - self._stepped_at, LONGEST_STEP)
        self._stepped_at = now
        if self.phase is Phase.STOPPED:
            return None
        if self.phase is Phase.WAITING:
            return self._wait(now)
        self._motion.step(seconds)
        self._watch(now)
        if self._motion.at_rest:
            self._go_on(now)
        return self._motion.position

    def taken(self) -> None:
        """Go to the next target: the sample at this one has been taken."""
        self._misses = 0
        self._advance()

    def stop(self, fault: str = '') -> None:
        """
        Brake and stop for good, with the command where the joints are.

        :param fault: why, if nobody wanted it
        """
        if self.phase is Phase.STOPPED:
            return
        if not self._stopping:
            self.fault = fault
        self._stopping = True
        if self.phase is Phase.WAITING:
            self.phase = Phase.STOPPED
        elif self.phase in (Phase.RETURNING, Phase.MOVING, Phase.SETTLING):
            self._hold()
            if self._motion.at_rest and self._joints.near(self._motion.position):
                self.phase = Phase.STOPPED

    def _wait(self, now: float) -> Pair | None:
        """Begin as soon as the joints stand still; who has been away for long is not waited for."""
        silence = self._joints.silence(now)
        if silence > self._config.joint_states_timeout + LOST:
            self.stop(f'no joint_states for {silence:.0f} s')
        elif not self._lack and self._joints.still and not self._joints.silent(now):
            self._begin()
            return self._motion.position
        return None

    def _begin(self) -> None:
        """Start from where the joints are."""
        here = self._joints.q = self._joints.received
        self._following = Following(here, self._config.tracking_tolerance)
        self._motion = JointMotion(self._slow, here)
        inside = JointRange.of(self._arm, here).within(MARGIN, SHARE)
        if self._targets is None:
            self._targets = tour(inside, here, self._rng, self._config.samples)
            self._target = next(self._targets)
        if self._arm.within_limits(here):
            self._set_out()
        else:
            self._goal = inside.clip(here)
            self._motion.set_goal(self._goal)
            self.phase = Phase.RETURNING

    def _advance(self) -> None:
        if self._targets is not None:
            self._target = next(self._targets)
            self._set_out()

    def _set_out(self) -> None:
        self.settled_at = None
        self.phase = Phase.MOVING
        self._goal = self._target
        self._motion.set_goal(self._goal, self._limits())

    def _limits(self) -> MotionLimits:
        first, second = (1.0 if obeys else SLOW for obeys in self._following.obeys)
        return self._config.motion_limits(self._arm, (first, second))

    def _watch(self, now: float) -> None:
        """Brake when the joints are not measured any more, or do not follow."""
        if self.phase in (Phase.BRAKING, Phase.RELAXING):
            return
        if self._joints.silent(now):
            self.settled_at = None
            self.phase = Phase.BRAKING
            self._motion.brake()
        elif self.phase is not Phase.HOLDING and self._following.is_ahead(
            self._joints.q, self._motion.position, self._motion.velocity
        ):
            self._hold()

    def _hold(self) -> None:
        self.settled_at = None
        self._held = self.phase
        self.phase = Phase.HOLDING
        if not self._motion.at_rest:
            self._motion.brake()
        self._following.wait()

    def _go_on(self, now: float) -> None:
        """Do what comes next where the motion has ended."""
        if self.phase is Phase.RETURNING:
            self._set_out()
        elif self.phase is Phase.MOVING:
            self.phase = Phase.SETTLING
            self._arrived_at = now
        elif self.phase is Phase.SETTLING and self._has_waited(now):
            self._give_up()
        elif self.phase is Phase.HOLDING:
            self._catch_up(now)
        elif self.phase is Phase.BRAKING:
            self.phase = Phase.STOPPED if self._stopping else Phase.WAITING
        elif self.phase is Phase.RELAXING:
            self.phase = Phase.STOPPED

    def _catch_up(self, now: float) -> None:
        """Go on where the joints are at the command again; where they do not come, let go."""
        gap = self._joints.gap(self._motion.position)
        if self._stopping and self._joints.near(self._motion.position):
            self.phase = Phase.STOPPED
        elif not self._stopping and gap <= self._config.tracking_tolerance:
            self.phase = Phase.RETURNING if self._held is Phase.RETURNING else Phase.MOVING
            self._motion.set_goal(self._goal)
        elif not self._following.comes_nearer(now, gap):
            at, to = _text(self._joints.q), _text(self._motion.position)
            self.stop(f'the joints do not follow: they are at {at}, commanded to {to}')
            self._relax()

    def _relax(self) -> None:
        here = self._joints.q
        if self._arm.within_limits(self._motion.position):
            here = self._arm.clip(here)
        self.phase = Phase.RELAXING
        self._motion.set_goal(here)

    def _has_waited(self, now: float) -> bool:
        return now - self._arrived_at > self._config.settle_timeout

    def _judge(self, now: float) -> None:
        """Tell whether the arm has settled at the target."""
        if not (self._joints.near(self._target) and self._joints.still):
            self.settled_at = None
        elif self.settled_at is None:
            self.settled_at = now

    def _give_up(self) -> None:
        """Leave the target without a sample; too many of them in a row are a fault."""
        self.dropped['not settled' if self.settled_at is None else 'no sample'] += 1
        self._misses += 1
        self.given_up = f'target {_text(self._target)} given up: {self._why_not()}'
        if self._misses >= MISSES:
            self.stop(f'no sample at {MISSES} targets in a row; the last: {self.given_up}')
        else:
            self._advance()

    def _why_not(self) -> str:
        """Return what was wrong at the target."""
        if self.settled_at is None:
            return self._joints.why_unsettled(self._target)
        lack = f': {self._lack}' if self._lack else ''
        return f'the arm stood still there, but no sample came{lack}'


def _text(q: Pair) -> str:
    return f'({q[0]:.3g}, {q[1]:.3g}) rad'
