"""A recurrent network over a path of targets."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.learning.config import TrainingConfig
from ik_nn_ros.learning.networks.layers import linear_layer
from ik_nn_ros.learning.networks.network import RecurrentNetwork, Sampler
from ik_nn_ros.learning.networks.roots import SignedRootNetwork
from ik_nn_ros.learning.sampling import sample_smooth_paths


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
