"""The paper's case study: its table, its recipe, and the solver's answers."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.ik import refine
from ik_nn_ros.ik.acceptance import Stage
from ik_nn_ros.ik.solver import HybridSolver
from ik_nn_ros.ik.verification import random_joints
from ik_nn_ros.learning.networks.feed_forward import PaperNetwork
from ik_nn_ros.studies.paper.experiment import export_and_load, solve_targets
from ik_nn_ros.studies.paper.networks import Recipe, RecipeNetwork, SmoothPaperNetwork, train_recipe
from ik_nn_ros.studies.paper.results import PaperMethod, PaperRun
from ik_nn_ros.studies.paper.study import ARM, TABLE_1, actual_angles, recomputed_errors

ROUNDING = 0.005
"""Rounding of the numbers printed in Table 1, rad and lengths."""
SHORT = Recipe(samples=300, epochs=40)


def errors(network, count=2000):
    xy = ARM.fk(random_joints(ARM, np.random.default_rng(99), count))
    with torch.no_grad():
        q = network(torch.from_numpy(np.column_stack((xy, np.ones_like(xy))))).numpy()
    return np.hypot(*(ARM.fk(q) - xy).T) / ARM.reach


def train(recipe=SHORT, seed=0):
    return train_recipe(ARM, recipe, seed, lambda done: None)


def fits(arm, point):
    """Tell whether the printed error can come from angles that are printed like that."""
    both = np.array([point.actual, point.predicted])
    slack = ROUNDING * (1.0 + np.hypot(*arm.jacobian(both).transpose(1, 0, 2)).sum())
    actual, predicted = arm.fk(both)
    return abs(np.hypot(*(predicted - actual)) - point.error) <= slack


@pytest.mark.parametrize('point', TABLE_1, ids=lambda point: point.name)
def test_each_row_of_table_1_fits_the_arm(point):
    """Catches a slip in the numbers, wrong lengths, and errors of another unit."""
    assert fits(ARM, point)


@pytest.mark.parametrize('lengths', [(7.0, 10.0), (1.0, 0.7), (10.0, 10.0)])
def test_other_lengths_do_not_fit_table_1(lengths):
    arm = ArmModel('other', ('q1', 'q2'), lengths)
    assert not all(fits(arm, point) for point in TABLE_1)


def test_the_means_of_table_1_are_those_of_the_paper():
    assert np.mean([point.error for point in TABLE_1]) == pytest.approx(0.286, abs=5e-4)
    assert recomputed_errors().mean() == pytest.approx(0.299, abs=5e-4)


def test_samples_fill_the_papers_ranges():
    q = random_joints(ARM, np.random.default_rng(0), 5000)
    assert (q >= 0.0).all()
    np.testing.assert_allclose(q.max(axis=0), [np.pi / 2, np.pi], rtol=2e-3)
    np.testing.assert_allclose(q.mean(axis=0), [np.pi / 4, np.pi / 2], rtol=3e-2)
    assert (actual_angles() <= ARM.upper).all()


def test_training_equals_plain_torch():
    """Mean squared error on the raw angles from the raw x, y; every epoch one step of Adam."""
    recipe = replace(SHORT, batch_size=SHORT.samples)
    q = random_joints(ARM, np.random.default_rng(3), recipe.samples)
    xy, wanted = torch.from_numpy(ARM.fk(q)), torch.from_numpy(q)
    start = train(replace(recipe, epochs=0), seed=3)
    layers = torch.nn.Sequential(
        *(torch.nn.Linear(2, 64), torch.nn.ReLU()),
        *(torch.nn.Linear(64, 32), torch.nn.ReLU()),
        torch.nn.Linear(32, 2),
    ).double()
    layers.load_state_dict(start.layers.state_dict())
    adam = torch.optim.Adam(layers.parameters(), lr=1e-3)
    for _ in range(recipe.epochs):
        loss = (layers(xy) - wanted).square().mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
    trained = train(recipe, seed=3).layers.state_dict()
    for name, weights in layers.state_dict().items():
        torch.testing.assert_close(trained[name], weights, rtol=0.0, atol=1e-9)


def test_initial_weights_are_torchs_default():
    """Uniform within one over the root of the inputs, biases too."""
    for layer, inputs in zip(train(replace(SHORT, epochs=0)).layers[::2], (2, 64, 32), strict=True):
        for values in (layer.weight, layer.bias):
            assert values.abs().max() <= inputs**-0.5
        assert layer.weight.abs().max() > 0.9 * inputs**-0.5


def test_an_epoch_sees_every_sample_in_batches(monkeypatch):
    """300 samples in batches of 100 are three steps an epoch; the last batch may be smaller."""
    seen = []
    forward = RecipeNetwork.forward
    monkeypatch.setattr(
        RecipeNetwork, 'forward', lambda self, rows: seen.append(rows) or forward(self, rows)
    )
    train(Recipe(samples=250, epochs=2))
    assert [len(rows) for rows in seen] == [100, 100, 50] * 2
    first, second = torch.cat(seen[:3]), torch.cat(seen[3:])
    assert not torch.equal(first, second)
    assert torch.equal(first[:, 0].sort().values, second[:, 0].sort().values)


def test_training_reduces_the_error():
    before, after = (
        errors(train(replace(SHORT, epochs=5))),
        errors(train(replace(SHORT, epochs=100))),
    )
    assert np.isfinite(before).all()
    assert after.mean() < 0.3 * before.mean()


def test_normalised_inputs_have_mean_0_and_deviation_1():
    recipe = replace(SHORT, normalise=True, epochs=0)
    network = train(recipe, seed=1)
    xy = ARM.fk(random_joints(ARM, np.random.default_rng(1), recipe.samples))
    rows = xy @ network.scale.numpy()[:, :2].T + network.shift.numpy()
    np.testing.assert_allclose(rows.mean(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(rows.std(axis=0), 1.0)


def test_a_seed_gives_the_same_weights_again():
    torch.manual_seed(1)
    one, state = train(), torch.get_rng_state()
    torch.manual_seed(2)
    again, other = train(), train(seed=1)
    torch.manual_seed(1)
    assert torch.equal(torch.get_rng_state(), state)
    for a, b, c in zip(one.parameters(), again.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)
        assert not torch.equal(a, c)


def test_our_network_is_the_papers_with_smooth_activations():
    network, plain = (
        family(ARM, torch.Generator().manual_seed(0))
        for family in (SmoothPaperNetwork, PaperNetwork)
    )
    assert [type(m) for m in network.layers][1::2] == [torch.nn.Tanh] * 2
    pairs = zip(network.parameters(), plain.parameters(), strict=True)
    factors = [(a / b).mean().item() for a, b in pairs]
    assert factors == pytest.approx([4.0, 4.0, 1.0, 1.0, 1.0, 1.0])


@pytest.fixture(scope='module')
def network():
    return train(replace(SHORT, epochs=100))


@pytest.fixture(scope='module')
def solved(network):
    return solve_targets('test', network, TestSolver.xy)


class TestSolver:
    xy = ARM.fk(random_joints(ARM, np.random.default_rng(5), 1000))

    def test_it_makes_rough_proposals_exact(self, network, solved):
        assert errors(network).mean() > 1e-2
        assert solved.run.errors.max() <= 1.001e-9
        assert solved.statistics.answered == 1.0
        assert solved.statistics.outside_limits == 0
        assert solved.statistics.refined > 0.98
        np.testing.assert_allclose(solved.run.angles, actual_angles(), atol=1e-6)

    def test_steps_are_those_the_refinement_needs(self, network, solved, monkeypatch, tmp_path):
        """With one step less the same target is left to the closed form."""
        hybrid = HybridSolver(ARM, export_and_load(network, tmp_path / 'a.onnx'))
        refined = hybrid.solve_batch(self.xy, ARM.home).stage == Stage.REFINED
        xy = self.xy[refined].tolist()
        for steps in np.unique(solved.newton_steps).tolist():
            x, y = xy[solved.newton_steps.tolist().index(steps)]
            for most, stage in ((steps - 1, Stage.CLOSED_FORM), (steps, Stage.REFINED)):
                monkeypatch.setattr(refine, 'MAX_STEPS', most)
                assert hybrid.solve(x, y, ARM.home).stage == stage

    def test_the_closed_form_alone_needs_no_network(self):
        solved = solve_targets('test', None, self.xy)
        assert solved.statistics.closed_form == 1.0
        assert len(solved.newton_steps) == 0
        assert solved.run.worst < 1e-14


def test_statistics_over_seeds():
    angles = actual_angles()
    runs = tuple(
        PaperRun(seed, 0.0, np.full(10, error), angles) for seed, error in enumerate((0.1, 0.3))
    )
    mean, deviation = PaperMethod('two', {}, runs).seed_statistics('mean')
    assert mean == pytest.approx(0.2)
    assert deviation == pytest.approx(0.2 / np.sqrt(2.0))
    assert PaperMethod('one', {}, runs[:1]).seed_statistics('worst') == (pytest.approx(0.1), None)
    off = PaperRun(0, 0.0, np.zeros(1), np.column_stack((angles[:, 0] + 1e-4, angles[:, 1])))
    reach = np.hypot(*ARM.fk(angles).T)
    np.testing.assert_allclose(off.point_errors, 1e-4 * reach, rtol=1e-6)
