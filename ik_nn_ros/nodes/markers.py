"""The workspace for RViz: a surface that Publish Point can click on, and its boundary."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from geometry_msgs.msg import Point
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.arm.plane import Array
from ik_nn_ros.arm.workspace import Workspace
from ik_nn_ros.ik.hybrid import HybridSolver
from ik_nn_ros.ik.problem import SolverConfig
from ik_nn_ros.ik.result import Status

RINGS, SECTORS = 32, 128
SURFACE = (0.25, 0.65, 0.95, 0.25)
EDGE = (0.1, 0.35, 0.7, 0.9)
EDGE_WIDTH = 0.003
"""m"""


def workspace_markers(solver: HybridSolver) -> MarkerArray:
    """Return what the solver reaches as a surface and its boundary lines."""
    arm = solver.arm
    arcs = [arc.points(0.01 * arm.reach) for arc in Workspace(arm, solver.wanted).arcs]
    lines = np.array([point for arc in arcs for pair in pairwise(arc) for point in pair])
    surface = _marker(arm, Marker.TRIANGLE_LIST, SURFACE, _surface(arm, solver.config.branch))
    edge = _marker(arm, Marker.LINE_LIST, EDGE, lines)
    surface.id, edge.id = 0, 1
    edge.scale.x = EDGE_WIDTH
    return MarkerArray(markers=[surface, edge])


def no_markers() -> MarkerArray:
    """Return what removes the markers."""
    return MarkerArray(markers=[Marker(action=Marker.DELETEALL)])


def _surface(arm: ArmModel, branch: str) -> Array:
    """Return (M, 2) corners of triangles over the cells of a polar grid that can be reached."""
    r, angle = np.meshgrid(
        np.linspace(arm.inner_reach, arm.reach, RINGS + 1),
        np.linspace(-np.pi, np.pi, SECTORS + 1),
        indexing='ij',
    )
    corner = np.stack((r * np.cos(angle), r * np.sin(angle)), axis=-1)
    cells = np.stack(
        (corner[:-1, :-1], corner[1:, :-1], corner[1:, 1:], corner[:-1, 1:]), axis=2
    ).reshape(-1, 4, 2)
    solved = HybridSolver(arm, None, SolverConfig(branch)).solve_batch(cells.mean(axis=1), arm.home)
    reached = cells[solved.status == Status.ACCEPTED]
    return reached[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 2)


def _marker(
    arm: ArmModel, kind: int, color: tuple[float, float, float, float], points: Array
) -> Marker:
    marker = Marker(ns='workspace', type=kind, action=Marker.ADD)
    marker.header.frame_id = arm.plane.frame
    marker.frame_locked = True
    marker.pose.orientation.w = 1.0
    marker.scale.x = marker.scale.y = marker.scale.z = 1.0
    marker.color = ColorRGBA(**dict(zip('rgba', color, strict=True)))
    marker.points = [Point(x=x, y=y, z=z) for x, y, z in arm.plane.lift(points).tolist()]
    return marker
