"""The paper's feed-forward network: over the whole workspace, and in the paper's joint ranges."""

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
    The network and loss of Al-Sharif et al., over the whole workspace.

    It has 64 and 32 hidden units with ReLU, and the loss is the mean squared error of the joint
    angles. Besides x and y it gets the branch, without which it would learn the mean of both. It
    does not get the bearing.
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
        # Gives each input a standard deviation of about one.
        x = 2.0 / arm.reach
        self._register_constant(
            'scale', [[x, 0.0, 0.0, 0.0], [0.0, x, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]]
        )

    def loss(self, target: Tensor, q: Tensor, generator: torch.Generator) -> Tensor:
        """Return the mean squared error of the joint angles."""
        return nn.functional.mse_loss(self(target), q)

    def forward(self, target: Tensor) -> Tensor:
        """
        Propose joint angles.

        :param target: (N, 4) x, y (m), branch and bearing (rad); the bearing is ignored
        :return: (N, 2) joint angles, rad
        """
        q: Tensor = self.layers(nn.functional.linear(target, self.scale))
        return q


class PaperNetwork(TrainableNetwork):
    """
    The network of Al-Sharif et al. in the paper's joint ranges, trained on the tip error.

    It maps x and y to joint angles on one branch, with 64 and 32 hidden units and ReLU. x and y are
    normalized by their mean and standard deviation in the ranges, see
    :func:`ik_nn_ros.learning.sampling.sample_paper_ranges`.
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
        mean, std = xy.mean(axis=0), xy.std(axis=0)
        self._register_constant('scale', np.column_stack((np.diag(1.0 / std), np.zeros((2, 2)))))
        self._register_constant('shift', -mean / std)
        # Starts in the middle of the ranges, because the loss on the tip ignores branches.
        signs, offsets = np.asarray(arm.signs), np.asarray(arm.offsets)
        with torch.no_grad():
            _, bias = self.layers[-1].parameters()
            bias.add_(torch.from_numpy(np.array([pi / 4, pi / 2]) - signs * offsets))

    def forward(self, target: Tensor) -> Tensor:
        """
        Propose joint angles.

        :param target: (N, 4) x, y (m), branch and bearing (rad); the last two are ignored
        :return: (N, 2) joint angles, rad
        """
        normalized = nn.functional.linear(target, self.scale, self.shift)
        q: Tensor = self.layers(normalized)
        return q
