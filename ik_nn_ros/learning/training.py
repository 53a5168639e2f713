"""
Train a network on the arm's own forward kinematics.

Stage 1 is Adam on fresh samples, by the family's own loss, for most where the tip ends up and not
which angles the network gives. It finds the basin; stage 2, Levenberg-Marquardt on the tip in
double precision, goes to its bottom. The weights kept are those
that did best on held-out targets, judged by their median and their worst error together.
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
from ik_nn_ros.learning.networks.network import TrainableNetwork, tip_residual
from ik_nn_ros.learning.training_config import TrainingConfig

TORCH_THREAD_COUNT = 1
"""As many on every machine: the order of sums, and with it the last digits, depends on it."""
IMPROVEMENT_SCORE_RATIO = 0.98
"""A look at the held-out targets counts as better when its score falls below this share."""
ADAM_TIME_FRACTION = 0.5
"""Share of the time limit that stage 1 may use up."""
ADAM_VALIDATION_INTERVAL_STEPS = 250
CLEAR_BRANCH_SINE = 0.2
"""
Sine of the elbow beyond which the arm is on one branch, also with a residual, and also where a
rough network answers an edge: 4e-3 of reach off is 0.08 of a folded elbow, 0.18 of a straight one.
"""


@dataclass(frozen=True)
class TrainingProgress:
    """
    How far training is.

    :param stage: 'Adam' or 'Levenberg-Marquardt'
    :param done: steps of this stage
    :param total: the most steps of this stage
    :param p50: median error on held-out targets, as a fraction of reach
    :param worst: largest error on them
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

    :param network: with the best weights, double precision
    :param samples: targets it has seen
    :param seconds: time taken
    :param stopped_by: 'goal', 'no improvement', 'iterations' or 'time limit'
    """

    network: TrainableNetwork
    samples: int
    seconds: float
    stopped_by: str


ProgressCallback = Callable[[TrainingProgress], None]


def train(
    family: type[TrainableNetwork],
    arm: ArmModel,
    config: TrainingConfig | None = None,
    report: ProgressCallback = lambda progress: None,
) -> TrainingResult:
    """
    Train a network of a family for an arm, on one thread.

    :param config: default: what suits the family
    :param report: called now and then with the progress
    """
    with fixed_threads():
        return _Trainer(family, arm, config or family.config, report).run()


@contextmanager
def fixed_threads() -> Iterator[None]:
    """Run the block on :data:`TORCH_THREAD_COUNT`."""
    threads = torch.get_num_threads()
    torch.set_num_threads(TORCH_THREAD_COUNT)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class _Trainer:
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
        share = ADAM_TIME_FRACTION if self.config.lm_iterations else 1.0
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(steps, 1))
        for step in range(1, steps + 1):
            target, q = self._sample(self.config.batch_size)
            loss = self.network.loss(target, q, self.generator)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            late = self._is_time_up(share)
            if step % ADAM_VALIDATION_INTERVAL_STEPS == 0 or step == steps or late:
                self._validate('Adam', step, steps)
            if late:
                return

    def _run_levenberg_marquardt(self) -> str:
        """Return what ended it."""
        config, stage, since_better = self.config, 'Levenberg-Marquardt', 0
        if not config.lm_iterations:
            return 'time limit' if self._is_time_up() else 'iterations'
        steps = minimize(
            self.network,
            self._sample(config.lm_samples)[0],
            lambda q, target: tip_residual(self.arm, q, target),
        )
        for done, step in enumerate(steps, start=1):
            last = done == config.lm_iterations or not step.accepted
            late = self._is_time_up()
            if done % config.check_every == 0 or last or late:
                worst, better = self._validate(stage, done, config.lm_iterations)
                since_better = 0 if better else since_better + 1
                if worst <= config.goal:
                    return 'goal'
                if since_better >= config.patience:
                    return 'no improvement'
                if late:
                    return 'time limit'
                if last:
                    break
        return 'iterations' if done == config.lm_iterations else 'no improvement'

    def _sample(self, count: int) -> tuple[Tensor, Tensor]:
        """Return targets and the joint angles they were made from."""
        drawn = self.network.sample(self.arm, self.rng, count)
        self.sample_count += drawn.target[..., 0].size
        return torch.from_numpy(drawn.target), torch.from_numpy(drawn.q)

    def _is_time_up(self, time_fraction: float = 1.0) -> bool:
        return time.monotonic() - self.start_time > time_fraction * self.config.max_seconds

    @torch.no_grad()
    def _validate(self, stage: str, step: int, max_steps: int) -> tuple[float, bool]:
        """Judge and report the weights, keep the best; return the worst error and if better."""
        q = self.network(self.validation_targets)
        error = tip_residual(self.arm, q, self.validation_targets).norm(dim=-1)
        # The loss knows no branch: an answer on the other one counts as a miss by the reach.
        bend = torch.sin(q[..., 1] + self.arm.signs[1] * self.arm.offsets[1])
        error = torch.where(bend * self.validation_targets[..., 2] < -CLEAR_BRANCH_SINE, 1.0, error)
        p50, worst = float(error.median()), float(error.max())
        score = sqrt(p50 * worst)
        better = score < IMPROVEMENT_SCORE_RATIO * self.best_score
        if score < self.best_score:
            self.best_score = score
            self.best_weights = copy.deepcopy(self.network.state_dict())
        self.report(TrainingProgress(stage, step, max_steps, p50, worst))
        return worst, better
