"""
Drive an arm from one joint target to the next, and say when it stands still at one.

No clock and no messages in here: who uses it says what time it is, what was measured and when the
sample at a target was taken, and sends the commands it returns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from math import inf

import numpy as np

from ik_nn_ros.arm.geometry import JointPair
from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.control.coverage import JointRange, coverage_targets
from ik_nn_ros.control.joint_feedback import JointFeedback, SettlingDetector
from ik_nn_ros.control.watchdog import TrackingMonitor
from ik_nn_ros.trajectory.online_generator import MotionLimits, OnlineTrajectoryGenerator

# MERGED motion.exploration_config: How an arm is explored.


@dataclass(frozen=True)
class ExplorationConfig:
    """
    How an arm is explored.

    :param speed_scale: part of the arm's velocity limits that is used
    :param acceleration: largest of each joint, rad/s²
    :param jerk: largest of each joint, rad/s³
    :param samples: targets over which the joint range is covered evenly; 0: no number is known
    :param settle_time: how long the arm must stand still, s
    :param settle_tolerance: how far a joint may seem to move meanwhile, rad: at least one tick of
        its encoder and a bit; a servo of 10 bit has ticks of 0.0051 rad
    :param settle_timeout: after which a target is given up, s
    :param goal_tolerance: largest distance of a joint from its target, rad
    :param tracking_tolerance: largest distance of a joint at rest from its command, rad; one that
        moves may also lag
    :param joint_states_timeout: after which measured positions do not count, s
    """

    speed_scale: float = 0.3
    acceleration: JointPair = (5.0, 5.0)
    jerk: JointPair = (50.0, 50.0)
    samples: int = 0
    settle_time: float = 0.12
    settle_tolerance: float = 0.011
    settle_timeout: float = 3.0
    goal_tolerance: float = 0.05
    tracking_tolerance: float = 0.1
    joint_states_timeout: float = 0.5

    def motion_limits(
        self, arm: Kinematics, velocity_ratios: JointPair = (1.0, 1.0)
    ) -> MotionLimits:
        """
        Return how the arm may move.

        :param arm: the arm
        :param velocity_ratios: part of the velocity, each joint
        :raises ConfigError: the arm has no velocity limit
        """
        scale = self.speed_scale
        return MotionLimits.from_arm(
            arm,
            (scale * velocity_ratios[0], scale * velocity_ratios[1]),
            self.acceleration,
            self.jerk,
        )


# MERGED motion.measured_joints: Where the joints are, and whether they have settled there.


class ExplorationFeedback(JointFeedback):
    """
    The latest measured positions, and what can be said of them.

    :param arm: the arm
    :param config: says what counts as silent, still and near
    """

    def __init__(self, arm: Kinematics, config: ExplorationConfig) -> None:
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


LIMIT_MARGIN_RAD, LIMIT_MARGIN_FRACTION = 0.02, 0.05
"""Targets keep this far from a limit: rad, or part of the range where that is less."""
CAUTIOUS_SPEED_RATIO = 0.1
"""
Part of the velocity with which an arm moves that is outside its limits, and a joint that has not
been seen to obey: it may begin to at any time, and shall not jump then.
"""
FEEDBACK_LOSS_TIMEOUT_S = 5.0
"""How much longer (s) than their timeout joint_states may be silent; then it is over."""
MAX_CONSECUTIVE_MISSES = 3
"""Targets in a row without a sample after which it is over."""
MAX_STEP_S = 0.05
"""The most time (s) one step counts: what a busy computer was late is not made up for."""


class ExplorationPhase(Enum):
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
    YIELDING = auto()
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

    def __init__(
        self, arm: Kinematics, config: ExplorationConfig, rng: np.random.Generator
    ) -> None:
        self._arm = arm
        self._config = config
        self._rng = rng
        self._cautious_limits = config.motion_limits(
            arm, (CAUTIOUS_SPEED_RATIO, CAUTIOUS_SPEED_RATIO)
        )
        self._feedback = ExplorationFeedback(arm, config)
        self._generator = OnlineTrajectoryGenerator(self._cautious_limits, arm.home)
        self._tracking_monitor = TrackingMonitor(arm.home, config.tracking_tolerance)
        self._targets: Iterator[JointPair] | None = None
        self._target = self._goal = arm.home
        self._stepped_at = self._arrived_at = -inf
        self._stopping = False
        self._held_phase = ExplorationPhase.MOVING
        self._miss_count = 0
        self._missing = ''
        self.phase = ExplorationPhase.WAITING
        self.fault = ''
        """Why it stopped by itself."""
        self.settled_at: float | None = None
        """Since when (s) the arm has been standing still at a target; None: it does not."""
        self.dropped: Counter[str] = Counter()
        """Targets given up, by reason."""
        self.last_dropped = ''
        """The last of them, and what was measured there."""

    @property
    def blocking_reason(self) -> str:
        """What keeps it from going on; empty: nothing."""
        if self.phase is ExplorationPhase.RETURNING:
            return 'the arm is outside its limits: it moves back inside, slowly'
        if self.phase is ExplorationPhase.HOLDING and not self._stopping:
            return 'the joints do not follow: the command waits for them'
        if self.phase in (
            ExplorationPhase.WAITING,
            ExplorationPhase.BRAKING,
        ) and self._feedback.is_stale(self._stepped_at):
            return f'no joint_states for {self._config.joint_states_timeout:g} s'
        return (
            'waiting until the joints stand still' if self.phase is ExplorationPhase.WAITING else ''
        )

    def update_feedback(self, now: float, stamp: float, q: JointPair) -> None:
        """
        Take in measured joint positions.

        :param now: s
        :param stamp: when they were measured, s, perhaps on another clock
        :param q: rad
        """
        command = None if self.phase is ExplorationPhase.WAITING else self._generator.position
        self._feedback.add(now, stamp, q, command)
        if self.phase is ExplorationPhase.SETTLING:
            self._check_settled(now)
        elif self.phase is ExplorationPhase.MOVING and self._tracking_monitor.update_responsive(
            self._feedback.q, self._generator.position
        ):
            self._generator.set_goal(self._goal, self._motion_limits())

    def step(self, now: float, missing: str = '') -> JointPair | None:
        """
        Return the command (rad) for now; None: there is nothing to be sent.

        :param now: s
        :param missing: what there must be for samples and is not; it does not set out then
        """
        self._missing = missing
        seconds = min(now - self._stepped_at, MAX_STEP_S)
        self._stepped_at = now
        if self.phase is ExplorationPhase.STOPPED:
            return None
        if self.phase is ExplorationPhase.WAITING:
            return self._wait(now)
        self._generator.step(seconds)
        self._check_watchdog(now)
        if self._generator.at_rest:
            self._on_motion_end(now)
        return self._generator.position

    def sample_taken(self) -> None:
        """Go to the next target: the sample at this one has been taken."""
        self._miss_count = 0
        self._next_target()

    def stop(self, fault: str = '') -> None:
        """
        Brake and stop for good, with the command where the joints are.

        :param fault: why, if nobody wanted it
        """
        if self.phase is ExplorationPhase.STOPPED:
            return
        if not self._stopping:
            self.fault = fault
        self._stopping = True
        if self.phase is ExplorationPhase.WAITING:
            self.phase = ExplorationPhase.STOPPED
        elif self.phase in (
            ExplorationPhase.RETURNING,
            ExplorationPhase.MOVING,
            ExplorationPhase.SETTLING,
        ):
            self._hold()
            if self._generator.at_rest and self._feedback.is_at(self._generator.position):
                self.phase = ExplorationPhase.STOPPED

    def _wait(self, now: float) -> JointPair | None:
        """Begin as soon as the joints stand still; who has been away for long is not waited for."""
        silence = self._feedback.age(now)
        if silence > self._config.joint_states_timeout + FEEDBACK_LOSS_TIMEOUT_S:
            self.stop(f'no joint_states for {silence:.0f} s')
        elif not self._missing and self._feedback.is_still and not self._feedback.is_stale(now):
            self._start_motion()
            return self._generator.position
        return None

    def _start_motion(self) -> None:
        """Start from where the joints are."""
        here = self._feedback.q = self._feedback.raw_q
        self._tracking_monitor = TrackingMonitor(here, self._config.tracking_tolerance)
        self._generator = OnlineTrajectoryGenerator(self._cautious_limits, here)
        inside = JointRange.from_arm(self._arm, here).shrunk(
            LIMIT_MARGIN_RAD, LIMIT_MARGIN_FRACTION
        )
        if self._targets is None:
            self._targets = coverage_targets(inside, here, self._rng, self._config.samples)
            self._target = next(self._targets)
        if self._arm.within_limits(here):
            self._move_to_target()
        else:
            self._goal = inside.clip(here)
            self._generator.set_goal(self._goal)
            self.phase = ExplorationPhase.RETURNING

    def _next_target(self) -> None:
        if self._targets is not None:
            self._target = next(self._targets)
            self._move_to_target()

    def _move_to_target(self) -> None:
        self.settled_at = None
        self.phase = ExplorationPhase.MOVING
        self._goal = self._target
        self._generator.set_goal(self._goal, self._motion_limits())

    def _motion_limits(self) -> MotionLimits:
        first, second = (
            1.0 if obeys else CAUTIOUS_SPEED_RATIO for obeys in self._tracking_monitor.responsive
        )
        return self._config.motion_limits(self._arm, (first, second))

    def _check_watchdog(self, now: float) -> None:
        """Brake when the joints are not measured any more, or do not follow."""
        if self.phase in (ExplorationPhase.BRAKING, ExplorationPhase.YIELDING):
            return
        if self._feedback.is_stale(now):
            self.settled_at = None
            self.phase = ExplorationPhase.BRAKING
            self._generator.brake()
        elif self.phase is not ExplorationPhase.HOLDING and self._tracking_monitor.is_lagging(
            self._feedback.q, self._generator.position, self._generator.velocity
        ):
            self._hold()

    def _hold(self) -> None:
        self.settled_at = None
        self._held_phase = self.phase
        self.phase = ExplorationPhase.HOLDING
        if not self._generator.at_rest:
            self._generator.brake()
        self._tracking_monitor.start_waiting()

    def _on_motion_end(self, now: float) -> None:
        """Do what comes next where the motion has ended."""
        if self.phase is ExplorationPhase.RETURNING:
            self._move_to_target()
        elif self.phase is ExplorationPhase.MOVING:
            self.phase = ExplorationPhase.SETTLING
            self._arrived_at = now
        elif self.phase is ExplorationPhase.SETTLING and self._settle_timed_out(now):
            self._drop_target()
        elif self.phase is ExplorationPhase.HOLDING:
            self._check_catch_up(now)
        elif self.phase is ExplorationPhase.BRAKING:
            self.phase = ExplorationPhase.STOPPED if self._stopping else ExplorationPhase.WAITING
        elif self.phase is ExplorationPhase.YIELDING:
            self.phase = ExplorationPhase.STOPPED

    def _check_catch_up(self, now: float) -> None:
        """Go on where the joints are at the command again; where they do not come, let go."""
        gap = self._feedback.distance_to(self._generator.position)
        if self._stopping and self._feedback.is_at(self._generator.position):
            self.phase = ExplorationPhase.STOPPED
        elif not self._stopping and gap <= self._config.tracking_tolerance:
            self.phase = (
                ExplorationPhase.RETURNING
                if self._held_phase is ExplorationPhase.RETURNING
                else ExplorationPhase.MOVING
            )
            self._generator.set_goal(self._goal)
        elif not self._tracking_monitor.is_progressing(now, gap):
            at, to = _format_joints(self._feedback.q), _format_joints(self._generator.position)
            self.stop(f'the joints do not follow: they are at {at}, commanded to {to}')
            self._start_yielding()

    def _start_yielding(self) -> None:
        here = self._feedback.q
        if self._arm.within_limits(self._generator.position):
            here = self._arm.clip(here)
        self.phase = ExplorationPhase.YIELDING
        self._generator.set_goal(here)

    def _settle_timed_out(self, now: float) -> bool:
        return now - self._arrived_at > self._config.settle_timeout

    def _check_settled(self, now: float) -> None:
        """Tell whether the arm has settled at the target."""
        if not (self._feedback.is_at(self._target) and self._feedback.is_still):
            self.settled_at = None
        elif self.settled_at is None:
            self.settled_at = now

    def _drop_target(self) -> None:
        """Leave the target without a sample; too many of them in a row are a fault."""
        self.dropped['not settled' if self.settled_at is None else 'no sample'] += 1
        self._miss_count += 1
        self.last_dropped = f'target {_format_joints(self._target)} given up: {self._drop_reason()}'
        if self._miss_count >= MAX_CONSECUTIVE_MISSES:
            self.stop(
                f'no sample at {MAX_CONSECUTIVE_MISSES} targets in a row; the last: {self.last_dropped}'
            )
        else:
            self._next_target()

    def _drop_reason(self) -> str:
        """Return what was wrong at the target."""
        if self.settled_at is None:
            return self._feedback.unsettled_reason(self._target)
        lack = f': {self._missing}' if self._missing else ''
        return f'the arm stood still there, but no sample came{lack}'


def _format_joints(q: JointPair) -> str:
    return f'({q[0]:.3g}, {q[1]:.3g}) rad'
