"""The workspace for RViz: a surface that Publish Point can click on, and its boundary."""

from __future__ import annotations

from visualization_msgs.msg import Marker

from ik_nn_ros.ik.hybrid import HybridSolver
from ik_nn_ros.ik.reachable import ReachableArea
from ik_nn_ros.nodes.marker_shapes import Shapes, Slot

SURFACE, EDGE = Slot('workspace', 0), Slot('workspace', 1)
SURFACE_COLOR = (0.25, 0.65, 0.95, 0.25)
EDGE_COLOR = (0.1, 0.35, 0.7, 0.9)
RINGS, SECTORS = 32, 128
SPACING, EDGE_WIDTH = 0.03, 0.006
"""Between points of the boundary, and how wide it is drawn: parts of the reach."""


def workspace_markers(shapes: Shapes, solver: HybridSolver) -> list[Marker]:
    """Return what the solver reaches, and the boundary of that."""
    reachable = ReachableArea(solver.arm, solver.config.branch)
    surface = reachable.surface(RINGS, SECTORS).reshape(-1, 2)
    edge = reachable.edge(SPACING).reshape(-1, 2)
    return [
        shapes.triangles(SURFACE, SURFACE_COLOR, surface),
        shapes.lines(EDGE, EDGE_COLOR, EDGE_WIDTH * solver.arm.reach, edge),
    ]
