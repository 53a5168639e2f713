"""How the tip follows: a figure's target goes on while it is near; whether it gets to a target."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from ik_nn_ros.arm.model import ArmModel, Array, JointPair
from ik_nn_ros.arm.paths import ClosedCurve, heading_axes
from ik_nn_ros.ik.acceptance import SolverConfig
from ik_nn_ros.ik.path import solve_path
from ik_nn_ros.ik.solver import HybridSolver
from ik_nn_ros.panel.view import Outcome
from ik_nn_ros.trajectory.keep_out import KeepOut

START_TOLERANCE_RATIO = 0.02
"""How near the tip must come to the first point before it goes on from there: part of the reach."""
SLOWDOWN_LAG_RATIO, STOP_LAG_RATIO = 0.1, 0.2
"""
How far the tip is behind when the target begins to wait for it, and when it stands: parts of the
reach. At an even pace the tip is behind by what it goes in 0.15 s.
"""

STUCK_DISTANCE_M, STUCK_TIMEOUT_S = 1e-3, 2.0
"""A tip whose distance to its target has changed by less (m) for so long (s) does not get there."""


class ShapeProgress:
    """
    One figure being gone round.

    :param shape: the figure
    :param lap_time: time for one round, s
    :param reach: of the arm, m
    :param tip: where it is now, m: it begins at the nearest point
    """

    def __init__(self, shape: ClosedCurve, lap_time: float, reach: float, tip: JointPair) -> None:
        self.shape = shape
        self._lap_time, self._reach = lap_time, reach
        self._lap_fraction = shape.nearest_fraction(tip)
        self.has_begun = False
        """Whether the tip has come to the first point."""

    def next_target(self, dt: float, tip_distance: float | None) -> JointPair:
        """
        Return the next target, m.

        :param dt: time since the one before, s
        :param tip_distance: how far the tip is from that one, m; None: it has not been answered yet
        """
        if tip_distance is not None:
            lag = tip_distance / self._reach
            self.has_begun = self.has_begun or lag <= START_TOLERANCE_RATIO
            if self.has_begun:
                pace = min(
                    max((STOP_LAG_RATIO - lag) / (STOP_LAG_RATIO - SLOWDOWN_LAG_RATIO), 0.0), 1.0
                )
                self._lap_fraction = (self._lap_fraction + pace * dt / self._lap_time) % 1.0
        return self.shape.point_at(self._lap_fraction)


class ArrivalMonitor:
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
        if (
            error is None
            or outcome is not self._outcome
            or abs(error - self._error) > STUCK_DISTANCE_M
        ):
            self._outcome, self._error, self._since = outcome, error or 0.0, now
        return now - self._since > STUCK_TIMEOUT_S


# MERGED panel.fitting: Where there is room for a figure in what the arm reaches, and how much.

GRID_CELL_COUNT = 80
"""Of the grid on which the middle is looked for, in each direction."""
MIN_CLEARANCE_FRACTION = 0.9
"""As good as the roomiest place is one with that part of its room."""
USED_WIDTH_FRACTION = 0.9
"""Part of the largest width: at the very edge joints have to be quick."""
BISECTION_COUNT = 7
"""Of the interval in which the largest width is looked for."""


class ShapeFitter:
    """
    Fits figures into what an arm can go round without changing its branch.

    :param arm: the arm
    :param branch: nearest, positive or negative
    :param keep_out: zones in its way
    :param q: where the joints are, rad
    """

    def __init__(self, arm: ArmModel, branch: str, keep_out: KeepOut, q: JointPair) -> None:
        self._arm, self._keep_out, self._q = arm, keep_out, q
        self._solver = HybridSolver(arm, None, SolverConfig(branch))
        self._axes = heading_axes(arm)

    def largest(self, name: str) -> ClosedCurve | None:
        """Return the largest figure of that name that there is room for; None: there is none."""
        center = self._clearest_point()
        if center is None:
            return None
        fits, too_wide = 0.0, 2.0 * self._arm.reach
        for _ in range(BISECTION_COUNT):
            width = (fits + too_wide) / 2.0
            if self.fits(ClosedCurve(name, width, center, self._axes)):
                fits = width
            else:
                too_wide = width
        return ClosedCurve(name, USED_WIDTH_FRACTION * fits, center, self._axes) if fits else None

    def fits(self, shape: ClosedCurve) -> bool:
        """Tell whether the arm can go all the way round."""
        q = solve_path(self._solver, shape.points, self._q).q
        return q is not None and self._is_collision_free(q)

    def _clearest_point(self) -> JointPair | None:
        """Return the middle of the roomiest place, m; of several the one in front of the arm."""
        reach = self._arm.reach
        line = reach * (np.arange(-GRID_CELL_COUNT, GRID_CELL_COUNT + 1, 2) / GRID_CELL_COUNT)
        points = np.stack(np.meshgrid(line, line, indexing='ij'), axis=-1)
        free = self._free_mask(points.reshape(-1, 2)).reshape(points.shape[:2])
        room = distance_transform_edt(np.pad(free, 1))[1:-1, 1:-1]
        if not room.any():
            return None
        roomy = points[room >= MIN_CLEARANCE_FRACTION * room.max()]
        front = (self._arm.inner_reach + reach) / 2.0 * self._axes[0]
        x, y = roomy[np.argmin(np.hypot(*(roomy - front).T))].tolist()
        return x, y

    def _free_mask(self, points: Array) -> NDArray[np.bool_]:
        """Return (N,) which of (N, 2) points, m, are reached and out of the zones' way."""
        q = self._solver.solve_batch(points, self._q).q
        free = np.asarray(np.isfinite(q).all(axis=1))
        if self._keep_out:
            free[free] = self._keep_out.clearance(q[free]) >= self._keep_out.margin
        return free

    def _is_collision_free(self, q: Array) -> bool:
        return bool((self._keep_out.clearance(q) >= self._keep_out.margin).all())
