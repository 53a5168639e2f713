"""
From recorded samples to a calibration: timing, size of the residual, checks, figures.

Cross-validation decides how large the residual is and whether it is used at all: of all priors
that predict left-out samples as well as the best one, within a standard error, the simplest is
taken. The figures reported come from a fifth of the samples that neither this choice nor the fit
has seen; then the fit is repeated with all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from ik_nn_ros.arm.calibrated import Harmonic
from ik_nn_ros.arm.calibration import Calibration, identify
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.arm.plane import Array
from ik_nn_ros.learning.calibration_checks import (
    require_determined,
    require_explained,
    require_few_outliers,
    require_measured,
    require_spread,
    spread_of,
)
from ik_nn_ros.learning.timing import Data, align, nominal
from ik_nn_ros.learning.tip_series import Prior, Rows, SeriesFit, fit
from ik_nn_ros.recordings.samples import Samples

FOLDS = 5
BLOCKS = 4
"""Each fold is made of this many stretches of the recording, so that neighbours stay together."""
ORDERS = (1, 2, 3)
SIZES = np.geomspace(3e-5, 3e-2, 7)
"""Of the residual's terms that are tried, as fractions of reach."""
CLIP = 4.0
"""Errors of left-out samples count up to this many medians: outliers are to be found there."""

LEAST_ERROR = 1e-5
"""Of reach: smaller errors of left-out samples count as equal to it."""

Report = Callable[[str], None]


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
    :raises CalibrationError: the samples do not determine them, or are not of this arm
    """
    require_spread(arm, samples)
    report('timing')
    data, timing = align(arm, samples)
    require_measured(arm, data)
    require_explained(arm, data, _fit(arm, data, Prior()))
    held_out = _folds(len(data.tip)) == FOLDS - 1
    train, test = data.rows(~held_out), data.rows(held_out)
    report('size of the residual')
    prior = _choose_prior(arm, train)
    report('fit')
    rigid, chosen, final = (
        _fit(arm, train, Prior()),
        _fit(arm, train, prior),
        _fit(arm, data, prior),
    )
    outliers = require_few_outliers(final)
    doubt = require_determined(arm, data, prior)
    errors = {
        'nominal': TipError.of(np.abs(test.tip - nominal(arm, test))),
        'geometry': TipError.of(np.abs(test.tip - rigid.tip(test.angles))),
        'calibrated': TipError.of(np.abs(test.tip - chosen.tip(test.angles))),
    }
    record = {
        'samples': len(data.tip),
        'outliers': outliers,
        'dropped': dict(samples.dropped),
        'recorded_range': {
            'lower': samples.q.min(axis=0).tolist(),
            'upper': samples.q.max(axis=0).tolist(),
        },
        'height': {'median': float(np.median(data.height)), 'spread': spread_of(data.height)},
        'timing': asdict(timing),
        'residual_order': prior.highest,
        'residual_size': float(prior.size),
        'noise': final.scale,
        'tip_uncertainty': doubt,
        'held_out_samples': len(test.tip),
        'held_out_errors': {name: asdict(error) for name, error in errors.items()},
    }
    calibration = replace(_calibration(arm, final), record=record)
    calibration.apply(arm)  # refuses what no arm is
    return Outcome(calibration, len(data.tip), outliers, noise=final.scale, **errors)


def _fit(arm: ArmModel, data: Data, prior: Prior) -> SeriesFit:
    return fit(data.angles, data.tip, nominal(arm, data), prior)


def _folds(count: int) -> Rows:
    """Return the fold of each sample; a fold is some stretches of consecutive samples."""
    return np.arange(count) * FOLDS * BLOCKS // count % FOLDS


def _choose_prior(arm: ArmModel, data: Data) -> Prior:
    data = data.thinned()
    # From the simplest: few terms, and those drawn strongly to zero.
    priors = [Prior(), *(Prior(n, float(size) * arm.reach) for n in ORDERS for size in SIZES)]
    errors = _left_out_errors(arm, data, priors)
    clip = CLIP * max(np.median(errors, axis=1).min(), LEAST_ERROR * arm.reach)
    losses = np.minimum(errors, clip) ** 2
    best = int(np.argmin(losses.mean(axis=1)))
    for prior, loss in zip(priors, losses, strict=True):
        worse = loss - losses[best]
        if worse.mean() <= worse.std() / len(worse) ** 0.5:
            return prior
    return priors[best]


def _left_out_errors(arm: ArmModel, data: Data, priors: Sequence[Prior]) -> Array:
    """Return (P, N) errors, m, of each sample by the fits to those of the other folds."""
    fold = _folds(len(data.tip))
    errors = np.empty((len(priors), len(data.tip)))
    for number in range(FOLDS):
        rest = data.rows(fold != number)
        left_out = np.flatnonzero(fold == number)
        found = _fit(arm, rest, Prior())
        for row, prior in enumerate(priors):
            # From the fit before: its outliers are the same.
            found = fit(rest.angles, rest.tip, found.tip(rest.angles), prior, soft=0)
            errors[row, left_out] = np.abs(data.tip[left_out] - found.tip(data.angles[left_out]))
    return errors


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
