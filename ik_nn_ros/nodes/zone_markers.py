"""Keep-out zones for RViz, and how far the links stay away from them."""

from __future__ import annotations

from visualization_msgs.msg import Marker

from ik_nn_ros.motion.keep_out import KeepOut
from ik_nn_ros.motion.zone_picture import picture_of
from ik_nn_ros.nodes.marker_shapes import Shapes, Slot

ZONES, EDGES, MARGINS = Slot('keep_out', 0), Slot('keep_out', 1), Slot('keep_out_margin', 0)
ZONE_COLOR = (0.85, 0.15, 0.15, 0.45)
EDGE_COLOR = (0.7, 0.05, 0.05, 0.9)
MARGIN_COLOR = (0.95, 0.55, 0.1, 0.35)
EDGE_WIDTH = 0.006
"""Part of the reach."""
SURROUNDINGS = 1.2
"""How far from the first axis half planes are drawn, up and down, left and right: in reaches."""


def zone_markers(shapes: Shapes, keep_out: KeepOut, reach: float) -> list[Marker]:
    """
    Return the zones, their edges, and the margins around them.

    :param reach: of the arm, m
    """
    picture = picture_of(keep_out, SURROUNDINGS * reach)
    return [
        shapes.triangles(ZONES, ZONE_COLOR, picture.zones),
        shapes.lines(EDGES, EDGE_COLOR, EDGE_WIDTH * reach, picture.edges),
        shapes.triangles(MARGINS, MARGIN_COLOR, picture.margins),
    ]
