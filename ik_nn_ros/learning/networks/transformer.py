"""A transformer over a path of targets."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.learning.config import TrainingConfig
from ik_nn_ros.learning.networks.layers import linear
from ik_nn_ros.learning.networks.network import Sampler, Use
from ik_nn_ros.learning.networks.roots import ElbowNetwork
from ik_nn_ros.learning.sampling import smooth_paths

SLOPE = 0.5
"""How fast attention fades with the distance along the path, a target."""


class TransformerNetwork(ElbowNetwork):
    """
    One block of attention and a layer (Vaswani et al. 2017), one head.

    Where a target is in the path it knows by attention that fades with the distance (Press, Smith
    and Lewis 2022), which goes for paths of any length.
    """

    family = 'transformer'
    label = 'transformer'
    use: ClassVar[Use] = Use.OFFLINE
    sample: ClassVar[Sampler] = staticmethod(smooth_paths)
    config = TrainingConfig(adam_steps=3000, batch_size=64, lm_samples=100, validation_samples=1000)

    def __init__(self, arm: ArmModel, generator: torch.Generator, width: int = 10) -> None:
        super().__init__(arm, generator)
        self.embed = linear(2, width, generator)
        self.attend = linear(width, 3 * width, generator)
        self.mix = linear(width, width, generator)
        self.widen = linear(width, 2 * width, generator)
        self.narrow = linear(2 * width, width, generator)
        self.answer = linear(width, 2, generator)

    def forward(self, target: Tensor) -> Tensor:
        """
        Propose joint angles along paths.

        :param target: (N, T, 4) x, y (m), branch and bearing (rad)
        :return: (N, T, 2) joint angles, rad
        """
        edges = self._edges(target)
        hidden = self.embed(edges)
        query, key, value = self.attend(_normalised(hidden)).chunk(3, dim=-1)
        place = torch.arange(target.shape[1], dtype=target.dtype)
        apart = (place[:, None] - place).abs()
        score = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5 - SLOPE * apart
        hidden = hidden + self.mix(torch.softmax(score, dim=-1) @ value)
        hidden = hidden + self.narrow(torch.tanh(self.widen(_normalised(hidden))))
        q: Tensor = self.answer(hidden) + self._about(target, edges)
        return q


def _normalised(values: Tensor) -> Tensor:
    return nn.functional.layer_norm(values, values.shape[-1:])
