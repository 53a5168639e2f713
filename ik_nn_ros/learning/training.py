"""
Training of a network on the arm's own forward kinematics.

Stage 1 is Adam on new samples in every step, with the loss of the network's family; for most
families that is the error of the tip and not of the joint angles. Stage 2 is Levenberg-Marquardt on
the error of the tip, in double precision, and converges to the minimum near the result of stage 1.
The best weights are those with the smallest product of median and worst error on held-out targets.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf, sqrt

import numpy as np
import torch
from torch import Tensor

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.learning.levenberg_marquardt import minimize
from ik_nn_ros.learning.networks.network import TrainableNetwork, elbow_sine, tip_residual
from ik_nn_ros.learning.training_config import TrainingConfig

TORCH_THREAD_COUNT = 1
"""Fixed on every machine, because the order of sums and with it the last digits depend on it."""
IMPROVEMENT_SCORE_RATIO = 0.98
"""Ratio to the best score below which a validation counts as an improvement."""
ADAM_TIME_FRACTION = 0.5
"""Fraction of the time limit for stage 1."""
ADAM_VALIDATION_INTERVAL_STEPS = 250
"""Gradient steps between two validations."""
CLEAR_BRANCH_SINE = 0.2
"""
Sine of the elbow's angle from which a joint position is clearly on one branch.

Below, it may be a residual, or a rough result at a boundary: a tip error of 4e-3 of reach changes
the sine by 0.08 at a folded elbow and by 0.18 at a stretched one.
"""


@dataclass(frozen=True)
class TrainingProgress:
    """
    Progress of a training.

    :param stage: 'Adam' or 'Levenberg-Marquardt'
    :param step: steps of this stage so far
    :param max_steps: largest number of steps of this stage
    :param p50: median error on held-out targets, as a fraction of reach
    :param worst: largest error on held-out targets, as a fraction of reach
    """

    stage: str
    step: int
    max_steps: int
    p50: float
    worst: float


@dataclass(frozen=True)
class TrainingResult:
    """
    A trained network.

    :param network: the network with the best weights, in double precision
    :param samples: number of targets it was trained on
    :param seconds: duration, s
    :param stopped_by: 'goal', 'no improvement', 'iterations' or 'time limit'
    """

    network: TrainableNetwork
    samples: int
    seconds: float
    stopped_by: str


ProgressCallback = Callable[[TrainingProgress], None]
"""Receives the progress after each validation."""


def train(
    family: type[TrainableNetwork],
    arm: ArmModel,
    config: TrainingConfig | None = None,
    report: ProgressCallback = lambda progress: None,
) -> TrainingResult:
    """
    Train a network of a family for an arm, on one thread.

    :param family: the network class
    :param arm: the arm
    :param config: configuration; by default the family's
    :param report: called after each validation
    """
    with fixed_threads():
        return _Trainer(family, arm, config or family.config, report).run()


@contextmanager
def fixed_threads() -> Iterator[None]:
    """Let torch use :data:`TORCH_THREAD_COUNT` threads in a block."""
    threads = torch.get_num_threads()
    torch.set_num_threads(TORCH_THREAD_COUNT)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class _Trainer:
    """State of one training."""

    def __init__(
        self,
        family: type[TrainableNetwork],
        arm: ArmModel,
        config: TrainingConfig,
        report: ProgressCallback,
    ) -> None:
        self.arm, self.config, self.report = arm, config, report
        self.generator = torch.Generator().manual_seed(config.seed)
        self.network = family(arm, self.generator)
        seeds = np.random.SeedSequence(config.seed).spawn(2)
        self.rng = np.random.default_rng(seeds[0])
        held_out = family.sample(arm, np.random.default_rng(seeds[1]), config.validation_samples)
        self.validation_targets = torch.from_numpy(held_out.target)
        self.sample_count = 0
        self.start_time = time.monotonic()
        self.best_score, self.best_weights = inf, copy.deepcopy(self.network.state_dict())

    def run(self) -> TrainingResult:
        self._run_adam()
        stopped_by = self._run_levenberg_marquardt()
        self.network.load_state_dict(self.best_weights)
        return TrainingResult(
            self.network, self.sample_count, time.monotonic() - self.start_time, stopped_by
        )

    def _run_adam(self) -> None:
        steps = self.config.adam_steps
        optimizer = torch.optim.Adam(self.network.parameters(), lr=self.config.learning_rate)
        time_fraction = ADAM_TIME_FRACTION if self.config.lm_iterations else 1.0
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(steps, 1))
        for step in range(1, steps + 1):
            target, q = self._sample(self.config.batch_size)
            loss = self.network.loss(target, q, self.generator)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            time_is_up = self._is_time_up(time_fraction)
            if step % ADAM_VALIDATION_INTERVAL_STEPS == 0 or step == steps or time_is_up:
                self._validate('Adam', step, steps)
            if time_is_up:
                return

    def _run_levenberg_marquardt(self) -> str:
        """Return why the training ended; see :class:`TrainingResult`."""
        config, stage, stalled_validations = self.config, 'Levenberg-Marquardt', 0
        if not config.lm_iterations:
            return 'time limit' if self._is_time_up() else 'iterations'
        steps = minimize(
            self.network,
            self._sample(config.lm_samples)[0],
            lambda q, target: tip_residual(self.arm, q, target),
        )
        for iteration, step in enumerate(steps, start=1):
            is_last = iteration == config.lm_iterations or not step.accepted
            time_is_up = self._is_time_up()
            if iteration % config.check_every == 0 or is_last or time_is_up:
                worst, improved = self._validate(stage, iteration, config.lm_iterations)
                stalled_validations = 0 if improved else stalled_validations + 1
                if worst <= config.goal:
                    return 'goal'
                if stalled_validations >= config.patience:
                    return 'no improvement'
                if time_is_up:
                    return 'time limit'
                if is_last:
                    break
        return 'iterations' if iteration == config.lm_iterations else 'no improvement'

    def _sample(self, count: int) -> tuple[Tensor, Tensor]:
        """Return targets and the joint angles that produce them."""
        samples = self.network.sample(self.arm, self.rng, count)
        self.sample_count += samples.target[..., 0].size
        return torch.from_numpy(samples.target), torch.from_numpy(samples.q)

    def _is_time_up(self, time_fraction: float = 1.0) -> bool:
        return time.monotonic() - self.start_time > time_fraction * self.config.max_seconds

    @torch.no_grad()
    def _validate(self, stage: str, step: int, max_steps: int) -> tuple[float, bool]:
        """
        Evaluate and report the current weights, and keep the best ones.

        :return: worst error, as a fraction of reach, and whether the score improved
        """
        q = self.network(self.validation_targets)
        error = tip_residual(self.arm, q, self.validation_targets).norm(dim=-1)
        # The loss ignores branches: joint angles on the wrong one count as an error of the reach.
        branch_sine = elbow_sine(self.arm, q) * self.validation_targets[..., 2]
        error = torch.where(branch_sine < -CLEAR_BRANCH_SINE, 1.0, error)
        p50, worst = float(error.median()), float(error.max())
        score = sqrt(p50 * worst)
        improved = score < IMPROVEMENT_SCORE_RATIO * self.best_score
        if score < self.best_score:
            self.best_score = score
            self.best_weights = copy.deepcopy(self.network.state_dict())
        self.report(TrainingProgress(stage, step, max_steps, p50, worst))
        return worst, improved
