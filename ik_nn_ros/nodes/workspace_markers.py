"""The workspace for RViz: a surface that Publish Point can click on, and its boundary."""

from __future__ import annotations

from visualization_msgs.msg import Marker

from ik_nn_ros.ik.hybrid import HybridSolver
from ik_nn_ros.ik.reachable import ReachableRegion
from ik_nn_ros.nodes.marker_shapes import MarkerFactory, MarkerId

WORKSPACE_SURFACE_MARKER, WORKSPACE_BOUNDARY_MARKER = (
    MarkerId('workspace', 0),
    MarkerId('workspace', 1),
)
WORKSPACE_SURFACE_COLOR = (0.25, 0.65, 0.95, 0.25)
WORKSPACE_BOUNDARY_COLOR = (0.1, 0.35, 0.7, 0.9)
WORKSPACE_RING_COUNT, WORKSPACE_SECTOR_COUNT = 32, 128
WORKSPACE_BOUNDARY_SPACING_RATIO, WORKSPACE_BOUNDARY_WIDTH_RATIO = 0.03, 0.006
"""Between points of the boundary, and how wide it is drawn: parts of the reach."""


def workspace_markers(factory: MarkerFactory, solver: HybridSolver) -> list[Marker]:
    """Return what the solver reaches, and the boundary of that."""
    reachable = ReachableRegion(solver.arm, solver.config.branch)
    surface = reachable.triangles(WORKSPACE_RING_COUNT, WORKSPACE_SECTOR_COUNT).reshape(-1, 2)
    edge = reachable.boundary_segments(WORKSPACE_BOUNDARY_SPACING_RATIO).reshape(-1, 2)
    return [
        factory.triangle_list(WORKSPACE_SURFACE_MARKER, WORKSPACE_SURFACE_COLOR, surface),
        factory.line_list(
            WORKSPACE_BOUNDARY_MARKER,
            WORKSPACE_BOUNDARY_COLOR,
            WORKSPACE_BOUNDARY_WIDTH_RATIO * solver.arm.reach,
            edge,
        ),
    ]
