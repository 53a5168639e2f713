"""What all families of networks share."""

from __future__ import annotations

from abc import abstractmethod
from enum import Enum
from typing import ClassVar, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.learning.config import TrainingConfig
from ik_nn_ros.learning.kinematics import tip_residual
from ik_nn_ros.learning.sampling import FkSamples


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
    :data:`ik_nn_ros.ik.model_file.BRANCHES` it serves, ``use`` where it runs, ``sample`` draws of
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
