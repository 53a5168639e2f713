"""The paper's network in the paper's ranges, trained our way."""

from __future__ import annotations

from math import pi
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.learning.config import TrainingConfig
from ik_nn_ros.learning.networks.layers import mlp
from ik_nn_ros.learning.networks.network import Sampler, TrainableNetwork
from ik_nn_ros.learning.sampling import sample_paper_ranges


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
