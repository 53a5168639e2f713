"""
Interactive marker in RViz that drags the target in the arm's plane.

Dragging it sends targets. When it is released where the arm cannot go, it returns to the last
accepted target. Its menu holds, resumes and sets the branch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from math import dist, sqrt
from typing import Any, NamedTuple

from geometry_msgs.msg import Point, Pose, PoseStamped, Quaternion
from rclpy.node import Node
from visualization_msgs.msg import (
    InteractiveMarker,
    InteractiveMarkerControl,
    InteractiveMarkerFeedback,
    Marker,
)

from ik_nn_ros.arm.geometry import JointPair, Point2
from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.ik.acceptance import BRANCH_CHOICES
from ik_nn_ros.nodes.ik.marker_shapes import MarkerFactory, rgba
from ik_nn_ros.nodes.ik.markers import outcome_color
from ik_nn_ros.nodes.ik.target_solver import TargetResult

SERVER_NAMESPACE = '~/target'
"""Namespace of the interactive marker server."""
MARKER_NAME = 'target'
INITIAL_COLOR = (0.6, 0.75, 0.9, 0.6)
"""Color before the first target."""
DISC_OPACITY = 0.6
DISC_DIAMETER_RATIO = 0.14
"""Diameter of the disc that is dragged, as a part of the reach."""
DISC_THICKNESS_RATIO = 0.004
"""Thickness of the disc, as a part of the reach; it is flat, see :meth:`MarkerFactory.disc`."""
MIN_DRAG_RATIO = 1e-5
"""
Shortest drag, as a part of the reach.

RViz also reports the pose, rounded to single precision, when a mouse button is pressed.
"""


class TargetActions(NamedTuple):
    """
    Actions of the node when the marker is dragged or a menu entry is selected.

    :param drag: processes a target and the info of its message; returns the result
    :param hold: stops the arm
    :param resume: accepts targets again
    :param set_branch: sets the parameter ``branch``
    """

    drag: Callable[[PoseStamped, Mapping[str, int]], TargetResult]
    hold: Callable[[], object]
    resume: Callable[[], object]
    set_branch: Callable[[str], object]


class InteractiveTarget:
    """
    Interactive marker of one arm.

    :param server: a :class:`ik_nn_ros.nodes.ik.feedback_server.FeedbackServer`
    :param menu: an empty ``interactive_markers.MenuHandler``
    :param arm: the arm
    :param frame_prefix: prefix of the frames in TF
    :param branch: value of the parameter ``branch``
    :param actions: of the node
    """

    def __init__(
        self,
        server: Any,
        menu: Any,
        arm: Kinematics,
        frame_prefix: str,
        branch: str,
        actions: TargetActions,
    ) -> None:
        self._server, self._menu = server, menu
        self._arm = arm
        self._marker_factory = MarkerFactory(arm.plane, frame_prefix)
        self._actions = actions
        self._initialized = False
        """Whether the marker has been moved to the tip, or dragged."""
        # Where the marker was dragged last, and where the arm was sent last, m.
        self._dragged_point = self._accepted_point = arm.fk_point(*arm.home)
        self._shown_code = self._accepted_code = ''
        self._marker = _disc_marker(arm, self._marker_factory.frame)
        self._marker.pose = self._pose(self._dragged_point)
        server.insert(self._marker, feedback_callback=self._on_feedback)
        self._branch_entries = self._fill_menu()
        self._check_branch_entry(branch)
        menu.apply(server, MARKER_NAME)
        server.applyChanges()

    def close(self) -> None:
        """Remove the marker."""
        self._server.shutdown()

    def update_joints(self, q: JointPair) -> None:
        """Move the marker to the tip at measured joints, rad, the first time."""
        if self._initialized:
            return
        self._initialized = True
        self._dragged_point = self._accepted_point = self._arm.fk_point(*q)
        self._update_marker(self._dragged_point, self._shown_code)
        self._server.applyChanges()

    def show_branch(self, branch: str) -> None:
        """Show the value of the parameter ``branch`` in the menu."""
        self._check_branch_entry(branch)
        self._menu.reApply(self._server)
        self._server.applyChanges()

    def _on_feedback(self, feedback: InteractiveMarkerFeedback) -> None:
        if feedback.event_type == InteractiveMarkerFeedback.POSE_UPDATE:
            self._drag(feedback.pose.position)
        elif feedback.event_type == InteractiveMarkerFeedback.MOUSE_UP:
            # If updates were lost, this is the only feedback with the last position.
            self._drag(feedback.pose.position)
            self._dragged_point = self._accepted_point
            self._update_marker(self._accepted_point, self._accepted_code)

    def _drag(self, position: Point) -> None:
        x, y, _ = self._arm.plane.to_plane(position.x, position.y, position.z)
        if dist((x, y), self._dragged_point) <= MIN_DRAG_RATIO * self._arm.reach:
            return
        self._dragged_point, self._initialized = (x, y), True
        # Without a frame it is in the base frame, whatever that is called in TF.
        message = PoseStamped(pose=self._pose(self._dragged_point))
        result = self._actions.drag(message, self._server.info)
        if result.solution is not None and result.goal is not None:
            self._accepted_point, self._accepted_code = result.solution.point, result.code
        self._update_marker(self._dragged_point, result.code)

    def _update_marker(self, point: Point2, code: str) -> None:
        """Move the marker and set its color; the server publishes it after the callback."""
        pose = self._pose(point)
        if code == self._shown_code:
            self._server.setPose(MARKER_NAME, pose)
            return
        self._shown_code = code
        color = (*outcome_color(code)[:3], DISC_OPACITY) if code else INITIAL_COLOR
        self._marker.controls[0].markers[0].color = rgba(color)
        self._marker.pose = pose
        self._server.insert(self._marker)

    def _pose(self, point: Point2) -> Pose:
        return self._marker_factory.pose(self._marker_factory.points(point)[0])

    def _fill_menu(self) -> dict[str, int]:
        """Create the menu entries; return those of the branches."""
        menu, actions = self._menu, self._actions
        menu.insert('Hold', callback=lambda _: actions.hold())
        menu.insert('Resume', callback=lambda _: actions.resume())
        parent = menu.insert('Branch')
        return {
            branch: menu.insert(
                branch, parent=parent, callback=partial(self._on_branch_chosen, branch)
            )
            for branch in BRANCH_CHOICES
        }

    def _on_branch_chosen(self, branch: str, _: InteractiveMarkerFeedback) -> None:
        self._actions.set_branch(branch)

    def _check_branch_entry(self, branch: str) -> None:
        menu = self._menu
        for name, entry in self._branch_entries.items():
            menu.setCheckState(entry, menu.CHECKED if name == branch else menu.UNCHECKED)


def _disc_marker(arm: Kinematics, frame: str) -> InteractiveMarker:
    """Return a disc that can be dragged in the plane; its pose is not set."""
    disc = Marker(type=Marker.CYLINDER, color=rgba(INITIAL_COLOR))
    disc.scale.x = disc.scale.y = DISC_DIAMETER_RATIO * arm.reach
    disc.scale.z = DISC_THICKNESS_RATIO * arm.reach
    control = InteractiveMarkerControl(
        name='drag',
        interaction_mode=InteractiveMarkerControl.MOVE_PLANE,
        always_visible=True,
        markers=[disc],
    )
    # RViz moves it normal to the x axis of the control, which must be the normal of the plane.
    control.orientation = Quaternion(y=sqrt(0.5), w=sqrt(0.5))
    marker = InteractiveMarker(
        name=MARKER_NAME, scale=DISC_DIAMETER_RATIO * arm.reach, controls=[control]
    )
    # No stamp: the marker moves with its frame, and RViz sends feedback in that frame.
    marker.header.frame_id = frame
    return marker


def create_interactive_target(
    node: Node, arm: Kinematics, frame_prefix: str, branch: str, actions: TargetActions
) -> InteractiveTarget | None:
    """
    Create the interactive marker of an arm.

    :param node: node that serves it
    :param arm: the arm
    :param frame_prefix: prefix of the frames in TF
    :param branch: value of the parameter ``branch``
    :param actions: of the node
    :return: the marker; None if the package interactive_markers is not installed
    """
    try:
        import interactive_markers
    except ImportError:
        node.get_logger().debug(
            'no target to drag in RViz: interactive_markers is not importable here '
            '(install ros-$ROS_DISTRO-interactive-markers)',
            once=True,
        )
        return None
    from ik_nn_ros.nodes.ik.feedback_server import FeedbackServer

    server = FeedbackServer(node, SERVER_NAMESPACE)
    return InteractiveTarget(
        server, interactive_markers.MenuHandler(), arm, frame_prefix, branch, actions
    )
