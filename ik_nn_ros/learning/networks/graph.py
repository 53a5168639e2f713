"""A graph network over the chain of joints."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.learning.config import TrainingConfig
from ik_nn_ros.learning.networks.layers import linear_layer
from ik_nn_ros.learning.networks.roots import SignedRootNetwork

MESSAGE_PASSING_ROUNDS = 2
"""As many as links: what is known at the tip has to get to joint 1."""


class GraphNetwork(SignedRootNetwork):
    """
    Message passing over joint 1, joint 2 and the tip, which knows the target.

    In each round every node adds up the messages of its neighbours along the chain and changes its
    state by them; the same layers serve all nodes. The states of the joints give their angles. The
    scheme is that of Battaglia et al. 2018, "Relational inductive biases, deep learning, and graph
    networks".
    """

    family = 'graph'
    label = 'graph network'
    config = TrainingConfig(adam_steps=3000)

    adjacency: Tensor
    nodes: Tensor

    def __init__(self, arm: ArmModel, generator: torch.Generator, width: int = 10) -> None:
        super().__init__(arm, generator)
        self.target_encoder = linear_layer(2, width, generator)
        self.initial_joint_states = nn.Parameter(self._uniform((2, width), generator))
        self.message_layer = linear_layer(width, width, generator)
        self.update_layer = linear_layer(2 * width, width, generator)
        self.output_layer = linear_layer(width, 1, generator)
        self._register_constant('adjacency', [[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])

    @staticmethod
    def _uniform(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        values = torch.empty(shape, dtype=torch.float64)
        return nn.init.uniform_(values, -1.0, 1.0, generator=generator)

    def forward(self, target: Tensor) -> Tensor:
        """
        Propose joint angles.

        :param target: (N, 4) x, y (m), branch and bearing (rad)
        :return: (N, 2) joint angles, rad
        """
        edges = self._signed_roots(target)
        tip = torch.tanh(self.target_encoder(edges))[..., None, :]
        joints = self.initial_joint_states.expand(*tip.shape[:-2], 2, -1)
        nodes = torch.cat((joints, tip), dim=-2)  # (N, 3, width)
        for _ in range(MESSAGE_PASSING_ROUNDS):
            messages = self.adjacency @ torch.tanh(self.message_layer(nodes))
            nodes = torch.tanh(self.update_layer(torch.cat((nodes, messages), dim=-1)))
        q: Tensor = self.output_layer(nodes[..., :2, :])[..., 0] + self._output_bias(target, edges)
        return q
