"""The paper's network and loss, over the whole workspace."""

from __future__ import annotations

from math import pi
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.learning.networks.network import Sampler, TrainableNetwork, mlp
from ik_nn_ros.learning.sampling import sample_paper_ranges, sample_within_limits
from ik_nn_ros.learning.training_config import TrainingConfig


class FeedForwardNetwork(TrainableNetwork):
    """
    Al-Sharif et al.: 64 and 32 hidden units, ReLU, mean squared error on the joint angles.

    Beside x and y it gets the branch, without which it would learn the mean of both. The bearing
    it has to find itself.
    """

    family = 'feed_forward'
    label = 'feed-forward, as in the paper'
    sample: ClassVar[Sampler] = staticmethod(sample_within_limits)
    config = TrainingConfig(adam_steps=20_000, learning_rate=3e-3, lm_iterations=0)

    scale: Tensor

    def __init__(
        self,
        arm: ArmModel,
        generator: torch.Generator,
        hidden: tuple[int, ...] = (64, 32),
        activation: type[nn.Module] = nn.ReLU,
    ) -> None:
        super().__init__(arm, generator)
        self.layers = mlp((3, *hidden, 2), activation, generator)
        # Each of them has a standard deviation of about one then.
        x = 2.0 / arm.reach
        self._register_constant(
            'scale', [[x, 0.0, 0.0, 0.0], [0.0, x, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]]
        )

    def loss(self, target: Tensor, q: Tensor, generator: torch.Generator) -> Tensor:
        """Return the mean squared error of the angles."""
        return nn.functional.mse_loss(self(target), q)

    def forward(self, target: Tensor) -> Tensor:
        """
        Propose joint angles.

        :param target: (N, 4) x, y (m), branch and bearing; the bearing is not looked at
        :return: (N, 2) joint angles, rad
        """
        q: Tensor = self.layers(nn.functional.linear(target, self.scale))
        return q


# MERGED learning.networks.paper: The paper's network in the paper's ranges, trained our way.


class PaperNetwork(TrainableNetwork):
    """
    Al-Sharif et al.: x and y in, 64 and 32 hidden units, ReLU, joint angles out; one branch.

    For targets as in the paper, see :func:`ik_nn_ros.learning.sampling.paper_ranges`. x and y
    are normalised by their mean and standard deviation there.
    """

    family = 'paper'
    branches = 'positive'
    label = 'feed-forward, in the ranges of the paper'
    sample: ClassVar[Sampler] = staticmethod(sample_paper_ranges)
    config = TrainingConfig(adam_steps=40_000, lm_iterations=0)

    scale: Tensor
    shift: Tensor

    def __init__(
        self,
        arm: ArmModel,
        generator: torch.Generator,
        hidden: tuple[int, ...] = (64, 32),
        activation: type[nn.Module] = nn.ReLU,
    ) -> None:
        super().__init__(arm, generator)
        self.layers = mlp((2, *hidden, 2), activation, generator)
        xy = self.sample(arm, np.random.default_rng(0), 10_000).target[:, :2]
        mean, deviation = xy.mean(axis=0), xy.std(axis=0)
        self._register_constant(
            'scale', np.column_stack((np.diag(1.0 / deviation), np.zeros((2, 2))))
        )
        self._register_constant('shift', -mean / deviation)
        # Begin in the middle of the ranges: the loss on the tip knows no branch.
        signs, offsets = np.asarray(arm.signs), np.asarray(arm.offsets)
        with torch.no_grad():
            _, bias = self.layers[-1].parameters()
            bias.add_(torch.from_numpy(np.array([pi / 4, pi / 2]) - signs * offsets))

    def forward(self, target: Tensor) -> Tensor:
        """
        Propose joint angles.

        :param target: (N, 4) x, y (m), branch and bearing; these two are not looked at
        :return: (N, 2) joint angles, rad
        """
        normalised = nn.functional.linear(target, self.scale, self.shift)
        q: Tensor = self.layers(normalised)
        return q
