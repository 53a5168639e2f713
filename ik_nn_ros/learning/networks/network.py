"""Base classes of the network families, forward kinematics in torch, and layers."""

from __future__ import annotations

from abc import abstractmethod
from enum import Enum
from itertools import pairwise
from typing import ClassVar, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from ik_nn_ros.arm.calibrated import CalibratedArm
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.learning.sampling import FkSamples
from ik_nn_ros.learning.training_config import TrainingConfig


class ExecutionMode(Enum):
    """How a network is executed."""

    SINGLE_TARGET = 'ik_node'
    """On one target at a time, by ik_node."""
    STEPWISE = 'step by step'
    """Along a path, with a state."""
    OFFLINE = 'offline'
    """On a whole path at once."""


class Sampler(Protocol):
    """Draws samples for an arm: ``count`` targets or paths."""

    def __call__(self, arm: ArmModel, rng: np.random.Generator, count: int) -> FkSamples: ...  # noqa: D102


class TrainableNetwork(nn.Module):
    """
    Interface of a network to training and export.

    ``forward`` maps targets (..., 4), rows of x, y (m), branch and bearing (rad), to joint angles
    (..., 2), rad. The weights are double precision. A network contains the arm's geometry and its
    own normalization, so that both are stored with the weights.

    :param arm: the arm
    :param generator: random generator of the initial weights
    """

    family: ClassVar[str]
    """Name on the command line and in model files."""
    label: ClassVar[str]
    """Name in tables and plots."""
    branches: ClassVar[str] = 'both'
    """Branches that the network serves, a key of :data:`ik_nn_ros.ik.network.BRANCH_SETS`."""
    execution_mode: ClassVar[ExecutionMode] = ExecutionMode.SINGLE_TARGET
    rounding_sensitive: ClassVar[bool] = False
    """Whether rounding may lead to another solution that is equally good."""
    sample: ClassVar[Sampler]
    """Draws samples of the region that the network is for."""
    config: ClassVar[TrainingConfig]
    """Configuration with which the family trains well."""

    def __init__(self, arm: ArmModel, generator: torch.Generator) -> None:
        super().__init__()
        self.arm = arm

    def loss(self, target: Tensor, q: Tensor, generator: torch.Generator) -> Tensor:
        """
        Return the loss for gradient descent, by default the mean squared tip error.

        :param target: (..., 4) x, y (m), branch and bearing (rad)
        :param q: (..., 2) joint angles that produce the targets, rad
        :param generator: random generator, for a loss that draws samples
        :return: a scalar
        """
        return tip_residual(self.arm, self(target), target).square().sum(-1).mean()

    def _register_constant(self, name: str, values: object) -> None:
        """Store values with the weights without training them."""
        self.register_buffer(name, torch.as_tensor(values, dtype=torch.float64))


class RecurrentNetwork(TrainableNetwork):
    """A network that follows a path step by step, with a state that is zero at the beginning."""

    execution_mode: ClassVar[ExecutionMode] = ExecutionMode.STEPWISE

    @property
    @abstractmethod
    def state_size(self) -> int:
        """Number of elements of the state."""

    @abstractmethod
    def step(self, target: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """
        Propose joint angles for the next targets of N paths.

        :param target: (N, 4) x, y (m), branch and bearing (rad)
        :param state: (N, state_size)
        :return: (N, 2) joint angles, rad, and the next state
        """

    def forward(self, target: Tensor) -> Tensor:
        """
        Propose joint angles along paths.

        :param target: (N, T, 4) x, y (m), branch and bearing (rad)
        :return: (N, T, 2) joint angles, rad
        """
        state = target.new_zeros(len(target), self.state_size)
        joints = []
        for step_target in target.unbind(dim=1):
            q, state = self.step(step_target, state)
            joints.append(q)
        return torch.stack(joints, dim=1)


def fk(arm: ArmModel, q: Tensor) -> Tensor:
    """
    Differentiable :meth:`ArmModel.fk`.

    :param arm: the arm
    :param q: (..., 2) joint angles, rad
    :return: (..., 2) tip in the plane, m
    """
    l1, l2 = arm.lengths
    theta1 = arm.signs[0] * q[..., 0] + arm.offsets[0]
    theta12 = theta1 + arm.signs[1] * q[..., 1] + arm.offsets[1]
    x = l1 * torch.cos(theta1) + l2 * torch.cos(theta12)
    y = l1 * torch.sin(theta1) + l2 * torch.sin(theta12)
    if isinstance(arm, CalibratedArm) and arm.residual:
        harmonics = [[t.k1 * arm.signs[0], t.k2 * arm.signs[1]] for t in arm.residual]
        real = torch.tensor([t.coefficient.real for t in arm.residual], dtype=q.dtype)
        imaginary = torch.tensor([t.coefficient.imag for t in arm.residual], dtype=q.dtype)
        phase = q @ torch.tensor(harmonics, dtype=q.dtype).T
        cosine, sine = torch.cos(phase), torch.sin(phase)
        x = x + cosine @ real - sine @ imaginary
        y = y + cosine @ imaginary + sine @ real
    return torch.stack((x, y), dim=-1)


def tip_residual(arm: ArmModel, q: Tensor, target: Tensor) -> Tensor:
    """
    Return the offset of the tip from its target, as a fraction of reach.

    :param arm: the arm
    :param q: (..., 2) joint angles, rad
    :param target: (..., 4) x, y (m), branch and bearing (rad)
    :return: (..., 2)
    """
    return (fk(arm, q) - target[..., :2]) / arm.reach


def elbow_sine(arm: ArmModel, q: Tensor) -> Tensor:
    """
    Return the sine (...) of the elbow's angle about joint 2's axis; its sign is the branch.

    :param arm: the arm
    :param q: (..., 2) joint angles, rad
    """
    return torch.sin(q[..., 1] + arm.signs[1] * arm.offsets[1])


def linear_layer(input_width: int, output_width: int, generator: torch.Generator) -> nn.Linear:
    """Return a double-precision layer with torch's usual distribution of initial weights."""
    # A plain nn.Linear would draw from the global generator.
    layer: nn.Linear = nn.utils.skip_init(  # type: ignore[no-untyped-call]
        nn.Linear, input_width, output_width, dtype=torch.float64
    )
    for values in (layer.weight, layer.bias):
        nn.init.uniform_(values, -(input_width**-0.5), input_width**-0.5, generator=generator)
    return layer


def mlp(
    widths: tuple[int, ...],
    activation: type[nn.Module],
    generator: torch.Generator,
    gain: float = 1.0,
) -> nn.Sequential:
    """
    Return a multilayer perceptron in double precision.

    :param widths: widths of the input, the hidden layers and the output
    :param activation: activation between the layers
    :param generator: random generator of the initial weights
    :param gain: factor on the first layer's weights, for inputs of a narrow range
    """
    layers = nn.Sequential()
    for inputs, outputs in pairwise(widths):
        layers.extend((linear_layer(inputs, outputs, generator), activation()))
    del layers[-1]
    with torch.no_grad():
        for values in layers[0].parameters():
            values.mul_(gain)
    return layers
