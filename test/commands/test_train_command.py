"""``ik_nn train``: its files, errors in the input, and Ctrl-C."""

import os
import re
import shlex
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import onnx
import pytest
from arms import random_arm
from real_recording import RECORDING, RRBOT

from ik_nn_ros import learning
from ik_nn_ros.arm.calibrated import Calibration
from ik_nn_ros.arm.urdf import load_arm, read_description
from ik_nn_ros.cli import main
from ik_nn_ros.commands import train as command
from ik_nn_ros.errors import ModelError
from ik_nn_ros.files import share_directory
from ik_nn_ros.ik.network import ModelInfo, Network
from ik_nn_ros.learning import training
from ik_nn_ros.learning.families import FAMILIES
from ik_nn_ros.learning.networks.root_networks import EdgeSmoothNetwork

LOUD = """
import sys
from ik_nn_ros.cli import main
from ik_nn_ros.learning import training
original = training.train
def train(family, arm, config, report):
    def loud(progress):
        print(progress.stage, flush=True)
        report(progress)
    return original(family, arm, config, loud)
training.train = train
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def never_train(monkeypatch):
    def refuse(*args):
        raise AssertionError('training was started')

    monkeypatch.setattr(training, 'train', refuse)


def read_info(file):
    return ModelInfo.from_metadata({e.key: e.value for e in onnx.load(file).metadata_props}, file)


def test_it_writes_a_model_for_the_arm_given(tmp_path, monkeypatch, capsys):
    arm = random_arm(5)
    (tmp_path / 'my arm.urdf').write_text(arm.urdf)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, 'TEST_TARGET_COUNT', 5000)
    # Ended by steps, so that a slow machine writes the same curve.
    brief = replace(EdgeSmoothNetwork.config, adam_steps=500, batch_size=64, lm_iterations=0)
    monkeypatch.setattr(EdgeSmoothNetwork, 'config', replace(brief, validation_samples=2000))
    output = tmp_path / 'a.onnx'
    words = ['--urdf', 'my arm.urdf', '--seed', '4', '--max-seconds', '60']
    assert main(['train', *words, '--output', str(output)]) == 0
    assert sorted(tmp_path.iterdir()) == sorted([output, tmp_path / 'my arm.urdf'])
    info = read_info(output)
    info.require_arm(load_arm(arm.urdf), output)
    record = info.training
    assert record['seed'] == 4
    assert record['samples'] > 0
    assert record['errors']['targets'] == 5000
    # The curve ends with the training, better than it began.
    stages, steps, medians, worst = zip(*record['curve'], strict=True)
    assert set(stages) == {'Adam'}
    assert steps == (250, 500)
    assert 0.0 < medians[-1] < medians[0]
    assert all(p50 <= most for p50, most in zip(medians, worst, strict=True))
    # The record can be typed in again, and names no place of this machine.
    typed = shlex.split(record['command'])
    assert typed[:2] == ['ik_nn', 'train']
    assert dict(zip(typed[2::2], typed[3::2], strict=True)) == {
        '--urdf': 'my arm.urdf',
        '--seed': '4',
        '--max-seconds': '60.0',
        '--output': 'a.onnx',
    }
    shown = capsys.readouterr().out
    assert f'{record["errors"]["p50"]:.2e}' in shown
    assert 'a.onnx' in shown


def test_it_trains_other_families_too(tmp_path, monkeypatch):
    """One of them: the tests of ik_node load a file of each."""
    name = 'variational'
    monkeypatch.setattr(command, 'TEST_TARGET_COUNT', 500)
    monkeypatch.chdir(tmp_path)
    words = ['--network', name, '--max-seconds', '0.2', '--output', 'a.onnx']
    assert main(['train', *words]) == 0
    arm = load_arm(read_description(share_directory() / 'urdf' / 'arm.urdf.xacro'))
    network = Network('a.onnx', arm)
    assert network.info.family == name
    assert f'--network {name}' in network.info.training['command']
    assert np.isfinite(network.propose(0.2, 0.3, 1)).all()


def test_the_help_names_every_family(capsys):
    with pytest.raises(SystemExit):
        main(['train', '--help'])
    words = re.findall(r'\w+', capsys.readouterr().out)
    assert set(FAMILIES) <= set(words)


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['--output', 'no/such/a.onnx'], 'got no such directory'),
        (['--output', 'folder.onnx'], 'got a directory, expected a file'),
        (['--output', 'a.pt'], "got '.pt', expected a .onnx file"),
        (['--output', 'a.onnx', '--seed', '9' * 30], 'seed: got 9999'),
        (['--output', '/proc/a.onnx'], 'expected a directory to write in'),
        (['--output', 'a.onnx', '--urdf', 'none.urdf'], 'none.urdf: got no such file'),
        (['--output', 'a.onnx', '--urdf', 'broken.urdf'], 'expected URDF, well-formed XML'),
        (['--output', 'a.onnx', '--tip-link', 'nose'], 'nose'),
        (['--output', 'a.onnx', '--network', 'lstm'], 'expected edge_smooth or as_built or paper'),
        (['--output', 'a.onnx', '--seed', '-1'], 'seed: got -1'),
        (['--output', 'a.onnx', '--max-seconds', 'nan'], 'max_seconds: got nan'),
        (['--output', 'a.onnx', '--max-seconds', '0'], 'max_seconds: got 0.0'),
    ],
)
def test_bad_input_is_refused_before_training(
    words, message, tmp_path, monkeypatch, capsys, never_train
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'broken.urdf').write_text('<robot')
    (tmp_path / 'folder.onnx').mkdir()
    assert main(['train', *words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count('\n') == 1
    assert {file.name for file in tmp_path.iterdir()} == {'broken.urdf', 'folder.onnx'}


def test_without_torch_it_says_what_to_install(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, 'onnxscript', None)
    monkeypatch.delitem(sys.modules, 'ik_nn_ros.learning.export', raising=False)
    monkeypatch.delattr(learning, 'export', raising=False)
    assert main(['train', '--output', str(tmp_path / 'a.onnx')]) == 2
    assert 'pip install' in capsys.readouterr().err


def test_ctrl_c_leaves_no_file_and_a_clean_message(tmp_path):
    script = tmp_path / 'loud.py'
    script.write_text(LOUD)
    process = subprocess.Popen(
        [sys.executable, script, 'train', '--output', 'a.onnx', '--network', 'paper'],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={k: v for k, v in os.environ.items() if k != '_ROS_WHEELS_BOOTSTRAP_COMPLETE'},
    )
    try:
        assert process.stdout.readline() == 'Adam\n'  # it is training now
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert 'ik_nn train: interrupted\n' in error
    assert 'Traceback' not in error
    assert list(tmp_path.iterdir()) == [script]


def test_declaring_the_arguments_imports_nothing_slow():
    code = (
        'import sys, ik_nn_ros.cli; '
        'sys.exit(any(name in sys.modules for name in ("torch", "numpy", "onnx", "rich", "yaml")))'
    )
    assert subprocess.run([sys.executable, '-c', code], timeout=60).returncode == 0


@pytest.fixture
def rrbot(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'rrbot.urdf').write_text(RRBOT)
    return ['--urdf', 'rrbot.urdf', '--tip-link', 'tool_link', '--output', 'rrbot.onnx']


def test_from_a_recording_it_writes_the_calibration_beside_the_model(rrbot, monkeypatch):
    """ik_node needs both: a model alone would be refused as that of another arm."""
    monkeypatch.setattr(command, 'TEST_TARGET_COUNT', 5000)
    assert main(['train', '--recording', str(RECORDING), *rrbot, '--max-seconds', '3']) == 0
    arm = load_arm(RRBOT, 'base_link', 'tool_link')
    built = Calibration.read('rrbot.yaml').apply(arm)
    info = read_info('rrbot.onnx')
    info.require_arm(built, 'rrbot.onnx')
    assert info.family == 'as_built'
    with pytest.raises(ModelError, match='trained with a calibration'):
        info.require_arm(arm, 'rrbot.onnx')


def test_train_does_not_overwrite_a_calibration(rrbot, tmp_path, capsys, never_train):
    (tmp_path / 'rrbot.yaml').write_text('mine')
    assert main(['train', '--recording', str(RECORDING), *rrbot]) == 2
    assert 'rrbot.yaml: got one that exists' in capsys.readouterr().err
    assert (tmp_path / 'rrbot.yaml').read_text() == 'mine'


def test_recordings_with_too_few_samples_are_refused(rrbot, tmp_path, capsys, never_train):
    cut = tmp_path / 'cut.mcap'
    content = next(RECORDING.glob('*.mcap')).read_bytes()
    cut.write_bytes(content[: len(content) // 20])
    assert main(['train', '--recording', str(cut), *rrbot]) == 2
    shown = capsys.readouterr()
    assert 'samples: got' in shown.err
    assert 'cut.mcap' in shown.out
    assert not (tmp_path / 'rrbot.onnx').exists()
