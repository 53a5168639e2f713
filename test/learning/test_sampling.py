"""Targets for training and testing."""

import numpy as np
import pytest
from arms import random_arm

from ik_nn_ros.arm.closed_form import closed_form_batch
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.learning.sampling import paper_ranges, whole_workspace

ARM = ArmModel('arm', ('joint1', 'joint2'), (0.3, 0.2))


def free(arm):
    return ArmModel(arm.name, arm.joint_names, arm.lengths, arm.signs, arm.offsets)


@pytest.mark.parametrize('seed', range(10))
@pytest.mark.parametrize('sample', [whole_workspace, paper_ranges])
def test_every_target_can_be_reached_on_its_branch(seed, sample):
    """Catches a branch column of the wrong sign, and targets outside the annulus."""
    arm = free(random_arm(seed).model)
    target = sample(arm, np.random.default_rng(seed), 2000).target
    q = closed_form_batch(arm, target[:, :2], target[:, 2], np.zeros(2))
    np.testing.assert_allclose(arm.fk(q), target[:, :2], atol=1e-7 * arm.reach)
    bend = np.sin(q[:, 1] + arm.signs[1] * arm.offsets[1])
    assert (bend * target[:, 2] >= -1e-9).all()


def test_whole_workspace_covers_all_directions_both_branches_and_the_edges():
    target = whole_workspace(ARM, np.random.default_rng(0), 20_000).target
    r = np.hypot(target[:, 0], target[:, 1])
    sector = np.floor(np.arctan2(target[:, 1], target[:, 0]) / (np.pi / 4))
    assert np.unique(sector).tolist() == [-4, -3, -2, -1, 0, 1, 2, 3]
    assert abs(target[:, 2].mean()) < 0.05
    for edge in (ARM.reach, ARM.inner_reach):
        distance = np.abs(r - edge)
        assert (distance < 1e-15).sum() > 100
        assert ((distance > 1e-12) & (distance < 1e-6)).sum() > 100


@pytest.mark.parametrize('seed', [1, 2, 3, 4])
def test_paper_ranges_are_those_of_the_paper(seed):
    """Each joint about its own axis, counted from both links along x, whatever the arm's signs."""
    arm = free(random_arm(seed).model)
    target = paper_ranges(arm, np.random.default_rng(0), 20_000).target
    zero = np.asarray(arm.signs) * arm.offsets
    q = closed_form_batch(arm, target[:, :2], target[:, 2], np.array([0.8, 1.5]) - zero) + zero
    assert q.min() > -1e-6
    assert (q.max(axis=0) < np.array([np.pi / 2, np.pi]) + 1e-6).all()
    np.testing.assert_allclose(q.mean(axis=0), [np.pi / 4, np.pi / 2], atol=0.02)


def test_the_same_generator_state_draws_the_same_targets():
    draws = [whole_workspace(ARM, np.random.default_rng(7), 50).target for _ in range(2)]
    np.testing.assert_array_equal(*draws)
