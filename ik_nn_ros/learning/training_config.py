"""Configuration of the training of a network."""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import inf, isfinite

from ik_nn_ros.errors import ConfigError

MAX_SEED = 2**63 - 1
"""Largest seed that torch accepts."""


@dataclass(frozen=True)
class TrainingConfig:
    """
    The two stages of training and their termination.

    Counts limit the work, so that a seed reproduces the weights; the time limit is a safeguard for
    slow machines.

    :param adam_steps: stage 1: number of gradient steps, each on new targets
    :param batch_size: number of targets of a gradient step
    :param learning_rate: initial learning rate of the cosine schedule
    :param lm_iterations: stage 2: number of Levenberg-Marquardt steps on a fixed set of targets
    :param lm_samples: number of targets in that set
    :param validation_samples: number of held-out targets, by which the best weights are chosen
    :param check_every: number of Levenberg-Marquardt steps between two validations
    :param patience: number of validations without improvement after which training stops
    :param goal: worst error on held-out targets, as a fraction of reach, at which training stops
    :param seed: seed of all random numbers
    :param max_seconds: time limit of both stages, s
    :raises ConfigError: a value is out of range
    """

    adam_steps: int = 1000
    batch_size: int = 512
    learning_rate: float = 1e-2
    lm_iterations: int = 2000
    lm_samples: int = 1000
    validation_samples: int = 20_000
    check_every: int = 10
    patience: int = 20
    goal: float = 4e-7
    seed: int = 0
    max_seconds: float = 240.0

    def __post_init__(self) -> None:
        may_be_zero = ('seed', 'goal', 'adam_steps', 'lm_iterations')
        may_be_fractional = ('learning_rate', 'goal', 'max_seconds')
        for name in (field.name for field in fields(self)):
            value = getattr(self, name)
            max_value = MAX_SEED if name == 'seed' else inf
            if (
                not isinstance(value, int | float if name in may_be_fractional else int)
                or not isfinite(value)
                or not 0 <= value <= max_value
                or (value == 0 and name not in may_be_zero)
            ):
                kind = 'a number' if name in may_be_fractional else 'a whole number'
                bound = 'zero or more' if name in may_be_zero else 'more than zero'
                raise ConfigError(f'training: {name}', got=value, expected=f'{kind}, {bound}')
