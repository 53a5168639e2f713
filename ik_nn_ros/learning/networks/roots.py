"""What networks for the whole workspace share: inputs in which the arm's edges are smooth."""

from __future__ import annotations

from math import pi
from typing import ClassVar

import torch
from torch import Tensor, nn

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.learning.networks.network import Sampler, TrainableNetwork
from ik_nn_ros.learning.sampling import sample_workspace


class RootInputNetwork(TrainableNetwork):
    """
    What networks for the whole workspace share: root inputs, and joint 1 counted from the bearing.

    With r the distance of the target from the first axis, R = L1 + L2 and d = |L1 - L2|, the roots
    are v = √(r² - d²) and u = √(R² - r²), scaled so that u² + v² = 1; on a calibrated arm R and d
    are a little outside the edges, as far as the residual may move them. The elbow's angle is
    smooth in the roots, also where the arm is stretched (u = 0) or folded (v = 0) and the angle
    goes like the root of the distance to the edge. They carry the link lengths.
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
        # (x², y², ...) → v², u²
        self._register_constant('root_weight', [[a, a, 0.0, 0.0], [-a, -a, 0.0, 0.0]])
        self._register_constant('root_bias', [-inner * a, outer * a])
        self._register_constant('bearing_weight', [[0.0, 0.0, 0.0, arm.signs[0]], [0.0] * 4])
        self._register_constant(
            'bearing_bias', [-s * o for s, o in zip(arm.signs, arm.offsets, strict=True)]
        )

    def _roots(self, target: Tensor) -> Tensor:
        """Return (..., 2) v and u of (..., 4) targets."""
        return nn.functional.linear(target * target, self.root_weight, self.root_bias).relu().sqrt()


class SignedRootNetwork(RootInputNetwork):
    """
    What networks share that answer either branch by its own inputs, v and ± u.

    Their answers count from ± π u, which is about joint 2's angle: the loss on the tip knows no
    branch, so training has to begin on the right one.
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
        """Return (..., 2) v and ± u of (..., 4) targets, the sign that of the branch."""
        return self._roots(target) * nn.functional.linear(target, self.sign_weight, self.sign_bias)

    def _output_bias(self, target: Tensor, signed_roots: Tensor) -> Tensor:
        """Return (..., 2) the joint angles that answers count from, rad."""
        bearing = nn.functional.linear(target, self.bearing_weight, self.bearing_bias)
        return bearing + nn.functional.linear(signed_roots, self.elbow_weight)
