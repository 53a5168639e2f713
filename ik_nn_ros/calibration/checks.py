"""
Checks that refuse samples and fits which must not become a calibration.

Every error says what to do: record more, or correct the description of the arm.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ik_nn_ros.arm.geometry import Array
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.calibration.regression import (
    LOWER_LINK_TERM,
    UPPER_LINK_TERM,
    FourierFit,
    ResidualPrior,
    fit_fourier_series,
)
from ik_nn_ros.calibration.synchronization import CalibrationData, nominal_tip
from ik_nn_ros.errors import CalibrationError
from ik_nn_ros.recordings.samples import Samples

MIN_SAMPLE_COUNT = 50
MIN_JOINT_SPAN_RAD = 0.5
"""
Smallest span of each joint, between its 5th and 95th percentile, rad.

Below, sag and a joint offset have the same effect.
"""
MIN_NOMINAL_ERROR_RATIO = 1e-6
"""Median error of the nominal arm, as a fraction of reach, below which a tip was not measured."""
MAX_OUT_OF_PLANE_RATIO = 0.05
"""Largest spread of the tip across the arm's plane, as a fraction of reach."""
MAX_RIGID_FIT_ERROR_RATIO = 0.05
"""Median error of the best rigid arm, as a fraction of reach, above which it is another arm."""
MISTAKE_ERROR_RATIO = 0.2
"""Ratio by which undoing a likely mistake must lower the error before the mistake is named."""
MAX_OUTLIER_FRACTION = 0.25
"""Fraction of outliers above which the other samples cannot be trusted either."""
TYPICAL_RESIDUAL_RATIO = 1e-3
"""Typical size of a residual term, as a fraction of reach."""
MAX_TIP_UNCERTAINTY_RATIO = 5e-3
"""Largest uncertainty of the tip, median over the joint range, as a fraction of reach."""
MIN_EIGENVALUE_RATIO = 1e-6
"""Smallest ratio of eigenvalues of the rigid terms' normal matrix; below, they are dependent."""
GRID_POINTS_PER_JOINT = 24
"""Positions of each joint at which the uncertainty of the tip is evaluated."""


def require_joint_coverage(arm: ArmModel, samples: Samples) -> None:
    """
    Check that there are enough samples, over enough of each joint's range.

    :raises CalibrationError: there are too few samples, or their positions are too similar
    """
    if len(samples) < MIN_SAMPLE_COUNT:
        raise CalibrationError('samples', got=len(samples), expected=f'at least {MIN_SAMPLE_COUNT}')
    low, up = np.quantile(samples.q, (0.05, 0.95), axis=0)
    for joint, span in zip(arm.joint_names, up - low, strict=True):
        if span < MIN_JOINT_SPAN_RAD:
            raise CalibrationError(
                f'samples: {joint}',
                got=f'positions within {span:.2g} rad',
                expected=f'at least {MIN_JOINT_SPAN_RAD} rad, better the whole range of the joint: '
                'record more positions',
            )


def require_measured_tips(arm: ArmModel, data: CalibrationData) -> None:
    """
    Check that the tips were measured on a real arm, and in its plane.

    :raises CalibrationError: the tips were computed, or leave the plane of the arm
    """
    error = float(np.median(np.abs(data.tip - nominal_tip(arm, data))))
    if error < MIN_NOMINAL_ERROR_RATIO * arm.reach:
        raise CalibrationError(
            'samples',
            got=f'tips that differ by {error:.1e} m from the forward kinematics of the URDF',
            expected='measured tips; these were computed (source: fk)',
        )
    spread = robust_std(data.plane_offset)
    max_spread = MAX_OUT_OF_PLANE_RATIO * arm.reach
    if spread > max_spread:
        raise CalibrationError(
            'samples',
            got=f"tips that leave the arm's plane by {1e3 * spread:.3g} mm (standard deviation)",
            expected=f'at most {1e3 * max_spread:.3g} mm: '
            'are the axes of tip_pose those of the base frame?',
        )


def robust_std(values: Array) -> float:
    """Return the standard deviation of mostly normal values, from their median deviation."""
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def require_rigid_fit(arm: ArmModel, data: CalibrationData, rigid_fit: FourierFit) -> None:
    """
    Check that the samples belong to two links of about the URDF's lengths and joint signs.

    A residual would also fit another arm, and the solver would then rely on it.

    :param rigid_fit: the fit without a residual
    :raises CalibrationError: the samples belong to another arm; names a likely mistake if there is
        one
    """
    eigenvalues = np.linalg.eigvalsh(rigid_fit.normal_matrix)
    if eigenvalues[0] < MIN_EIGENVALUE_RATIO * eigenvalues[-1]:
        raise CalibrationError(
            'samples',
            got='joints that always move together',
            expected='joints that also move separately: record such motions',
        )
    error = _median_error(data, rigid_fit)
    terms = dict(zip(rigid_fit.terms, rigid_fit.coefficients.tolist(), strict=True))
    lengths = abs(terms[UPPER_LINK_TERM]), abs(terms[LOWER_LINK_TERM])
    got, expected = '', f'tips of {arm.name}'
    if error > MAX_RIGID_FIT_ERROR_RATIO * arm.reach:
        got = f'tips that differ by {1e3 * error:.3g} mm (median) from the best arm of two links'
    elif not arm.has_plausible_lengths(lengths):
        got = f'lengths {lengths[0]:.4g} and {lengths[1]:.4g} m'
        expected = f'about {arm.lengths[0]:.4g} and {arm.lengths[1]:.4g} m'
    if got:
        hint = next(
            _likely_mistakes(arm, data, error),
            'are URDF, base and tip link, and topics those of this arm?',
        )
        raise CalibrationError('samples', got=got, expected=f'{expected}: {hint}')


def _likely_mistakes(arm: ArmModel, data: CalibrationData, rigid_fit_error: float) -> Iterator[str]:
    """Yield the usual mistakes that would explain the samples."""
    a, b = data.angles.T
    joint1, joint2 = arm.joint_names
    for angles, mistake in (
        ((-a, b), f'they fit with the sign of {joint1} reversed'),
        ((a, -b), f'they fit with the sign of {joint2} reversed'),
        ((-a, -b), 'they fit with both signs reversed, or tip_pose mirrored'),
        ((b, a), f'they fit with {joint1} and {joint2} exchanged'),
    ):
        corrected_angles = np.stack(angles, axis=-1)
        fit = fit_fourier_series(corrected_angles, data.tip, data.tip * 0.0, ResidualPrior())
        corrected = CalibrationData(corrected_angles, data.velocities, data.tip, data.plane_offset)
        if _median_error(corrected, fit) < MISTAKE_ERROR_RATIO * rigid_fit_error:
            yield mistake


def _median_error(data: CalibrationData, series_fit: FourierFit) -> float:
    return float(np.median(np.abs(data.tip - series_fit.tip(data.angles))))


def require_few_outliers(series_fit: FourierFit) -> int:
    """
    Return the number of outliers.

    :raises CalibrationError: more than :data:`MAX_OUTLIER_FRACTION` of the samples are outliers
    """
    outliers = int((series_fit.weights == 0.0).sum())
    count = len(series_fit.weights)
    if outliers > MAX_OUTLIER_FRACTION * count:
        raise CalibrationError(
            'samples',
            got=f'{outliers} outliers of {count}',
            expected=f'at most {MAX_OUTLIER_FRACTION:.0%}: '
            'did the arm or the camera move, or does a joint slip?',
        )
    return outliers


def require_identifiable(
    arm: ArmModel, data: CalibrationData, prior: ResidualPrior
) -> dict[str, float]:
    """
    Return the uncertainty of the tip where it was recorded and over the joint range, m.

    It is evaluated with a residual of typical size even where the fit has none: samples from one
    corner that need no residual say nothing about the rest of the range.

    :raises CalibrationError: the uncertainty is too large
    """
    typical = ResidualPrior(
        max(prior.max_order, 1), max(prior.term_std, TYPICAL_RESIDUAL_RATIO * arm.reach)
    )
    fit = fit_fourier_series(data.angles, data.tip, nominal_tip(arm, data), typical)
    axes = [
        np.linspace(low, up, GRID_POINTS_PER_JOINT)
        for low, up in zip(*arm.finite_limits, strict=True)
    ]
    q = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)
    std_over_range = fit.tip_std(q * np.array(arm.signs))
    uncertainty = {
        'where_recorded': float(np.median(fit.tip_std(data.angles))),
        'joint_range': float(np.median(std_over_range)),
        'joint_range_p95': float(np.quantile(std_over_range, 0.95)),
    }
    max_uncertainty = MAX_TIP_UNCERTAINTY_RATIO * arm.reach
    if uncertainty['joint_range'] > max_uncertainty:
        raise CalibrationError(
            'samples',
            got='positions that leave the tip uncertain by '
            f'{1e3 * uncertainty["joint_range"]:.3g} mm',
            expected=f'positions that determine it to {1e3 * max_uncertainty:.3g} mm over the '
            'joint range: record both joints over more of their range',
        )
    return uncertainty
