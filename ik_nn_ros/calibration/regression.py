"""
Robust ridge regression of the Fourier series of :mod:`ik_nn_ros.arm.calibrated`.

The rigid terms and the base position are free. Each term of the residual is regularized towards
zero, the more the further its harmonics are from those of the rigid arm. Outliers get no weight
(iteratively reweighted least squares with Tukey's biweight; the scale comes from the median).
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

BASE_TERM = (0, 0)
UPPER_LINK_TERM = (1, 0)
LOWER_LINK_TERM = (1, 1)
RIGID_TERMS: tuple[TermIndex, ...] = (BASE_TERM, UPPER_LINK_TERM, LOWER_LINK_TERM)
"""The terms of a rigid arm: base position, link 1, link 2."""
TILTED_BASE_TERMS = ((-1, 0), (-1, -1))
"""The terms that a tilted base adds."""
MAX_ITERATIONS = 40
CAUCHY_ITERATIONS = 3
"""Number of first iterations with Cauchy weights, which leave even far outliers some weight."""
REGULARIZATION_RATIO = 1e-13
"""Relative regularization of all terms, so that dependent equations still have a solution."""
SCALE_TOLERANCE_RATIO = 1e-3
"""Relative change of the scale at which the weights have settled."""
MIN_SCALE_RATIO = 1e-5
"""
Smallest scale of the errors, as a fraction of the tips' median distance from the origin.

No tip is measured more precisely. Without this bound, a fit to samples without noise would meet
half of them exactly and treat the others as outliers.
"""
TUKEY_TUNING_CONSTANT = 4.685
"""Error, in scales, from which a sample is an outlier; 95 % efficient for normal errors."""
RAYLEIGH_MEDIAN_RATIO = 1.17741
"""Median length of a vector of two independent standard normal errors."""


def residual_order(term: TermIndex) -> int:
    """Return the distance of a term from the rigid terms, in harmonics; 0 for a rigid term."""
    if term in RIGID_TERMS:
        return 0
    if term in TILTED_BASE_TERMS:
        return 1
    return min(
        max(abs(term[0] - k1), abs(term[1] - k2)) for k1, k2 in (UPPER_LINK_TERM, LOWER_LINK_TERM)
    )


def series_terms(max_order: int) -> tuple[TermIndex, ...]:
    """Return the rigid terms and the residual terms up to an order."""
    harmonics = range(-max_order - 1, max_order + 2)
    return RIGID_TERMS + tuple(
        (k1, k2)
        for k1 in harmonics
        for k2 in harmonics
        if 0 < residual_order((k1, k2)) <= max_order
    )


def fourier_basis(terms: Iterable[TermIndex], angles: Array) -> ComplexArray:
    """
    Return the values e^(i (k1 a + k2 b)) of Fourier terms.

    :param terms: K terms (k1, k2)
    :param angles: (N, 2) a and b, rad
    :return: (N, K)
    """
    phases = [k1 * angles[:, 0] + k2 * angles[:, 1] for k1, k2 in terms]
    values: ComplexArray = np.exp(1j * np.stack(phases, axis=-1))
    return values


@dataclass(frozen=True)
class ResidualPrior:
    """
    Gaussian prior of the residual's coefficients.

    :param max_order: highest order of the terms; 0 for a rigid arm
    :param term_std: standard deviation of a term of order 1, m; it falls with the order squared
    """

    max_order: int = 0
    term_std: float = 0.0

    def penalties(self, terms: Iterable[TermIndex]) -> Array:
        """Return (K,) inverse variances of the terms, 1/m²; 0 for the free rigid terms."""
        orders = np.array([residual_order(term) for term in terms], dtype=float)
        if not self.max_order:
            return np.zeros(len(orders))
        return (orders**2 / self.term_std) ** 2


@dataclass(frozen=True)
class FourierFit:
    """
    A fitted series.

    :param terms: K terms, the rigid ones first
    :param coefficients: (K,) coefficients of the terms, m
    :param noise_std: standard deviation of the errors of a sample in x and in y, m
    :param weights: (N,) weights of the samples; 0 for an outlier
    :param normal_matrix: (K, K) inverse covariance of the coefficients, in units of 1 / noise_std²
    """

    terms: tuple[TermIndex, ...]
    coefficients: ComplexArray
    noise_std: float
    weights: Array
    normal_matrix: ComplexArray

    def tip(self, angles: Array) -> ComplexArray:
        """Return (N,) tips x + iy, m, at (N, 2) angles a and b, rad."""
        tip: ComplexArray = fourier_basis(self.terms, angles) @ self.coefficients
        return tip

    @cached_property
    def covariance(self) -> ComplexArray:
        """(K, K) covariance of the coefficients' x, and equally of their y, m²."""
        inverse = np.linalg.inv(self.normal_matrix)
        return np.asarray(self.noise_std**2 * inverse, dtype=np.complex128)

    def tip_std(self, angles: Array) -> Array:
        """Return (N,) standard deviations of the fitted tip's x, and equally of its y, m."""
        basis = fourier_basis(self.terms, angles)
        variance = np.einsum('ni,ij,nj->n', basis, self.covariance, basis.conj()).real
        std: Array = np.sqrt(np.maximum(variance, 0.0))
        return std


def fit_fourier_series(
    angles: Array,
    tip: ComplexArray,
    initial_tip: ComplexArray,
    prior: ResidualPrior,
    cauchy_iterations: int = CAUCHY_ITERATIONS,
) -> FourierFit:
    """
    Fit a series to measured tips.

    :param angles: (N, 2) a and b, rad
    :param tip: (N,) measured tips x + iy, m
    :param initial_tip: (N,) tips of a previous model, m, which determine the first weights
    :param prior: prior of the residual
    :param cauchy_iterations: number of first iterations with Cauchy weights
    """
    terms = series_terms(prior.max_order)
    penalties = prior.penalties(terms)
    augmented_basis = np.column_stack((fourier_basis(terms, angles), tip))
    min_scale = MIN_SCALE_RATIO * float(np.median(np.abs(tip)))
    offset = tip - initial_tip
    error: Array = np.abs(offset - np.median(offset.real) - 1j * np.median(offset.imag))
    scale = max(_robust_scale(error, 0.0), min_scale)
    for iteration in range(MAX_ITERATIONS):
        weights = _outlier_weights(error / scale, cauchy=iteration < cauchy_iterations)
        coefficients, normal, parameter_count = _solve_ridge(
            augmented_basis, weights, scale**2 * penalties
        )
        error = np.abs(augmented_basis @ np.append(-coefficients, 1.0))
        previous, scale = scale, max(_robust_scale(error, parameter_count), min_scale)
        if iteration > cauchy_iterations and abs(scale - previous) < SCALE_TOLERANCE_RATIO * scale:
            break
    return FourierFit(terms, coefficients, scale, weights, normal)


def _solve_ridge(
    augmented_basis: ComplexArray, weights: Array, penalties: Array
) -> tuple[ComplexArray, ComplexArray, float]:
    """
    Solve the weighted ridge regression.

    :param augmented_basis: (N, K + 1) basis of the series, and the tip as the last column
    :param weights: (N,) weights of the samples
    :param penalties: (K,) regularization of the coefficients
    :return: (K,) coefficients, (K, K) their normal matrix, their effective number (the trace of the
        hat matrix)
    """
    products = (augmented_basis.conj().T * weights) @ augmented_basis
    gram, moments = products[:-1, :-1], products[:-1, -1]
    regularization = REGULARIZATION_RATIO * gram.diagonal().real.mean()
    normal = gram + np.diag(penalties + regularization)
    solution = np.linalg.solve(normal, np.column_stack((gram, moments)))
    return solution[:, -1], normal, float(np.trace(solution).real)


def _robust_scale(error: Array, parameter_count: float) -> float:
    """
    Return the standard deviation in x and in y of mostly normal errors.

    :param error: (N,) lengths of the errors, m
    :param parameter_count: effective number of fitted parameters
    """
    degrees_of_freedom = max(len(error) - parameter_count, 1.0)
    correction = float(np.sqrt(len(error) / degrees_of_freedom))
    return float(np.median(error)) / RAYLEIGH_MEDIAN_RATIO * correction


def _outlier_weights(error: Array, cauchy: bool) -> Array:
    """Return (N,) weights for errors in units of their scale: Cauchy's or Tukey's biweight."""
    if cauchy:
        return 1.0 / (1.0 + (0.5 * error) ** 2)
    return np.square(np.maximum(1.0 - np.square(error / TUKEY_TUNING_CONSTANT), 0.0))
