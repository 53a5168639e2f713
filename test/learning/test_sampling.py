"""Random targets for training and tests."""

import numpy as np
import pytest
from arms import random_arm
from built_arms import calibrated_arm

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.learning.sampling import (
    MAX_JOINT_STEP_RAD,
    TARGETS_PER_PATH,
    sample_paper_ranges,
    sample_smooth_paths,
    sample_within_limits,
    sample_workspace,
)

ARM = ArmModel('arm', ('joint1', 'joint2'), (0.3, 0.2))
SAMPLERS = (sample_workspace, sample_within_limits, sample_smooth_paths, sample_paper_ranges)


def without_limits(arm):
    return ArmModel(arm.name, arm.joint_names, arm.lengths, arm.signs, arm.offsets)


@pytest.mark.parametrize('seed', range(10))
@pytest.mark.parametrize('sample', SAMPLERS)
def test_every_target_is_reachable_on_its_branch(seed, sample):
    """Catches a branch column of the wrong sign, and targets outside the annulus."""
    arm = without_limits(random_arm(seed).model)
    target = sample(arm, np.random.default_rng(seed), 2000).target.reshape(-1, 4)
    q = arm.closed_form_batch(target[:, :2], target[:, 2], np.zeros(2))
    np.testing.assert_allclose(arm.fk(q), target[:, :2], atol=1e-7 * arm.reach)
    elbow_sine = np.sin(q[:, 1] + arm.signs[1] * arm.offsets[1])
    assert (elbow_sine * target[:, 2] >= -1e-9).all()


@pytest.mark.parametrize(
    'arm', [random_arm(3).model, calibrated_arm(1)], ids=['nominal', 'calibrated']
)
@pytest.mark.parametrize('sample', SAMPLERS)
def test_targets_agree_with_their_joint_angles(arm, sample):
    """A loss on joint angles uses both; no other test would notice a wrong branch or sign."""
    target, q = sample(arm, np.random.default_rng(0), 500)
    assert target.shape == (*q.shape[:-1], 4)
    assert q.shape[-1] == 2
    x, y, branch, bearing = np.moveaxis(target, -1, 0)
    np.testing.assert_allclose(arm.fk(q), target[..., :2], atol=1e-12 * arm.reach)
    elbow_sine = np.sin(q[..., 1] + arm.signs[1] * arm.offsets[1])
    # The residual moves the boundary of a calibrated arm away from the stretched elbow.
    assert (elbow_sine * branch > (-0.2 if arm.residual_bound else -1e-9)).all()
    np.testing.assert_allclose(np.cos(bearing), x / np.hypot(x, y), atol=1e-9)
    np.testing.assert_allclose(np.sin(bearing), y / np.hypot(x, y), atol=1e-9)


def test_samples_within_limits_cover_the_limits():
    arm = ArmModel('arm', ('a', 'b'), (0.3, 0.2), lower=(-0.5, -2.0), upper=(2.0, np.inf))
    q = sample_within_limits(arm, np.random.default_rng(0), 20_000).q
    assert ((q >= arm.lower) & (q <= arm.upper)).all()
    np.testing.assert_allclose(q.min(axis=0), [-0.5, -2.0], atol=0.01)
    np.testing.assert_allclose(q.max(axis=0), [2.0, np.pi], atol=0.01)
    np.testing.assert_allclose(q.mean(axis=0), [0.75, (np.pi - 2.0) / 2], atol=0.05)


@pytest.mark.parametrize('seed', range(4))
def test_smooth_paths_keep_their_branch_and_cover_the_workspace(seed):
    arm = without_limits(random_arm(seed).model)
    target, q = sample_smooth_paths(arm, np.random.default_rng(seed), 2000)
    assert target.shape == (2000, TARGETS_PER_PATH, 4)
    steps = np.diff(q, axis=1)
    assert 0.9 * MAX_JOINT_STEP_RAD < np.abs(steps).max() <= MAX_JOINT_STEP_RAD + 1e-12
    assert np.abs(np.diff(steps, axis=1)).max() < 0.1 * MAX_JOINT_STEP_RAD
    branch = target[:, :, 2]
    assert (branch == branch[:, :1]).all()
    assert abs(branch[:, 0].mean()) < 0.1
    r = np.hypot(target[..., 0], target[..., 1])
    boundaries = np.quantile(r, [0.0, 1.0])
    np.testing.assert_allclose(boundaries, [arm.inner_reach, arm.reach], atol=1e-3 * arm.reach)
    sector = np.floor(target[..., 3] / (np.pi / 4))
    assert set(range(-4, 4)) <= set(np.unique(sector).tolist())


def test_whole_workspace_covers_all_directions_branches_and_boundaries():
    target = sample_workspace(ARM, np.random.default_rng(0), 20_000).target
    r = np.hypot(target[:, 0], target[:, 1])
    sector = np.floor(np.arctan2(target[:, 1], target[:, 0]) / (np.pi / 4))
    assert np.unique(sector).tolist() == [-4, -3, -2, -1, 0, 1, 2, 3]
    assert abs(target[:, 2].mean()) < 0.05
    for boundary in (ARM.reach, ARM.inner_reach):
        distance = np.abs(r - boundary)
        assert (distance < 1e-15).sum() > 100
        assert ((distance > 1e-12) & (distance < 1e-6)).sum() > 100


@pytest.mark.parametrize('seed', [1, 2, 3, 4])
def test_paper_ranges_are_those_of_the_paper(seed):
    """Joint angles are relative to both links along x, whatever the arm's axis signs."""
    arm = without_limits(random_arm(seed).model)
    target = sample_paper_ranges(arm, np.random.default_rng(0), 20_000).target
    zero = np.asarray(arm.signs) * arm.offsets
    q = arm.closed_form_batch(target[:, :2], target[:, 2], np.array([0.8, 1.5]) - zero) + zero
    assert q.min() > -1e-6
    assert (q.max(axis=0) < np.array([np.pi / 2, np.pi]) + 1e-6).all()
    np.testing.assert_allclose(q.mean(axis=0), [np.pi / 4, np.pi / 2], atol=0.02)


def test_the_same_generator_state_draws_the_same_targets():
    for sample in SAMPLERS:
        draws = [sample(ARM, np.random.default_rng(7), 50).target for _ in range(2)]
        np.testing.assert_array_equal(*draws)
