"""The workspace: its nearest points are reachable, and no sampled point is nearer."""

import numpy as np
import pytest
from arms import random_arm, random_joints

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.arm.workspace import BOTH_BRANCHES


def reachable(arm: ArmModel, point: np.ndarray, branch: int) -> bool:
    for side in (1, -1) if branch == BOTH_BRANCHES else (branch,):
        q = arm.closed_form(*point, side, arm.home)
        if np.hypot(*(np.array(arm.fk_point(*q)) - point)) < 1e-9 * arm.reach:
            return True
    return False


@pytest.mark.parametrize('branch', [BOTH_BRANCHES, 1, -1])
@pytest.mark.parametrize('seed', range(25))
def test_nearest_is_reachable_and_nothing_reachable_is_nearer(seed, branch):
    arm = random_arm(seed).model
    rng = np.random.default_rng(seed)
    workspace = arm.workspace(branch)
    joints = random_joints(arm, rng, 20000)
    if branch != BOTH_BRANCHES:
        joints = joints[[arm.branch_of(q) == branch for q in joints]]
    cloud = arm.fk(joints)
    if not workspace.arcs:
        assert len(joints) == 0
        return
    targets = rng.uniform(-1.5, 1.5, size=(60, 2)) * arm.reach
    targets = np.array([t for t in targets if not reachable(arm, t, branch)]).reshape(-1, 2)
    for target, nearest in zip(targets, workspace.nearest_points(targets), strict=True):
        assert reachable(arm, nearest, branch)
        distance = np.hypot(*(nearest - target))
        if len(cloud):
            assert distance <= np.min(np.hypot(*(cloud - target).T)) + 1e-9


def boundary_angles(arm: ArmModel, elbow: tuple[float, float], count: int) -> np.ndarray:
    """(count, 2) link angles around the rectangle that the limits leave of one branch."""
    (low1, up1), (low2, up2) = arm.link_angle_range(0), elbow
    corners = np.array([(low1, low2), (up1, low2), (up1, up2), (low1, up2), (low1, low2)])
    along = np.linspace(0.0, 4.0, count, endpoint=False)
    return np.column_stack([np.interp(along, np.arange(5.0), corners[:, i]) for i in range(2)])


@pytest.mark.parametrize('low2', [0.3, 0.0])
@pytest.mark.parametrize('seed', range(4))
def test_no_small_step_of_the_joints_leads_nearer_from_a_candidate(seed, low2):
    """And wherever no step leads nearer there is one, checked all along the boundary."""
    rng = np.random.default_rng(seed)
    limit, up2 = rng.uniform(1.0, 2.9), rng.uniform(1.0, 2.9)
    arm = ArmModel('arm', ('a', 'b'), (0.3, 0.2), lower=(-limit, low2), upper=(limit, up2))
    q = boundary_angles(arm, (low2, up2), 1000)
    steps = 0.02 * np.array([(i / 5.0, j) for i in range(-5, 6) for j in (-1, 0, 1) if i or j])
    around = np.clip(q[:, None, :] + steps, arm.lower, arm.upper)
    moved = np.any(around != q[:, None, :], axis=-1)
    tip, beside = arm.fk(q), arm.fk(around)
    targets = rng.uniform(-0.7, 0.7, (40, 2))
    targets = np.array([target for target in targets if not reachable(arm, target, 1)])
    points, distances, is_beyond = arm.workspace(1).projection_candidates(targets)
    assert is_beyond[np.isfinite(distances)].all()
    for i, target in enumerate(targets):
        is_candidate = np.isfinite(distances[i])
        found, off = points[i][is_candidate], distances[i][is_candidate]
        np.testing.assert_allclose(off, np.hypot(*(found - target).T), atol=1e-12)
        own = np.hypot(*(tip - target).T)
        smallest = np.where(moved, np.hypot(*np.moveaxis(beside - target, -1, 0)), 9.0).min(axis=1)
        relevant = off < off.min() + 0.2  # on the far side minima and maxima nearly coincide
        for point, distance in zip(found[relevant], off[relevant], strict=True):
            at_point = np.array(arm.closed_form(*point, 1, arm.home))
            stepped = arm.fk(np.clip(at_point + steps, arm.lower, arm.upper))
            assert np.hypot(*(stepped - target).T).min() > distance - 1e-5
        is_minimum = smallest > own + 1e-5
        for point, distance in zip(tip[is_minimum], own[is_minimum], strict=True):
            assert (np.hypot(*(found - point).T) < 0.02).any()
            assert off.min() <= distance + 1e-5


def test_full_annulus_projects_radially():
    arm = ArmModel('arm', ('a', 'b'), (0.3, 0.2))
    nearest = arm.workspace().nearest_points(np.array([[3.0, 4.0], [0.03, 0.04]]))
    np.testing.assert_allclose(nearest, [[0.3, 0.4], [0.06, 0.08]], atol=1e-12)


def test_a_branch_that_the_limits_exclude_reaches_nothing():
    arm = ArmModel('arm', ('a', 'b'), (0.3, 0.2), lower=(-1.0, 0.1), upper=(1.0, 2.0))
    assert not arm.workspace(-1).arcs
    assert np.isnan(arm.workspace(-1).nearest_points(np.array([[1.0, 0.0]]))).all()


def test_points_of_an_arc_lie_on_it_within_the_spacing():
    for arc in random_arm(3).model.workspace().arcs:
        points = arc.points(0.01)
        np.testing.assert_allclose(np.hypot(*(points - arc.center).T), arc.radius, atol=1e-12)
        assert np.hypot(*np.diff(points, axis=0).T).max() <= 0.01 + 1e-12


@pytest.mark.parametrize('branch', [1, -1])
@pytest.mark.parametrize('limit', [-2.9, 2.9])
def test_the_boundary_has_no_gap_at_the_limit_of_joint_1(limit, branch):
    """Beyond reach at that bearing the nearest point is close, not half a turn away."""
    arm = ArmModel('arm', ('a', 'b'), (0.3, 0.2), lower=(-2.9, -2.6), upper=(2.9, 2.6))
    away = np.array([0.0, *np.geomspace(1e-8, 1e-3, 200)])
    bearing = limit + np.concatenate((-away, away))
    targets = 0.55 * np.column_stack((np.cos(bearing), np.sin(bearing)))
    nearest = arm.workspace(branch).nearest_points(targets)
    assert np.hypot(*(nearest - targets).T).max() < 0.0501
    assert all(reachable(arm, point, branch) for point in nearest)
