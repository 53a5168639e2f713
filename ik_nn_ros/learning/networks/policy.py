"""A policy trained by reinforcement: it moves the joints until the tip is at the target."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.learning.networks.network import fk, mlp
from ik_nn_ros.learning.networks.root_networks import SignedRootNetwork
from ik_nn_ros.learning.training_config import TrainingConfig

ROLLOUT_STEPS = 8
"""Of an answer, from a bent arm that points at the target."""
MAX_ACTION_RAD = 0.5
"""Longest move of a joint, rad."""
MIN_REWARD_DISTANCE_RATIO = 1e-4
"""Distance of the tip, of reach, from which coming nearer pays no more."""
BRANCH_CHANGE_PENALTY = 2.0
"""What it costs to cross over to the other branch."""


class PolicyNetwork(SignedRootNetwork):
    """
    Sees where the tip is off and how the elbow is bent, and says how to move the joints.

    Moves are in proportion to the distance left. It knows no kinematics: while it learns, moves are
    drawn from a normal distribution about what it says, the reward of a move is how many times
    nearer the tip came, and what was better than its like is made more likely (policy gradient,
    Williams 1992, with the mean of the batch as baseline). An answer is :data:`ROLLOUT_STEPS` moves.
    """

    family = 'policy'
    rounding_sensitive = True
    label = 'policy, reinforcement'
    config = TrainingConfig(
        adam_steps=4000, learning_rate=3e-3, lm_iterations=0, validation_samples=5000
    )

    def __init__(
        self,
        arm: ArmModel,
        generator: torch.Generator,
        hidden: tuple[int, ...] = (32, 32),
        activation: type[nn.Module] = nn.Tanh,
    ) -> None:
        super().__init__(arm, generator)
        self.layers = mlp((5, *hidden, 2), activation, generator)
        self.log_std = nn.Parameter(torch.full((2,), -0.7, dtype=torch.float64))

    def loss(self, target: Tensor, q: Tensor, generator: torch.Generator) -> Tensor:
        """Return what falls when moves that were better than their like become more likely."""
        at = self._initial_state(target)
        at = at + 0.3 * torch.randn(at.shape, generator=generator, dtype=at.dtype)
        total = torch.zeros((), dtype=at.dtype)
        for _ in range(ROLLOUT_STEPS):
            mean, distance = self._mean_action(target, at)
            drawn = torch.randn(mean.shape, generator=generator, dtype=mean.dtype)
            said = (mean + self.log_std.exp() * drawn).detach()
            after = at + self._saturated(said * distance)
            reward = self._reward(target, at, after, distance)
            advantage = (reward - reward.mean()) / (reward.std() + 1e-6)
            likelihood = -0.5 * ((said - mean) / self.log_std.exp()).square() - self.log_std
            total = total - (advantage * likelihood.sum(-1)).mean()
            at = after
        return total / ROLLOUT_STEPS

    def forward(self, target: Tensor) -> Tensor:
        """
        Propose joint angles.

        :param target: (N, 4) x, y (m), branch and bearing (rad)
        :return: (N, 2) joint angles, rad
        """
        at = self._initial_state(target)
        for _ in range(ROLLOUT_STEPS):
            said, distance = self._mean_action(target, at)
            at = at + self._saturated(said * distance)
        return at

    def _initial_state(self, target: Tensor) -> Tensor:
        edges = self._signed_roots(target)
        return self._output_bias(target, edges)

    def _mean_action(self, target: Tensor, q: Tensor) -> tuple[Tensor, Tensor]:
        """Return (N, 2) the move as a multiple of the distance left, (N, 1), of reach."""
        theta = self.arm.signs[0] * q[:, :1] + self.arm.offsets[0]
        elbow = self.arm.signs[1] * q[:, 1:] + self.arm.offsets[1]
        off = (target[:, :2] - fk(self.arm, q)) / self.arm.reach
        distance = off.square().sum(-1, keepdim=True).sqrt().clamp(min=1e-9)
        way = off / distance
        along = torch.cos(theta) * way[:, :1] + torch.sin(theta) * way[:, 1:]
        across = torch.cos(theta) * way[:, 1:] - torch.sin(theta) * way[:, :1]
        seen = (along, across, torch.cos(elbow), torch.sin(elbow), torch.log(distance + 1e-3))
        return self.layers(torch.cat(seen, dim=-1)), distance

    @staticmethod
    def _saturated(action: Tensor) -> Tensor:
        return MAX_ACTION_RAD * torch.tanh(action / MAX_ACTION_RAD)

    @torch.no_grad()
    def _reward(self, target: Tensor, before: Tensor, after: Tensor, distance: Tensor) -> Tensor:
        left = (target[:, :2] - fk(self.arm, after)).norm(dim=-1) / self.arm.reach
        zero = self.arm.signs[1] * self.arm.offsets[1]
        crossed = torch.sin(before[:, 1] + zero) * torch.sin(after[:, 1] + zero) < 0.0
        nearer = torch.log(distance[:, 0] + MIN_REWARD_DISTANCE_RATIO) - torch.log(
            left + MIN_REWARD_DISTANCE_RATIO
        )
        return nearer - BRANCH_CHANGE_PENALTY * crossed.to(nearer.dtype)
