"""Leading the arm along a figure: the target goes on while the tip is near it."""

from __future__ import annotations

from ik_nn_ros.arm.figures import Outline
from ik_nn_ros.arm.model import Pair

ARRIVED = 0.02
"""How near the tip must come to the first point before it goes on from there: part of the reach."""
NEAR, FAR = 0.1, 0.2
"""
How far the tip is behind when the target begins to wait for it, and when it stands: parts of the
reach. At an even pace the tip is behind by what it goes in 0.15 s.
"""


class Tracing:
    """
    One figure being gone round.

    :param outline: the figure
    :param lap: time for one round, s
    :param reach: of the arm, m
    :param tip: where it is now, m: it begins at the nearest point
    """

    def __init__(self, outline: Outline, lap: float, reach: float, tip: Pair) -> None:
        self.outline = outline
        self._lap, self._reach = lap, reach
        self._part = outline.nearest(tip)
        self.has_begun = False
        """Whether the tip has come to the first point."""

    def next(self, passed: float, behind: float | None) -> Pair:
        """
        Return the next target, m.

        :param passed: time since the one before, s
        :param behind: how far the tip is from that one, m; None: it has not been answered yet
        """
        if behind is not None:
            lag = behind / self._reach
            self.has_begun = self.has_begun or lag <= ARRIVED
            if self.has_begun:
                pace = min(max((FAR - lag) / (FAR - NEAR), 0.0), 1.0)
                self._part = (self._part + pace * passed / self._lap) % 1.0
        return self.outline.at(self._part)
