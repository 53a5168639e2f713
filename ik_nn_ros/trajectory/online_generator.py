"""From joint goals to a smooth motion: velocity, acceleration and jerk stay within their limits."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, inf, isfinite, isinf
from typing import Any, NamedTuple, Protocol

import numpy as np

from ik_nn_ros.arm.geometry import Array, JointPair
from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.errors import ConfigError

JOINT_COUNT = 2
JERK_LIMIT_RATIOS = (1.0, 1.0 - 1e-9, 1.0 - 1e-8, 1.0 - 1e-7)
"""
Parts of the jerk limit to plan with, the next where one fails.

Ruckig may find no way where one shape of it turns into another, e.g. where the acceleration limit
is just reached: of ways between round numbers some in a hundred thousand.
"""


@dataclass(frozen=True)
class MotionLimits:
    """
    How the two joints may move.

    :param velocity: rad/s
    :param acceleration: rad/s²
    :param jerk: rad/s³
    :raises ConfigError: one that is not positive, or infinite
    """

    velocity: JointPair
    acceleration: JointPair
    jerk: JointPair

    def __post_init__(self) -> None:
        for name in ('velocity', 'acceleration', 'jerk'):
            values = getattr(self, name)
            if not all(isfinite(value) and value > 0.0 for value in values):
                raise ConfigError(
                    f'motion limits: {name}', got=values, expected='positive and finite'
                )

    @classmethod
    def from_arm(
        cls,
        arm: Kinematics,
        velocity_ratios: JointPair,
        acceleration: JointPair,
        jerk: JointPair,
        max_velocity: JointPair = (0.0, 0.0),
    ) -> MotionLimits:
        """
        Return the limits of an arm.

        :param arm: its URDF limits the velocity
        :param velocity_ratios: part of that, each joint
        :param acceleration: rad/s²
        :param jerk: rad/s³
        :param max_velocity: velocities (rad/s) that count where they are less; 0: none
        :raises ConfigError: a joint has no velocity limit
        """
        speeds = []
        for joint, urdf, own, share in zip(
            arm.joint_names, arm.max_velocity, max_velocity, velocity_ratios, strict=True
        ):
            limit = min(urdf, own or inf)
            if isinf(limit):
                raise ConfigError(
                    f'velocity limit of {joint}', got='none', expected='one in the URDF, to move it'
                )
            speeds.append(share * limit)
        return cls((speeds[0], speeds[1]), acceleration, jerk)


class KinematicState(NamedTuple):
    """How two joints move: positions (rad), velocities (rad/s), accelerations (rad/s²)."""

    position: JointPair
    velocity: JointPair
    acceleration: JointPair


class Trajectory(Protocol):
    """What a motion can follow."""

    @property
    def duration(self) -> float:
        """s; infinite where it has no end."""

    def at(self, time: float) -> KinematicState:
        """Return the state a time (s) after the beginning."""


class RuckigTrajectory:
    """
    A planned way of the two joints, from its beginning to its end, where they stay as they are.

    :param trajectory: Ruckig's
    """

    def __init__(self, trajectory: Any) -> None:
        self._trajectory = trajectory
        self.duration: float = trajectory.duration
        """s"""

    def at(self, time: float) -> KinematicState:
        """Return the state a time (s) after the beginning."""
        (q1, q2), (v1, v2), (a1, a2) = self._trajectory.at_time(time)
        return KinematicState((q1, q2), (v1, v2), (a1, a2))

    def states_at(self, times: Array) -> tuple[Array, Array, Array]:
        """Return positions, velocities, accelerations (N, 2): rad, rad/s, rad/s²."""
        states = np.array([self._trajectory.at_time(time) for time in times.tolist()])
        q, v, a = states.reshape(-1, 3, JOINT_COUNT).transpose(1, 0, 2)
        return q, v, a

    @property
    def _position_extrema(self) -> tuple[JointPair, JointPair]:
        """Smallest and largest position of each joint on a braking, rad."""
        first, second = self._trajectory.position_extrema
        return (first.min, first.max), (second.min, second.max)

    def positions(self, period: float) -> Array:
        """Return (N, 2) positions, rad, at most ``period`` (s) apart, both ends included."""
        count = max(1, ceil(self.duration / period))
        at_time, share = self._trajectory.at_time, self.duration / count
        return np.array([at_time(number * share)[0] for number in range(count + 1)])


class ConstantJerkSegment(NamedTuple):
    """
    A state from which the joints go on with constant jerks, without an end.

    :param initial_state: the state
    :param jerk: rad/s³
    """

    initial_state: KinematicState
    jerk: JointPair
    duration: float = inf

    def at(self, time: float) -> KinematicState:
        """Return the state a time (s) after the beginning."""
        (q1, q2), (v1, v2), (a1, a2) = self.initial_state
        j1, j2 = self.jerk
        half, third = time / 2.0, time / 3.0
        return KinematicState(
            (
                q1 + time * (v1 + half * (a1 + third * j1)),
                q2 + time * (v2 + half * (a2 + third * j2)),
            ),
            (v1 + time * (a1 + half * j1), v2 + time * (a2 + half * j2)),
            (a1 + time * j1, a2 + time * j2),
        )


class OnlineTrajectoryGenerator:
    """
    The motion of two joints towards a goal that may change at any time.

    Each joint goes its own quickest way and does not wait for the other. So, whatever goals follow
    each other inside an interval, a motion that began inside it at rest stays inside: the quickest
    way brakes as hard as the limits allow. Joints that wait for each other brake less.

    :param limits: on the way
    :param position: (q1, q2) where the joints are, rad
    :param velocity: how they move, rad/s
    :raises ConfigError: Ruckig's Python module is not installed
    """

    def __init__(
        self, limits: MotionLimits, position: JointPair, velocity: JointPair = (0.0, 0.0)
    ) -> None:
        self._ruckig = _import_ruckig()
        self._planner = self._ruckig.Ruckig(JOINT_COUNT)
        self._input = self._ruckig.InputParameter(JOINT_COUNT)
        self._input.synchronization = self._ruckig.Synchronization.No
        self.set_limits(limits)
        self._state = KinematicState(position, velocity, (0.0, 0.0))
        self.brake()

    @property
    def state(self) -> KinematicState:
        """How the joints move."""
        return self._state

    @property
    def trajectory(self) -> Trajectory:
        """What they go."""
        return self._trajectory

    @property
    def position(self) -> JointPair:
        """(q1, q2), rad."""
        return self._state.position

    @property
    def velocity(self) -> JointPair:
        """Their velocities, rad/s."""
        return self._state.velocity

    @property
    def acceleration(self) -> JointPair:
        """Their accelerations, rad/s²."""
        return self._state.acceleration

    @property
    def at_rest(self) -> bool:
        """Whether the goal has been reached, or the brakes have done their work."""
        return bool(self._elapsed >= self._trajectory.duration)

    @property
    def elapsed(self) -> float:
        """For how long they have gone it, s."""
        return self._elapsed

    @property
    def limits(self) -> MotionLimits:
        """What it plans with."""
        return self._limits

    def set_limits(self, limits: MotionLimits) -> None:
        """Plan with these limits from the next goal on."""
        self._limits = limits
        self._input.max_velocity = list(limits.velocity)
        self._input.max_acceleration = list(limits.acceleration)

    def set_goal(self, position: JointPair, limits: MotionLimits | None = None) -> None:
        """
        Go to a position and rest there, from whatever the joints do now.

        :param position: (q1, q2), rad
        :param limits: from now on; None: as before
        :raises ConfigError: not finite; the goal before stands
        """
        if limits is not None:
            self.set_limits(limits)
        self.follow(self.plan_to(position))

    def brake(self) -> None:
        """Come to rest as soon as the limits allow."""
        self.follow(self.plan_stop(self._state))

    def reset_to_standstill(self) -> None:
        """Stand still at once: for joints that have stopped by themselves."""
        self._state = KinematicState(self.position, (0.0, 0.0), (0.0, 0.0))
        self.brake()

    def plan_to(self, position: JointPair, start: KinematicState | None = None) -> RuckigTrajectory:
        """
        Return the quickest way to rest at a position, without taking it.

        :param position: (q1, q2), rad
        :param start: where it begins; None: here
        :raises ConfigError: not finite
        """
        if not all(map(isfinite, position)):
            raise ConfigError('goal of a motion', got=position, expected='finite positions')
        self._input.control_interface = self._ruckig.ControlInterface.Position
        self._input.target_position = list(position)
        return self._plan(start or self._state)

    def plan_stop(self, state: KinematicState) -> RuckigTrajectory:
        """Return the way on which the joints come to rest as soon as the limits allow."""
        self._input.control_interface = self._ruckig.ControlInterface.Velocity
        return self._plan(state)

    def stopping_range(self, state: KinematicState) -> tuple[JointPair, JointPair]:
        """Return how far down and up joint 1, and joint 2, goes when it brakes from here, rad."""
        # Ruckig takes 0 for the end of a braking: right where it begins there.
        first, second = self.plan_stop(state._replace(position=(0.0, 0.0)))._position_extrema
        q1, q2 = state.position
        return (q1 + first[0], q1 + first[1]), (q2 + second[0], q2 + second[1])

    def follow(self, trajectory: Trajectory) -> None:
        """Go a way that begins here."""
        self._trajectory, self._elapsed = trajectory, 0.0

    def state_after(self, seconds: float) -> KinematicState:
        """Return the state that :meth:`step` would lead to."""
        return self._trajectory.at(self._elapsed + seconds)

    def step(self, seconds: float) -> tuple[JointPair, JointPair]:
        """Let the time pass; return position (rad) and velocity (rad/s) of the joints."""
        self._elapsed += seconds
        self._state = self._trajectory.at(self._elapsed)
        return self.position, self.velocity

    def _plan(self, state: KinematicState) -> RuckigTrajectory:
        """Plan the way from a state to the input's target."""
        self._input.current_position, self._input.current_velocity = state[:2]
        self._input.current_acceleration = state.acceleration
        for share in JERK_LIMIT_RATIOS:
            self._input.max_jerk = [share * jerk for jerk in self._limits.jerk]
            trajectory = self._ruckig.Trajectory(JOINT_COUNT)
            try:
                self._planner.calculate(self._input, trajectory)
            except (self._ruckig.RuckigError, ValueError):  # the latter: it takes two hours
                continue
            return RuckigTrajectory(trajectory)
        raise ConfigError('motion', got=self._input, expected='one that can be planned')


def _import_ruckig() -> Any:
    """Import it where something is to move: no rosdep key stands for its Python module."""
    try:
        import ruckig
    except ModuleNotFoundError as error:
        raise ConfigError(
            'ruckig, which plans motions', got='no such module', expected='`pip install ruckig`'
        ) from error
    return ruckig
