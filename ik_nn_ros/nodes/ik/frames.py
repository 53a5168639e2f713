"""
Transformation of targets from any TF frame into the arm's plane.

Where a target stays while frames move:

- Without a stamp it is fixed to its frame and moves with it.
- With a stamp it is a place seen at that time and stays there: in its own frame if the arm's base
  hangs from that (odom, map), otherwise in the root of the TF tree, usually the world.
- Frames that hang from the arm's base move with the arm. A target in such a frame without a stamp
  is transformed once, otherwise the arm would chase itself. The same holds for a target whose tree
  has the base as its root: there nothing can move the target.
"""

from __future__ import annotations

import re
import time
import weakref
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from geometry_msgs.msg import TransformStamped
from numpy.typing import NDArray
from rclpy.clock import ClockType, JumpThreshold
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.time import Time
from std_msgs.msg import Header

from ik_nn_ros.arm.geometry import Plane, Point2
from ik_nn_ros.nodes.common.conversions import quaternion_from_matrix, rotate_vector

Position = tuple[float, float, float]
"""x, y, z, m; or three arrays of one length."""
LATEST_TIME = Time(clock_type=ClockType.ROS_TIME)
MAX_TREE_AGE_S = 0.1
"""Time for which the tree of frames is cached, s: reading it costs more than a transform."""
_PARENT_PATTERN = re.compile(r'^Frame (.*) exists with parent (.*)\.$', re.MULTILINE)


class FrameError(Exception):
    """
    A position that cannot be transformed into the arm's plane.

    :param reason: reason code
    :param text: what was got and what was expected
    :param transform_may_arrive: whether a transform that arrives later may change this
    """

    def __init__(self, reason: str, text: str, transform_may_arrive: bool = False) -> None:
        super().__init__(text)
        self.reason = reason
        self.transform_may_arrive = transform_may_arrive


class Anchor(NamedTuple):
    """What a target is fixed to: a frame, and the position in it, m."""

    frame: str
    position: Position


class PlaneTransformer:
    """
    Transformer of positions into the arm's plane.

    :param node: node that listens to tf2
    :param plane: plane of the arm
    :param plane_tolerance: largest distance of a target from the plane, m
    :param frame_prefix: put before the URDF's link names to get the names of frames in TF
    """

    def __init__(
        self, node: Node, plane: Plane, plane_tolerance: float, frame_prefix: str = ''
    ) -> None:
        self._plane = plane
        self._plane_tolerance = plane_tolerance
        self.base_frame = frame_prefix + plane.base_frame
        self.plane_frame = f'{self.base_frame}_plane'
        self.tf2: Tf2Client | None = None
        """Client of tf2; None if tf2_ros is not installed."""
        try:
            self.tf2 = Tf2Client(node)
        except ImportError:
            return
        self.tf2.broadcast_plane(self.base_frame, self.plane_frame, plane)

    def close(self) -> None:
        """Disconnect from tf2."""
        if self.tf2 is not None:
            self.tf2.close()

    def set_plane_tolerance(self, plane_tolerance: float) -> None:
        """Change the largest distance of a target from the plane, m."""
        self._plane_tolerance = plane_tolerance

    def target_to_plane(
        self, header: Header, x: float, y: float, z: float
    ) -> tuple[Point2, Anchor | None]:
        """
        Transform a target.

        :param header: frame and stamp
        :param x: in that frame, m
        :param y: in that frame, m
        :param z: in that frame, m
        :return: where the target is now in the plane, m, and what it is fixed to; None if it cannot
            move relative to the arm
        :raises FrameError: BAD_FRAME, NO_TRANSFORM or OUT_OF_PLANE
        """
        frame, anchor = header.frame_id, None
        if frame != self.plane_frame:
            if frame and frame != self.base_frame:
                (x, y, z), anchor = self._to_base_frame(header, (x, y, z))
            x, y, z = self._plane.to_plane(x, y, z)
        self._check_distance(z)
        return (x, y), anchor

    def anchor_to_plane(self, anchor: Anchor) -> tuple[Point2, int]:
        """
        Transform an anchored target by the latest transform.

        :return: point in the plane, m, and the time of the transform, ns; 0 if it is constant
        :raises FrameError: NO_TRANSFORM, OUT_OF_PLANE, or BAD_FRAME if the target now moves with
            the arm
        """
        tf2 = self._require_tf2(anchor.frame)
        if self.base_frame in tf2.frame_chain(anchor.frame):  # gripped, for example
            raise FrameError(
                'BAD_FRAME',
                f'frame: got {anchor.frame!r} under {self.base_frame!r}, expected elsewhere',
            )
        position, stamp = tf2.transform(anchor.position, anchor.frame, self.base_frame)
        x, y, distance = self._plane.to_plane(*position)
        self._check_distance(distance)
        return (x, y), stamp

    def path_to_plane(self, header: Header, positions: NDArray[np.float64]) -> NDArray[np.float64]:
        """
        Transform the positions of a path, all by the same transform.

        :param header: frame and stamp of the path
        :param positions: (N, 3), m
        :return: (N, 2), m
        :raises FrameError: as :meth:`target_to_plane`; OUT_OF_PLANE names the first such pose
        """
        x, y, distance = np.asarray(positions, dtype=float).T
        if header.frame_id != self.plane_frame:
            if header.frame_id and header.frame_id != self.base_frame:
                (x, y, distance), _ = self._to_base_frame(header, (x, y, distance))
            x, y, distance = self._plane.to_plane(x, y, distance)
        (outside,) = np.nonzero(np.abs(distance) > self._plane_tolerance)
        if outside.size:
            self._check_distance(distance[outside[0]], f'pose {outside[0]}: ')
        return np.column_stack((x, y))

    def _check_distance(self, distance: float, subject: str = '') -> None:
        """
        Check the distance of a position from the plane.

        :raises FrameError: OUT_OF_PLANE
        """
        if not -self._plane_tolerance <= distance <= self._plane_tolerance:
            raise FrameError(
                'OUT_OF_PLANE',
                f"{subject}distance from the arm's plane: got {distance:.6g} m, expected at most "
                f'{self._plane_tolerance:g} m (plane_tolerance)',
            )

    def _require_tf2(self, frame: str) -> Tf2Client:
        if self.tf2 is None:
            raise FrameError(
                'NO_TRANSFORM',
                f'frame: got {frame!r}, expected {self.base_frame!r}, {self.plane_frame!r} or '
                'none: tf2_ros is not importable here (install ros-$ROS_DISTRO-tf2-ros-py for '
                'targets in other frames)',
            )
        return self.tf2

    def _to_base_frame(self, header: Header, position: Position) -> tuple[Position, Anchor | None]:
        """Return where a target is now in the base frame, and what it is fixed to."""
        frame = header.frame_id
        if frame.startswith('/') or not frame.strip():
            raise FrameError(
                'BAD_FRAME', f'frame: got {frame!r}, expected a name without a leading slash'
            )
        tf2 = self._require_tf2(frame)
        try:
            stamp = Time.from_msg(header.stamp)
        except ValueError as error:
            text = f'stamp: got {header.stamp.sec} s, expected none before 0'
            raise FrameError('NO_TRANSFORM', text) from error
        moved, _ = tf2.transform(position, frame, self.base_frame, stamp)
        anchor = self._find_anchor(tf2, frame, position, stamp)
        if anchor is not None and stamp != LATEST_TIME:
            moved, _ = tf2.transform(anchor.position, anchor.frame, self.base_frame)
        return moved, anchor

    def _find_anchor(
        self, tf2: Tf2Client, frame: str, position: Position, stamp: Time
    ) -> Anchor | None:
        chain, base_chain = tf2.frame_chain(frame), tf2.frame_chain(self.base_frame)
        if frame in base_chain or (stamp == LATEST_TIME and self.base_frame not in chain):
            return Anchor(frame, position)
        root = chain[-1]
        if stamp == LATEST_TIME or root == self.base_frame:
            return None
        return Anchor(root, tf2.transform(position, frame, root, stamp)[0])


class Tf2Client:
    """
    Listener to tf2 that also broadcasts the frame of the arm's plane.

    :param node: node that listens
    :raises ImportError: tf2_ros is not installed
    """

    def __init__(self, node: Node) -> None:
        import tf2_ros

        self._tf2 = tf2_ros
        self._node = node
        self.buffer = buffer = tf2_ros.Buffer()
        self._listener = tf2_ros.TransformListener(self.buffer, node)
        self._broadcaster = tf2_ros.StaticTransformBroadcaster(node)
        # When a recording starts again, the known transforms lie in the future.
        backwards = JumpThreshold(
            min_forward=None, min_backward=Duration(seconds=-1), on_clock_change=True
        )
        jumps = node.get_clock().create_jump_callback(
            backwards, post_callback=lambda _: buffer.clear()
        )
        # A clock calls its callbacks even after they have been freed.
        self._unregister_jump_callback = weakref.finalize(self, jumps.unregister)
        self._unregister_jump_callback.atexit = False
        self._parents: dict[str, str] = {}
        self._parents_expiry = 0.0

    def close(self) -> None:
        """Stop listening and broadcasting."""
        self._unregister_jump_callback()
        self._listener.unregister()
        self._node.destroy_publisher(self._broadcaster.pub_tf)

    def broadcast_plane(self, parent: str, child: str, plane: Plane) -> None:
        """Broadcast the static transform of the plane's frame ``child`` in the base ``parent``."""
        message = TransformStamped()
        message.header.stamp = self._node.get_clock().now().to_msg()
        message.header.frame_id, message.child_frame_id = parent, child
        translation, rotation = message.transform.translation, message.transform.rotation
        translation.x, translation.y, translation.z = (float(value) for value in plane.origin)
        rotation.x, rotation.y, rotation.z, rotation.w = quaternion_from_matrix(plane.rotation)
        self._broadcaster.sendTransform(message)

    def transform(
        self, position: Position, source: str, target: str, at: Time = LATEST_TIME
    ) -> tuple[Position, int]:
        """
        Transform a position from one frame into another.

        :param position: in frame ``source``, m
        :param source: frame
        :param target: frame
        :param at: time of the transform; zero: the latest
        :return: the position in frame ``target``, and the time of the transform, ns; 0 if it is
            constant
        :raises FrameError: NO_TRANSFORM
        """
        try:
            # Not lookup_transform, which sleeps while it waits.
            found = self.buffer.lookup_transform_core(target, source, at)
        except self._tf2.TransformException as error:
            detail = self._failure_detail(error, source, target)
            self._parents_expiry = 0.0  # a later success may be due to a new frame in the tree
            raise FrameError(
                'NO_TRANSFORM',
                f'transform: got none from {source!r} to {target!r} ({detail})',
                self._transform_may_arrive(error, source, target, at),
            ) from error
        rotation, translation = found.transform.rotation, found.transform.translation
        x, y, z = rotate_vector((rotation.x, rotation.y, rotation.z, rotation.w), position)
        stamp = found.header.stamp
        moved = x + translation.x, y + translation.y, z + translation.z
        return moved, stamp.sec * 1_000_000_000 + stamp.nanosec

    def frame_chain(self, frame: str) -> Sequence[str]:
        """Return a frame, its parent, and so on up to the root."""
        now = time.monotonic()
        if now >= self._parents_expiry:
            self._parents = dict(_PARENT_PATTERN.findall(self.buffer.all_frames_as_string()))
            self._parents_expiry = now + MAX_TREE_AGE_S
        parents, chain = self._parents, [frame]
        # The limit, because tf2 also accepts a loop of frames.
        while chain[-1] in parents and len(chain) <= len(parents):
            chain.append(parents[chain[-1]])
        return chain

    def _failure_detail(self, error: Exception, source: str, target: str) -> str:
        detail = ' '.join(str(error).split())
        if isinstance(error, self._tf2.ConnectivityException):
            roots = f'{source!r} is under {self.frame_chain(source)[-1]!r}'
            detail += f'; {roots}, {target!r} under {self.frame_chain(target)[-1]!r}'
        return detail

    def _transform_may_arrive(self, error: Exception, source: str, target: str, at: Time) -> bool:
        """Return whether waiting may help: not for a time before all known transforms."""
        if not isinstance(error, self._tf2.ExtrapolationException):
            return True
        try:
            latest: Time = self.buffer.get_latest_common_time(target, source)
        except self._tf2.TransformException:
            return True
        return bool(at.nanoseconds > latest.nanoseconds)
