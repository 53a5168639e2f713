"""
The paper's case study: its arm and its Table 1.

Lengths are in the paper's unit, which the paper does not name; it takes the place of metres.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi

import numpy as np

from ik_nn_ros.arm.geometry import Array, JointPair
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.ik.verification import tip_errors

CITATION = (
    'Al-Sharif, Abbass, Hanafi, Elnady: Enhancing Robotic Autonomy: A Review and Case Study of '
    'Traditional and Deep Learning Approaches to Inverse Kinematics'
)
ARM = ArmModel('Al-Sharif et al.', ('q1', 'q2'), (10.0, 7.0), lower=(0.0, 0.0), upper=(pi / 2, pi))
"""
The paper's arm. The limits are the ranges that the paper draws from. The paper does not state the
lengths: these are of a well-known example with the same ranges, and they reproduce all ten rows of
Table 1 within the rounding of the angles.
"""


@dataclass(frozen=True)
class TablePoint:
    """
    A row of Table 1.

    :param name: P1 to P10
    :param actual: joint angles of the target, rad
    :param predicted: answer of the paper's network, rad
    :param error: end-effector error stated by the paper, in its unit of length
    """

    name: str
    actual: JointPair
    predicted: JointPair
    error: float


TABLE_1 = (
    TablePoint('P1', (1.49, 2.95), (1.51, 2.91), 0.31),
    TablePoint('P2', (1.55, 0.25), (1.52, 0.41), 0.55),
    TablePoint('P3', (1.55, 0.73), (1.55, 0.75), 0.11),
    TablePoint('P4', (0.10, 1.87), (0.13, 1.87), 0.30),
    TablePoint('P5', (0.68, 0.73), (0.73, 0.60), 0.36),
    TablePoint('P6', (0.40, 2.60), (0.39, 2.64), 0.27),
    TablePoint('P7', (0.10, 1.75), (0.12, 1.75), 0.25),
    TablePoint('P8', (0.81, 2.03), (0.83, 2.01), 0.23),
    TablePoint('P9', (1.11, 0.83), (1.14, 0.72), 0.40),
    TablePoint('P10', (1.54, 1.08), (1.55, 1.06), 0.08),
)


def actual_angles() -> Array:
    """Return the joint angles of Table 1, (10, 2), rad."""
    return np.array([point.actual for point in TABLE_1])


def recomputed_errors() -> Array:
    """Return the errors of the paper's printed angles, (10,), which are rounded to 0.01 rad."""
    return point_errors(np.array([point.predicted for point in TABLE_1]))


def point_errors(q: Array) -> Array:
    """Return the errors, (10,), paper's unit, of answers (10, 2), rad, to the points of Table 1."""
    return ARM.reach * tip_errors(ARM, ARM.fk(actual_angles()), q)
