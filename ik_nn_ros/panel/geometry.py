"""Where things are on the page: rays onto the plane, the arm as a line, where to look from."""

from __future__ import annotations

from collections.abc import Sequence
from math import cos, isfinite, sin, tan
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ik_nn_ros.arm.model import ArmModel, JointPair
from ik_nn_ros.arm.plane import Array, Plane
from ik_nn_ros.ik.hybrid import HybridSolver
from ik_nn_ros.ik.problem import SolverConfig

Points = NDArray[np.float32]
"""As the page takes them."""
FIELD = 0.2
"""Of the camera, rad: narrow, so that from above what is higher is hardly bigger."""
MARGIN = 1.12
"""How much more than the arm's reach is to be seen."""
UPRIGHT = 0.7
"""Width by height below which the page has its controls at the bottom: that of a phone."""
RAISED = 0.22
"""There: by how much of the height the arm is shown above the middle."""
SLANT = 0.9
"""From the plane's normal to where the oblique view comes from, rad."""


class Place(NamedTuple):
    """Where a camera stands, what it looks at and which way is up, in the base frame, m."""

    position: Array
    look_at: Array
    up: Array


def on_plane(plane: Plane, origin: ArrayLike, through: ArrayLike) -> JointPair | None:
    """
    Return where a ray meets a plane, (x, y) in it, m; None if it goes past.

    :param origin: where the ray begins, in the base frame, m
    :param through: a second point of it, m
    """
    x0, y0, height = plane.to_plane(*np.asarray(origin, dtype=float).tolist())
    x1, y1, lower = plane.to_plane(*np.asarray(through, dtype=float).tolist())
    fall = height - lower
    if fall == 0.0 or (part := height / fall) <= 0.0:
        return None
    x, y = x0 + part * (x1 - x0), y0 + part * (y1 - y0)
    return (x, y) if isfinite(x) and isfinite(y) else None


def links(arm: ArmModel, q: JointPair) -> Array:
    """Return (3, 2) base, elbow and tip, m, at joints (rad)."""
    theta1 = arm.signs[0] * q[0] + arm.offsets[0]
    elbow = (arm.lengths[0] * cos(theta1), arm.lengths[0] * sin(theta1))
    return np.array([(0.0, 0.0), elbow, arm.fk_point(*q)])


def other_branch(arm: ArmModel, q: JointPair) -> Array:
    """Return base, elbow and tip, m, with the elbow on the other side; none if it cannot be."""
    branch = 'negative' if arm.branch_of(q) > 0 else 'positive'
    other = HybridSolver(arm, None, SolverConfig(branch)).solve(*arm.fk_point(*q), q).q
    return links(arm, other) if other is not None else np.empty((0, 2))


def top_view(arm: ArmModel, aspect: float) -> Place:
    """
    Return from where all that the arm reaches is seen straight from above.

    :param aspect: width of the picture by its height
    """
    half_height = MARGIN * arm.reach / min(1.0, aspect)
    _, y, normal = arm.plane.rotation.T
    middle = arm.plane.origin - (2.0 * RAISED * half_height * y if aspect < UPRIGHT else 0.0)
    return Place(middle + half_height / tan(FIELD / 2.0) * normal, middle, y)


def side_view(arm: ArmModel) -> Place:
    """Return from where all that the arm reaches is seen obliquely, the plane being level."""
    _, y, normal = arm.plane.rotation.T
    distance = MARGIN * arm.reach / tan(FIELD / 2.0)
    toward = cos(SLANT) * normal - sin(SLANT) * y
    return Place(arm.plane.origin + distance * toward, arm.plane.origin, normal)


def lifted(points: Array, z: float = 0.0) -> Points:
    """Return (..., 2) points of the plane as (..., 3) of the page, m."""
    high = np.full((*points.shape[:-1], 1), z)
    return np.concatenate((points, high), axis=-1).astype(np.float32)


def segments(points: Sequence[JointPair] | Array) -> Points:
    """Return the (N - 1, 2, 3) lines through (N, 2) points of the plane, m."""
    places = lifted(np.asarray(points, dtype=float).reshape(-1, 2))
    return np.stack((places[:-1], places[1:]), axis=1)
