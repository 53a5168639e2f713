"""
Smooth motion to a goal that may change at any time, within all limits, and watched.

What holds all the time, whatever comes in: from every command the brakes bring the arm to rest
inside its joint limits and clear of the keep-out zones. It is looked at one step ahead; where it
would not hold any more, the arm brakes now.
"""

from __future__ import annotations

from enum import Enum, auto
from math import inf, isfinite

from ik_nn_ros.arm.joint_path import JointPath
from ik_nn_ros.arm.model import ArmModel, Pair
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.motion.commander import Commander, Refusal
from ik_nn_ros.motion.errand import Errand
from ik_nn_ros.motion.following import LAG
from ik_nn_ros.motion.inside import is_outside, rounded, stoppable, stops_inside
from ik_nn_ros.motion.joint_motion import JointMotion, State
from ik_nn_ros.motion.keep_out import KeepOut
from ik_nn_ros.motion.motion_config import MotionConfig, slower
from ik_nn_ros.motion.path_course import Journey, plan_path

SLOW = 0.1
"""Part of the velocity with which an arm moves that is outside its limits."""
YIELDING, LEAST = 0.3, 0.03
"""Part of the velocity with which a command goes back to joints that do not follow; at least."""
LONGEST_STEP = 0.1
"""Servos that had no command for so long (s) stand still: the motion begins anew, from rest."""
LATE = 0.5
"""After so long (s) without a step what the arm was to do is over."""
SETTLING = 0.5
"""How long (s) the joints may go on moving after the last command."""
ARRIVED, AWAY = 2e-3, 1e-3
"""
Joints farther than the first (rad) from the last command may not have got it: it is sent again
while they settle, unless they have been nearer by the second, as others move them then.
"""
FROZEN = 0.1
"""Joints that do not follow and were the same to the last bit for so long (s) are not measured."""
ASTRAY = 2
"""So many measurements in a row, at least, of joints that do not follow."""
STIR = 0.01
"""Joints that have moved by so much (rad) are yielded to anew."""
LONGEST_PLAN = 100.0
"""s; what takes longer is not handed over: its message would be long."""
RECOVERY = 1.0
"""How long (s) no goal is taken after the joints have not followed."""


class Phase(Enum):
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


MOVES = frozenset({Phase.RETURNING, Phase.MOVING})
FOLLOWED = MOVES | {Phase.BRAKING}
AT_REST = frozenset({Phase.WAITING, Phase.IDLE})


class SmoothMotion(Commander):
    """
    Moves an arm within its limits.

    :param arm: the arm
    :param config: how
    :param keep_out: zones it keeps out of
    :raises ConfigError: the arm has no velocity limits
    """

    def __init__(
        self, arm: ArmModel, config: MotionConfig, keep_out: KeepOut | None = None
    ) -> None:
        super().__init__(arm, config, keep_out)
        self._limits = config.limits(arm)
        self._motion = JointMotion(self._limits, arm.home)
        self._errand = Errand(arm)
        self._errand.straight = config.straight
        self._goal_at = self._stepped_at = self._rested_at = self._recovered_at = -inf
        self._frozen = False
        self._settling = self._reached = self._short = False
        self._nearest = inf
        self._astray = 0
        self._yielded_to = arm.home
        self.phase = Phase.WAITING
        self.late = 0
        """How often the motion had to begin anew because steps did not come in time."""

    @property
    def config(self) -> MotionConfig:
        """How the arm is moved; acceleration and jerk may be changed while it is at rest."""
        return self._config

    @config.setter
    def config(self, config: MotionConfig) -> None:
        self._config = config
        self.joints.timeout = config.joint_states_timeout
        limits, self._limits = self._limits, config.limits(self.arm)
        self._errand.straight = config.straight
        if limits != self._limits and self._errand.has_path:
            self._give_up('the limits that the path was planned with have changed')
        if self.phase is Phase.MOVING:
            self._errand.renew()
        elif self.phase is Phase.RETURNING:
            self._return()
        elif self.phase is Phase.IDLE and self._errand.goal is not None:
            self._set_out(self._stepped_at)

    @property
    def velocity(self) -> Pair:
        """Of the last command, rad/s."""
        return (0.0, 0.0) if self.at_rest else self._motion.velocity

    @property
    def at_rest(self) -> bool:
        """Whether nothing is commanded that moves the arm."""
        return self.phase in AT_REST

    def measure(self, now: float, stamp: float, q: Pair, velocity: Pair | None = None) -> bool:
        """Do :meth:`Commander.measure`, and give the goal up where the joints do not follow."""
        # In a turn of its own where the arm comes back: an encoder may have begun anew.
        command = None if self.phase is Phase.WAITING else self._command
        if not self.joints.add(now, stamp, q, command, velocity):
            return False
        if self._frozen and self.joints.unchanged(now) == 0.0:
            self._frozen = False
            self._errand.renew()
        if self.phase is Phase.WAITING:
            self._come_back(now)
        elif self.phase in FOLLOWED:
            self._follow(now)
        elif self.phase is Phase.YIELDING and self.joints.gap(self._yielded_to) > STIR:
            self._yield_further()
        elif self.phase is Phase.IDLE and self._settling:
            self._settle(now)
        waits = self.phase is Phase.IDLE and self._errand.goal is not None
        if waits and self._config.speed_scale > 0.0:
            self._set_out(now)  # it was doubtful where the joints are
        return True

    def refusal(self, now: float) -> Refusal | None:
        """Return why no goal is taken now; None: one is."""
        refusal = super().refusal(now)
        if refusal is not None:
            return refusal
        if self.phase is not Phase.YIELDING and now >= self._recovered_at:
            return None
        if self._frozen:
            text = f'joint_states: got the same for {self.joints.unchanged(now):.1f} s'
            return Refusal('NO_JOINT_STATES', f'{text}, expected joints that follow')
        return Refusal('HOLDING', f'recovering: {self.fault}')

    def place(self, now: float) -> Pair:
        """Return the joints (rad) from which branch and turn of the next goal are chosen."""
        goal = self._errand.goal
        if self.phase in MOVES and goal is not None:
            if self._errand.riding:
                return self._motion.position
            # On the way the arm may not be on the goal's branch, or at its part of the edge, yet.
            # But whatever turns without end goes the short way from where it is.
            first = goal if isfinite(self.arm.upper[0]) else self._motion.position
            return first[0], goal[1]
        return self._start(now)

    def go_to(self, now: float, q: Pair) -> None:
        """Go to a goal inside the limits, where :meth:`refusal` gave None."""
        same = q == self._errand.goal and self.phase is Phase.MOVING and not self._errand.has_path
        self._goal_at = now
        self.fault = ''
        if not same:
            self._errand.go_to(now, q)
            self._take_up(now)

    def go_along(self, now: float, path: JointPath) -> Refusal | None:
        """Go along a path inside the limits; return why it is not gone."""
        course = plan_path(self.arm, path, self._limits)
        obstacle = self._blocked_way(now, course.at(0.0).position)
        obstacle = obstacle or self.keep_out.course_blocked(self._limits, course)
        if obstacle:
            return Refusal('OBSTRUCTED', f'keep-out zone in the way of the path: {obstacle}')
        self._goal_at = inf  # it ends where it ends, however long that takes
        self.fault = ''
        self._errand.go_along(now, course)
        self._take_up(now)
        return None

    def hand_over(self) -> Journey | None:
        """
        Fix the plan for the path that is to be gone along, for others to follow.

        :return: from the last step to the path's end; None: there is no path, or no such plan, as
            the arm is outside its limits or paused, or it takes too long
        """
        course, scale = self._errand.course, self._config.speed_scale
        if course is None or self.phase is not Phase.MOVING or scale == 0.0 or self._frozen:
            return None
        self._motion.limit(slower(self._limits, scale))
        plan = Journey(self._motion.way_to(course.at(0.0).position), course, scale)
        if plan.duration > LONGEST_PLAN:
            return None
        self._errand.fix(self._motion, plan)
        return plan

    @property
    def handed_over(self) -> bool:
        """Whether the motion still is what :meth:`hand_over` has said."""
        return self._errand.fixed

    def _take_up(self, now: float) -> None:
        """Begin with what is to be done."""
        if self.at_rest:
            if not self.joints.doubtful:
                self._set_out(now)
        elif is_outside(self.arm, self._motion.position):
            self._return()
        else:
            self.phase = Phase.MOVING
            self._errand.renew()

    def stop(self) -> None:
        """Give the goal up and brake."""
        self._errand.forget()
        self._settling = False
        if self.phase in MOVES:
            self.phase = Phase.BRAKING
            self._motion.brake()

    def reset(self) -> None:
        """Forget what was commanded: the next motion begins where the joints are measured."""
        super().reset()
        self._errand.forget()
        self._frozen = self._settling = False
        self._recovered_at = -inf
        self.phase = Phase.WAITING if self._config.require_joint_states else Phase.IDLE

    def step(self, now: float) -> Pair | None:
        """Return the command (rad) for now; None: there is nothing to be sent."""
        seconds, self._stepped_at = now - self._stepped_at, now
        if self.handed_over and seconds > LONGEST_STEP:
            # Whoever follows the plan has not waited.
            self._motion.step(seconds)
            seconds = 0.0
        self._watch(now, seconds)
        if self.at_rest:
            return self._command if self._holds(now) or self._insists(now) else None
        if seconds > LONGEST_STEP:
            return self._command
        self._move(now, seconds)
        self._command = rounded(self.arm, self._motion.position)
        if self._motion.at_rest:
            self._rest(now)
        return self._command

    def _come_back(self, now: float) -> None:
        """Go on with joints that are measured again; elsewhere, the last command is forgotten."""
        self.phase = Phase.IDLE
        self._settling = False
        if self._start(now) is not self._command:
            self._command = None

    def _set_out(self, now: float) -> None:
        """Begin a motion where the joints are."""
        if now - self._stepped_at > LONGEST_STEP:
            self._stepped_at = now
        position = self._start(now)
        velocity = (0.0, 0.0)
        if position is not self._command and not self.joints.silent(now):
            velocity = self.joints.velocity
        self._left = None
        self._settling = False
        self._astray = 0
        self._errand.set_out(now, self._motion)
        if is_outside(self.arm, position):
            self._motion = JointMotion(self._limits, position)
            self._return()
        else:
            near = self.arm.clip(position)
            self.phase = Phase.MOVING
            velocity = stoppable(self.arm, self._limits, near, velocity)
            self._motion = JointMotion(self._limits, near, velocity)

    def _return(self) -> None:
        """Move back inside the limits, slowly."""
        self.phase = Phase.RETURNING
        if self._config.speed_scale == 0.0:
            self._motion.brake()
            return
        self._motion.limit(slower(self._limits, SLOW * self._config.speed_scale))
        self._plan(self.arm.clip(self._motion.position))

    def _plan(self, position: Pair) -> None:
        """Set a goal of the motion, or give up where there is no way to it."""
        try:
            self._motion.set_goal(position)
        except ConfigError as error:
            self._give_up(f'no way to ({position[0]:.3g}, {position[1]:.3g}) rad: {error}'[:200])

    def _move(self, now: float, seconds: float) -> None:
        if self.phase is Phase.MOVING:
            self._steer(now, seconds)
        if self.phase is not Phase.BRAKING:
            self._look_ahead(self._motion.after(seconds))
        self._motion.step(seconds)

    def _look_ahead(self, state: State) -> None:
        """Brake now where from the next state on it would be too late."""
        keep_out = self.keep_out
        if not stops_inside(self.arm, self._motion, state, self._motion.position):
            self._errand.interrupt(self._motion)
            self._motion.brake()
        elif not keep_out.stops_clear(self._motion, state, keep_out.stopping_margin):
            self._give_up('a keep-out zone is in the way')
            self.phase = Phase.BRAKING
            self._motion.brake()

    def _blocked_way(self, now: float, q: Pair) -> str:
        motion = self._motion
        if self.at_rest:
            # The joints do not wait for each other: the way depends on how fast they are.
            limits = slower(self._limits, self._config.speed_scale or 1.0)
            motion = JointMotion(limits, self.arm.clip(self._start(now)))
        way = self._errand.line_to(motion, q) or motion.way_to(q)
        return self.keep_out.way_blocked(motion, way)

    def _steer(self, now: float, seconds: float) -> None:
        """Have the motion go on with what is to be done, or stop on the way where it shall."""
        scale = self._config.speed_scale * (SLOW if self._frozen else 1.0)
        try:
            self._errand.steer(self._motion, now, seconds, self._limits, scale)
        except ConfigError as error:
            self._give_up(str(error)[:200])

    def _rest(self, now: float) -> None:
        """Do what comes next where the motion has ended."""
        if self.phase is Phase.RETURNING and self._config.speed_scale > 0.0:
            self.phase = Phase.MOVING
            self._errand.renew()
            return
        scale = self._config.speed_scale
        # Whoever has been handed the path goes along it at a pace of its own.
        self._nearest = -inf if self.handed_over else self.joints.gap(self._motion.position)
        if self.phase is Phase.YIELDING:
            self._recovered_at = now + RECOVERY
        elif self.phase is Phase.MOVING and scale > 0.0:
            if self._errand.goes_on(self._motion, self._limits, scale):
                return
            self._errand.forget()
        self._settling = self.phase is Phase.MOVING
        self._reached = self._short = False
        self.phase = Phase.WAITING if self.lost(now) else Phase.IDLE
        self._rested_at = now
        self._left = self.joints.q

    def _settle(self, now: float) -> None:
        """Watch where the joints come to rest; where they do not reach the command, let go."""
        self._left = self.joints.q
        gap = self.joints.gap(self._motion.position)
        self._nearest = min(self._nearest, gap)
        self._short = ARRIVED < gap <= self._nearest + AWAY
        if gap <= self._config.tracking_tolerance:
            self._settling = now - self._rested_at < SETTLING
            self._reached = True
        elif self._reached:
            self._settling = False  # somebody has taken the arm away
        elif now - self._rested_at >= SETTLING:
            self._settling = False
            self._yield(f'the joints do not reach their command: {self._gap_text()}')

    def _yield(self, fault: str) -> None:
        """Let the command go where the joints are."""
        self.fault = fault
        self._errand.forget()
        self.phase = Phase.YIELDING
        share = max(YIELDING * self._config.speed_scale, LEAST)
        self._motion.limit(slower(self._limits, share))
        self._yield_further()

    def _yield_further(self) -> None:
        """Let the command go where the joints are now."""
        self._yielded_to = here = self.joints.q
        if self.arm.within_limits(self._motion.position):
            here = self.arm.clip(here)
        self._plan(here)

    def _watch(self, now: float, seconds: float) -> None:
        """Brake where something is not as it must be."""
        if self.at_rest and (self.lost(now) or seconds > LATE):
            self._errand.forget()
        if self.phase is Phase.IDLE and self.lost(now):
            self.phase = Phase.WAITING
        elif not self.at_rest and seconds > LONGEST_STEP:
            self._stall(now, seconds)
        elif self.phase in MOVES and self.lost(now):
            self._give_up(f'no joint_states for {self._config.joint_states_timeout:g} s')
        elif self.phase is Phase.MOVING and 0.0 < self._config.target_timeout < now - self._goal_at:
            self._give_up(f'no target for {self._config.target_timeout:g} s')

    def _stall(self, now: float, seconds: float) -> None:
        """Begin anew where the arm has stopped meanwhile, by itself."""
        self.late += 1
        if seconds > LATE or self.phase not in MOVES:
            self._motion.halt()
            self.fault = f'the control loop stood still for {seconds:.2f} s'
            self._errand.forget()
            self._recovered_at = now + LONGEST_STEP
            self._rest(now)
            self._nearest = -inf  # what was commanded has grown old
        elif self.phase is Phase.RETURNING:
            self._set_out(now)
        else:
            self._errand.interrupt(self._motion)
            self._motion.halt()

    def _follow(self, now: float) -> None:
        """Give the goal up where the joints are not where they are commanded to be."""
        tolerance = self._config.tracking_tolerance
        astray = any(
            abs(to - at) > tolerance + LAG * abs(speed)
            for at, to, speed in zip(
                self.joints.q, self._motion.position, self._motion.velocity, strict=True
            )
        )
        self._astray = self._astray + 1 if astray else 0
        if self._astray < ASTRAY:
            return
        self._frozen = self.joints.unchanged(now) > FROZEN
        what = 'joint_states are frozen' if self._frozen else 'the joints do not follow'
        self._yield(f'{what}: {self._gap_text()}')

    def _gap_text(self) -> str:
        got, to = self.joints.q, self._motion.position
        return f'got ({got[0]:.3g}, {got[1]:.3g}) rad, commanded ({to[0]:.3g}, {to[1]:.3g}) rad'

    def _give_up(self, fault: str) -> None:
        self.fault = fault
        self.stop()

    def _holds(self, now: float) -> bool:
        """Tell whether the command is to be repeated at rest."""
        if not self._config.hold_when_idle or self.phase is not Phase.IDLE:
            return False
        if self._command is None and not (
            self.joints.silent(now) or is_outside(self.arm, self.joints.q)
        ):
            self._command = self.arm.clip(self.joints.q)
        return True

    def _insists(self, now: float) -> bool:
        """Tell whether the command is to be repeated as it may have been lost."""
        settles = self.phase is Phase.IDLE and self._settling
        return settles and self._short and now - self._rested_at < SETTLING
