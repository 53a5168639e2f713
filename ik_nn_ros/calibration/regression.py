"""
Fit the series of :mod:`ik_nn_ros.arm.calibrated` to samples: a linear, robust, ridge regression.

The rigid terms and the base position are free; each term of the residual is drawn towards zero, the
more the further its harmonics are from those of the rigid arm. Outliers get no weight (Tukey's
biweight by reweighted least squares, the scale from the median).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.geometry import Array

ComplexArray = NDArray[np.complex128]
TermIndex = tuple[int, int]
IndexArray = NDArray[np.intp]

BASE_TERM, UPPER_LINK_TERM, LOWER_LINK_TERM = (0, 0), (1, 0), (1, 1)
RIGID_TERMS: tuple[TermIndex, ...] = (BASE_TERM, UPPER_LINK_TERM, LOWER_LINK_TERM)
"""The terms of a rigid arm: base position, link 1, link 2."""
TILTED_BASE_TERMS = ((-1, 0), (-1, -1))
"""The terms that a tilted base adds."""
MAX_ITERATIONS = 40
CAUCHY_ITERATIONS = 3
"""The first iterations, in which even a far outlier keeps a little weight."""
REGULARIZATION_RATIO = 1e-13
"""Added to the equations, relative to them, so that dependent ones still have a solution."""
SCALE_TOLERANCE_RATIO = 1e-3
"""Relative change of the scale at which the weights have settled."""
MIN_SCALE_RATIO = 1e-5
"""
Of the tips' distance from the origin: no tip is measured any better.

Without it, samples without noise end in a fit that meets half of them exactly and calls the others
outliers.
"""
TUKEY_TUNING_CONSTANT = 4.685
"""Outliers are further than this many scales; 95 % efficient for normal errors."""
RAYLEIGH_MEDIAN_RATIO = 1.17741
"""Median length of a vector of two normal errors of scale 1."""


def residual_order(term: TermIndex) -> int:
    """Return how many harmonics a term is away from those of a rigid arm; 0 for one of these."""
    if term in RIGID_TERMS:
        return 0
    if term in TILTED_BASE_TERMS:
        return 1
    return min(
        max(abs(term[0] - k1), abs(term[1] - k2)) for k1, k2 in (UPPER_LINK_TERM, LOWER_LINK_TERM)
    )


def series_terms(max_order: int) -> tuple[TermIndex, ...]:
    """Return the rigid terms and those up to an order."""
    wide = range(-max_order - 1, max_order + 2)
    found = ((k1, k2) for k1 in wide for k2 in wide if 0 < residual_order((k1, k2)) <= max_order)
    return RIGID_TERMS + tuple(found)


def fourier_basis(terms: Iterable[TermIndex], angles: Array) -> ComplexArray:
    """
    Return e^(i (k1 a + k2 b)).

    :param terms: K terms
    :param angles: (N, 2) a and b, rad
    :return: (N, K)
    """
    phases = [k1 * angles[:, 0] + k2 * angles[:, 1] for k1, k2 in terms]
    values: ComplexArray = np.exp(1j * np.stack(phases, axis=-1))
    return values


@dataclass(frozen=True)
class ResidualPrior:
    """
    How large a residual is expected.

    :param max_order: order of the highest terms; 0: rigid arm
    :param term_std: standard deviation of a term of order 1, m; falls with the order squared
    """

    max_order: int = 0
    term_std: float = 0.0

    def penalties(self, terms: Iterable[TermIndex]) -> Array:
        """Return (K,) inverse variances of the terms, 1/m²; 0 where free."""
        orders = np.array([residual_order(term) for term in terms], dtype=float)
        if not self.max_order:
            return np.zeros(len(orders))
        return (orders**2 / self.term_std) ** 2


@dataclass(frozen=True)
class FourierFit:
    """
    A fitted series.

    :param terms: K terms, the rigid ones first
    :param coefficients: (K,) m
    :param noise_std: standard deviation of the errors of a sample in x and in y, m
    :param weights: (N,) of the samples; 0: outlier
    :param normal_matrix: (K, K) inverse covariance of the coefficients, in units of 1 / scale²
    """

    terms: tuple[TermIndex, ...]
    coefficients: ComplexArray
    noise_std: float
    weights: Array
    normal_matrix: ComplexArray

    def tip(self, angles: Array) -> ComplexArray:
        """Return the tips (N,), x + iy, m, at (N, 2) angles, rad."""
        tip: ComplexArray = fourier_basis(self.terms, angles) @ self.coefficients
        return tip

    @cached_property
    def covariance(self) -> ComplexArray:
        """(K, K) covariance of the coefficients: of their x, and the same of their y, m²."""
        inverse = np.linalg.inv(self.normal_matrix)
        return np.asarray(self.noise_std**2 * inverse, dtype=np.complex128)

    def tip_std(self, angles: Array) -> Array:
        """Return (N,) standard deviation of x, and the same of y, that the fit leaves, m."""
        wave = fourier_basis(self.terms, angles)
        variance = np.einsum('ni,ij,nj->n', wave, self.covariance, wave.conj()).real
        deviation: Array = np.sqrt(np.maximum(variance, 0.0))
        return deviation


def fit_fourier_series(
    angles: Array,
    tip: ComplexArray,
    initial_tip: ComplexArray,
    prior: ResidualPrior,
    cauchy_iterations: int = CAUCHY_ITERATIONS,
) -> FourierFit:
    """
    Fit a series.

    :param angles: (N, 2) a and b, rad
    :param tip: (N,) measured, x + iy, m
    :param initial_tip: (N,) tip as known before, m, which tells the first weights
    :param prior: of the residual
    :param cauchy_iterations: number of first iterations in which even a far outlier keeps a little weight
    """
    which = series_terms(prior.max_order)
    table, penalties = np.column_stack((fourier_basis(which, angles), tip)), prior.penalties(which)
    least = MIN_SCALE_RATIO * float(np.median(np.abs(tip)))
    off = tip - initial_tip
    error: Array = np.abs(off - np.median(off.real) - 1j * np.median(off.imag))
    scale = max(_robust_scale(error, 0.0), least)
    for iteration in range(MAX_ITERATIONS):
        weights = _outlier_weights(error / scale, cauchy=iteration < cauchy_iterations)
        coefficients, normal, used = _solve_ridge(table, weights, scale**2 * penalties)
        error = np.abs(table @ np.append(-coefficients, 1.0))
        before, scale = scale, max(_robust_scale(error, used), least)
        if iteration > cauchy_iterations and abs(scale - before) < SCALE_TOLERANCE_RATIO * scale:
            break
    return FourierFit(which, coefficients, scale, weights, normal)


def _solve_ridge(
    augmented_basis: ComplexArray, weights: Array, penalties: Array
) -> tuple[ComplexArray, ComplexArray, float]:
    """
    Solve the weighted ridge regression.

    :param augmented_basis: (N, K + 1) the waves, and the tip as the last column
    :return: (K,) coefficients, (K, K) their normal matrix, how many of them the data decide
    """
    products = (augmented_basis.conj().T * weights) @ augmented_basis
    data, moments = products[:-1, :-1], products[:-1, -1]
    least = REGULARIZATION_RATIO * data.diagonal().real.mean()
    normal = data + np.diag(penalties + least)
    solved = np.linalg.solve(normal, np.column_stack((data, moments)))
    return solved[:, -1], normal, float(np.trace(solved).real)


def _robust_scale(error: Array, parameter_count: float) -> float:
    """Return the standard deviation in x and in y of mostly normal errors, from their lengths."""
    left = max(len(error) - parameter_count, 1.0)
    return float(np.median(error)) / RAYLEIGH_MEDIAN_RATIO * float(np.sqrt(len(error) / left))


def _outlier_weights(error: Array, cauchy: bool) -> Array:
    if cauchy:  # Cauchy's, which nothing escapes while the fit is still rough
        return 1.0 / (1.0 + (0.5 * error) ** 2)
    return np.square(np.maximum(1.0 - np.square(error / TUKEY_TUNING_CONSTANT), 0.0))
