"""
From a stamped position in some frame to a point in the arm's plane.

Where a target stays while frames move:

- Without a stamp it belongs to its frame, and goes wherever that goes.
- With a stamp it is a place seen at that moment, and stays there: in its own frame where the arm's
  base hangs from that (odom, map), otherwise in the root of the TF tree, usually the world.
- Frames that hang from the arm's base go with the arm; a target in them without a stamp is taken
  once, lest the arm run after itself. So is one whose tree ends in the base: there nothing moves.
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

from ik_nn_ros.arm.geometry import JointPair, Plane
from ik_nn_ros.nodes.common.conversions import quaternion_from_matrix, rotate_vector

# MERGED nodes.transforms: What tf2 knows: where frames are, and which hangs from which.

Position = tuple[float, float, float]
"""x, y, z, m; three arrays of one length are as good."""
LATEST_TIME = Time(clock_type=ClockType.ROS_TIME)
MAX_TREE_AGE_S = 0.1
"""How long (s) the tree of frames is taken to be as it was: asking costs more than a transform."""
_PARENT_PATTERN = re.compile(r'^Frame (.*) exists with parent (.*)\.$', re.MULTILINE)


class FrameError(Exception):
    """
    A position that cannot be brought into the arm's plane.

    :param reason: reason code
    :param text: what was got and what was expected
    :param transform_may_arrive: a transform still to come may change that
    """

    def __init__(self, reason: str, text: str, transform_may_arrive: bool = False) -> None:
        super().__init__(text)
        self.reason = reason
        self.transform_may_arrive = transform_may_arrive


class Tf2Client:
    """
    Listens to tf2, and tells it where the arm's plane is.

    :param node: the node that listens
    :raises ImportError: tf2_ros is not here
    """

    def __init__(self, node: Node) -> None:
        import tf2_ros

        self._tf2 = tf2_ros
        self._node = node
        self.buffer = buffer = tf2_ros.Buffer()
        self._listener = tf2_ros.TransformListener(self.buffer, node)
        self._broadcaster = tf2_ros.StaticTransformBroadcaster(node)
        # A recording that is played anew: what is known lies in the future then.
        back = JumpThreshold(
            min_forward=None, min_backward=Duration(seconds=-1), on_clock_change=True
        )
        jumps = node.get_clock().create_jump_callback(back, post_callback=lambda _: buffer.clear())
        # A clock calls what is registered with it also after that has been freed.
        self._unregister_jump_callback = weakref.finalize(self, jumps.unregister)
        self._unregister_jump_callback.atexit = False
        self._parents: dict[str, str] = {}
        self._parents_expiry = 0.0

    def close(self) -> None:
        """Stop listening and telling."""
        self._unregister_jump_callback()
        self._listener.unregister()
        self._node.destroy_publisher(self._broadcaster.pub_tf)

    def broadcast_plane(self, parent: str, child: str, plane: Plane) -> None:
        """Tell tf2 where the plane's frame ``child`` is in the base frame ``parent``."""
        message = TransformStamped()
        message.header.stamp = self._node.get_clock().now().to_msg()
        message.header.frame_id, message.child_frame_id = parent, child
        shift, turn = message.transform.translation, message.transform.rotation
        shift.x, shift.y, shift.z = (float(value) for value in plane.origin)
        turn.x, turn.y, turn.z, turn.w = quaternion_from_matrix(plane.rotation)
        self._broadcaster.sendTransform(message)

    def transform(
        self, position: Position, source: str, target: str, at: Time = LATEST_TIME
    ) -> tuple[Position, int]:
        """
        Bring a position from frame ``source`` into frame ``target``.

        :param at: when; zero: as late as is known
        :return: the position, and the time it holds for, ns; 0 where the frames never move
        :raises FrameError: NO_TRANSFORM
        """
        try:
            # Not lookup_transform, which sleeps when it is to wait.
            found = self.buffer.lookup_transform_core(target, source, at)
        except self._tf2.TransformException as error:
            why = self._failure_detail(error, source, target)
            self._parents_expiry = 0.0  # a target that waits succeeds with another tree
            raise FrameError(
                'NO_TRANSFORM',
                f'transform: got none from {source!r} to {target!r} ({why})',
                self._transform_may_arrive(error, source, target, at),
            ) from error
        turn, shift = found.transform.rotation, found.transform.translation
        x, y, z = rotate_vector((turn.x, turn.y, turn.z, turn.w), position)
        stamp = found.header.stamp
        moved = x + shift.x, y + shift.y, z + shift.z
        return moved, stamp.sec * 1_000_000_000 + stamp.nanosec

    def frame_chain(self, frame: str) -> Sequence[str]:
        """Return a frame, what it hangs from, and so on up to the root."""
        now = time.monotonic()
        if now >= self._parents_expiry:
            self._parents = dict(_PARENT_PATTERN.findall(self.buffer.all_frames_as_string()))
            self._parents_expiry = now + MAX_TREE_AGE_S
        parents, line = self._parents, [frame]
        # As many steps as there are frames: tf2 keeps a ring, too.
        while line[-1] in parents and len(line) <= len(parents):
            line.append(parents[line[-1]])
        return line

    def _failure_detail(self, error: Exception, source: str, target: str) -> str:
        why = ' '.join(str(error).split())
        if isinstance(error, self._tf2.ConnectivityException):
            roots = f'{source!r} is under {self.frame_chain(source)[-1]!r}'
            why += f'; {roots}, {target!r} under {self.frame_chain(target)[-1]!r}'
        return why

    def _transform_may_arrive(self, error: Exception, source: str, target: str, at: Time) -> bool:
        """Tell whether waiting helps: not for a time before all that is known."""
        if not isinstance(error, self._tf2.ExtrapolationException):
            return True
        try:
            latest = self.buffer.get_latest_common_time(target, source)
        except self._tf2.TransformException:
            return True
        return at.nanoseconds > latest.nanoseconds


__all__ = ['Anchor', 'FrameError', 'PlaneTransformer']


class Anchor(NamedTuple):
    """A target where it stays: a frame and the position in it, m."""

    frame: str
    position: Position


class PlaneTransformer:
    """
    Brings positions into the arm's plane.

    :param node: the node that listens to tf2
    :param plane: the arm's plane
    :param plane_tolerance: largest distance from the plane, m
    :param frame_prefix: put before the URDF's link names to get the names of frames in TF
    """

    def __init__(
        self, node: Node, plane: Plane, plane_tolerance: float, frame_prefix: str = ''
    ) -> None:
        self._plane = plane
        self.base_frame = frame_prefix + plane.base_frame
        self.plane_frame = f'{self.base_frame}_plane'
        self.plane_tolerance = plane_tolerance
        self.tf2: Tf2Client | None = None
        try:
            self.tf2 = Tf2Client(node)
        except ImportError:
            return
        self.tf2.broadcast_plane(self.base_frame, self.plane_frame, plane)

    def close(self) -> None:
        """Leave tf2 alone."""
        if self.tf2 is not None:
            self.tf2.close()

    def target_to_plane(
        self, header: Header, x: float, y: float, z: float
    ) -> tuple[JointPair, Anchor | None]:
        """
        Find where a target is now.

        :return: the point in the plane, m, and what keeps it while frames move, if they can
        :raises FrameError: BAD_FRAME, NO_TRANSFORM or OUT_OF_PLANE
        """
        frame, anchor = header.frame_id, None
        if frame != self.plane_frame:
            if frame and frame != self.base_frame:
                (x, y, z), anchor = self._to_base_frame(header, (x, y, z))
            x, y, z = self._plane.to_plane(x, y, z)
        if not -self.plane_tolerance <= z <= self.plane_tolerance:
            raise self._out_of_plane_error(z)
        return (x, y), anchor

    def anchor_to_plane(self, anchor: Anchor) -> tuple[JointPair, int]:
        """
        Find where a target is that stays in a frame, by the latest transform.

        :return: the point in the plane, m, and the time of that transform, ns; 0: nothing moves
        :raises FrameError: NO_TRANSFORM, OUT_OF_PLANE, or BAD_FRAME where it now goes with the arm
        """
        if self.base_frame in self.tf2.frame_chain(anchor.frame):  # gripped, for example
            raise FrameError(
                'BAD_FRAME',
                f'frame: got {anchor.frame!r} under {self.base_frame!r}, expected elsewhere',
            )
        position, stamp = self.tf2.transform(anchor.position, anchor.frame, self.base_frame)
        x, y, off = self._plane.to_plane(*position)
        if not -self.plane_tolerance <= off <= self.plane_tolerance:
            raise self._out_of_plane_error(off)
        return (x, y), stamp

    def path_to_plane(self, header: Header, positions: NDArray[np.float64]) -> NDArray[np.float64]:
        """
        Bring the positions of a path into the plane, by one transform.

        :param positions: (N, 3), m
        :return: (N, 2), m
        :raises FrameError: as :meth:`target_to_plane`; OUT_OF_PLANE names the first pose that is
        """
        x, y, off = np.asarray(positions, dtype=float).T
        if header.frame_id != self.plane_frame:
            if header.frame_id and header.frame_id != self.base_frame:
                (x, y, off), _ = self._to_base_frame(header, (x, y, off))
            x, y, off = self._plane.to_plane(x, y, off)
        (outside,) = np.nonzero(np.abs(off) > self.plane_tolerance)
        if outside.size:
            raise self._out_of_plane_error(off[outside[0]], f'pose {outside[0]}: ')
        return np.column_stack((x, y))

    def _out_of_plane_error(self, distance: float, which: str = '') -> FrameError:
        return FrameError(
            'OUT_OF_PLANE',
            f"{which}distance from the arm's plane: got {distance:.6g} m, expected at most "
            f'{self.plane_tolerance:g} m (plane_tolerance)',
        )

    def _to_base_frame(self, header: Header, position: Position) -> tuple[Position, Anchor | None]:
        """Return where a target in another frame is now in the base frame, and what keeps it."""
        frame = header.frame_id
        if frame.startswith('/') or not frame.strip():
            raise FrameError(
                'BAD_FRAME', f'frame: got {frame!r}, expected a name without a leading slash'
            )
        if self.tf2 is None:
            raise FrameError(
                'NO_TRANSFORM',
                f'frame: got {frame!r}, expected {self.base_frame!r}, {self.plane_frame!r} or none: '
                'tf2_ros is not importable here (install ros-$ROS_DISTRO-tf2-ros-py for targets in '
                'other frames)',
            )
        try:
            stamp = Time.from_msg(header.stamp)
        except ValueError as error:
            text = f'stamp: got {header.stamp.sec} s, expected none before 0'
            raise FrameError('NO_TRANSFORM', text) from error
        found, _ = self.tf2.transform(position, frame, self.base_frame, stamp)
        anchor = self._find_anchor(frame, position, stamp)
        if anchor is not None and stamp != LATEST_TIME:
            found, _ = self.tf2.transform(anchor.position, anchor.frame, self.base_frame)
        return found, anchor

    def _find_anchor(self, frame: str, position: Position, stamp: Time) -> Anchor | None:
        line, base_line = self.tf2.frame_chain(frame), self.tf2.frame_chain(self.base_frame)
        if frame in base_line or (stamp == LATEST_TIME and self.base_frame not in line):
            return Anchor(frame, position)
        root = line[-1]
        if stamp == LATEST_TIME or root == self.base_frame:
            return None
        return Anchor(root, self.tf2.transform(position, frame, root, stamp)[0])
