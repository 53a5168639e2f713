"""Joint targets that cover a range evenly, in an order with short ways between them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ik_nn_ros.arm.model import JointPair
from ik_nn_ros.arm.plane import Array
from ik_nn_ros.motion.joint_range import JointRange

PLASTIC_NUMBER = 1.32471795724474602596
"""The real root of x³ = x + 1."""
R2_STEP = np.array([1.0 / PLASTIC_NUMBER, 1.0 / PLASTIC_NUMBER**2])
"""
Of the sequence R2: its points are offset + n STEP, modulo 1.

M. Roberts, "The unreasonable effectiveness of quasirandom sequences", 2018: of the low-discrepancy
sequences in two dimensions the one whose points keep farthest apart, and any stretch of it covers
the square as evenly as its beginning.
"""
MIN_BATCH_SIZE, MAX_BATCH_SIZE = 8, 512
"""Targets in a batch, within which they are put in order."""


def coverage_targets(
    joint_range: JointRange, start: JointPair, rng: np.random.Generator, target_count: int
) -> Iterator[JointPair]:
    """
    Yield joint targets, rad, without end.

    They come in batches, each as large as all before it together, so that also after a part of them
    the range is covered evenly.

    :param joint_range: where they lie
    :param start: where the first way begins
    :param rng: chooses which of the many such sets it is
    :param target_count: after so many the range shall be covered evenly; 0: after any power of two
    """
    offset = rng.random(2)
    low, up = np.array(joint_range.lower), np.array(joint_range.upper)
    place = np.array(start)
    done = 0
    while True:
        count = min(max(done, MIN_BATCH_SIZE), MAX_BATCH_SIZE)
        if done < target_count:
            count = min(count, target_count - done)
        steps = np.arange(done, done + count)[:, np.newaxis] * R2_STEP
        targets = low + (offset + steps) % 1.0 * (up - low)
        for target in greedy_order(targets, place):
            yield float(target[0]), float(target[1])
        place = target
        done += count


def greedy_order(targets: Array, start: Array) -> Array:
    """
    Put targets in order: from each to the nearest of those that are left.

    :param targets: (N, 2), rad
    :param start: (2,) where the first way begins, rad
    :return: (N, 2), rad
    """
    left = targets.copy()
    order = np.empty_like(targets)
    place = start
    for number in range(len(targets)):
        # The joints move at the same time: the longer way counts.
        nearest = np.abs(left - place).max(axis=1).argmin()
        place = order[number] = left[nearest]
        left = np.delete(left, nearest, axis=0)
    return order
