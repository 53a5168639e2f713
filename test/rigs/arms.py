"""Arms for tests: random ones from URDF text, and one known through the interface alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.arm.urdf import load_arm
from ik_nn_ros.arm.workspace import BOTH_BRANCHES


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


class OpaqueArm(Kinematics):
    """
    An arm that is known through the interface alone: no lengths, zero offsets or rigid links.

    Its closed form is a seed within ``seed_error`` (rad) of the solution; None: it has none.
    """

    closed_form_is_exact = False

    def __init__(self, model: ArmModel, seed_error: float | None) -> None:
        self._model, self._seed_error = model, seed_error
        for name in ('name', 'joint_names', 'lower', 'upper', 'max_velocity', 'plane'):
            setattr(self, name, getattr(model, name))

    @property
    def reach(self):
        return self._model.reach

    @property
    def inner_reach(self):
        return self._model.inner_reach

    @property
    def lever_arms(self):
        return self._model.lever_arms

    @property
    def max_determinant(self):
        return self._model.max_determinant

    @property
    def rigid(self):
        return self

    @property
    def residual_bound(self):
        return 0.0

    def identity(self):
        return self._model.identity()

    def describe(self):
        return 'opaque'

    def tip_residual(self, q):
        return np.zeros_like(q)

    def tip_sigma(self, q):
        return np.full(np.shape(q)[:-1], np.nan)

    def workspace(self, branch=BOTH_BRANCHES):
        return self._model.workspace(branch)

    def without_limits(self):
        return OpaqueArm(self._model.without_limits(), self._seed_error)

    def fk_point(self, q1, q2):
        return self._model.fk_point(q1, q2)

    def linearize_point(self, q1, q2):
        return self._model.linearize_point(q1, q2)

    def fk(self, q):
        return self._model.fk(q)

    def linearize(self, q):
        return self._model.linearize(q)

    def elbow_sine(self, q):
        return self._model.elbow_sine(q)

    def elbow_sine_batch(self, q):
        return self._model.elbow_sine_batch(q)

    def stretched(self, q1):
        return self._model.stretched(q1)

    def closed_form(self, x, y, branch, q_now):
        if self._seed_error is None:
            return None
        q1, q2 = self._model.closed_form(x, y, branch, q_now)
        return self.clip((q1 + self._seed_error, q2 + branch * self._seed_error))

    def closed_form_batch(self, xy, branch, q_now):
        if self._seed_error is None:
            return None
        q = self._model.closed_form_batch(xy, branch, q_now)
        error = self._seed_error * np.column_stack((np.ones(len(q)), branch))
        return np.clip(q + error, self.lower, self.upper)
