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

from ik_nn_ros.arm.plane import Array

Complex = NDArray[np.complex128]
Term = tuple[int, int]
Rows = NDArray[np.intp]

BASE, UPPER, LOWER = (0, 0), (1, 0), (1, 1)
RIGID: tuple[Term, ...] = (BASE, UPPER, LOWER)
"""The terms of a rigid arm: base position, link 1, link 2."""
MIRRORED = ((-1, 0), (-1, -1))
"""The terms that a tilted base adds."""
ITERATIONS = 40
SOFT = 3
"""The first iterations, in which even a far outlier keeps a little weight."""
TINY = 1e-13
"""Added to the equations, relative to them, so that dependent ones still have a solution."""
SETTLED = 1e-3
"""Relative change of the scale at which the weights have settled."""
LEAST_SCALE = 1e-5
"""
Of the tips' distance from the origin: no tip is measured any better.

Without it, samples without noise end in a fit that meets half of them exactly and calls the others
outliers.
"""
TUKEY = 4.685
"""Outliers are further than this many scales; 95 % efficient for normal errors."""
MEDIAN_RADIUS = 1.17741
"""Median length of a vector of two normal errors of scale 1."""


def order(term: Term) -> int:
    """Return how many harmonics a term is away from those of a rigid arm; 0 for one of these."""
    if term in RIGID:
        return 0
    if term in MIRRORED:
        return 1
    return min(max(abs(term[0] - k1), abs(term[1] - k2)) for k1, k2 in (UPPER, LOWER))


def terms(highest: int) -> tuple[Term, ...]:
    """Return the rigid terms and those up to an order."""
    wide = range(-highest - 1, highest + 2)
    found = ((k1, k2) for k1 in wide for k2 in wide if 0 < order((k1, k2)) <= highest)
    return RIGID + tuple(found)


def waves(which: Iterable[Term], angles: Array) -> Complex:
    """
    Return e^(i (k1 a + k2 b)).

    :param which: K terms
    :param angles: (N, 2) a and b, rad
    :return: (N, K)
    """
    phases = [k1 * angles[:, 0] + k2 * angles[:, 1] for k1, k2 in which]
    values: Complex = np.exp(1j * np.stack(phases, axis=-1))
    return values


@dataclass(frozen=True)
class Prior:
    """
    How large a residual is expected.

    :param highest: order of the highest terms; 0: rigid arm
    :param size: standard deviation of a term of order 1, m; falls with the order squared
    """

    highest: int = 0
    size: float = 0.0

    def penalties(self, which: Iterable[Term]) -> Array:
        """Return (K,) inverse variances of the terms, 1/m²; 0 where free."""
        orders = np.array([order(term) for term in which], dtype=float)
        if not self.highest:
            return np.zeros(len(orders))
        return (orders**2 / self.size) ** 2


@dataclass(frozen=True)
class SeriesFit:
    """
    A fitted series.

    :param terms: K terms, the rigid ones first
    :param coefficients: (K,) m
    :param scale: standard deviation of the errors of a sample in x and in y, m
    :param weights: (N,) of the samples; 0: outlier
    :param normal: (K, K) inverse covariance of the coefficients, in units of 1 / scale²
    """

    terms: tuple[Term, ...]
    coefficients: Complex
    scale: float
    weights: Array
    normal: Complex

    def tip(self, angles: Array) -> Complex:
        """Return the tips (N,), x + iy, m, at (N, 2) angles, rad."""
        tip: Complex = waves(self.terms, angles) @ self.coefficients
        return tip

    @cached_property
    def covariance(self) -> Complex:
        """(K, K) covariance of the coefficients: of their x, and the same of their y, m²."""
        inverse = np.linalg.inv(self.normal)
        return np.asarray(self.scale**2 * inverse, dtype=np.complex128)

    def tip_deviation(self, angles: Array) -> Array:
        """Return (N,) standard deviation of x, and the same of y, that the fit leaves, m."""
        wave = waves(self.terms, angles)
        variance = np.einsum('ni,ij,nj->n', wave, self.covariance, wave.conj()).real
        deviation: Array = np.sqrt(np.maximum(variance, 0.0))
        return deviation


def fit(angles: Array, tip: Complex, start: Complex, prior: Prior, soft: int = SOFT) -> SeriesFit:
    """
    Fit a series.

    :param angles: (N, 2) a and b, rad
    :param tip: (N,) measured, x + iy, m
    :param start: (N,) tip as known before, m, which tells the first weights
    :param prior: of the residual
    :param soft: number of first iterations in which even a far outlier keeps a little weight
    """
    which = terms(prior.highest)
    table, penalties = np.column_stack((waves(which, angles), tip)), prior.penalties(which)
    least = LEAST_SCALE * float(np.median(np.abs(tip)))
    off = tip - start
    error: Array = np.abs(off - np.median(off.real) - 1j * np.median(off.imag))
    scale = max(_scale(error, 0.0), least)
    for iteration in range(ITERATIONS):
        weights = _weights(error / scale, soft=iteration < soft)
        coefficients, normal, used = _solve(table, weights, scale**2 * penalties)
        error = np.abs(table @ np.append(-coefficients, 1.0))
        before, scale = scale, max(_scale(error, used), least)
        if iteration > soft and abs(scale - before) < SETTLED * scale:
            break
    return SeriesFit(which, coefficients, scale, weights, normal)


def _solve(table: Complex, weights: Array, penalties: Array) -> tuple[Complex, Complex, float]:
    """
    Solve the weighted ridge regression.

    :param table: (N, K + 1) the waves, and the tip as the last column
    :return: (K,) coefficients, (K, K) their normal matrix, how many of them the data decide
    """
    products = (table.conj().T * weights) @ table
    data, moments = products[:-1, :-1], products[:-1, -1]
    least = TINY * data.diagonal().real.mean()
    normal = data + np.diag(penalties + least)
    solved = np.linalg.solve(normal, np.column_stack((data, moments)))
    return solved[:, -1], normal, float(np.trace(solved).real)


def _scale(error: Array, parameters: float) -> float:
    """Return the standard deviation in x and in y of mostly normal errors, from their lengths."""
    left = max(len(error) - parameters, 1.0)
    return float(np.median(error)) / MEDIAN_RADIUS * float(np.sqrt(len(error) / left))


def _weights(error: Array, soft: bool) -> Array:
    if soft:  # Cauchy's, which nothing escapes while the fit is still rough
        return 1.0 / (1.0 + (0.5 * error) ** 2)
    return np.square(np.maximum(1.0 - np.square(error / TUKEY), 0.0))
