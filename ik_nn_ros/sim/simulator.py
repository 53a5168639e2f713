"""
A simulated arm: rigid bodies in MuJoCo, moved by two position servos.

The bodies come from the same URDF as the :class:`ArmModel`; gravity pulls along -z of its root link
(REP 103), so the mounting is what the URDF says. A link without inertia counts as a slender rod.
Joints beside the arm (a gripper, a moving base) stand still, and nothing collides.

A servo does what a real one does: its reference moves to the command within a profile velocity
and a profile acceleration, and its force is ``kp (reference - q) - kv dq/dt``, cut at the effort
limit. So a loaded arm sags by torque / kp, and a moving one lags by 2 / ω.

The arm may differ from its URDF as :mod:`ik_nn_ros.sim.deviations` says. Then all positions here,
limits and velocities are those of the encoders; only the tip shows the truth.
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
from ik_nn_ros.sim.mujoco_model import build_spec, effort_limits

TIME_STEP_S = 1e-3
"""Of the physics and of the servos, s."""
ACCELERATION_EFFORT_FRACTION = 0.5
"""The part of the effort limit the profile spends on acceleration; the rest carries the load."""


@dataclass(frozen=True)
class ServoConfig:
    """
    The servos of the simulated arm.

    :param bandwidth: natural frequency of the position loops at the arm's heaviest pose, Hz
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
    The reference of one servo, on its way to the command.

    :param position: where the reference is, rad
    :param max_velocity: rad/s; inf for none
    :param max_acceleration: rad/s²; inf for none
    :param velocity: of the reference, rad/s
    """

    position: float
    max_velocity: float
    max_acceleration: float
    velocity: float = 0.0

    def advance(self, command: float, dt: float) -> float:
        """Move towards the command for ``dt`` (s), able to stop there; return the position."""
        way = command - self.position
        gain = self.max_acceleration * dt
        # From this speed v, one more step and then the brakes end there: v dt + v² / 2a = way.
        root = sqrt(dt * dt + 2.0 * abs(way) / self.max_acceleration)
        wanted = copysign(min(self.max_velocity, 2.0 * abs(way) / (dt + root)), way)
        self.velocity += min(max(wanted - self.velocity, -gain), gain)
        self.position += self.velocity * dt
        return self.position


class Simulator:
    """
    The arm as it moves under its servos.

    :param urdf: the URDF as text
    :param base_link: the frame the tip is given in
    :param tip_link: the frame whose origin is the tip
    :param config: the servos
    :param q: (2,) where the joints start, rad; None: :attr:`ArmModel.home`
    :param deviations: how the arm differs from the URDF; None: not at all
    :raises ArmError: not a usable 2-DOF arm, or a start outside its limits
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
        """The names of joint 1 and joint 2."""
        return self.arm.joint_names

    @property
    def servo_gains(self) -> tuple[Array, Array]:
        """Stiffness (2,), N m/rad, and damping (2,), N m s/rad, of the servos."""
        model = self._model
        return model.actuator_gainprm[:, 0].copy(), -model.actuator_biasprm[:, 2]

    @property
    def q(self) -> Array:
        """(2,) joint positions by the encoders, rad."""
        q1, q2 = self._data.qpos
        return np.array(self._transmission.encoder_positions((float(q1), float(q2))))

    @property
    def velocity(self) -> Array:
        """(2,) joint velocities by the encoders, rad/s."""
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
        Give the servos a new goal; they clip it to the joint limits.

        :param q: (2,) joint positions, rad
        :raises ConfigError: not two finite numbers
        """
        q1, q2 = _joint_pair(q, 'commanded position')
        low, up = self.arm.lower, self.arm.upper
        self._command = min(max(q1, low[0]), up[0]), min(max(q2, low[1]), up[1])

    def step(self, seconds: float) -> None:
        """Let the time pass; what is left of a physics step is owed to the next call."""
        self._pending_time += seconds
        count = round(self._pending_time / TIME_STEP_S)
        self._pending_time -= count * TIME_STEP_S
        for _ in range(count):
            reference1, reference2 = (
                profile.advance(goal, TIME_STEP_S)
                for profile, goal in zip(self._profiles, self._command, strict=True)
            )
            self._data.ctrl[:] = self._transmission.joint_positions((reference1, reference2))
            mujoco.mj_step(self._model, self._data)
        # mj_step leaves the poses of the bodies one step behind the joints.
        mujoco.mj_kinematics(self._model, self._data)

    def _configure_servos(self, config: ServoConfig, effort: JointPair) -> Array:
        """
        Choose the gains from the arm's inertia; return the profile accelerations, rad/s².

        With Kp = ω² D, Kv = 2 ω D and D at least as large as the mass matrix M in every pose, no
        mode of M q'' + Kv q' + Kp q = 0 is less than critically damped.
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
        """(N, 2, 2) mass matrices, kg m², over one turn of joint 2, which alone changes them."""
        masses = np.empty((64, 2, 2))
        for q2, mass in zip(np.linspace(-pi, pi, len(masses)), masses, strict=True):
            self._data.qpos[:] = 0.0, q2
            mujoco.mj_forward(self._model, self._data)
            for row, unit in zip(mass, np.eye(2), strict=True):
                mujoco.mj_mulM(self._model, self._data, row, unit)
        return masses


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


# MERGED arm.mjcf: The simulated arm as MJCF, for programs that run MuJoCo themselves (mujoco_ros2_control).

LINK_WIDTH_RATIO = 0.08
"""Of the drawn links, as a part of their length."""


def to_mjcf(urdf: str, base_link: str = 'base_link', tip_link: str = 'tip') -> str:
    """
    Return the arm of a URDF with a position servo for each joint, named like it.

    Bodies, limits and servos are those of :class:`Simulator`, but for its profile: a servo goes to
    its command as fast as it can. Both links are drawn; they collide with nothing.

    :param urdf: the URDF as text
    :param base_link: frame the arm stands in
    :param tip_link: frame whose origin is the tip
    :raises ArmError: not a usable 2-DOF arm
    """
    simulator = Simulator(urdf, base_link, tip_link)
    spec = build_spec(urdf, tip_link, Transmission(simulator.arm, ArmDeviations()))
    spec.option.timestep = TIME_STEP_S
    for actuator, stiffness, damping in zip(spec.actuators, *simulator.servo_gains, strict=True):
        actuator.gainprm[0] = stiffness
        actuator.biasprm[1:3] = -stiffness, -damping
    spec.compiler.discardvisual = False
    _draw_links(spec, simulator.arm, tip_link)
    spec.compile()
    return str(spec.to_xml())


def _draw_links(spec: mujoco.MjSpec, arm: ArmModel, tip_link: str) -> None:
    model = spec.compile()
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    upper, lower = (int(model.joint(name).bodyid[0]) for name in arm.joint_names)
    tip = int(model.body(tip_link).id)
    for body, end, length in ((upper, lower, arm.lengths[0]), (lower, tip, arm.lengths[1])):
        along = data.xmat[body].reshape(3, 3).T @ (data.xpos[end] - data.xpos[body])
        spec.body(model.body(body).name).add_geom(
            type=mujoco.mjtGeom.mjGEOM_CAPSULE,
            fromto=np.concatenate((np.zeros(3), along)),
            size=[LINK_WIDTH_RATIO * length / 2.0, 0.0, 0.0],
            mass=0.0,
            contype=0,
            conaffinity=0,
        )
