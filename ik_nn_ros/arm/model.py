"""
A 2-DOF arm as numbers: two links, two parallel revolute joints, one plane.

Conventions, used everywhere in the package (metres, radians):

- The *plane frame* lies in the base frame's coordinates: its origin is on the first joint's axis at
  the height of the tip, its z axis is normal to the arm's plane, x and y span it. A *point* (x, y)
  is always in this frame.
- Joint positions ``q = (q1, q2)`` are those of the URDF. *Link angles* ``θ = (θ1, θ2)`` are
  geometric: θ1 from the plane's x axis to the first link, θ2 from the first link to the second,
  both about the plane's z axis: ``θi = sign_i · qi + offset_i``.
- Forward kinematics (Al-Sharif et al., eq. 1 and 2, for zero offsets)::

      x = L1 cos θ1 + L2 cos(θ1 + θ2)
      y = L1 sin θ1 + L2 sin(θ1 + θ2)

- The *branch* of a joint position is the side the elbow is bent to, seen along joint 2's own axis:
  for an arm with no zero offset it is the sign of q2.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from math import ceil, cos, floor, isfinite, pi, sin

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ik_nn_ros.errors import ArmError

# MERGED arm.plane: The plane an arm moves in; see :mod:`ik_nn_ros.arm.model` for the conventions.

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Plane:
    """
    The plane frame in coordinates of the base frame.

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


JointPair = tuple[float, float]
Point2 = tuple[float, float]

TWO_PI = 2.0 * pi
MAX_LENGTH_DEVIATION_RATIO = 0.25
"""Part of its length by which a link as built may differ from its URDF."""
LIMIT_TOLERANCE_RAD = 1e-7
"""
How far (rad) rounding may put a joint past a limit before another turn is tried; the result is
clipped.
"""


@dataclass(frozen=True)
class ArmModel:
    """
    Geometry and limits of one arm; see the module's text for the conventions.

    :param name: the robot's name
    :param joint_names: of joint 1 and joint 2
    :param lengths: (L1, L2), m, positive
    :param signs: (s1, s2), +1 where the joint turns about the plane's normal, -1 where against it
    :param offsets: link angles (θ1, θ2) at q = 0, rad
    :param lower: joint limits, rad; -inf for a continuous joint
    :param upper: joint limits, rad; +inf for a continuous joint
    :param max_velocity: joint velocity limits, rad/s; inf where there is none
    :param plane: where the arm's plane lies in the base frame
    :raises ArmError: a value that no arm has
    """

    name: str
    joint_names: tuple[str, str]
    lengths: JointPair
    signs: JointPair = (1.0, 1.0)
    offsets: JointPair = (0.0, 0.0)
    lower: JointPair = (-np.inf, -np.inf)
    upper: JointPair = (np.inf, np.inf)
    max_velocity: JointPair = (np.inf, np.inf)
    plane: Plane = field(default_factory=lambda: Plane('base_link'))

    def __post_init__(self) -> None:
        for link, length in zip(('link 1', 'link 2'), self.lengths, strict=True):
            if not (isfinite(length) and length > 0.0):
                raise ArmError(
                    f'{self.name}: length of {link}',
                    got=f'{length} m',
                    expected='a positive length',
                )
        for joint, low, up, speed in zip(
            self.joint_names, self.lower, self.upper, self.max_velocity, strict=True
        ):
            if not low < up:
                raise ArmError(
                    f'{self.name}: limits of {joint}',
                    got=f'[{low}, {up}] rad',
                    expected='lower < upper',
                )
            if not speed > 0.0:
                raise ArmError(
                    f'{self.name}: velocity limit of {joint}',
                    got=f'{speed} rad/s',
                    expected='a positive velocity',
                )

    @property
    def reach(self) -> float:
        """The longest distance of the tip from the first axis, L1 + L2, m."""
        return self.lengths[0] + self.lengths[1]

    @property
    def inner_reach(self) -> float:
        """The shortest distance of the tip from the first axis, |L1 - L2|, m."""
        return abs(self.lengths[0] - self.lengths[1])

    @property
    def finite_limits(self) -> tuple[JointPair, JointPair]:
        """Lower and upper ends, rad, of where the joints can be, of each at most one turn."""
        ranges = zip(self.lower, self.upper, strict=True)
        lower = tuple(low if isfinite(low) else min(up, pi) - TWO_PI for low, up in ranges)
        upper = tuple(min(up, low + TWO_PI) for low, up in zip(lower, self.upper, strict=True))
        return (lower[0], lower[1]), (upper[0], upper[1])

    def has_plausible_lengths(self, lengths: JointPair) -> bool:
        """Tell whether links of these lengths (m) may be this arm's as built, not another's."""
        return all(
            abs(there - here) <= MAX_LENGTH_DEVIATION_RATIO * here
            for there, here in zip(lengths, self.lengths, strict=True)
        )

    @property
    def residual_bound(self) -> float:
        """How far (m) the tip may be from where two rigid links have it; 0 unless calibrated."""
        return 0.0

    @property
    def home(self) -> JointPair:
        """A position inside the limits: the middle of each range, 0 or next to it without one."""
        middle1, middle2 = (
            (low + up) / 2.0 if isfinite(low) and isfinite(up) else 0.0
            for low, up in zip(self.lower, self.upper, strict=True)
        )
        return self.clip((middle1, middle2))

    def identity(self) -> dict[str, list[float | None]]:
        """Return what tells one arm from another (rad, m; None: no limit), fit for JSON."""
        return {
            name: [float(value) if isfinite(value) else None for value in getattr(self, name)]
            for name in ('lengths', 'signs', 'offsets', 'lower', 'upper')
        }

    # Points and joint angles as plain numbers, for one target at a time.

    def fk_point(self, q1: float, q2: float) -> JointPair:
        """Return the tip (x, y), m, at joint angles q1, q2, rad."""
        theta1 = self.signs[0] * q1 + self.offsets[0]
        tip = theta1 + self.signs[1] * q2 + self.offsets[1]
        l1, l2 = self.lengths
        return l1 * cos(theta1) + l2 * cos(tip), l1 * sin(theta1) + l2 * sin(tip)

    def linearize_point(
        self, q1: float, q2: float
    ) -> tuple[float, float, float, float, float, float]:
        """Return the tip and its derivatives: x, y, dx/dq1, dx/dq2, dy/dq1, dy/dq2 (m, m/rad)."""
        s1, s2 = self.signs
        l1, l2 = self.lengths
        theta1 = s1 * q1 + self.offsets[0]
        tip = theta1 + s2 * q2 + self.offsets[1]
        x2, y2 = l2 * cos(tip), l2 * sin(tip)
        x, y = l1 * cos(theta1) + x2, l1 * sin(theta1) + y2
        return x, y, -s1 * y, -s2 * y2, s1 * x, s2 * x2

    def branch_of(self, q: JointPair) -> int:
        """Return the side the elbow is bent to, +1 or -1; +1 for the straight arm."""
        return -1 if self.elbow_sine(q) < 0.0 else 1

    def elbow_sine(self, q: JointPair) -> float:
        """Return the sine of the elbow's angle about joint 2's own axis: 0 for a straight arm."""
        return sin(q[1] + self.signs[1] * self.offsets[1])

    def elbow_sine_batch(self, q: Array) -> Array:
        """Do :meth:`elbow_sine` for (N, 2) angles, rad."""
        bend: Array = np.sin(q[:, 1] + self.signs[1] * self.offsets[1])
        return bend

    def wrap_joint(
        self, joint: int, angle: float, reference: float, tolerance: float = LIMIT_TOLERANCE_RAD
    ) -> float:
        """
        Return the angle, turned by whole turns to lie inside the limits and nearest to ``near``.

        Where no turn lies inside, the limit that is the shorter way round: the caller checks where
        that leads.

        :param joint: 0 or 1
        :param angle: rad, any turn
        :param reference: where the joint is now, rad
        :param tolerance: how far past a limit (rad) an angle still means the limit
        """
        low, up = self.lower[joint], self.upper[joint]
        angle += TWO_PI * round((min(max(reference, low), up) - angle) / TWO_PI)
        if angle > up + tolerance:
            angle -= TWO_PI * ceil((angle - up - tolerance) / TWO_PI)
        elif angle < low - tolerance:
            angle += TWO_PI * ceil((low - tolerance - angle) / TWO_PI)
        if low <= angle <= up:
            return angle
        if low - tolerance <= angle <= up + tolerance:
            return low if angle < low else up
        gap_low, gap_up = (low - angle) % TWO_PI, (angle - up) % TWO_PI
        return low if min(gap_low, TWO_PI - gap_low) <= min(gap_up, TWO_PI - gap_up) else up

    def wrap_into_limits(
        self, q: JointPair, reference: JointPair, tolerance: float = LIMIT_TOLERANCE_RAD
    ) -> JointPair:
        """Return ``q`` with both joints on the turn inside the limits nearest to ``near``."""
        return (
            self.wrap_joint(0, q[0], reference[0], tolerance),
            self.wrap_joint(1, q[1], reference[1], tolerance),
        )

    def clip(self, q: JointPair) -> JointPair:
        """Return ``q`` with each joint that is past a limit put at that limit."""
        (low1, low2), (up1, up2) = self.lower, self.upper
        return min(max(q[0], low1), up1), min(max(q[1], low2), up2)

    def within_limits(self, q: JointPair) -> bool:
        """Tell whether both joints lie inside their limits, ends included."""
        return self.lower[0] <= q[0] <= self.upper[0] and self.lower[1] <= q[1] <= self.upper[1]

    # The same over arrays.

    def fk(self, q: ArrayLike) -> Array:
        """
        Forward kinematics.

        :param q: (..., 2) joint angles, rad
        :return: (..., 2) tip in the plane, m
        """
        theta1, tip = self._absolute_link_angles(q)
        l1, l2 = self.lengths
        return np.stack(
            (l1 * np.cos(theta1) + l2 * np.cos(tip), l1 * np.sin(theta1) + l2 * np.sin(tip)),
            axis=-1,
        )

    def jacobian(self, q: ArrayLike) -> Array:
        """
        Return the derivative of :meth:`fk` by the joint angles.

        :param q: (..., 2) joint angles, rad
        :return: (..., 2, 2), row x and y, column q1 and q2, m/rad
        """
        _, _, dx1, dx2, dy1, dy2 = self.linearize(q)
        return np.stack((np.stack((dx1, dx2), axis=-1), np.stack((dy1, dy2), axis=-1)), axis=-2)

    def linearize(self, q: ArrayLike) -> tuple[Array, Array, Array, Array, Array, Array]:
        """
        Return the tip and its derivatives: x, y, dx/dq1, dx/dq2, dy/dq1, dy/dq2.

        :param q: (..., 2) joint angles, rad
        :return: six arrays (...), m and m/rad
        """
        theta1, tip = self._absolute_link_angles(q)
        (l1, l2), (s1, s2) = self.lengths, self.signs
        x2, y2 = l2 * np.cos(tip), l2 * np.sin(tip)
        x, y = l1 * np.cos(theta1) + x2, l1 * np.sin(theta1) + y2
        return x, y, -s1 * y, -s2 * y2, s1 * x, s2 * x2

    def wrap_into_limits_batch(
        self, q: Array, reference: Array, tolerance: float = LIMIT_TOLERANCE_RAD
    ) -> Array:
        """
        Do :meth:`wrap_into_limits` for many positions.

        :param q: (N, 2) joint angles, rad
        :param reference: (N, 2) or (2,), rad
        :param tolerance: rad
        :return: (N, 2), rad
        """
        q = q + TWO_PI * np.round((np.clip(reference, self.lower, self.upper) - q) / TWO_PI)
        out = (q < self.lower) | (q > self.upper)
        rows = np.flatnonzero(out[:, 0] | out[:, 1])
        if len(rows):
            q[rows] = self._wrap_rows(q[rows], tolerance)
        return q

    def _wrap_rows(self, q: Array, tolerance: float) -> Array:
        low, up = np.asarray(self.lower), np.asarray(self.upper)
        with np.errstate(invalid='ignore'):  # a continuous joint is never outside
            down = np.where(q > up + tolerance, np.ceil((q - up - tolerance) / TWO_PI), 0.0)
            lift = np.where(q < low - tolerance, np.ceil((low - tolerance - q) / TWO_PI), 0.0)
            q = q + TWO_PI * (lift - down)
            gap_low, gap_up = (low - q) % TWO_PI, (q - up) % TWO_PI
            to_low = np.minimum(gap_low, TWO_PI - gap_low) <= np.minimum(gap_up, TWO_PI - gap_up)
        close = (q >= low - tolerance) & (q <= up + tolerance)
        outside = np.where(np.where(close, q < low, to_low), low, up)
        return np.where((q >= low) & (q <= up), q, outside)

    def _absolute_link_angles(self, q: ArrayLike) -> tuple[Array, Array]:
        q = np.asarray(q, dtype=float)
        theta1 = self.signs[0] * q[..., 0] + self.offsets[0]
        return theta1, theta1 + self.signs[1] * q[..., 1] + self.offsets[1]

    def link_angle_range(self, joint: int) -> JointPair:
        """
        Return the range of a link angle θ, rad, at most one turn.

        It is (-π, π) when the joint can go all the way round.
        """
        sign, offset = self.signs[joint], self.offsets[joint]
        ends = sorted((sign * self.lower[joint] + offset, sign * self.upper[joint] + offset))
        if ends[1] - ends[0] >= TWO_PI:
            return -pi, pi
        turns = TWO_PI * floor((ends[0] + pi) / TWO_PI)
        return ends[0] - turns, ends[1] - turns


# MERGED motion.joint_range: The range of two joints: what of it can be visited, what of it has been.
