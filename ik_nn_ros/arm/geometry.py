"""
Types of joint positions and points, and the plane that a 2-DOF arm moves in.

Everything in the package is in metres, radians and seconds. A *point* (x, y) is always in the plane
frame; *joint positions* (q1, q2) are those of the URDF.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from math import pi

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
JointPair = tuple[float, float]
"""A value for each joint, e.g. joint positions (q1, q2), rad, or velocity limits, rad/s."""
Point2 = tuple[float, float]
"""A point (x, y) in the plane frame, m, or a vector there."""

TWO_PI = 2.0 * pi


@dataclass(frozen=True)
class Plane:
    """
    The plane frame in coordinates of the base frame.

    Its origin is on the first joint's axis at the height of the tip, its z axis is normal to the
    arm's plane, x and y span it.

    :param base_frame: name of the base frame
    :param origin: (3,) origin, m
    :param rotation: (3, 3), columns are the plane's x, y and z axes
    """

    base_frame: str
    origin: Array = field(default_factory=lambda: np.zeros(3))
    rotation: Array = field(default_factory=lambda: np.eye(3))

    @cached_property
    def _axes(self) -> tuple[tuple[float, ...], ...]:
        return tuple(tuple(float(v) for v in axis) for axis in self.rotation.T)

    @cached_property
    def _origin(self) -> tuple[float, ...]:
        return tuple(float(v) for v in self.origin)

    def to_plane(self, x: float, y: float, z: float) -> tuple[float, float, float]:
        """
        Express a position of the base frame in the plane frame.

        :return: x and y in the plane and the distance from it along its normal, m
        """
        ox, oy, oz = self._origin
        x, y, z = x - ox, y - oy, z - oz
        (a, b, c), (d, e, f), (g, h, i) = self._axes
        return a * x + b * y + c * z, d * x + e * y + f * z, g * x + h * y + i * z

    def to_base(self, point: ArrayLike) -> Array:
        """
        Express points of the plane in the base frame.

        :param point: (..., 2), m
        :return: (..., 3), m
        """
        lifted: Array = self.origin + np.asarray(point, dtype=float) @ self.rotation[:, :2].T
        return lifted
