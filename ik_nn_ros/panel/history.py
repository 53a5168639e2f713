"""How the joints have moved in the last seconds."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ik_nn_ros.arm.model import ArmModel, JointPair
from ik_nn_ros.arm.plane import Array

LASTS = 10.0
"""How long (s) it is remembered."""
PERIOD = 0.05
"""Between two entries, s, at least."""


class Entry(NamedTuple):
    """When it came (s), positions (rad) and velocities (rad/s) of the joints, when measured (s)."""

    time: float
    q: JointPair
    velocity: JointPair
    stamp: float


def velocity_limits(arm: ArmModel, most: Sequence[float], share: float) -> JointPair:
    """
    Return the limits in force, rad/s.

    :param most: the largest velocity of each joint where less than the arm's, rad/s; 0: the arm's
    :param share: part of them that is used
    """
    first, second = (
        share * min(own, limit or own) for own, limit in zip(arm.max_velocity, most, strict=True)
    )
    return first, second


class JointHistory:
    """Positions and velocities of two joints, of the last ten seconds."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque()

    def add(self, now: float, q: JointPair, velocity: JointPair | None, stamp: float = 0.0) -> None:
        """
        Take in where the joints are.

        :param now: s, on a clock that nobody sets
        :param q: rad
        :param velocity: rad/s; None: not measured, then it is told from the positions
        :param stamp: when they were measured, s, on any clock; 0: not told
        """
        before = self._entries[-1] if self._entries else Entry(-np.inf, q, (0.0, 0.0), 0.0)
        passed = now - before.time
        if passed < PERIOD:
            return
        if velocity is None:
            # They come at uneven times; a clock that was set back tells nothing.
            passed = stamp - before.stamp if stamp > before.stamp else passed
            velocity = (q[0] - before.q[0]) / passed, (q[1] - before.q[1]) / passed
        self._entries.append(Entry(now, q, velocity, stamp))
        while self._entries[0].time < now - LASTS:
            self._entries.popleft()

    def table(self, now: float) -> Array:
        """Return (5, N) time from ``now`` (s), both positions (rad), both velocities (rad/s)."""
        rows = [(time - now, *q, *velocity) for time, q, velocity, _ in self._entries]
        table = np.array(rows, dtype=float).reshape(-1, 5).T
        return np.ascontiguousarray(table[:, table[0] >= -LASTS])
