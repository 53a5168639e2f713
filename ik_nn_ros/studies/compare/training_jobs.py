"""Trainings of all families and seeds in the same time, on all cores, resumable by their files."""

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
from ik_nn_ros.console import ProgressCallback
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
"""Share of the time for a trial, which measures how many steps fit into the rest."""
ADAM_TIME_FRACTION = 0.25
"""Share of the rest for stage 1 if stage 2 follows, which profits more from time."""
STEP_MARGIN_RATIO = 0.85
"""Share of the steps that are planned; on a busy machine more would not complete the schedule."""
TRIAL_VALIDATION_SAMPLES = 500
"""Number of held-out samples of the trial."""
UNLIMITED_STEPS = 10**9
"""Number of steps or iterations that no time limit allows."""


@dataclass(frozen=True)
class TrainingJob:
    """
    A training to be done.

    :param family: name of the network family
    :param seed: seed of everything drawn
    :param arm: the arm
    :param seconds: time limit, s
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
    A trained network.

    :param file: model file
    :param seed: seed of the training
    :param weights: number of weights
    :param training: record of the training
    """

    file: Path
    seed: int
    weights: int
    training: TrainingRecord


def train_all(jobs: Sequence[TrainingJob], show: ProgressCallback) -> list[TrainedNetwork]:
    """
    Do the trainings whose model files are missing, one on each core.

    :param jobs: all trainings
    :param show: takes the progress
    :raises IkNnError: a model file is of another training, or a training fails
    """
    missing = [job for job in jobs if not job.file.exists()]
    for job in jobs:
        if job.file.exists():
            _read_record(job)
    done = len(jobs) - len(missing)
    show('training', done, len(jobs), 'done before' if done else '')
    if missing:
        _train_in_pool(
            missing, lambda job, more: show('training', done + more, len(jobs), _job_label(job))
        )
    return [_read_record(job) for job in jobs]


def _train_in_pool(jobs: Sequence[TrainingJob], done: Callable[[TrainingJob, int], None]) -> None:
    context = multiprocessing.get_context('spawn')
    stop = context.Event()
    workers = min(len(jobs), os.cpu_count() or 1)
    with ProcessPoolExecutor(workers, context, _initialize_worker, (stop, os.getpid())) as pool:
        try:
            # A signal blocked here may reach another thread, so the handlers are deferred too.
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
            # After Ctrl-C or a failure the other trainings are pointless.
            stop.set()
            pool.shutdown(cancel_futures=True)


@contextmanager
def _interrupt_blocked() -> Iterator[None]:
    """
    Block SIGINT during the block, and in processes started meanwhile for good.

    The terminal sends Ctrl-C to all processes; the workers are stopped by the event instead.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


class _InterruptedError(Exception):
    """The command was interrupted."""


_stop: Event
"""Event that stops the training; each worker process sets this variable once."""


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
    """Return the configuration of a family with as many Adam steps as the time allows."""
    config = replace(family.config, seed=job.seed, goal=0.0)
    has_one_stage = not config.lm_iterations
    # Few held-out samples, so that their evaluation does not distort the measured rate.
    trial = replace(
        config,
        adam_steps=UNLIMITED_STEPS,
        lm_iterations=0,
        max_seconds=TRIAL_TIME_FRACTION * job.seconds,
        validation_samples=TRIAL_VALIDATION_SAMPLES,
    )
    result = training.train(family, job.arm, trial, _raise_if_stopped)
    rate = result.samples / result.seconds
    seconds = (1.0 - TRIAL_TIME_FRACTION) * job.seconds
    per_step = config.batch_size * _targets_per_sample(family, job.arm)
    steps = int(
        STEP_MARGIN_RATIO
        * (1.0 if has_one_stage else ADAM_TIME_FRACTION)
        * seconds
        * rate
        / per_step
    )
    return replace(
        config,
        adam_steps=max(steps, 1),
        lm_iterations=0 if has_one_stage else UNLIMITED_STEPS,
        max_seconds=seconds,
    )


def _targets_per_sample(family: type[TrainableNetwork], arm: ArmModel) -> int:
    """Return the number of targets in a sample: one, or those of a path."""
    return family.sample(arm, np.random.default_rng(0), 1).target[..., 0].size


def _read_record(job: TrainingJob) -> TrainedNetwork:
    """
    Read the training record of a model file.

    :raises ConfigError: the file is for another arm or another time limit
    :raises ModelError: the file is damaged
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
