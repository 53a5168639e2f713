"""Between ROS messages and plain numbers; no node, no state."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from builtin_interfaces.msg import Time
from sensor_msgs.msg import JointState

from ik_nn_ros.arm.model import Pair
from ik_nn_ros.errors import IkNnError


class MessageError(IkNnError):
    """A message that cannot be used."""


def joint_positions(message: JointState, names: Sequence[str]) -> Pair:
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


def joint_velocities(message: JointState, names: Sequence[str]) -> Pair | None:
    """Return the velocities (rad/s) of two joints, found by name; None where not measured."""
    have, velocity = message.name, message.velocity
    if len(velocity) != len(have):
        return None
    first, second = (velocity[have.index(name)] for name in names)
    return (first, second) if isfinite(first) and isfinite(second) else None


def seconds(stamp: Time) -> float:
    """Return a stamp in seconds."""
    return stamp.sec + 1e-9 * stamp.nanosec


def rotate(quaternion: Sequence[float], vector: Sequence[float]) -> tuple[float, float, float]:
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
