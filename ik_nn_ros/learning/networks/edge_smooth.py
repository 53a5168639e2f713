"""The default family: as few operations as there can be, at one target at a time."""

from __future__ import annotations

from math import pi
from typing import cast

import torch
from torch import Tensor, nn

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.learning.config import TrainingConfig
from ik_nn_ros.learning.networks.layers import mlp
from ik_nn_ros.learning.networks.roots import RootInputNetwork


class EdgeSmoothNetwork(RootInputNetwork):
    """
    Whole workspace, both branches.

    The layers see v and u. They give joint 2's angle and joint 1's against the bearing of the
    target, for the positive branch; the other branch is its mirror image.
    """

    family = 'edge_smooth'
    label = 'feed-forward, ours'
    config = TrainingConfig()
    FIRST_LAYER_GAIN = 3.0
    """Factor on the first layer's weights: the inputs cover less than a unit Gaussian does."""

    branch_weight: Tensor
    branch_selector: Tensor

    def __init__(
        self,
        arm: ArmModel,
        generator: torch.Generator,
        hidden: tuple[int, ...] = (16, 16),
        activation: type[nn.Module] = nn.Tanh,
    ) -> None:
        super().__init__(arm, generator)
        self.layers = mlp((2, *hidden, 2), activation, generator, self.FIRST_LAYER_GAIN)
        with torch.no_grad():
            # Begin with a bent elbow: the loss on the tip knows no branch.
            _, bias = self.layers[-1].parameters()
            bias[1] += pi / 2
        self._register_constant('branch_weight', [[0.0, 0.0, 1.0, 0.0]] * hidden[-1])
        self._register_constant('branch_selector', [0.0, 0.0, 1.0, 0.0])

    def forward(self, target: Tensor) -> Tensor:
        """
        Propose joint angles.

        :param target: (N, 4) x, y (m), branch and bearing (rad)
        :return: (N, 2) joint angles, rad
        """
        linear = nn.functional.linear
        last = cast(nn.Linear, self.layers[-1])
        # bearing + branch · (W h + b), as two products: W (branch · h), and the rest of the target.
        hidden = self.layers[:-1](self._roots(target)) * linear(target, self.branch_weight)
        rest = linear(
            target,
            self.bearing_weight + torch.outer(last.bias, self.branch_selector),
            self.bearing_bias,
        )
        return torch.addmm(rest, hidden, last.weight.T)
