"""The network families in torch: their documented properties, and short trainings."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from arms import random_arm

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.ik.network import BRANCH_SETS
from ik_nn_ros.learning.families import FAMILIES, PATH_FAMILIES
from ik_nn_ros.learning.networks import policy
from ik_nn_ros.learning.networks.feed_forward import FeedForwardNetwork
from ik_nn_ros.learning.networks.network import ExecutionMode
from ik_nn_ros.learning.networks.path_networks import (
    ConvolutionNetwork,
    LstmNetwork,
    TransformerNetwork,
)
from ik_nn_ros.learning.networks.policy import PolicyNetwork
from ik_nn_ros.learning.networks.root_networks import GraphNetwork
from ik_nn_ros.learning.networks.variational import LATENT_SAMPLE_COUNT, VariationalNetwork
from ik_nn_ros.learning.training import train

ARM = ArmModel('arm', ('joint1', 'joint2'), (0.3, 0.2))
ALL_FAMILIES = FAMILIES | PATH_FAMILIES
SHORT = {'batch_size': 128, 'lm_iterations': 0, 'validation_samples': 500}
SPECIAL_POINTS = [
    (0, 0),
    (-0.0, 0),
    (-0.3, 0),
    (-0.3, -0.0),
    (0.5, 0),
    (0, 0.4),
    (0, -0.1),
    (9, -9),
]
"""Base, discontinuity of the bearing, boundaries of the workspace, far out of reach; m"""


def make(family, arm=ARM, seed=0):
    return family(arm, torch.Generator().manual_seed(seed))


def draw(network, count, seed=99):
    """Return single targets or paths of targets, whichever the network takes."""
    drawn = network.sample(network.arm, np.random.default_rng(seed), count)
    return torch.from_numpy(drawn.target)


@torch.no_grad()
def propose(network, target):
    return network(target)


def tip_error(arm, q, target):
    """Return the tip error from the arm's own forward kinematics, as a fraction of reach."""
    offset = arm.fk(q.numpy()) - target[..., :2].numpy()
    return np.hypot(offset[..., 0], offset[..., 1]) / arm.reach


def elbow_sine(arm, q):
    """Return the sine of the elbow's angle; its sign is the branch."""
    return np.sin(q[..., 1].numpy() + arm.signs[1] * arm.offsets[1])


@pytest.fixture(scope='module', params=[0, 3])
def trained(request):
    """Return short trainings, cached, for the default and for a reversed arm."""
    arm, networks = (random_arm(3).model if request.param else ARM), {}

    def get(family, steps):
        if family not in networks:
            config = replace(family.config, adam_steps=steps, **SHORT)
            networks[family] = train(family, arm, config).network
        return networks[family]

    return get


@pytest.mark.parametrize('lengths', [(0.3, 0.2), (0.2, 0.3), (0.25, 0.25)])
@pytest.mark.parametrize('precision', [torch.float32, torch.float64])
@pytest.mark.parametrize('family', ALL_FAMILIES.values(), ids=ALL_FAMILIES)
def test_joint_angles_are_finite_in_and_out_of_reach(family, precision, lengths):
    """Catches roots of negative numbers, and divisions by a distance or radius of zero."""
    network = make(family, ArmModel('arm', ('a', 'b'), lengths)).to(precision)
    rows = [(x, y, b, np.arctan2(y, x)) for x, y in SPECIAL_POINTS for b in (1, -1)]
    target = torch.tensor(rows, dtype=precision)
    if network.execution_mode != ExecutionMode.SINGLE_TARGET:
        target = target.reshape(2, 8, 4)
    q = propose(network, target)
    assert (q.shape, q.dtype) == ((*target.shape[:-1], 2), precision)
    assert torch.isfinite(q).all()


@pytest.mark.parametrize('family', ALL_FAMILIES.values(), ids=ALL_FAMILIES)
def test_the_attributes_of_a_family_are_correct(family):
    """Model files and tables contain them."""
    assert ALL_FAMILIES[family.family] is family
    assert family.label
    target = draw(make(family), 200)
    assert target.ndim == (2 if family.execution_mode == ExecutionMode.SINGLE_TARGET else 3)
    assert (family.execution_mode == ExecutionMode.SINGLE_TARGET) == (family.family in FAMILIES)
    branches = set(target[..., 2].ravel().tolist())
    assert branches == set(map(float, BRANCH_SETS[family.branches]))


@pytest.mark.parametrize('family', ALL_FAMILIES.values(), ids=ALL_FAMILIES)
def test_joint_angles_do_not_depend_on_the_rest_of_the_batch(family):
    """ik_node sends single targets, evaluate many."""
    network, target = make(family, random_arm(3).model), draw(make(family, random_arm(3).model), 20)
    batched = propose(network, target)
    single = torch.cat([propose(network, row[None]) for row in target])
    torch.testing.assert_close(single, batched, rtol=0.0, atol=1e-12)


class TestFeedForward:
    def test_it_has_the_papers_layers_and_uses_the_branch(self):
        network = make(FeedForwardNetwork)
        shapes = [tuple(p.shape) for p in network.parameters() if p.ndim == 2]
        assert shapes == [(64, 3), (32, 64), (2, 32)]
        assert [type(m) for m in network.layers][1::2] == [torch.nn.ReLU] * 2
        target = draw(network, 100)
        q = propose(network, target)
        assert torch.equal(propose(network, target * torch.tensor([1, 1, 1, 0])), q)
        assert not torch.allclose(propose(network, target * torch.tensor([1, 1, -1, 1])), q)

    def test_its_loss_is_the_mean_squared_error_of_the_angles(self):
        network = make(FeedForwardNetwork)
        drawn = network.sample(ARM, np.random.default_rng(0), 50)
        target, q = (torch.from_numpy(values) for values in drawn)
        expected = np.mean((propose(network, target).numpy() - drawn.q) ** 2)
        loss = network.loss(target, q, torch.Generator())
        assert loss.item() == pytest.approx(expected, rel=1e-12)


class TestGraph:
    def test_it_is_equivariant_to_permutations_of_the_nodes(self):
        """Nodes differ by their position in the chain and not by their layers."""
        network = make(GraphNetwork)
        target = draw(network, 50)

        def output():
            return propose(network, target) - network._output_bias(
                target, network._signed_roots(target)
            )

        before = output()
        order = [1, 0, 2]
        with torch.no_grad():
            network.initial_joint_states.copy_(network.initial_joint_states[[1, 0]])
            network.adjacency.copy_(network.adjacency[order][:, order])
        torch.testing.assert_close(output(), before[:, [1, 0]], rtol=0.0, atol=1e-12)

    def test_the_target_reaches_the_joints_by_messages_only(self):
        network = make(GraphNetwork)
        target = draw(network, 50)
        network.adjacency.zero_()
        output = propose(network, target) - network._output_bias(
            target, network._signed_roots(target)
        )
        assert output.std(dim=0).max() < 1e-12


class TestVariational:
    STEPS = 600

    def test_its_solutions_contain_both_branches(self, trained):
        """Catches a latent variable without information, for which all solutions are the same."""
        network = trained(VariationalNetwork, self.STEPS)
        arm, target = network.arm, draw(network, 2000)
        with torch.no_grad():
            solutions = network.solutions(target)
        assert solutions.shape == (2000, LATENT_SAMPLE_COUNT, 2)
        near = tip_error(arm, solutions, target[:, None]) < 0.2
        sines = elbow_sine(arm, solutions)
        both = (near & (sines > 0.1)).any(axis=1) & (near & (sines < -0.1)).any(axis=1)
        # A stretched or folded arm has one solution only.
        v, u = network._roots(target).numpy().T
        assert both[(v > 0.3) & (u > 0.3)].mean() > 0.99

    def test_it_selects_the_requested_branch(self, trained):
        network = trained(VariationalNetwork, self.STEPS)
        target = draw(network, 2000)
        for branch in (1.0, -1.0):
            target[:, 2] = branch
            q = propose(network, target)
            assert (elbow_sine(network.arm, q) * branch > -0.1).all()
            assert np.median(tip_error(network.arm, q, target)) < 0.06


class TestPolicy:
    def test_it_learns_from_rewards_alone(self, monkeypatch):
        """Without gradients of the kinematics, which are a black box here."""

        def black_box(arm, q):
            return torch.from_numpy(arm.fk(q.numpy()))

        monkeypatch.setattr(policy, 'fk', black_box)
        before = make(PolicyNetwork)
        after = train(PolicyNetwork, ARM, replace(PolicyNetwork.config, adam_steps=150, **SHORT))
        target = draw(before, 2000)
        initial, final = (
            tip_error(ARM, propose(n, target), target) for n in (before, after.network)
        )
        assert np.median(initial) > 0.1
        assert np.median(final) < 0.02
        assert (
            elbow_sine(ARM, propose(after.network, target)) * target[:, 2].numpy() > -0.1
        ).mean() > 0.9


class TestLstm:
    def test_single_steps_agree_with_the_whole_path(self):
        network = make(LstmNetwork)
        target = draw(network, 20)
        state = torch.zeros(20, network.state_size, dtype=torch.float64)
        steps = []
        with torch.no_grad():
            for step_target in target.unbind(dim=1):
                q, state = network.step(step_target, state)
                steps.append(q)
        torch.testing.assert_close(torch.stack(steps, dim=1), propose(network, target))

    def test_only_earlier_targets_have_an_influence(self):
        changed = changed_by(make(LstmNetwork), at=10)
        assert not changed[:10].any()
        assert changed[10:14].all()


def changed_by(network, at, length=32):
    """Return at which steps of a path the joint angles depend on the target number ``at``."""
    target = draw(network, 4)[:, :length]
    other = target.clone()
    other[:, at] = draw(network, 4, seed=7)[:, at]
    difference = (propose(network, other) - propose(network, target)).abs().amax(dim=(0, 2))
    return (difference > 1e-9).numpy()


def test_a_convolution_sees_two_targets_before_and_after():
    for at, steps in ((10, [8, 9, 10, 11, 12]), (0, [0, 1, 2]), (31, [29, 30, 31])):
        changed = changed_by(make(ConvolutionNetwork), at)
        assert np.flatnonzero(changed).tolist() == steps


def test_a_transformer_sees_all_targets_and_attends_more_to_near_ones():
    network = make(TransformerNetwork)
    changed = changed_by(network, at=10)
    assert changed[5:16].all()
    target = draw(network, 50)
    other = target.clone()
    other[:, 10] = draw(network, 50, seed=7)[:, 10]
    difference = (propose(network, other) - propose(network, target)).abs().mean(dim=(0, 2))
    assert difference[9] > 2.0 * difference[5] > 4.0 * difference[1]
    assert difference[11] > 2.0 * difference[15] > 4.0 * difference[19]


@pytest.mark.parametrize('family', PATH_FAMILIES.values(), ids=PATH_FAMILIES)
@pytest.mark.parametrize('length', [1, 2, 100])
def test_paths_may_be_of_any_length(family, length):
    network = make(family)
    target = draw(network, 30).reshape(-1, 4)[: 5 * length].reshape(5, length, 4)
    q = propose(network, target)
    assert q.shape == (5, length, 2)
    assert torch.isfinite(q).all()


@pytest.mark.parametrize(
    ('family', 'steps', 'bound'),
    [
        (FeedForwardNetwork, 1000, 0.12),
        (GraphNetwork, 500, 0.12),
        (LstmNetwork, 120, 0.12),
        (ConvolutionNetwork, 200, 0.1),
        (TransformerNetwork, 120, 0.12),
    ],
)
def test_a_short_training_approaches_the_targets_on_their_branches(family, steps, bound):
    """Catches a wrong loss, sign or offset; before training the error is 0.2 of reach."""
    arm = random_arm(3).model
    config = replace(family.config, adam_steps=steps, **SHORT)
    if family.family in PATH_FAMILIES:
        config = replace(config, batch_size=32, validation_samples=30)
    network = train(family, arm, config).network
    target = draw(network, 2000 if family.execution_mode == ExecutionMode.SINGLE_TARGET else 100)
    q = propose(network, target)
    assert np.median(tip_error(arm, q, target)) < bound
    clear = np.abs(elbow_sine(arm, q)) > 0.2
    assert (elbow_sine(arm, q) * target[..., 2].numpy() > 0.0)[clear].mean() > 0.97
