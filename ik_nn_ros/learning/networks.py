"""
The families of networks: x, y, branch and bearing in, joint angles out, for any arm.

A network holds the arm's geometry and its own normalisation, so both travel with the weights. Its
``forward`` is written for the graph it becomes: at one target at a time each operation costs
onnxruntime more than its arithmetic.
"""

from __future__ import annotations

from itertools import pairwise
from math import pi
from typing import ClassVar, Protocol, cast

import numpy as np
import torch
from torch import Tensor, nn

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.arm.plane import Array
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.learning.config import TrainingConfig
from ik_nn_ros.learning.sampling import paper_ranges, whole_workspace


class Sampler(Protocol):
    """Draws (count, 4) targets for an arm."""

    def __call__(self, arm: ArmModel, rng: np.random.Generator, count: int) -> Array: ...  # noqa: D102


class Network(nn.Module):
    """
    What training and export know of a network; its weights are double precision.

    ``family`` is its name, ``branches`` the key of :data:`ik_nn_ros.ik.model_file.BRANCHES` it
    serves, ``sample`` draws targets of the region it is for, ``config`` is how it trains well.

    :param arm: the arm
    :param generator: draws the first weights
    :param hidden: widths of the hidden layers
    :param activation: between them
    :param inputs: number of inputs of the first
    """

    family: ClassVar[str]
    branches: ClassVar[str]
    sample: ClassVar[Sampler]
    config: ClassVar[TrainingConfig]

    def __init__(
        self,
        arm: ArmModel,
        generator: torch.Generator,
        hidden: tuple[int, ...] = (16, 16),
        activation: type[nn.Module] = nn.Tanh,
        inputs: int = 2,
    ) -> None:
        super().__init__()
        self.arm = arm
        self.layers = nn.Sequential()
        for before, after in pairwise((inputs, *hidden, 2)):
            # A plain nn.Linear would draw from the global generator.
            linear: nn.Linear = nn.utils.skip_init(  # type: ignore[no-untyped-call]
                nn.Linear, before, after, dtype=torch.float64
            )
            for values in (linear.weight, linear.bias):
                nn.init.uniform_(values, -(before**-0.5), before**-0.5, generator=generator)
            self.layers.extend((linear, activation()))
        del self.layers[-1]

    def _constant(self, name: str, values: object) -> None:
        self.register_buffer(name, torch.as_tensor(values, dtype=torch.float64))


class RootNetwork(Network):
    """
    What networks for the whole workspace share: root inputs, and joint 1 counted from the bearing.

    With r the distance of the target from the first axis, R = L1 + L2 and d = |L1 - L2|, the roots
    are v = √(r² - d²) and u = √(R² - r²), scaled so that u² + v² = 1; on a calibrated arm R and d
    are a little outside the edges, as far as the residual may move them. The elbow's angle is
    smooth in the roots, also where the arm is stretched (u = 0) or folded (v = 0) and the angle
    goes like the root of the distance to the edge. They carry the link lengths.
    """

    branches = 'both'
    sample = staticmethod(whole_workspace)
    spread: ClassVar[float]
    """Factor on the first layer's weights: the inputs cover less than a unit Gaussian does."""

    squares: Tensor
    shift: Tensor
    towards: Tensor
    zero: Tensor

    def __init__(
        self,
        arm: ArmModel,
        generator: torch.Generator,
        hidden: tuple[int, ...] = (16, 16),
        activation: type[nn.Module] = nn.Tanh,
        inputs: int = 2,
    ) -> None:
        super().__init__(arm, generator, hidden, activation, inputs)
        with torch.no_grad():
            for values in self.layers[0].parameters():
                values.mul_(self.spread)
        outer = (arm.reach + arm.deviation) ** 2
        inner = max(arm.inner_reach - arm.deviation, 0.0) ** 2
        a = 1.0 / (outer - inner)
        # (x², y², ...) → v², u²
        self._constant('squares', [[a, a, 0.0, 0.0], [-a, -a, 0.0, 0.0]])
        self._constant('shift', [-inner * a, outer * a])
        self._constant('towards', [[0.0, 0.0, 0.0, arm.signs[0]], [0.0] * 4])
        self._constant('zero', [-s * o for s, o in zip(arm.signs, arm.offsets, strict=True)])

    def _roots(self, target: Tensor) -> Tensor:
        """Return (N, 2) v and u of (N, 4) targets."""
        return nn.functional.linear(target * target, self.squares, self.shift).relu().sqrt()


class EdgeSmoothNetwork(RootNetwork):
    """
    Whole workspace, both branches.

    The layers see v and u. They give joint 2's angle and joint 1's against the bearing of the
    target, for the positive branch; the other branch is its mirror image.
    """

    family = 'edge_smooth'
    config = TrainingConfig()
    spread = 3.0

    sides: Tensor
    branch: Tensor

    def __init__(
        self,
        arm: ArmModel,
        generator: torch.Generator,
        hidden: tuple[int, ...] = (16, 16),
        activation: type[nn.Module] = nn.Tanh,
    ) -> None:
        super().__init__(arm, generator, hidden, activation)
        with torch.no_grad():
            # Begin with a bent elbow: the loss on the tip knows no branch.
            _, bias = self.layers[-1].parameters()
            bias[1] += pi / 2
        self._constant('sides', [[0.0, 0.0, 1.0, 0.0]] * hidden[-1])
        self._constant('branch', [0.0, 0.0, 1.0, 0.0])

    def forward(self, target: Tensor) -> Tensor:
        """
        Propose joint angles.

        :param target: (N, 4) x, y (m), branch and bearing (rad)
        :return: (N, 2) joint angles, rad
        """
        linear = nn.functional.linear
        last = cast(nn.Linear, self.layers[-1])
        # bearing + branch · (W h + b), as two products: W (branch · h), and the rest of the target.
        hidden = self.layers[:-1](self._roots(target)) * linear(target, self.sides)
        rest = linear(target, self.towards + torch.outer(last.bias, self.branch), self.zero)
        return torch.addmm(rest, hidden, last.weight.T)


class AsBuiltNetwork(RootNetwork):
    """
    Whole workspace, both branches, for a calibrated arm, which looks the same from no two sides.

    The layers see v and ± u, the sign that of the branch, and where in the plane the target is,
    x / R and y / R. They add to ± π u, which is about joint 2's angle: the loss on the tip knows no
    branch, so training has to begin on the right one.
    """

    family = 'as_built'
    config = TrainingConfig(adam_steps=2000, lm_samples=2000)
    spread = 2.0

    place: Tensor
    side: Tensor
    one: Tensor
    elbow: Tensor

    def __init__(
        self,
        arm: ArmModel,
        generator: torch.Generator,
        hidden: tuple[int, ...] = (16, 16),
        activation: type[nn.Module] = nn.Tanh,
    ) -> None:
        super().__init__(arm, generator, hidden, activation, inputs=4)
        self._constant('place', np.eye(2, 4) / arm.reach)
        self._constant('side', [[0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]])
        self._constant('one', [1.0, 0.0])
        self._constant('elbow', [[0.0, 0.0], [0.0, pi]])

    def forward(self, target: Tensor) -> Tensor:
        """
        Propose joint angles.

        :param target: (N, 4) x, y (m), branch and bearing (rad)
        :return: (N, 2) joint angles, rad
        """
        linear = nn.functional.linear
        edges = self._roots(target) * linear(target, self.side, self.one)
        inputs = torch.cat((edges, linear(target, self.place)), dim=1)
        about = linear(target, self.towards, self.zero) + linear(edges, self.elbow)
        q: Tensor = self.layers(inputs) + about
        return q


class PaperNetwork(Network):
    """
    Al-Sharif et al.: x and y in, 64 and 32 hidden units, ReLU, joint angles out; one branch.

    For targets as in the paper, see :func:`ik_nn_ros.learning.sampling.paper_ranges`. x and y
    are normalised by their mean and standard deviation there.
    """

    family = 'paper'
    branches = 'positive'
    sample = staticmethod(paper_ranges)
    config = TrainingConfig(adam_steps=40_000, lm_iterations=0)

    scale: Tensor
    shift: Tensor

    def __init__(
        self,
        arm: ArmModel,
        generator: torch.Generator,
        hidden: tuple[int, ...] = (64, 32),
        activation: type[nn.Module] = nn.ReLU,
    ) -> None:
        super().__init__(arm, generator, hidden, activation)
        xy = self.sample(arm, np.random.default_rng(0), 10_000)[:, :2]
        mean, deviation = xy.mean(axis=0), xy.std(axis=0)
        self._constant('scale', np.column_stack((np.diag(1.0 / deviation), np.zeros((2, 2)))))
        self._constant('shift', -mean / deviation)
        # Begin in the middle of the ranges: the loss on the tip knows no branch.
        signs, offsets = np.asarray(arm.signs), np.asarray(arm.offsets)
        with torch.no_grad():
            _, bias = self.layers[-1].parameters()
            bias.add_(torch.from_numpy(np.array([pi / 4, pi / 2]) - signs * offsets))

    def forward(self, target: Tensor) -> Tensor:
        """
        Propose joint angles.

        :param target: (N, 4) x, y (m), branch and bearing; these two are not looked at
        :return: (N, 2) joint angles, rad
        """
        normalised = nn.functional.linear(target, self.scale, self.shift)
        q: Tensor = self.layers(normalised)
        return q


FAMILIES: dict[str, type[Network]] = {
    network.family: network for network in (EdgeSmoothNetwork, AsBuiltNetwork, PaperNetwork)
}


def find_family(name: str) -> type[Network]:
    """
    Return the network class of that name.

    :raises ConfigError: there is none
    """
    if name not in FAMILIES:
        raise ConfigError('network', got=name, expected=' or '.join(FAMILIES))
    return FAMILIES[name]
