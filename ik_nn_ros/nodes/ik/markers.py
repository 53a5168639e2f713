"""
Markers for RViz on ``~/markers``: workspace, keep-out zones, latest target and trail of the tip.

Each message contains all markers, or their deletion. So a latched message is complete, a lost one
does no harm, and depth 1 is enough on both sides. Markers are published when they have changed, at
most ten times per second; when a subscriber joins; and every two seconds, because RViz shows a
namespace that was switched on only when it is published again. One message has about 2000 points
and takes 2 ms, which is why there are so few. Without subscribers nothing is computed or published.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import NamedTuple

from geometry_msgs.msg import Point
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import Header
from visualization_msgs.msg import Marker, MarkerArray

from ik_nn_ros.arm.geometry import JointPair, Point2
from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.arm.paths import TipTrail
from ik_nn_ros.collision.zone_mesh import build_zone_mesh
from ik_nn_ros.ik.acceptance import SolverConfig
from ik_nn_ros.ik.reachable_region import ReachableRegion
from ik_nn_ros.ik.solver import HybridSolver
from ik_nn_ros.nodes.common.parameters import overridable_qos
from ik_nn_ros.nodes.ik.marker_shapes import Color, MarkerFactory, MarkerId, deletion_marker
from ik_nn_ros.nodes.ik.target_solver import TargetResult
from ik_nn_ros.trajectory.keep_out import KeepOut

MARKERS_QOS = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
"""QoS of ``~/markers``."""
PUBLISH_PERIOD_S = 0.1
"""Shortest time between two messages, s."""
REPUBLISH_PERIOD_S = 2.0
"""Longest time between two messages while there is a subscriber, s."""

WORKSPACE_SURFACE_MARKER = MarkerId('workspace', 0)
WORKSPACE_BOUNDARY_MARKER = MarkerId('workspace', 1)
ZONE_MARKER = MarkerId('keep_out', 0)
ZONE_EDGE_MARKER = MarkerId('keep_out', 1)
ZONE_MARGIN_MARKER = MarkerId('keep_out_margin', 0)
TARGET_MARKER = MarkerId('target', 0)
PROJECTION_MARKER = MarkerId('target', 1)
REASON_MARKER = MarkerId('target_reason', 0)
OTHER_BRANCH_MARKER = MarkerId('other_branch', 0)
TRAIL_MARKER = MarkerId('tip_trail', 0)
TARGET_MARKERS = (TARGET_MARKER, PROJECTION_MARKER, REASON_MARKER, OTHER_BRANCH_MARKER)
ALL_MARKERS = (
    WORKSPACE_SURFACE_MARKER,
    WORKSPACE_BOUNDARY_MARKER,
    ZONE_MARKER,
    ZONE_EDGE_MARKER,
    ZONE_MARGIN_MARKER,
    *TARGET_MARKERS,
    TRAIL_MARKER,
)

GREEN = (0.1, 0.8, 0.25, 1.0)
AMBER = (1.0, 0.7, 0.0, 1.0)
RED = (1.0, 0.25, 0.2, 1.0)
OTHER_BRANCH_COLOR = (0.6, 0.6, 0.6, 0.5)
TRAIL_COLOR = (0.95, 0.95, 0.4, 0.9)
WORKSPACE_SURFACE_COLOR = (0.25, 0.65, 0.95, 0.25)
WORKSPACE_BOUNDARY_COLOR = (0.1, 0.35, 0.7, 0.9)
ZONE_COLOR = (0.85, 0.15, 0.15, 0.45)
ZONE_EDGE_COLOR = (0.7, 0.05, 0.05, 0.9)
ZONE_MARGIN_COLOR = (0.95, 0.55, 0.1, 0.35)

# Sizes, as parts of the reach.
TARGET_DIAMETER_RATIO = 0.05
LINE_WIDTH_RATIO = 0.008
TRAIL_WIDTH_RATIO = 0.008
TEXT_HEIGHT_RATIO = 0.06
TEXT_OFFSET_RATIO = 0.08
"""Distance from the target to the middle of its text."""
WORKSPACE_BOUNDARY_SPACING_RATIO = 0.03
"""Distance between points of the boundary."""
WORKSPACE_BOUNDARY_WIDTH_RATIO = 0.006
ZONE_EDGE_WIDTH_RATIO = 0.006
HALF_PLANE_EXTENT_RATIO = 1.2
"""Distance from the first axis to each side of the square in which half planes are drawn."""

WORKSPACE_RING_COUNT = 32
WORKSPACE_SECTOR_COUNT = 128
UNLOCATED_CODES = ('NOT_FINITE', 'BAD_FRAME', 'NO_TRANSFORM')
"""Reason codes of targets whose position cannot be shown in RViz."""


class TargetOutcome(NamedTuple):
    """
    A target and its result.

    :param header: of the target
    :param position: in the frame of the header, m
    :param result: of the target
    """

    header: Header
    position: Point
    result: TargetResult


class ArmMarkers:
    """
    Publisher of the markers of one arm.

    :param node: node that publishes
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
        """Markers of workspace and zones, until these change."""
        self._published_state: tuple[object, ...] = ()
        self._subscriber_count = 0
        self._last_publish_time = 0.0
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        node.create_timer(PUBLISH_PERIOD_S, self.tick, clock=steady)

    def configure(self, solver: HybridSolver, keep_out: KeepOut, frame_prefix: str = '') -> None:
        """
        Show an arm.

        :param solver: determines the workspace
        :param keep_out: keep-out zones
        :param frame_prefix: prefix of the frames in TF
        """
        if self._solver is None or solver.arm is not self._solver.arm:
            self.clear()
            self._trail = TipTrail(solver.arm)
        self._solver, self._keep_out, self._static_markers = solver, keep_out, []
        self._frame_prefix = frame_prefix

    def clear(self) -> None:
        """Show nothing."""
        self._solver = self._keep_out = self._trail = self._latest_target = None

    def update_target(self, header: Header, position: Point, result: TargetResult) -> None:
        """
        Set the latest target; this computes nothing.

        :param header: of the target
        :param position: of the target, m
        :param result: of the target
        """
        self._latest_target = TargetOutcome(header, position, result)

    def update_joints(self, q: JointPair) -> None:
        """Add measured joints, rad, to the trail; without subscribers this does nothing."""
        if self._subscriber_count and self._trail is not None:
            self._trail.add(time.monotonic(), q)

    def tick(self) -> None:
        """Publish the markers if there are subscribers and it is due."""
        count = self._publisher.get_subscription_count()
        has_joined, self._subscriber_count = count > self._subscriber_count, count
        if not count:
            if self._trail is not None:
                self._trail.clear()
            return
        now = time.monotonic()
        if self._trail is not None:
            self._trail.remove_expired(now)
        trail_changes = self._trail.change_count if self._trail is not None else 0
        state = (self._solver, self._keep_out, self._latest_target, trail_changes)
        if (
            has_joined
            or state != self._published_state
            or now - self._last_publish_time >= REPUBLISH_PERIOD_S
        ):
            self._published_state, self._last_publish_time = state, now
            self._publisher.publish(MarkerArray(markers=self._make_markers()))

    def _make_markers(self) -> list[Marker]:
        solver, keep_out, trail = self._solver, self._keep_out, self._trail
        if solver is None or keep_out is None or trail is None:
            return [deletion_marker(marker_id) for marker_id in ALL_MARKERS]
        arm = solver.arm
        factory = MarkerFactory(arm.plane, self._frame_prefix)
        if not self._static_markers:
            self._static_markers = [
                *workspace_markers(factory, solver),
                *zone_markers(factory, keep_out, arm.reach),
            ]
        return [
            *self._static_markers,
            *target_markers(factory, arm, self._latest_target),
            factory.line_strip(
                TRAIL_MARKER, TRAIL_COLOR, TRAIL_WIDTH_RATIO * arm.reach, trail.points
            ),
        ]


def workspace_markers(factory: MarkerFactory, solver: HybridSolver) -> list[Marker]:
    """Return the surface of the workspace, on which Publish Point can click, and its boundary."""
    region = ReachableRegion(solver.arm, solver.config.branch)
    surface = region.triangles(WORKSPACE_RING_COUNT, WORKSPACE_SECTOR_COUNT).reshape(-1, 2)
    boundary = region.boundary_segments(WORKSPACE_BOUNDARY_SPACING_RATIO).reshape(-1, 2)
    return [
        factory.triangle_list(WORKSPACE_SURFACE_MARKER, WORKSPACE_SURFACE_COLOR, surface),
        factory.line_list(
            WORKSPACE_BOUNDARY_MARKER,
            WORKSPACE_BOUNDARY_COLOR,
            WORKSPACE_BOUNDARY_WIDTH_RATIO * solver.arm.reach,
            boundary,
        ),
    ]


def zone_markers(factory: MarkerFactory, keep_out: KeepOut, reach: float) -> list[Marker]:
    """
    Return the keep-out zones, their edges, and the margins around them.

    :param factory: makes the markers
    :param keep_out: zones
    :param reach: of the arm, m
    """
    mesh = build_zone_mesh(
        keep_out.circles, keep_out.half_planes, keep_out.margin, HALF_PLANE_EXTENT_RATIO * reach
    )
    return [
        factory.triangle_list(ZONE_MARKER, ZONE_COLOR, mesh.zones),
        factory.line_list(
            ZONE_EDGE_MARKER, ZONE_EDGE_COLOR, ZONE_EDGE_WIDTH_RATIO * reach, mesh.edges
        ),
        factory.triangle_list(ZONE_MARGIN_MARKER, ZONE_MARGIN_COLOR, mesh.margins),
    ]


def outcome_color(code: str) -> Color:
    """Return the color of a result code: accepted, projected or rejected."""
    return {'ACCEPTED': GREEN, 'PROJECTED': AMBER}.get(code, RED)


def target_markers(
    factory: MarkerFactory, arm: Kinematics, outcome: TargetOutcome | None
) -> list[Marker]:
    """
    Return the target where the arm goes; or where it was rejected, with the reason code.

    :param factory: makes the markers
    :param arm: the arm
    :param outcome: of the latest target; None if there has been none
    """
    markers: Mapping[MarkerId, Marker] = {}
    if outcome is not None:
        goal = outcome.result.goal
        if goal is not None:
            markers = _goal_markers(factory, arm, outcome.result, goal)
        else:
            markers = _rejected_target_markers(factory, arm.reach, outcome)
    return [markers.get(marker_id) or deletion_marker(marker_id) for marker_id in TARGET_MARKERS]


def _goal_markers(
    factory: MarkerFactory, arm: Kinematics, result: TargetResult, goal: JointPair
) -> Mapping[MarkerId, Marker]:
    """Return markers of an accepted or projected target, and the other branch that reaches it."""
    color, line_width = outcome_color(result.code), LINE_WIDTH_RATIO * arm.reach
    point = result.solution.point if result.solution is not None else arm.fk_point(*goal)
    diameter = TARGET_DIAMETER_RATIO * arm.reach
    (center,) = factory.points(point)
    markers = {TARGET_MARKER: factory.disc(TARGET_MARKER, color, diameter, center)}
    if result.code == 'PROJECTED' and result.point is not None:
        markers[PROJECTION_MARKER] = factory.line_list(
            PROJECTION_MARKER, color, line_width, (result.point, point)
        )
    markers[OTHER_BRANCH_MARKER] = factory.line_strip(
        OTHER_BRANCH_MARKER, OTHER_BRANCH_COLOR, line_width, _other_branch_points(arm, point, goal)
    )
    return markers


def _rejected_target_markers(
    factory: MarkerFactory, reach: float, outcome: TargetOutcome
) -> Mapping[MarkerId, Marker]:
    """Return markers of a rejected target where it was requested, and of its reason code."""
    code = outcome.result.code
    color = outcome_color(code)
    frame, position = _rejected_target_position(factory, outcome)
    up = factory.plane.rotation[:, 1] if frame == factory.frame else (0.0, 0.0, 1.0)
    x, y, z = (TEXT_OFFSET_RATIO * reach * float(component) for component in up)
    text_position = Point(x=position.x + x, y=position.y + y, z=position.z + z)
    height = TEXT_HEIGHT_RATIO * reach
    markers = {REASON_MARKER: factory.text(REASON_MARKER, color, height, text_position, code)}
    if code not in UNLOCATED_CODES:
        disc = factory.disc(TARGET_MARKER, color, TARGET_DIAMETER_RATIO * reach, position)
        if frame != factory.frame:  # a ball, because the plane's orientation is unknown there
            disc.scale.z = disc.scale.x
        markers[TARGET_MARKER] = disc
    for marker in markers.values():
        marker.header.frame_id = frame
    return markers


def _rejected_target_position(factory: MarkerFactory, outcome: TargetOutcome) -> tuple[str, Point]:
    """Return frame and position of a rejected target; the first axis if it cannot be shown."""
    result, frame, position = outcome.result, outcome.header.frame_id, outcome.position
    if result.point is not None or result.code in UNLOCATED_CODES:
        return factory.frame, factory.points(result.point or (0.0, 0.0))[0]
    if frame == f'{factory.frame}_plane':  # TF does not have it if the node has no tf2
        plane = factory.plane
        x, y, z = plane.origin + plane.rotation @ (position.x, position.y, position.z)
        return factory.frame, Point(x=float(x), y=float(y), z=float(z))
    return frame or factory.frame, position


def _other_branch_points(arm: Kinematics, point: Point2, q: JointPair) -> list[Point2]:
    """
    Return base, elbow and tip of the other branch, m; empty if it cannot reach the point.

    An arm without known links is shown without its elbow.

    :param arm: the arm
    :param point: of the tip, m
    :param q: joint positions of this branch, rad
    """
    branch = 'negative' if arm.branch_of(q) > 0 else 'positive'
    other = HybridSolver(arm, None, SolverConfig(branch)).solve(*point, q).q
    if other is None:
        return []
    poses = arm.link_poses(other)
    if poses is None:
        return [(0.0, 0.0), point]
    base, elbow, _ = ((x, y) for x, y in poses.points.tolist())
    return [base, elbow, point]
