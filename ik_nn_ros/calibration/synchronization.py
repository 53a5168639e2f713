"""
Synchronization of tip and joint positions, estimated from the samples themselves.

A tip pose belongs to the joint state it was published with, whatever its stamp says; or it was
measured at its own stamp; or, since cameras are slow, some time before it. All three are tried, and
the one with the smallest errors is chosen.
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
from ik_nn_ros.recordings.samples import MAX_INTERPOLATION_GAP_S, Samples

MAX_PROBE_SAMPLES = 4000
"""Evenly spaced samples on which choices are made; the final fit uses all samples."""
PROBE_RESIDUAL_RATIO = 1e-2
"""Size of the residual's terms while delays are tried, as a fraction of reach."""
MIN_DELAY_S = -0.05
"""Smallest delay of the tip that is tried, s."""
MAX_DELAY_S = 0.25
"""Largest delay of the tip that is tried, s."""
DELAY_STEP_S = 5e-3
"""Step between the delays that are tried, s."""
MAX_ITERATIONS = 20
DELAY_TOLERANCE_S = 1e-5
"""Change of the delay, s, at which its refinement has converged."""
MIN_DELAY_SIGMAS = 4.0
"""Smallest significant delay, in standard deviations."""
MIN_JOINT_SPEED_RAD_S = 0.05
"""Median speed, rad/s, of the faster joint below which a recording determines no delay."""


@dataclass(frozen=True)
class CalibrationData:
    """
    Samples in the coordinates of a fit.

    :param angles: (N, 2) a and b: joint positions times the arm's signs, rad
    :param velocities: (N, 2) velocities of these angles, rad/s
    :param tip: (N,) tips x + iy in the plane of the nominal arm, m
    :param plane_offset: (N,) signed distances of the tips from that plane, m
    """

    angles: Array
    velocities: Array
    tip: ComplexArray
    plane_offset: Array

    def select(self, indices: IndexArray | NDArray[np.bool_]) -> CalibrationData:
        """Return the samples at some indices."""
        return CalibrationData(
            self.angles[indices],
            self.velocities[indices],
            self.tip[indices],
            self.plane_offset[indices],
        )

    def subsampled(self) -> CalibrationData:
        """Return at most :data:`MAX_PROBE_SAMPLES` evenly spaced samples."""
        count = len(self.tip)
        if count <= MAX_PROBE_SAMPLES:
            return self
        return self.select(np.linspace(0, count - 1, MAX_PROBE_SAMPLES).astype(np.intp))


@dataclass(frozen=True)
class Synchronization:
    """
    How tips and joint positions were paired.

    :param pairing: :data:`NEAREST_MESSAGE_PAIRING` or :data:`INTERPOLATED_PAIRING`, as in the
        calibration file
    :param delay: time from the measurement of a tip to its stamp, s
    """

    pairing: str
    delay: float = 0.0


NEAREST_MESSAGE_PAIRING = 'nearest joint_states'
INTERPOLATED_PAIRING = 'joints at the stamp of the tip'


def nominal_tip(arm: ArmModel, data: CalibrationData) -> ComplexArray:
    """Return (N,) tips x + iy from the arm's forward kinematics, m."""
    x, y = arm.fk(data.angles * np.array(arm.signs)).T
    tip: ComplexArray = x + 1j * y
    return tip


def synchronize(arm: ArmModel, samples: Samples) -> tuple[CalibrationData, Synchronization]:
    """
    Return the samples with joint positions at the time of the tips, and how they were paired.

    :raises CalibrationError: the delay of the tips is out of range
    """
    joints = _JointInterpolator(arm, samples)
    nearest, interpolated = joints.at_nearest_message(), joints.at_delay(0.0)
    delay = 0.0
    if np.median(np.abs(interpolated.velocities), axis=0).max() > MIN_JOINT_SPEED_RAD_S:
        delay = _estimate_delay(arm, joints)
        interpolated = joints.at_delay(delay)
    if _fit_probe(arm, nearest).noise_std <= _fit_probe(arm, interpolated).noise_std:
        return nearest, Synchronization(NEAREST_MESSAGE_PAIRING)
    if delay >= MAX_DELAY_S - DELAY_STEP_S or delay <= MIN_DELAY_S + DELAY_STEP_S:
        raise CalibrationError(
            'samples',
            got=f'tips that fit best {delay:.2f} s before their stamps',
            expected='a smaller delay: do the clocks of tip_pose and joint_states agree?',
        )
    return interpolated, Synchronization(INTERPOLATED_PAIRING, delay)


class _JointInterpolator:
    """Interpolates joint positions at any time near a sample's, with the tips in the plane."""

    def __init__(self, arm: ArmModel, samples: Samples) -> None:
        self._samples = samples
        self._signs = np.array(arm.signs)
        x, y, self._plane_offset = ((samples.tip - arm.plane.origin) @ arm.plane.rotation).T
        self._tip = x + 1j * y

    def at_nearest_message(self) -> CalibrationData:
        """Return the samples with the joint positions of the nearest message."""
        return self._calibration_data(self._samples.q_nearest)

    def at_delay(self, delay: float) -> CalibrationData:
        """Return the samples with the joint positions ``delay`` (s) before the tips' stamps."""
        samples = self._samples
        q = samples.q - delay * samples.velocity
        if delay:
            for recording in np.unique(samples.recording_index):
                rows = np.flatnonzero(samples.recording_index == recording)
                inside, interpolated = self._interpolate(rows, delay)
                q[inside] = interpolated
        return self._calibration_data(q)

    def _interpolate(self, rows: IndexArray, delay: float) -> tuple[IndexArray, Array]:
        """
        Interpolate between the samples of one recording.

        :param rows: the samples of the recording
        :param delay: time before the stamps, s
        :return: (K,) those rows with close samples before and after, and (K, 2) joint positions
        """
        samples = self._samples
        stamp, first = np.unique(samples.stamp[rows], return_index=True)
        if len(stamp) < 2:
            return rows[:0], samples.q[rows[:0]]
        known = rows[first]
        spline = CubicHermiteSpline(stamp, samples.q[known], samples.velocity[known])
        time = samples.stamp[rows] - delay
        after = np.clip(np.searchsorted(stamp, time), 1, len(stamp) - 1)
        inside = (
            (stamp[after] - stamp[after - 1] < MAX_INTERPOLATION_GAP_S)
            & (time >= stamp[0])
            & (time <= stamp[-1])
        )
        return rows[inside], spline(time[inside])

    def _calibration_data(self, q: Array) -> CalibrationData:
        velocities = self._samples.velocity * self._signs
        return CalibrationData(q * self._signs, velocities, self._tip, self._plane_offset)


def _fit_probe(arm: ArmModel, data: CalibrationData) -> FourierFit:
    """Fit a series with a wide prior, to compare ways of pairing."""
    data = data.subsampled()
    prior = ResidualPrior(1, PROBE_RESIDUAL_RATIO * arm.reach)
    return fit_fourier_series(data.angles, data.tip, nominal_tip(arm, data), prior)


def _estimate_delay(arm: ArmModel, joints: _JointInterpolator) -> float:
    """Return the delay of the tips' stamps, s; 0 if it is not significant."""
    candidates = np.arange(MIN_DELAY_S, MAX_DELAY_S + DELAY_STEP_S / 2, DELAY_STEP_S)
    scales = [_fit_probe(arm, joints.at_delay(float(delay))).noise_std for delay in candidates]
    delay = float(candidates[int(np.argmin(scales))])
    std = np.inf
    for _ in range(MAX_ITERATIONS):
        data = joints.at_delay(delay).subsampled()
        lag, std = _estimate_lag(data, _fit_probe(arm, data))
        delay = float(
            np.clip(delay + np.clip(lag, -DELAY_STEP_S, DELAY_STEP_S), MIN_DELAY_S, MAX_DELAY_S)
        )
        if abs(lag) < DELAY_TOLERANCE_S:
            break
    return delay if abs(delay) > MIN_DELAY_SIGMAS * std else 0.0


def _estimate_lag(data: CalibrationData, series_fit: FourierFit) -> tuple[float, float]:
    """Return the lag of the tips behind a fit and its standard deviation, s (Gauss-Newton)."""
    step = 1e-6
    ahead, behind = (
        series_fit.tip(data.angles + sign * step * data.velocities) for sign in (1, -1)
    )
    velocity = (ahead - behind) / (2.0 * step)
    information = float((series_fit.weights * np.abs(velocity) ** 2).sum())
    if information <= 0.0:
        return 0.0, np.inf
    error = data.tip - series_fit.tip(data.angles)
    lag = -float((series_fit.weights * (velocity.conj() * error).real).sum()) / information
    return lag, series_fit.noise_std / information**0.5
