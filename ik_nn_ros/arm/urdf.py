"""
URDF reader for 2-DOF arms.

Only the joints between base and tip matter here, some forty lines of the standard's kinematics.
urdf_parser_py would replace missing limits by zeros, which must not pass for limits, and as
published on PyPI it does not run on Python 3.10 and later.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import atan2, hypot
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from ik_nn_ros.arm.geometry import Array, Plane
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.errors import ArmError

MAX_AXIS_SKEW_SINE = 1e-6
"""Sine of the largest angle between axes that count as parallel."""
MIN_LINK_LENGTH_M = 1e-6
"""Length below which a link counts as having none, m."""


@dataclass(frozen=True)
class _Joint:
    name: str
    joint_type: str
    parent: str
    child: str
    origin: Array  # (4, 4), child in parent at zero
    axis: Array  # (3,), unit, in the child's frame
    element: ElementTree.Element


def read_description(path: str | Path, mappings: dict[str, str] | None = None) -> str:
    """
    Return the URDF text of a .urdf or .xacro file.

    :param path: the file
    :param mappings: xacro arguments by name
    :raises ArmError: the file is missing, or xacro cannot process it
    """
    path = Path(path)
    if not path.is_file():
        raise ArmError(
            f'robot description {path}', got='no such file', expected='a .urdf or .xacro file'
        )
    if path.suffix != '.xacro':
        return path.read_text(encoding='utf-8')
    import xacro

    try:
        return str(xacro.process_file(str(path), mappings=mappings or {}).toxml())
    except (xacro.XacroException, ValueError, SyntaxError, OSError) as error:
        raise ArmError(
            f'robot description {path}', got=f'xacro error: {error}', expected='valid xacro'
        ) from error


def load_arm(urdf: str, base_link: str = 'base_link', tip_link: str = 'tip') -> ArmModel:
    """
    Return the arm with the two actuated joints between base and tip.

    :param urdf: the URDF as text
    :param base_link: the frame targets are given in
    :param tip_link: the frame whose origin is the tip
    :raises ArmError: there are no two revolute or continuous joints with parallel axes and links
    """
    robot = _parse_robot(urdf)
    pose = np.eye(4)
    # Joint, axis and a point on it in the base frame, at zero.
    moving: list[tuple[_Joint, Array, Array]] = []
    for joint in _joint_chain(robot, base_link, tip_link):
        pose = pose @ joint.origin
        if joint.joint_type != 'fixed':
            moving.append((joint, pose[:3, :3] @ joint.axis, pose[:3, 3].copy()))
    _require_two_revolute([joint for joint, _, _ in moving])
    (joint1, axis1, point1), (joint2, axis2, point2) = moving
    skew = float(np.linalg.norm(np.cross(axis1, axis2)))
    if skew > MAX_AXIS_SKEW_SINE:
        raise ArmError(
            f'axes of {joint1.name} and {joint2.name}',
            got=f'{np.degrees(np.arcsin(min(skew, 1.0))):.3g} degrees between them',
            expected='parallel axes',
        )

    plane = _plane_frame(base_link, axis1, point1, pose[:3, 3])
    elbow = np.array(plane.to_plane(*point2)[:2])
    forearm = np.array(plane.to_plane(*pose[:3, 3])[:2]) - elbow
    lengths = (
        _link_length(elbow, f'{joint1.name} to {joint2.name}'),
        _link_length(forearm, f'{joint2.name} to {tip_link}'),
    )
    theta1 = atan2(elbow[1], elbow[0])
    theta2 = atan2(forearm[1], forearm[0]) - theta1
    normal = plane.rotation[:, 2]
    limits = [_parse_joint_limits(joint) for joint in (joint1, joint2)]
    return ArmModel(
        name=robot.get('name', 'arm'),
        joint_names=(joint1.name, joint2.name),
        lengths=lengths,
        signs=(float(np.sign(axis1 @ normal)), float(np.sign(axis2 @ normal))),
        offsets=(theta1, float(atan2(np.sin(theta2), np.cos(theta2)))),
        lower=(limits[0][0], limits[1][0]),
        upper=(limits[0][1], limits[1][1]),
        max_velocity=(limits[0][2], limits[1][2]),
        plane=plane,
    )


def _parse_robot(urdf: str) -> ElementTree.Element:
    try:
        robot = ElementTree.fromstring(urdf)
    except ElementTree.ParseError as error:
        raise ArmError(
            'robot description', got=f'{urdf[:40]!r} ({error})', expected='URDF, well-formed XML'
        ) from error
    if robot.tag != 'robot':
        raise ArmError(
            'robot description', got=f'<{robot.tag}>', expected='<robot> as the root element'
        )
    return robot


def _link_length(link: Array, name: str) -> float:
    length = hypot(*link)
    if length < MIN_LINK_LENGTH_M:
        raise ArmError(
            f'link from {name}',
            got=f'{length:.3g} m across the axis',
            expected='a positive length',
        )
    return length


def _joint_chain(robot: ElementTree.Element, base_link: str, tip_link: str) -> list[_Joint]:
    links = [link.get('name', '') for link in robot.findall('link')]
    for link in (base_link, tip_link):
        if link not in links:
            raise ArmError(
                f'link {link!r}',
                got=f'links {", ".join(links) or "none"}',
                expected='it among them',
            )
    by_child: dict[str, ElementTree.Element] = {}
    for element in robot.findall('joint'):
        child = element.find('child')
        if child is not None:
            by_child[child.get('link', '')] = element
    chain: list[_Joint] = []
    link = tip_link
    while link != base_link:
        if link not in by_child:
            raise ArmError(
                f'chain from {base_link} to {tip_link}',
                got=f'no joint above {link}',
                expected='one up to the base',
            )
        chain.append(_parse_joint(by_child.pop(link)))  # popped, so that a loop ends
        link = chain[-1].parent
    return chain[::-1]


def _parse_joint(element: ElementTree.Element) -> _Joint:
    name, kind = element.get('name', '?'), element.get('type', '?')
    parent, child = element.find('parent'), element.find('child')
    if parent is None or child is None:
        raise ArmError(f'joint {name}', got='no parent or no child', expected='both')
    origin, axis = element.find('origin'), element.find('axis')
    pose = np.eye(4)
    if origin is not None:
        pose[:3, 3] = _parse_numbers(origin.get('xyz', '0 0 0'), f'origin xyz of joint {name}')
        pose[:3, :3] = _rotation_from_rpy(
            _parse_numbers(origin.get('rpy', '0 0 0'), f'origin rpy of joint {name}')
        )
    direction = _parse_numbers(
        '1 0 0' if axis is None else axis.get('xyz', '1 0 0'), f'axis of joint {name}'
    )
    norm = float(np.linalg.norm(direction))
    if kind != 'fixed' and norm < 1e-9:
        raise ArmError(f'axis of joint {name}', got=direction.tolist(), expected='a direction')
    return _Joint(
        name,
        kind,
        parent.get('link', ''),
        child.get('link', ''),
        pose,
        direction / max(norm, 1e-9),
        element,
    )


def _require_two_revolute(joints: list[_Joint]) -> None:
    for joint in joints:
        if joint.joint_type not in ('revolute', 'continuous'):
            raise ArmError(
                f'joint {joint.name}',
                got=f'type {joint.joint_type}',
                expected='revolute or continuous',
            )
        if joint.element.find('mimic') is not None:
            raise ArmError(
                f'joint {joint.name}', got='a mimic joint', expected='a joint moved on its own'
            )
    if len(joints) != 2:
        names = ', '.join(joint.name for joint in joints) or 'none'
        raise ArmError(
            'actuated joints between base and tip', got=f'{len(joints)} ({names})', expected='2'
        )


def _parse_joint_limits(joint: _Joint) -> tuple[float, float, float]:
    """Return lower and upper limit (rad) and velocity limit (rad/s)."""
    limit = joint.element.find('limit')
    values = {} if limit is None else limit.attrib
    velocity = float(
        _parse_numbers(
            values.get('velocity', 'inf'), f'velocity limit of joint {joint.name}', count=1
        )[0]
    )
    if joint.joint_type == 'continuous':
        return -np.inf, np.inf, velocity
    missing = [side for side in ('lower', 'upper') if side not in values]
    if missing:
        raise ArmError(
            f'limits of joint {joint.name}',
            got=f'no {" and no ".join(missing)}',
            expected='both on a revolute joint',
        )
    lower, upper = (
        float(_parse_numbers(values[side], f'{side} limit of joint {joint.name}', count=1)[0])
        for side in ('lower', 'upper')
    )
    return lower, upper, velocity


def _parse_numbers(text: str, subject: str, count: int = 3) -> Array:
    try:
        values = np.array([float(word) for word in text.split()])
    except ValueError:
        values = np.array([])
    if (
        len(values) != count
        or np.isnan(values).any()
        or (count > 1 and not np.isfinite(values).all())
    ):
        raise ArmError(
            subject, got=repr(text), expected=f'{count} finite number{"s" if count > 1 else ""}'
        )
    return values


def _rotation_from_rpy(rpy: Array) -> Array:
    """Return the rotation of fixed-axis roll, pitch, yaw: Rz(yaw) Ry(pitch) Rx(roll)."""
    (cr, cp, cy), (sr, sp, sy) = np.cos(rpy), np.sin(rpy)
    return np.array(
        [
            [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
            [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
            [-sp, cp * sr, cp * cr],
        ]
    )


def _plane_frame(base_frame: str, axis: Array, on_axis: Array, tip: Array) -> Plane:
    """
    Return the plane frame of an arm.

    Its normal is along the axis, towards the positive side of the base axis it is closest to. Its x
    axis is the projection of the next base axis in the order x, y, z, x: an arm that turns about z
    keeps the base frame's x and y, one about y gets (z, x), one about x gets (y, z).

    :param axis: (3,) direction of the joints' axes in the base frame
    :param on_axis: (3,) a point of the first axis, m
    :param tip: (3,) the tip at zero, m
    """
    main = int(np.argmax(np.abs(axis)))
    normal = axis * np.sign(axis[main])
    x_axis = np.eye(3)[(main + 1) % 3]
    x_axis = x_axis - normal * (x_axis @ normal)
    x_axis /= np.linalg.norm(x_axis)
    origin: Array = on_axis + normal * ((tip - on_axis) @ normal)
    return Plane(base_frame, origin, np.stack((x_axis, np.cross(normal, x_axis), normal), axis=-1))
