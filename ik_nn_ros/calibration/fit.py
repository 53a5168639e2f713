"""
Fit of a calibration to recorded samples, and its errors on held-out samples.

Cross-validation decides how large the residual is and whether it is used at all: the simplest prior
is chosen that predicts left-out samples as well as the best one, within a standard error. The
reported errors come from a fifth of the samples that neither this choice nor the fit has seen. The
fit is then repeated with all samples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

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
from ik_nn_ros.calibration.synchronization import (
    CalibrationData,
    Synchronization,
    nominal_tip,
    synchronize,
)
from ik_nn_ros.recordings.samples import Samples

FOLD_COUNT = 5
BLOCKS_PER_FOLD = 4
"""Blocks of consecutive samples in a fold, so that similar samples stay in the same fold."""
RESIDUAL_ORDERS = (1, 2, 3)
"""Orders of the residual that are tried."""
RESIDUAL_SIZE_RATIOS = np.geomspace(3e-5, 3e-2, 7)
"""Sizes of the residual's terms that are tried, as fractions of reach."""
MAX_LOSS_MEDIAN_RATIO = 4.0
"""Errors of left-out samples, in medians, are clipped here: larger ones are outliers."""
MIN_ERROR_RATIO = 1e-5
"""Errors of left-out samples below this fraction of reach count as equal to it."""

StatusCallback = Callable[[str], None]
"""Receives what is being computed."""


@dataclass(frozen=True)
class TipErrorQuantiles:
    """Quantiles of the distance between measured and modelled tip, m; includes sensor noise."""

    median: float
    p95: float

    @classmethod
    def from_distances(cls, distances: Array) -> TipErrorQuantiles:
        """Return the quantiles of (N,) distances, m."""
        return cls(*(float(v) for v in np.quantile(distances, (0.5, 0.95))))


@dataclass(frozen=True)
class CalibrationResult:
    """
    A calibration and its errors on held-out samples.

    :param calibration: the calibration, fitted to all samples
    :param sample_count: number of samples used, outliers included
    :param outlier_count: number of samples to which the fit gave no weight
    :param nominal: error of the arm of the URDF
    :param geometry: error with fitted lengths, offsets and base only
    :param calibrated: error with the residual as well
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
    arm: ArmModel, samples: Samples, report: StatusCallback = lambda status: None
) -> CalibrationResult:
    """
    Fit link lengths, joint offsets, base position and residual.

    :param arm: the arm from the URDF
    :param samples: positions of joints and tip
    :param report: called at each stage
    :raises CalibrationError: the samples do not determine the calibration, or belong to another arm
    """
    require_joint_coverage(arm, samples)
    report('timing')
    data, timing = synchronize(arm, samples)
    require_measured_tips(arm, data)
    require_rigid_fit(arm, data, _fit_with_prior(arm, data, ResidualPrior()))
    is_held_out = _fold_indices(len(data.tip)) == FOLD_COUNT - 1
    train, test = data.select(~is_held_out), data.select(is_held_out)
    report('size of the residual')
    prior = _choose_prior(arm, train)
    report('fit')
    rigid_fit = _fit_with_prior(arm, train, ResidualPrior())
    train_fit = _fit_with_prior(arm, train, prior)
    fit = _fit_with_prior(arm, data, prior)
    outliers = require_few_outliers(fit)
    uncertainty = require_identifiable(arm, data, prior)
    errors = {
        'nominal': TipErrorQuantiles.from_distances(np.abs(test.tip - nominal_tip(arm, test))),
        'geometry': TipErrorQuantiles.from_distances(np.abs(test.tip - rigid_fit.tip(test.angles))),
        'calibrated': TipErrorQuantiles.from_distances(
            np.abs(test.tip - train_fit.tip(test.angles))
        ),
    }
    record = {
        **_describe_data(samples, data, timing, outliers),
        'residual_order': prior.max_order,
        'residual_size': float(prior.term_std),
        'noise': fit.noise_std,
        'tip_uncertainty': uncertainty,
        'held_out_samples': len(test.tip),
        'held_out_errors': {name: asdict(error) for name, error in errors.items()},
    }
    calibration = replace(_to_calibration(arm, fit), record=record)
    calibration.apply(arm)  # checks that it is plausible
    return CalibrationResult(
        calibration, len(data.tip), outliers, noise_std=fit.noise_std, **errors
    )


def _describe_data(
    samples: Samples, data: CalibrationData, timing: Synchronization, outliers: int
) -> dict[str, Any]:
    """Return what the calibration file records of the samples."""
    return {
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
    }


def _fit_with_prior(arm: ArmModel, data: CalibrationData, prior: ResidualPrior) -> FourierFit:
    return fit_fourier_series(data.angles, data.tip, nominal_tip(arm, data), prior)


def _fold_indices(count: int) -> IndexArray:
    """Return the fold of each sample; a fold consists of blocks of consecutive samples."""
    return np.arange(count) * FOLD_COUNT * BLOCKS_PER_FOLD // count % FOLD_COUNT


def _choose_prior(arm: ArmModel, data: CalibrationData) -> ResidualPrior:
    """Return the simplest prior that is within one standard error of the best one."""
    data = data.subsampled()
    # Simplest first: few terms, strongly regularized.
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
        excess = loss - losses[best]
        if excess.mean() <= excess.std() / len(excess) ** 0.5:
            return prior
    return priors[best]


def _cross_validation_errors(
    arm: ArmModel, data: CalibrationData, priors: Sequence[ResidualPrior]
) -> Array:
    """Return (P, N) errors, m, of each sample under the fits to the other folds."""
    fold = _fold_indices(len(data.tip))
    errors = np.empty((len(priors), len(data.tip)))
    for number in range(FOLD_COUNT):
        train = data.select(fold != number)
        left_out = np.flatnonzero(fold == number)
        fit = _fit_with_prior(arm, train, ResidualPrior())
        for row, prior in enumerate(priors):
            # Starts from the previous fit, which has the same outliers.
            fit = fit_fourier_series(
                train.angles, train.tip, fit.tip(train.angles), prior, cauchy_iterations=0
            )
            errors[row, left_out] = np.abs(data.tip[left_out] - fit.tip(data.angles[left_out]))
    return errors


def _to_calibration(arm: ArmModel, series_fit: FourierFit) -> Calibration:
    base, upper, lower = series_fit.coefficients[:3].tolist()
    lengths = abs(upper), abs(lower)
    angles = np.angle([upper, lower])
    offsets = float(angles[0]), float(np.angle(lower / upper))
    covariance = series_fit.covariance
    variance = covariance.diagonal().real
    # The error of a link's angle is the error across the link over its length, and the offset of
    # joint 2 is the difference of two such angles.
    angle_variances = variance[1] / lengths[0] ** 2, variance[2] / lengths[1] ** 2
    angle_covariance = (
        covariance[2, 1] * np.exp(1j * (angles[0] - angles[1])) / (lengths[0] * lengths[1])
    ).real
    offset_variances = angle_variances[0], sum(angle_variances) - 2.0 * angle_covariance
    uncertainty = {
        'lengths': np.sqrt(variance[[1, 2]]).tolist(),
        'offsets': np.sqrt(offset_variances).tolist(),
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
