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
from collections.abc import Mapping
from typing import NamedTuple

from geometry_msgs.msg import Point
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import Header
from visualization_msgs.msg import Marker, MarkerArray

from ik_nn_ros.arm.geometry import JointPair
from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.collision.zone_mesh import build_zone_mesh
from ik_nn_ros.ik.acceptance import SolverConfig
from ik_nn_ros.ik.reachable_region import ReachableRegion
from ik_nn_ros.ik.solver import HybridSolver
from ik_nn_ros.nodes.common.parameters import overridable_qos
from ik_nn_ros.nodes.common.tip_trail import TipTrail
from ik_nn_ros.nodes.ik.marker_shapes import Color, MarkerFactory, MarkerId, deletion_marker
from ik_nn_ros.nodes.ik.target_solver import TargetResult
from ik_nn_ros.trajectory.keep_out import KeepOut

# MERGED nodes.target_markers: The latest target for RViz, by what became of it.

TARGET_MARKER, PROJECTION_MARKER, REASON_MARKER = (
    MarkerId('target', 0),
    MarkerId('target', 1),
    MarkerId('target_reason', 0),
)
OTHER_BRANCH_MARKER = MarkerId('other_branch', 0)
GREEN, AMBER, RED = (0.1, 0.8, 0.25, 1.0), (1.0, 0.7, 0.0, 1.0), (1.0, 0.25, 0.2, 1.0)
OTHER_BRANCH_COLOR = (0.6, 0.6, 0.6, 0.5)
UNLOCATED_CODES = ('NOT_FINITE', 'BAD_FRAME', 'NO_TRANSFORM')
"""Reason codes of targets that are at no place RViz could show."""
TARGET_DIAMETER_RATIO, LINE_WIDTH_RATIO, TEXT_HEIGHT_RATIO, TEXT_OFFSET_RATIO = (
    0.05,
    0.008,
    0.06,
    0.08,
)
"""Of target, lines and letters, and from the target to the middle of those: parts of the reach."""


class TargetOutcome(NamedTuple):
    """A target as it came, and the answer to it."""

    header: Header
    position: Point
    result: TargetResult


def outcome_color(code: str) -> Color:
    """Return the color for an answer: accepted, projected or rejected."""
    return {'ACCEPTED': GREEN, 'PROJECTED': AMBER}.get(code, RED)


def target_markers(
    factory: MarkerFactory, arm: Kinematics, outcome: TargetOutcome | None
) -> list[Marker]:
    """
    Return the target where the arm goes, or where it was asked to go in vain, and why.

    :param outcome: the latest target; None: there has been none
    """
    found = _visible_markers(factory, arm, outcome) if outcome is not None else {}
    return [
        found.get(slot) or deletion_marker(slot)
        for slot in (TARGET_MARKER, PROJECTION_MARKER, REASON_MARKER, OTHER_BRANCH_MARKER)
    ]


def _visible_markers(
    factory: MarkerFactory, arm: Kinematics, outcome: TargetOutcome
) -> Mapping[MarkerId, Marker]:
    answer, reach = outcome.result, arm.reach
    color = outcome_color(answer.code)
    solution = answer.solution
    if solution is None or solution.q is None:
        return _rejected_target_markers(factory, reach, outcome, color)
    (goal,) = factory.points(solution.point)
    found = {TARGET_MARKER: factory.disc(TARGET_MARKER, color, TARGET_DIAMETER_RATIO * reach, goal)}
    if answer.code == 'PROJECTED':
        way = (answer.point, solution.point)
        found[PROJECTION_MARKER] = factory.line_list(
            PROJECTION_MARKER, color, LINE_WIDTH_RATIO * reach, way
        )
    other = _other_branch_points(arm, solution.point, solution.q)
    found[OTHER_BRANCH_MARKER] = factory.line_strip(
        OTHER_BRANCH_MARKER, OTHER_BRANCH_COLOR, LINE_WIDTH_RATIO * reach, other
    )
    return found


def _rejected_target_markers(
    factory: MarkerFactory, reach: float, outcome: TargetOutcome, color: Color
) -> Mapping[MarkerId, Marker]:
    """Return a target that the arm does not go to, where it was asked for, and the reason code."""
    code = outcome.result.code
    frame, place = _rejected_target_position(factory, outcome)
    up = factory.plane.rotation[:, 1] if frame == factory.frame else (0.0, 0.0, 1.0)
    x, y, z = (TEXT_OFFSET_RATIO * reach * float(part) for part in up)
    beside = Point(x=place.x + x, y=place.y + y, z=place.z + z)
    found = {
        REASON_MARKER: factory.text(REASON_MARKER, color, TEXT_HEIGHT_RATIO * reach, beside, code)
    }
    if code not in UNLOCATED_CODES:
        spot = found[TARGET_MARKER] = factory.disc(
            TARGET_MARKER, color, TARGET_DIAMETER_RATIO * reach, place
        )
        if frame != factory.frame:  # which way the plane lies there only TF knows
            spot.scale.z = spot.scale.x
    for marker in found.values():
        marker.header.frame_id = frame
    return found


def _rejected_target_position(factory: MarkerFactory, outcome: TargetOutcome) -> tuple[str, Point]:
    """Return frame and position of a refused target; the first axis where it has none to show."""
    answer, frame, position = outcome.result, outcome.header.frame_id, outcome.position
    if answer.point is not None or answer.code in UNLOCATED_CODES:
        return factory.frame, factory.points(answer.point or (0.0, 0.0))[0]
    if frame == f'{factory.frame}_plane':  # not in TF where the node has no tf2
        plane = factory.plane
        x, y, z = plane.origin + plane.rotation @ (position.x, position.y, position.z)
        return factory.frame, Point(x=float(x), y=float(y), z=float(z))
    return frame or factory.frame, position


def _other_branch_points(arm: Kinematics, point: JointPair, q: JointPair) -> tuple[JointPair, ...]:
    """Return base, elbow and tip (m) with the elbow on the other side; none where it cannot be."""
    branch = 'negative' if arm.branch_of(q) > 0 else 'positive'
    other = HybridSolver(arm, None, SolverConfig(branch)).solve(*point, q).q
    if other is None:
        return ()
    poses = arm.link_poses(other)
    if poses is None:
        return (0.0, 0.0), point
    base, elbow, _ = (tuple(corner) for corner in poses.points.tolist())
    return base, elbow, point


# MERGED nodes.workspace_markers: The workspace for RViz: a surface that Publish Point can click on, and its boundary.

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


# MERGED nodes.zone_markers: Keep-out zones for RViz, and how far the links stay away from them.

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
    picture = build_zone_mesh(
        keep_out.circles, keep_out.half_planes, keep_out.margin, HALF_PLANE_EXTENT_RATIO * reach
    )
    return [
        factory.triangle_list(ZONE_MARKER, ZONE_COLOR, picture.zones),
        factory.line_list(
            ZONE_EDGE_MARKER, ZONE_EDGE_COLOR, ZONE_EDGE_WIDTH_RATIO * reach, picture.edges
        ),
        factory.triangle_list(ZONE_MARGIN_MARKER, ZONE_MARGIN_COLOR, picture.margins),
    ]


MARKERS_QOS = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
"""Of ``~/markers``."""
PUBLISH_PERIOD_S, REPUBLISH_PERIOD_S = 0.1, 2.0
"""Between two pictures, s, at least; and at most, while somebody looks."""
TRAIL_MARKER = MarkerId('tip_trail', 0)
TRAIL_COLOR = (0.95, 0.95, 0.4, 0.9)
TRAIL_WIDTH_RATIO = 0.008
"""Part of the reach."""
ALL_MARKERS = (
    WORKSPACE_SURFACE_MARKER,
    WORKSPACE_BOUNDARY_MARKER,
    ZONE_MARKER,
    ZONE_EDGE_MARKER,
    ZONE_MARGIN_MARKER,
    TARGET_MARKER,
    PROJECTION_MARKER,
    REASON_MARKER,
    OTHER_BRANCH_MARKER,
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
                *workspace_markers(shapes, solver),
                *zone_markers(shapes, keep_out, arm.reach),
            ]
        return [
            *self._static_markers,
            *target_markers(shapes, arm, self._latest_target),
            shapes.line_strip(
                TRAIL_MARKER, TRAIL_COLOR, TRAIL_WIDTH_RATIO * arm.reach, trail.points
            ),
        ]
