"""A convolutional network along a path of targets."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.learning.config import TrainingConfig
from ik_nn_ros.learning.networks.layers import linear_layer
from ik_nn_ros.learning.networks.network import ExecutionMode, Sampler
from ik_nn_ros.learning.networks.roots import SignedRootNetwork
from ik_nn_ros.learning.sampling import sample_smooth_paths


class ConvolutionNetwork(SignedRootNetwork):
    """
    Every answer from a target, the one before and the one after it, twice over.

    At the ends of a path the first and the last target count twice.
    """

    family = 'convolution'
    label = 'convolutional (1-D)'
    execution_mode: ClassVar[ExecutionMode] = ExecutionMode.OFFLINE
    sample: ClassVar[Sampler] = staticmethod(sample_smooth_paths)
    config = TrainingConfig(adam_steps=3000, batch_size=64, lm_samples=100, validation_samples=1000)

    def __init__(self, arm: ArmModel, generator: torch.Generator, width: int = 12) -> None:
        super().__init__(arm, generator)
        self.first_convolution = linear_layer(3 * 2, width, generator)
        self.second_convolution = linear_layer(3 * width, width, generator)
        self.output_layer = linear_layer(width, 2, generator)

    def forward(self, target: Tensor) -> Tensor:
        """
        Propose joint angles along paths.

        :param target: (N, T, 4) x, y (m), branch and bearing (rad)
        :return: (N, T, 2) joint angles, rad
        """
        edges = self._signed_roots(target)
        hidden = torch.tanh(self.first_convolution(_with_neighbours(edges)))
        hidden = torch.tanh(self.second_convolution(_with_neighbours(hidden)))
        q: Tensor = self.output_layer(hidden) + self._output_bias(target, edges)
        return q


def _with_neighbours(values: Tensor) -> Tensor:
    """Return (N, T, 3 C): before, at and after each of (N, T, C); with a layer, a convolution."""
    before = torch.cat((values[:, :1], values[:, :-1]), dim=1)
    after = torch.cat((values[:, 1:], values[:, -1:]), dim=1)
    return torch.cat((before, values, after), dim=-1)
