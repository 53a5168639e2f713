"""Samples and fits that must not become a calibration, and what to do about each."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.arm.plane import Array
from ik_nn_ros.errors import CalibrationError
from ik_nn_ros.learning.timing import Data, nominal
from ik_nn_ros.learning.tip_series import (
    LOWER,
    UPPER,
    Prior,
    SeriesFit,
    fit,
)
from ik_nn_ros.recordings.samples import Samples

LEAST_SAMPLES = 50
LEAST_SPAN = 0.5
"""Of each joint, between its 5th and 95th percentile, rad: below, sag and offset look alike."""
COMPUTED = 1e-6
"""Median error by the URDF, of reach, below which a tip was not measured."""
OUT_OF_PLANE = 0.05
"""Spread of the tip across the arm's plane, of reach, that no ordinary arm has."""
UNEXPLAINED = 0.05
"""Median error of the best rigid arm, of reach, above which it is another arm."""
FITS_WELL = 0.2
"""A wrong sign is named when turning it makes the error this much smaller."""
MOST_OUTLIERS = 0.25
USUAL_SIZE = 1e-3
"""Of the residual's terms, as a fraction of reach."""
DETERMINED = 5e-3
"""Largest uncertainty of the tip, of reach, at the median of the joint range."""
SINGULAR = 1e-6
"""Ratio of the eigenvalues of the rigid terms' equations below which they are dependent."""
GRID = 24
"""Joint positions along each joint at which the uncertainty is taken."""


def require_spread(arm: ArmModel, samples: Samples) -> None:
    """
    Ask for enough samples, over enough of each joint.

    :raises CalibrationError: too few or too close
    """
    if len(samples) < LEAST_SAMPLES:
        raise CalibrationError('samples', got=len(samples), expected=f'at least {LEAST_SAMPLES}')
    low, up = np.quantile(samples.q, (0.05, 0.95), axis=0)
    for joint, span in zip(arm.joint_names, up - low, strict=True):
        if span < LEAST_SPAN:
            raise CalibrationError(
                f'samples: {joint}',
                got=f'positions within {span:.2g} rad',
                expected=f'{LEAST_SPAN} rad and better its whole range: record more there',
            )


def require_measured(arm: ArmModel, data: Data) -> None:
    """
    Ask for tips of a real arm, in its plane.

    :raises CalibrationError: computed ones, or an arm that moves in another plane
    """
    error = float(np.median(np.abs(data.tip - nominal(arm, data))))
    if error < COMPUTED * arm.reach:
        raise CalibrationError(
            'samples',
            got=f'tips that are {error:.1e} m from where the URDF has them',
            expected='measured ones; these were computed (source: fk)',
        )
    spread = spread_of(data.height)
    if spread > OUT_OF_PLANE * arm.reach:
        raise CalibrationError(
            'samples',
            got=f"tips that leave the arm's plane by {1e3 * spread:.3g} mm (standard deviation)",
            expected=f'at most {1e3 * OUT_OF_PLANE * arm.reach:.3g} mm: are the axes of tip_pose '
            'those of the base frame?',
        )


def spread_of(values: Array) -> float:
    """Return the standard deviation of mostly normal values."""
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def require_explained(arm: ArmModel, data: Data, rigid: SeriesFit) -> None:
    """
    Ask for an arm of this kind: two links of about these lengths, joints of these signs.

    A residual would fit another arm as well, and the solver would go by it.

    :param rigid: the fit without a residual
    :raises CalibrationError: it is another one; says what is wrong where that can be told
    """
    eigenvalues = np.linalg.eigvalsh(rigid.normal)
    if eigenvalues[0] < SINGULAR * eigenvalues[-1]:
        raise CalibrationError(
            'samples',
            got='joints that always move together',
            expected='each joint also moved on its own: record that',
        )
    error = _median_error(data, rigid)
    terms = dict(zip(rigid.terms, rigid.coefficients.tolist(), strict=True))
    lengths = abs(terms[UPPER]), abs(terms[LOWER])
    got, expected = '', f'those of {arm.name}'
    if error > UNEXPLAINED * arm.reach:
        got = f'tips {1e3 * error:.3g} mm (median) off the best arm of two links'
    elif not arm.is_length_of_it(lengths):
        got = f'lengths {lengths[0]:.4g} and {lengths[1]:.4g} m'
        expected = f'about {arm.lengths[0]:.4g} and {arm.lengths[1]:.4g} m'
    if got:
        hint = next(_mistakes(arm, data, error), 'are URDF, base and tip link, and topics right?')
        raise CalibrationError('samples', got=got, expected=f'{expected}: {hint}')


def _mistakes(arm: ArmModel, data: Data, error: float) -> Iterator[str]:
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
        found = fit(tried, data.tip, data.tip * 0.0, Prior())
        off = Data(tried, data.rates, data.tip, data.height)
        if _median_error(off, found) < FITS_WELL * error:
            yield text


def _median_error(data: Data, found: SeriesFit) -> float:
    return float(np.median(np.abs(data.tip - found.tip(data.angles))))


def require_few_outliers(found: SeriesFit) -> int:
    """
    Return how many samples are outliers.

    :raises CalibrationError: a quarter: then the rest cannot be trusted either
    """
    outliers = int((found.weights == 0.0).sum())
    count = len(found.weights)
    if outliers > MOST_OUTLIERS * count:
        raise CalibrationError(
            'samples',
            got=f'{outliers} outliers of {count}',
            expected=f'at most {MOST_OUTLIERS:.0%}: did something move, or does a joint slip?',
        )
    return outliers


def require_determined(arm: ArmModel, data: Data, prior: Prior) -> dict[str, float]:
    """
    Return how uncertain the tip is, m: where recorded, and over the joint range.

    It is asked of a residual of usual size: that samples from one corner do without any says
    nothing about the rest.

    :raises CalibrationError: too uncertain
    """
    usual = Prior(max(prior.highest, 1), max(prior.size, USUAL_SIZE * arm.reach))
    found = fit(data.angles, data.tip, nominal(arm, data), usual)
    axes = [np.linspace(low, up, GRID) for low, up in zip(*arm.one_turn, strict=True)]
    q = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)
    anywhere = found.tip_deviation(q * np.array(arm.signs))
    doubt = {
        'where_recorded': float(np.median(found.tip_deviation(data.angles))),
        'joint_range': float(np.median(anywhere)),
        'joint_range_p95': float(np.quantile(anywhere, 0.95)),
    }
    most = DETERMINED * arm.reach
    if doubt['joint_range'] > most:
        raise CalibrationError(
            'samples',
            got=f'positions that leave the tip uncertain by {1e3 * doubt["joint_range"]:.3g} mm',
            expected=f'positions that determine it to {1e3 * most:.3g} mm over the joint range: '
            'record both joints over more of their range',
        )
    return doubt
