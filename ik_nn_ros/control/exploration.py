"""
Exploration of the joint range: the arm moves from target to target and stands still at each one.

It has no clock and no messages: the caller passes the time, the measured joints and the samples
taken, and sends the commands that it returns.
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
from ik_nn_ros.control.watchdog import CAUTIOUS_SPEED_RATIO, TrackingMonitor
from ik_nn_ros.trajectory.online_generator import MotionLimits, OnlineTrajectoryGenerator

LIMIT_MARGIN_RAD = 0.02
"""Distance of targets from a joint limit, rad."""
LIMIT_MARGIN_FRACTION = 0.05
"""Largest distance of targets from a joint limit, as a fraction of the range."""
FEEDBACK_LOSS_TIMEOUT_S = 5.0
"""Time after the joint_states timeout at which a silent arm ends the exploration, s."""
MAX_CONSECUTIVE_MISSES = 3
"""Number of consecutive targets without a sample that ends the exploration."""
MAX_STEP_S = 0.05
"""Longest time that one step counts, s: a delay of the computer is not made up for."""


@dataclass(frozen=True)
class ExplorationConfig:
    """
    Configuration of an exploration.

    :param speed_scale: fraction of the arm's velocity limits to use
    :param acceleration: acceleration limit of each joint, rad/s²
    :param jerk: jerk limit of each joint, rad/s³
    :param samples: number of targets over which the joint range is covered evenly; 0: unknown
    :param settle_time: time for which the arm must stand still, s
    :param settle_tolerance: movement of a joint in that time that counts as standing still, rad: a
        little more than one tick of its encoder; a servo with 10 bits has ticks of 0.0051 rad
    :param settle_timeout: time after which a target without a sample is dropped, s
    :param goal_tolerance: largest distance of a joint from its target, rad
    :param tracking_tolerance: largest distance of a standing joint from its command, rad; a moving
        joint may lag in addition
    :param joint_states_timeout: age after which measured joints are stale, s
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
        Return the limits of the arm's motions.

        :param arm: the arm
        :param velocity_ratios: fraction of the scaled velocity that each joint uses
        :raises ConfigError: the arm has no velocity limits
        """
        scale = self.speed_scale
        return MotionLimits.from_arm(
            arm,
            (scale * velocity_ratios[0], scale * velocity_ratios[1]),
            self.acceleration,
            self.jerk,
        )


class ExplorationPhase(Enum):
    """Phase of an exploration."""

    WAITING = auto()
    """Waits for joints that are measured and stand still; nothing is commanded."""
    RETURNING = auto()
    """Moves slowly from outside the limits back inside."""
    MOVING = auto()
    """Moves to a target."""
    SETTLING = auto()
    """Waits at a target until the joints stand still and a sample is taken."""
    HOLDING = auto()
    """Holds the command until the joints have caught up with it."""
    BRAKING = auto()
    """Brakes, because the joints are not measured any more."""
    YIELDING = auto()
    """Moves the command back to the joints, so that they do not push; ends the exploration."""
    STOPPED = auto()
    """Has ended; nothing is commanded."""


class Explorer:
    """
    Explorer that visits joint targets one after the other, and stops if the joints do not follow.

    :param arm: the arm; targets and the motions between them are within its limits
    :param config: configuration
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
        self._feedback = JointFeedback(arm, config.joint_states_timeout)
        self._settling_detector = SettlingDetector(config.settle_time, config.settle_tolerance)
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
        """Why the exploration ended early; empty if it did not."""
        self.settled_at: float | None = None
        """Time since which the arm stands still at a target, s; None where it does not."""
        self.dropped: Counter[str] = Counter()
        """Number of dropped targets by reason."""
        self.last_dropped = ''
        """Text on the last dropped target and what was measured there."""

    @property
    def blocking_reason(self) -> str:
        """Text on what blocks the exploration; empty if nothing does."""
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
        Process measured joint positions.

        :param now: time of reception, s
        :param stamp: time of measurement, s, possibly of another clock
        :param q: rad
        """
        if self._feedback.is_stale(now):
            self._settling_detector.clear()
        command = None if self.phase is ExplorationPhase.WAITING else self._generator.position
        if self._feedback.add(now, stamp, q, command):
            self._settling_detector.add(stamp, self._feedback.q)
        if self.phase is ExplorationPhase.SETTLING:
            self._check_settled(now)
        elif self.phase is ExplorationPhase.MOVING and self._tracking_monitor.update_responsive(
            self._feedback.q, self._generator.position
        ):
            self._generator.set_goal(self._goal, self._motion_limits())

    def step(self, now: float, missing: str = '') -> JointPair | None:
        """
        Return the command to send now, rad; None where there is none.

        :param now: s
        :param missing: what samples need and is missing; the exploration does not start then
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
        """Move to the next target, because the sample at this one has been taken."""
        self._miss_count = 0
        self._next_target()

    def stop(self, fault: str = '') -> None:
        """
        Brake and end the exploration, with the command at the joints.

        :param fault: why; empty where the user stops it
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
            if self._generator.at_rest and self._is_at(self._generator.position):
                self.phase = ExplorationPhase.STOPPED

    def _wait(self, now: float) -> JointPair | None:
        """Start once the joints stand still; end the exploration after a long silence."""
        silence = self._feedback.age(now)
        if silence > self._config.joint_states_timeout + FEEDBACK_LOSS_TIMEOUT_S:
            self.stop(f'no joint_states for {silence:.0f} s')
        elif (
            not self._missing
            and self._settling_detector.is_still
            and not self._feedback.is_stale(now)
        ):
            self._start_motion()
            return self._generator.position
        return None

    def _start_motion(self) -> None:
        """Start a motion from the measured joints."""
        self._feedback.forget_turns()
        start = self._feedback.q
        self._tracking_monitor = TrackingMonitor(start, self._config.tracking_tolerance)
        self._generator = OnlineTrajectoryGenerator(self._cautious_limits, start)
        target_range = JointRange.from_arm(self._arm, start).shrunk(
            LIMIT_MARGIN_RAD, LIMIT_MARGIN_FRACTION
        )
        if self._targets is None:
            self._targets = coverage_targets(target_range, start, self._rng, self._config.samples)
            self._target = next(self._targets)
        if self._arm.within_limits(start):
            self._move_to_target()
        else:
            self._goal = target_range.clip(start)
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
            1.0 if responsive else CAUTIOUS_SPEED_RATIO
            for responsive in self._tracking_monitor.responsive
        )
        return self._config.motion_limits(self._arm, (first, second))

    def _check_watchdog(self, now: float) -> None:
        """Brake if the joints are not measured any more, or do not follow."""
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
        """Enter the next phase at the end of a motion."""
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
        """Continue once the joints have caught up with the command; yield if they do not."""
        gap = self._feedback.distance_to(self._generator.position)
        if self._stopping and self._is_at(self._generator.position):
            self.phase = ExplorationPhase.STOPPED
        elif not self._stopping and gap <= self._config.tracking_tolerance:
            self.phase = (
                ExplorationPhase.RETURNING
                if self._held_phase is ExplorationPhase.RETURNING
                else ExplorationPhase.MOVING
            )
            self._generator.set_goal(self._goal)
        elif not self._tracking_monitor.is_progressing(now, gap):
            q, command = _format_joints(self._feedback.q), _format_joints(self._generator.position)
            self.stop(f'the joints do not follow: they are at {q}, commanded to {command}')
            self._start_yielding()

    def _start_yielding(self) -> None:
        """Move the command back to the joints."""
        goal = self._feedback.q
        if self._arm.within_limits(self._generator.position):
            goal = self._arm.clip(goal)
        self.phase = ExplorationPhase.YIELDING
        self._generator.set_goal(goal)

    def _is_at(self, q: JointPair) -> bool:
        """Tell whether the joints are at a position, rad, within the goal tolerance."""
        return self._feedback.distance_to(q) <= self._config.goal_tolerance

    def _settle_timed_out(self, now: float) -> bool:
        return now - self._arrived_at > self._config.settle_timeout

    def _check_settled(self, now: float) -> None:
        """Update whether the arm has settled at the target."""
        if not (self._is_at(self._target) and self._settling_detector.is_still):
            self.settled_at = None
        elif self.settled_at is None:
            self.settled_at = now

    def _drop_target(self) -> None:
        """Leave the target without a sample; end the exploration after too many in a row."""
        self.dropped['not settled' if self.settled_at is None else 'no sample'] += 1
        self._miss_count += 1
        target = _format_joints(self._target)
        self.last_dropped = f'target {target} given up: {self._drop_reason()}'
        if self._miss_count >= MAX_CONSECUTIVE_MISSES:
            self.stop(
                f'no sample at {MAX_CONSECUTIVE_MISSES} targets in a row; '
                f'the last: {self.last_dropped}'
            )
        else:
            self._next_target()

    def _drop_reason(self) -> str:
        """Return a text on what was wrong at the target."""
        if self.settled_at is None:
            return self._unsettled_reason()
        missing = f': {self._missing}' if self._missing else ''
        return f'the arm stood still there, but no sample came{missing}'

    def _unsettled_reason(self) -> str:
        """Return a text on why the arm has not settled at the target, with numbers."""
        config = self._config
        if not self._is_at(self._target):
            distances = self._feedback.distances_to(self._target)
            distance, joint = max(zip(distances, self._arm.joint_names, strict=True))
            return (
                f'{joint} stays {distance:.3g} rad away, '
                f'goal_tolerance {config.goal_tolerance:g} rad'
            )
        return (
            f'the joints moved by {self._settling_detector.movement:.3g} rad '
            f'in {config.settle_time:g} s, settle_tolerance {config.settle_tolerance:g} rad'
        )


def _format_joints(q: JointPair) -> str:
    return f'({q[0]:.3g}, {q[1]:.3g}) rad'
