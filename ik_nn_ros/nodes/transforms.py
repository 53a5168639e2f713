"""What tf2 knows: where frames are, and which hangs from which."""

from __future__ import annotations

import re
import time
import weakref
from collections.abc import Sequence

from geometry_msgs.msg import TransformStamped
from rclpy.clock import ClockType, JumpThreshold
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.time import Time

from ik_nn_ros.arm.plane import Plane
from ik_nn_ros.nodes.conversions import quaternion_from_matrix, rotate_vector

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
