"""Random arms as URDF text, mounted any way, for tests against independent witnesses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.arm.urdf import load_arm


@dataclass(frozen=True)
class RandomArm:
    urdf: str
    model: ArmModel


def rotation_about(axis: np.ndarray, angle: float) -> np.ndarray:
    """Rodrigues' formula."""
    k = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k


def random_direction(rng: np.random.Generator) -> np.ndarray:
    direction = rng.normal(size=3)
    return direction / np.linalg.norm(direction)


def random_rotation(rng: np.random.Generator) -> np.ndarray:
    return rotation_about(random_direction(rng), rng.uniform(-np.pi, np.pi))


def rpy(rotation: np.ndarray) -> np.ndarray:
    """Roll, pitch, yaw of a rotation matrix, the inverse of URDF's convention."""
    return np.array(
        [
            np.arctan2(rotation[2, 1], rotation[2, 2]),
            np.arctan2(-rotation[2, 0], np.hypot(rotation[2, 1], rotation[2, 2])),
            np.arctan2(rotation[1, 0], rotation[0, 0]),
        ]
    )


def _words(values: np.ndarray) -> str:
    return ' '.join(repr(float(value)) for value in values)


def _joint(name, kind, parent, child, xyz, rotation, axis, limit='') -> str:
    return (
        f'<joint name="{name}" type="{kind}"><parent link="{parent}"/><child link="{child}"/>'
        f'<origin xyz="{_words(xyz)}" rpy="{_words(rpy(rotation))}"/>'
        f'<axis xyz="{_words(axis)}"/>{limit}</joint>'
    )


def _limit(rng: np.random.Generator) -> tuple[str, str]:
    speed = f'velocity="{rng.uniform(0.5, 5):.3f}" effort="20"'
    if rng.random() < 0.3:
        return 'continuous', f'<limit {speed}/>'
    low, up = rng.uniform(-5, 0), rng.uniform(0.2, 5)
    return 'revolute', f'<limit lower="{low!r}" upper="{up!r}" {speed}/>'


def random_arm(seed: int) -> RandomArm:
    """An arm with random mounting, frames, axis signs, offsets, limits, out-of-plane jogs."""
    rng = np.random.default_rng(seed)
    axis_in_base = random_direction(rng)
    mount, elbow, hand = (random_rotation(rng) for _ in range(3))
    # The axes are fixed in the base frame; each is expressed in its joint's own frame.
    axis1 = mount.T @ axis_in_base
    axis2 = (mount @ elbow).T @ axis_in_base * rng.choice([-1, 1])
    link = '<link name="{}"><inertial><mass value="0.5"/><inertia ixx="1e-2" iyy="1e-2" izz="1e-2" ixy="0" ixz="0" iyz="0"/></inertial></link>'  # noqa: E501
    kinds = [_limit(rng), _limit(rng)]
    urdf = '\n'.join(
        [
            '<?xml version="1.0"?><robot name="random">',
            *(link.format(name) for name in ('base_link', 'upper', 'lower', 'hand', 'tip')),
            _joint(
                'a',
                kinds[0][0],
                'base_link',
                'upper',
                rng.normal(size=3),
                mount,
                axis1,
                kinds[0][1],
            ),
            _joint(
                'b', kinds[1][0], 'upper', 'lower', rng.normal(size=3), elbow, axis2, kinds[1][1]
            ),
            _joint('c', 'fixed', 'lower', 'hand', rng.normal(size=3), hand, [1, 0, 0]),
            _joint(
                'd', 'fixed', 'hand', 'tip', rng.normal(size=3), random_rotation(rng), [1, 0, 0]
            ),
            '</robot>',
        ]
    )
    return RandomArm(urdf, load_arm(urdf, 'base_link', 'tip'))


def random_joints(arm: ArmModel, rng: np.random.Generator, count: int) -> np.ndarray:
    """(count, 2) joint angles inside the limits; continuous joints over one turn."""
    low = np.maximum(arm.lower, -np.pi)
    up = np.minimum(arm.upper, np.pi)
    return rng.uniform(low, up, size=(count, 2))
