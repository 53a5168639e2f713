"""The workspace for RViz: a surface that Publish Point can click on, and its boundary."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from visualization_msgs.msg import Marker

from ik_nn_ros.arm.plane import Array
from ik_nn_ros.arm.workspace import Workspace
from ik_nn_ros.ik.hybrid import HybridSolver
from ik_nn_ros.ik.problem import SolverConfig
from ik_nn_ros.ik.result import Status
from ik_nn_ros.nodes.marker_shapes import Shapes, Slot

SURFACE, EDGE = Slot('workspace', 0), Slot('workspace', 1)
SURFACE_COLOR = (0.25, 0.65, 0.95, 0.25)
EDGE_COLOR = (0.1, 0.35, 0.7, 0.9)
RINGS, SECTORS = 32, 128
SPACING, EDGE_WIDTH = 0.03, 0.006
"""Between points of the boundary, and how wide it is drawn: parts of the reach."""
ASIDE = 0.1
"""How far beside the lines of the boundary it is looked what can be reached: part of the length."""


def workspace_markers(shapes: Shapes, solver: HybridSolver) -> list[Marker]:
    """Return what the solver reaches, and the boundary of that."""
    arm = solver.arm
    closed_form = HybridSolver(arm, None, SolverConfig(solver.config.branch))
    return [
        shapes.triangles(SURFACE, SURFACE_COLOR, _surface(closed_form)),
        shapes.lines(EDGE, EDGE_COLOR, EDGE_WIDTH * arm.reach, _edge(closed_form)),
    ]


def _edge(solver: HybridSolver) -> Array:
    """Return (2 N, 2) ends of short lines: those between what can be reached and what cannot."""
    arm = solver.arm
    # Both branches have the arc of the straight arm.
    arcs = dict.fromkeys(Workspace(arm, solver.wanted).arcs)
    lines = [pair for arc in arcs for pair in pairwise(arc.points(SPACING * arm.reach))]
    ends = np.array(lines).reshape(-1, 2, 2)
    along = ends[:, 1] - ends[:, 0]
    # Farther to the side than the arc bulges over its chord, and no farther than horns are wide.
    aside = ASIDE * np.stack((-along[:, 1], along[:, 0]), axis=-1)
    middle = ends.mean(axis=1)
    bounds = _reached(solver, middle + aside) != _reached(solver, middle - aside)
    return ends[bounds].reshape(-1, 2)


def _surface(solver: HybridSolver) -> Array:
    """Return (M, 2) corners of triangles over the cells of a polar grid that can be reached."""
    r = np.linspace(solver.arm.inner_reach, solver.arm.reach, RINGS + 1)
    angle = np.linspace(-np.pi, np.pi, SECTORS + 1)
    unit = np.stack((np.cos(angle), np.sin(angle)), axis=-1)
    middle = (unit[:-1] + unit[1:]) / 2.0
    middles = middle[:, None] * ((r[:-1] + r[1:]) / 2.0)[:, None]
    reached = _reached(solver, middles.reshape(-1, 2)).reshape(SECTORS, RINGS)
    # One piece for all neighbours along a sector: every point costs time in each message.
    sides = np.diff(np.pad(reached, ((0, 0), (1, 1))).astype(int))
    sector, start = np.nonzero(sides == 1)
    end = np.nonzero(sides == -1)[1]
    near, far, here, there = r[start, None], r[end, None], unit[sector], unit[sector + 1]
    pieces = np.stack((near * here, far * here, far * there, near * there), axis=1)
    return pieces[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 2)


def _reached(solver: HybridSolver, points: Array) -> NDArray[np.bool_]:
    reached: NDArray[np.bool_] = (
        solver.solve_batch(points, solver.arm.home).status == Status.ACCEPTED
    )
    return reached
