"""
Online trajectory generation: jerk-limited motion of two joints to a goal that may change.

Ruckig plans it; velocity, acceleration and jerk stay within their limits.
"""

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
Fractions of the jerk limit to plan with, each tried where the one before fails.

Ruckig may fail at the border between two profile types, e.g. where the acceleration limit is just
reached: of motions between round numbers a few in a hundred thousand.
"""


@dataclass(frozen=True)
class MotionLimits:
    """
    Limits of velocity, acceleration and jerk of the two joints.

    :param velocity: rad/s
    :param acceleration: rad/s²
    :param jerk: rad/s³
    :raises ConfigError: a limit is not positive, or infinite
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

        :param arm: its URDF limits the velocities
        :param velocity_ratios: fraction of the velocity limit that each joint uses
        :param acceleration: rad/s²
        :param jerk: rad/s³
        :param max_velocity: limits in addition to those of the URDF, rad/s; 0: none
        :raises ConfigError: a joint has no velocity limit
        """
        speeds = []
        for joint, urdf_limit, extra_limit, ratio in zip(
            arm.joint_names, arm.max_velocity, max_velocity, velocity_ratios, strict=True
        ):
            limit = min(urdf_limit, extra_limit or inf)
            if isinf(limit):
                raise ConfigError(
                    f'velocity limit of {joint}', got='none', expected='one in the URDF, to move it'
                )
            speeds.append(ratio * limit)
        return cls((speeds[0], speeds[1]), acceleration, jerk)


class KinematicState(NamedTuple):
    """Positions (rad), velocities (rad/s) and accelerations (rad/s²) of the two joints."""

    position: JointPair
    velocity: JointPair
    acceleration: JointPair


class Trajectory(Protocol):
    """Motion of the two joints over time, which a generator can follow."""

    @property
    def duration(self) -> float:
        """Duration, s; infinite where the motion has no end."""

    def at(self, time: float) -> KinematicState:
        """Return the state at a time after the start, s."""


class RuckigTrajectory:
    """
    Trajectory planned by Ruckig; after its end the joints keep their final state.

    :param trajectory: ``ruckig.Trajectory``
    """

    def __init__(self, trajectory: Any) -> None:
        self._trajectory = trajectory
        self.duration: float = trajectory.duration
        """Duration, s."""

    def at(self, time: float) -> KinematicState:
        """Return the state at a time after the start, s."""
        (q1, q2), (v1, v2), (a1, a2) = self._trajectory.at_time(time)
        return KinematicState((q1, q2), (v1, v2), (a1, a2))

    def states_at(self, times: Array) -> tuple[Array, Array, Array]:
        """Return positions, velocities, accelerations (N, 2): rad, rad/s, rad/s²."""
        states = np.array([self._trajectory.at_time(time) for time in times.tolist()])
        q, v, a = states.reshape(-1, 3, JOINT_COUNT).transpose(1, 0, 2)
        return q, v, a

    @property
    def _position_extrema(self) -> tuple[JointPair, JointPair]:
        """Smallest and largest position of each joint while it brakes, rad."""
        first, second = self._trajectory.position_extrema
        return (first.min, first.max), (second.min, second.max)

    def positions(self, period: float) -> Array:
        """Return (N, 2) positions, rad, at most ``period`` (s) apart, both ends included."""
        count = max(1, ceil(self.duration / period))
        at_time, spacing = self._trajectory.at_time, self.duration / count
        return np.array([at_time(number * spacing)[0] for number in range(count + 1)])


class ConstantJerkSegment(NamedTuple):
    """
    Motion with constant jerk from an initial state, without an end.

    :param initial_state: state at time 0
    :param jerk: rad/s³
    """

    initial_state: KinematicState
    jerk: JointPair
    duration: float = inf

    def at(self, time: float) -> KinematicState:
        """Return the state at a time after the start, s."""
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
    Motion of two joints to a goal that may change at any time.

    Each joint moves time-optimally, not synchronized with the other. Therefore a motion that began
    at standstill inside an interval stays inside, whatever goals within the interval follow: a
    time-optimal motion brakes as hard as the limits allow, while synchronized joints brake less.

    :param limits: limits of the motion
    :param position: (q1, q2) at the start, rad
    :param velocity: velocities at the start, rad/s
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
        """Current state of the joints."""
        return self._state

    @property
    def trajectory(self) -> Trajectory:
        """Trajectory that the joints follow."""
        return self._trajectory

    @property
    def position(self) -> JointPair:
        """Current positions (q1, q2), rad."""
        return self._state.position

    @property
    def velocity(self) -> JointPair:
        """Current velocities, rad/s."""
        return self._state.velocity

    @property
    def acceleration(self) -> JointPair:
        """Current accelerations, rad/s²."""
        return self._state.acceleration

    @property
    def at_rest(self) -> bool:
        """Whether the trajectory has ended: at the goal, or where the arm has braked."""
        return bool(self._elapsed >= self._trajectory.duration)

    @property
    def elapsed(self) -> float:
        """Time since the start of the trajectory, s."""
        return self._elapsed

    @property
    def limits(self) -> MotionLimits:
        """Limits that motions are planned with."""
        return self._limits

    def set_limits(self, limits: MotionLimits) -> None:
        """Set the limits for the next plan; the current trajectory stays as it is."""
        self._limits = limits
        self._input.max_velocity = list(limits.velocity)
        self._input.max_acceleration = list(limits.acceleration)

    def set_goal(self, position: JointPair, limits: MotionLimits | None = None) -> None:
        """
        Move to a position from the current state and stop there.

        :param position: (q1, q2), rad
        :param limits: new limits; the current ones stay where this is None
        :raises ConfigError: the position is not finite, or Ruckig finds no motion; the previous
            goal stays
        """
        if limits is not None:
            self.set_limits(limits)
        self.follow(self.plan_to(position))

    def brake(self) -> None:
        """Stop as soon as the limits allow."""
        self.follow(self.plan_stop(self._state))

    def reset_to_standstill(self) -> None:
        """Set velocity and acceleration to zero, for joints that stopped without a command."""
        self._state = KinematicState(self.position, (0.0, 0.0), (0.0, 0.0))
        self.brake()

    def plan_to(self, position: JointPair, start: KinematicState | None = None) -> RuckigTrajectory:
        """
        Plan the time-optimal motion to standstill at a position, without following it.

        :param position: (q1, q2), rad
        :param start: initial state; the current one where this is None
        :raises ConfigError: the position is not finite, or Ruckig finds no motion
        """
        if not all(map(isfinite, position)):
            raise ConfigError('goal of a motion', got=position, expected='finite positions')
        self._input.control_interface = self._ruckig.ControlInterface.Position
        self._input.target_position = list(position)
        return self._plan(start or self._state)

    def plan_stop(self, state: KinematicState) -> RuckigTrajectory:
        """Plan the fastest stop from a state that the limits allow, without following it."""
        self._input.control_interface = self._ruckig.ControlInterface.Velocity
        return self._plan(state)

    def stopping_range(self, state: KinematicState) -> tuple[JointPair, JointPair]:
        """Return the smallest and largest position of each joint in a stop from a state, rad."""
        # Ruckig counts the target position 0 among the extrema: correct only for a start at 0.
        first, second = self.plan_stop(state._replace(position=(0.0, 0.0)))._position_extrema
        q1, q2 = state.position
        return (q1 + first[0], q1 + first[1]), (q2 + second[0], q2 + second[1])

    def follow(self, trajectory: Trajectory) -> None:
        """Follow a trajectory that starts at the current state."""
        self._trajectory, self._elapsed = trajectory, 0.0

    def state_after(self, seconds: float) -> KinematicState:
        """Return the state that :meth:`step` would lead to."""
        return self._trajectory.at(self._elapsed + seconds)

    def step(self, seconds: float) -> tuple[JointPair, JointPair]:
        """Advance by a time, s; return position (rad) and velocity (rad/s) of the joints."""
        self._elapsed += seconds
        self._state = self._trajectory.at(self._elapsed)
        return self.position, self.velocity

    def _plan(self, state: KinematicState) -> RuckigTrajectory:
        """Plan the motion from a state to the target set in the input."""
        self._input.current_position, self._input.current_velocity = state[:2]
        self._input.current_acceleration = state.acceleration
        for ratio in JERK_LIMIT_RATIOS:
            self._input.max_jerk = [ratio * jerk for jerk in self._limits.jerk]
            trajectory = self._ruckig.Trajectory(JOINT_COUNT)
            try:
                self._planner.calculate(self._input, trajectory)
            except (self._ruckig.RuckigError, ValueError):  # ValueError: longer than two hours
                continue
            return RuckigTrajectory(trajectory)
        raise ConfigError('motion', got=self._input, expected='one that can be planned')


def _import_ruckig() -> Any:
    """Import Ruckig on first use: no rosdep key installs its Python module."""
    try:
        import ruckig
    except ModuleNotFoundError as error:
        raise ConfigError(
            'ruckig, which plans motions', got='no such module', expected='`pip install ruckig`'
        ) from error
    return ruckig
