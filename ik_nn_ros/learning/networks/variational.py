"""A conditional variational autoencoder that samples solutions and selects the best one."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ik_nn_ros.arm.geometry import TWO_PI
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.learning.networks.network import elbow_sine, fk, mlp, tip_residual
from ik_nn_ros.learning.networks.root_networks import RootInputNetwork
from ik_nn_ros.learning.training_config import TrainingConfig

LATENT_SAMPLE_COUNT = 8
"""Solutions per target: quantiles of the latent variable's distribution."""
ANGLE_STD_RAD = 0.1
"""Standard deviation of the joint angles in the likelihood, rad."""
TIP_STD_RATIO = 0.03
"""
Standard deviation of the tip in the likelihood, as a fraction of reach.

With 0.003, and 0.03 rad for the angles, the latent variable encodes more than the branch, the fixed
latent samples no longer match it, and errors are 20 times larger.
"""
CLEAR_BRANCH_SINE = 0.05
"""Sine of the elbow's angle from which a solution is clearly on one branch."""
WRONG_BRANCH_COST = 1e3
"""Cost of a solution on the wrong branch in the selection, m²."""


class VariationalNetwork(RootInputNetwork):
    """
    Learns the distribution of joint angles at a target, without the branch as an input.

    The decoder sees the roots v and u and a latent variable; the encoder, which is used in training
    only, also the joint angles. The loss is the negative evidence lower bound (Sohn, Lee and Yan
    2015, "Learning structured output representation using deep conditional generative models").
    For inference, :data:`LATENT_SAMPLE_COUNT` fixed values of the latent variable are decoded, and
    the solution on the requested branch with the smallest tip error is selected.
    """

    family = 'variational'
    rounding_sensitive = True
    label = 'variational autoencoder'
    config = TrainingConfig(
        adam_steps=8000, learning_rate=1e-2, lm_iterations=0, validation_samples=5000
    )

    latent_samples: Tensor

    def __init__(
        self,
        arm: ArmModel,
        generator: torch.Generator,
        hidden: tuple[int, ...] = (24, 24),
        activation: type[nn.Module] = nn.Tanh,
    ) -> None:
        super().__init__(arm, generator)
        self.encoder = mlp((4, *hidden, 2), activation, generator)
        self.decoder = mlp((3, *hidden, 2), activation, generator, 2.0)
        quantiles = (
            torch.arange(LATENT_SAMPLE_COUNT, dtype=torch.float64) + 0.5
        ) / LATENT_SAMPLE_COUNT
        self._register_constant('latent_samples', torch.special.ndtri(quantiles)[:, None])

    def loss(self, target: Tensor, q: Tensor, generator: torch.Generator) -> Tensor:
        """Return the negative evidence lower bound of joint angles and tip."""
        roots, bearing = self._roots(target), self._bearing_joints(target)
        relative = q - bearing
        relative = relative - TWO_PI * torch.round(relative / TWO_PI)
        mean, log_variance = self.encoder(torch.cat((roots, relative), dim=-1)).chunk(2, dim=-1)
        noise = torch.randn(mean.shape, generator=generator, dtype=mean.dtype)
        latent = mean + noise * torch.exp(0.5 * log_variance)
        decoded = self.decoder(torch.cat((roots, latent), dim=-1))
        angle = (decoded - relative).square().sum(-1) / ANGLE_STD_RAD**2
        tip = tip_residual(self.arm, decoded + bearing, target).square().sum(-1) / TIP_STD_RATIO**2
        divergence = (mean.square() + log_variance.exp() - 1.0 - log_variance).sum(-1)
        bound: Tensor = 0.5 * (angle + tip + divergence).mean()
        return bound

    def forward(self, target: Tensor) -> Tensor:
        """
        Propose joint angles.

        :param target: (N, 4) x, y (m), branch and bearing (rad)
        :return: (N, 2) joint angles, rad
        """
        solutions = self.solutions(target)
        offset = fk(self.arm, solutions) - target[:, None, :2]
        branch_sine = elbow_sine(self.arm, solutions) * target[:, None, 2]
        is_wrong_branch = (branch_sine < -CLEAR_BRANCH_SINE).to(offset.dtype)
        cost = offset.square().sum(-1) + WRONG_BRANCH_COST * is_wrong_branch
        best = torch.argmin(cost, dim=1)
        q: Tensor = solutions.gather(1, best[:, None, None].expand(-1, 1, 2))[:, 0]
        return q

    def solutions(self, target: Tensor) -> Tensor:
        """
        Return the solutions of all latent samples, on either branch.

        :param target: (N, 4) x, y (m), branch and bearing (rad)
        :return: (N, LATENT_SAMPLE_COUNT, 2) joint angles, rad
        """
        roots = self._roots(target)[:, None].expand(-1, LATENT_SAMPLE_COUNT, -1)
        latent = self.latent_samples.expand(target.shape[0], -1, -1)
        decoded: Tensor = self.decoder(torch.cat((roots, latent), dim=-1))
        return decoded + self._bearing_joints(target)[:, None]

    def _bearing_joints(self, target: Tensor) -> Tensor:
        """Return (N, 2) joint angles of a stretched arm that points at the targets, rad."""
        return nn.functional.linear(target, self.bearing_weight, self.bearing_bias)
