"""
Networks for paths of targets: recurrent, convolutional and transformer.

They see the signed roots of every target, see
:class:`ik_nn_ros.learning.networks.root_networks.SignedRootNetwork`.
"""

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

PATH_CONFIG = TrainingConfig(
    adam_steps=3000, batch_size=64, lm_samples=100, validation_samples=1000
)
"""Training configuration of all path networks; a sample is a path."""
ATTENTION_DECAY_PER_TARGET = 0.5
"""Decrease of the attention score per target of distance along the path."""


class LstmNetwork(SignedRootNetwork, RecurrentNetwork):
    """
    Long short-term memory (Hochreiter and Schmidhuber 1997) with one cell.

    It consists of elementary operations, because Levenberg-Marquardt cannot differentiate torch's
    fused LSTM.
    """

    family = 'lstm'
    label = 'recurrent (LSTM)'
    sample: ClassVar[Sampler] = staticmethod(sample_smooth_paths)
    config = PATH_CONFIG

    def __init__(self, arm: ArmModel, generator: torch.Generator, width: int = 10) -> None:
        super().__init__(arm, generator)
        self.width = width
        self.gates = linear_layer(2 + width, 4 * width, generator)
        self.output_layer = linear_layer(width, 2, generator)

    @property
    def state_size(self) -> int:
        """Number of elements of hidden state and cell state."""
        return 2 * self.width

    def step(self, target: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """See :meth:`RecurrentNetwork.step`."""
        roots = self._signed_roots(target)
        hidden, cell = state.chunk(2, dim=-1)
        gates = self.gates(torch.cat((roots, hidden), dim=-1))
        forget_gate, input_gate, output_gate, candidate = gates.chunk(4, dim=-1)
        cell = torch.sigmoid(forget_gate) * cell + torch.sigmoid(input_gate) * torch.tanh(candidate)
        hidden = torch.sigmoid(output_gate) * torch.tanh(cell)
        q = self.output_layer(hidden) + self._output_bias(target, roots)
        return q, torch.cat((hidden, cell), dim=-1)


class ConvolutionNetwork(SignedRootNetwork):
    """
    Two convolutions of width three along the path.

    Joint angles thus depend on up to two targets before and two after. At the ends of a path, the
    first and the last target are repeated.
    """

    family = 'convolution'
    label = 'convolutional (1-D)'
    execution_mode: ClassVar[ExecutionMode] = ExecutionMode.OFFLINE
    sample: ClassVar[Sampler] = staticmethod(sample_smooth_paths)
    config = PATH_CONFIG

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
        roots = self._signed_roots(target)
        hidden = torch.tanh(self.first_convolution(_with_neighbours(roots)))
        hidden = torch.tanh(self.second_convolution(_with_neighbours(hidden)))
        q: Tensor = self.output_layer(hidden) + self._output_bias(target, roots)
        return q


def _with_neighbours(values: Tensor) -> Tensor:
    """
    Return the values before, at and after each step of a path, the input of a convolution.

    :param values: (N, T, C)
    :return: (N, T, 3 C)
    """
    before = torch.cat((values[:, :1], values[:, :-1]), dim=1)
    after = torch.cat((values[:, 1:], values[:, -1:]), dim=1)
    return torch.cat((before, values, after), dim=-1)


class TransformerNetwork(SignedRootNetwork):
    """
    One transformer block (Vaswani et al. 2017) with a single head.

    The position along the path enters by attention that decreases with distance (Press, Smith and
    Lewis 2022), which works for paths of any length.
    """

    family = 'transformer'
    label = 'transformer'
    execution_mode: ClassVar[ExecutionMode] = ExecutionMode.OFFLINE
    sample: ClassVar[Sampler] = staticmethod(sample_smooth_paths)
    config = PATH_CONFIG

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
        roots = self._signed_roots(target)
        hidden = self.embedding(roots)
        query, key, value = self.query_key_value(_layer_norm(hidden)).chunk(3, dim=-1)
        position = torch.arange(target.shape[1], dtype=target.dtype)
        distance = (position[:, None] - position).abs()
        score = (
            query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
            - ATTENTION_DECAY_PER_TARGET * distance
        )
        hidden = hidden + self.attention_output(torch.softmax(score, dim=-1) @ value)
        hidden = hidden + self.feed_forward_out(
            torch.tanh(self.feed_forward_in(_layer_norm(hidden)))
        )
        q: Tensor = self.output_layer(hidden) + self._output_bias(target, roots)
        return q


def _layer_norm(values: Tensor) -> Tensor:
    return nn.functional.layer_norm(values, values.shape[-1:])
