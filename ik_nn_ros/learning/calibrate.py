"""
From recorded samples to a calibration: timing, size of the residual, checks, figures.

Cross-validation decides how large the residual is and whether it is used at all: of all priors
that predict left-out samples as well as the best one, within a standard error, the simplest is
taken. The figures reported come from a fifth of the samples that neither this choice nor the fit
has seen; then the fit is repeated with all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import pi

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.calibrated import Harmonic
from ik_nn_ros.arm.calibration import Calibration, identify
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.arm.plane import Array
from ik_nn_ros.errors import CalibrationError
from ik_nn_ros.learning.tip_series import RIGID, Complex, Prior, Rows, SeriesFit, fit
from ik_nn_ros.recordings.samples import Samples

LEAST_SAMPLES = 30
LEAST_SPAN = 0.5
"""Of each joint, between its 5th and 95th percentile, rad: below, sag and offset look alike."""
UNEXPLAINED = 1e-2
"""Errors (standard deviation, of reach) above which the samples are not those of this arm."""
USUAL_SIZE = 1e-3
"""Of the residual's terms, as a fraction of reach."""
DETERMINED = 5e-3
"""Largest uncertainty of the tip, of reach, at the median of the joint range."""
FOLDS = 5
BLOCKS = 4
"""Each fold is made of this many stretches of the recording, so that neighbours stay together."""
ORDERS = (1, 2, 3)
SIZES = np.geomspace(3e-5, 3e-2, 7)
"""Of the residual's terms that are tried, as fractions of reach."""
CLIP = 4.0
"""Errors of left-out samples count up to this many medians: outliers are to be found there."""
MOST_FOR_CHOICE = 4000
"""Samples that the choice is made on, evenly picked; the fit uses all."""
DELAY_ROUNDS = 3
DELAY_SIGNIFICANT = 4.0
"""Standard deviations that a delay must be off zero."""
SINGULAR = 1e-6
"""Ratio of the eigenvalues of the rigid terms' equations below which they are dependent."""
GRID = 24
"""Joint positions along each joint at which the uncertainty is taken."""

Report = Callable[[str], None]


@dataclass(frozen=True)
class _Data:
    """
    Samples as the fit needs them.

    :param angles: (N, 2) a and b: joint angles times the arm's signs, rad
    :param rates: (N, 2) their velocities, rad/s
    :param tip: (N,) x + iy in the plane of the nominal arm, m
    """

    angles: Array
    rates: Array
    tip: Complex

    def rows(self, rows: Rows) -> _Data:
        """Return some of them."""
        return _Data(self.angles[rows], self.rates[rows], self.tip[rows])


@dataclass(frozen=True)
class TipError:
    """Distance of the measured tip from the model's, sensor noise included, m."""

    median: float
    p95: float

    @classmethod
    def of(cls, error: Array) -> TipError:
        """Take the figures of (N,) distances, m."""
        return cls(*(float(v) for v in np.quantile(error, (0.5, 0.95))))


@dataclass(frozen=True)
class Outcome:
    """
    A calibration and what it gains.

    :param calibration: with all samples
    :param samples: number of samples used, outliers included
    :param outliers: number of samples that the fit gave no weight
    :param nominal: error on held-out samples by the URDF
    :param geometry: by fitted lengths, offsets and base alone
    :param calibrated: with the residual
    :param noise: standard deviation of a measurement in x and in y, m
    """

    calibration: Calibration
    samples: int
    outliers: int
    nominal: TipError
    geometry: TipError
    calibrated: TipError
    noise: float


def calibrate(arm: ArmModel, samples: Samples, report: Report = lambda doing: None) -> Outcome:
    """
    Fit lengths, joint zeros, base position and residual.

    :param arm: the arm from the URDF
    :param samples: of joints and tip
    :param report: called with what is being done
    :raises CalibrationError: the samples do not determine them
    """
    _require_spread(arm, samples)
    report('timing')
    data, timing = _aligned(arm, samples)
    held_out = _folds(len(data.tip)) == FOLDS - 1
    train, test = data.rows(np.flatnonzero(~held_out)), data.rows(np.flatnonzero(held_out))
    report('size of the residual')
    prior = _choose_prior(arm, train)
    report('fit')
    final = _fit(arm, data, prior)
    if final.scale > UNEXPLAINED * arm.reach:
        raise CalibrationError(
            'samples',
            got=f'errors of {1e3 * final.scale:.3g} mm that no arm like {arm.name} explains',
            expected='recordings of this arm: are URDF, base and tip link, and topics right?',
        )
    doubt = _require_determined(arm, data, prior)
    rigid, chosen = (_fit(arm, train, p) for p in (Prior(), prior))
    errors = {
        'nominal': TipError.of(np.abs(test.tip - _nominal(arm, test))),
        'geometry': TipError.of(np.abs(test.tip - rigid.tip(test.angles))),
        'calibrated': TipError.of(np.abs(test.tip - chosen.tip(test.angles))),
    }
    outliers = int((final.weights == 0.0).sum())
    low, up = (np.quantile(samples.q, share, axis=0).tolist() for share in (0.0, 1.0))
    record = {
        'samples': len(data.tip),
        'outliers': outliers,
        'dropped': dict(samples.dropped),
        'recorded_range': {'lower': low, 'upper': up},
        'timing': timing,
        'residual_order': prior.highest,
        'residual_size': float(prior.size),
        'noise': final.scale,
        'tip_uncertainty': doubt,
        'held_out_samples': len(test.tip),
        'held_out_errors': {k: {'median': e.median, 'p95': e.p95} for k, e in errors.items()},
    }
    calibration = replace(_calibration(arm, final), record=record)
    return Outcome(calibration, len(data.tip), outliers, noise=final.scale, **errors)


def _require_spread(arm: ArmModel, samples: Samples) -> None:
    count = len(samples.stamp)
    if count < LEAST_SAMPLES:
        raise CalibrationError('samples', got=count, expected=f'at least {LEAST_SAMPLES}')
    low, up = np.quantile(samples.q, (0.05, 0.95), axis=0)
    for joint, span in zip(arm.joint_names, up - low, strict=True):
        if span < LEAST_SPAN:
            raise CalibrationError(
                f'samples: {joint}',
                got=f'positions within {span:.2g} rad',
                expected=f'{LEAST_SPAN} rad and better its whole range: record more there',
            )


def _nominal(arm: ArmModel, data: _Data) -> Complex:
    x, y = arm.fk(data.angles * np.array(arm.signs)).T
    return x + 1j * y  # type: ignore[no-any-return]


def _fit(arm: ArmModel, data: _Data, prior: Prior) -> SeriesFit:
    return fit(data.angles, data.tip, _nominal(arm, data), prior)


# Timing


def _aligned(arm: ArmModel, samples: Samples) -> tuple[_Data, dict[str, object]]:
    """
    Pair joints and tip in time as the samples themselves say is right.

    A tip pose is made of the joints it is published with, or measured at its own stamp, perhaps
    late. What leaves the smaller errors is taken.
    """
    signs = np.array(arm.signs)
    plane = arm.plane
    off = (samples.tip - plane.origin) @ plane.rotation
    tip = off[:, 0] + 1j * off[:, 1]
    rates = samples.velocity * signs
    probe = Prior(1, SIZES[-2] * arm.reach)
    own, stamped = (_Data(q * signs, rates, tip) for q in (samples.q_nearest, samples.q))
    best_own, best_stamped = (_fit(arm, _thinned(data), probe) for data in (own, stamped))
    if best_own.scale <= best_stamped.scale:
        return own, {'pairing': 'nearest joint_states', 'delay': 0.0}
    delay = 0.0
    for _ in range(DELAY_ROUNDS):
        shifted = replace(stamped, angles=stamped.angles - delay * rates)
        more, deviation = _delay(arm, _thinned(shifted), probe)
        delay += more
    if abs(delay) < DELAY_SIGNIFICANT * deviation:
        delay = 0.0
    shifted = replace(stamped, angles=stamped.angles - delay * rates)
    return shifted, {'pairing': 'joints at the stamp of the tip', 'delay': float(delay)}


def _delay(arm: ArmModel, data: _Data, prior: Prior) -> tuple[float, float]:
    """Return by how much the tip lags, s, and its standard deviation."""
    found = _fit(arm, data, prior)
    step = 1e-6
    ahead, behind = (found.tip(data.angles + sign * step * data.rates) for sign in (1, -1))
    speed = (ahead - behind) / (2.0 * step)
    information = float((found.weights * np.abs(speed) ** 2).sum())
    if information <= 0.0:
        return 0.0, np.inf
    lag = -(found.weights * (speed.conj() * (data.tip - found.tip(data.angles))).real).sum()
    return float(lag) / information, found.scale / information**0.5


# Size of the residual


def _folds(count: int) -> NDArray[np.intp]:
    """Return the fold of each sample; a fold is some stretches of consecutive samples."""
    return np.arange(count) * FOLDS * BLOCKS // count % FOLDS


def _thinned(data: _Data) -> _Data:
    count = len(data.tip)
    if count <= MOST_FOR_CHOICE:
        return data
    return data.rows(np.linspace(0, count - 1, MOST_FOR_CHOICE).astype(np.intp))


def _choose_prior(arm: ArmModel, data: _Data) -> Prior:
    data = _thinned(data)
    # From the simplest: few terms, and those drawn strongly to zero.
    priors = [Prior(), *(Prior(n, float(size) * arm.reach) for n in ORDERS for size in SIZES)]
    errors = _left_out_errors(arm, data, priors)
    clip = CLIP * np.median(errors, axis=1).min()
    losses = np.minimum(errors, clip) ** 2
    best = int(np.argmin(losses.mean(axis=1)))
    for prior, loss in zip(priors, losses, strict=True):
        worse = loss - losses[best]
        if worse.mean() <= worse.std() / len(worse) ** 0.5:
            return prior
    return priors[best]


def _left_out_errors(arm: ArmModel, data: _Data, priors: Sequence[Prior]) -> Array:
    """Return (P, N) errors, m, of each sample by the fits to those of the other folds."""
    fold = _folds(len(data.tip))
    errors = np.empty((len(priors), len(data.tip)))
    for number in range(FOLDS):
        rest = data.rows(np.flatnonzero(fold != number))
        left_out = np.flatnonzero(fold == number)
        found = _fit(arm, rest, Prior())
        for row, prior in enumerate(priors):
            # From the fit before: its outliers are the same.
            found = fit(rest.angles, rest.tip, found.tip(rest.angles), prior, soft=0)
            errors[row, left_out] = np.abs(data.tip[left_out] - found.tip(data.angles[left_out]))
    return errors


# Result


def _require_determined(arm: ArmModel, data: _Data, prior: Prior) -> dict[str, float]:
    """
    Return how uncertain the tip is, m, where recorded and over the joint range, as medians.

    It is asked of a residual of usual size: that samples from one corner do without any says
    nothing about the rest.

    :raises CalibrationError: too uncertain
    """
    usual = Prior(max(prior.highest, 1), max(prior.size, USUAL_SIZE * arm.reach))
    found = _fit(arm, data, usual)
    low = np.maximum(arm.lower, -pi)
    up = np.minimum(arm.upper, low + 2.0 * pi)
    axes = [np.linspace(a, b, GRID) for a, b in zip(low, up, strict=True)]
    q = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)
    doubt = {
        'where_recorded': float(np.median(found.tip_deviation(data.angles))),
        'joint_range': float(np.median(found.tip_deviation(q * np.array(arm.signs)))),
    }
    rigid = np.linalg.eigvalsh(found.normal[: len(RIGID), : len(RIGID)])
    most = DETERMINED * arm.reach
    got = ''
    if rigid[0] < SINGULAR * rigid[-1]:
        got = 'joints that always move together'
    elif doubt['joint_range'] > most:
        got = f'positions that leave the tip uncertain by {1e3 * doubt["joint_range"]:.3g} mm'
    if got:
        raise CalibrationError(
            'samples',
            got=got,
            expected=f'positions that determine it to {1e3 * most:.3g} mm over the joint range: '
            'record each joint on its own, over more of its range',
        )
    return doubt


def _calibration(arm: ArmModel, found: SeriesFit) -> Calibration:
    base, upper, lower = found.coefficients[:3].tolist()
    lengths = abs(upper), abs(lower)
    angles = np.angle([upper, lower])
    offsets = float(angles[0]), float(np.angle(lower / upper))
    covariance = found.covariance
    variance = covariance.diagonal().real
    # An angle's error is the error across the link over its length; joint 2's is a difference.
    across = covariance[2, 1] * np.exp(1j * (angles[0] - angles[1])) / (lengths[0] * lengths[1])
    turns = variance[1] / lengths[0] ** 2, variance[2] / lengths[1] ** 2
    uncertainty = {
        'lengths': np.sqrt(variance[[1, 2]]).tolist(),
        'offsets': np.sqrt([turns[0], turns[0] + turns[1] - 2.0 * across.real]).tolist(),
        'base': [float(variance[0] ** 0.5)] * 2,
    }
    residual = tuple(
        Harmonic(k1, k2, complex(c))
        for (k1, k2), c in zip(found.terms[3:], found.coefficients[3:].tolist(), strict=True)
    )
    return Calibration(
        identify(arm), lengths, offsets, (base.real, base.imag), residual, uncertainty
    )
