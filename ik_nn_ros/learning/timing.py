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

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.arm.plane import Array
from ik_nn_ros.errors import CalibrationError
from ik_nn_ros.learning.tip_series import Complex, Prior, Rows, SeriesFit, fit
from ik_nn_ros.recordings.samples import Samples

MOST_FOR_CHOICE = 4000
"""Samples that a choice is made on, evenly picked; the fit uses all."""
PROBE_SIZE = 1e-2
"""Of the residual's terms while delays are tried, as a fraction of reach."""
LATEST, EARLIEST, STEP = 0.25, -0.05, 5e-3
"""Delays of the tip that are tried, s, and how far apart."""
ROUNDS = 20
CLOSE = 1e-5
"""Change of the delay, s, at which it has been found."""
SIGNIFICANT = 4.0
"""Standard deviations that a delay must be off zero."""
MOVING = 0.05
"""A recording whose faster joint's median velocity is below this (rad/s) tells no delay."""
GAP = 0.25
"""Samples further apart (s) are not interpolated between."""


@dataclass(frozen=True)
class Data:
    """
    Samples as a fit needs them.

    :param angles: (N, 2) a and b: joint angles times the arm's signs, rad
    :param rates: (N, 2) their velocities, rad/s
    :param tip: (N,) x + iy in the plane of the nominal arm, m
    :param height: (N,) distance of the tip from that plane, m
    """

    angles: Array
    rates: Array
    tip: Complex
    height: Array

    def rows(self, rows: Rows | NDArray[np.bool_]) -> Data:
        """Return some of them."""
        return Data(self.angles[rows], self.rates[rows], self.tip[rows], self.height[rows])

    def thinned(self) -> Data:
        """Return at most :data:`MOST_FOR_CHOICE` of them."""
        count = len(self.tip)
        if count <= MOST_FOR_CHOICE:
            return self
        return self.rows(np.linspace(0, count - 1, MOST_FOR_CHOICE).astype(np.intp))


@dataclass(frozen=True)
class Timing:
    """
    How tips and joints were put together.

    :param pairing: in words
    :param delay: of the tip's stamp after the measurement, s
    """

    pairing: str
    delay: float = 0.0


NEAREST = Timing('nearest joint_states')
STAMPED = 'joints at the stamp of the tip'


def nominal(arm: ArmModel, data: Data) -> Complex:
    """Return (N,) tips x + iy, m, by the arm's forward kinematics."""
    x, y = arm.fk(data.angles * np.array(arm.signs)).T
    tip: Complex = x + 1j * y
    return tip


def align(arm: ArmModel, samples: Samples) -> tuple[Data, Timing]:
    """
    Return the samples, and how they were put together.

    :raises CalibrationError: the tip is later than can be made up for
    """
    joints = _Joints(arm, samples)
    own, stamped = joints.nearest(), joints.before(0.0)
    delay = 0.0
    if np.median(np.abs(stamped.rates), axis=0).max() > MOVING:
        delay = _find_delay(arm, joints)
        stamped = joints.before(delay)
    if _probe(arm, own).scale <= _probe(arm, stamped).scale:
        return own, NEAREST
    if delay >= LATEST - STEP or delay <= EARLIEST + STEP:
        raise CalibrationError(
            'samples',
            got=f'tips that fit best {delay:.2f} s before their stamps',
            expected='less: do the clocks of tip_pose and joint_states agree?',
        )
    return stamped, Timing(STAMPED, delay)


class _Joints:
    """Joint positions at any time near a sample's, and the tips in the arm's plane."""

    def __init__(self, arm: ArmModel, samples: Samples) -> None:
        self._samples = samples
        self._signs = np.array(arm.signs)
        x, y, self._height = ((samples.tip - arm.plane.origin) @ arm.plane.rotation).T
        self._tip = x + 1j * y

    def nearest(self) -> Data:
        """Return the joints in the nearest message."""
        return self._data(self._samples.q_nearest)

    def before(self, delay: float) -> Data:
        """Return the joints ``delay`` (s) before the stamps of the tips."""
        samples = self._samples
        q = samples.q - delay * samples.velocity
        if delay:
            for source in np.unique(samples.sources):
                self._interpolate(q, np.flatnonzero(samples.sources == source), delay)
        return self._data(q)

    def _interpolate(self, q: Array, rows: Rows, delay: float) -> None:
        """Put interpolated positions into the rows of ``q`` that have neighbours."""
        samples = self._samples
        stamp, first = np.unique(samples.stamp[rows], return_index=True)
        if len(stamp) < 2:
            return
        known = rows[first]
        curve = CubicHermiteSpline(stamp, samples.q[known], samples.velocity[known])
        time = samples.stamp[rows] - delay
        after = np.clip(np.searchsorted(stamp, time), 1, len(stamp) - 1)
        inside = (stamp[after] - stamp[after - 1] < GAP) & (time >= stamp[0]) & (time <= stamp[-1])
        q[rows[inside]] = curve(time[inside])

    def _data(self, q: Array) -> Data:
        rates = self._samples.velocity * self._signs
        return Data(q * self._signs, rates, self._tip, self._height)


def _probe(arm: ArmModel, data: Data) -> SeriesFit:
    data = data.thinned()
    prior = Prior(1, PROBE_SIZE * arm.reach)
    return fit(data.angles, data.tip, nominal(arm, data), prior)


def _find_delay(arm: ArmModel, joints: _Joints) -> float:
    """Return how long (s) before their stamps the tips were measured; 0 where none is told."""
    tried = np.arange(EARLIEST, LATEST + STEP / 2, STEP)
    scales = [_probe(arm, joints.before(float(delay))).scale for delay in tried]
    delay = float(tried[int(np.argmin(scales))])
    deviation = np.inf
    for _ in range(ROUNDS):
        data = joints.before(delay).thinned()
        more, deviation = _lag(data, _probe(arm, data))
        delay = float(np.clip(delay + np.clip(more, -STEP, STEP), EARLIEST, LATEST))
        if abs(more) < CLOSE:
            break
    return delay if abs(delay) > SIGNIFICANT * deviation else 0.0


def _lag(data: Data, found: SeriesFit) -> tuple[float, float]:
    """Return by how much the tip lags behind a fit, s, and the standard deviation of that."""
    step = 1e-6
    ahead, behind = (found.tip(data.angles + sign * step * data.rates) for sign in (1, -1))
    speed = (ahead - behind) / (2.0 * step)
    information = float((found.weights * np.abs(speed) ** 2).sum())
    if information <= 0.0:
        return 0.0, np.inf
    off = data.tip - found.tip(data.angles)
    lag = -float((found.weights * (speed.conj() * off).real).sum()) / information
    return lag, found.scale / information**0.5
