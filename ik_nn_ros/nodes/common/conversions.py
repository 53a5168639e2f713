"""Conversions between ROS messages and plain numbers, without a node or state."""

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
    Read the positions of two joints, found by name in any order.

    :param message: any joints
    :param names: of the two joints
    :return: (q1, q2), rad
    :raises MessageError: a joint is missing, has no position or one that is not finite
    """
    message_names, position = message.name, message.position
    if len(position) != len(message_names):
        raise MessageError(
            'positions',
            got=f'{len(position)} for {len(message_names)} names',
            expected='one for each name',
        )
    try:
        first, second = (position[message_names.index(name)] for name in names)
    except ValueError:
        got = ', '.join(message_names) or 'none'
        raise MessageError('joints', got=got, expected=', '.join(names)) from None
    if not (isfinite(first) and isfinite(second)):
        raise MessageError(
            f'positions of {names[0]}, {names[1]}', got=f'{first}, {second} rad', expected='finite'
        )
    return first, second


def joint_velocities(message: JointState, names: Sequence[str]) -> JointPair | None:
    """
    Read the velocities of two joints, found by name.

    :param message: contains both joints
    :param names: of the two joints
    :return: rad/s; None if a velocity is missing or not finite
    """
    message_names, velocity = message.name, message.velocity
    if len(velocity) != len(message_names):
        return None
    first, second = (velocity[message_names.index(name)] for name in names)
    return (first, second) if isfinite(first) and isfinite(second) else None


def stamp_to_seconds(stamp: Time) -> float:
    """Return a stamp in seconds."""
    seconds: float = stamp.sec + 1e-9 * stamp.nanosec
    return seconds


def quaternion_from_matrix(rotation: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """
    Return the unit quaternion (x, y, z, w) of a (3, 3) rotation matrix.

    It is the eigenvector of the largest eigenvalue of a symmetric matrix (Bar-Itzhack 2000), which
    needs no cases. SciPy, which a node need not load, would do the same.
    """
    r = rotation
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
    """Return a vector rotated by a unit quaternion (x, y, z, w)."""
    x, y, z, w = quaternion
    a, b, c = vector
    # v + 2 w (u × v) + 2 u × (u × v), with u = (x, y, z)
    tx, ty, tz = 2 * (y * c - z * b), 2 * (z * a - x * c), 2 * (x * b - y * a)
    return (
        a + w * tx + y * tz - z * ty,
        b + w * ty + z * tx - x * tz,
        c + w * tz + x * ty - y * tx,
    )
