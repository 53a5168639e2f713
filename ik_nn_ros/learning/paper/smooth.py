"""The paper's 64-32 network trained our way: a smooth curve between layers, loss on the tip."""

from __future__ import annotations

import torch

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.learning.config import TrainingConfig
from ik_nn_ros.learning.networks.paper import PaperNetwork


class SmoothPaperNetwork(PaperNetwork):
    """
    :class:`PaperNetwork` with tanh, which lets Levenberg-Marquardt work where ReLU does not.

    :param arm: the arm
    :param generator: draws the first weights
    :param hidden: widths of the hidden layers
    :param activation: between them
    """

    family = 'paper_smooth'
    label = "the paper's, smooth"
    config = TrainingConfig(adam_steps=8000, lm_iterations=40, lm_samples=2000, goal=0.0)
    FIRST_LAYER_GAIN = 4.0
    """Factor on the first layer's weights: with 1 the median is three times as large."""

    def __init__(
        self,
        arm: ArmModel,
        generator: torch.Generator,
        hidden: tuple[int, ...] = (64, 32),
        activation: type[torch.nn.Module] = torch.nn.Tanh,
    ) -> None:
        super().__init__(arm, generator, hidden, activation)
        with torch.no_grad():
            for values in self.layers[0].parameters():
                values.mul_(self.FIRST_LAYER_GAIN)
