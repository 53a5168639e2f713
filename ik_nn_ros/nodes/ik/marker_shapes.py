"""Shapes of RViz markers from points of an arm's plane."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from geometry_msgs.msg import Point, Pose, Quaternion
from numpy.typing import ArrayLike
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker

from ik_nn_ros.arm.geometry import Plane
from ik_nn_ros.nodes.common.conversions import quaternion_from_matrix

Color = tuple[float, float, float, float]
"""Red, green, blue, opacity; 0 to 1."""
DISC_FLATNESS_RATIO = 0.08
"""Thickness of a disc, as a part of its diameter."""


class MarkerId(NamedTuple):
    """
    Identity of a marker.

    :param ns: namespace, which can be switched on and off in RViz
    :param id: number in the namespace
    """

    ns: str
    id: int


class MarkerFactory:
    """
    Factory of markers in an arm's plane; a shape without points becomes a deletion.

    :param plane: plane of the arm
    :param frame_prefix: prefix of the frames in TF
    """

    def __init__(self, plane: Plane, frame_prefix: str = '') -> None:
        self.plane = plane
        self.frame = frame_prefix + plane.base_frame
        components = dict(zip('xyzw', quaternion_from_matrix(plane.rotation), strict=True))
        self._orientation = Quaternion(**components)

    def triangle_list(self, marker_id: MarkerId, color: Color, corners: ArrayLike) -> Marker:
        """Return a surface of triangles with (3 N, 2) corners, m."""
        return self._point_list(marker_id, Marker.TRIANGLE_LIST, color, 1.0, corners)

    def line_list(self, marker_id: MarkerId, color: Color, width: float, ends: ArrayLike) -> Marker:
        """Return line segments between (2 N, 2) ends, m."""
        return self._point_list(marker_id, Marker.LINE_LIST, color, width, ends)

    def line_strip(
        self, marker_id: MarkerId, color: Color, width: float, points: ArrayLike
    ) -> Marker:
        """Return a line through (N, 2) points, m; a deletion if there are fewer than two."""
        return self._point_list(marker_id, Marker.LINE_STRIP, color, width, points, min_count=2)

    def disc(self, marker_id: MarkerId, color: Color, diameter: float, center: Point) -> Marker:
        """
        Return a flat disc in the plane around a position of the base frame, m.

        It is flat because Publish Point uses the surface in front: points on a ball would be
        outside the plane.
        """
        marker = self._make_marker(marker_id, Marker.SPHERE, color)
        marker.scale.x = marker.scale.y = diameter
        marker.scale.z = DISC_FLATNESS_RATIO * diameter
        marker.pose = self.pose(center)
        return marker

    def text(
        self, marker_id: MarkerId, color: Color, height: float, center: Point, content: str
    ) -> Marker:
        """Return a text of a height, m, around a position of the base frame, m."""
        marker = self._make_marker(marker_id, Marker.TEXT_VIEW_FACING, color)
        marker.scale.z = height
        marker.pose.position = center
        marker.text = content
        return marker

    def pose(self, position: Point) -> Pose:
        """Return a pose in the base frame with the orientation of the plane."""
        return Pose(position=position, orientation=self._orientation)

    def points(self, points: ArrayLike) -> list[Point]:
        """Return (N, 2) points of the plane, m, in the base frame."""
        xy = np.asarray(points, dtype=float).reshape(-1, 2)
        return [Point(x=x, y=y, z=z) for x, y, z in self.plane.to_base(xy).tolist()]

    def _point_list(
        self,
        marker_id: MarkerId,
        kind: int,
        color: Color,
        width: float,
        points: ArrayLike,
        min_count: int = 1,
    ) -> Marker:
        base_points = self.points(points)
        if len(base_points) < min_count:  # RViz reports a marker without points as an error
            return deletion_marker(marker_id)
        marker = self._make_marker(marker_id, kind, color)
        marker.scale.x = width
        marker.scale.y = marker.scale.z = 1.0
        marker.points = base_points
        return marker

    def _make_marker(self, marker_id: MarkerId, kind: int, color: Color) -> Marker:
        marker = Marker(ns=marker_id.ns, id=marker_id.id, type=kind, action=Marker.ADD)
        # No stamp and locked: it moves with its frame.
        marker.header.frame_id = self.frame
        marker.frame_locked = True
        marker.pose.orientation.w = 1.0
        marker.color = rgba(color)
        return marker


def deletion_marker(marker_id: MarkerId) -> Marker:
    """Return a marker that deletes the one with this identity, if there is one."""
    return Marker(ns=marker_id.ns, id=marker_id.id, action=Marker.DELETE)


def rgba(color: Color) -> ColorRGBA:
    """Return a color as a message."""
    red, green, blue, opacity = color
    return ColorRGBA(r=red, g=green, b=blue, a=opacity)
