"""Networks before training: frames, symmetry, initial weights and names."""

import numpy as np
import pytest
import torch
from arms import random_arm, random_joints

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.learning.families import FAMILIES, PATH_FAMILIES, find_family
from ik_nn_ros.learning.networks.feed_forward import PaperNetwork
from ik_nn_ros.learning.networks.network import fk
from ik_nn_ros.learning.networks.root_networks import EdgeSmoothNetwork

ARM = ArmModel('arm', ('joint1', 'joint2'), (0.3, 0.2))


def propose(network, target):
    with torch.no_grad():
        return network(torch.as_tensor(target, dtype=torch.float64)).numpy()


def make(family, arm, seed=0):
    return family(arm, torch.Generator().manual_seed(seed))


def with_exact_layers(arm):
    """Return a network with the closed form in place of its layers, to test what surrounds them."""
    network = EdgeSmoothNetwork(arm, torch.Generator(), hidden=(2,))
    (l1, l2), (s1, s2) = arm.lengths, arm.signs

    class Exact(torch.nn.Module):
        def forward(self, roots):
            v, u = roots.split(1, dim=1)
            # The factor is 1 if the roots are on the unit circle.
            elbow = 2.0 * torch.atan2(u, v) * (u * u + v * v)
            inner = torch.atan2(l2 * torch.sin(elbow), l1 + l2 * torch.cos(elbow))
            return torch.cat((-s1 * s2 * inner, elbow), dim=1)

    last = torch.nn.Linear(2, 2, dtype=torch.float64)
    with torch.no_grad():
        last.weight.copy_(torch.eye(2))
        last.bias.zero_()
    network.layers = torch.nn.Sequential(Exact(), last)
    return network


@pytest.mark.parametrize('seed', range(20))
def test_torch_fk_agrees_with_the_arm_model(seed):
    arm = random_arm(seed).model
    q = random_joints(arm, np.random.default_rng(seed), 100)
    np.testing.assert_allclose(fk(arm, torch.from_numpy(q)).numpy(), arm.fk(q), atol=1e-14)


@pytest.mark.parametrize('seed', range(20))
def test_edge_smooth_with_exact_layers_is_exact_for_any_arm(seed):
    """Catches a wrong sign, offset, root or quadrant around the layers."""
    arm = random_arm(seed).model
    target = EdgeSmoothNetwork.sample(arm, np.random.default_rng(seed), 2000).target
    q = propose(with_exact_layers(arm), target)
    np.testing.assert_allclose(arm.fk(q), target[:, :2], atol=1e-12 * arm.reach)
    elbow_sine = np.sin(q[:, 1] + arm.signs[1] * arm.offsets[1])
    assert (elbow_sine * target[:, 2] >= -1e-12).all()


@pytest.mark.parametrize('seed', range(5))
def test_branches_mirror_each_other(seed):
    """The mirror image (x, -y, -branch) has the negative link angles, also before training."""
    arm = random_arm(seed).model
    network = make(EdgeSmoothNetwork, arm)
    target = EdgeSmoothNetwork.sample(arm, np.random.default_rng(seed), 500).target
    q, mirrored = propose(network, target), propose(network, target * [1, -1, -1, -1])
    theta, theta_mirrored = (np.asarray(arm.signs) * v + arm.offsets for v in (q, mirrored))
    np.testing.assert_allclose(theta_mirrored, -theta, atol=1e-12)


def test_paper_network_has_the_papers_layers_and_ignores_the_branch():
    network = make(PaperNetwork, ARM)
    shapes = [tuple(p.shape) for p in network.parameters() if p.ndim == 2]
    assert shapes == [(64, 2), (32, 64), (2, 32)]
    assert [type(m) for m in network.layers][1::2] == [torch.nn.ReLU] * 2
    target = PaperNetwork.sample(ARM, np.random.default_rng(0), 100).target
    np.testing.assert_array_equal(
        propose(network, target), propose(network, target * [1, 1, -1, 0])
    )


@pytest.mark.parametrize('seed', range(8))
def test_paper_network_starts_on_the_positive_branch(seed):
    """The loss on the tip does not distinguish branches."""
    arm = random_arm(seed).model
    target = PaperNetwork.sample(arm, np.random.default_rng(0), 500).target
    unlimited = ArmModel('arm', arm.joint_names, arm.lengths, arm.signs, arm.offsets)
    q = propose(make(PaperNetwork, arm), target)
    expected = unlimited.closed_form_batch(target[:, :2], np.ones(500), q)
    assert np.abs(np.median(q - expected, axis=0)).max() < 1.0


@pytest.mark.parametrize('family', (FAMILIES | PATH_FAMILIES).values())
def test_the_initial_weights_depend_on_the_generator_only(family):
    torch.manual_seed(1)
    one = make(family, ARM, 3)
    torch.manual_seed(2)
    same, other = make(family, ARM, 3), make(family, ARM, 4)
    for a, b, c in zip(one.parameters(), same.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)
        if (a != a.flatten()[0]).any():  # random, not constant
            assert not torch.equal(a, c)


def test_an_unknown_family_is_refused_by_name():
    with pytest.raises(ConfigError, match='got perceptron, expected edge_smooth or as_built or'):
        find_family('perceptron')


@pytest.mark.parametrize('name', FAMILIES)
def test_a_family_is_found_by_the_name_in_model_files(name):
    assert find_family(name).family == name
