"""How the joints have moved in the last seconds."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import numpy as np

from ik_nn_ros.arm.model import Pair
from ik_nn_ros.arm.plane import Array

LASTS = 10.0
"""How long (s) it is remembered."""
PERIOD = 0.05
"""Between two entries, s, at least."""


class Entry(NamedTuple):
    """Time (s), positions (rad) and velocities (rad/s) of the joints."""

    time: float
    q: Pair
    velocity: Pair


class JointHistory:
    """Positions and velocities of two joints, of the last ten seconds."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque()

    def add(self, now: float, q: Pair, velocity: Pair | None) -> None:
        """
        Take in where the joints are.

        :param now: s, on a clock that nobody sets
        :param q: rad
        :param velocity: rad/s; None: not measured, then it is told from the positions
        """
        before = self._entries[-1] if self._entries else Entry(-np.inf, q, (0.0, 0.0))
        passed = now - before.time
        if passed < PERIOD:
            return
        if velocity is None:
            velocity = (q[0] - before.q[0]) / passed, (q[1] - before.q[1]) / passed
        self._entries.append(Entry(now, q, velocity))
        while self._entries[0].time < now - LASTS:
            self._entries.popleft()

    def table(self, now: float) -> Array:
        """Return (5, N) time from ``now`` (s), both positions (rad), both velocities (rad/s)."""
        rows = [(time - now, *q, *velocity) for time, q, velocity in self._entries]
        table = np.array(rows, dtype=float).reshape(-1, 5).T
        return np.ascontiguousarray(table[:, table[0] >= -LASTS])
