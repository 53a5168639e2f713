"""What the tip of an arm reaches within the joint limits, as a surface and its boundary."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.geometry import Array
from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.ik.acceptance import SolverConfig
from ik_nn_ros.ik.result import Status
from ik_nn_ros.ik.solver import HybridSolver

PROBE_OFFSET_RATIO = 0.1
"""How far beside the lines of the boundary it is looked what can be reached: part of the length."""


class ReachableRegion:
    """
    What an arm reaches with the elbow on the side that is allowed.

    :param arm: the arm
    :param branch: nearest (either side), positive or negative
    """

    def __init__(self, arm: Kinematics, branch: str) -> None:
        self._solver = HybridSolver(arm, None, SolverConfig(branch))

    def contains(self, points: Array) -> NDArray[np.bool_]:
        """Return (N,) which of (N, 2) points, m, the tip can be brought to."""
        solver = self._solver
        reached: NDArray[np.bool_] = (
            solver.solve_batch(points, solver.arm.home).status == Status.ACCEPTED
        )
        return reached

    def boundary_segments(self, spacing_ratio: float) -> Array:
        """
        Return (N, 2, 2) ends of short lines: those between what is reached and what is not, m.

        :param spacing_ratio: length of the lines at most, part of the reach
        """
        arm = self._solver.arm
        # Both branches have the arc of the straight arm.
        arcs = dict.fromkeys(arm.workspace(self._solver.context.configured_branch).arcs)
        lines = [pair for arc in arcs for pair in pairwise(arc.points(spacing_ratio * arm.reach))]
        ends = np.array(lines).reshape(-1, 2, 2)
        along = ends[:, 1] - ends[:, 0]
        # Farther to the side than the arc bulges over its chord, and no farther than horns are
        # wide.
        aside = PROBE_OFFSET_RATIO * np.stack((-along[:, 1], along[:, 0]), axis=-1)
        middle = ends.mean(axis=1)
        bounds: Array = ends[self.contains(middle + aside) != self.contains(middle - aside)]
        return bounds

    def triangles(self, rings: int, sectors: int) -> Array:
        """Return (N, 3, 2) corners of triangles, m, over the cells of a polar grid it reaches."""
        arm = self._solver.arm
        r = np.linspace(arm.inner_reach, arm.reach, rings + 1)
        angle = np.linspace(-np.pi, np.pi, sectors + 1)
        unit = np.stack((np.cos(angle), np.sin(angle)), axis=-1)
        middle = (unit[:-1] + unit[1:]) / 2.0
        middles = middle[:, None] * ((r[:-1] + r[1:]) / 2.0)[:, None]
        reached = self.contains(middles.reshape(-1, 2)).reshape(sectors, rings)
        # One piece for all neighbours along a sector: every point costs time in each message.
        sides = np.diff(np.pad(reached, ((0, 0), (1, 1))).astype(int))
        sector, start = np.nonzero(sides == 1)
        end = np.nonzero(sides == -1)[1]
        near, far, here, there = r[start, None], r[end, None], unit[sector], unit[sector + 1]
        pieces = np.stack((near * here, far * here, far * there, near * there), axis=1)
        corners: Array = pieces[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3, 2)
        return corners
