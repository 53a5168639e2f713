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

from ik_nn_ros.arm.calibrated import Calibration, FourierTerm, describe_arm
from ik_nn_ros.arm.geometry import Array
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.calibration.checks import (
    require_few_outliers,
    require_identifiable,
    require_joint_coverage,
    require_measured_tips,
    require_rigid_fit,
    robust_std,
)
from ik_nn_ros.calibration.regression import (
    FourierFit,
    IndexArray,
    ResidualPrior,
    fit_fourier_series,
)
from ik_nn_ros.calibration.synchronization import CalibrationData, nominal_tip, synchronize
from ik_nn_ros.recordings.samples import Samples

FOLD_COUNT = 5
BLOCKS_PER_FOLD = 4
"""Each fold is made of this many stretches of the recording, so that neighbours stay together."""
RESIDUAL_ORDERS = (1, 2, 3)
RESIDUAL_SIZE_RATIOS = np.geomspace(3e-5, 3e-2, 7)
"""Of the residual's terms that are tried, as fractions of reach."""
MAX_LOSS_MEDIAN_RATIO = 4.0
"""Errors of left-out samples count up to this many medians: outliers are to be found there."""

MIN_ERROR_RATIO = 1e-5
"""Of reach: smaller errors of left-out samples count as equal to it."""

StatusCallback = Callable[[str], None]


@dataclass(frozen=True)
class TipErrorQuantiles:
    """Distance of the measured tip from the model's, sensor noise included, m."""

    median: float
    p95: float

    @classmethod
    def from_distances(cls, distances: Array) -> TipErrorQuantiles:
        """Take the figures of (N,) distances, m."""
        return cls(*(float(v) for v in np.quantile(distances, (0.5, 0.95))))


@dataclass(frozen=True)
class CalibrationResult:
    """
    A calibration and what it gains.

    :param calibration: with all samples
    :param sample_count: number of samples used, outliers included
    :param outlier_count: number of samples that the fit gave no weight
    :param nominal: error on held-out samples by the URDF
    :param geometry: by fitted lengths, offsets and base alone
    :param calibrated: with the residual
    :param noise_std: standard deviation of a measurement in x and in y, m
    """

    calibration: Calibration
    sample_count: int
    outlier_count: int
    nominal: TipErrorQuantiles
    geometry: TipErrorQuantiles
    calibrated: TipErrorQuantiles
    noise_std: float


def calibrate(
    arm: ArmModel, samples: Samples, report: StatusCallback = lambda doing: None
) -> CalibrationResult:
    """
    Fit lengths, joint zeros, base position and residual.

    :param arm: the arm from the URDF
    :param samples: of joints and tip
    :param report: called with what is being done
    :raises CalibrationError: the samples do not determine them, or are not of this arm
    """
    require_joint_coverage(arm, samples)
    report('timing')
    data, timing = synchronize(arm, samples)
    require_measured_tips(arm, data)
    require_rigid_fit(arm, data, _fit_with_prior(arm, data, ResidualPrior()))
    held_out = _fold_indices(len(data.tip)) == FOLD_COUNT - 1
    train, test = data.select(~held_out), data.select(held_out)
    report('size of the residual')
    prior = _choose_prior(arm, train)
    report('fit')
    rigid, chosen, final = (
        _fit_with_prior(arm, train, ResidualPrior()),
        _fit_with_prior(arm, train, prior),
        _fit_with_prior(arm, data, prior),
    )
    outliers = require_few_outliers(final)
    doubt = require_identifiable(arm, data, prior)
    errors = {
        'nominal': TipErrorQuantiles.from_distances(np.abs(test.tip - nominal_tip(arm, test))),
        'geometry': TipErrorQuantiles.from_distances(np.abs(test.tip - rigid.tip(test.angles))),
        'calibrated': TipErrorQuantiles.from_distances(np.abs(test.tip - chosen.tip(test.angles))),
    }
    record = {
        'samples': len(data.tip),
        'outliers': outliers,
        'dropped': dict(samples.dropped),
        'recorded_range': {
            'lower': samples.q.min(axis=0).tolist(),
            'upper': samples.q.max(axis=0).tolist(),
        },
        'height': {
            'median': float(np.median(data.plane_offset)),
            'spread': robust_std(data.plane_offset),
        },
        'timing': asdict(timing),
        'residual_order': prior.max_order,
        'residual_size': float(prior.term_std),
        'noise': final.noise_std,
        'tip_uncertainty': doubt,
        'held_out_samples': len(test.tip),
        'held_out_errors': {name: asdict(error) for name, error in errors.items()},
    }
    calibration = replace(_to_calibration(arm, final), record=record)
    calibration.apply(arm)  # refuses what no arm is
    return CalibrationResult(
        calibration, len(data.tip), outliers, noise_std=final.noise_std, **errors
    )


def _fit_with_prior(arm: ArmModel, data: CalibrationData, prior: ResidualPrior) -> FourierFit:
    return fit_fourier_series(data.angles, data.tip, nominal_tip(arm, data), prior)


def _fold_indices(count: int) -> IndexArray:
    """Return the fold of each sample; a fold is some stretches of consecutive samples."""
    return np.arange(count) * FOLD_COUNT * BLOCKS_PER_FOLD // count % FOLD_COUNT


def _choose_prior(arm: ArmModel, data: CalibrationData) -> ResidualPrior:
    data = data.subsampled()
    # From the simplest: few terms, and those drawn strongly to zero.
    priors = [
        ResidualPrior(),
        *(
            ResidualPrior(n, float(size) * arm.reach)
            for n in RESIDUAL_ORDERS
            for size in RESIDUAL_SIZE_RATIOS
        ),
    ]
    errors = _cross_validation_errors(arm, data, priors)
    clip = MAX_LOSS_MEDIAN_RATIO * max(np.median(errors, axis=1).min(), MIN_ERROR_RATIO * arm.reach)
    losses = np.minimum(errors, clip) ** 2
    best = int(np.argmin(losses.mean(axis=1)))
    for prior, loss in zip(priors, losses, strict=True):
        worse = loss - losses[best]
        if worse.mean() <= worse.std() / len(worse) ** 0.5:
            return prior
    return priors[best]


def _cross_validation_errors(
    arm: ArmModel, data: CalibrationData, priors: Sequence[ResidualPrior]
) -> Array:
    """Return (P, N) errors, m, of each sample by the fits to those of the other folds."""
    fold = _fold_indices(len(data.tip))
    errors = np.empty((len(priors), len(data.tip)))
    for number in range(FOLD_COUNT):
        rest = data.select(fold != number)
        left_out = np.flatnonzero(fold == number)
        found = _fit_with_prior(arm, rest, ResidualPrior())
        for row, prior in enumerate(priors):
            # From the fit before: its outliers are the same.
            found = fit_fourier_series(
                rest.angles, rest.tip, found.tip(rest.angles), prior, cauchy_iterations=0
            )
            errors[row, left_out] = np.abs(data.tip[left_out] - found.tip(data.angles[left_out]))
    return errors


def _to_calibration(arm: ArmModel, series_fit: FourierFit) -> Calibration:
    base, upper, lower = series_fit.coefficients[:3].tolist()
    lengths = abs(upper), abs(lower)
    angles = np.angle([upper, lower])
    offsets = float(angles[0]), float(np.angle(lower / upper))
    covariance = series_fit.covariance
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
        FourierTerm(k1, k2, complex(c))
        for (k1, k2), c in zip(
            series_fit.terms[3:], series_fit.coefficients[3:].tolist(), strict=True
        )
    )
    return Calibration(
        describe_arm(arm), lengths, offsets, (base.real, base.imag), residual, uncertainty
    )
