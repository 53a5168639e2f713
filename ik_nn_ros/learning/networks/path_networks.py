"""A recurrent network over a path of targets."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.learning.networks.network import (
    ExecutionMode,
    RecurrentNetwork,
    Sampler,
    linear_layer,
)
from ik_nn_ros.learning.networks.root_networks import SignedRootNetwork
from ik_nn_ros.learning.sampling import sample_smooth_paths
from ik_nn_ros.learning.training_config import TrainingConfig


class LstmNetwork(SignedRootNetwork, RecurrentNetwork):
    """
    Long short-term memory (Hochreiter and Schmidhuber 1997), one cell, zeros at the beginning.

    Written as plain operations: what torch fuses, Levenberg-Marquardt cannot look into.
    """

    family = 'lstm'
    label = 'recurrent (LSTM)'
    sample: ClassVar[Sampler] = staticmethod(sample_smooth_paths)
    config = TrainingConfig(adam_steps=3000, batch_size=64, lm_samples=100, validation_samples=1000)

    def __init__(self, arm: ArmModel, generator: torch.Generator, width: int = 10) -> None:
        super().__init__(arm, generator)
        self.width = width
        self.gates = linear_layer(2 + width, 4 * width, generator)
        self.output_layer = linear_layer(width, 2, generator)

    @property
    def state_size(self) -> int:
        """Output and cell."""
        return 2 * self.width

    def step(self, target: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """See :meth:`RecurrentNetwork.step`."""
        edges = self._signed_roots(target)
        output, cell = state.chunk(2, dim=-1)
        gates = self.gates(torch.cat((edges, output), dim=-1))
        keep, take, show, new = gates.chunk(4, dim=-1)
        cell = torch.sigmoid(keep) * cell + torch.sigmoid(take) * torch.tanh(new)
        output = torch.sigmoid(show) * torch.tanh(cell)
        q = self.output_layer(output) + self._output_bias(target, edges)
        return q, torch.cat((output, cell), dim=-1)


# MERGED learning.networks.convolution: A convolutional network along a path of targets.


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


# MERGED learning.networks.transformer: A transformer over a path of targets.

ATTENTION_DECAY_PER_TARGET = 0.5
"""How fast attention fades with the distance along the path, a target."""


class TransformerNetwork(SignedRootNetwork):
    """
    One block of attention and a layer (Vaswani et al. 2017), one head.

    Where a target is in the path it knows by attention that fades with the distance (Press, Smith
    and Lewis 2022), which goes for paths of any length.
    """

    family = 'transformer'
    label = 'transformer'
    execution_mode: ClassVar[ExecutionMode] = ExecutionMode.OFFLINE
    sample: ClassVar[Sampler] = staticmethod(sample_smooth_paths)
    config = TrainingConfig(adam_steps=3000, batch_size=64, lm_samples=100, validation_samples=1000)

    def __init__(self, arm: ArmModel, generator: torch.Generator, width: int = 10) -> None:
        super().__init__(arm, generator)
        self.embedding = linear_layer(2, width, generator)
        self.query_key_value = linear_layer(width, 3 * width, generator)
        self.attention_output = linear_layer(width, width, generator)
        self.feed_forward_in = linear_layer(width, 2 * width, generator)
        self.feed_forward_out = linear_layer(2 * width, width, generator)
        self.output_layer = linear_layer(width, 2, generator)

    def forward(self, target: Tensor) -> Tensor:
        """
        Propose joint angles along paths.

        :param target: (N, T, 4) x, y (m), branch and bearing (rad)
        :return: (N, T, 2) joint angles, rad
        """
        edges = self._signed_roots(target)
        hidden = self.embedding(edges)
        query, key, value = self.query_key_value(_layer_norm(hidden)).chunk(3, dim=-1)
        place = torch.arange(target.shape[1], dtype=target.dtype)
        apart = (place[:, None] - place).abs()
        score = (
            query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
            - ATTENTION_DECAY_PER_TARGET * apart
        )
        hidden = hidden + self.attention_output(torch.softmax(score, dim=-1) @ value)
        hidden = hidden + self.feed_forward_out(
            torch.tanh(self.feed_forward_in(_layer_norm(hidden)))
        )
        q: Tensor = self.output_layer(hidden) + self._output_bias(target, edges)
        return q


def _layer_norm(values: Tensor) -> Tensor:
    return nn.functional.layer_norm(values, values.shape[-1:])
