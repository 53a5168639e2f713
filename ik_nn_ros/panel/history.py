"""Joint positions and velocities of the last seconds, for the plots; needs no viser."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ik_nn_ros.arm.geometry import Array, JointPair
from ik_nn_ros.arm.kinematics import Kinematics

HISTORY_DURATION_S = 10.0
"""Time span that is kept, s."""
MIN_SAMPLE_PERIOD_S = 0.05
"""Minimum time between two samples, s."""


class JointSample(NamedTuple):
    """Arrival time (s), joint positions (rad) and velocities (rad/s), and time stamp (s)."""

    time: float
    q: JointPair
    velocity: JointPair
    stamp: float


class JointHistory:
    """Positions and velocities of both joints over the last :data:`HISTORY_DURATION_S`."""

    def __init__(self) -> None:
        self._samples: deque[JointSample] = deque()

    def add(self, now: float, q: JointPair, velocity: JointPair | None, stamp: float = 0.0) -> None:
        """
        Add a measurement, unless the last one is too recent.

        :param now: monotonic time, s
        :param q: joint positions, rad
        :param velocity: joint velocities, rad/s; None: not measured, derived from the positions
        :param stamp: time of measurement on any clock, s; 0: unknown
        """
        previous = self._samples[-1] if self._samples else JointSample(-np.inf, q, (0.0, 0.0), 0.0)
        dt = now - previous.time
        if dt < MIN_SAMPLE_PERIOD_S:
            return
        if velocity is None:
            # Messages arrive unevenly, so stamps give the better interval, unless they go back.
            dt = stamp - previous.stamp if stamp > previous.stamp else dt
            velocity = (q[0] - previous.q[0]) / dt, (q[1] - previous.q[1]) / dt
        self._samples.append(JointSample(now, q, velocity, stamp))
        while self._samples[0].time < now - HISTORY_DURATION_S:
            self._samples.popleft()

    def table(self, now: float) -> Array:
        """
        Return the samples as columns.

        :return: (5, N): time relative to ``now`` (s), positions (rad), velocities (rad/s)
        """
        rows = [(time - now, *q, *velocity) for time, q, velocity, _ in self._samples]
        table = np.array(rows, dtype=float).reshape(-1, 5).T
        return np.ascontiguousarray(table[:, table[0] >= -HISTORY_DURATION_S])


def velocity_limits(
    arm: Kinematics, max_velocity: Sequence[float], speed_scale: float
) -> JointPair:
    """
    Return the velocity limits in force, rad/s.

    :param max_velocity: parameter ``max_velocity``, rad/s, which lowers the arm's limits; 0: unused
    :param speed_scale: parameter ``speed_scale``, fraction of the limits that is used
    """
    first, second = (
        speed_scale * min(own, limit or own)
        for own, limit in zip(arm.max_velocity, max_velocity, strict=True)
    )
    return first, second
