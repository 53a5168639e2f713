"""Samples and fits that must not become a calibration, and what to do about each."""

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
"""Of each joint, between its 5th and 95th percentile, rad: below, sag and offset look alike."""
MIN_NOMINAL_ERROR_RATIO = 1e-6
"""Median error by the URDF, of reach, below which a tip was not measured."""
MAX_OUT_OF_PLANE_RATIO = 0.05
"""Spread of the tip across the arm's plane, of reach, that no ordinary arm has."""
MAX_RIGID_FIT_ERROR_RATIO = 0.05
"""Median error of the best rigid arm, of reach, above which it is another arm."""
MISTAKE_ERROR_RATIO = 0.2
"""A wrong sign is named when turning it makes the error this much smaller."""
MAX_OUTLIER_FRACTION = 0.25
TYPICAL_RESIDUAL_RATIO = 1e-3
"""Of the residual's terms, as a fraction of reach."""
MAX_TIP_UNCERTAINTY_RATIO = 5e-3
"""Largest uncertainty of the tip, of reach, at the median of the joint range."""
MIN_EIGENVALUE_RATIO = 1e-6
"""Ratio of the eigenvalues of the rigid terms' equations below which they are dependent."""
GRID_POINTS_PER_JOINT = 24
"""Joint positions along each joint at which the uncertainty is taken."""


def require_joint_coverage(arm: ArmModel, samples: Samples) -> None:
    """
    Ask for enough samples, over enough of each joint.

    :raises CalibrationError: too few or too close
    """
    if len(samples) < MIN_SAMPLE_COUNT:
        raise CalibrationError('samples', got=len(samples), expected=f'at least {MIN_SAMPLE_COUNT}')
    low, up = np.quantile(samples.q, (0.05, 0.95), axis=0)
    for joint, span in zip(arm.joint_names, up - low, strict=True):
        if span < MIN_JOINT_SPAN_RAD:
            raise CalibrationError(
                f'samples: {joint}',
                got=f'positions within {span:.2g} rad',
                expected=f'{MIN_JOINT_SPAN_RAD} rad and better its whole range: record more there',
            )


def require_measured_tips(arm: ArmModel, data: CalibrationData) -> None:
    """
    Ask for tips of a real arm, in its plane.

    :raises CalibrationError: computed ones, or an arm that moves in another plane
    """
    error = float(np.median(np.abs(data.tip - nominal_tip(arm, data))))
    if error < MIN_NOMINAL_ERROR_RATIO * arm.reach:
        raise CalibrationError(
            'samples',
            got=f'tips that are {error:.1e} m from where the URDF has them',
            expected='measured ones; these were computed (source: fk)',
        )
    spread = robust_std(data.plane_offset)
    if spread > MAX_OUT_OF_PLANE_RATIO * arm.reach:
        raise CalibrationError(
            'samples',
            got=f"tips that leave the arm's plane by {1e3 * spread:.3g} mm (standard deviation)",
            expected=f'at most {1e3 * MAX_OUT_OF_PLANE_RATIO * arm.reach:.3g} mm: are the axes of tip_pose '
            'those of the base frame?',
        )


def robust_std(values: Array) -> float:
    """Return the standard deviation of mostly normal values."""
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def require_rigid_fit(arm: ArmModel, data: CalibrationData, rigid_fit: FourierFit) -> None:
    """
    Ask for an arm of this kind: two links of about these lengths, joints of these signs.

    A residual would fit another arm as well, and the solver would go by it.

    :param rigid_fit: the fit without a residual
    :raises CalibrationError: it is another one; says what is wrong where that can be told
    """
    eigenvalues = np.linalg.eigvalsh(rigid_fit.normal_matrix)
    if eigenvalues[0] < MIN_EIGENVALUE_RATIO * eigenvalues[-1]:
        raise CalibrationError(
            'samples',
            got='joints that always move together',
            expected='each joint also moved on its own: record that',
        )
    error = _median_error(data, rigid_fit)
    terms = dict(zip(rigid_fit.terms, rigid_fit.coefficients.tolist(), strict=True))
    lengths = abs(terms[UPPER_LINK_TERM]), abs(terms[LOWER_LINK_TERM])
    got, expected = '', f'those of {arm.name}'
    if error > MAX_RIGID_FIT_ERROR_RATIO * arm.reach:
        got = f'tips {1e3 * error:.3g} mm (median) off the best arm of two links'
    elif not arm.has_plausible_lengths(lengths):
        got = f'lengths {lengths[0]:.4g} and {lengths[1]:.4g} m'
        expected = f'about {arm.lengths[0]:.4g} and {arm.lengths[1]:.4g} m'
    if got:
        hint = next(
            _likely_mistakes(arm, data, error), 'are URDF, base and tip link, and topics right?'
        )
        raise CalibrationError('samples', got=got, expected=f'{expected}: {hint}')


def _likely_mistakes(arm: ArmModel, data: CalibrationData, rigid_fit_error: float) -> Iterator[str]:
    """Name the usual mistakes that would explain the samples."""
    a, b = data.angles.T
    joint1, joint2 = arm.joint_names
    for angles, text in (
        ((-a, b), f'they fit with the sign of {joint1} turned round'),
        ((a, -b), f'they fit with the sign of {joint2} turned round'),
        ((-a, -b), 'they fit with both signs turned round, or tip_pose mirrored'),
        ((b, a), f'they fit with {joint1} and {joint2} exchanged'),
    ):
        tried = np.stack(angles, axis=-1)
        found = fit_fourier_series(tried, data.tip, data.tip * 0.0, ResidualPrior())
        off = CalibrationData(tried, data.velocities, data.tip, data.plane_offset)
        if _median_error(off, found) < MISTAKE_ERROR_RATIO * rigid_fit_error:
            yield text


def _median_error(data: CalibrationData, series_fit: FourierFit) -> float:
    return float(np.median(np.abs(data.tip - series_fit.tip(data.angles))))


def require_few_outliers(series_fit: FourierFit) -> int:
    """
    Return how many samples are outliers.

    :raises CalibrationError: a quarter: then the rest cannot be trusted either
    """
    outliers = int((series_fit.weights == 0.0).sum())
    count = len(series_fit.weights)
    if outliers > MAX_OUTLIER_FRACTION * count:
        raise CalibrationError(
            'samples',
            got=f'{outliers} outliers of {count}',
            expected=f'at most {MAX_OUTLIER_FRACTION:.0%}: did something move, or does a joint slip?',
        )
    return outliers


def require_identifiable(
    arm: ArmModel, data: CalibrationData, prior: ResidualPrior
) -> dict[str, float]:
    """
    Return how uncertain the tip is, m: where recorded, and over the joint range.

    It is asked of a residual of usual size: that samples from one corner do without any says
    nothing about the rest.

    :raises CalibrationError: too uncertain
    """
    usual = ResidualPrior(
        max(prior.max_order, 1), max(prior.term_std, TYPICAL_RESIDUAL_RATIO * arm.reach)
    )
    found = fit_fourier_series(data.angles, data.tip, nominal_tip(arm, data), usual)
    axes = [
        np.linspace(low, up, GRID_POINTS_PER_JOINT)
        for low, up in zip(*arm.finite_limits, strict=True)
    ]
    q = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)
    anywhere = found.tip_std(q * np.array(arm.signs))
    doubt = {
        'where_recorded': float(np.median(found.tip_std(data.angles))),
        'joint_range': float(np.median(anywhere)),
        'joint_range_p95': float(np.quantile(anywhere, 0.95)),
    }
    most = MAX_TIP_UNCERTAINTY_RATIO * arm.reach
    if doubt['joint_range'] > most:
        raise CalibrationError(
            'samples',
            got=f'positions that leave the tip uncertain by {1e3 * doubt["joint_range"]:.3g} mm',
            expected=f'positions that determine it to {1e3 * most:.3g} mm over the joint range: '
            'record both joints over more of their range',
        )
    return doubt
