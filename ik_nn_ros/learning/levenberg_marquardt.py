"""
Levenberg-Marquardt: damped Gauss-Newton steps on all weights of a network.

With hundreds to a few thousand weights in double precision it reaches losses that are orders of
magnitude below those at which gradient descent stalls. Reference: Nocedal and Wright, Numerical
Optimization, section 10.3; damping rises slowly and falls fast ("delayed gratification", Transtrum
and Sethna 2012).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call, jacrev, vmap

ResidualFunction = Callable[[Tensor, Tensor], Tensor]
"""Maps the output (..., M) and the input (..., K) of one sample to its residuals (..., P)."""

DAMPING_INCREASE_RATIO = 2.0
"""Factor on the damping after a rejected step."""
DAMPING_DECREASE_RATIO = 5.0
"""Divisor of the damping after an accepted step."""
MIN_DAMPING = 1e-14
MAX_DAMPING = 1e10
"""Damping at which the search for a step ends."""
MAX_CHUNK_SAMPLES = 500
"""Samples whose Jacobians are in memory at a time."""


@dataclass(frozen=True)
class LevenbergMarquardtStep:
    """
    Result of one iteration.

    :param loss: half the sum of squared residuals after the iteration
    :param damping: first damping of the next iteration, relative to the normal matrix's mean
        diagonal
    :param accepted: whether a step was found that lowers the loss
    """

    loss: float
    damping: float
    accepted: bool


class _LeastSquaresProblem:
    """Residuals of all samples as a function of the vector of all W weights."""

    def __init__(self, module: nn.Module, data: Tensor, residual: ResidualFunction) -> None:
        self.data = data
        self._shapes = {name: p.shape for name, p in module.named_parameters()}

        def sample_residual(weights: Tensor, row: Tensor) -> Tensor:
            output = functional_call(module, self.unpack(weights), (row[None],))
            return residual(output[0], row)

        self._residuals = vmap(sample_residual, in_dims=(None, 0))
        self._jacobian = vmap(jacrev(sample_residual), in_dims=(None, 0))

    def unpack(self, weights: Tensor) -> dict[str, Tensor]:
        """Split the vector of weights into the module's parameters."""
        parts = torch.split(weights, [shape.numel() for shape in self._shapes.values()])
        return {
            name: part.view(shape)
            for part, (name, shape) in zip(parts, self._shapes.items(), strict=True)
        }

    def loss(self, weights: Tensor) -> Tensor:
        """Return half the sum of squared residuals."""
        return 0.5 * self._residuals(weights, self.data).square().sum()

    def linearize(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Return the Gauss-Newton normal matrix (W, W) and the gradient (W,)."""
        normal, gradient = torch.zeros(len(weights), len(weights)).to(weights), 0.0 * weights
        for chunk in torch.split(self.data, MAX_CHUNK_SAMPLES):
            jacobian = self._jacobian(weights, chunk).flatten(0, -2)  # (N P, W)
            normal += jacobian.T @ jacobian
            gradient += jacobian.T @ self._residuals(weights, chunk).flatten()
        return normal, gradient


@torch.no_grad()
def minimize(
    module: nn.Module, data: Tensor, residual: ResidualFunction, damping: float = 1e-3
) -> Iterator[LevenbergMarquardtStep]:
    """
    Minimize half the sum of squared residuals over the parameters of a module, in place.

    The iterator yields after each iteration and ends when no step lowers the loss any more.

    :param module: maps (N, ..., K) to (N, ..., M)
    :param data: (N, ..., K) inputs
    :param residual: residual of one sample
    :param damping: damping of the first step
    """
    problem = _LeastSquaresProblem(module, data, residual)
    weights = nn.utils.parameters_to_vector(module.parameters())
    loss = problem.loss(weights)
    accepted = True
    while accepted:
        normal, gradient = problem.linearize(weights)
        accepted = False
        while not accepted and damping < MAX_DAMPING:
            candidate = weights - _solve_damped(normal, gradient, damping)
            candidate_loss = problem.loss(candidate)
            accepted = bool(candidate_loss < loss)
            damping = (
                max(damping / DAMPING_DECREASE_RATIO, MIN_DAMPING)
                if accepted
                else damping * DAMPING_INCREASE_RATIO
            )
        if accepted:
            weights, loss = candidate, candidate_loss
            for parameter, part in zip(
                module.parameters(), problem.unpack(weights).values(), strict=True
            ):
                parameter.copy_(part)
        yield LevenbergMarquardtStep(float(loss), damping, accepted)


def _solve_damped(normal: Tensor, gradient: Tensor, damping: float) -> Tensor:
    """Return the damped step; NaN where rounding leaves the matrix not positive definite."""
    damped = normal + damping * normal.diagonal().mean() * torch.eye(len(normal)).to(normal)
    factor, failed = torch.linalg.cholesky_ex(damped)
    if failed:
        return torch.full_like(gradient, torch.nan)
    return torch.cholesky_solve(gradient[:, None], factor)[:, 0]
