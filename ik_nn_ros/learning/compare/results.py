"""What a comparison found, as numbers; errors are fractions of reach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.arm.plane import Array
from ik_nn_ros.learning.compare.test_set import EvaluationSizes

MIN_FAILED_ERROR_RATIO = 1e-2
"""Tip error from which an answer counts as none: about what the paper's network reaches."""


class MethodKind(Enum):
    """What a method is."""

    CLOSED_FORM = 'closed form'
    NUMERICAL = 'numerical'
    NETWORK = 'network'
    PATH_NETWORK = 'path network'


@dataclass(frozen=True)
class MethodErrors:
    """
    Distances of the tip from where it should be; infinite where there is no answer.

    :param p50: median
    :param p99: 99th percentile
    :param worst: largest
    :param failed: share without an answer, off by more than :data:`MIN_FAILED_ERROR_RATIO`, or outside the limits
    """

    p50: float
    p99: float
    worst: float
    failed: float

    @classmethod
    def from_errors(cls, errors: Array, failed: NDArray[np.bool_]) -> MethodErrors:
        """Sum up (N,) errors, of which (N,) flags failed."""
        # One of the errors themselves: between a number and infinity there is no mean.
        p50, p99, worst = np.quantile(errors, (0.5, 0.99, 1.0), method='higher').tolist()
        return cls(p50, p99, worst, float(failed.mean()))


@dataclass(frozen=True)
class IterationCounts:
    """
    Iterations a target took, of those that were met exactly.

    :param p50: median
    :param p99: 99th percentile
    """

    p50: float
    p99: float


@dataclass(frozen=True)
class TrainingRecord:
    """
    How a network was trained.

    :param seconds: time taken
    :param samples: targets it has seen
    :param stopped_by: what ended it
    """

    seconds: float
    samples: int
    stopped_by: str


@dataclass(frozen=True)
class MethodRun:
    """
    What one trained network, or a method that is not trained, did.

    :param seed: of the training; None: not trained
    :param training: None: not trained
    :param scattered: targets anywhere, joints anywhere; None: answers only along paths
    :param along_path: targets along smooth paths, the joints where they were left
    :param exact: share of the targets along the paths met within 1e-9 and inside the limits
    :param noisy: along the same paths with noise of 1 % of reach (standard deviation, each
        coordinate) on the targets; errors against the targets without it
    :param outside: paths beyond reach, by up to a fifth of it; errors against the nearest point
        that the arm reaches
    :param both_branches: share of targets that both branches reach and on which it answers rightly
        on either, when asked
    :param roughness: root mean square of the second differences of the joints along the paths, as
        a multiple of the exact joints'
    :param steps: of scattered targets; None: none are taken, or answers only along paths
    :param path_steps: of targets along paths; None: none are taken
    """

    seed: int | None
    training: TrainingRecord | None
    scattered: MethodErrors | None
    along_path: MethodErrors
    exact: float
    noisy: MethodErrors
    outside: MethodErrors
    both_branches: float
    roughness: float
    steps: IterationCounts | None
    path_steps: IterationCounts | None


@dataclass(frozen=True)
class CompareRow:
    """
    A method, alone or with our refinement after it.

    :param name: key, as after ``--methods``
    :param label: for people; the same alone and refined
    :param kind: what it is
    :param refined: whether Newton steps follow
    :param weights: that training sets; 0: not trained
    :param use: 'ik_node': runs there unchanged, 'step by step': keeps its state in inputs and
        outputs, 'offline': needs a whole path at once
    :param runs: one a seed, at least one
    :param single: time of one target by itself, µs; None: needs a whole path at once
    :param batch: targets a second, many at once
    :param error_map: (n, n) tip errors over the workspace on the positive branch, of the first run;
        row is y, column x, from - to + 1.02 reach; NaN where the arm does not get
    :param figure: (N, 2) joints along the test figure, of the first run, rad
    """

    name: str
    label: str
    kind: MethodKind
    refined: bool
    weights: int
    execution_mode: str
    runs: tuple[MethodRun, ...]
    single_us: float | None
    batch_per_s: float
    error_map: Array
    figure_eight_joints: Array


@dataclass(frozen=True)
class Comparison:
    """
    All of it.

    :param arm: the arm
    :param command: the command line
    :param created: date and time
    :param machine: what it was measured on, by name
    :param seconds: time each training could take
    :param seeds: of the trainings
    :param rows: each method, and those that propose also refined, in the order of the table
    :param figure_eight_xy: (N, 2) the test figure, m
    :param sizes: how much was measured on
    """

    arm: ArmModel
    command: str
    created: str
    machine: Mapping[str, object]
    seconds: float
    seeds: int
    rows: tuple[CompareRow, ...]
    figure_eight_xy: Array
    sizes: EvaluationSizes
