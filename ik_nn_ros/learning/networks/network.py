"""What all families of networks share."""

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

# MERGED learning.kinematics: Forward kinematics in torch, so that a loss on the tip's position can be differentiated.


def fk(arm: ArmModel, q: Tensor) -> Tensor:
    """
    Do what :meth:`ArmModel.fk` does.

    :param q: (..., 2) joint angles, rad
    :return: (..., 2) tip in the plane, m
    """
    l1, l2 = arm.lengths
    theta1 = arm.signs[0] * q[..., 0] + arm.offsets[0]
    tip = theta1 + arm.signs[1] * q[..., 1] + arm.offsets[1]
    x = l1 * torch.cos(theta1) + l2 * torch.cos(tip)
    y = l1 * torch.sin(theta1) + l2 * torch.sin(tip)
    if isinstance(arm, CalibratedArm) and arm.residual:
        turns = [[t.k1 * arm.signs[0], t.k2 * arm.signs[1]] for t in arm.residual]
        real = torch.tensor([t.coefficient.real for t in arm.residual], dtype=q.dtype)
        imaginary = torch.tensor([t.coefficient.imag for t in arm.residual], dtype=q.dtype)
        phase = q @ torch.tensor(turns, dtype=q.dtype).T
        cosine, sine = torch.cos(phase), torch.sin(phase)
        x = x + cosine @ real - sine @ imaginary
        y = y + cosine @ imaginary + sine @ real
    return torch.stack((x, y), dim=-1)


def tip_residual(arm: ArmModel, q: Tensor, target: Tensor) -> Tensor:
    """
    Return where the tip is off the target, as a fraction of reach.

    :param q: (..., 2) joint angles, rad
    :param target: (..., 4) x, y (m), branch and bearing
    :return: (..., 2)
    """
    return (fk(arm, q) - target[..., :2]) / arm.reach


class ExecutionMode(Enum):
    """Where a network runs."""

    SINGLE_TARGET = 'ik_node'
    """On one target at a time."""
    STEPWISE = 'step by step'
    """Along a path, keeping a state."""
    OFFLINE = 'offline'
    """On a whole path at once."""


class Sampler(Protocol):
    """Draws samples for an arm, ``count`` targets or paths."""

    def __call__(self, arm: ArmModel, rng: np.random.Generator, count: int) -> FkSamples: ...  # noqa: D102


class TrainableNetwork(nn.Module):
    """
    What training and export know of a network; its weights are double precision.

    ``forward`` takes targets (..., 4), rows of x, y (m), branch and bearing (rad), and returns
    joint angles (..., 2), rad. A network holds the arm's geometry and its own normalisation, so
    both travel with the weights.

    ``family`` is its name, ``label`` the same for people, ``branches`` the key of
    :data:`ik_nn_ros.ik.network.BRANCHES` it serves, ``use`` where it runs, ``sample`` draws of
    the region it is for, ``config`` is how it trains well.

    :param arm: the arm
    :param generator: draws the first weights
    """

    family: ClassVar[str]
    label: ClassVar[str]
    branches: ClassVar[str] = 'both'
    execution_mode: ClassVar[ExecutionMode] = ExecutionMode.SINGLE_TARGET
    rounding_sensitive: ClassVar[bool] = False
    """Whether rounding may lead it to another answer that is as good, or by another way to one."""
    sample: ClassVar[Sampler]
    config: ClassVar[TrainingConfig]

    def __init__(self, arm: ArmModel, generator: torch.Generator) -> None:
        super().__init__()
        self.arm = arm

    def loss(self, target: Tensor, q: Tensor, generator: torch.Generator) -> Tensor:
        """
        Return what gradient descent lowers: by default how far the tip ends up from the targets.

        :param target: (..., 4)
        :param q: (..., 2) joint angles that the targets were made from, rad
        :param generator: for a loss that draws
        :return: a number
        """
        return tip_residual(self.arm, self(target), target).square().sum(-1).mean()

    def _register_constant(self, name: str, values: object) -> None:
        self.register_buffer(name, torch.as_tensor(values, dtype=torch.float64))


class RecurrentNetwork(TrainableNetwork):
    """A network that goes along a path step by step; its state begins as zeros."""

    execution_mode: ClassVar[ExecutionMode] = ExecutionMode.STEPWISE

    @property
    @abstractmethod
    def state_size(self) -> int:
        """How many numbers the state is."""

    @abstractmethod
    def step(self, target: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """
        Go on by one target.

        :param target: (N, 4) x, y (m), branch and bearing (rad)
        :param state: (N, states)
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
        for now in target.unbind(dim=1):
            q, state = self.step(now, state)
            joints.append(q)
        return torch.stack(joints, dim=1)


# MERGED learning.networks.layers: Layers whose first weights come from a generator of one's own, in double precision.


def linear_layer(input_width: int, output_width: int, generator: torch.Generator) -> nn.Linear:
    """Return a layer with torch's usual distribution of first weights."""
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
    Return a multilayer perceptron.

    :param widths: of the input, the hidden layers and the output
    :param activation: between the layers
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
