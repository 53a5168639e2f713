"""From a stamped position in some frame to a point in the arm's plane."""

from __future__ import annotations

from rclpy.node import Node
from rclpy.time import Time
from std_msgs.msg import Header

from ik_nn_ros.arm.model import Pair
from ik_nn_ros.arm.plane import Plane
from ik_nn_ros.nodes.conversions import rotate


class FrameError(Exception):
    """
    A position that cannot be brought into the arm's plane.

    :param reason: reason code
    :param text: what was got and what was expected
    """

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class Frames:
    """
    Brings positions into the arm's plane.

    :param node: the node that listens to tf2
    :param plane: the arm's plane
    :param tolerance: largest distance from the plane, m
    """

    def __init__(self, node: Node, plane: Plane, tolerance: float) -> None:
        self._plane = plane
        self._frame = plane.frame
        self.tolerance = tolerance
        self._buffer = self._listener = None
        try:
            import tf2_ros
        except ImportError:
            return
        self._buffer = tf2_ros.Buffer()
        self._listener = tf2_ros.TransformListener(self._buffer, node)

    def close(self) -> None:
        """Stop listening to tf2."""
        if self._listener is not None:
            self._listener.unregister()

    def to_plane(self, header: Header, x: float, y: float, z: float) -> Pair:
        """
        Return the point in the plane, m.

        :raises FrameError: BAD_FRAME, NO_TRANSFORM or OUT_OF_PLANE
        """
        frame = header.frame_id
        if frame and frame != self._frame:
            x, y, z = self._transform(header, x, y, z)
        u, v, off = self._plane.project(x, y, z)
        if not -self.tolerance <= off <= self.tolerance:
            raise FrameError(
                'OUT_OF_PLANE',
                f"distance from the arm's plane: got {off:.6g} m, expected at most "
                f'{self.tolerance:g} m (plane_tolerance)',
            )
        return u, v

    def _transform(
        self, header: Header, x: float, y: float, z: float
    ) -> tuple[float, float, float]:
        frame = header.frame_id
        if frame.startswith('/') or not frame.strip():
            raise FrameError(
                'BAD_FRAME', f'frame: got {frame!r}, expected a name without a leading slash'
            )
        if self._buffer is None:
            raise FrameError(
                'NO_TRANSFORM',
                f'frame: got {frame!r}, expected {self._frame!r} or none: tf2_ros is not '
                'importable here (install ros-$ROS_DISTRO-tf2-ros-py for targets in other frames)',
            )
        import tf2_ros

        try:
            found = self._buffer.lookup_transform(
                self._frame, frame, Time.from_msg(header.stamp)
            ).transform
        except (tf2_ros.TransformException, ValueError) as error:  # ValueError: a negative stamp
            raise FrameError(
                'NO_TRANSFORM', f'transform: got none from {frame!r} to {self._frame!r} ({error})'
            ) from error
        turn, shift = found.rotation, found.translation
        a, b, c = rotate((turn.x, turn.y, turn.z, turn.w), (x, y, z))
        return a + shift.x, b + shift.y, c + shift.z
