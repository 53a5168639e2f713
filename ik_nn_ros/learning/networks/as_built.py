"""The family for an arm that differs from its drawing."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.learning.config import TrainingConfig
from ik_nn_ros.learning.networks.layers import mlp
from ik_nn_ros.learning.networks.roots import SignedRootNetwork


class CalibratedArmNetwork(SignedRootNetwork):
    """
    Whole workspace, both branches, for a calibrated arm, which looks the same from no two sides.

    The layers see v and ± u, the sign that of the branch, and where in the plane the target is,
    x / R and y / R. They add to ± π u, which is about joint 2's angle: the loss on the tip knows no
    branch, so training has to begin on the right one.
    """

    family = 'as_built'
    label = 'feed-forward, for the arm as built'
    config = TrainingConfig(adam_steps=2000, lm_samples=2000)
    FIRST_LAYER_GAIN = 2.0
    """Factor on the first layer's weights: the inputs cover less than a unit Gaussian does."""

    position_weight: Tensor

    def __init__(
        self,
        arm: ArmModel,
        generator: torch.Generator,
        hidden: tuple[int, ...] = (16, 16),
        activation: type[nn.Module] = nn.Tanh,
    ) -> None:
        super().__init__(arm, generator)
        self.layers = mlp((4, *hidden, 2), activation, generator, self.FIRST_LAYER_GAIN)
        self._register_constant('position_weight', np.eye(2, 4) / arm.reach)

    def forward(self, target: Tensor) -> Tensor:
        """
        Propose joint angles.

        :param target: (N, 4) x, y (m), branch and bearing (rad)
        :return: (N, 2) joint angles, rad
        """
        edges = self._signed_roots(target)
        inputs = torch.cat((edges, nn.functional.linear(target, self.position_weight)), dim=1)
        q: Tensor = self.layers(inputs) + self._output_bias(target, edges)
        return q
