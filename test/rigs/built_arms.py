"""Calibrated arms for tests, and their tips without the package's own formulas."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from arms import random_arm

from ik_nn_ros.arm.calibrated import CalibratedArm, Calibration, FourierTerm, describe_arm
from ik_nn_ros.arm.model import ArmModel


def calibration_of(arm: ArmModel, seed: int = 0, size: float = 1e-3) -> Calibration:
    """A made-up calibration; ``size`` is the size of a residual term over reach."""
    rng = np.random.default_rng(seed)
    return Calibration(
        describe_arm(arm),
        tuple((np.array(arm.lengths) * rng.uniform(0.98, 1.02, 2)).tolist()),
        tuple((np.array(arm.offsets) + rng.normal(0.0, 0.02, 2)).tolist()),
        tuple(rng.normal(0.0, 0.01 * arm.reach, 2).tolist()),
        tuple(
            FourierTerm(k1, k2, complex(*rng.normal(0.0, size * arm.reach, 2)))
            for k1 in range(-1, 3)
            for k2 in range(-1, 3)
        ),
    )


def calibrated_arm(seed: int, size: float = 1e-3) -> CalibratedArm:
    arm = random_arm(seed).model
    return calibration_of(arm, seed, size).apply(arm)


def rigid(arm: ArmModel, q: np.ndarray) -> np.ndarray:
    """The tip of two rigid links at one position (2,), rad, as x + iy."""
    theta1, theta2 = np.array(arm.signs) * q + np.array(arm.offsets)
    l1, l2 = arm.lengths
    return l1 * np.exp(1j * theta1) + l2 * np.exp(1j * (theta1 + theta2))


def tips(arm: CalibratedArm, q: np.ndarray) -> np.ndarray:
    """The tips (N, 2) at (N, 2) positions, rad, summed term by term."""
    total = np.array([rigid(arm, row) for row in q])
    a, b = (np.array(arm.signs) * q).T
    for k1, k2, c in arm.residual:
        total = total + c * (np.cos(k1 * a + k2 * b) + 1j * np.sin(k1 * a + k2 * b))
    return np.stack((total.real, total.imag), axis=-1)


def without_residual(arm: CalibratedArm) -> CalibratedArm:
    return replace(arm, residual=())
