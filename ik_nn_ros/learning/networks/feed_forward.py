"""The paper's network and loss, over the whole workspace."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.learning.config import TrainingConfig
from ik_nn_ros.learning.networks.layers import mlp
from ik_nn_ros.learning.networks.network import Sampler, TrainableNetwork
from ik_nn_ros.learning.sampling import sample_within_limits


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
