"""
The interface of an arm: what solver, motion, markers and page may know of a mechanism.

They work with every planar mechanism of two revolute joints that implements :class:`Kinematics`:
the nominal arm of a URDF (:class:`~ik_nn_ros.arm.model.ArmModel`), an arm with a calibration
(:class:`~ik_nn_ros.arm.calibrated.CalibratedArm`), or one with a learned forward model. Link
lengths, zero offsets and directions of rotation are details of an implementation.

The *branch* of a joint position is the side that the elbow is bent to, seen along joint 2's own
axis: for an arm without zero offsets it is the sign of q2. Between the branches lie the singular
positions, where the arm is stretched or folded.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import ceil, inf, isfinite, isinf, pi
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ik_nn_ros.arm.geometry import TWO_PI, Array, JointPair, Plane, Point2
from ik_nn_ros.arm.workspace import BOTH_BRANCHES, Workspace
from ik_nn_ros.errors import ArmError

LIMIT_TOLERANCE_RAD = 1e-7
"""How far (rad) rounding may put a joint past a limit that it is then clipped to."""
RESIDUAL_KEY = 'residual'
"""Entry of an identity that only an arm with a residual has; see :meth:`Kinematics.identity`."""

Linearization = tuple[float, float, float, float, float, float]
"""The tip and its derivatives: x, y, dx/dq1, dx/dq2, dy/dq1, dy/dq2 (m, m/rad)."""
LinearizationBatch = tuple[Array, Array, Array, Array, Array, Array]
"""The same as six arrays (...)."""
KinematicsT = TypeVar('KinematicsT', bound='Kinematics')


class LinkPoses(NamedTuple):
    """
    Where the two links of an arm are at (...) joint positions.

    :param points: (..., 3, 2) base, elbow and tip, m
    :param angles: (..., 2) direction of each link in the plane, rad, continuous in the joints
    :param lengths: of the links, m
    """

    points: Array
    angles: Array
    lengths: JointPair


class Kinematics(ABC):
    """
    Kinematics and limits of a planar arm with two revolute joints.

    Implementations are frozen dataclasses that hold the values below. Methods with ``_point`` or
    :data:`JointPair` arguments take plain numbers, one position at a time, and are fast; the others
    take arrays (..., 2).

    :param name: the robot's name
    :param joint_names: of joint 1 and joint 2
    :param lower: joint limits, rad; -inf for a continuous joint
    :param upper: joint limits, rad; +inf for a continuous joint
    :param max_velocity: joint velocity limits, rad/s; inf where there is none
    :param plane: where the arm's plane lies in the base frame
    """

    name: str
    joint_names: tuple[str, str]
    lower: JointPair
    upper: JointPair
    max_velocity: JointPair
    plane: Plane

    branches: tuple[int, ...] = (1, -1)
    """The branches that the mechanism has; see :meth:`branch_of`."""
    closed_form_is_exact = False
    """Whether :meth:`closed_form` solves a target, or only starts Newton steps near it."""

    # Size and identity

    @property
    @abstractmethod
    def reach(self) -> float:
        """The longest distance of the tip of :attr:`rigid` from the first axis, m."""

    @property
    @abstractmethod
    def inner_reach(self) -> float:
        """The shortest distance of the tip of :attr:`rigid` from the first axis, m."""

    @property
    @abstractmethod
    def lever_arms(self) -> JointPair:
        """The longest distance of the tip of :attr:`rigid` from each joint's axis, m."""

    @property
    @abstractmethod
    def max_determinant(self) -> float:
        """
        The largest |det J| of :attr:`rigid`, m²/rad².

        det J over it is :meth:`elbow_sine`, but for the direction that joint 1 turns in.
        """

    @abstractmethod
    def identity(self) -> dict[str, list[float | None]]:
        """Return the values that distinguish arms (rad, m; None for no limit), fit for JSON."""

    @abstractmethod
    def describe(self) -> str:
        """Return the source of the kinematics, the joints' names and sizes, for the log."""

    # The mechanism without what its geometry cannot explain

    @property
    @abstractmethod
    def rigid(self) -> Kinematics:
        """
        The same arm without residual, with an exact workspace; itself for an ideal arm.

        Its forward kinematics lies within :attr:`residual_bound` of this arm's.
        """

    @property
    @abstractmethod
    def residual_bound(self) -> float:
        """Bound on the distance between this tip and that of :attr:`rigid`, m."""

    @abstractmethod
    def tip_residual(self, q: ArrayLike) -> Array:
        """
        Return this arm's tip less that of :attr:`rigid`.

        :param q: (..., 2) joint positions, rad
        :return: (..., 2), m
        """

    @abstractmethod
    def tip_sigma(self, q: ArrayLike) -> Array:
        """
        Return the standard uncertainty (1 sigma) of the modelled tip.

        It is the root mean square distance between the modelled tip and the real one.

        :param q: (..., 2) joint positions, rad
        :return: (...), m; 0 for an ideal model, NaN where it is not known
        """

    @abstractmethod
    def workspace(self, branch: int = BOTH_BRANCHES) -> Workspace:
        """
        Return what the tip of :attr:`rigid` reaches within the joint limits.

        :param branch: +1, -1 or :data:`~ik_nn_ros.arm.workspace.BOTH_BRANCHES`
        """

    @abstractmethod
    def without_limits(self: KinematicsT) -> KinematicsT:
        """Return the same arm with continuous joints."""

    # Forward kinematics

    @abstractmethod
    def fk_point(self, q1: float, q2: float) -> Point2:
        """Return the tip (x, y), m, at joint positions q1, q2, rad."""

    @abstractmethod
    def linearize_point(self, q1: float, q2: float) -> Linearization:
        """Return the tip and its derivatives: x, y, dx/dq1, dx/dq2, dy/dq1, dy/dq2 (m, m/rad)."""

    @abstractmethod
    def fk(self, q: ArrayLike) -> Array:
        """
        Return the tip at joint positions.

        :param q: (..., 2) joint positions, rad
        :return: (..., 2) tip in the plane, m
        """

    @abstractmethod
    def linearize(self, q: ArrayLike) -> LinearizationBatch:
        """
        Return the tip and its derivatives: x, y, dx/dq1, dx/dq2, dy/dq1, dy/dq2.

        :param q: (..., 2) joint positions, rad
        :return: six arrays (...), m and m/rad
        """

    def jacobian(self, q: ArrayLike) -> Array:
        """
        Return the derivative of :meth:`fk` by the joint positions.

        :param q: (..., 2) joint positions, rad
        :return: (..., 2, 2), row x and y, column q1 and q2, m/rad
        """
        _, _, dx1, dx2, dy1, dy2 = self.linearize(q)
        return np.stack((np.stack((dx1, dx2), axis=-1), np.stack((dy1, dy2), axis=-1)), axis=-2)

    def link_poses(self, q: ArrayLike) -> LinkPoses | None:
        """
        Return where the links are.

        :param q: (..., 2) joint positions, rad
        :return: None for a mechanism that does not consist of two rigid links
        """
        return None

    # Branches and singularities

    @abstractmethod
    def elbow_sine(self, q: JointPair) -> float:
        """
        Return the signed distance from the singular positions, -1 to 1.

        It is the sine of the elbow's angle about joint 2's own axis: positive on branch +1, 0 for a
        stretched or folded arm.
        """

    @abstractmethod
    def elbow_sine_batch(self, q: Array) -> Array:
        """Return :meth:`elbow_sine` (N,) at (N, 2) joint positions, rad."""

    def branch_of(self, q: JointPair) -> int:
        """Return the side the elbow is bent to, +1 or -1; +1 for a singular position."""
        return -1 if self.elbow_sine(q) < 0.0 else 1

    @abstractmethod
    def stretched(self, q1: float) -> JointPair:
        """Return the joint positions, rad, of :attr:`rigid` stretched out with joint 1 at q1."""

    # Closed form of the inverse kinematics

    def closed_form(self, x: float, y: float, branch: int, q_now: JointPair) -> JointPair | None:
        """
        Return joint positions on one branch for a target, turned near to ``q_now``, within limits.

        A target out of reach gives the arm stretched or folded towards it, one that the limits
        exclude gives a position at a limit: the caller checks where the tip is.

        :param x: target in the plane, m
        :param y: target in the plane, m
        :param branch: +1 or -1
        :param q_now: (q1, q2) where the joints are now, rad
        :return: (q1, q2), rad: the solution if :attr:`closed_form_is_exact`, else a position near
            it; None for an arm without closed form
        """
        return None

    def closed_form_batch(self, xy: Array, branch: NDArray[np.int8], q_now: Array) -> Array | None:
        """
        Return :meth:`closed_form` of many targets.

        :param xy: (N, 2) targets in the plane, m
        :param branch: (N,) +1 or -1
        :param q_now: (N, 2) or (2,) where the joints are now, rad
        :return: (N, 2) joint positions, rad; None for an arm without closed form
        """
        return None

    # Actuator coupling

    def joints_to_actuators(self, joints: JointPair) -> JointPair:
        """
        Return the actuators' positions (rad) or velocities (rad/s) at those of the joints.

        Here each joint has its own actuator. An arm whose actuators move several joints overrides
        this and :meth:`actuators_to_joints`: in a palletizer, where both actuators sit at the base
        and a parallelogram drives the forearm, the second one sets q1 + q2.
        """
        return joints

    def actuators_to_joints(self, actuators: JointPair) -> JointPair:
        """Return the joints' positions (rad) or velocities (rad/s) at those of the actuators."""
        return actuators

    # Joint limits

    def _require_limits(self) -> None:
        """
        Check the limits; implementations call it when they are made.

        :raises ArmError: an empty range, or a velocity limit that is not positive
        """
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
    def finite_limits(self) -> tuple[JointPair, JointPair]:
        """Lower and upper ends, rad, of a range of at most one turn for each joint."""
        ranges = zip(self.lower, self.upper, strict=True)
        lower = tuple(low if isfinite(low) else min(up, pi) - TWO_PI for low, up in ranges)
        upper = tuple(min(up, low + TWO_PI) for low, up in zip(lower, self.upper, strict=True))
        return (lower[0], lower[1]), (upper[0], upper[1])

    @property
    def home(self) -> JointPair:
        """The middle of each joint's range, rad; of a joint without one, the position nearest 0."""
        middle1, middle2 = (
            (low + up) / 2.0 if isfinite(low) and isfinite(up) else 0.0
            for low, up in zip(self.lower, self.upper, strict=True)
        )
        return self.clip((middle1, middle2))

    def clip(self, q: JointPair) -> JointPair:
        """Return ``q`` with each joint that is past a limit put at that limit."""
        (low1, low2), (up1, up2) = self.lower, self.upper
        return min(max(q[0], low1), up1), min(max(q[1], low2), up2)

    def within_limits(self, q: JointPair) -> bool:
        """Tell whether both joints lie inside their limits, ends included."""
        return self.lower[0] <= q[0] <= self.upper[0] and self.lower[1] <= q[1] <= self.upper[1]

    def unwrap_near(self, q: JointPair, reference: JointPair) -> JointPair:
        """
        Return positions with continuous joints on the turn nearest to a reference, rad.

        The encoder of a continuous joint may start on any turn; other joints stay as they are.
        """
        first, second = (
            value + TWO_PI * round((near - value) / TWO_PI) if isinf(limit) else value
            for value, near, limit in zip(q, reference, self.upper, strict=True)
        )
        return first, second

    def wrap_joint(
        self, joint: int, angle: float, reference: float, tolerance: float = LIMIT_TOLERANCE_RAD
    ) -> float:
        """
        Return an angle moved by whole turns into the limits, as near to a reference as possible.

        Where no turn lies inside the limits, return the limit that is the shorter way round; the
        caller checks where the tip is then.

        :param joint: 0 or 1
        :param angle: rad, on any turn
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
        """Return :meth:`wrap_joint` of both joints."""
        return (
            self.wrap_joint(0, q[0], reference[0], tolerance),
            self.wrap_joint(1, q[1], reference[1], tolerance),
        )

    def wrap_into_limits_batch(
        self, q: Array, reference: Array, tolerance: float = LIMIT_TOLERANCE_RAD
    ) -> Array:
        """
        Return :meth:`wrap_into_limits` of many positions.

        :param q: (N, 2) joint positions, rad
        :param reference: (N, 2) or (2,), rad
        :param tolerance: how far past a limit (rad) an angle still means the limit
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


NO_LIMITS: tuple[JointPair, JointPair] = ((-inf, -inf), (inf, inf))
"""Lower and upper limits, rad, of an arm with two continuous joints."""
