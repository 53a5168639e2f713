"""Coverage of the joint range: targets spread evenly in short moves, and what has been visited."""

from itertools import islice, pairwise

import numpy as np
import pytest
from scipy.stats import qmc

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.control.coverage import JointCoverage, JointRange, coverage_targets, greedy_order

INF = np.inf
ARM = ArmModel('arm', ('a', 'b'), (0.3, 0.2), lower=(-2.0, -INF), upper=(1.0, INF))
RANGE = JointRange((-2.9, -1.0), (2.9, 2.6))


def targets(count, total=0, seed=0):
    rng = np.random.default_rng(seed)
    return np.array(list(islice(coverage_targets(RANGE, (0.0, 0.0), rng, total), count)))


def discrepancy(sets):
    """The mean over sets of targets; 0: perfectly even."""
    low, up = np.array(RANGE.lower), np.array(RANGE.upper)
    return np.mean([qmc.discrepancy((q - low) / (up - low)) for q in sets])


def mean_move(q):
    return np.abs(np.diff(q, axis=0)).max(axis=1).mean()


def test_targets_lie_inside_the_range():
    q = targets(3000)
    assert (q >= RANGE.lower).all()
    assert (q <= RANGE.upper).all()


@pytest.mark.parametrize('count', [64, 256, 1024])
def test_targets_cover_the_range_evenly_after_each_batch(count):
    rng = np.random.default_rng(1)
    random = [rng.uniform(RANGE.lower, RANGE.upper, (count, 2)) for _ in range(20)]
    ours = [targets(count, seed=seed) for seed in range(5)]
    assert discrepancy(ours) < 0.3 * discrepancy(random)


@pytest.mark.parametrize('total', [50, 100, 700])
def test_targets_cover_the_range_evenly_when_their_number_is_known(total):
    """A part of a larger batch would leave a part of the range empty."""
    known, cut = ([targets(total, n, seed) for seed in range(5)] for n in (total, 0))
    assert discrepancy(known) < 0.3 * discrepancy(cut)


@pytest.mark.parametrize('count', [40, 200, 800])
def test_targets_reach_every_part_of_the_range_early(count):
    """Within a batch none of 3 x 3 parts has less than a third of the mean."""
    q = targets(count)
    parts, *_ = np.histogram2d(*q.T, bins=3, range=list(zip(RANGE.lower, RANGE.upper, strict=True)))
    assert parts.min() > count / 9 / 3


def test_moves_between_targets_are_short():
    q = targets(512)
    unordered = np.random.default_rng(0).permutation(q)
    assert mean_move(q) < 0.25 * mean_move(unordered)


def test_the_greedy_order_starts_at_the_arm():
    start = np.array([2.9, 2.6])
    q = np.array([[0.0, 0.0], [2.0, 2.0], [1.0, 1.0]])
    np.testing.assert_array_equal(greedy_order(q, start), [[2, 2], [1, 1], [0, 0]])


def test_each_exploration_visits_other_targets():
    """A second recording brings new information, and can check a fit to the first."""
    first, second = targets(100, seed=1), targets(100, seed=2)
    gaps = np.abs(first[:, np.newaxis] - second).max(axis=-1).min(axis=1)
    assert np.median(gaps) > 0.02


def test_no_target_is_visited_twice():
    q = targets(1000)
    order = q[np.lexsort(q.T)]
    assert all(np.abs(a - b).max() > 1e-6 for a, b in pairwise(order))


# What has been visited


@pytest.mark.parametrize('turns', [0, 1, -2])
def test_the_range_of_a_continuous_joint_is_its_current_turn(turns):
    """Unwinding an arm could tear its cable, so it stays in its turn."""
    middle = 2 * np.pi * turns
    found = JointRange.from_arm(ARM, (5.0, middle + 3.0))
    assert found.lower == pytest.approx((-2.0, middle - np.pi))
    assert found.upper == pytest.approx((1.0, middle + np.pi))


def test_the_margin_is_an_angle_or_a_fraction_whichever_is_smaller():
    wide = JointRange((-1.0, 0.0), (1.0, 0.1)).shrunk(0.02, 0.05)
    assert wide.lower == pytest.approx((-0.98, 0.005))
    assert wide.upper == pytest.approx((0.98, 0.095))


def test_clip_returns_the_nearest_position_inside():
    assert JointRange((-1.0, -1.0), (1.0, 1.0)).clip((1.5, 0.3)) == (1.0, 0.3)


def test_coverage_counts_each_cell_once_and_the_range_of_positions():
    coverage = JointCoverage(ARM)
    assert coverage.fraction == 0.0
    for q in [(-2.0, 0.1), (-1.99, 0.1), (1.0, 0.1)]:
        coverage.add(q)
    assert coverage.fraction == 2 / 64
    assert coverage.position_ranges == (pytest.approx((-2.0, 1.0)), pytest.approx((0.1, 0.1)))


def test_coverage_counts_another_turn_as_the_same():
    coverage = JointCoverage(ARM)
    coverage.add((0.0, 0.1))
    coverage.add((0.0, 0.1 + 4 * np.pi))
    assert coverage.fraction == 1 / 64


def test_coverage_of_positions_everywhere_is_full():
    coverage = JointCoverage(ARM)
    for q1 in np.linspace(-2.0, 1.0, 40):
        for q2 in np.linspace(-np.pi, np.pi, 40):
            coverage.add((q1, q2))
    assert coverage.fraction == 1.0


def test_coverage_counts_a_position_past_a_limit_in_the_outer_cell():
    coverage = JointCoverage(ARM)
    coverage.add((1.2, 0.0))
    coverage.add((-2.2, 0.0))
    assert coverage.fraction == 2 / 64


def test_coverage_has_cells_of_equal_width_with_the_upper_edge_in_the_next():
    """The range of joint a is 3 rad: its cells are 0.375 rad wide."""
    coverage = JointCoverage(ARM)
    for q1 in (-2.0, -2.0 + 0.374):
        coverage.add((q1, 0.1))
    assert coverage.fraction == 1 / 64
    coverage.add((-2.0 + 0.376, 0.1))
    assert coverage.fraction == 2 / 64


def test_batches_double_from_eight_to_512():
    """Each batch of targets is a permutation of the next points of the sequence."""
    rng = np.random.default_rng(3)
    offset = np.random.default_rng(3).random(2)
    q = np.array(list(islice(coverage_targets(RANGE, (0.0, 0.0), rng, 0), 2048)))
    low, up = np.array(RANGE.lower), np.array(RANGE.upper)
    step = np.array([0.7548776662466927, 0.5698402909980532])
    points = low + (offset + np.arange(2048)[:, None] * step) % 1.0 * (up - low)
    first = 0
    for count in (8, 8, 16, 32, 64, 128, 256, 512, 512, 512):
        rows = slice(first, first + count)
        got, expected = (part[np.lexsort(part.T)] for part in (q[rows], points[rows]))
        np.testing.assert_allclose(got, expected, atol=1e-9)
        first += count
