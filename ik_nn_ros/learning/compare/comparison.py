"""Everything that is compared, trained and measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.ik.network import Network
from ik_nn_ros.learning.compare import measure_time
from ik_nn_ros.learning.compare.measure import error_map, figure, measure
from ik_nn_ros.learning.compare.methods import ClosedForm, Method, Numerical, Refined
from ik_nn_ros.learning.compare.network_methods import AlongPaths, TargetNetwork
from ik_nn_ros.learning.compare.numerical import RULES
from ik_nn_ros.learning.compare.path_network import PathNetwork
from ik_nn_ros.learning.compare.results import Comparison, Kind, Row
from ik_nn_ros.learning.compare.runs import Job, Show, Trained, train_all
from ik_nn_ros.learning.compare.test_set import Sizes, TestSet, draw
from ik_nn_ros.learning.families import FAMILIES, PATH_FAMILIES
from ik_nn_ros.learning.networks.network import Use

CLOSED_FORM = 'closed_form'
TARGET_NETWORKS = ('feed_forward', 'edge_smooth', 'variational', 'graph', 'policy')
"""Those for any arm on both branches; `as_built` needs a calibrated one, `paper` serves one."""
METHODS = (CLOSED_FORM, *RULES, *TARGET_NETWORKS, *PATH_FAMILIES)
LABELS = {
    CLOSED_FORM: 'closed form',
    'pseudo_inverse': 'Jacobian pseudo-inverse',
    'damped_least_squares': 'damped least squares',
    'gradient_descent': 'gradient descent',
    'ccd': 'cyclic coordinate descent',
}
TEST_SEED = 20_260
"""Of what is measured on, the same for all methods."""


@dataclass(frozen=True)
class Request:
    """
    What to compare.

    :param arm: the arm
    :param output: folder; model files go into ``models`` there
    :param seconds: time for each training
    :param seeds: trainings of each network, with the seeds 0, 1, ...
    :param methods: names out of :data:`METHODS`
    :param command: the command line
    :param created: date and time
    :param machine: what it runs on, by name
    :param sizes: how much to measure on
    """

    arm: ArmModel
    output: Path
    seconds: float
    seeds: int
    methods: tuple[str, ...]
    command: str
    created: str
    machine: Mapping[str, object]
    sizes: Sizes = field(default_factory=Sizes)


@dataclass(frozen=True)
class _Entry:
    """One line of the tables: a method, once for each seed, and what was trained for it."""

    name: str
    refined: bool
    methods: tuple[Method, ...]
    trained: tuple[Trained | None, ...]


def compare(request: Request, show: Show) -> Comparison:
    """
    Train what is not trained yet, and measure.

    :param show: takes the progress
    :raises IkNnError: the folder holds what does not fit
    """
    arm = request.arm
    trained = _train(request, show)
    entries = [
        entry for name in request.methods for entry in _entries(arm, name, trained.get(name, ()))
    ]
    tests = draw(arm, np.random.default_rng(TEST_SEED), request.sizes)
    show('time', 0, 1, 'methods taking turns')
    first = [entry.methods[0] for entry in entries]
    singles, batches = measure_time.single(first, tests), measure_time.batch(first, tests)
    show('time', 1, 1, '')
    rows = []
    for number, entry in enumerate(entries):
        show('measuring', number, len(entries), _label(entry.name))
        rows.append(_row(entry, tests, singles[number], batches[number]))
    show('measuring', len(entries), len(entries), '')
    return Comparison(
        arm=arm,
        command=request.command,
        created=request.created,
        machine=request.machine,
        seconds=request.seconds,
        seeds=request.seeds,
        rows=tuple(rows),
        figure_xy=tests.figure.xy[0],
        sizes=request.sizes,
    )


def _train(request: Request, show: Show) -> dict[str, tuple[Trained, ...]]:
    folder = request.output / 'models'
    jobs = [
        Job(name, seed, request.arm, request.seconds, folder / f'{name}-{seed}.onnx')
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


def _entries(arm: ArmModel, name: str, trained: tuple[Trained, ...]) -> list[_Entry]:
    if name == CLOSED_FORM:
        return [_Entry(name, False, (ClosedForm(arm),), (None,))]
    if name in RULES:
        return [_Entry(name, False, (Numerical(arm, RULES[name]),), (None,))]
    methods: tuple[Method, ...]
    if name in FAMILIES:
        methods = tuple(TargetNetwork(arm, Network(t.file, arm)) for t in trained)
    else:
        methods = tuple(AlongPaths(arm, PathNetwork(t.file, arm)) for t in trained)
    refined = tuple(Refined(arm, method) for method in methods)
    return [_Entry(name, False, methods, trained), _Entry(name, True, refined, trained)]


def _row(entry: _Entry, tests: TestSet, single: float | None, batch: float) -> Row:
    runs = tuple(
        measure(method, tests, t.seed, t.training) if t else measure(method, tests)
        for method, t in zip(entry.methods, entry.trained, strict=True)
    )
    first, trained = entry.methods[0], entry.trained[0]
    return Row(
        name=entry.name,
        label=_label(entry.name),
        kind=first.kind,
        refined=entry.refined,
        weights=trained.weights if trained else 0,
        use=_use(entry.name, first.kind),
        runs=runs,
        single=single,
        batch=batch,
        error_map=error_map(first, tests),
        figure=figure(first, tests),
    )


def _label(name: str) -> str:
    families = FAMILIES | PATH_FAMILIES
    return families[name].label if name in families else LABELS[name]


def _use(name: str, kind: Kind) -> str:
    """Tell where a method runs: ik_node has the closed form, too, but no other iteration."""
    if kind is Kind.CLOSED_FORM:
        return Use.NODE.value
    families = FAMILIES | PATH_FAMILIES
    return families[name].use.value if name in families else ''
