"""Marker messages for RViz, from points of an arm's plane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from geometry_msgs.msg import Point, Pose, Quaternion
from numpy.typing import ArrayLike
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker

from ik_nn_ros.arm.plane import Plane
from ik_nn_ros.nodes.conversions import quaternion

Color = tuple[float, float, float, float]
"""Red, green, blue, opacity; 0 to 1."""
FLAT = 0.08
"""How thick a spot is: part of its diameter."""


class Slot(NamedTuple):
    """Namespace and id of a marker: what RViz switches on and off, and knows it again by."""

    ns: str
    id: int


class Shapes:
    """
    Makes markers in an arm's plane; where there is nothing to show, one that removes it.

    :param plane: the arm's plane
    :param prefix: of the frames in TF
    """

    def __init__(self, plane: Plane, prefix: str = '') -> None:
        self.plane = plane
        self.frame = prefix + plane.frame
        turn = dict(zip('xyzw', quaternion(plane.rotation), strict=True))
        self._orientation = Quaternion(**turn)

    def triangles(self, slot: Slot, color: Color, corners: ArrayLike) -> Marker:
        """Return a surface of (3 N, 2) corners, m."""
        return self._listed(slot, Marker.TRIANGLE_LIST, color, 1.0, corners)

    def lines(self, slot: Slot, color: Color, width: float, ends: ArrayLike) -> Marker:
        """Return lines between (2 N, 2) ends, m."""
        return self._listed(slot, Marker.LINE_LIST, color, width, ends)

    def strip(self, slot: Slot, color: Color, width: float, points: Sequence[object]) -> Marker:
        """Return a line through (N, 2) points, m; one point is none."""
        points = points if len(points) > 1 else ()
        return self._listed(slot, Marker.LINE_STRIP, color, width, points)

    def spot(self, slot: Slot, color: Color, diameter: float, center: Point) -> Marker:
        """
        Return a flat spot in the plane around a position of the base frame, m.

        Publish Point takes what is in front: a ball would put its points off the plane.
        """
        marker = self._marker(slot, Marker.SPHERE, color)
        marker.scale.x = marker.scale.y = diameter
        marker.scale.z = FLAT * diameter
        marker.pose = self.pose(center)
        return marker

    def text(self, slot: Slot, color: Color, height: float, center: Point, words: str) -> Marker:
        """Return words around a position of the base frame, of a height (m)."""
        marker = self._marker(slot, Marker.TEXT_VIEW_FACING, color)
        marker.scale.z = height
        marker.pose.position = center
        marker.text = words
        return marker

    def pose(self, position: Point) -> Pose:
        """Return a pose in the base frame with the plane's orientation."""
        return Pose(position=position, orientation=self._orientation)

    def points(self, points: ArrayLike) -> list[Point]:
        """Return (N, 2) points, m, in the base frame."""
        pairs = np.asarray(points, dtype=float).reshape(-1, 2)
        return [Point(x=x, y=y, z=z) for x, y, z in self.plane.lift(pairs).tolist()]

    def _listed(
        self, slot: Slot, kind: int, color: Color, width: float, points: ArrayLike
    ) -> Marker:
        places = self.points(points)
        if not places:  # RViz takes a marker without points for an error
            return absent(slot)
        marker = self._marker(slot, kind, color)
        marker.scale.x = width
        marker.scale.y = marker.scale.z = 1.0
        marker.points = places
        return marker

    def _marker(self, slot: Slot, kind: int, color: Color) -> Marker:
        marker = Marker(ns=slot.ns, id=slot.id, type=kind, action=Marker.ADD)
        # No stamp and locked: it goes with its frame, wherever that moves.
        marker.header.frame_id = self.frame
        marker.frame_locked = True
        marker.pose.orientation.w = 1.0
        marker.color = rgba(color)
        return marker


def absent(slot: Slot) -> Marker:
    """Return what removes a marker, if it is there."""
    return Marker(ns=slot.ns, id=slot.id, action=Marker.DELETE)


def rgba(color: Color) -> ColorRGBA:
    """Return a color as a message."""
    red, green, blue, opacity = color
    return ColorRGBA(r=red, g=green, b=blue, a=opacity)
