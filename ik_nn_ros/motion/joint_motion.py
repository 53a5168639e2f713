"""From joint goals to a smooth motion: velocity, acceleration and jerk stay within their limits."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Any

from ik_nn_ros.arm.model import Pair
from ik_nn_ros.errors import ConfigError

JOINTS = 2
SHARES = (1.0, 1.0 - 1e-9, 1.0 - 1e-8, 1.0 - 1e-7)
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

    velocity: Pair
    acceleration: Pair
    jerk: Pair

    def __post_init__(self) -> None:
        for name in ('velocity', 'acceleration', 'jerk'):
            values = getattr(self, name)
            if not all(isfinite(value) and value > 0.0 for value in values):
                raise ConfigError(
                    f'motion limits: {name}', got=values, expected='positive and finite'
                )


class JointMotion:
    """
    The motion of two joints towards a goal that may change at any time.

    Each joint goes its own quickest way and does not wait for the other. So, whatever goals follow
    each other inside an interval, a motion that began inside it at rest stays inside: the quickest
    way brakes as hard as the limits allow. Joints that wait for each other brake less.

    :param limits: on the way
    :param position: (q1, q2) where the joints stand, rad
    :raises ConfigError: Ruckig's Python module is not installed
    """

    def __init__(self, limits: MotionLimits, position: Pair) -> None:
        self._ruckig = _import_ruckig()
        self._planner = self._ruckig.Ruckig(JOINTS)
        self._input = self._ruckig.InputParameter(JOINTS)
        self._input.synchronization = self._ruckig.Synchronization.No
        self._limit(limits)
        self._state = [list(position), [0.0] * JOINTS, [0.0] * JOINTS]
        self.set_goal(position)

    @property
    def position(self) -> Pair:
        """(q1, q2), rad."""
        return self._pair(0)

    @property
    def velocity(self) -> Pair:
        """Their velocities, rad/s."""
        return self._pair(1)

    @property
    def acceleration(self) -> Pair:
        """Their accelerations, rad/s²."""
        return self._pair(2)

    @property
    def at_rest(self) -> bool:
        """Whether the goal has been reached, or the brakes have done their work."""
        return bool(self._time >= self._way.duration)

    def set_goal(self, position: Pair, limits: MotionLimits | None = None) -> None:
        """
        Go to a position and rest there, from whatever the joints do now.

        :param position: (q1, q2), rad
        :param limits: from now on; None: as before
        :raises ConfigError: not finite; the goal before stands
        """
        if not all(map(isfinite, position)):
            raise ConfigError('goal of a motion', got=position, expected='finite positions')
        self._input.control_interface = self._ruckig.ControlInterface.Position
        self._input.target_position = list(position)
        if limits is not None:
            self._limit(limits)
        self._plan()

    def brake(self) -> None:
        """Come to rest as soon as the limits allow."""
        self._input.control_interface = self._ruckig.ControlInterface.Velocity
        self._plan()

    def step(self, seconds: float) -> tuple[Pair, Pair]:
        """Let the time pass; return position (rad) and velocity (rad/s) of the joints."""
        self._time += seconds
        self._state = [list(values) for values in self._way.at_time(self._time)]
        return self.position, self.velocity

    def _limit(self, limits: MotionLimits) -> None:
        self._limits = limits
        self._input.max_velocity = list(limits.velocity)
        self._input.max_acceleration = list(limits.acceleration)

    def _plan(self) -> None:
        """Plan the way from the state to the input's target, where it shall be at rest."""
        self._input.current_position, self._input.current_velocity = self._state[:2]
        self._input.current_acceleration = self._state[2]
        for share in SHARES:
            self._input.max_jerk = [share * jerk for jerk in self._limits.jerk]
            way = self._ruckig.Trajectory(JOINTS)
            try:
                self._planner.calculate(self._input, way)
            except self._ruckig.RuckigError:
                continue
            self._way, self._time = way, 0.0
            return
        raise ConfigError('motion', got=self._input, expected='one that can be planned')

    def _pair(self, derivative: int) -> Pair:
        first, second = self._state[derivative]
        return first, second


def _import_ruckig() -> Any:
    """Import it where something is to move: no rosdep key stands for its Python module."""
    try:
        import ruckig
    except ModuleNotFoundError as error:
        raise ConfigError(
            'ruckig, which plans motions', got='no such module', expected='`pip install ruckig`'
        ) from error
    return ruckig
