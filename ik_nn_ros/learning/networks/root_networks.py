"""
Networks with root inputs, in which joint angles are smooth up to the workspace boundaries.

The module holds the base classes with these inputs, the default family, the family for calibrated
arms, and the graph network.
"""

from __future__ import annotations

from math import pi
from typing import ClassVar, cast

import numpy as np
import torch
from torch import Tensor, nn

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.learning.networks.network import Sampler, TrainableNetwork, linear_layer, mlp
from ik_nn_ros.learning.sampling import sample_workspace
from ik_nn_ros.learning.training_config import TrainingConfig

MESSAGE_PASSING_ROUNDS = 2
"""Rounds of message passing of the graph network; the tip is two links away from joint 1."""


class RootInputNetwork(TrainableNetwork):
    """
    Base of networks for the whole workspace: root inputs, and joint 1 relative to the bearing.

    With r the distance of the target from the first axis, R = L1 + L2 and d = |L1 - L2|, the roots
    are v = √(r² - d²) and u = √(R² - r²), scaled so that u² + v² = 1. For a calibrated arm, R and d
    lie outside the boundaries by as much as the residual may move these. The elbow's angle is
    smooth in the roots, also where the arm is stretched (u = 0) or folded (v = 0) and the angle is
    proportional to the root of the distance to the boundary. The roots contain the link lengths.
    """

    sample: ClassVar[Sampler] = staticmethod(sample_workspace)

    root_weight: Tensor
    root_bias: Tensor
    bearing_weight: Tensor
    bearing_bias: Tensor

    def __init__(self, arm: ArmModel, generator: torch.Generator) -> None:
        super().__init__(arm, generator)
        outer = (arm.reach + arm.residual_bound) ** 2
        inner = max(arm.inner_reach - arm.residual_bound, 0.0) ** 2
        a = 1.0 / (outer - inner)
        # Maps (x², y², ...) to (v², u²).
        self._register_constant('root_weight', [[a, a, 0.0, 0.0], [-a, -a, 0.0, 0.0]])
        self._register_constant('root_bias', [-inner * a, outer * a])
        self._register_constant('bearing_weight', [[0.0, 0.0, 0.0, arm.signs[0]], [0.0] * 4])
        self._register_constant(
            'bearing_bias', [-s * o for s, o in zip(arm.signs, arm.offsets, strict=True)]
        )

    def _roots(self, target: Tensor) -> Tensor:
        """Return the roots (..., 2), v and u, of targets (..., 4)."""
        return nn.functional.linear(target * target, self.root_weight, self.root_bias).relu().sqrt()


class SignedRootNetwork(RootInputNetwork):
    """
    Base of networks that distinguish the branches by their inputs, v and ± u.

    Their outputs are relative to ± π u, which is about joint 2's angle: the loss on the tip ignores
    branches, so training must start on the right one.
    """

    sign_weight: Tensor
    sign_bias: Tensor
    elbow_weight: Tensor

    def __init__(self, arm: ArmModel, generator: torch.Generator) -> None:
        super().__init__(arm, generator)
        self._register_constant('sign_weight', [[0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]])
        self._register_constant('sign_bias', [1.0, 0.0])
        self._register_constant('elbow_weight', [[0.0, 0.0], [0.0, pi]])

    def _signed_roots(self, target: Tensor) -> Tensor:
        """Return (..., 2), v and ± u with the branch's sign, of targets (..., 4)."""
        return self._roots(target) * nn.functional.linear(target, self.sign_weight, self.sign_bias)

    def _output_bias(self, target: Tensor, signed_roots: Tensor) -> Tensor:
        """Return the joint angles (..., 2) to which the network's output is relative, rad."""
        bearing = nn.functional.linear(target, self.bearing_weight, self.bearing_bias)
        return bearing + nn.functional.linear(signed_roots, self.elbow_weight)


class EdgeSmoothNetwork(RootInputNetwork):
    """
    The default family: whole workspace, both branches, with few operations per target.

    The layers map v and u to joint 2's angle and to joint 1's relative to the target's bearing, on
    the positive branch; the other branch is its mirror image.
    """

    family = 'edge_smooth'
    label = 'feed-forward, ours'
    config = TrainingConfig()
    FIRST_LAYER_GAIN = 3.0
    """Factor on the first layer's weights, because the inputs vary less than a unit Gaussian."""

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
            # Starts with a bent elbow, because the loss on the tip ignores branches.
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
        output_layer = cast(nn.Linear, self.layers[-1])
        # bearing + branch · (W h + b) takes two products: W (branch · h), and a linear function of
        # the target.
        hidden = self.layers[:-1](self._roots(target)) * linear(target, self.branch_weight)
        offset = linear(
            target,
            self.bearing_weight + torch.outer(output_layer.bias, self.branch_selector),
            self.bearing_bias,
        )
        return torch.addmm(offset, hidden, output_layer.weight.T)


class CalibratedArmNetwork(SignedRootNetwork):
    """
    The family for a calibrated arm, which has no symmetry: whole workspace, both branches.

    The layers see v and ± u, with the branch's sign, and the target's position x / R and y / R.
    """

    family = 'as_built'
    label = 'feed-forward, for the arm as built'
    config = TrainingConfig(adam_steps=2000, lm_samples=2000)
    FIRST_LAYER_GAIN = 2.0
    """Factor on the first layer's weights, because the inputs vary less than a unit Gaussian."""

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
        roots = self._signed_roots(target)
        inputs = torch.cat((roots, nn.functional.linear(target, self.position_weight)), dim=1)
        q: Tensor = self.layers(inputs) + self._output_bias(target, roots)
        return q


class GraphNetwork(SignedRootNetwork):
    """
    Graph network over the chain of joint 1, joint 2 and the tip, which holds the target.

    In each round every node sums the messages of its neighbours along the chain and updates its
    state; all nodes share their layers. The joint angles are functions of the joints' states. The
    scheme is that of Battaglia et al. 2018, "Relational inductive biases, deep learning, and graph
    networks".
    """

    family = 'graph'
    label = 'graph network'
    config = TrainingConfig(adam_steps=3000)

    adjacency: Tensor

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
        roots = self._signed_roots(target)
        tip = torch.tanh(self.target_encoder(roots))[..., None, :]
        joints = self.initial_joint_states.expand(*tip.shape[:-2], 2, -1)
        nodes = torch.cat((joints, tip), dim=-2)  # (N, 3, width)
        for _ in range(MESSAGE_PASSING_ROUNDS):
            messages = self.adjacency @ torch.tanh(self.message_layer(nodes))
            nodes = torch.tanh(self.update_layer(torch.cat((nodes, messages), dim=-1)))
        q: Tensor = self.output_layer(nodes[..., :2, :])[..., 0] + self._output_bias(target, roots)
        return q
