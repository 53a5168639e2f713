"""
Smooth motion to a goal that may change at any time, within all limits, and watched.

What holds all the time, whatever comes in: from every command the brakes bring the arm to rest
inside its joint limits and clear of the keep-out zones. It is looked at one step ahead; where it
would not hold any more, the arm brakes now.
"""

from __future__ import annotations

from enum import Enum, auto
from math import inf, isfinite

from ik_nn_ros.arm.geometry import JointPair
from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.arm.paths import JointPath
from ik_nn_ros.control.controller import Controller, MotionConfig, Rejection, scale_velocity
from ik_nn_ros.control.goal_executor import GoalExecutor
from ik_nn_ros.control.watchdog import SERVO_LAG_S
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.trajectory.keep_out import KeepOut
from ik_nn_ros.trajectory.online_generator import KinematicState, OnlineTrajectoryGenerator
from ik_nn_ros.trajectory.path_trajectory import TrajectorySequence, plan_path_trajectory
from ik_nn_ros.trajectory.stopping import (
    can_stop_within_limits,
    is_outside_limits,
    snap_to_limits,
    stoppable_velocity,
)

CAUTIOUS_SPEED_RATIO = 0.1
"""Part of the velocity with which an arm moves that is outside its limits."""
YIELD_SPEED_RATIO, MIN_YIELD_SPEED_RATIO = 0.3, 0.03
"""Part of the velocity with which a command goes back to joints that do not follow; at least."""
MAX_STEP_S = 0.1
"""Servos that had no command for so long (s) stand still: the motion begins anew, from rest."""
STALL_TIMEOUT_S = 0.5
"""After so long (s) without a step what the arm was to do is over."""
SETTLE_TIMEOUT_S = 0.5
"""How long (s) the joints may go on moving after the last command."""
RESEND_DISTANCE_RAD, RESEND_DRIFT_RAD = 2e-3, 1e-3
"""
Joints farther than the first (rad) from the last command may not have got it: it is sent again
while they settle, unless they have been nearer by the second, as others move them then.
"""
FROZEN_FEEDBACK_S = 0.1
"""Joints that do not follow and were the same to the last bit for so long (s) are not measured."""
TRACKING_ERROR_COUNT = 2
"""So many measurements in a row, at least, of joints that do not follow."""
YIELD_RESTART_RAD = 0.01
"""Joints that have moved by so much (rad) are yielded to anew."""
MAX_COMMITTED_DURATION_S = 100.0
"""s; what takes longer is not handed over: its message would be long."""
RECOVERY_TIME_S = 1.0
"""How long (s) no goal is taken after the joints have not followed."""


class MotionPhase(Enum):
    """What is being done."""

    WAITING = auto()
    """For measured joints; nothing is commanded."""
    IDLE = auto()
    """At rest; there is no goal."""
    RETURNING = auto()
    """From outside the limits back inside, slowly, before it goes to the goal."""
    MOVING = auto()
    """To the goal."""
    BRAKING = auto()
    """The goal is given up."""
    YIELDING = auto()
    """The command goes back to where the joints are, so that they do not push."""


MOVING_PHASES = frozenset({MotionPhase.RETURNING, MotionPhase.MOVING})
TRACKED_PHASES = MOVING_PHASES | {MotionPhase.BRAKING}
RESTING_PHASES = frozenset({MotionPhase.WAITING, MotionPhase.IDLE})


class SmoothController(Controller):
    """
    Moves an arm within its limits.

    :param arm: the arm
    :param config: how
    :param keep_out: zones it keeps out of
    :raises ConfigError: the arm has no velocity limits
    """

    def __init__(
        self, arm: Kinematics, config: MotionConfig, keep_out: KeepOut | None = None
    ) -> None:
        super().__init__(arm, config, keep_out)
        self._limits = config.motion_limits(arm)
        self._generator = OnlineTrajectoryGenerator(self._limits, arm.home)
        self._executor = GoalExecutor(arm)
        self._executor.cartesian_path = config.cartesian_path
        self._goal_time = self._stepped_at = self._rested_at = self._recovery_end = -inf
        self._feedback_frozen = False
        self._settling = self._goal_reached = self._needs_resend = False
        self._min_distance = inf
        self._tracking_errors = 0
        self._yield_position = arm.home
        self.phase = MotionPhase.WAITING
        self.stall_count = 0
        """How often the motion had to begin anew because steps did not come in time."""

    @property
    def config(self) -> MotionConfig:
        """How the arm is moved; acceleration and jerk may be changed while it is at rest."""
        return self._config

    @config.setter
    def config(self, config: MotionConfig) -> None:
        self._config = config
        self.feedback.timeout = config.joint_states_timeout
        limits, self._limits = self._limits, config.motion_limits(self.arm)
        self._executor.cartesian_path = config.cartesian_path
        if limits != self._limits and self._executor.has_path:
            self._abort('the limits that the path was planned with have changed')
        if self.phase is MotionPhase.MOVING:
            self._executor.request_replan()
        elif self.phase is MotionPhase.RETURNING:
            self._return_to_limits()
        elif self.phase is MotionPhase.IDLE and self._executor.goal is not None:
            self._start_motion(self._stepped_at)

    @property
    def velocity(self) -> JointPair:
        """Of the last command, rad/s."""
        return (0.0, 0.0) if self.at_rest else self._generator.velocity

    @property
    def at_rest(self) -> bool:
        """Whether nothing is commanded that moves the arm."""
        return self.phase in RESTING_PHASES

    def update_feedback(
        self, now: float, stamp: float, q: JointPair, velocity: JointPair | None = None
    ) -> bool:
        """Do :meth:`Controller.update_feedback`, and give the goal up where the joints do not follow."""
        # In a turn of its own where the arm comes back: an encoder may have begun anew.
        command = None if self.phase is MotionPhase.WAITING else self._command
        if not self.feedback.add(now, stamp, q, command, velocity):
            return False
        if self._feedback_frozen and self.feedback.frozen_time(now) == 0.0:
            self._feedback_frozen = False
            self._executor.request_replan()
        if self.phase is MotionPhase.WAITING:
            self._on_feedback_restored(now)
        elif self.phase in TRACKED_PHASES:
            self._check_tracking(now)
        elif (
            self.phase is MotionPhase.YIELDING
            and self.feedback.distance_to(self._yield_position) > YIELD_RESTART_RAD
        ):
            self._update_yield_goal()
        elif self.phase is MotionPhase.IDLE and self._settling:
            self._check_settling(now)
        waits = self.phase is MotionPhase.IDLE and self._executor.goal is not None
        if waits and self._config.speed_scale > 0.0:
            self._start_motion(now)  # it was doubtful where the joints are
        return True

    def rejection(self, now: float) -> Rejection | None:
        """Return why no goal is taken now; None: one is."""
        refusal = super().rejection(now)
        if refusal is not None:
            return refusal
        if self.phase is not MotionPhase.YIELDING and now >= self._recovery_end:
            return None
        if self._feedback_frozen:
            text = f'joint_states: got the same for {self.feedback.frozen_time(now):.1f} s'
            return Rejection('NO_JOINT_STATES', f'{text}, expected joints that follow')
        return Rejection('HOLDING', f'recovering: {self.fault}')

    def seed_joints(self, now: float) -> JointPair:
        """Return the joints (rad) from which branch and turn of the next goal are chosen."""
        goal = self._executor.goal
        if self.phase in MOVING_PHASES and goal is not None:
            if self._executor.on_path:
                return self._generator.position
            # On the way the arm may not be on the goal's branch, or at its part of the edge, yet.
            # But whatever turns without end goes the short way from where it is.
            first = goal if isfinite(self.arm.upper[0]) else self._generator.position
            return first[0], goal[1]
        return self._start_position(now)

    def go_to(self, now: float, q: JointPair) -> None:
        """Go to a goal inside the limits, where :meth:`rejection` gave None."""
        same = (
            q == self._executor.goal
            and self.phase is MotionPhase.MOVING
            and not self._executor.has_path
        )
        self._goal_time = now
        self.fault = ''
        if not same:
            self._executor.go_to(now, q)
            self._start_goal(now)

    def follow_path(self, now: float, path: JointPath) -> Rejection | None:
        """Go along a path inside the limits; return why it is not gone."""
        course = plan_path_trajectory(self.arm, path, self._limits)
        obstacle = self._obstruction_to(now, course.at(0.0).position)
        obstacle = obstacle or self.keep_out.path_obstruction(self._limits, course)
        if obstacle:
            return Rejection('OBSTRUCTED', f'keep-out zone in the way of the path: {obstacle}')
        self._goal_time = inf  # it ends where it ends, however long that takes
        self.fault = ''
        self._executor.follow_path(now, course)
        self._start_goal(now)
        return None

    def commit_trajectory(self) -> TrajectorySequence | None:
        """
        Fix the plan for the path that is to be gone along, for others to follow.

        :return: from the last step to the path's end; None: there is no path, or no such plan, as
            the arm is outside its limits or paused, or it takes too long
        """
        course, scale = self._executor.path_trajectory, self._config.speed_scale
        if (
            course is None
            or self.phase is not MotionPhase.MOVING
            or scale == 0.0
            or self._feedback_frozen
        ):
            return None
        self._generator.set_limits(scale_velocity(self._limits, scale))
        plan = TrajectorySequence(self._generator.plan_to(course.at(0.0).position), course, scale)
        if plan.duration > MAX_COMMITTED_DURATION_S:
            return None
        self._executor.commit(self._generator, plan)
        return plan

    @property
    def trajectory_committed(self) -> bool:
        """Whether the motion still is what :meth:`commit_trajectory` has said."""
        return self._executor.committed

    def _start_goal(self, now: float) -> None:
        """Begin with what is to be done."""
        if self.at_rest:
            if not self.feedback.outlier_pending:
                self._start_motion(now)
        elif is_outside_limits(self.arm, self._generator.position):
            self._return_to_limits()
        else:
            self.phase = MotionPhase.MOVING
            self._executor.request_replan()

    def stop(self) -> None:
        """Give the goal up and brake."""
        self._executor.clear()
        self._settling = False
        if self.phase in MOVING_PHASES:
            self.phase = MotionPhase.BRAKING
            self._generator.brake()

    def reset(self) -> None:
        """Forget what was commanded: the next motion begins where the joints are measured."""
        super().reset()
        self._executor.clear()
        self._feedback_frozen = self._settling = False
        self._recovery_end = -inf
        self.phase = MotionPhase.WAITING if self._config.require_joint_states else MotionPhase.IDLE

    def step(self, now: float) -> JointPair | None:
        """Return the command (rad) for now; None: there is nothing to be sent."""
        seconds, self._stepped_at = now - self._stepped_at, now
        if self.trajectory_committed and seconds > MAX_STEP_S:
            # Whoever follows the plan has not waited.
            self._generator.step(seconds)
            seconds = 0.0
        self._check_watchdog(now, seconds)
        if self.at_rest:
            return self._command if self._should_hold(now) or self._should_resend(now) else None
        if seconds > MAX_STEP_S:
            return self._command
        self._move(now, seconds)
        self._command = snap_to_limits(self.arm, self._generator.position)
        if self._generator.at_rest:
            self._on_motion_end(now)
        return self._command

    def _on_feedback_restored(self, now: float) -> None:
        """Go on with joints that are measured again; elsewhere, the last command is forgotten."""
        self.phase = MotionPhase.IDLE
        self._settling = False
        if self._start_position(now) is not self._command:
            self._command = None

    def _start_motion(self, now: float) -> None:
        """Begin a motion where the joints are."""
        if now - self._stepped_at > MAX_STEP_S:
            self._stepped_at = now
        position = self._start_position(now)
        velocity = (0.0, 0.0)
        if position is not self._command and not self.feedback.is_stale(now):
            velocity = self.feedback.velocity
        self._rest_position = None
        self._settling = False
        self._tracking_errors = 0
        self._executor.restart(now, self._generator)
        if is_outside_limits(self.arm, position):
            self._generator = OnlineTrajectoryGenerator(self._limits, position)
            self._return_to_limits()
        else:
            near = self.arm.clip(position)
            self.phase = MotionPhase.MOVING
            velocity = stoppable_velocity(self.arm, self._limits, near, velocity)
            self._generator = OnlineTrajectoryGenerator(self._limits, near, velocity)

    def _return_to_limits(self) -> None:
        """Move back inside the limits, slowly."""
        self.phase = MotionPhase.RETURNING
        if self._config.speed_scale == 0.0:
            self._generator.brake()
            return
        self._generator.set_limits(
            scale_velocity(self._limits, CAUTIOUS_SPEED_RATIO * self._config.speed_scale)
        )
        self._plan_to(self.arm.clip(self._generator.position))

    def _plan_to(self, position: JointPair) -> None:
        """Set a goal of the motion, or give up where there is no way to it."""
        try:
            self._generator.set_goal(position)
        except ConfigError as error:
            self._abort(f'no way to ({position[0]:.3g}, {position[1]:.3g}) rad: {error}'[:200])

    def _move(self, now: float, seconds: float) -> None:
        if self.phase is MotionPhase.MOVING:
            self._update_executor(now, seconds)
        if self.phase is not MotionPhase.BRAKING:
            self._check_next_state(self._generator.state_after(seconds))
        self._generator.step(seconds)

    def _check_next_state(self, state: KinematicState) -> None:
        """Brake now where from the next state on it would be too late."""
        keep_out = self.keep_out
        if not can_stop_within_limits(self.arm, self._generator, state, self._generator.position):
            self._executor.interrupt(self._generator)
            self._generator.brake()
        elif not keep_out.can_stop_clear(self._generator, state, keep_out.stopping_margin):
            self._abort('a keep-out zone is in the way')
            self.phase = MotionPhase.BRAKING
            self._generator.brake()

    def _obstruction_to(self, now: float, q: JointPair) -> str:
        motion = self._generator
        if self.at_rest:
            # The joints do not wait for each other: the way depends on how fast they are.
            limits = scale_velocity(self._limits, self._config.speed_scale or 1.0)
            motion = OnlineTrajectoryGenerator(limits, self.arm.clip(self._start_position(now)))
        way = self._executor.plan_line_to(motion, q) or motion.plan_to(q)
        return self.keep_out.trajectory_obstruction(motion, way)

    def _update_executor(self, now: float, seconds: float) -> None:
        """Have the motion go on with what is to be done, or stop on the way where it shall."""
        scale = self._config.speed_scale * (CAUTIOUS_SPEED_RATIO if self._feedback_frozen else 1.0)
        try:
            self._executor.update(self._generator, now, seconds, self._limits, scale)
        except ConfigError as error:
            self._abort(str(error)[:200])

    def _on_motion_end(self, now: float) -> None:
        """Do what comes next where the motion has ended."""
        if self.phase is MotionPhase.RETURNING and self._config.speed_scale > 0.0:
            self.phase = MotionPhase.MOVING
            self._executor.request_replan()
            return
        scale = self._config.speed_scale
        # Whoever has been handed the path goes along it at a pace of its own.
        self._min_distance = (
            -inf
            if self.trajectory_committed
            else self.feedback.distance_to(self._generator.position)
        )
        if self.phase is MotionPhase.YIELDING:
            self._recovery_end = now + RECOVERY_TIME_S
        elif self.phase is MotionPhase.MOVING and scale > 0.0:
            if self._executor.resume_path(self._generator, self._limits, scale):
                return
            self._executor.clear()
        self._settling = self.phase is MotionPhase.MOVING
        self._goal_reached = self._needs_resend = False
        self.phase = MotionPhase.WAITING if self.feedback_lost(now) else MotionPhase.IDLE
        self._rested_at = now
        self._rest_position = self.feedback.q

    def _check_settling(self, now: float) -> None:
        """Watch where the joints come to rest; where they do not reach the command, let go."""
        self._rest_position = self.feedback.q
        gap = self.feedback.distance_to(self._generator.position)
        self._min_distance = min(self._min_distance, gap)
        self._needs_resend = RESEND_DISTANCE_RAD < gap <= self._min_distance + RESEND_DRIFT_RAD
        if gap <= self._config.tracking_tolerance:
            self._settling = now - self._rested_at < SETTLE_TIMEOUT_S
            self._goal_reached = True
        elif self._goal_reached:
            self._settling = False  # somebody has taken the arm away
        elif now - self._rested_at >= SETTLE_TIMEOUT_S:
            self._settling = False
            self._start_yielding(
                f'the joints do not reach their command: {self._tracking_error_text()}'
            )

    def _start_yielding(self, fault: str) -> None:
        """Let the command go where the joints are."""
        self.fault = fault
        self._executor.clear()
        self.phase = MotionPhase.YIELDING
        share = max(YIELD_SPEED_RATIO * self._config.speed_scale, MIN_YIELD_SPEED_RATIO)
        self._generator.set_limits(scale_velocity(self._limits, share))
        self._update_yield_goal()

    def _update_yield_goal(self) -> None:
        """Let the command go where the joints are now."""
        self._yield_position = here = self.feedback.q
        if self.arm.within_limits(self._generator.position):
            here = self.arm.clip(here)
        self._plan_to(here)

    def _check_watchdog(self, now: float, seconds: float) -> None:
        """Brake where something is not as it must be."""
        if self.at_rest and (self.feedback_lost(now) or seconds > STALL_TIMEOUT_S):
            self._executor.clear()
        if self.phase is MotionPhase.IDLE and self.feedback_lost(now):
            self.phase = MotionPhase.WAITING
        elif not self.at_rest and seconds > MAX_STEP_S:
            self._handle_stall(now, seconds)
        elif self.phase in MOVING_PHASES and self.feedback_lost(now):
            self._abort(f'no joint_states for {self._config.joint_states_timeout:g} s')
        elif (
            self.phase is MotionPhase.MOVING
            and 0.0 < self._config.target_timeout < now - self._goal_time
        ):
            self._abort(f'no target for {self._config.target_timeout:g} s')

    def _handle_stall(self, now: float, seconds: float) -> None:
        """Begin anew where the arm has stopped meanwhile, by itself."""
        self.stall_count += 1
        if seconds > STALL_TIMEOUT_S or self.phase not in MOVING_PHASES:
            self._generator.reset_to_standstill()
            self.fault = f'the control loop stood still for {seconds:.2f} s'
            self._executor.clear()
            self._recovery_end = now + MAX_STEP_S
            self._on_motion_end(now)
            self._min_distance = -inf  # what was commanded has grown old
        elif self.phase is MotionPhase.RETURNING:
            self._start_motion(now)
        else:
            self._executor.interrupt(self._generator)
            self._generator.reset_to_standstill()

    def _check_tracking(self, now: float) -> None:
        """Give the goal up where the joints are not where they are commanded to be."""
        tolerance = self._config.tracking_tolerance
        astray = any(
            abs(to - at) > tolerance + SERVO_LAG_S * abs(speed)
            for at, to, speed in zip(
                self.feedback.q, self._generator.position, self._generator.velocity, strict=True
            )
        )
        self._tracking_errors = self._tracking_errors + 1 if astray else 0
        if self._tracking_errors < TRACKING_ERROR_COUNT:
            return
        self._feedback_frozen = self.feedback.frozen_time(now) > FROZEN_FEEDBACK_S
        what = 'joint_states are frozen' if self._feedback_frozen else 'the joints do not follow'
        self._start_yielding(f'{what}: {self._tracking_error_text()}')

    def _tracking_error_text(self) -> str:
        got, to = self.feedback.q, self._generator.position
        return f'got ({got[0]:.3g}, {got[1]:.3g}) rad, commanded ({to[0]:.3g}, {to[1]:.3g}) rad'

    def _abort(self, fault: str) -> None:
        self.fault = fault
        self.stop()

    def _should_hold(self, now: float) -> bool:
        """Tell whether the command is to be repeated at rest."""
        if not self._config.hold_when_idle or self.phase is not MotionPhase.IDLE:
            return False
        if self._command is None and not (
            self.feedback.is_stale(now) or is_outside_limits(self.arm, self.feedback.q)
        ):
            self._command = self.arm.clip(self.feedback.q)
        return True

    def _should_resend(self, now: float) -> bool:
        """Tell whether the command is to be repeated as it may have been lost."""
        settles = self.phase is MotionPhase.IDLE and self._settling
        return settles and self._needs_resend and now - self._rested_at < SETTLE_TIMEOUT_S
