"""The region that the tip of an arm reaches within the joint limits, for display."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.geometry import Array
from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.ik.acceptance import SolverConfig, Status
from ik_nn_ros.ik.solver import HybridSolver

PROBE_OFFSET_RATIO = 0.1
"""Distance from a segment of the boundary to the points tested on both sides, over its length."""


class ReachableRegion:
    """
    The region an arm reaches on the branches that are allowed.

    :param arm: the arm
    :param branch: nearest (both branches), positive or negative
    """

    def __init__(self, arm: Kinematics, branch: str) -> None:
        self._solver = HybridSolver(arm, None, SolverConfig(branch))

    def contains(self, points: Array) -> NDArray[np.bool_]:
        """Tell (N,) which of (N, 2) points, m, the tip can reach."""
        solver = self._solver
        reached: NDArray[np.bool_] = (
            solver.solve_batch(points, solver.arm.home).status == Status.ACCEPTED
        )
        return reached

    def boundary_segments(self, spacing_ratio: float) -> Array:
        """
        Return the ends (N, 2, 2), m, of short segments that make up the boundary.

        :param spacing_ratio: largest length of a segment, as a fraction of reach
        """
        arm = self._solver.arm
        # Both branches have the arc of the straight arm.
        arcs = dict.fromkeys(arm.workspace(self._solver.context.configured_branch).arcs)
        segments = [
            ends for arc in arcs for ends in pairwise(arc.points(spacing_ratio * arm.reach))
        ]
        ends = np.array(segments).reshape(-1, 2, 2)
        along = ends[:, 1] - ends[:, 0]
        # Further to the side than the arc bulges over its chord, and less far than narrow parts of
        # the region are wide.
        offset = PROBE_OFFSET_RATIO * np.stack((-along[:, 1], along[:, 0]), axis=-1)
        middle = ends.mean(axis=1)
        boundary: Array = ends[self.contains(middle + offset) != self.contains(middle - offset)]
        return boundary

    def triangles(self, rings: int, sectors: int) -> Array:
        """
        Return the corners (N, 3, 2), m, of triangles over the reached cells of a polar grid.

        :param rings: cells between inner reach and reach
        :param sectors: cells around the first axis
        """
        arm = self._solver.arm
        r = np.linspace(arm.inner_reach, arm.reach, rings + 1)
        angle = np.linspace(-np.pi, np.pi, sectors + 1)
        unit = np.stack((np.cos(angle), np.sin(angle)), axis=-1)
        unit_middle, r_middle = (unit[:-1] + unit[1:]) / 2.0, (r[:-1] + r[1:]) / 2.0
        middles = unit_middle[:, None] * r_middle[:, None]
        reached = self.contains(middles.reshape(-1, 2)).reshape(sectors, rings)
        # One piece for all neighbours along a sector: every point costs time in each message.
        changes = np.diff(np.pad(reached, ((0, 0), (1, 1))).astype(int))
        sector, start = np.nonzero(changes == 1)
        end = np.nonzero(changes == -1)[1]
        near, far = r[start, None], r[end, None]
        first, second = unit[sector], unit[sector + 1]
        quads = np.stack((near * first, far * first, far * second, near * second), axis=1)
        corners: Array = quads[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3, 2)
        return corners
