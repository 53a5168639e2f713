"""What of the joint range can be visited, and what has been."""

import numpy as np
import pytest

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.control.coverage import JointCoverage, JointRange

INF = np.inf
ARM = ArmModel('arm', ('a', 'b'), (0.3, 0.2), lower=(-2.0, -INF), upper=(1.0, INF))


@pytest.mark.parametrize('turns', [0, 1, -2])
def test_range_of_a_continuous_joint_is_the_turn_it_is_in(turns):
    """An arm whose cable is wound is not unwound."""
    middle = 2 * np.pi * turns
    found = JointRange.from_arm(ARM, (5.0, middle + 3.0))
    assert found.lower == pytest.approx((-2.0, middle - np.pi))
    assert found.upper == pytest.approx((1.0, middle + np.pi))


def test_margin_is_a_length_or_a_share_whichever_is_less():
    wide = JointRange((-1.0, 0.0), (1.0, 0.1)).shrunk(0.02, 0.05)
    assert wide.lower == pytest.approx((-0.98, 0.005))
    assert wide.upper == pytest.approx((0.98, 0.095))


def test_clip_goes_to_the_nearest_position_inside():
    assert JointRange((-1.0, -1.0), (1.0, 1.0)).clip((1.5, 0.3)) == (1.0, 0.3)


def test_coverage_counts_cells_once_and_spans():
    coverage = JointCoverage(ARM)
    assert coverage.fraction == 0.0
    for q in [(-2.0, 0.1), (-1.99, 0.1), (1.0, 0.1)]:
        coverage.add(q)
    assert coverage.fraction == 2 / 64
    assert coverage.position_ranges == (pytest.approx((-2.0, 1.0)), pytest.approx((0.1, 0.1)))


def test_coverage_takes_another_turn_for_the_same():
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


def test_coverage_takes_a_position_past_a_limit():
    coverage = JointCoverage(ARM)
    coverage.add((1.2, 0.0))
    coverage.add((-2.2, 0.0))
    assert coverage.fraction == 2 / 64
