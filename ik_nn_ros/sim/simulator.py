"""
Simulated arm: rigid bodies in MuJoCo, moved by two position servos.

The bodies come from the same URDF as the :class:`ArmModel`. Gravity acts along -z of its root link
(REP 103), so the URDF determines the mounting. A link without inertia counts as a slender rod.
Other joints (a gripper, a moving base) stay fixed, and there are no collisions.

A servo behaves like a real one: its reference moves to the command within a profile velocity and a
profile acceleration, and its torque is ``kp (reference - q) - kv dq/dt``, limited to the joint's
effort. A loaded arm thus sags by torque / kp, and a moving one lags by 2 / ω.

The arm may deviate from its URDF, see :mod:`ik_nn_ros.sim.deviations`. All positions, velocities
and limits of this module are then those of the encoders; only the tip is the true one.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import copysign, isfinite, pi, sqrt

import mujoco
import numpy as np
from numpy.typing import ArrayLike

from ik_nn_ros.arm.geometry import Array, JointPair
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.arm.urdf import load_arm
from ik_nn_ros.errors import ArmError, ConfigError
from ik_nn_ros.sim.deviations import ArmDeviations, Transmission
from ik_nn_ros.sim.mujoco_model import build_spec, draw_links, effort_limits

TIME_STEP_S = 1e-3
"""Time step of physics and servos, s."""
ACCELERATION_EFFORT_FRACTION = 0.5
"""Fraction of the effort limit for the profile's acceleration; the rest carries the load."""


@dataclass(frozen=True)
class ServoConfig:
    """
    Configuration of the simulated servos.

    :param bandwidth: natural frequency of the position loops at the pose of largest inertia, Hz
    :raises ConfigError: the bandwidth is out of range
    """

    bandwidth: float = 10.0

    def __post_init__(self) -> None:
        if not 0.1 <= self.bandwidth <= 50.0:
            raise ConfigError(
                'servo bandwidth', got=f'{self.bandwidth} Hz', expected='0.1 to 50 Hz'
            )


@dataclass
class ServoProfile:
    """
    Reference of one servo, which follows the command within its limits.

    :param position: position of the reference, rad
    :param max_velocity: velocity limit, rad/s; may be inf
    :param max_acceleration: acceleration limit, rad/s²; may be inf
    :param velocity: velocity of the reference, rad/s
    """

    position: float
    max_velocity: float
    max_acceleration: float
    velocity: float = 0.0

    def advance(self, command: float, dt: float) -> float:
        """
        Move towards the command, such that the reference can stop there.

        :param command: commanded position, rad
        :param dt: time step, s
        :return: position of the reference after the step, rad
        """
        distance = command - self.position
        max_change = self.max_acceleration * dt
        # From the speed v, one more step and full braking end there: v dt + v² / 2a = distance.
        root = sqrt(dt * dt + 2.0 * abs(distance) / self.max_acceleration)
        target = copysign(min(self.max_velocity, 2.0 * abs(distance) / (dt + root)), distance)
        self.velocity += min(max(target - self.velocity, -max_change), max_change)
        self.position += self.velocity * dt
        return self.position


class Simulator:
    """
    Simulation of an arm and its servos.

    :param urdf: the URDF as text
    :param base_link: the frame in which the tip is given
    :param tip_link: the frame whose origin is the tip
    :param config: configuration of the servos
    :param q: (2,) initial joint positions, rad; by default :attr:`ArmModel.home`
    :param deviations: deviations of the arm from the URDF, by default none
    :raises ArmError: the URDF is not a usable 2-DOF arm, or the start is outside its limits
    """

    def __init__(
        self,
        urdf: str,
        base_link: str = 'base_link',
        tip_link: str = 'tip',
        config: ServoConfig | None = None,
        q: ArrayLike | None = None,
        deviations: ArmDeviations | None = None,
    ) -> None:
        self.arm = load_arm(urdf, base_link, tip_link)
        self.deviations = deviations or ArmDeviations()
        self._transmission = Transmission(self.arm, self.deviations)
        start = _joint_pair(self.arm.home if q is None else q, 'start position')
        if not self.arm.within_limits(start):
            raise ArmError('start position', got=f'{start} rad', expected=_format_limits(self.arm))
        spec = build_spec(urdf, tip_link, self._transmission)
        spec.option.timestep = TIME_STEP_S
        self._model = spec.compile()
        self._data = mujoco.MjData(self._model)
        self._base_id = self._model.body(base_link).id
        self._tip_id = self._model.body(tip_link).id
        acceleration = self._configure_servos(
            config or ServoConfig(), effort_limits(urdf, self.arm)
        )
        self._data.qpos[:] = self._data.ctrl[:] = self._transmission.joint_positions(start)
        mujoco.mj_forward(self._model, self._data)
        self._profiles = [
            ServoProfile(*values)
            for values in zip(start, self.arm.max_velocity, acceleration, strict=True)
        ]
        self._command = start
        self._pending_time = 0.0

    @property
    def joint_names(self) -> tuple[str, str]:
        """Names of joint 1 and joint 2."""
        return self.arm.joint_names

    @property
    def servo_gains(self) -> tuple[Array, Array]:
        """Stiffness (2,), N m/rad, and damping (2,), N m s/rad, of the servos."""
        model = self._model
        return model.actuator_gainprm[:, 0].copy(), -model.actuator_biasprm[:, 2]

    @property
    def q(self) -> Array:
        """(2,) joint positions that the encoders measure, rad."""
        q1, q2 = self._data.qpos
        return np.array(self._transmission.encoder_positions((float(q1), float(q2))))

    @property
    def velocity(self) -> Array:
        """(2,) joint velocities that the encoders measure, rad/s."""
        q1, q2 = self.q
        return self._transmission.encoder_velocity((q1, q2), self._data.qvel)

    @property
    def effort(self) -> Array:
        """(2,) torques of the servos, N m."""
        return self._data.qfrc_actuator.copy()  # type: ignore[no-any-return]

    @property
    def tip(self) -> Array:
        """(3,) true position of the tip in the base link's frame, m."""
        pose = self._data
        rotation = pose.xmat[self._base_id].reshape(3, 3)
        position: Array = rotation.T @ (pose.xpos[self._tip_id] - pose.xpos[self._base_id])
        return position

    @property
    def tip_quaternion(self) -> Array:
        """(4,) true orientation of the tip link in the base link's frame, as (x, y, z, w)."""
        inverse, relative = np.empty(4), np.empty(4)
        mujoco.mju_negQuat(inverse, self._data.xquat[self._base_id])
        mujoco.mju_mulQuat(relative, inverse, self._data.xquat[self._tip_id])
        return np.roll(relative, -1)

    def set_command(self, q: ArrayLike) -> None:
        """
        Set the commanded joint positions; the servos clip them to the joint limits.

        :param q: (2,) joint positions, rad
        :raises ConfigError: ``q`` is not two finite numbers
        """
        q1, q2 = _joint_pair(q, 'commanded position')
        low, up = self.arm.lower, self.arm.upper
        self._command = min(max(q1, low[0]), up[0]), min(max(q2, low[1]), up[1])

    def step(self, seconds: float) -> None:
        """Advance the simulation; a remaining fraction of a time step is added to the next call."""
        self._pending_time += seconds
        count = round(self._pending_time / TIME_STEP_S)
        self._pending_time -= count * TIME_STEP_S
        for _ in range(count):
            reference1, reference2 = (
                profile.advance(command, TIME_STEP_S)
                for profile, command in zip(self._profiles, self._command, strict=True)
            )
            self._data.ctrl[:] = self._transmission.joint_positions((reference1, reference2))
            mujoco.mj_step(self._model, self._data)
        # mj_step leaves the bodies' poses one step behind the joints.
        mujoco.mj_kinematics(self._model, self._data)

    def _configure_servos(self, config: ServoConfig, effort: JointPair) -> Array:
        """
        Set the servo gains from the arm's inertia.

        With Kp = ω² D, Kv = 2 ω D and a diagonal D that bounds the mass matrix M in every pose, all
        modes of M q'' + Kv q' + Kp q = 0 are at least critically damped.

        :param effort: effort limits of the joints, N m
        :return: (2,) profile accelerations, rad/s²
        """
        masses = self._mass_matrices()
        heaviest = masses[:, [0, 1], [0, 1]].max(axis=0)
        scale = np.sqrt(heaviest)
        coupling = np.linalg.eigvalsh(masses / np.outer(scale, scale)).max()
        inertia: Array = heaviest * coupling
        omega = 2.0 * pi * config.bandwidth
        kp = omega**2 * inertia
        kv = np.maximum(2.0 * omega * inertia - self._model.dof_damping, 0.0)
        self._model.actuator_gainprm[:, 0] = kp
        self._model.actuator_biasprm[:, 1] = -kp
        self._model.actuator_biasprm[:, 2] = -kv
        return ACCELERATION_EFFORT_FRACTION * np.array(effort) / inertia

    def _mass_matrices(self) -> Array:
        """Return (N, 2, 2) mass matrices over one turn of joint 2, on which they depend, kg m²."""
        masses = np.empty((64, 2, 2))
        for q2, mass in zip(np.linspace(-pi, pi, len(masses)), masses, strict=True):
            self._data.qpos[:] = 0.0, q2
            mujoco.mj_forward(self._model, self._data)
            for row, unit in zip(mass, np.eye(2), strict=True):
                mujoco.mj_mulM(self._model, self._data, row, unit)
        return masses


def to_mjcf(urdf: str, base_link: str = 'base_link', tip_link: str = 'tip') -> str:
    """
    Return the arm as MJCF, for programs that run MuJoCo themselves (mujoco_ros2_control).

    Bodies, limits and servos are those of :class:`Simulator` without its profile: a servo moves to
    its command as fast as it can. Each servo is named like its joint. Both links are drawn; they
    collide with nothing.

    :param urdf: the URDF as text
    :param base_link: the frame in which the tip is given
    :param tip_link: the frame whose origin is the tip
    :raises ArmError: the URDF is not a usable 2-DOF arm
    """
    simulator = Simulator(urdf, base_link, tip_link)
    spec = build_spec(urdf, tip_link, Transmission(simulator.arm, ArmDeviations()))
    spec.option.timestep = TIME_STEP_S
    for actuator, stiffness, damping in zip(spec.actuators, *simulator.servo_gains, strict=True):
        actuator.gainprm[0] = stiffness
        actuator.biasprm[1:3] = -stiffness, -damping
    spec.compiler.discardvisual = False
    draw_links(spec, simulator.arm, tip_link)
    spec.compile()
    return str(spec.to_xml())


def _joint_pair(q: ArrayLike, subject: str) -> JointPair:
    values = np.asarray(q, dtype=float)
    if values.shape != (2,) or not all(isfinite(value) for value in values):
        raise ConfigError(subject, got=values.tolist(), expected='two finite joint positions')
    return float(values[0]), float(values[1])


def _format_limits(arm: ArmModel) -> str:
    return ', '.join(
        f'{joint} in [{low:.4g}, {up:.4g}]'
        for joint, low, up in zip(arm.joint_names, arm.lower, arm.upper, strict=True)
    )
