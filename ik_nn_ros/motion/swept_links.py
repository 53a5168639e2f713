"""Where the links of an arm are along a motion, and what lies between its samples."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.arm.plane import Array


class SweptLinks(NamedTuple):
    """
    Base, elbow and tip at the samples of a motion, (3, ..., N) each.

    ``points`` x + iy, m; ``travel`` how far they go, straight, to the neighbouring sample that is
    farther off, m; ``bend`` how far they are off that straight line on the way, at most, m.
    """

    points: NDArray[np.complex128]
    travel: Array
    chord_deviation: Array


def sweep_links(arm: ArmModel, q: Array) -> SweptLinks:
    """
    Return where the links are.

    A link of length L that turns by Δ goes an arc: up to L Δ²/8 off its chord. That the joints do
    not turn evenly adds L/8 times the difference of neighbouring Δ.

    :param q: (..., N, 2) joint angles along motions, rad
    """
    first = arm.signs[0] * q[..., 0] + arm.offsets[0]
    angles = np.stack((first, first + arm.signs[1] * q[..., 1] + arm.offsets[1]))
    elbow, tip = arm.lengths[0] * np.exp(1j * first), arm.fk(q)
    points = np.stack((np.zeros_like(elbow), elbow, tip[..., 0] + 1j * tip[..., 1]))
    turns = np.diff(angles)
    arcs = turns**2 + neighbor_maximum(np.abs(np.diff(turns)))
    bend = np.zeros(points.shape)
    bend[1] = arm.lengths[0] / 8.0 * neighbor_maximum(arcs[0])
    bend[2] = bend[1] + arm.lengths[1] / 8.0 * neighbor_maximum(arcs[1])
    return SweptLinks(points, neighbor_maximum(np.abs(np.diff(points))), bend)


def neighbor_maximum(gaps: Array) -> Array:
    """Return (..., N + 1) the larger of two neighbouring gaps, from (..., N)."""
    larger = np.zeros((*gaps.shape[:-1], gaps.shape[-1] + 1))
    larger[..., :-1] = gaps
    np.maximum(larger[..., 1:], gaps, out=larger[..., 1:])
    return larger
