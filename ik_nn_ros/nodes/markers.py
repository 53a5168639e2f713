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

from ik_nn_ros.arm.model import Pair
from ik_nn_ros.ik.hybrid import HybridSolver
from ik_nn_ros.motion.keep_out import KeepOut
from ik_nn_ros.nodes import target_markers, zone_markers
from ik_nn_ros.nodes import workspace_markers as workspace
from ik_nn_ros.nodes.marker_shapes import Shapes, Slot, absent
from ik_nn_ros.nodes.qos import overridable
from ik_nn_ros.nodes.target_markers import Asked
from ik_nn_ros.nodes.targets import Answer
from ik_nn_ros.nodes.tip_trail import TipTrail

QOS = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
"""Of ``~/markers``."""
PERIOD, REPEAT = 0.1, 2.0
"""Between two pictures, s, at least; and at most, while somebody looks."""
TRAIL = Slot('tip_trail', 0)
TRAIL_COLOR = (0.95, 0.95, 0.4, 0.9)
TRAIL_WIDTH = 0.008
"""Part of the reach."""
SLOTS = (
    workspace.SURFACE,
    workspace.EDGE,
    zone_markers.ZONES,
    zone_markers.EDGES,
    zone_markers.MARGINS,
    target_markers.PLACE,
    target_markers.WAY,
    target_markers.CODE,
    target_markers.OTHER_BRANCH,
    TRAIL,
)


class ArmMarkers:
    """
    Publishes the markers of one arm.

    :param node: whose timer it is
    """

    def __init__(self, node: Node) -> None:
        self._publisher = node.create_publisher(MarkerArray, '~/markers', **overridable(QOS))
        self._prefix = ''
        self._solver: HybridSolver | None = None
        self._keep_out: KeepOut | None = None
        self._trail: TipTrail | None = None
        self._asked: Asked | None = None
        self._still: list[Marker] = []
        """Of workspace and zones, while they do not change."""
        self._shown: tuple[object, ...] = ()
        self._watchers = 0
        self._sent = 0.0
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        node.create_timer(PERIOD, self.tick, clock=steady)

    def configure(self, solver: HybridSolver, keep_out: KeepOut, prefix: str = '') -> None:
        """
        Show this arm from now on.

        :param solver: says what can be reached
        :param keep_out: the zones it keeps out of
        :param prefix: of the frames in TF
        """
        if self._solver is None or solver.arm is not self._solver.arm:
            self.clear()
            self._trail = TipTrail(solver.arm)
        self._solver, self._keep_out, self._still = solver, keep_out, []
        self._prefix = prefix

    def clear(self) -> None:
        """Show nothing any more."""
        self._solver = self._keep_out = self._trail = self._asked = None

    def answered(self, header: Header, position: Point, answer: Answer) -> None:
        """
        Take in the latest target; costs nothing.

        :param header: of the target
        :param position: of the target, m
        :param answer: to it
        """
        self._asked = Asked(header, position, answer)

    def measured(self, q: Pair) -> None:
        """Take in where the joints (rad) are; costs nothing while nobody looks."""
        if self._watchers and self._trail is not None:
            self._trail.add(time.monotonic(), q)

    def tick(self) -> None:
        """Publish the picture if somebody looks and it has changed, or is due."""
        watchers = self._publisher.get_subscription_count()
        joined, self._watchers = watchers > self._watchers, watchers
        if not watchers:
            if self._trail is not None:
                self._trail.clear()
            return
        now = time.monotonic()
        if self._trail is not None:
            self._trail.forget(now)
        changes = self._trail.changes if self._trail is not None else 0
        shows = (self._solver, self._keep_out, self._asked, changes)
        if joined or shows != self._shown or now - self._sent >= REPEAT:
            self._shown, self._sent = shows, now
            self._publisher.publish(MarkerArray(markers=self._picture()))

    def _picture(self) -> list[Marker]:
        solver, keep_out, trail = self._solver, self._keep_out, self._trail
        if solver is None or keep_out is None or trail is None:
            return [absent(slot) for slot in SLOTS]
        arm = solver.arm
        shapes = Shapes(arm.plane, self._prefix)
        if not self._still:
            self._still = [
                *workspace.workspace_markers(shapes, solver),
                *zone_markers.zone_markers(shapes, keep_out, arm.reach),
            ]
        return [
            *self._still,
            *target_markers.target_markers(shapes, arm, self._asked),
            shapes.strip(TRAIL, TRAIL_COLOR, TRAIL_WIDTH * arm.reach, trail.points),
        ]
