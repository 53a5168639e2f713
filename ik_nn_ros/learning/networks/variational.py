"""A conditional variational autoencoder: of several solutions the one that fits is kept."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ik_nn_ros.arm.geometry import TWO_PI
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.learning.networks.network import fk, mlp, tip_residual
from ik_nn_ros.learning.networks.root_networks import RootInputNetwork
from ik_nn_ros.learning.training_config import TrainingConfig

LATENT_SAMPLE_COUNT = 8
"""Solutions that are drawn for a target, evenly over the latent variable's distribution."""
ANGLE_STD_RAD, TIP_STD_RATIO = 0.1, 0.03
"""
Standard deviations that the likelihood gives angles (rad) and the tip (of reach).

With 0.03 and 0.003 the latent variable comes to hold more than the branch, and the fixed codes no
longer meet it: the answers are 20 times worse.
"""
CLEAR_BRANCH_SINE = 0.05
"""Sine of an elbow's angle from which an arm is clearly on one branch."""
WRONG_BRANCH_COST = 1e3
"""What an answer on the other branch than asked is off at least, in the choice."""


class VariationalNetwork(RootInputNetwork):
    """
    Learns the distribution of joint angles at a target, without being told the branch.

    The decoder sees the roots v and u and a latent variable; the encoder, only while it is trained,
    also the joint angles. The loss is the evidence lower bound (Sohn, Lee and Yan 2015, "Learning
    structured output representation using deep conditional generative models"). To answer, it
    decodes :data:`LATENT_SAMPLE_COUNT` fixed values of the latent variable and keeps the solution on the branch
    asked for whose tip is the nearest.
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
        """Return the negative evidence lower bound of angles and tip."""
        roots, bearing = self._roots(target), self._bearing_joints(target)
        relative = q - bearing
        relative = relative - TWO_PI * torch.round(relative / TWO_PI)
        mean, log_variance = self.encoder(torch.cat((roots, relative), dim=-1)).chunk(2, dim=-1)
        noise = torch.randn(mean.shape, generator=generator, dtype=mean.dtype)
        code = mean + noise * torch.exp(0.5 * log_variance)
        decoded = self.decoder(torch.cat((roots, code), dim=-1))
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
        off = fk(self.arm, solutions) - target[:, None, :2]
        bend = torch.sin(solutions[..., 1] + self.arm.signs[1] * self.arm.offsets[1])
        wrong = (bend * target[:, None, 2] < -CLEAR_BRANCH_SINE).to(off.dtype)
        best = torch.argmin(off.square().sum(-1) + WRONG_BRANCH_COST * wrong, dim=1)
        q: Tensor = solutions.gather(1, best[:, None, None].expand(-1, 1, 2))[:, 0]
        return q

    def solutions(self, target: Tensor) -> Tensor:
        """Return (N, CODES, 2) joint angles, rad, of (N, 4) targets, on either branch."""
        roots = self._roots(target)[:, None].expand(-1, LATENT_SAMPLE_COUNT, -1)
        codes = self.latent_samples.expand(target.shape[0], -1, -1)
        decoded: Tensor = self.decoder(torch.cat((roots, codes), dim=-1))
        return decoded + self._bearing_joints(target)[:, None]

    def _bearing_joints(self, target: Tensor) -> Tensor:
        """Return (N, 2) joint angles of a straight arm that points at the targets, rad."""
        return nn.functional.linear(target, self.bearing_weight, self.bearing_bias)
