"""
What RViz shows of an arm besides the robot: workspace, keep-out zones, target, trail of the tip.

Each message is the whole picture: every marker there can be, or its removal. So what is latched is
complete, a lost message does no harm, and depth 1 is enough on both sides. The picture is sent
when it changes, at most ten times a second; when somebody joins; and every two seconds, as RViz
shows a namespace that was switched on only when it comes again. About 2000 points, 2 ms: that is
why they are few. While nobody looks nothing is computed or sent.
"""

from __future__ import annotations

import time

from geometry_msgs.msg import Point
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import Header
from visualization_msgs.msg import Marker, MarkerArray

from ik_nn_ros.arm.model import JointPair
from ik_nn_ros.ik.hybrid import HybridSolver
from ik_nn_ros.motion.keep_out import KeepOut
from ik_nn_ros.nodes import target_markers, zone_markers
from ik_nn_ros.nodes import workspace_markers as workspace
from ik_nn_ros.nodes.marker_shapes import MarkerFactory, MarkerId, deletion_marker
from ik_nn_ros.nodes.qos import overridable_qos
from ik_nn_ros.nodes.target_markers import TargetOutcome
from ik_nn_ros.nodes.targets import TargetResult
from ik_nn_ros.nodes.tip_trail import TipTrail

MARKERS_QOS = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
"""Of ``~/markers``."""
PUBLISH_PERIOD_S, REPUBLISH_PERIOD_S = 0.1, 2.0
"""Between two pictures, s, at least; and at most, while somebody looks."""
TRAIL_MARKER = MarkerId('tip_trail', 0)
TRAIL_COLOR = (0.95, 0.95, 0.4, 0.9)
TRAIL_WIDTH_RATIO = 0.008
"""Part of the reach."""
ALL_MARKERS = (
    workspace.WORKSPACE_SURFACE_MARKER,
    workspace.WORKSPACE_BOUNDARY_MARKER,
    zone_markers.ZONE_MARKER,
    zone_markers.ZONE_EDGE_MARKER,
    zone_markers.ZONE_MARGIN_MARKER,
    target_markers.TARGET_MARKER,
    target_markers.PROJECTION_MARKER,
    target_markers.REASON_MARKER,
    target_markers.OTHER_BRANCH_MARKER,
    TRAIL_MARKER,
)


class ArmMarkers:
    """
    Publishes the markers of one arm.

    :param node: whose timer it is
    """

    def __init__(self, node: Node) -> None:
        self._publisher = node.create_publisher(
            MarkerArray, '~/markers', **overridable_qos(MARKERS_QOS)
        )
        self._frame_prefix = ''
        self._solver: HybridSolver | None = None
        self._keep_out: KeepOut | None = None
        self._trail: TipTrail | None = None
        self._latest_target: TargetOutcome | None = None
        self._static_markers: list[Marker] = []
        """Of workspace and zones, while they do not change."""
        self._published_state: tuple[object, ...] = ()
        self._subscriber_count = 0
        self._last_publish_time = 0.0
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        node.create_timer(PUBLISH_PERIOD_S, self.tick, clock=steady)

    def configure(self, solver: HybridSolver, keep_out: KeepOut, frame_prefix: str = '') -> None:
        """
        Show this arm from now on.

        :param solver: says what can be reached
        :param keep_out: the zones it keeps out of
        :param frame_prefix: of the frames in TF
        """
        if self._solver is None or solver.arm is not self._solver.arm:
            self.clear()
            self._trail = TipTrail(solver.arm)
        self._solver, self._keep_out, self._static_markers = solver, keep_out, []
        self._frame_prefix = frame_prefix

    def clear(self) -> None:
        """Show nothing any more."""
        self._solver = self._keep_out = self._trail = self._latest_target = None

    def update_target(self, header: Header, position: Point, result: TargetResult) -> None:
        """
        Take in the latest target; costs nothing.

        :param header: of the target
        :param position: of the target, m
        :param result: to it
        """
        self._latest_target = TargetOutcome(header, position, result)

    def update_joints(self, q: JointPair) -> None:
        """Take in where the joints (rad) are; costs nothing while nobody looks."""
        if self._subscriber_count and self._trail is not None:
            self._trail.add(time.monotonic(), q)

    def tick(self) -> None:
        """Publish the picture if somebody looks and it has changed, or is due."""
        watchers = self._publisher.get_subscription_count()
        joined, self._subscriber_count = watchers > self._subscriber_count, watchers
        if not watchers:
            if self._trail is not None:
                self._trail.clear()
            return
        now = time.monotonic()
        if self._trail is not None:
            self._trail.remove_expired(now)
        changes = self._trail.change_count if self._trail is not None else 0
        shows = (self._solver, self._keep_out, self._latest_target, changes)
        if (
            joined
            or shows != self._published_state
            or now - self._last_publish_time >= REPUBLISH_PERIOD_S
        ):
            self._published_state, self._last_publish_time = shows, now
            self._publisher.publish(MarkerArray(markers=self._make_markers()))

    def _make_markers(self) -> list[Marker]:
        solver, keep_out, trail = self._solver, self._keep_out, self._trail
        if solver is None or keep_out is None or trail is None:
            return [deletion_marker(slot) for slot in ALL_MARKERS]
        arm = solver.arm
        shapes = MarkerFactory(arm.plane, self._frame_prefix)
        if not self._static_markers:
            self._static_markers = [
                *workspace.workspace_markers(shapes, solver),
                *zone_markers.zone_markers(shapes, keep_out, arm.reach),
            ]
        return [
            *self._static_markers,
            *target_markers.target_markers(shapes, arm, self._latest_target),
            shapes.line_strip(
                TRAIL_MARKER, TRAIL_COLOR, TRAIL_WIDTH_RATIO * arm.reach, trail.points
            ),
        ]
