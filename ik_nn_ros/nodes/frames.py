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

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rclpy.node import Node
from rclpy.time import Time
from std_msgs.msg import Header

from ik_nn_ros.arm.model import Pair
from ik_nn_ros.arm.plane import Plane
from ik_nn_ros.nodes.transforms import LATEST, FrameError, Position, Transforms

__all__ = ['Anchor', 'FrameError', 'Frames']


class Anchor(NamedTuple):
    """A target where it stays: a frame and the position in it, m."""

    frame: str
    position: Position


class Frames:
    """
    Brings positions into the arm's plane.

    :param node: the node that listens to tf2
    :param plane: the arm's plane
    :param tolerance: largest distance from the plane, m
    :param prefix: put before the URDF's link names to get the names of frames in TF
    """

    def __init__(self, node: Node, plane: Plane, tolerance: float, prefix: str = '') -> None:
        self._plane = plane
        self.base = prefix + plane.frame
        self.plane_frame = f'{self.base}_plane'
        self.tolerance = tolerance
        self.transforms: Transforms | None = None
        try:
            self.transforms = Transforms(node)
        except ImportError:
            return
        self.transforms.broadcast(self.base, self.plane_frame, plane)

    def close(self) -> None:
        """Leave tf2 alone."""
        if self.transforms is not None:
            self.transforms.close()

    def locate(self, header: Header, x: float, y: float, z: float) -> tuple[Pair, Anchor | None]:
        """
        Find where a target is now.

        :return: the point in the plane, m, and what keeps it while frames move, if they can
        :raises FrameError: BAD_FRAME, NO_TRANSFORM or OUT_OF_PLANE
        """
        frame, anchor = header.frame_id, None
        if frame != self.plane_frame:
            if frame and frame != self.base:
                (x, y, z), anchor = self._to_base(header, (x, y, z))
            x, y, z = self._plane.project(x, y, z)
        if not -self.tolerance <= z <= self.tolerance:
            raise self._out_of_plane(z)
        return (x, y), anchor

    def follow(self, anchor: Anchor) -> tuple[Pair, int]:
        """
        Find where a target is that stays in a frame, by the latest transform.

        :return: the point in the plane, m, and the time of that transform, ns; 0: nothing moves
        :raises FrameError: NO_TRANSFORM, OUT_OF_PLANE, or BAD_FRAME where it now goes with the arm
        """
        if self.base in self.transforms.lineage(anchor.frame):  # gripped, for example
            raise FrameError(
                'BAD_FRAME', f'frame: got {anchor.frame!r} under {self.base!r}, expected elsewhere'
            )
        position, stamp = self.transforms.bring(anchor.position, anchor.frame, self.base)
        x, y, off = self._plane.project(*position)
        if not -self.tolerance <= off <= self.tolerance:
            raise self._out_of_plane(off)
        return (x, y), stamp

    def path_to_plane(self, header: Header, positions: NDArray[np.float64]) -> NDArray[np.float64]:
        """
        Bring the positions of a path into the plane, by one transform.

        :param positions: (N, 3), m
        :return: (N, 2), m
        :raises FrameError: as :meth:`locate`; OUT_OF_PLANE names the first pose that is
        """
        x, y, off = np.asarray(positions, dtype=float).T
        if header.frame_id != self.plane_frame:
            if header.frame_id and header.frame_id != self.base:
                (x, y, off), _ = self._to_base(header, (x, y, off))
            x, y, off = self._plane.project(x, y, off)
        (outside,) = np.nonzero(np.abs(off) > self.tolerance)
        if outside.size:
            raise self._out_of_plane(off[outside[0]], f'pose {outside[0]}: ')
        return np.column_stack((x, y))

    def _out_of_plane(self, off: float, which: str = '') -> FrameError:
        return FrameError(
            'OUT_OF_PLANE',
            f"{which}distance from the arm's plane: got {off:.6g} m, expected at most "
            f'{self.tolerance:g} m (plane_tolerance)',
        )

    def _to_base(self, header: Header, position: Position) -> tuple[Position, Anchor | None]:
        """Return where a target in another frame is now in the base frame, and what keeps it."""
        frame = header.frame_id
        if frame.startswith('/') or not frame.strip():
            raise FrameError(
                'BAD_FRAME', f'frame: got {frame!r}, expected a name without a leading slash'
            )
        if self.transforms is None:
            raise FrameError(
                'NO_TRANSFORM',
                f'frame: got {frame!r}, expected {self.base!r}, {self.plane_frame!r} or none: '
                'tf2_ros is not importable here (install ros-$ROS_DISTRO-tf2-ros-py for targets in '
                'other frames)',
            )
        try:
            stamp = Time.from_msg(header.stamp)
        except ValueError as error:
            text = f'stamp: got {header.stamp.sec} s, expected none before 0'
            raise FrameError('NO_TRANSFORM', text) from error
        found, _ = self.transforms.bring(position, frame, self.base, stamp)
        anchor = self._anchor(frame, position, stamp)
        if anchor is not None and stamp != LATEST:
            found, _ = self.transforms.bring(anchor.position, anchor.frame, self.base)
        return found, anchor

    def _anchor(self, frame: str, position: Position, stamp: Time) -> Anchor | None:
        line, base_line = self.transforms.lineage(frame), self.transforms.lineage(self.base)
        if frame in base_line or (stamp == LATEST and self.base not in line):
            return Anchor(frame, position)
        root = line[-1]
        if stamp == LATEST or root == self.base:
            return None
        return Anchor(root, self.transforms.bring(position, frame, root, stamp)[0])
