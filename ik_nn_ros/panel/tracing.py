"""How the tip follows: a figure's target goes on while it is near; whether it gets to a target."""

from __future__ import annotations

from ik_nn_ros.arm.figures import ClosedCurve
from ik_nn_ros.arm.model import JointPair
from ik_nn_ros.panel.view import Outcome

ARRIVED = 0.02
"""How near the tip must come to the first point before it goes on from there: part of the reach."""
NEAR, FAR = 0.1, 0.2
"""
How far the tip is behind when the target begins to wait for it, and when it stands: parts of the
reach. At an even pace the tip is behind by what it goes in 0.15 s.
"""

STILL, PATIENCE = 1e-3, 2.0
"""A tip whose distance to its target has changed by less (m) for so long (s) does not get there."""


class Tracing:
    """
    One figure being gone round.

    :param outline: the figure
    :param lap: time for one round, s
    :param reach: of the arm, m
    :param tip: where it is now, m: it begins at the nearest point
    """

    def __init__(self, outline: ClosedCurve, lap: float, reach: float, tip: JointPair) -> None:
        self.outline = outline
        self._lap, self._reach = lap, reach
        self._part = outline.nearest_fraction(tip)
        self.has_begun = False
        """Whether the tip has come to the first point."""

    def next(self, passed: float, behind: float | None) -> JointPair:
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
        return self.outline.point_at(self._part)


class Approach:
    """Watches the tip on its way to where it was sent."""

    def __init__(self) -> None:
        self._outcome: Outcome | None = None
        self._error, self._since = 0.0, 0.0

    def is_stuck(self, now: float, outcome: Outcome | None, error: float | None) -> bool:
        """
        Tell whether the tip has come no nearer lately.

        :param now: s, on a clock that nobody sets
        :param outcome: of the last target
        :param error: how far the tip is from where that has sent it, m; None: it is not on its way
        """
        if error is None or outcome is not self._outcome or abs(error - self._error) > STILL:
            self._outcome, self._error, self._since = outcome, error or 0.0, now
        return now - self._since > PATIENCE
