"""What the tip of an arm reaches within the joint limits, as a surface and its boundary."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.plane import Array
from ik_nn_ros.arm.workspace import Workspace
from ik_nn_ros.ik.hybrid import HybridSolver
from ik_nn_ros.ik.result import Status

RINGS, SECTORS = 64, 256
SPACING = 0.02
"""Between points of the boundary: part of the reach."""
ASIDE = 0.1
"""How far beside the lines of the boundary it is looked what can be reached: part of the length."""


def edge(solver: HybridSolver) -> Array:
    """Return (N, 2, 2) ends of short lines: those between what can be reached and what cannot."""
    arm = solver.arm
    # Both branches have the arc of the straight arm.
    arcs = dict.fromkeys(Workspace(arm, solver.wanted).arcs)
    lines = [pair for arc in arcs for pair in pairwise(arc.points(SPACING * arm.reach))]
    ends = np.array(lines).reshape(-1, 2, 2)
    along = ends[:, 1] - ends[:, 0]
    # Farther to the side than the arc bulges over its chord, and no farther than horns are wide.
    aside = ASIDE * np.stack((-along[:, 1], along[:, 0]), axis=-1)
    middle = ends.mean(axis=1)
    return ends[_reached(solver, middle + aside) != _reached(solver, middle - aside)]


def surface(solver: HybridSolver) -> Array:
    """Return (N, 3, 2) corners of triangles over the cells of a polar grid that can be reached."""
    r = np.linspace(solver.arm.inner_reach, solver.arm.reach, RINGS + 1)
    angle = np.linspace(-np.pi, np.pi, SECTORS + 1)
    unit = np.stack((np.cos(angle), np.sin(angle)), axis=-1)
    middle = (unit[:-1] + unit[1:]) / 2.0
    middles = middle[:, None] * ((r[:-1] + r[1:]) / 2.0)[:, None]
    reached = _reached(solver, middles.reshape(-1, 2)).reshape(SECTORS, RINGS)
    # One piece for all neighbours along a sector.
    sides = np.diff(np.pad(reached, ((0, 0), (1, 1))).astype(int))
    sector, start = np.nonzero(sides == 1)
    end = np.nonzero(sides == -1)[1]
    near, far, here, there = r[start, None], r[end, None], unit[sector], unit[sector + 1]
    pieces = np.stack((near * here, far * here, far * there, near * there), axis=1)
    return pieces[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3, 2)


def _reached(solver: HybridSolver, points: Array) -> NDArray[np.bool_]:
    reached: NDArray[np.bool_] = (
        solver.solve_batch(points, solver.arm.home).status == Status.ACCEPTED
    )
    return reached
