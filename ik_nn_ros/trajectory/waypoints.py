"""A motion as points for a controller that interpolates between them."""

from __future__ import annotations

from math import ceil
from typing import NamedTuple, Protocol

import numpy as np

from ik_nn_ros.arm.geometry import Array

INTERPOLATION_TOLERANCE_RAD = 1e-4
"""How far (rad) cubics between the points may be off the motion."""
MAX_WAYPOINT_PERIOD_S = 0.05
"""Of the points at most, s."""
WAYPOINT_COUNT_RATIO = 1.1
"""More of them than the error asks for."""
COMPARISON_FRACTIONS = np.array([0.25, 0.5, 0.75])
"""Of the time between two points, where the cubics are compared."""


class SampleableTrajectory(Protocol):
    """A motion that can be asked for many states at once."""

    @property
    def duration(self) -> float:
        """S."""

    def states_at(self, times: Array) -> tuple[Array, Array, Array]:
        """Return positions, velocities, accelerations (N, 2): rad, rad/s, rad/s²."""


class Waypoints(NamedTuple):
    """
    States of the joints.

    ``times`` (N,) s, ``positions`` (N, 2) rad, ``velocities`` (N, 2) rad/s, ``accelerations``
    (N, 2) rad/s².
    """

    times: Array
    positions: Array
    velocities: Array
    accelerations: Array


def sample_waypoints(trajectory: SampleableTrajectory) -> Waypoints:
    """
    Return points evenly spread over a motion, the first one after its beginning, the last its end.

    They are so near to each other that the cubics through positions and velocities are off the
    motion by 1e-4 rad at most.
    """
    duration = max(trajectory.duration, MAX_WAYPOINT_PERIOD_S)
    count = ceil(duration / MAX_WAYPOINT_PERIOD_S)
    while True:
        times = np.linspace(0.0, duration, count + 1)
        states = trajectory.states_at(times)
        off = _interpolation_error(trajectory, times, *states[:2])
        if off <= INTERPOLATION_TOLERANCE_RAD:
            return Waypoints(times[1:], *(values[1:] for values in states))
        # The error of a cubic grows with the cube of the time where the jerk jumps.
        count = ceil(
            count * WAYPOINT_COUNT_RATIO * (off / INTERPOLATION_TOLERANCE_RAD) ** (1.0 / 3.0)
        )


def _interpolation_error(
    trajectory: SampleableTrajectory, times: Array, q: Array, v: Array
) -> float:
    """Return how far the cubics between points are off the motion, at most, rad."""
    step = times[1] - times[0]
    between = (times[:-1, None] + step * COMPARISON_FRACTIONS).ravel()
    there = trajectory.states_at(between)[0].reshape(-1, len(COMPARISON_FRACTIONS), 2)
    u = COMPARISON_FRACTIONS[:, None]
    w = 1.0 - u
    begin = w * w * ((1.0 + 2.0 * u) * q[:-1, None] + step * u * v[:-1, None])
    end = u * u * ((1.0 + 2.0 * w) * q[1:, None] - step * w * v[1:, None])
    return float(np.abs(begin + end - there).max())
