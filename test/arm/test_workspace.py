"""The nearest reachable point: never unreachable, and no sampled point is nearer."""

import numpy as np
import pytest
from arms import random_arm, random_joints

from ik_nn_ros.arm.closed_form import closed_form
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.arm.workspace import BOTH, Workspace


def reachable(arm: ArmModel, point: np.ndarray, branch: int) -> bool:
    for side in (1, -1) if branch == BOTH else (branch,):
        q = closed_form(arm, *point, side, arm.home)
        if np.hypot(*(np.array(arm.fk_point(*q)) - point)) < 1e-9 * arm.reach:
            return True
    return False


@pytest.mark.parametrize('branch', [BOTH, 1, -1])
@pytest.mark.parametrize('seed', range(25))
def test_nearest_is_reachable_and_nothing_reachable_is_nearer(seed, branch):
    arm = random_arm(seed).model
    rng = np.random.default_rng(seed)
    workspace = Workspace(arm, branch)
    joints = random_joints(arm, rng, 20000)
    if branch != BOTH:
        joints = joints[[arm.branch_of(q) == branch for q in joints]]
    cloud = arm.fk(joints)
    if not workspace.arcs:
        assert len(joints) == 0
        return
    targets = rng.uniform(-1.5, 1.5, size=(60, 2)) * arm.reach
    targets = np.array([t for t in targets if not reachable(arm, t, branch)]).reshape(-1, 2)
    for target, nearest in zip(targets, workspace.nearest(targets), strict=True):
        assert reachable(arm, nearest, branch)
        distance = np.hypot(*(nearest - target))
        if len(cloud):
            assert distance <= np.min(np.hypot(*(cloud - target).T)) + 1e-9


def test_full_annulus_projects_radially():
    arm = ArmModel('arm', ('a', 'b'), (0.3, 0.2))
    nearest = Workspace(arm).nearest(np.array([[3.0, 4.0], [0.03, 0.04]]))
    np.testing.assert_allclose(nearest, [[0.3, 0.4], [0.06, 0.08]], atol=1e-12)


def test_a_branch_that_the_limits_shut_out_reaches_nothing():
    arm = ArmModel('arm', ('a', 'b'), (0.3, 0.2), lower=(-1.0, 0.1), upper=(1.0, 2.0))
    assert not Workspace(arm, -1).arcs
    assert np.isnan(Workspace(arm, -1).nearest(np.array([[1.0, 0.0]]))).all()


def test_arc_points_lie_on_the_arc_no_further_apart_than_asked():
    for arc in Workspace(random_arm(3).model).arcs:
        points = arc.points(0.01)
        np.testing.assert_allclose(np.hypot(*(points - arc.center).T), arc.radius, atol=1e-12)
        assert np.hypot(*np.diff(points, axis=0).T).max() <= 0.01 + 1e-12
