"""Waypoints that represent a trajectory for a controller that interpolates between them."""

from __future__ import annotations

from math import ceil
from typing import NamedTuple, Protocol

import numpy as np

from ik_nn_ros.arm.geometry import Array
from ik_nn_ros.trajectory.spline import interpolate_cubic_hermite

INTERPOLATION_TOLERANCE_RAD = 1e-4
"""Largest deviation of the cubics through the waypoints from the trajectory, rad."""
MAX_WAYPOINT_PERIOD_S = 0.05
WAYPOINT_COUNT_RATIO = 1.1
"""Reserve on the number of waypoints that the interpolation error requires."""
COMPARISON_FRACTIONS = np.array([0.25, 0.5, 0.75])
"""Fractions of the time between two waypoints at which the cubics are compared."""


class SampleableTrajectory(Protocol):
    """Trajectory that returns its states at many times at once."""

    @property
    def duration(self) -> float:
        """Duration, s."""

    def states_at(self, times: Array) -> tuple[Array, Array, Array]:
        """Return positions, velocities, accelerations (N, 2): rad, rad/s, rad/s²."""


class Waypoints(NamedTuple):
    """States of the joints along a trajectory."""

    times: Array
    """(N,) times from the start, s."""
    positions: Array
    """(N, 2), rad."""
    velocities: Array
    """(N, 2), rad/s."""
    accelerations: Array
    """(N, 2), rad/s²."""


def sample_waypoints(trajectory: SampleableTrajectory) -> Waypoints:
    """
    Return evenly spaced waypoints of a trajectory, from one period after its start to its end.

    They are so close that the cubics through their positions and velocities deviate from the
    trajectory by at most 1e-4 rad.
    """
    duration = max(trajectory.duration, MAX_WAYPOINT_PERIOD_S)
    count = ceil(duration / MAX_WAYPOINT_PERIOD_S)
    while True:
        times = np.linspace(0.0, duration, count + 1)
        states = trajectory.states_at(times)
        error = _interpolation_error(trajectory, times, *states[:2])
        if error <= INTERPOLATION_TOLERANCE_RAD:
            return Waypoints(times[1:], *(values[1:] for values in states))
        # The error of a cubic grows with the cube of the period where the jerk jumps.
        growth = (error / INTERPOLATION_TOLERANCE_RAD) ** (1.0 / 3.0)
        count = ceil(count * WAYPOINT_COUNT_RATIO * growth)


def _interpolation_error(
    trajectory: SampleableTrajectory, times: Array, positions: Array, velocities: Array
) -> float:
    """Return the largest deviation of the cubics through waypoints from the trajectory, rad."""
    between = (times[:-1, None] + (times[1] - times[0]) * COMPARISON_FRACTIONS).ravel()
    interpolated = interpolate_cubic_hermite(between, times, positions, velocities)
    return float(np.abs(interpolated - trajectory.states_at(between)[0]).max())
