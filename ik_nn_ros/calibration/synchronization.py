"""
Which joints a recorded tip belongs to, as the samples themselves tell.

A tip pose is published with the joints it was made from, whatever its stamp says; or it was
measured at its own stamp; or, as cameras are slow, some time before it. Each is tried; what leaves
the smallest errors is taken.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicHermiteSpline

from ik_nn_ros.arm.geometry import Array
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.calibration.regression import (
    ComplexArray,
    FourierFit,
    IndexArray,
    ResidualPrior,
    fit_fourier_series,
)
from ik_nn_ros.errors import CalibrationError
from ik_nn_ros.recordings.samples import Samples

MAX_PROBE_SAMPLES = 4000
"""Samples that a choice is made on, evenly picked; the fit uses all."""
PROBE_RESIDUAL_RATIO = 1e-2
"""Of the residual's terms while delays are tried, as a fraction of reach."""
MAX_DELAY_S, MIN_DELAY_S, DELAY_STEP_S = 0.25, -0.05, 5e-3
"""Delays of the tip that are tried, s, and how far apart."""
MAX_ITERATIONS = 20
DELAY_TOLERANCE_S = 1e-5
"""Change of the delay, s, at which it has been found."""
MIN_DELAY_SIGMAS = 4.0
"""Standard deviations that a delay must be off zero."""
MIN_JOINT_SPEED_RAD_S = 0.05
"""A recording whose faster joint's median velocity is below this (rad/s) tells no delay."""
MAX_INTERPOLATION_GAP_S = 0.25
"""Samples further apart (s) are not interpolated between."""


@dataclass(frozen=True)
class CalibrationData:
    """
    Samples as a fit needs them.

    :param angles: (N, 2) a and b: joint angles times the arm's signs, rad
    :param velocities: (N, 2) their velocities, rad/s
    :param tip: (N,) x + iy in the plane of the nominal arm, m
    :param plane_offset: (N,) distance of the tip from that plane, m
    """

    angles: Array
    velocities: Array
    tip: ComplexArray
    plane_offset: Array

    def select(self, indices: IndexArray | NDArray[np.bool_]) -> CalibrationData:
        """Return some of them."""
        return CalibrationData(
            self.angles[indices],
            self.velocities[indices],
            self.tip[indices],
            self.plane_offset[indices],
        )

    def subsampled(self) -> CalibrationData:
        """Return at most :data:`MAX_PROBE_SAMPLES` of them."""
        count = len(self.tip)
        if count <= MAX_PROBE_SAMPLES:
            return self
        return self.select(np.linspace(0, count - 1, MAX_PROBE_SAMPLES).astype(np.intp))


@dataclass(frozen=True)
class Synchronization:
    """
    How tips and joints were put together.

    :param pairing: in words
    :param delay: of the tip's stamp after the measurement, s
    """

    pairing: str
    delay: float = 0.0


NEAREST_MESSAGE = Synchronization('nearest joint_states')
INTERPOLATED_PAIRING = 'joints at the stamp of the tip'


def nominal_tip(arm: ArmModel, data: CalibrationData) -> ComplexArray:
    """Return (N,) tips x + iy, m, by the arm's forward kinematics."""
    x, y = arm.fk(data.angles * np.array(arm.signs)).T
    tip: ComplexArray = x + 1j * y
    return tip


def synchronize(arm: ArmModel, samples: Samples) -> tuple[CalibrationData, Synchronization]:
    """
    Return the samples, and how they were put together.

    :raises CalibrationError: the tip is later than can be made up for
    """
    joints = _JointInterpolator(arm, samples)
    own, stamped = joints.at_nearest_message(), joints.at_delay(0.0)
    delay = 0.0
    if np.median(np.abs(stamped.velocities), axis=0).max() > MIN_JOINT_SPEED_RAD_S:
        delay = _estimate_delay(arm, joints)
        stamped = joints.at_delay(delay)
    if _fit_probe(arm, own).noise_std <= _fit_probe(arm, stamped).noise_std:
        return own, NEAREST_MESSAGE
    if delay >= MAX_DELAY_S - DELAY_STEP_S or delay <= MIN_DELAY_S + DELAY_STEP_S:
        raise CalibrationError(
            'samples',
            got=f'tips that fit best {delay:.2f} s before their stamps',
            expected='less: do the clocks of tip_pose and joint_states agree?',
        )
    return stamped, Synchronization(INTERPOLATED_PAIRING, delay)


class _JointInterpolator:
    """Joint positions at any time near a sample's, and the tips in the arm's plane."""

    def __init__(self, arm: ArmModel, samples: Samples) -> None:
        self._samples = samples
        self._signs = np.array(arm.signs)
        x, y, self._height = ((samples.tip - arm.plane.origin) @ arm.plane.rotation).T
        self._tip = x + 1j * y

    def at_nearest_message(self) -> CalibrationData:
        """Return the joints in the nearest message."""
        return self._calibration_data(self._samples.q_nearest)

    def at_delay(self, delay: float) -> CalibrationData:
        """Return the joints ``delay`` (s) before the stamps of the tips."""
        samples = self._samples
        q = samples.q - delay * samples.velocity
        if delay:
            for source in np.unique(samples.recording_index):
                self._interpolate(q, np.flatnonzero(samples.recording_index == source), delay)
        return self._calibration_data(q)

    def _interpolate(self, q: Array, rows: IndexArray, delay: float) -> None:
        """Put interpolated positions into the rows of ``q`` that have neighbours."""
        samples = self._samples
        stamp, first = np.unique(samples.stamp[rows], return_index=True)
        if len(stamp) < 2:
            return
        known = rows[first]
        curve = CubicHermiteSpline(stamp, samples.q[known], samples.velocity[known])
        time = samples.stamp[rows] - delay
        after = np.clip(np.searchsorted(stamp, time), 1, len(stamp) - 1)
        inside = (
            (stamp[after] - stamp[after - 1] < MAX_INTERPOLATION_GAP_S)
            & (time >= stamp[0])
            & (time <= stamp[-1])
        )
        q[rows[inside]] = curve(time[inside])

    def _calibration_data(self, q: Array) -> CalibrationData:
        rates = self._samples.velocity * self._signs
        return CalibrationData(q * self._signs, rates, self._tip, self._height)


def _fit_probe(arm: ArmModel, data: CalibrationData) -> FourierFit:
    data = data.subsampled()
    prior = ResidualPrior(1, PROBE_RESIDUAL_RATIO * arm.reach)
    return fit_fourier_series(data.angles, data.tip, nominal_tip(arm, data), prior)


def _estimate_delay(arm: ArmModel, joints: _JointInterpolator) -> float:
    """Return how long (s) before their stamps the tips were measured; 0 where none is told."""
    tried = np.arange(MIN_DELAY_S, MAX_DELAY_S + DELAY_STEP_S / 2, DELAY_STEP_S)
    scales = [_fit_probe(arm, joints.at_delay(float(delay))).noise_std for delay in tried]
    delay = float(tried[int(np.argmin(scales))])
    deviation = np.inf
    for _ in range(MAX_ITERATIONS):
        data = joints.at_delay(delay).subsampled()
        more, deviation = _estimate_lag(data, _fit_probe(arm, data))
        delay = float(
            np.clip(delay + np.clip(more, -DELAY_STEP_S, DELAY_STEP_S), MIN_DELAY_S, MAX_DELAY_S)
        )
        if abs(more) < DELAY_TOLERANCE_S:
            break
    return delay if abs(delay) > MIN_DELAY_SIGMAS * deviation else 0.0


def _estimate_lag(data: CalibrationData, series_fit: FourierFit) -> tuple[float, float]:
    """Return by how much the tip lags behind a fit, s, and the standard deviation of that."""
    step = 1e-6
    ahead, behind = (
        series_fit.tip(data.angles + sign * step * data.velocities) for sign in (1, -1)
    )
    speed = (ahead - behind) / (2.0 * step)
    information = float((series_fit.weights * np.abs(speed) ** 2).sum())
    if information <= 0.0:
        return 0.0, np.inf
    off = data.tip - series_fit.tip(data.angles)
    lag = -float((series_fit.weights * (speed.conj() * off).real).sum()) / information
    return lag, series_fit.noise_std / information**0.5
