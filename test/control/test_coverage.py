"""Joint targets: inside the range, even at every moment, with short ways."""

from itertools import islice, pairwise

import numpy as np
import pytest
from scipy.stats import qmc

from ik_nn_ros.control.coverage import JointRange, coverage_targets, greedy_order

RANGE = JointRange((-2.9, -1.0), (2.9, 2.6))


def targets(count, total=0, seed=0):
    rng = np.random.default_rng(seed)
    return np.array(list(islice(coverage_targets(RANGE, (0.0, 0.0), rng, total), count)))


def discrepancy(sets):
    """The mean over sets of targets; 0: perfectly even."""
    low, up = np.array(RANGE.lower), np.array(RANGE.upper)
    return np.mean([qmc.discrepancy((q - low) / (up - low)) for q in sets])


def way(q):
    return np.abs(np.diff(q, axis=0)).max(axis=1).mean()


def test_lie_inside_the_range():
    q = targets(3000)
    assert (q >= RANGE.lower).all()
    assert (q <= RANGE.upper).all()


@pytest.mark.parametrize('count', [64, 256, 1024])
def test_cover_the_range_evenly_after_each_batch(count):
    rng = np.random.default_rng(1)
    random = [rng.uniform(RANGE.lower, RANGE.upper, (count, 2)) for _ in range(20)]
    ours = [targets(count, seed=seed) for seed in range(5)]
    assert discrepancy(ours) < 0.3 * discrepancy(random)


@pytest.mark.parametrize('total', [50, 100, 700])
def test_cover_the_range_evenly_when_the_number_is_known(total):
    """Cut out of a larger batch they would leave a part of the range empty."""
    known, cut = ([targets(total, n, seed) for seed in range(5)] for n in (total, 0))
    assert discrepancy(known) < 0.3 * discrepancy(cut)


@pytest.mark.parametrize('count', [40, 200, 800])
def test_no_part_of_the_range_waits_long(count):
    """In the middle of a batch: the range in 3 x 3 parts, none with less than a third."""
    q = targets(count)
    parts, *_ = np.histogram2d(*q.T, bins=3, range=list(zip(RANGE.lower, RANGE.upper, strict=True)))
    assert parts.min() > count / 9 / 3


def test_ways_between_targets_are_short():
    q = targets(512)
    unordered = np.random.default_rng(0).permutation(q)
    assert way(q) < 0.25 * way(unordered)


def test_the_first_way_is_from_where_the_arm_is():
    start = np.array([2.9, 2.6])
    q = np.array([[0.0, 0.0], [2.0, 2.0], [1.0, 1.0]])
    np.testing.assert_array_equal(greedy_order(q, start), [[2, 2], [1, 1], [0, 0]])


def test_each_exploration_visits_other_targets():
    """A second recording is new information, and can serve to check a fit to the first."""
    first, second = targets(100, seed=1), targets(100, seed=2)
    gaps = np.abs(first[:, np.newaxis] - second).max(axis=-1).min(axis=1)
    assert np.median(gaps) > 0.02


def test_none_is_visited_twice():
    q = targets(1000)
    order = q[np.lexsort(q.T)]
    assert all(np.abs(a - b).max() > 1e-6 for a, b in pairwise(order))
