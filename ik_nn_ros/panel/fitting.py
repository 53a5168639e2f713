"""Where there is room for a figure in what the arm reaches, and how much."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from ik_nn_ros.arm.figures import ClosedCurve, heading_axes
from ik_nn_ros.arm.model import ArmModel, JointPair
from ik_nn_ros.arm.plane import Array
from ik_nn_ros.ik.hybrid import HybridSolver
from ik_nn_ros.ik.path import solve_path
from ik_nn_ros.ik.problem import SolverConfig
from ik_nn_ros.motion.keep_out import KeepOut

CELLS = 80
"""Of the grid on which the middle is looked for, in each direction."""
ROOMY = 0.9
"""As good as the roomiest place is one with that part of its room."""
USED = 0.9
"""Part of the largest width: at the very edge joints have to be quick."""
HALVINGS = 7
"""Of the interval in which the largest width is looked for."""


class Fitting:
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
        center = self._roomiest()
        if center is None:
            return None
        fits, too_wide = 0.0, 2.0 * self._arm.reach
        for _ in range(HALVINGS):
            width = (fits + too_wide) / 2.0
            if self.fits(ClosedCurve(name, width, center, self._axes)):
                fits = width
            else:
                too_wide = width
        return ClosedCurve(name, USED * fits, center, self._axes) if fits else None

    def fits(self, figure: ClosedCurve) -> bool:
        """Tell whether the arm can go all the way round."""
        q = solve_path(self._solver, figure.points, self._q).q
        return q is not None and self._clear(q)

    def _roomiest(self) -> JointPair | None:
        """Return the middle of the roomiest place, m; of several the one in front of the arm."""
        reach = self._arm.reach
        line = reach * (np.arange(-CELLS, CELLS + 1, 2) / CELLS)
        points = np.stack(np.meshgrid(line, line, indexing='ij'), axis=-1)
        free = self._free(points.reshape(-1, 2)).reshape(points.shape[:2])
        room = distance_transform_edt(np.pad(free, 1))[1:-1, 1:-1]
        if not room.any():
            return None
        roomy = points[room >= ROOMY * room.max()]
        front = (self._arm.inner_reach + reach) / 2.0 * self._axes[0]
        x, y = roomy[np.argmin(np.hypot(*(roomy - front).T))].tolist()
        return x, y

    def _free(self, points: Array) -> NDArray[np.bool_]:
        """Return (N,) which of (N, 2) points, m, are reached and out of the zones' way."""
        q = self._solver.solve_batch(points, self._q).q
        free = np.asarray(np.isfinite(q).all(axis=1))
        if self._keep_out:
            free[free] = self._keep_out.clearance(q[free]) >= self._keep_out.margin
        return free

    def _clear(self, q: Array) -> bool:
        return bool((self._keep_out.clearance(q) >= self._keep_out.margin).all())
