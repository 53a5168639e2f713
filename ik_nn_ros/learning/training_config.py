"""How a network is trained, as numbers."""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import inf, isfinite

from ik_nn_ros.errors import ConfigError

MAX_SEED = 2**63 - 1


@dataclass(frozen=True)
class TrainingConfig:
    """
    The two stages of training and when they end.

    Counts bound the work, so that a seed gives the same weights again; the time limit is a guard
    for slow machines.

    :param adam_steps: stage 1, gradient steps, each on fresh targets
    :param batch_size: targets of one gradient step
    :param learning_rate: at the start of the cosine schedule
    :param lm_iterations: stage 2, Levenberg-Marquardt steps on one fixed set of targets
    :param lm_samples: targets in that set
    :param validation_samples: held-out targets that decide which weights are kept
    :param check_every: Levenberg-Marquardt steps between two looks at them
    :param patience: looks without improvement after which training stops
    :param goal: worst error on them, as a fraction of reach, that is good enough
    :param seed: of everything drawn
    :param max_seconds: time limit of both stages, s
    :raises ConfigError: a value out of its range
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
        for name in (field.name for field in fields(self)):
            value = getattr(self, name)
            least = 'zero or more' if name in may_be_zero else 'more than zero'
            most = MAX_SEED if name == 'seed' else inf
            whole = name not in ('learning_rate', 'goal', 'max_seconds')
            if (
                not isinstance(value, int if whole else int | float)
                or not isfinite(value)
                or not 0 <= value <= most
                or (value == 0 and name not in may_be_zero)
            ):
                kind = 'a whole number' if whole else 'a number'
                raise ConfigError(f'training: {name}', got=value, expected=f'{kind}, {least}')
