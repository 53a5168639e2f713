"""
The paper's network, 2-64-32-2, trained in two ways.

:class:`RecipeNetwork` follows the paper: ReLU, mean squared error on the angles, Adam.
:class:`SmoothPaperNetwork` is trained our way: tanh between the layers, a loss on the tip.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from ik_nn_ros.arm.geometry import Array
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.ik.verification import random_joints
from ik_nn_ros.learning.networks.feed_forward import PaperNetwork
from ik_nn_ros.learning.networks.network import Sampler, TrainableNetwork, mlp
from ik_nn_ros.learning.sampling import sample_paper_ranges
from ik_nn_ros.learning.training import fixed_threads
from ik_nn_ros.learning.training_config import TrainingConfig

HIDDEN_WIDTHS = (64, 32)
"""Widths of the hidden layers."""
REPORT_INTERVAL_EPOCHS = 50
"""Number of epochs between two reports of the progress."""


@dataclass(frozen=True)
class Recipe:
    """
    The recipe of a training; the paper states the last two, the others are chosen here.

    :param samples: number of joint angles, drawn once, uniform within the limits
    :param batch_size: number of samples of one step of Adam
    :param normalise: whether x and y are scaled to mean 0 and deviation 1
    :param epochs: number of epochs
    :param learning_rate: learning rate of Adam, constant
    """

    samples: int = 1000
    batch_size: int = 100
    normalise: bool = False
    epochs: int = 1000
    learning_rate: float = 1e-3


class RecipeNetwork(TrainableNetwork):
    """
    Network from x and y to joint angles with ReLU and torch's default initial weights.

    :param arm: the arm
    :param generator: draws the initial weights
    :param mean: (2,) mean that is subtracted from x and y
    :param deviation: (2,) deviation that x and y are then divided by
    """

    family = 'paper_recipe'
    branches = 'positive'
    label = "the paper's recipe"
    sample: ClassVar[Sampler] = staticmethod(sample_paper_ranges)

    scale: Tensor
    shift: Tensor

    def __init__(
        self, arm: ArmModel, generator: torch.Generator, mean: Array, deviation: Array
    ) -> None:
        super().__init__(arm, generator)
        self.layers = mlp((2, *HIDDEN_WIDTHS, 2), torch.nn.ReLU, generator)
        self._register_constant(
            'scale', np.column_stack((np.diag(1.0 / deviation), np.zeros((2, 2))))
        )
        self._register_constant('shift', -mean / deviation)

    def forward(self, target: Tensor) -> Tensor:
        """
        Propose joint angles.

        :param target: (N, 4) x, y, branch and bearing; the last two are ignored
        :return: (N, 2) joint angles, rad
        """
        q: Tensor = self.layers(torch.nn.functional.linear(target, self.scale, self.shift))
        return q


def train_recipe(
    arm: ArmModel, recipe: Recipe, seed: int, report: Callable[[int], None]
) -> RecipeNetwork:
    """
    Train a network by a recipe of the paper, on one thread.

    :param arm: the arm
    :param recipe: the recipe
    :param seed: seed of samples, initial weights and order
    :param report: takes the number of epochs done
    """
    q = random_joints(arm, np.random.default_rng(seed), recipe.samples)
    xy = arm.fk(q)
    mean, deviation = np.zeros(2), np.ones(2)
    if recipe.normalise:
        mean, deviation = xy.mean(axis=0), xy.std(axis=0)
    generator = torch.Generator().manual_seed(seed)
    network = RecipeNetwork(arm, generator, mean, deviation)
    # The network ignores branch and bearing.
    target = torch.from_numpy(np.column_stack((xy, np.zeros_like(xy))))
    with fixed_threads():
        _run_adam(network, target, torch.from_numpy(q), recipe, generator, report)
    return network


def _run_adam(
    network: RecipeNetwork,
    target: Tensor,
    expected_joints: Tensor,
    recipe: Recipe,
    generator: torch.Generator,
    report: Callable[[int], None],
) -> None:
    optimizer = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate, foreach=True)
    for epoch in range(1, recipe.epochs + 1):
        order = torch.randperm(len(target), generator=generator)
        for rows in torch.split(order, recipe.batch_size):
            loss = torch.nn.functional.mse_loss(network(target[rows]), expected_joints[rows])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        if epoch % REPORT_INTERVAL_EPOCHS == 0 or epoch == recipe.epochs:
            report(epoch)


class SmoothPaperNetwork(PaperNetwork):
    """
    :class:`PaperNetwork` with tanh, because Levenberg-Marquardt fails with ReLU.

    :param arm: the arm
    :param generator: draws the initial weights
    :param hidden: widths of the hidden layers
    :param activation: activation between the layers
    """

    family = 'paper_smooth'
    label = "the paper's, smooth"
    config = TrainingConfig(adam_steps=8000, lm_iterations=40, lm_samples=2000, goal=0.0)
    FIRST_LAYER_GAIN = 4.0
    """Factor on the first layer's initial weights; it divides the median error by three."""

    def __init__(
        self,
        arm: ArmModel,
        generator: torch.Generator,
        hidden: tuple[int, ...] = (64, 32),
        activation: type[torch.nn.Module] = torch.nn.Tanh,
    ) -> None:
        super().__init__(arm, generator, hidden, activation)
        with torch.no_grad():
            for values in self.layers[0].parameters():
                values.mul_(self.FIRST_LAYER_GAIN)
