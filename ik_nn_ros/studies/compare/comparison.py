"""The comparison: train what is missing, and measure every method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.console import ProgressCallback
from ik_nn_ros.ik.network import Network
from ik_nn_ros.learning.families import FAMILIES, PATH_FAMILIES
from ik_nn_ros.learning.networks.network import ExecutionMode
from ik_nn_ros.studies.compare.evaluation_set import (
    EvaluationSet,
    EvaluationSizes,
    sample_evaluation_set,
)
from ik_nn_ros.studies.compare.measure import (
    batch_rates_per_s,
    error_map,
    figure_eight_joints,
    measure,
    single_target_times_us,
)
from ik_nn_ros.studies.compare.methods import (
    ClosedFormMethod,
    IkMethod,
    NumericalMethod,
    RefinedMethod,
)
from ik_nn_ros.studies.compare.network_methods import (
    PathNetwork,
    PathNetworkMethod,
    TargetNetworkMethod,
)
from ik_nn_ros.studies.compare.numerical import STEP_RULES
from ik_nn_ros.studies.compare.results import CompareRow, Comparison, MethodKind
from ik_nn_ros.studies.compare.training_jobs import TrainedNetwork, TrainingJob, train_all

CLOSED_FORM = 'closed_form'
TARGET_NETWORKS = ('feed_forward', 'edge_smooth', 'variational', 'graph', 'policy')
"""Families for any arm and both branches; `as_built` needs a calibration, `paper` one branch."""
METHODS = (CLOSED_FORM, *STEP_RULES, *TARGET_NETWORKS, *PATH_FAMILIES)
METHOD_LABELS = {
    CLOSED_FORM: 'closed form',
    'pseudo_inverse': 'Jacobian pseudo-inverse',
    'damped_least_squares': 'damped least squares',
    'gradient_descent': 'gradient descent',
    'ccd': 'cyclic coordinate descent',
}
EVALUATION_SEED = 20_260
"""Seed of the evaluation set, which is the same for all methods."""


@dataclass(frozen=True)
class Request:
    """
    A request for a comparison.

    :param arm: the arm
    :param output: folder, with model files in its folder ``models``
    :param seconds: time limit of each training, s
    :param seeds: number of trainings of each network, with the seeds 0, 1, ...
    :param methods: names out of :data:`METHODS`
    :param command: the command line
    :param created: date and time
    :param machine: description of the machine, by name
    :param sizes: sizes of the evaluation set
    """

    arm: ArmModel
    output: Path
    seconds: float
    seeds: int
    methods: tuple[str, ...]
    command: str
    created: str
    machine: Mapping[str, object]
    sizes: EvaluationSizes = field(default_factory=EvaluationSizes)


@dataclass(frozen=True)
class _MethodEntry:
    """A row of the tables: a method, once for each seed, and its trained networks."""

    name: str
    refined: bool
    methods: tuple[IkMethod, ...]
    trained: tuple[TrainedNetwork | None, ...]


def compare(request: Request, show: ProgressCallback) -> Comparison:
    """
    Train the networks without a model file, and measure every method.

    :param request: the request
    :param show: takes the progress
    :raises IkNnError: the folder has model files of another comparison
    """
    arm = request.arm
    trained = _train(request, show)
    entries = [
        entry for name in request.methods for entry in _entries(arm, name, trained.get(name, ()))
    ]
    rng = np.random.default_rng(EVALUATION_SEED)
    evaluation_set = sample_evaluation_set(arm, rng, request.sizes)
    show('time', 0, 1, 'methods taking turns')
    first = [entry.methods[0] for entry in entries]
    singles, batches = (
        single_target_times_us(first, evaluation_set),
        batch_rates_per_s(first, evaluation_set),
    )
    show('time', 1, 1, '')
    rows = []
    for number, entry in enumerate(entries):
        show('measuring', number, len(entries), _label(entry.name))
        rows.append(_measure_entry(entry, evaluation_set, singles[number], batches[number]))
    show('measuring', len(entries), len(entries), '')
    return Comparison(
        arm=arm,
        command=request.command,
        created=request.created,
        machine=request.machine,
        seconds=request.seconds,
        seeds=request.seeds,
        rows=tuple(rows),
        figure_eight_xy=evaluation_set.figure_eight.xy[0],
        sizes=request.sizes,
    )


def _train(request: Request, show: ProgressCallback) -> dict[str, tuple[TrainedNetwork, ...]]:
    folder = request.output / 'models'
    jobs = [
        TrainingJob(name, seed, request.arm, request.seconds, folder / f'{name}-{seed}.onnx')
        for seed in range(request.seeds)
        for name in request.methods
        if name in FAMILIES or name in PATH_FAMILIES
    ]
    if not jobs:
        return {}
    trained = train_all(jobs, show)
    names = dict.fromkeys(job.family for job in jobs)
    return {
        name: tuple(t for t, job in zip(trained, jobs, strict=True) if job.family == name)
        for name in names
    }


def _entries(arm: ArmModel, name: str, trained: tuple[TrainedNetwork, ...]) -> list[_MethodEntry]:
    if name == CLOSED_FORM:
        return [_MethodEntry(name, False, (ClosedFormMethod(arm),), (None,))]
    if name in STEP_RULES:
        return [_MethodEntry(name, False, (NumericalMethod(arm, STEP_RULES[name]),), (None,))]
    methods: tuple[IkMethod, ...]
    if name in FAMILIES:
        methods = tuple(TargetNetworkMethod(arm, Network(t.file, arm)) for t in trained)
    else:
        methods = tuple(PathNetworkMethod(arm, PathNetwork(t.file, arm)) for t in trained)
    refined = tuple(RefinedMethod(arm, method) for method in methods)
    return [_MethodEntry(name, False, methods, trained), _MethodEntry(name, True, refined, trained)]


def _measure_entry(
    entry: _MethodEntry, evaluation_set: EvaluationSet, single_us: float | None, batch_per_s: float
) -> CompareRow:
    runs = tuple(
        measure(method, evaluation_set, t.seed, t.training)
        if t
        else measure(method, evaluation_set)
        for method, t in zip(entry.methods, entry.trained, strict=True)
    )
    first, trained = entry.methods[0], entry.trained[0]
    return CompareRow(
        name=entry.name,
        label=_label(entry.name),
        kind=first.kind,
        refined=entry.refined,
        weights=trained.weights if trained else 0,
        execution_mode=_execution_mode(entry.name, first.kind),
        runs=runs,
        single_us=single_us,
        batch_per_s=batch_per_s,
        error_map=error_map(first, evaluation_set),
        figure_eight_joints=figure_eight_joints(first, evaluation_set),
    )


def _label(name: str) -> str:
    families = FAMILIES | PATH_FAMILIES
    return families[name].label if name in families else METHOD_LABELS[name]


def _execution_mode(name: str, kind: MethodKind) -> str:
    """Return the execution mode of a method; ik_node runs no numerical method."""
    if kind is MethodKind.CLOSED_FORM:
        return ExecutionMode.SINGLE_TARGET.value
    families = FAMILIES | PATH_FAMILIES
    return families[name].execution_mode.value if name in families else ''
