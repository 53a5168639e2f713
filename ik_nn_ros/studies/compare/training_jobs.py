"""Train every family with every seed in the same time, on all cores; what is done stays done."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from multiprocessing.synchronize import Event
from pathlib import Path

import numpy as np

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.files import write_atomically
from ik_nn_ros.ik.network import ModelInfo, open_session
from ik_nn_ros.learning import training
from ik_nn_ros.learning.export import add_metadata, to_onnx
from ik_nn_ros.learning.families import FAMILIES, PATH_FAMILIES
from ik_nn_ros.learning.networks.network import TrainableNetwork
from ik_nn_ros.learning.training_config import TrainingConfig
from ik_nn_ros.process import ProcessError, deferred_signals, terminate_with_parent
from ik_nn_ros.studies.compare.results import TrainingRecord

TRIAL_TIME_FRACTION = 0.05
"""Share of the time that tells how many steps fit into the rest."""
ADAM_TIME_FRACTION = 0.25
"""Share of the rest that is for stage 1 where stage 2 follows, which needs its time more."""
STEP_MARGIN_RATIO = 0.85
"""Share of the steps that are taken: on a busy machine the schedule would not come to its end."""
TRIAL_VALIDATION_SAMPLES = 500
"""Held-out samples of the trial."""
UNLIMITED_STEPS = 10**9
"""Steps or iterations that no time is long enough for."""

ProgressCallback = Callable[[str, int, int, str], None]
"""Takes what is being done, steps done, steps in all, and a remark."""


@dataclass(frozen=True)
class TrainingJob:
    """
    One training.

    :param family: its name
    :param seed: of everything drawn
    :param arm: the arm
    :param seconds: time it may take
    :param file: model file to write
    """

    family: str
    seed: int
    arm: ArmModel
    seconds: float
    file: Path


@dataclass(frozen=True)
class TrainedNetwork:
    """
    A network that was trained.

    :param file: model file
    :param seed: of its training
    :param weights: how many
    :param training: record of it
    """

    file: Path
    seed: int
    weights: int
    training: TrainingRecord


def train_all(jobs: Sequence[TrainingJob], show: ProgressCallback) -> list[TrainedNetwork]:
    """
    Do what is not done yet, one training a core.

    :param show: takes the progress
    :raises IkNnError: a model file that is there is of another training, or a training fails
    """
    left = [job for job in jobs if not job.file.exists()]
    for job in jobs:
        if job.file.exists():
            _read_record(job)
    done = len(jobs) - len(left)
    show('training', done, len(jobs), 'done before' if done else '')
    if left:
        _train_in_pool(
            left, lambda job, more: show('training', done + more, len(jobs), _job_label(job))
        )
    return [_read_record(job) for job in jobs]


def _train_in_pool(jobs: Sequence[TrainingJob], done: Callable[[TrainingJob, int], None]) -> None:
    context = multiprocessing.get_context('spawn')
    stop = context.Event()
    workers = min(len(jobs), os.cpu_count() or 1)
    with ProcessPoolExecutor(workers, context, _initialize_worker, (stop, os.getpid())) as pool:
        try:
            # Another thread may be given what this one blocks: it is not to break into a start.
            with deferred_signals(), _interrupt_blocked():
                futures: dict[Future[None], TrainingJob] = {
                    pool.submit(_train, job): job for job in jobs
                }
            for number, future in enumerate(as_completed(futures), start=1):
                future.result()
                done(futures[future], number)
        except BrokenProcessPool as error:
            raise ProcessError(
                'training', got='a process that was killed', expected='one that ends by itself'
            ) from error
        finally:
            # Ctrl-C, or one that failed: the others need not go on.
            stop.set()
            pool.shutdown(cancel_futures=True)


@contextmanager
def _interrupt_blocked() -> Iterator[None]:
    """
    Block SIGINT, for good in processes that start meanwhile.

    The terminal sends Ctrl-C to all; the command tells the workers by the event.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


class _InterruptedError(Exception):
    """The command has been interrupted."""


_stop: Event
"""Set when a worker is to leave its training; a worker's own."""


def _initialize_worker(stop: Event, parent: int) -> None:
    global _stop
    _stop = stop
    terminate_with_parent()
    if os.getppid() != parent:
        os._exit(1)


def _train(job: TrainingJob) -> None:
    """Train and write the model file."""
    family = (FAMILIES | PATH_FAMILIES)[job.family]
    config = time_limited_config(family, job)
    result = training.train(family, job.arm, config, _raise_if_stopped)
    network = result.network
    took = TRIAL_TIME_FRACTION * job.seconds + result.seconds
    info = ModelInfo(
        arm=job.arm.identity(),
        family=network.family,
        branches=network.branches,
        training={
            'command': 'ik_nn compare',
            'seed': job.seed,
            'budget': job.seconds,
            'weights': sum(p.numel() for p in network.parameters()),
            **asdict(TrainingRecord(took, result.samples, result.stopped_by)),
            'adam_steps': config.adam_steps,
            'torch': version('torch'),
        },
    )
    write_atomically(job.file, add_metadata(to_onnx(network), info))


def _raise_if_stopped(_: training.TrainingProgress) -> None:
    if _stop.is_set():
        raise _InterruptedError


def time_limited_config(family: type[TrainableNetwork], job: TrainingJob) -> TrainingConfig:
    """Return how the family trains well, with as many steps of Adam as there is time for."""
    config = replace(family.config, seed=job.seed, goal=0.0)
    alone = not config.lm_iterations
    # Its one look at the held-out targets is not to count for much.
    trial = replace(
        config,
        adam_steps=UNLIMITED_STEPS,
        lm_iterations=0,
        max_seconds=TRIAL_TIME_FRACTION * job.seconds,
        validation_samples=TRIAL_VALIDATION_SAMPLES,
    )
    tried = training.train(family, job.arm, trial, _raise_if_stopped)
    rate = tried.samples / tried.seconds
    seconds = (1.0 - TRIAL_TIME_FRACTION) * job.seconds
    per_step = config.batch_size * _targets_per_sample(family, job.arm)
    steps = int(
        STEP_MARGIN_RATIO * (1.0 if alone else ADAM_TIME_FRACTION) * seconds * rate / per_step
    )
    return replace(
        config,
        adam_steps=max(steps, 1),
        lm_iterations=0 if alone else UNLIMITED_STEPS,
        max_seconds=seconds,
    )


def _targets_per_sample(family: type[TrainableNetwork], arm: ArmModel) -> int:
    """Return how many targets a sample holds: one, or those of a path."""
    return family.sample(arm, np.random.default_rng(0), 1).target[..., 0].size


def _read_record(job: TrainingJob) -> TrainedNetwork:
    """
    Read the record of a model file.

    :raises ConfigError: it is of another arm or another time
    :raises ModelError: it is damaged
    """
    entries = open_session(job.file).get_modelmeta().custom_metadata_map
    info = ModelInfo.from_metadata(entries, job.file)
    info.require_arm(job.arm, job.file)
    record = info.training
    if record.get('budget') != job.seconds:
        raise ConfigError(
            f'model {job.file}',
            got=f'one trained for {record.get("budget")} s',
            expected=f'{job.seconds} s, or another folder',
        )
    if info.arm != job.arm.identity():
        raise ConfigError(
            f'model {job.file}',
            got='one for other joint limits',
            expected='those of this arm, or another folder',
        )
    names = ('seconds', 'samples', 'stopped_by')
    return TrainedNetwork(
        job.file,
        job.seed,
        record['weights'],
        TrainingRecord(**{name: record[name] for name in names}),
    )


def _job_label(job: TrainingJob) -> str:
    return f'{job.family}, seed {job.seed}'
