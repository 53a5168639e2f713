"""Training: Levenberg-Marquardt on known problems, small trainings, reproducibility."""

from dataclasses import replace
from itertools import count

import numpy as np
import pytest
import torch
from arms import random_arm, random_joints
from built_arms import calibrated_arm, tips

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.learning import training
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


def errors(arm, network):
    """Return tip errors on fresh targets, as fractions of reach."""
    target = network.sample(arm, np.random.default_rng(99), 5000).target
    with torch.no_grad():
        tip = arm.fk(network(torch.from_numpy(target)).numpy())
    return np.hypot(*(tip - target[:, :2]).T) / arm.reach


def test_linear_least_squares_is_solved_at_once():
    """Compares with numpy's lstsq; catches a wrong Jacobian or gradient."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(1200, 4)), rng.normal(size=1200)
    expected = np.linalg.lstsq(np.column_stack((x, np.ones(1200))), y, rcond=None)[0]
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
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_rosenbrock_is_solved():
    """A curved valley with its minimum at (1, 1), where damping must rise and fall."""

    class Point(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.position = torch.nn.Parameter(torch.tensor([-1.2, 1.0], dtype=torch.float64))

        def forward(self, rows):
            return self.position.expand(len(rows), 2)

    point = Point()
    data = torch.zeros(1, 1, dtype=torch.float64)
    losses = [
        step.loss
        for step in minimize(
            point, data, lambda p, _: torch.stack((10.0 * (p[1] - p[0] ** 2), 1.0 - p[0]))
        )
    ]
    assert losses == sorted(losses, reverse=True)
    np.testing.assert_allclose(point.position.detach(), [1.0, 1.0], atol=1e-8)


@pytest.mark.parametrize('seed', [0, 3, 8])
def test_a_short_training_already_solves_any_arm(seed):
    arm = random_arm(seed).model
    error = errors(arm, train(EdgeSmoothNetwork, arm, SMALL).network)
    assert np.median(error) < 1e-3
    assert error.max() < 1e-2


def test_arms_with_equal_links_are_solved():
    """Their inner boundary is a point, which has no bearing."""
    arm = ArmModel('arm', ('joint1', 'joint2'), (0.25, 0.25))
    assert errors(arm, train(EdgeSmoothNetwork, arm, SMALL).network).max() < 1e-3


def test_a_short_training_of_the_paper_network_learns():
    network = train(PaperNetwork, ARM, replace(SMALL, adam_steps=500, lm_iterations=0)).network
    assert np.median(errors(ARM, network)) < 0.03


def test_the_second_stage_improves_on_the_first():
    rough = train(EdgeSmoothNetwork, ARM, replace(SMALL, lm_iterations=0)).network
    fine = train(EdgeSmoothNetwork, ARM, SMALL).network
    assert np.median(errors(ARM, fine)) < 0.1 * np.median(errors(ARM, rough))


def test_same_seed_same_weights():
    config = replace(SMALL, adam_steps=50, lm_iterations=5)
    torch.manual_seed(1)
    first = train(EdgeSmoothNetwork, ARM, config).network
    torch.manual_seed(2)
    repeated = train(EdgeSmoothNetwork, ARM, config).network
    other = train(EdgeSmoothNetwork, ARM, replace(config, seed=1)).network
    for a, b, c in zip(first.parameters(), repeated.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)
        assert not torch.equal(a, c)


def test_training_leaves_torchs_global_generator_alone():
    state = torch.get_rng_state()
    train(EdgeSmoothNetwork, ARM, replace(SMALL, adam_steps=5, lm_iterations=2))
    assert torch.equal(torch.get_rng_state(), state)


def test_reaching_the_goal_ends_the_training():
    reports = []
    result = train(EdgeSmoothNetwork, ARM, replace(SMALL, goal=0.1), reports.append)
    assert result.stopped_by == 'goal'
    assert reports[-1].worst <= 0.1
    assert reports[-1].step < reports[-1].max_steps == SMALL.lm_iterations


def test_training_without_improvement_ends_with_the_best_weights():
    """It overfits four targets, which soon increases the errors on the held-out ones."""
    config = replace(SMALL, lm_samples=4, check_every=1, patience=5, goal=0.0)
    reports = []
    result = train(EdgeSmoothNetwork, ARM, config, reports.append)
    assert result.stopped_by == 'no improvement'
    scores = [np.sqrt(progress.p50 * progress.worst) for progress in reports]
    assert min(scores) < 0.4 * scores[-1]
    error = errors(ARM, result.network)
    assert np.sqrt(np.median(error) * error.max()) < 0.6 * scores[-1]


def test_the_time_limit_is_kept(monkeypatch):
    """The clock advances by 10 ms whenever it is read, however fast the machine is."""
    clock = count(step=0.01)
    monkeypatch.setattr(training.time, 'monotonic', lambda: next(clock))
    config = replace(SMALL, adam_steps=10**6, lm_iterations=10**6, max_seconds=1.0, goal=0.0)
    reports = []
    result = train(EdgeSmoothNetwork, ARM, config, reports.append)
    last_steps = {progress.stage: progress.step for progress in reports}
    assert result.stopped_by == 'time limit'
    assert result.seconds == pytest.approx(1.0, abs=0.03)
    assert last_steps['Adam'] == pytest.approx(50, abs=2)
    assert last_steps['Levenberg-Marquardt'] == pytest.approx(50, abs=2)
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
def test_torch_fk_equals_the_calibrated_arms(seed):
    arm = calibrated_arm(seed)
    q = random_joints(arm, np.random.default_rng(seed), 100)
    np.testing.assert_allclose(fk(arm, torch.from_numpy(q)).numpy(), tips(arm, q), atol=1e-13)


@pytest.mark.parametrize(
    ('family', 'arm'),
    [(CalibratedArmNetwork, calibrated_arm(1)), (EdgeSmoothNetwork, random_arm(5).model)],
)
@pytest.mark.parametrize('seed', range(3))
def test_training_learns_the_requested_branch(family, arm, seed):
    """The loss on the tip does not distinguish branches."""
    config = replace(family.config, seed=seed, adam_steps=300, lm_iterations=0)
    network = train(family, arm, config).network
    target = family.sample(arm, np.random.default_rng(9), 2000).target
    with torch.no_grad():
        q = network(torch.from_numpy(target)).numpy()
    branch_sine = arm.elbow_sine_batch(q) * target[:, 2]
    assert (branch_sine > -0.1).all()
    assert np.median(np.hypot(*(arm.fk(q) - target[:, :2]).T)) < 0.1 * arm.reach


def test_the_calibrated_network_learns_what_a_symmetric_network_cannot():
    arm = calibrated_arm(1)
    config = {
        'adam_steps': 300,
        'lm_iterations': 60,
        'lm_samples': 300,
        'validation_samples': 2000,
    }
    median_error = {}
    for family in (CalibratedArmNetwork, EdgeSmoothNetwork):
        network = train(family, arm, replace(family.config, **config)).network
        target = torch.from_numpy(family.sample(arm, np.random.default_rng(9), 2000).target)
        with torch.no_grad():
            error = tip_residual(arm, network(target), target).norm(dim=1)
        median_error[family] = float(error.median())
    assert median_error[CalibratedArmNetwork] < 0.3 * median_error[EdgeSmoothNetwork]
