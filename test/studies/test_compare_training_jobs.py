"""Trainings in worker processes: resuming, interrupting and killing them."""

import os
import pickle
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from processes import wait_until

from ik_nn_ros.arm.urdf import load_arm, read_description
from ik_nn_ros.errors import ConfigError, IkNnError
from ik_nn_ros.files import share_directory, write_atomically
from ik_nn_ros.ik.network import Network
from ik_nn_ros.studies.compare import training_jobs
from ik_nn_ros.studies.compare.comparison import Request, compare
from ik_nn_ros.studies.compare.evaluation_set import EvaluationSizes
from ik_nn_ros.studies.compare.network_methods import PathNetwork
from ik_nn_ros.studies.compare.training_jobs import TrainingJob, train_all

ARM = load_arm(read_description(share_directory() / 'urdf' / 'arm.urdf.xacro'))
NAMES = ('edge_smooth', 'lstm')
WORDS = ['--seconds', '1', '--seeds', '1', '--methods', 'closed_form', *NAMES, '--output', 'out']
WORK = 120.0
"""Deadline of a whole comparison on a busy machine, s."""
LONG = 60.0
"""Time limit of a training that must not finish, because it would then write a file, s."""
ANOTHER = """
import sys
from pathlib import Path
from ik_nn_ros.files import write_atomically
write_atomically(Path(sys.argv[1]), b'of another')
"""


class Comparison:
    """``ik_nn compare`` in a session of its own, as in a terminal."""

    def __init__(self, folder, *words):
        self.log = folder / 'log'
        with self.log.open('w') as log:
            self.process = subprocess.Popen(
                [sys.executable, '-m', 'ik_nn_ros.cli', 'compare', *words],
                cwd=folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def processes(self):
        """Those of the session, their command lines by number; without what has ended."""
        found = {}
        for folder in Path('/proc').glob('[0-9]*'):
            try:
                _, _, after = (folder / 'stat').read_text().rpartition(')')
                state, _, _, session = after.split()[:4]
                if int(session) == self.process.pid and state != 'Z':
                    found[int(folder.name)] = (folder / 'cmdline').read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
        return found

    def workers(self):
        return [pid for pid, words in self.processes().items() if 'spawn_main' in words]

    def wait_for_workers(self, condition=lambda pid: True):
        def there():
            assert self.process.poll() is None, self.log.read_text()
            workers = self.workers()
            return workers and all(map(condition, workers))

        wait_until(there, WORK, what=self.log.read_text)

    def wait_for_nobody(self):
        wait_until(lambda: not self.processes(), what=self.processes)


def has_torch(pid):
    """Whether a worker is under way; before its exec it still looks like its parent."""
    folder = Path(f'/proc/{pid}')
    try:
        started = 'spawn_main' in (folder / 'cmdline').read_text()
        return started and 'libtorch' in (folder / 'maps').read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def jobs(folder, names=NAMES, **changes):
    return [
        replace(TrainingJob(name, 0, ARM, 1.0, folder / f'{name}-0.onnx'), **changes)
        for name in names
    ]


def silent(*progress):
    pass


@pytest.fixture(scope='module')
def interrupted(tmp_path_factory):
    """A folder in which the command met Ctrl-C, sent to all its processes as a terminal does."""
    folder = tmp_path_factory.mktemp('compare')
    with Comparison(folder, *WORDS) as run:
        run.wait_for_workers()
        os.killpg(run.process.pid, signal.SIGINT)
        run.code = run.process.wait(WORK)
        run.wait_for_nobody()
        run.said = run.log.read_text()
        run.left = [path for path in (folder / 'out').rglob('*') if path.is_file()]
        yield run


@pytest.fixture(scope='module')
def completed(interrupted):
    """What the same comparison finds that was interrupted, on few targets, without processes."""

    def train(left, done):
        for number, job in enumerate(left, start=1):
            training_jobs._train(job)
            done(job, number)

    few = EvaluationSizes(scattered=50, paths=4, points=8, grid=11)
    output = interrupted.log.parent / 'out'
    methods = ('closed_form', 'ccd', *NAMES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training_jobs, '_train_in_pool', train)
        patch.setattr(training_jobs, '_stop', threading.Event(), raising=False)
        request = Request(ARM, output, 1.0, 1, methods, 'ik_nn compare', 'now', {}, few)
        return compare(request, silent)


@pytest.fixture(scope='module')
def models(completed, interrupted):
    return interrupted.log.parent / 'out' / 'models'


def test_ctrl_c_ends_it_and_all_its_processes_with_a_clean_message(interrupted):
    """Also while workers are still being started, when Python's own handler would be in place."""
    assert interrupted.code == 130, interrupted.said
    assert 'interrupted; the same command goes on where it stopped' in interrupted.said
    assert 'Traceback' not in interrupted.said
    assert not [path for path in interrupted.left if path.suffix != '.onnx']


def test_the_same_comparison_then_completes(completed, models):
    assert sorted(path.name for path in models.iterdir()) == ['edge_smooth-0.onnx', 'lstm-0.onnx']
    found = [(row.name, row.refined) for row in completed.rows]
    alone = [('closed_form', False), ('ccd', False)]
    assert found == [*alone, *((name, refined) for name in NAMES for refined in (False, True))]
    assert [row.execution_mode for row in completed.rows[::2]] == [
        'ik_node',
        'ik_node',
        'step by step',
    ]
    assert completed.rows[0].runs[0].along_path.worst < 1e-12
    # Newton steps bring what a network proposes nearer.
    for alone, refined in (completed.rows[2:4], completed.rows[4:6]):
        assert refined.runs[0].along_path.p50 < alone.runs[0].along_path.p50


def test_model_files_load_and_record_their_training(models):
    target_network, path_network = train_all(jobs(models), silent)
    network = Network(target_network.file, ARM)
    assert np.isfinite(network.propose(0.3, 0.2, 1)).all()
    assert PathNetwork(path_network.file, ARM).execution_mode == 'step by step'
    for trained, name in ((target_network, NAMES[0]), (path_network, NAMES[1])):
        held = onnx.load(trained.file)
        assert trained.weights > 100
        assert sum(np.prod(each.dims) for each in held.graph.initializer) >= trained.weights
        assert trained.training.samples > 0
        # Which of them comes first depends on the machine.
        assert trained.training.stopped_by in ('time limit', 'iterations', 'no improvement')
        record = {p.key: p.value for p in held.metadata_props}
        assert record['ik_nn_ros.family'] == name


def test_finished_trainings_are_not_repeated(models, tmp_path, monkeypatch):
    """File times stay; what is missing is all that is trained."""
    before = {file: file.stat().st_mtime_ns for file in models.iterdir()}
    shown, given = [], []
    monkeypatch.setattr(training_jobs, '_train_in_pool', lambda left, done: given.extend(left))
    first = train_all(jobs(models), lambda *progress: shown.append(progress))
    assert first == train_all(jobs(models), silent)
    assert shown == [('training', 2, 2, 'done before')]
    assert {file: file.stat().st_mtime_ns for file in models.iterdir()} == before
    assert not given

    shutil.copy(models / 'lstm-0.onnx', tmp_path)

    def train(left, done):
        given.extend(left)
        shutil.copy(models / 'edge_smooth-0.onnx', tmp_path)

    monkeypatch.setattr(training_jobs, '_train_in_pool', train)
    assert len(train_all(jobs(tmp_path), silent)) == 2
    assert [job.family for job in given] == ['edge_smooth']


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (
            {'seconds': 2.0},
            r'lstm-0.onnx: got one trained for 1.0 s, expected 2.0 s, or another folder',
        ),
        (
            {'arm': replace(ARM, lengths=(0.3, 0.25))},
            r'arm of model .*lstm-0.onnx: got lengths \[0.3, 0.2\], expected \[0.3, 0.25\]',
        ),
        (
            {'arm': replace(ARM, upper=(1.0, 1.0))},
            r'lstm-0.onnx: got one for other joint limits',
        ),
    ],
)
def test_a_folder_of_another_comparison_is_refused(models, changes, message, tmp_path, monkeypatch):
    """Before anything is trained: numbers of two arms or budgets do not go into one table."""
    monkeypatch.setattr(training_jobs, '_train_in_pool', pytest.fail)
    shutil.copy(models / 'lstm-0.onnx', tmp_path)
    with pytest.raises(IkNnError, match=message):
        train_all(jobs(tmp_path, **changes), silent)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (lambda whole: whole[: len(whole) // 2], 'bytes that do not load'),
        (lambda whole: b'', 'bytes that do not load'),
        (lambda whole: (share_directory() / 'models' / 'arm.onnx').read_bytes(), 'for None s'),
    ],
    ids=['cut', 'empty', 'from ik_nn train'],
)
def test_a_foreign_model_file_is_refused_by_name(models, tmp_path, content, message, monkeypatch):
    monkeypatch.setattr(training_jobs, '_train_in_pool', pytest.fail)
    file = tmp_path / 'edge_smooth-0.onnx'
    file.write_bytes(content((models / 'lstm-0.onnx').read_bytes()))
    with pytest.raises(IkNnError, match=rf'edge_smooth-0.onnx: got .*{message}'):
        train_all(jobs(tmp_path), silent)


def test_errors_survive_pickling():
    """Else the pool says that an error could not be handed over."""
    error = ConfigError('training: seed', got=-1, expected='zero or more')
    out = pickle.loads(pickle.dumps(error))
    assert (type(out), str(out), out.got) == (ConfigError, str(error), -1)


@pytest.mark.soak
def test_workers_end_when_the_command_is_killed(tmp_path):
    with Comparison(tmp_path, '--seconds', str(LONG), '--methods', 'edge_smooth', 'lstm') as run:
        run.wait_for_workers(has_torch)
        run.process.kill()
        run.wait_for_nobody()
    assert not [path for path in tmp_path.rglob('*') if path.is_file() and path != run.log]


def test_two_commands_can_write_one_file_at_once(tmp_path, monkeypatch):
    """Each writes a file of its own first: one would find the other's half written, or gone."""
    file, sync = tmp_path / 'edge_smooth-0.onnx', os.fsync

    def meanwhile(descriptor):
        sync(descriptor)
        subprocess.run([sys.executable, '-c', ANOTHER, file], check=True, timeout=WORK)
        assert file.read_bytes() == b'of another'

    monkeypatch.setattr(os, 'fsync', meanwhile)
    write_atomically(file, b'mine')
    assert file.read_bytes() == b'mine'
    assert list(tmp_path.iterdir()) == [file]
