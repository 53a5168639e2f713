"""The families of networks: what each is said to be, in torch; files are test_export's."""

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
EVERY = FAMILIES | PATH_FAMILIES
SHORT = {'batch_size': 128, 'lm_iterations': 0, 'validation_samples': 500}
AWKWARD = [(0, 0), (-0.0, 0), (-0.3, 0), (-0.3, -0.0), (0.5, 0), (0, 0.4), (0, -0.1), (9, -9)]
"""The base, where the bearing turns over, the edges, far out of reach; m"""


def make(family, arm=ARM, seed=0):
    return family(arm, torch.Generator().manual_seed(seed))


def draw(network, count, seed=99):
    """Targets as the network takes them: a path each, or one each."""
    drawn = network.sample(network.arm, np.random.default_rng(seed), count)
    return torch.from_numpy(drawn.target)


@torch.no_grad()
def answer(network, target):
    return network(target)


def off(arm, q, target):
    """Distance of the tip, of reach; by the arm's own forward kinematics."""
    offset = arm.fk(q.numpy()) - target[..., :2].numpy()
    return np.hypot(offset[..., 0], offset[..., 1]) / arm.reach


def bend(arm, q):
    """Sine of the elbow's angle; its sign is the branch."""
    return np.sin(q[..., 1].numpy() + arm.signs[1] * arm.offsets[1])


@pytest.fixture(scope='module', params=[0, 3])
def trained(request):
    """Short trainings for an ordinary and a turned arm, each done once."""
    arm, done = (random_arm(3).model if request.param else ARM), {}

    def get(family, steps):
        if family not in done:
            done[family] = train(family, arm, replace(family.config, adam_steps=steps, **SHORT))
        return done[family].network

    return get


@pytest.mark.parametrize('lengths', [(0.3, 0.2), (0.2, 0.3), (0.25, 0.25)])
@pytest.mark.parametrize('precision', [torch.float32, torch.float64])
@pytest.mark.parametrize('family', EVERY.values(), ids=EVERY)
def test_in_and_out_of_reach_the_answers_are_finite(family, precision, lengths):
    """Catches roots of negative numbers, and a division by no distance or no radius."""
    network = make(family, ArmModel('arm', ('a', 'b'), lengths)).to(precision)
    rows = [(x, y, b, np.arctan2(y, x)) for x, y in AWKWARD for b in (1, -1)]
    target = torch.tensor(rows, dtype=precision)
    if network.execution_mode != ExecutionMode.SINGLE_TARGET:
        target = target.reshape(2, 8, 4)
    q = answer(network, target)
    assert (q.shape, q.dtype) == ((*target.shape[:-1], 2), precision)
    assert torch.isfinite(q).all()


@pytest.mark.parametrize('family', EVERY.values(), ids=EVERY)
def test_what_a_family_says_of_itself_is_so(family):
    """Model files and tables take these words from it."""
    assert EVERY[family.family] is family
    assert family.label
    target = draw(make(family), 200)
    assert target.ndim == (2 if family.execution_mode == ExecutionMode.SINGLE_TARGET else 3)
    assert (family.execution_mode == ExecutionMode.SINGLE_TARGET) == (family.family in FAMILIES)
    sides = set(target[..., 2].ravel().tolist())
    assert sides == set(map(float, BRANCH_SETS[family.branches]))


@pytest.mark.parametrize('family', EVERY.values(), ids=EVERY)
def test_an_answer_is_the_same_alone_and_among_others(family):
    """Catches what looks at the other rows of a batch: ik_node sends one, evaluate many."""
    network, target = make(family, random_arm(3).model), draw(make(family, random_arm(3).model), 20)
    together = answer(network, target)
    alone = torch.cat([answer(network, row[None]) for row in target])
    torch.testing.assert_close(alone, together, rtol=0.0, atol=1e-12)


class TestFeedForward:
    def test_it_has_the_papers_layers_and_the_branch(self):
        network = make(FeedForwardNetwork)
        shapes = [tuple(p.shape) for p in network.parameters() if p.ndim == 2]
        assert shapes == [(64, 3), (32, 64), (2, 32)]
        assert [type(m) for m in network.layers][1::2] == [torch.nn.ReLU] * 2
        target = draw(network, 100)
        q = answer(network, target)
        assert torch.equal(answer(network, target * torch.tensor([1, 1, 1, 0])), q)
        assert not torch.allclose(answer(network, target * torch.tensor([1, 1, -1, 1])), q)

    def test_its_loss_is_the_mean_squared_error_of_the_angles(self):
        network = make(FeedForwardNetwork)
        drawn = network.sample(ARM, np.random.default_rng(0), 50)
        target, q = (torch.from_numpy(values) for values in drawn)
        wanted = np.mean((answer(network, target).numpy() - drawn.q) ** 2)
        loss = network.loss(target, q, torch.Generator())
        assert loss.item() == pytest.approx(wanted, rel=1e-12)


class TestGraph:
    def test_numbering_the_nodes_otherwise_changes_nothing(self):
        """It is the chain that tells nodes apart, not layers of their own."""
        network = make(GraphNetwork)
        target = draw(network, 50)

        def moved():
            return answer(network, target) - network._output_bias(
                target, network._signed_roots(target)
            )

        before = moved()
        order = [1, 0, 2]
        with torch.no_grad():
            network.initial_joint_states.copy_(network.initial_joint_states[[1, 0]])
            network.adjacency.copy_(network.adjacency[order][:, order])
        torch.testing.assert_close(moved(), before[:, [1, 0]], rtol=0.0, atol=1e-12)

    def test_joints_hear_of_the_target_by_messages_only(self):
        network = make(GraphNetwork)
        target = draw(network, 50)
        network.adjacency.zero_()
        moved = answer(network, target) - network._output_bias(
            target, network._signed_roots(target)
        )
        assert moved.std(dim=0).max() < 1e-12


class TestVariational:
    STEPS = 600

    def test_its_solutions_hold_both_branches(self, trained):
        """Catches a latent variable that tells nothing, where all codes give one solution."""
        network = trained(VariationalNetwork, self.STEPS)
        arm, target = network.arm, draw(network, 2000)
        with torch.no_grad():
            solutions = network.solutions(target)
        assert solutions.shape == (2000, LATENT_SAMPLE_COUNT, 2)
        near = off(arm, solutions, target[:, None]) < 0.2
        sides = bend(arm, solutions)
        both = (near & (sides > 0.1)).any(axis=1) & (near & (sides < -0.1)).any(axis=1)
        # Of a straight or a folded arm there is one only.
        v, u = network._roots(target).numpy().T
        assert both[(v > 0.3) & (u > 0.3)].mean() > 0.99

    def test_it_picks_the_branch_asked_for(self, trained):
        network = trained(VariationalNetwork, self.STEPS)
        target = draw(network, 2000)
        for side in (1.0, -1.0):
            target[:, 2] = side
            q = answer(network, target)
            assert (bend(network.arm, q) * side > -0.1).all()
            assert np.median(off(network.arm, q, target)) < 0.06


class TestPolicy:
    def test_it_learns_from_rewards_alone(self, monkeypatch):
        """The kinematics are a black box here: a gradient through them would be an error."""

        def black_box(arm, q):
            return torch.from_numpy(arm.fk(q.numpy()))

        monkeypatch.setattr(policy, 'fk', black_box)
        before = make(PolicyNetwork)
        after = train(PolicyNetwork, ARM, replace(PolicyNetwork.config, adam_steps=150, **SHORT))
        target = draw(before, 2000)
        first, then = (off(ARM, answer(n, target), target) for n in (before, after.network))
        assert np.median(first) > 0.1
        assert np.median(then) < 0.02
        assert (bend(ARM, answer(after.network, target)) * target[:, 2].numpy() > -0.1).mean() > 0.9


class TestLstm:
    def test_step_by_step_it_answers_as_over_the_whole_path(self):
        network = make(LstmNetwork)
        target = draw(network, 20)
        state = torch.zeros(20, network.state_size, dtype=torch.float64)
        steps = []
        with torch.no_grad():
            for now in target.unbind(dim=1):
                q, state = network.step(now, state)
                steps.append(q)
        torch.testing.assert_close(torch.stack(steps, dim=1), answer(network, target))

    def test_what_was_counts_and_what_comes_does_not(self):
        changed = changed_by(make(LstmNetwork), at=10)
        assert not changed[:10].any()
        assert changed[10:14].all()


def changed_by(network, at, length=32):
    """Flags which answers along a path change with the target number ``at``."""
    target = draw(network, 4)[:, :length]
    other = target.clone()
    other[:, at] = draw(network, 4, seed=7)[:, at]
    apart = (answer(network, other) - answer(network, target)).abs().amax(dim=(0, 2))
    return (apart > 1e-9).numpy()


def test_a_convolution_sees_two_targets_to_either_side():
    for at, seen in ((10, [8, 9, 10, 11, 12]), (0, [0, 1, 2]), (31, [29, 30, 31])):
        changed = changed_by(make(ConvolutionNetwork), at)
        assert np.flatnonzero(changed).tolist() == seen


def test_a_transformer_sees_to_either_side_and_what_is_near_counts_more():
    network = make(TransformerNetwork)
    changed = changed_by(network, at=10)
    assert changed[5:16].all()
    target = draw(network, 50)
    other = target.clone()
    other[:, 10] = draw(network, 50, seed=7)[:, 10]
    apart = (answer(network, other) - answer(network, target)).abs().mean(dim=(0, 2))
    assert apart[9] > 2.0 * apart[5] > 4.0 * apart[1]
    assert apart[11] > 2.0 * apart[15] > 4.0 * apart[19]


@pytest.mark.parametrize('family', PATH_FAMILIES.values(), ids=PATH_FAMILIES)
@pytest.mark.parametrize('length', [1, 2, 100])
def test_paths_may_be_of_any_length(family, length):
    network = make(family)
    target = draw(network, 30).reshape(-1, 4)[: 5 * length].reshape(5, length, 4)
    q = answer(network, target)
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
def test_a_short_training_gets_near_on_the_branch_asked_for(family, steps, bound):
    """Catches a loss, a sign or an offset that leads elsewhere: untrained they are 0.2 off."""
    arm = random_arm(3).model
    config = replace(family.config, adam_steps=steps, **SHORT)
    if family.family in PATH_FAMILIES:
        config = replace(config, batch_size=32, validation_samples=30)
    network = train(family, arm, config).network
    target = draw(network, 2000 if family.execution_mode == ExecutionMode.SINGLE_TARGET else 100)
    q = answer(network, target)
    assert np.median(off(arm, q, target)) < bound
    clear = np.abs(bend(arm, q)) > 0.2
    assert (bend(arm, q) * target[..., 2].numpy() > 0.0)[clear].mean() > 0.97
