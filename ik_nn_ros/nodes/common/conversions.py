"""Between ROS messages and plain numbers; no node, no state."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

import numpy as np
from builtin_interfaces.msg import Time
from numpy.typing import NDArray
from sensor_msgs.msg import JointState

from ik_nn_ros.arm.geometry import JointPair
from ik_nn_ros.errors import IkNnError


class MessageError(IkNnError):
    """A message that cannot be used."""


def joint_positions(message: JointState, names: Sequence[str]) -> JointPair:
    """
    Return the positions (rad) of two joints, found by name in any order.

    :raises MessageError: a joint is missing, has no position or one that is not finite
    """
    have, position = message.name, message.position
    if len(position) != len(have):
        raise MessageError(
            'positions', got=f'{len(position)} for {len(have)} names', expected='one a name'
        )
    try:
        first, second = (position[have.index(name)] for name in names)
    except ValueError:
        got = ', '.join(have) or 'none'
        raise MessageError('joints', got=got, expected=', '.join(names)) from None
    if not (isfinite(first) and isfinite(second)):
        raise MessageError(
            f'positions of {names[0]}, {names[1]}', got=f'{first}, {second} rad', expected='finite'
        )
    return first, second


def joint_velocities(message: JointState, names: Sequence[str]) -> JointPair | None:
    """Return the velocities (rad/s) of two joints, found by name; None where not measured."""
    have, velocity = message.name, message.velocity
    if len(velocity) != len(have):
        return None
    first, second = (velocity[have.index(name)] for name in names)
    return (first, second) if isfinite(first) and isfinite(second) else None


def stamp_to_seconds(stamp: Time) -> float:
    """Return a stamp in seconds."""
    return stamp.sec + 1e-9 * stamp.nanosec


def quaternion_from_matrix(rotation: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Return the unit quaternion (x, y, z, w) of a (3, 3) rotation matrix."""
    r = rotation
    # It is the eigenvector of the largest eigenvalue (Bar-Itzhack 2000), for any rotation alike.
    symmetric = np.block(
        [[r + r.T - np.trace(r) * np.eye(3), np.zeros((3, 1))], [np.zeros((1, 4))]]
    )
    symmetric[3, :3] = r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]
    symmetric[3, 3] = np.trace(r)
    x, y, z, w = (float(value) for value in np.linalg.eigh(symmetric)[1][:, -1])
    return x, y, z, w


def rotate_vector(
    quaternion: Sequence[float], vector: Sequence[float]
) -> tuple[float, float, float]:
    """Return a vector turned by a unit quaternion (x, y, z, w)."""
    x, y, z, w = quaternion
    a, b, c = vector
    # v + 2 w (u × v) + 2 u × (u × v), with u = (x, y, z)
    tx, ty, tz = 2 * (y * c - z * b), 2 * (z * a - x * c), 2 * (x * b - y * a)
    return (
        a + w * tx + y * tz - z * ty,
        b + w * ty + z * tx - x * tz,
        c + w * tz + x * ty - y * tx,
    )
