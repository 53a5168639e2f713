"""``ik_nn paper``: its files and output, errors in the input, and Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
from math import isfinite

import pytest

from ik_nn_ros.cli import main
from ik_nn_ros.learning.training_config import TrainingConfig
from ik_nn_ros.studies import paper
from ik_nn_ros.studies.paper import experiment
from ik_nn_ros.studies.paper.networks import Recipe

ROUGH = TrainingConfig(
    adam_steps=40, batch_size=64, lm_iterations=0, lm_samples=50, validation_samples=500
)
INTERRUPTED = """
import sys
from ik_nn_ros.cli import main
from ik_nn_ros.studies.paper import experiment
run = experiment.run
def loud(effort, show):
    def told(*progress):
        print(progress[0], flush=True)
        show(*progress)
    return run(effort, told)
experiment.run = loud
sys.exit(main(['paper', '--seeds', '9']))
"""


@pytest.fixture
def quick(monkeypatch):
    effort = experiment.ExperimentSizes
    monkeypatch.setattr(
        experiment,
        'ExperimentSizes',
        lambda seeds: effort(
            seeds, target_count=2000, recipe=Recipe(samples=99, epochs=30), relu=ROUGH, smooth=ROUGH
        ),
    )


@pytest.fixture
def never_run(monkeypatch):
    def refuse(*args):
        raise AssertionError('the experiment was started')

    monkeypatch.setattr(experiment, 'run', refuse)


def numbers(value):
    """Every number below a value, with None for those that are missing."""
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from numbers(item)
    elif not isinstance(value, str):
        yield value


def test_it_writes_numbers_and_a_picture(tmp_path, quick, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(['paper', '--seeds', '2', '--verbose']) == 0
    folder = tmp_path / 'output' / 'paper'
    assert sorted(file.name for file in folder.iterdir()) == ['paper.json', 'paper.png']
    assert (folder / 'paper.png').read_bytes().startswith(b'\x89PNG')
    content = json.loads((folder / 'paper.json').read_text())
    assert list(content) == [
        'machine', 'seconds', 'source', 'arm', 'choices', 'targets', 'table1', 'methods',
        'solved', 'figures',
    ]  # fmt: skip
    assert content['targets'] == 2000
    assert [row['name'] for row in content['table1']] == [f'P{n}' for n in range(1, 11)]
    check_methods(content['methods'])
    check_solved(content['solved'])
    assert len(content['figures']) == 3
    assert {'torch', 'numpy', 'python'} <= content['machine'].keys()
    shown = capsys.readouterr().out
    for words in ('P10', 'link lengths', 'samples', 'Newton', 'Requirements', 'paper.json'):
        assert words in shown


def check_methods(methods):
    assert methods.keys() == {
        'recipe', 'few_samples', 'small_batches', 'no_batches', 'normalised', 'relu', 'smooth',
    }  # fmt: skip
    for name, method in methods.items():
        trained_our_way = name in ('relu', 'smooth')
        assert [run['seed'] for run in method['runs']] == ([0] if trained_our_way else [0, 1])
        assert all(isfinite(number) for run in method['runs'] for number in numbers(run))
        for spread in method['over_seeds'].values():
            assert (spread['deviation'] is None) == trained_our_way
    recipe, batches = methods['recipe'], methods['small_batches']
    assert batches['training'] == {**recipe['training'], 'batch_size': 32}
    assert recipe['runs'][0]['mean'] != recipe['runs'][1]['mean']


def check_solved(solved):
    assert solved.keys() == {'recipe', 'smooth', 'closed_form'}
    for name, answers in solved.items():
        assert answers['worst'] <= 1.001e-9
        assert answers['answers']['answered'] == 1.0
        assert (answers['newton_steps'] is None) == (name == 'closed_form')


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['--seeds', '0'], '--seeds: got 0, expected 1 to 100'),
        (['--seeds', '101'], '--seeds: got 101, expected 1 to 100'),
        (['--output', 'file'], 'output file: got File exists, expected a folder to write in'),
        (['--output', 'file/below'], 'expected a folder to write in'),
        (['--output', '/proc/none'], 'expected a folder to write in'),
        (['--output', 'taken'], 'output taken/paper.json: got a directory, expected a file'),
    ],
)
def test_bad_input_is_refused_before_the_work(
    words, message, tmp_path, monkeypatch, capsys, never_run
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'file').touch()
    (tmp_path / 'taken' / 'paper.json').mkdir(parents=True)
    assert main(['paper', *words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count('\n') == 1


def test_without_torch_it_says_what_to_install(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, 'torch', None)
    for name in ('experiment', 'networks', 'results'):
        monkeypatch.delitem(sys.modules, f'ik_nn_ros.studies.paper.{name}', raising=False)
        monkeypatch.delattr(paper, name, raising=False)
    assert main(['paper']) == 2
    assert 'pip install' in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_ctrl_c_leaves_no_file_and_a_clean_message(tmp_path):
    process = subprocess.Popen(
        [sys.executable, '-c', INTERRUPTED],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={k: v for k, v in os.environ.items() if k != '_ROS_WHEELS_BOOTSTRAP_COMPLETE'},
    )
    try:
        assert process.stdout.readline() == "paper's recipe\n"  # it is training now
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert 'ik_nn paper: interrupted\n' in error
    assert 'Traceback' not in error
    assert not [path for path in tmp_path.rglob('*') if path.is_file()]
