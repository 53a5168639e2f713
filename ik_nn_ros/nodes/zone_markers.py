"""Keep-out zones for RViz, and how far the links stay away from them."""

from __future__ import annotations

from visualization_msgs.msg import Marker

from ik_nn_ros.motion.keep_out import KeepOut
from ik_nn_ros.motion.zone_picture import build_zone_mesh
from ik_nn_ros.nodes.marker_shapes import MarkerFactory, MarkerId

ZONE_MARKER, ZONE_EDGE_MARKER, ZONE_MARGIN_MARKER = (
    MarkerId('keep_out', 0),
    MarkerId('keep_out', 1),
    MarkerId('keep_out_margin', 0),
)
ZONE_COLOR = (0.85, 0.15, 0.15, 0.45)
ZONE_EDGE_COLOR = (0.7, 0.05, 0.05, 0.9)
ZONE_MARGIN_COLOR = (0.95, 0.55, 0.1, 0.35)
ZONE_EDGE_WIDTH_RATIO = 0.006
"""Part of the reach."""
HALF_PLANE_EXTENT_RATIO = 1.2
"""How far from the first axis half planes are drawn, up and down, left and right: in reaches."""


def zone_markers(factory: MarkerFactory, keep_out: KeepOut, reach: float) -> list[Marker]:
    """
    Return the zones, their edges, and the margins around them.

    :param reach: of the arm, m
    """
    picture = build_zone_mesh(keep_out, HALF_PLANE_EXTENT_RATIO * reach)
    return [
        factory.triangle_list(ZONE_MARKER, ZONE_COLOR, picture.zones),
        factory.line_list(
            ZONE_EDGE_MARKER, ZONE_EDGE_COLOR, ZONE_EDGE_WIDTH_RATIO * reach, picture.edges
        ),
        factory.triangle_list(ZONE_MARGIN_MARKER, ZONE_MARGIN_COLOR, picture.margins),
    ]
