"""
Smooth controller: jerk-limited motion to a goal that may change at any time, with a watchdog.

One invariant holds at all times, whatever goals and measurements arrive: from every command the
arm can stop within its joint limits and clear of the keep-out zones. It is checked one step ahead;
if the next step would violate it, the arm brakes now.
"""

from __future__ import annotations

from enum import Enum, auto
from math import inf, isfinite

from ik_nn_ros.arm.geometry import JointPair
from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.arm.paths import JointPath
from ik_nn_ros.control.controller import Controller, MotionConfig, Rejection, scale_velocity
from ik_nn_ros.control.goal_executor import GoalExecutor
from ik_nn_ros.control.watchdog import CAUTIOUS_SPEED_RATIO, exceeds_tracking_tolerance
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

YIELD_SPEED_RATIO = 0.3
"""Fraction of the velocity with which a command returns to joints that do not follow."""
MIN_YIELD_SPEED_RATIO = 0.03
"""Lower bound of that fraction at low ``speed_scale``."""
MAX_STEP_S = 0.1
"""Time without a command after which servos stand still: the motion restarts from standstill, s."""
STALL_TIMEOUT_S = 0.5
"""Time without a step after which goal and path are discarded, s."""
SETTLE_TIMEOUT_S = 0.5
"""Time for which the joints may still move after the last command, s."""
RESEND_DISTANCE_RAD = 2e-3
"""
Distance from the last command beyond which it may have been lost, rad.

It is sent again while the joints settle.
"""
RESEND_DRIFT_RAD = 1e-3
"""Distance by which the joints may have been closer to it, rad; else something moves them away."""
FROZEN_FEEDBACK_S = 0.1
"""Time for which joints that do not follow must be equal to the last bit to count as frozen, s."""
TRACKING_ERROR_COUNT = 2
"""Minimum number of consecutive measurements of joints that do not follow."""
YIELD_RESTART_RAD = 0.01
"""Movement of the joints after which a yielding command gets a new goal, rad."""
MAX_COMMITTED_DURATION_S = 100.0
"""Longest plan that is handed over, s: the message would be too long."""
RECOVERY_TIME_S = 1.0
"""Time after yielding for which goals are rejected, s."""
MAX_FAULT_LENGTH = 200
"""Maximum number of characters of a fault text."""


class MotionPhase(Enum):
    """Phase of a motion."""

    WAITING = auto()
    """Waits for measured joints; nothing is commanded."""
    IDLE = auto()
    """At rest without a goal, or with one kept at speed zero."""
    RETURNING = auto()
    """Moves slowly from outside the limits back inside, before it moves to the goal."""
    MOVING = auto()
    """Moves to the goal or along the path."""
    BRAKING = auto()
    """Brakes, because the goal was discarded."""
    YIELDING = auto()
    """Moves the command back to the joints, so that they do not push."""


class SettlingState(Enum):
    """State of the joints after the end of a motion to a goal."""

    SETTLED = auto()
    """Not watched any more."""
    APPROACHING = auto()
    """Not yet within the tracking tolerance of the command."""
    ARRIVED = auto()
    """Have been within the tracking tolerance of the command."""


MOVING_PHASES = frozenset({MotionPhase.RETURNING, MotionPhase.MOVING})
TRACKED_PHASES = MOVING_PHASES | {MotionPhase.BRAKING}
RESTING_PHASES = frozenset({MotionPhase.WAITING, MotionPhase.IDLE})


class SmoothController(Controller):
    """
    Controller that moves an arm smoothly within its limits.

    :param arm: the arm
    :param config: configuration
    :param keep_out: keep-out zones; none where this is None
    :raises ConfigError: the arm has no velocity limits
    """

    def __init__(
        self, arm: Kinematics, config: MotionConfig, keep_out: KeepOut | None = None
    ) -> None:
        super().__init__(arm, config, keep_out)
        self._limits = config.motion_limits(arm)
        self._generator = OnlineTrajectoryGenerator(self._limits, arm.home)
        self._executor = GoalExecutor(arm, config.cartesian_path)
        self._goal_time = self._stepped_at = self._rested_at = self._recovery_end = -inf
        self._feedback_frozen = False
        self._settling = SettlingState.SETTLED
        self._needs_resend = False
        self._min_distance = inf
        self._tracking_errors = 0
        self._yield_position = arm.home
        self.phase = MotionPhase.WAITING
        self.stall_count = 0
        """Number of times that a late step made the motion restart."""

    @property
    def config(self) -> MotionConfig:
        """Configuration; acceleration and jerk may be changed while the arm is at rest."""
        return self._config

    @config.setter
    def config(self, config: MotionConfig) -> None:
        self._config = config
        self.feedback.set_timeout(config.joint_states_timeout)
        limits, self._limits = self._limits, config.motion_limits(self.arm)
        self._executor.set_cartesian_path(config.cartesian_path)
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
        """Velocity of the last command, rad/s."""
        return (0.0, 0.0) if self.at_rest else self._generator.velocity

    @property
    def at_rest(self) -> bool:
        """Whether no command moves the arm."""
        return self.phase in RESTING_PHASES

    def update_feedback(
        self, now: float, stamp: float, q: JointPair, velocity: JointPair | None = None
    ) -> bool:
        """Process measured joints, see :class:`Controller`; yield if the joints do not follow."""
        # After a silence the encoder may have restarted: its turn counts, not the command's.
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
        elif self.phase is MotionPhase.IDLE and self._is_settling:
            self._check_settling(now)
        goal_pending = self.phase is MotionPhase.IDLE and self._executor.goal is not None
        if goal_pending and self._config.speed_scale > 0.0:
            self._start_motion(now)  # it waited for the confirmation of an outlier
        return True

    def rejection(self, now: float) -> Rejection | None:
        """Return why no goal is accepted now; None where goals are accepted."""
        rejection = super().rejection(now)
        if rejection is not None:
            return rejection
        if self.phase is not MotionPhase.YIELDING and now >= self._recovery_end:
            return None
        if self._feedback_frozen:
            text = f'joint_states: got the same for {self.feedback.frozen_time(now):.1f} s'
            return Rejection('NO_JOINT_STATES', f'{text}, expected joints that follow')
        return Rejection('HOLDING', f'recovering: {self.fault}')

    def seed_joints(self, now: float) -> JointPair:
        """Return the joint positions, rad, that decide the next goal's branch and turn."""
        goal = self._executor.goal
        if self.phase in MOVING_PHASES and goal is not None:
            if self._executor.on_path:
                return self._generator.position
            # A moving arm may not have reached the goal's branch yet, so the goal counts; but for a
            # continuous joint the current position, from which it turns the shorter way.
            first = goal if isfinite(self.arm.upper[0]) else self._generator.position
            return first[0], goal[1]
        return self._start_position(now)

    def go_to(self, now: float, q: JointPair) -> None:
        """Move to a goal within the limits, rad, where :meth:`rejection` returned None."""
        unchanged = (
            q == self._executor.goal
            and self.phase is MotionPhase.MOVING
            and not self._executor.has_path
        )
        self._goal_time = now
        self.fault = ''
        if not unchanged:
            self._executor.go_to(now, q)
            self._start_goal(now)

    def follow_path(self, now: float, path: JointPath) -> Rejection | None:
        """Follow a path within the limits; return why it is rejected, or None."""
        trajectory = plan_path_trajectory(self.arm, path, self._limits)
        obstruction = self._obstruction_to(now, trajectory.at(0.0).position)
        obstruction = obstruction or self.keep_out.path_obstruction(self._limits, trajectory)
        if obstruction:
            return Rejection('OBSTRUCTED', f'keep-out zone in the way of the path: {obstruction}')
        self._goal_time = inf  # target_timeout does not apply to paths
        self.fault = ''
        self._executor.follow_path(now, trajectory)
        self._start_goal(now)
        return None

    def commit_trajectory(self) -> TrajectorySequence | None:
        """
        Commit to a plan for the path, which a downstream controller can follow.

        :return: plan from the last step to the end of the path; None where there is no path, the
            arm is outside its limits or paused, or the plan takes too long
        """
        trajectory, scale = self._executor.path_trajectory, self._config.speed_scale
        if (
            trajectory is None
            or self.phase is not MotionPhase.MOVING
            or scale == 0.0
            or self._feedback_frozen
        ):
            return None
        self._generator.set_limits(scale_velocity(self._limits, scale))
        approach = self._generator.plan_to(trajectory.at(0.0).position)
        plan = TrajectorySequence(approach, trajectory, scale)
        if plan.duration > MAX_COMMITTED_DURATION_S:
            return None
        self._executor.commit(self._generator, plan)
        return plan

    @property
    def trajectory_committed(self) -> bool:
        """Whether the motion still follows the plan of :meth:`commit_trajectory`."""
        return self._executor.committed

    def _start_goal(self, now: float) -> None:
        """Start to execute a new goal or path."""
        if self.at_rest:
            if not self.feedback.outlier_pending:
                self._start_motion(now)
        elif is_outside_limits(self.arm, self._generator.position):
            self._return_to_limits()
        else:
            self.phase = MotionPhase.MOVING
            self._executor.request_replan()

    def stop(self) -> None:
        """Discard the goal and brake."""
        self._executor.clear()
        self._settling = SettlingState.SETTLED
        if self.phase in MOVING_PHASES:
            self.phase = MotionPhase.BRAKING
            self._generator.brake()

    def reset(self) -> None:
        """Discard goal and last command: the next motion starts at the measured joints."""
        super().reset()
        self._executor.clear()
        self._feedback_frozen = False
        self._settling = SettlingState.SETTLED
        self._recovery_end = -inf
        self.phase = MotionPhase.WAITING if self._config.require_joint_states else MotionPhase.IDLE

    def step(self, now: float) -> JointPair | None:
        """Return the command to send now, rad; None where there is none."""
        seconds, self._stepped_at = now - self._stepped_at, now
        if self.trajectory_committed and seconds > MAX_STEP_S:
            # The downstream controller that follows the plan has not waited.
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
        """Continue with joints that are measured again; discard the command if they have moved."""
        self.phase = MotionPhase.IDLE
        self._settling = SettlingState.SETTLED
        if self._start_position(now) is not self._command:
            self._command = None

    def _start_motion(self, now: float) -> None:
        """Start a motion from the position of the joints."""
        if now - self._stepped_at > MAX_STEP_S:
            self._stepped_at = now
        position = self._start_position(now)
        velocity = (0.0, 0.0)
        if position is not self._command and not self.feedback.is_stale(now):
            velocity = self.feedback.velocity
        self._rest_position = None
        self._settling = SettlingState.SETTLED
        self._tracking_errors = 0
        self._executor.restart(now, self._generator)
        if is_outside_limits(self.arm, position):
            self._generator = OnlineTrajectoryGenerator(self._limits, position)
            self._return_to_limits()
        else:
            clipped = self.arm.clip(position)
            self.phase = MotionPhase.MOVING
            velocity = stoppable_velocity(self.arm, self._limits, clipped, velocity)
            self._generator = OnlineTrajectoryGenerator(self._limits, clipped, velocity)

    def _return_to_limits(self) -> None:
        """Move slowly back inside the limits."""
        self.phase = MotionPhase.RETURNING
        if self._config.speed_scale == 0.0:
            self._generator.brake()
            return
        self._generator.set_limits(
            scale_velocity(self._limits, CAUTIOUS_SPEED_RATIO * self._config.speed_scale)
        )
        self._plan_to(self.arm.clip(self._generator.position))

    def _plan_to(self, position: JointPair) -> None:
        """Set a goal of the motion, or abort where there is no motion to it."""
        try:
            self._generator.set_goal(position)
        except ConfigError as error:
            self._abort(f'no way to ({position[0]:.3g}, {position[1]:.3g}) rad: {error}')

    def _move(self, now: float, seconds: float) -> None:
        """Advance the motion by a step, which ends now."""
        if self.phase is MotionPhase.MOVING:
            self._update_executor(now, seconds)
        if self.phase is not MotionPhase.BRAKING:
            self._check_next_state(self._generator.state_after(seconds))
        self._generator.step(seconds)

    def _check_next_state(self, state: KinematicState) -> None:
        """Brake now if it would be too late from the next state on."""
        keep_out = self.keep_out
        if not can_stop_within_limits(self.arm, self._generator, state, self._generator.position):
            self._executor.interrupt(self._generator)
            self._generator.brake()
        elif not keep_out.can_stop_clear(self._generator, state, keep_out.stopping_margin):
            self._abort('a keep-out zone is in the way')
            self.phase = MotionPhase.BRAKING
            self._generator.brake()

    def _obstruction_to(self, now: float, q: JointPair) -> str:
        generator = self._generator
        if self.at_rest:
            # The joints are not synchronized: the path depends on their speeds.
            limits = scale_velocity(self._limits, self._config.speed_scale or 1.0)
            generator = OnlineTrajectoryGenerator(limits, self.arm.clip(self._start_position(now)))
        trajectory = self._executor.plan_line_to(generator, q) or generator.plan_to(q)
        return self.keep_out.trajectory_obstruction(generator, trajectory)

    def _update_executor(self, now: float, seconds: float) -> None:
        """Update the trajectory for the next step; stop where the speed scale is zero."""
        scale = self._config.speed_scale * (CAUTIOUS_SPEED_RATIO if self._feedback_frozen else 1.0)
        try:
            self._executor.update(self._generator, now, seconds, self._limits, scale)
        except ConfigError as error:
            self._abort(str(error))

    def _on_motion_end(self, now: float) -> None:
        """Enter the next phase at the end of a motion."""
        if self.phase is MotionPhase.RETURNING and self._config.speed_scale > 0.0:
            self.phase = MotionPhase.MOVING
            self._executor.request_replan()
            return
        scale = self._config.speed_scale
        # A downstream controller follows a committed plan at its own speed: no resend.
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
        moving = self.phase is MotionPhase.MOVING
        self._settling = SettlingState.APPROACHING if moving else SettlingState.SETTLED
        self._needs_resend = False
        self.phase = MotionPhase.WAITING if self.feedback_lost(now) else MotionPhase.IDLE
        self._rested_at = now
        self._rest_position = self.feedback.q

    def _check_settling(self, now: float) -> None:
        """Watch the joints after a motion; yield if they do not reach the command."""
        self._rest_position = self.feedback.q
        distance = self.feedback.distance_to(self._generator.position)
        self._min_distance = min(self._min_distance, distance)
        self._needs_resend = RESEND_DISTANCE_RAD < distance <= self._min_distance + RESEND_DRIFT_RAD
        timed_out = now - self._rested_at >= SETTLE_TIMEOUT_S
        if distance <= self._config.tracking_tolerance:
            self._settling = SettlingState.SETTLED if timed_out else SettlingState.ARRIVED
        elif self._settling is SettlingState.ARRIVED:
            self._settling = SettlingState.SETTLED  # something else moves the arm
        elif timed_out:
            self._settling = SettlingState.SETTLED
            self._start_yielding(
                f'the joints do not reach their command: {self._tracking_error_text()}'
            )

    def _start_yielding(self, fault: str) -> None:
        """Move the command back to the joints."""
        self.fault = fault
        self._executor.clear()
        self.phase = MotionPhase.YIELDING
        ratio = max(YIELD_SPEED_RATIO * self._config.speed_scale, MIN_YIELD_SPEED_RATIO)
        self._generator.set_limits(scale_velocity(self._limits, ratio))
        self._update_yield_goal()

    def _update_yield_goal(self) -> None:
        """Set the goal of a yielding command to the current position of the joints."""
        self._yield_position = goal = self.feedback.q
        if self.arm.within_limits(self._generator.position):
            goal = self.arm.clip(goal)
        self._plan_to(goal)

    def _check_watchdog(self, now: float, seconds: float) -> None:
        """Abort the motion on lost feedback, late steps or missing targets."""
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
        """Restart from standstill after a late step, because the servos have stopped meanwhile."""
        self.stall_count += 1
        if seconds > STALL_TIMEOUT_S or self.phase not in MOVING_PHASES:
            self._generator.reset_to_standstill()
            self.fault = f'the control loop stood still for {seconds:.2f} s'
            self._executor.clear()
            self._recovery_end = now + MAX_STEP_S
            self._on_motion_end(now)
            self._min_distance = -inf  # no resend of an old command
        elif self.phase is MotionPhase.RETURNING:
            self._start_motion(now)
        else:
            self._executor.interrupt(self._generator)
            self._generator.reset_to_standstill()

    def _check_tracking(self, now: float) -> None:
        """Yield if the joints do not follow their command."""
        generator = self._generator
        lagging = exceeds_tracking_tolerance(
            self.feedback.q,
            generator.position,
            generator.velocity,
            self._config.tracking_tolerance,
        )
        self._tracking_errors = self._tracking_errors + 1 if lagging else 0
        if self._tracking_errors < TRACKING_ERROR_COUNT:
            return
        self._feedback_frozen = self.feedback.frozen_time(now) > FROZEN_FEEDBACK_S
        cause = 'joint_states are frozen' if self._feedback_frozen else 'the joints do not follow'
        self._start_yielding(f'{cause}: {self._tracking_error_text()}')

    def _tracking_error_text(self) -> str:
        (q1, q2), (command1, command2) = self.feedback.q, self._generator.position
        return f'got ({q1:.3g}, {q2:.3g}) rad, commanded ({command1:.3g}, {command2:.3g}) rad'

    def _abort(self, fault: str) -> None:
        self.fault = fault[:MAX_FAULT_LENGTH]
        self.stop()

    def _should_hold(self, now: float) -> bool:
        """Tell whether to repeat the command at rest, as configured."""
        if not self._config.hold_when_idle or self.phase is not MotionPhase.IDLE:
            return False
        if self._command is None and not (
            self.feedback.is_stale(now) or is_outside_limits(self.arm, self.feedback.q)
        ):
            self._command = self.arm.clip(self.feedback.q)
        return True

    def _should_resend(self, now: float) -> bool:
        """Tell whether to repeat the command because it may have been lost."""
        settling = self.phase is MotionPhase.IDLE and self._is_settling
        return settling and self._needs_resend and now - self._rested_at < SETTLE_TIMEOUT_S

    @property
    def _is_settling(self) -> bool:
        return self._settling is not SettlingState.SETTLED
