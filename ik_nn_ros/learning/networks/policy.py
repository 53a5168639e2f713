"""A policy, trained by reinforcement learning, that moves the tip step by step to the target."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.learning.networks.network import elbow_sine, fk, mlp
from ik_nn_ros.learning.networks.root_networks import SignedRootNetwork
from ik_nn_ros.learning.training_config import TrainingConfig

ROLLOUT_STEPS = 8
"""Number of actions of an episode, which starts with a bent arm that points at the target."""
INITIAL_STD_RAD = 0.3
"""Standard deviation of the initial joint angles during training, rad."""
INITIAL_LOG_STD = -0.7
"""Initial logarithm of the actions' standard deviation."""
MAX_ACTION_RAD = 0.5
"""Largest motion of a joint by an action, rad."""
MIN_REWARD_DISTANCE_RATIO = 1e-4
"""Distance of the tip, as a fraction of reach, below which coming closer gives no more reward."""
BRANCH_CHANGE_PENALTY = 2.0
"""Penalty in the reward for a change to the other branch."""
ADVANTAGE_EPSILON = 1e-6
"""Added to the standard deviation of the rewards."""


class PolicyNetwork(SignedRootNetwork):
    """
    Maps the tip's offset and the elbow's angle to joint motions, without knowing the kinematics.

    Actions are proportional to the remaining distance. During training they are drawn from a normal
    distribution around the network's output. The reward of an action is the logarithm of the ratio
    of the distances before and after it (policy gradient, Williams 1992, with the batch mean as
    baseline). Joint angles result from :data:`ROLLOUT_STEPS` actions.
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
        self.log_std = nn.Parameter(torch.full((2,), INITIAL_LOG_STD, dtype=torch.float64))

    def loss(self, target: Tensor, q: Tensor, generator: torch.Generator) -> Tensor:
        """Return the negative log-likelihood of the actions, weighted by their advantages."""
        joints = self._initial_joints(target)
        noise = torch.randn(joints.shape, generator=generator, dtype=joints.dtype)
        joints = joints + INITIAL_STD_RAD * noise
        total = torch.zeros((), dtype=joints.dtype)
        for _ in range(ROLLOUT_STEPS):
            mean, distance = self._mean_action(target, joints)
            noise = torch.randn(mean.shape, generator=generator, dtype=mean.dtype)
            action = (mean + self.log_std.exp() * noise).detach()
            next_joints = joints + self._saturated(action * distance)
            reward = self._reward(target, joints, next_joints, distance)
            advantage = (reward - reward.mean()) / (reward.std() + ADVANTAGE_EPSILON)
            deviation = (action - mean) / self.log_std.exp()
            log_likelihood = -0.5 * deviation.square() - self.log_std
            total = total - (advantage * log_likelihood.sum(-1)).mean()
            joints = next_joints
        return total / ROLLOUT_STEPS

    def forward(self, target: Tensor) -> Tensor:
        """
        Propose joint angles.

        :param target: (N, 4) x, y (m), branch and bearing (rad)
        :return: (N, 2) joint angles, rad
        """
        joints = self._initial_joints(target)
        for _ in range(ROLLOUT_STEPS):
            action, distance = self._mean_action(target, joints)
            joints = joints + self._saturated(action * distance)
        return joints

    def _initial_joints(self, target: Tensor) -> Tensor:
        return self._output_bias(target, self._signed_roots(target))

    def _mean_action(self, target: Tensor, q: Tensor) -> tuple[Tensor, Tensor]:
        """
        Evaluate the policy.

        :param target: (N, 4) x, y (m), branch and bearing (rad)
        :param q: (N, 2) joint angles, rad
        :return: (N, 2) joint motions per distance, rad, and (N, 1) distances of the tip from the
            target as fractions of reach
        """
        theta = self.arm.signs[0] * q[:, :1] + self.arm.offsets[0]
        elbow = self.arm.signs[1] * q[:, 1:] + self.arm.offsets[1]
        offset = (target[:, :2] - fk(self.arm, q)) / self.arm.reach
        distance = offset.square().sum(-1, keepdim=True).sqrt().clamp(min=1e-9)
        direction = offset / distance
        along = torch.cos(theta) * direction[:, :1] + torch.sin(theta) * direction[:, 1:]
        across = torch.cos(theta) * direction[:, 1:] - torch.sin(theta) * direction[:, :1]
        observation = along, across, torch.cos(elbow), torch.sin(elbow), torch.log(distance + 1e-3)
        return self.layers(torch.cat(observation, dim=-1)), distance

    @staticmethod
    def _saturated(action: Tensor) -> Tensor:
        return MAX_ACTION_RAD * torch.tanh(action / MAX_ACTION_RAD)

    @torch.no_grad()
    def _reward(self, target: Tensor, before: Tensor, after: Tensor, distance: Tensor) -> Tensor:
        """
        Return (N,) rewards of actions.

        :param target: (N, 4) x, y (m), branch and bearing (rad)
        :param before: (N, 2) joint angles before the action, rad
        :param after: (N, 2) joint angles after the action, rad
        :param distance: (N, 1) distance of the tip before the action, as a fraction of reach
        """
        remaining = (target[:, :2] - fk(self.arm, after)).norm(dim=-1) / self.arm.reach
        changes_branch = elbow_sine(self.arm, before) * elbow_sine(self.arm, after) < 0.0
        progress = torch.log(distance[:, 0] + MIN_REWARD_DISTANCE_RATIO) - torch.log(
            remaining + MIN_REWARD_DISTANCE_RATIO
        )
        return progress - BRANCH_CHANGE_PENALTY * changes_branch.to(progress.dtype)
