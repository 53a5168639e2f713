"""Projection onto the boundary: near, but not at the price of long travel of the joints."""

import numpy as np
import pytest

from ik_nn_ros.arm.geometry import TWO_PI
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.ik.projection import (
    MAX_DISTANCE_RATIO,
    TRAVEL_COST_RATIO_PER_RAD,
    BoundaryProjection,
)

LIMIT = 2.9
ARM = ArmModel('arm', ('a', 'b'), (0.3, 0.2), lower=(-LIMIT, -2.6), upper=(LIMIT, 2.6))
each_branch = pytest.mark.parametrize('branch', [1, -1])


def project(branch, bearing, radius, q_now):
    target = radius * np.array([[np.cos(bearing), np.sin(bearing)]])
    return BoundaryProjection(ARM, branch).project(target, np.array([q_now]))[0]


def change_over(branch, q_now, radius=0.7):
    """The bearing behind the base where the projection goes over to joint 1's other limit."""
    low, high = LIMIT, TWO_PI - LIMIT
    for _ in range(50):
        middle = (low + high) / 2.0
        is_before = project(branch, middle, radius, q_now)[0] > 0.0
        low, high = (middle, high) if is_before else (low, middle)
    return low, project(branch, low, radius, q_now), project(branch, high, radius, q_now)


@each_branch
@pytest.mark.parametrize('q1', [-LIMIT, -0.4, 0.0, 0.7, LIMIT])
def test_a_nearer_point_has_to_be_worth_its_travel(branch, q1):
    """Where the projection goes over, the travel costs what the point is nearer."""
    q_now = (q1, branch * 0.3)
    bearing, *places = change_over(branch, q_now)
    target = 0.7 * np.array((np.cos(bearing), np.sin(bearing)))
    distances = [np.hypot(*(ARM.fk(q) - target)) for q in places]
    travels = [np.abs(q - q_now).max() for q in places]
    assert places[0][0] > LIMIT - 0.1
    assert places[1][0] < 0.1 - LIMIT
    cost = TRAVEL_COST_RATIO_PER_RAD * ARM.reach * (travels[0] - travels[1])
    assert distances[1] - distances[0] == pytest.approx(cost, abs=1e-6)


@each_branch
def test_of_two_points_equally_near_the_one_with_less_travel_is_taken(branch):
    tie, *_ = change_over(branch, (0.0, branch * 0.3))
    for q1 in (-0.5, -0.01, 0.01, 0.5):
        assert np.sign(project(branch, tie, 0.7, (q1, branch * 0.3))[0]) == np.sign(q1)


@each_branch
def test_a_target_at_any_distance_is_projected_in_its_direction(branch):
    for radius in (0.6, 1e3, MAX_DISTANCE_RATIO, 1e100, 1e300):
        q = project(branch, 0.5, radius, (0.0, branch * 0.5))
        np.testing.assert_allclose(ARM.fk(q), 0.5 * np.array((np.cos(0.5), np.sin(0.5))), atol=1e-6)


def test_a_branch_that_reaches_nothing_projects_to_nothing():
    arm = ArmModel('arm', ('a', 'b'), (0.3, 0.2), lower=(-1.0, 0.1), upper=(1.0, 2.0))
    projection = BoundaryProjection(arm, -1)
    assert not projection
    assert BoundaryProjection(arm, 1)
    assert np.isnan(projection.project(np.ones((3, 2)), np.zeros((3, 2)))).all()
