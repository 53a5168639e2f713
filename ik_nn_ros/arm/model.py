"""
The ideal 2-DOF arm: two rigid links, two parallel revolute joints, one plane.

*Link angles* ``θ = (θ1, θ2)`` are geometric: θ1 from the plane's x axis to the first link, θ2 from
the first link to the second, both about the plane's z axis: ``θi = sign_i · qi + offset_i``.
Forward kinematics (Al-Sharif et al., eq. 1 and 2, for zero offsets)::

    x = L1 cos θ1 + L2 cos(θ1 + θ2)
    y = L1 sin θ1 + L2 sin(θ1 + θ2)

In the inverse kinematics, with r the distance of the target from the first axis, R = L1 + L2 and
d = |L1 - L2|, the elbow follows from tan²(θ2 / 2) = (R² - r²) / (r² - d²), which keeps full
precision at the stretched (r = R) and the folded (r = d) arm, where the usual arccosine loses half
the digits.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import atan2, cos, floor, hypot, isfinite, pi, sin, sqrt
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ik_nn_ros.arm.geometry import TWO_PI, Array, JointPair, Plane, Point2
from ik_nn_ros.arm.kinematics import (
    NO_LIMITS,
    Kinematics,
    Linearization,
    LinearizationBatch,
    LinkPoses,
)
from ik_nn_ros.arm.workspace import BOTH_BRANCHES, Workspace
from ik_nn_ros.errors import ArmError

MAX_LENGTH_DEVIATION_RATIO = 0.25
"""Fraction of its length by which a link as built may differ from its URDF."""
ArmModelT = TypeVar('ArmModelT', bound='ArmModel')


@dataclass(frozen=True)
class ArmModel(Kinematics):
    """
    Geometry and limits of an ideal arm.

    :param name: the robot's name
    :param joint_names: of joint 1 and joint 2
    :param lengths: (L1, L2), m, positive
    :param signs: (s1, s2), +1 where the joint turns about the plane's normal, -1 where against it
    :param offsets: link angles (θ1, θ2) at q = 0, rad
    :param lower: joint limits, rad; -inf for a continuous joint
    :param upper: joint limits, rad; +inf for a continuous joint
    :param max_velocity: joint velocity limits, rad/s; inf where there is none
    :param plane: where the arm's plane lies in the base frame
    :raises ArmError: a length, range or velocity limit that is not positive
    """

    name: str
    joint_names: tuple[str, str]
    lengths: JointPair
    signs: JointPair = (1.0, 1.0)
    offsets: JointPair = (0.0, 0.0)
    lower: JointPair = NO_LIMITS[0]
    upper: JointPair = NO_LIMITS[1]
    max_velocity: JointPair = (np.inf, np.inf)
    plane: Plane = field(default_factory=lambda: Plane('base_link'))

    closed_form_is_exact = True

    def __post_init__(self) -> None:
        for link, length in zip(('link 1', 'link 2'), self.lengths, strict=True):
            if not (isfinite(length) and length > 0.0):
                raise ArmError(
                    f'{self.name}: length of {link}',
                    got=f'{length} m',
                    expected='a positive length',
                )
        self._require_limits()

    # Size and identity

    @property
    def reach(self) -> float:
        """The longest distance of the tip from the first axis, L1 + L2, m."""
        return self.lengths[0] + self.lengths[1]

    @property
    def inner_reach(self) -> float:
        """The shortest distance of the tip from the first axis, |L1 - L2|, m."""
        return abs(self.lengths[0] - self.lengths[1])

    @property
    def lever_arms(self) -> JointPair:
        """The longest distance of the tip from each joint's axis, m."""
        return self.reach, self.lengths[1]

    @property
    def max_determinant(self) -> float:
        """The largest |det J|, L1 L2, m²/rad²."""
        return self.lengths[0] * self.lengths[1]

    def has_plausible_lengths(self, lengths: JointPair) -> bool:
        """Tell whether links of these lengths (m) may be this arm's as built, not another's."""
        return all(
            abs(built - nominal) <= MAX_LENGTH_DEVIATION_RATIO * nominal
            for built, nominal in zip(lengths, self.lengths, strict=True)
        )

    def identity(self) -> dict[str, list[float | None]]:
        """Return the values that distinguish arms (rad, m; None for no limit), fit for JSON."""
        return {
            name: [float(value) if isfinite(value) else None for value in getattr(self, name)]
            for name in ('lengths', 'signs', 'offsets', 'lower', 'upper')
        }

    def describe(self) -> str:
        """Return the source of the kinematics, the joints' names and the lengths, for the log."""
        return f'by URDF: {self._describe_geometry()}'

    def _describe_geometry(self) -> str:
        return (
            f'joints {", ".join(self.joint_names)}, '
            f'lengths {self.lengths[0]:.6g} and {self.lengths[1]:.6g} m'
        )

    # The mechanism without residual: the arm itself

    @property
    def rigid(self) -> ArmModel:
        """The arm itself."""
        return self

    @property
    def residual_bound(self) -> float:
        """0: the tip is where two rigid links have it."""
        return 0.0

    def tip_residual(self, q: ArrayLike) -> Array:
        """Return zeros (..., 2) for (..., 2) joint positions."""
        return np.zeros_like(q, dtype=float)

    def tip_sigma(self, q: ArrayLike) -> Array:
        """Return zeros (...) for (..., 2) joint positions: an ideal arm is as it is modelled."""
        return np.zeros(np.shape(q)[:-1])

    def workspace(self, branch: int = BOTH_BRANCHES) -> Workspace:
        """Return what the rigid links reach within the joint limits, on one branch or both."""
        return Workspace(
            self.lengths,
            (self.link_angle_range(0), self.link_angle_range(1)),
            int(branch * self.signs[1]),
            self.residual_bound,
        )

    def without_limits(self: ArmModelT) -> ArmModelT:
        """Return the same arm with continuous joints."""
        return replace(self, lower=NO_LIMITS[0], upper=NO_LIMITS[1])

    def link_angle_range(self, joint: int) -> JointPair:
        """
        Return the range of a link angle θ, rad, at most one turn; (-π, π) for a whole one.

        :param joint: 0 or 1
        """
        sign, offset = self.signs[joint], self.offsets[joint]
        ends = sorted((sign * self.lower[joint] + offset, sign * self.upper[joint] + offset))
        if ends[1] - ends[0] >= TWO_PI:
            return -pi, pi
        turns = TWO_PI * floor((ends[0] + pi) / TWO_PI)
        return ends[0] - turns, ends[1] - turns

    # Forward kinematics

    def fk_point(self, q1: float, q2: float) -> Point2:
        """Return the tip (x, y), m, at joint positions q1, q2, rad."""
        theta1 = self.signs[0] * q1 + self.offsets[0]
        tip = theta1 + self.signs[1] * q2 + self.offsets[1]
        l1, l2 = self.lengths
        return l1 * cos(theta1) + l2 * cos(tip), l1 * sin(theta1) + l2 * sin(tip)

    def linearize_point(self, q1: float, q2: float) -> Linearization:
        """Return the tip and its derivatives: x, y, dx/dq1, dx/dq2, dy/dq1, dy/dq2 (m, m/rad)."""
        s1, s2 = self.signs
        l1, l2 = self.lengths
        theta1 = s1 * q1 + self.offsets[0]
        tip = theta1 + s2 * q2 + self.offsets[1]
        x2, y2 = l2 * cos(tip), l2 * sin(tip)
        x, y = l1 * cos(theta1) + x2, l1 * sin(theta1) + y2
        return x, y, -s1 * y, -s2 * y2, s1 * x, s2 * x2

    def fk(self, q: ArrayLike) -> Array:
        """
        Return the tip at joint positions.

        :param q: (..., 2) joint positions, rad
        :return: (..., 2) tip in the plane, m
        """
        theta1, tip = self._absolute_link_angles(q)
        l1, l2 = self.lengths
        return np.stack(
            (l1 * np.cos(theta1) + l2 * np.cos(tip), l1 * np.sin(theta1) + l2 * np.sin(tip)),
            axis=-1,
        )

    def linearize(self, q: ArrayLike) -> LinearizationBatch:
        """
        Return the tip and its derivatives: x, y, dx/dq1, dx/dq2, dy/dq1, dy/dq2.

        :param q: (..., 2) joint positions, rad
        :return: six arrays (...), m and m/rad
        """
        theta1, tip = self._absolute_link_angles(q)
        (l1, l2), (s1, s2) = self.lengths, self.signs
        x2, y2 = l2 * np.cos(tip), l2 * np.sin(tip)
        x, y = l1 * np.cos(theta1) + x2, l1 * np.sin(theta1) + y2
        return x, y, -s1 * y, -s2 * y2, s1 * x, s2 * x2

    def link_poses(self, q: ArrayLike) -> LinkPoses:
        """
        Return where the two links are; the second one ends at the tip.

        :param q: (..., 2) joint positions, rad
        """
        angles = np.stack(self._absolute_link_angles(q), axis=-1)
        points = np.zeros((*angles.shape[:-1], 3, 2))
        points[..., 1, 0] = self.lengths[0] * np.cos(angles[..., 0])
        points[..., 1, 1] = self.lengths[0] * np.sin(angles[..., 0])
        points[..., 2, :] = self.fk(q)
        return LinkPoses(points, angles, self.lengths)

    def _absolute_link_angles(self, q: ArrayLike) -> tuple[Array, Array]:
        q = np.asarray(q, dtype=float)
        theta1 = self.signs[0] * q[..., 0] + self.offsets[0]
        return theta1, theta1 + self.signs[1] * q[..., 1] + self.offsets[1]

    # Branches and singularities

    def elbow_sine(self, q: JointPair) -> float:
        """Return the sine of the elbow's angle about joint 2's own axis: 0 for a straight arm."""
        return sin(q[1] + self.signs[1] * self.offsets[1])

    def elbow_sine_batch(self, q: Array) -> Array:
        """Return :meth:`elbow_sine` (N,) at (N, 2) joint positions, rad."""
        sine: Array = np.sin(q[:, 1] + self.signs[1] * self.offsets[1])
        return sine

    def stretched(self, q1: float) -> JointPair:
        """Return the joint positions, rad, of the arm stretched out with joint 1 at q1."""
        return q1, -self.signs[1] * self.offsets[1]

    # Closed form of the inverse kinematics

    def closed_form(self, x: float, y: float, branch: int, q_now: JointPair) -> JointPair:
        """
        Return joint positions on one branch for a target, turned near to ``q_now``, within limits.

        A target out of reach gives the arm stretched or folded towards it, one that the limits
        exclude gives a position at a limit: the caller checks where the tip is.

        :param x: target in the plane, m
        :param y: target in the plane, m
        :param branch: +1 or -1
        :param q_now: (q1, q2) where the joints are now, rad
        :return: (q1, q2), rad
        """
        (l1, l2), (s1, s2), (o1, o2) = self.lengths, self.signs, self.offsets
        r = hypot(x, y)
        outer, inner = l1 + l2, abs(l1 - l2)
        theta2 = 2.0 * atan2(
            sqrt(max((outer - r) * (outer + r), 0.0)), sqrt(max((r - inner) * (r + inner), 0.0))
        )
        theta2 *= branch * s2
        theta1 = atan2(y, x) - atan2(l2 * sin(theta2), l1 + l2 * cos(theta2))
        q1 = self.wrap_joint(0, s1 * (theta1 - o1), q_now[0])
        q2 = self.wrap_joint(1, s2 * (theta2 - o2), q_now[1])
        # Near the stretched or folded arm rounding moves the joints by up to its square root, which
        # may be past a limit: keep the joint that is at a limit and point the rest at the target.
        if q1 == self.lower[0] or q1 == self.upper[0]:
            theta1 = s1 * q1 + o1
            theta2 = atan2(y - l1 * sin(theta1), x - l1 * cos(theta1)) - theta1
            q2 = self.wrap_joint(1, s2 * (theta2 - o2), q_now[1])
        elif q2 == self.lower[1] or q2 == self.upper[1]:
            theta2 = s2 * q2 + o2
            theta1 = atan2(y, x) - atan2(l2 * sin(theta2), l1 + l2 * cos(theta2))
            q1 = self.wrap_joint(0, s1 * (theta1 - o1), q_now[0])
        return q1, q2

    def closed_form_batch(self, xy: Array, branch: NDArray[np.int8], q_now: Array) -> Array:
        """
        Return :meth:`closed_form` of many targets.

        :param xy: (N, 2) targets in the plane, m
        :param branch: (N,) +1 or -1
        :param q_now: (N, 2) or (2,) where the joints are now, rad
        :return: (N, 2) joint positions, rad
        """
        (l1, l2), signs, offsets = self.lengths, np.array(self.signs), np.array(self.offsets)
        x, y = xy[:, 0], xy[:, 1]
        r = np.hypot(x, y)
        outer, inner = l1 + l2, abs(l1 - l2)
        theta2 = 2.0 * np.arctan2(
            np.sqrt(np.maximum((outer - r) * (outer + r), 0.0)),
            np.sqrt(np.maximum((r - inner) * (r + inner), 0.0)),
        )
        theta2 *= branch * self.signs[1]
        theta1 = np.arctan2(y, x) - np.arctan2(l2 * np.sin(theta2), l1 + l2 * np.cos(theta2))
        theta = np.stack((theta1, theta2), axis=-1)
        q = self.wrap_into_limits_batch(signs * (theta - offsets), q_now)

        at_limit = (q == self.lower) | (q == self.upper)
        rows = np.flatnonzero(at_limit.any(axis=1))
        if len(rows):
            keeps_joint1, x, y = at_limit[rows, 0], x[rows], y[rows]
            theta1, theta2 = (signs * q[rows] + offsets).T
            pointed2 = np.arctan2(y - l1 * np.sin(theta1), x - l1 * np.cos(theta1)) - theta1
            pointed1 = np.arctan2(y, x) - np.arctan2(l2 * np.sin(theta2), l1 + l2 * np.cos(theta2))
            theta = np.stack((pointed1, pointed2), axis=-1)
            pointed = self.wrap_into_limits_batch(
                signs * (theta - offsets), np.broadcast_to(q_now, q.shape)[rows]
            )
            kept = np.stack((keeps_joint1, ~keeps_joint1), axis=-1)
            q[rows] = np.where(kept, q[rows], pointed)
        return q
