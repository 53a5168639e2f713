"""How the joints have moved in the last seconds."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ik_nn_ros.arm.model import ArmModel, Array, JointPair

HISTORY_DURATION_S = 10.0
"""How long (s) it is remembered."""
MIN_SAMPLE_PERIOD_S = 0.05
"""Between two entries, s, at least."""


class JointSample(NamedTuple):
    """When it came (s), positions (rad) and velocities (rad/s) of the joints, when measured (s)."""

    time: float
    q: JointPair
    velocity: JointPair
    stamp: float


def velocity_limits(arm: ArmModel, max_velocity: Sequence[float], speed_scale: float) -> JointPair:
    """
    Return the limits in force, rad/s.

    :param max_velocity: the largest velocity of each joint where less than the arm's, rad/s; 0: the arm's
    :param speed_scale: part of them that is used
    """
    first, second = (
        speed_scale * min(own, limit or own)
        for own, limit in zip(arm.max_velocity, max_velocity, strict=True)
    )
    return first, second


class JointHistory:
    """Positions and velocities of two joints, of the last ten seconds."""

    def __init__(self) -> None:
        self._samples: deque[JointSample] = deque()

    def add(self, now: float, q: JointPair, velocity: JointPair | None, stamp: float = 0.0) -> None:
        """
        Take in where the joints are.

        :param now: s, on a clock that nobody sets
        :param q: rad
        :param velocity: rad/s; None: not measured, then it is told from the positions
        :param stamp: when they were measured, s, on any clock; 0: not told
        """
        before = self._samples[-1] if self._samples else JointSample(-np.inf, q, (0.0, 0.0), 0.0)
        passed = now - before.time
        if passed < MIN_SAMPLE_PERIOD_S:
            return
        if velocity is None:
            # They come at uneven times; a clock that was set back tells nothing.
            passed = stamp - before.stamp if stamp > before.stamp else passed
            velocity = (q[0] - before.q[0]) / passed, (q[1] - before.q[1]) / passed
        self._samples.append(JointSample(now, q, velocity, stamp))
        while self._samples[0].time < now - HISTORY_DURATION_S:
            self._samples.popleft()

    def table(self, now: float) -> Array:
        """Return (5, N) time from ``now`` (s), both positions (rad), both velocities (rad/s)."""
        rows = [(time - now, *q, *velocity) for time, q, velocity, _ in self._samples]
        table = np.array(rows, dtype=float).reshape(-1, 5).T
        return np.ascontiguousarray(table[:, table[0] >= -HISTORY_DURATION_S])
