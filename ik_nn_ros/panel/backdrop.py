"""What lies in the arm's plane behind the arm: what it reaches, zones to keep out of, figures."""

from __future__ import annotations

import numpy as np
import viser

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.arm.plane import Array
from ik_nn_ros.ik.reachable import ReachableRegion
from ik_nn_ros.motion.keep_out import KeepOut
from ik_nn_ros.motion.zone_picture import build_zone_mesh
from ik_nn_ros.panel.geometry import Points, lifted, segments

Color = tuple[int, int, int]
SURFACE, BORDER, FIGURE = (120, 180, 240), (30, 90, 170), (110, 140, 110)
ZONE, ZONE_BORDER, MARGIN = (220, 40, 40), (180, 15, 15), (245, 150, 40)
RINGS, SECTORS = 64, 256
"""Of the grid the surface is made of."""
SPACING, LINE = 0.02, 0.006
"""Between points of the boundary, and how wide lines are drawn: parts of the reach."""
BELOW, ZONES_BELOW = 0.07, 0.06
"""How far surface and zones lie below the plane, not to hide the links: parts of the reach."""
SURROUNDINGS = 3.0
"""How far from the first axis half planes are drawn, in reaches: beyond the picture's edges."""
NO_LINES: Points = np.zeros((0, 2, 3), dtype=np.float32)


class Backdrop:
    """
    Draws it, below the frame of the arm's plane.

    :param server: of the page
    :param arm: the arm
    :param root: name of that frame
    """

    def __init__(self, server: viser.ViserServer, arm: ArmModel, root: str) -> None:
        self._scene, self._arm, self._root = server.scene, arm, root
        self._zones: list[viser.MeshHandle | viser.LineSegmentsHandle] = []
        self._figure = self._lines('figure', NO_LINES, FIGURE)

    def show_workspace(self, branch: str) -> None:
        """Draw what the arm reaches with the elbow on the side that is allowed."""
        area, down = ReachableRegion(self._arm, branch), -BELOW * self._arm.reach
        surface = area.triangles(RINGS, SECTORS).reshape(-1, 2)
        self._triangles('workspace', lifted(surface, down), SURFACE, 0.3)
        self._lines('edge', lifted(area.boundary_segments(SPACING), down), BORDER)

    def show_zones(self, keep_out: KeepOut) -> None:
        """Draw the zones and how far the links stay away from them."""
        for zone in self._zones:
            zone.remove()
        picture = build_zone_mesh(keep_out, SURROUNDINGS * self._arm.reach)
        down = -ZONES_BELOW * self._arm.reach
        self._zones = []
        for name, corners, color, opacity in (
            ('zones', picture.zones, ZONE, 0.5),
            ('margins', picture.margins, MARGIN, 0.3),
        ):
            if len(corners):
                self._zones.append(self._triangles(name, lifted(corners, down), color, opacity))
        if len(picture.edges):
            ends = lifted(picture.edges.reshape(-1, 2, 2), down)
            self._zones.append(self._lines('zone_edges', ends, ZONE_BORDER))

    def show_figure(self, points: Array) -> None:
        """Draw what the arm is led along, (N, 2) points, m."""
        self._figure.points = segments(points)

    def _triangles(
        self, name: str, corners: Points, color: Color, opacity: float
    ) -> viser.MeshHandle:
        return self._scene.add_mesh_simple(
            f'{self._root}/{name}',
            corners,
            np.arange(len(corners)).reshape(-1, 3),
            color=color,
            opacity=opacity,
            side='double',
            cast_shadow=False,
            receive_shadow=False,
        )

    def _lines(self, name: str, ends: Points, color: Color) -> viser.LineSegmentsHandle:
        return self._scene.add_line_segments(
            f'{self._root}/{name}', ends, color, thickness=LINE * self._arm.reach
        )
