"""
Deviations of the simulated arm from its URDF.

An encoder sits at the motor; between it and the link are the error of its zero and a deflection.
With e the encoder positions, q the true joint positions and φ(e) = θ1 + θ2 the direction of the
forearm in the arm's plane (:mod:`ik_nn_ros.arm.model`)::

    q_i = e_i + offset_i + sag_i cos φ(e)

φ is a geometric angle, independent of zero pose and axis signs; for an arm without zero offsets and
negative signs, as the default one, it is e1 + e2. For the inverse, let s be the axis signs and
k = s1 sag1 + s2 sag2: the equation summed over the joints is then Kepler's equation
ψ = φ + k cos φ, where ψ is the forearm's direction at q - offset.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, sin

import numpy as np

from ik_nn_ros.arm.geometry import Array, JointPair
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.errors import ConfigError

DEVIATION_RANGES: dict[str, JointPair] = {
    'length_errors': (-0.2, 0.2),
    'joint_offsets': (-0.5, 0.5),
    'sag': (-0.2, 0.2),
    'encoder_noise': (0.0, 0.1),
    'tip_noise': (0.0, 0.1),
}
"""Range of each deviation, in the units of :class:`ArmDeviations`."""
NEWTON_STEP_COUNT = 6
"""Newton steps; for |k| <= 0.4, the largest that the range of sag allows, they are exact."""


@dataclass(frozen=True)
class ArmDeviations:
    """
    Deviations of an arm from its URDF, none by default.

    The law is that of :mod:`ik_nn_ros.sim.deviations`.

    :param length_errors: relative errors of the lengths of link 1 and link 2
    :param joint_offsets: true joint positions minus encoder positions, rad
    :param sag: deflections of joint 1 and joint 2 with the forearm along the plane's x axis, rad
    :param encoder_noise: standard deviation of each measured joint position, rad
    :param tip_noise: standard deviation of the measured tip along each axis, m
    :raises ConfigError: a value is outside its range, :data:`DEVIATION_RANGES`
    """

    length_errors: JointPair = (0.0, 0.0)
    joint_offsets: JointPair = (0.0, 0.0)
    sag: JointPair = (0.0, 0.0)
    encoder_noise: float = 0.0
    tip_noise: float = 0.0

    def __post_init__(self) -> None:
        for name, (low, up) in DEVIATION_RANGES.items():
            value = getattr(self, name)
            if not all(low <= number <= up for number in np.ravel(value)):
                raise ConfigError(f'as built: {name}', got=value, expected=f'{low} to {up}')


@dataclass(frozen=True)
class Transmission:
    """
    Conversion between encoder and joint positions of one arm.

    :param arm: the arm of the URDF
    :param deviations: deviations of the simulated arm
    """

    arm: ArmModel
    deviations: ArmDeviations

    def joint_positions(self, encoders: JointPair) -> JointPair:
        """Return the true joint positions, rad, at encoder positions, rad."""
        (offset1, offset2), (sag1, sag2) = self.deviations.joint_offsets, self.deviations.sag
        load = cos(self._forearm_angle(encoders))
        return encoders[0] + offset1 + sag1 * load, encoders[1] + offset2 + sag2 * load

    def encoder_positions(self, joints: JointPair) -> JointPair:
        """Return the encoder positions, rad, at true joint positions, rad."""
        (offset1, offset2), (sag1, sag2) = self.deviations.joint_offsets, self.deviations.sag
        e1, e2 = joints[0] - offset1, joints[1] - offset2  # still with sag
        k = self._signed_sag()
        phi = psi = self._forearm_angle((e1, e2))
        for _ in range(NEWTON_STEP_COUNT):
            phi -= (phi + k * cos(phi) - psi) / (1.0 - k * sin(phi))
        return e1 - sag1 * cos(phi), e2 - sag2 * cos(phi)

    def encoder_velocity(self, encoders: JointPair, velocity: Array) -> Array:
        """
        Return the velocities that the encoders measure.

        :param encoders: encoder positions, rad
        :param velocity: (2,) true joint velocities, rad/s
        :return: (2,) rad/s
        """
        sine = sin(self._forearm_angle(encoders))
        forearm_velocity = np.dot(self.arm.signs, velocity) / (1.0 - self._signed_sag() * sine)
        measured: Array = velocity + np.array(self.deviations.sag) * sine * forearm_velocity
        return measured

    def joint_limits(self) -> tuple[Array, Array]:
        """Return limits of the true joints, (2,) each, rad, that include all encoder positions."""
        offset, sag = np.array(self.deviations.joint_offsets), np.abs(self.deviations.sag)
        return self.arm.lower + offset - sag, self.arm.upper + offset + sag

    def _forearm_angle(self, encoders: JointPair) -> float:
        """Return φ, rad."""
        (s1, s2), (offset1, offset2) = self.arm.signs, self.arm.offsets
        return s1 * encoders[0] + offset1 + s2 * encoders[1] + offset2

    def _signed_sag(self) -> float:
        """Return k, rad."""
        (s1, s2), (sag1, sag2) = self.arm.signs, self.deviations.sag
        return s1 * sag1 + s2 * sag2
