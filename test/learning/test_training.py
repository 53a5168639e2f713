"""Training: Levenberg-Marquardt on known problems, small trainings, reproducibility."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from arms import random_arm, random_joints
from built_arms import calibrated_arm, tips

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.learning.levenberg_marquardt import minimize
from ik_nn_ros.learning.networks.feed_forward import PaperNetwork
from ik_nn_ros.learning.networks.network import fk, tip_residual
from ik_nn_ros.learning.networks.root_networks import CalibratedArmNetwork, EdgeSmoothNetwork
from ik_nn_ros.learning.training import train
from ik_nn_ros.learning.training_config import TrainingConfig

ARM = ArmModel('arm', ('joint1', 'joint2'), (0.3, 0.2))
SMALL = TrainingConfig(
    adam_steps=250,
    batch_size=128,
    lm_iterations=60,
    lm_samples=200,
    validation_samples=2000,
)


def errors(arm, network, count=5000):
    target = network.sample(arm, np.random.default_rng(99), count).target
    with torch.no_grad():
        tip = arm.fk(network(torch.from_numpy(target)).numpy())
    return np.hypot(*(tip - target[:, :2]).T) / arm.reach


def test_linear_least_squares_is_solved_at_once():
    """Against numpy's lstsq; catches a wrong Jacobian or gradient."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(1200, 4)), rng.normal(size=1200)
    wanted = np.linalg.lstsq(np.column_stack((x, np.ones(1200))), y, rcond=None)[0]
    line = torch.nn.Linear(4, 1, dtype=torch.float64)
    data = torch.from_numpy(np.column_stack((x, y)))

    class Line(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.line = line

        def forward(self, rows):
            return self.line(rows[:, :4])

    steps = list(minimize(Line(), data, lambda output, row: output - row[4:]))
    assert len(steps) < 30
    assert not steps[-1].accepted
    found = np.append(line.weight.detach().numpy()[0], line.bias.item())
    np.testing.assert_allclose(found, wanted, atol=1e-9)


def test_rosenbrock_is_solved():
    """A curved valley whose minimum, (1, 1), is known: damping has to rise and fall."""

    class Point(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.at = torch.nn.Parameter(torch.tensor([-1.2, 1.0], dtype=torch.float64))

        def forward(self, rows):
            return self.at.expand(len(rows), 2)

    point = Point()
    data = torch.zeros(1, 1, dtype=torch.float64)
    losses = [
        step.loss
        for step in minimize(
            point, data, lambda p, _: torch.stack((10.0 * (p[1] - p[0] ** 2), 1.0 - p[0]))
        )
    ]
    assert losses == sorted(losses, reverse=True)
    np.testing.assert_allclose(point.at.detach(), [1.0, 1.0], atol=1e-8)


@pytest.mark.parametrize('seed', [0, 3, 8])
def test_a_short_training_already_solves_any_arm(seed):
    arm = random_arm(seed).model
    error = errors(arm, train(EdgeSmoothNetwork, arm, SMALL).network)
    assert np.median(error) < 1e-3
    assert error.max() < 1e-2


def test_equal_links_are_no_special_case():
    """The inner edge is a point there, and every direction leads to it."""
    arm = ArmModel('arm', ('joint1', 'joint2'), (0.25, 0.25))
    assert errors(arm, train(EdgeSmoothNetwork, arm, SMALL).network).max() < 1e-3


def test_a_short_training_of_the_paper_network_learns():
    network = train(PaperNetwork, ARM, replace(SMALL, adam_steps=500, lm_iterations=0)).network
    assert np.median(errors(ARM, network)) < 0.03


def test_second_stage_improves_on_the_first():
    rough = train(EdgeSmoothNetwork, ARM, replace(SMALL, lm_iterations=0)).network
    fine = train(EdgeSmoothNetwork, ARM, SMALL).network
    assert np.median(errors(ARM, fine)) < 0.1 * np.median(errors(ARM, rough))


def test_same_seed_same_weights():
    config = replace(SMALL, adam_steps=50, lm_iterations=5)
    torch.manual_seed(1)
    first = train(EdgeSmoothNetwork, ARM, config).network
    torch.manual_seed(2)
    again = train(EdgeSmoothNetwork, ARM, config).network
    other = train(EdgeSmoothNetwork, ARM, replace(config, seed=1)).network
    for a, b, c in zip(first.parameters(), again.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)
        assert not torch.equal(a, c)


def test_training_leaves_torchs_global_generator_alone():
    state = torch.get_rng_state()
    train(EdgeSmoothNetwork, ARM, replace(SMALL, adam_steps=5, lm_iterations=2))
    assert torch.equal(torch.get_rng_state(), state)


def test_reaching_the_goal_ends_the_training():
    seen = []
    result = train(EdgeSmoothNetwork, ARM, replace(SMALL, goal=0.1), seen.append)
    assert result.stopped_by == 'goal'
    assert seen[-1].worst <= 0.1
    assert seen[-1].step < seen[-1].max_steps == SMALL.lm_iterations


def test_no_improvement_ends_the_training_and_the_best_weights_are_kept():
    """Four targets are learnt by heart, which soon makes the held-out ones worse."""
    config = replace(SMALL, lm_samples=4, check_every=1, patience=5, goal=0.0)
    seen = []
    result = train(EdgeSmoothNetwork, ARM, config, seen.append)
    assert result.stopped_by == 'no improvement'
    scores = [np.sqrt(progress.p50 * progress.worst) for progress in seen]
    assert min(scores) < 0.4 * scores[-1]
    error = errors(ARM, result.network)
    assert np.sqrt(np.median(error) * error.max()) < 0.6 * scores[-1]


def test_the_time_limit_is_kept():
    config = replace(SMALL, adam_steps=10**6, lm_iterations=10**6, max_seconds=1.0, goal=0.0)
    result = train(EdgeSmoothNetwork, ARM, config)
    assert result.seconds < 5.0
    assert np.isfinite(errors(ARM, result.network)).all()


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        ('seed', -1),
        ('seed', 1.5),
        ('adam_steps', -1),
        ('batch_size', 0),
        ('lm_samples', 0),
        ('learning_rate', 0.0),
        ('max_seconds', float('nan')),
        ('max_seconds', float('inf')),
        ('max_seconds', -1.0),
    ],
)
def test_a_bad_configuration_is_refused_by_name(name, value):
    with pytest.raises(ConfigError, match=f'{name}: got {value}, expected'):
        TrainingConfig(**{name: value})


@pytest.mark.parametrize('seed', range(4))
def test_the_forward_kinematics_to_train_on_is_the_arms(seed):
    arm = calibrated_arm(seed)
    q = random_joints(arm, np.random.default_rng(seed), 100)
    np.testing.assert_allclose(fk(arm, torch.from_numpy(q)).numpy(), tips(arm, q), atol=1e-13)


@pytest.mark.parametrize(
    ('family', 'arm'),
    [(CalibratedArmNetwork, calibrated_arm(1)), (EdgeSmoothNetwork, random_arm(5).model)],
)
@pytest.mark.parametrize('seed', range(3))
def test_it_learns_the_branch_it_is_asked_for(family, arm, seed):
    """The loss on the tip is as content with the other one."""
    config = replace(family.config, seed=seed, adam_steps=300, lm_iterations=0)
    network = train(family, arm, config).network
    target = family.sample(arm, np.random.default_rng(9), 2000).target
    with torch.no_grad():
        q = network(torch.from_numpy(target)).numpy()
    bend = arm.elbow_sine_batch(q) * target[:, 2]
    assert (bend > -0.1).all()
    assert np.median(np.hypot(*(arm.fk(q) - target[:, :2]).T)) < 0.1 * arm.reach


def test_as_built_learns_what_no_symmetric_network_can():
    arm = calibrated_arm(1)
    config = {'adam_steps': 500, 'lm_iterations': 40, 'lm_samples': 1000}
    found = {}
    for family in (CalibratedArmNetwork, EdgeSmoothNetwork):
        network = train(family, arm, replace(family.config, **config)).network
        target = torch.from_numpy(family.sample(arm, np.random.default_rng(9), 2000).target)
        with torch.no_grad():
            found[family] = float(tip_residual(arm, network(target), target).norm(dim=1).median())
    assert found[CalibratedArmNetwork] < 0.3 * found[EdgeSmoothNetwork]
