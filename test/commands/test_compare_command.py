"""``ik_nn compare``: its request, files and output, errors in the input, and Ctrl-C."""

import csv
import json
import sys
from dataclasses import dataclass
from types import ModuleType

import pytest
from made_comparison import NAMES, comparison

from ik_nn_ros.cli import main
from ik_nn_ros.studies import compare as package

MODULE = 'ik_nn_ros.studies.compare.comparison'


@dataclass(frozen=True)
class Request:
    """A stand-in for the request without torch."""

    arm: object
    output: object
    seconds: float
    seeds: int
    methods: tuple
    command: str
    created: str
    machine: dict


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """Replace the comparison by an invented one; returns the list of requests."""
    requests = []

    def compare(request, show):
        requests.append(request)
        show('trainings', 1, 2, 'graph')
        return comparison(request.methods[:2], request.seeds)  # drawing more takes a while

    module = ModuleType(MODULE)
    module.METHODS, module.Request, module.compare = NAMES, Request, compare
    monkeypatch.setitem(sys.modules, MODULE, module)
    monkeypatch.setattr(package, 'comparison', module, raising=False)
    monkeypatch.chdir(tmp_path)
    return requests


def test_it_writes_three_files_and_shows_the_tables(tmp_path, asked, capsys):
    words = ['--seconds', '5', '--seeds', '2', '--methods', 'graph', 'closed_form']
    assert main(['compare', *words]) == 0
    (request,) = asked
    assert request.methods == ('closed_form', 'graph')
    assert (request.seconds, request.seeds) == (5.0, 2)
    assert request.command == f'ik_nn compare {" ".join(words).replace("5 ", "5.0 ", 1)}'
    assert {'torch', 'numpy', 'processor'} <= request.machine.keys()
    folder = tmp_path / 'output' / 'compare'
    assert sorted(file.name for file in folder.iterdir()) == [
        'comparison.csv', 'comparison.json', 'models', 'report.html',
    ]  # fmt: skip
    rows = list(csv.DictReader((folder / 'comparison.csv').read_text().splitlines()))
    content = json.loads((folder / 'comparison.json').read_text())
    names = ['closed_form', 'graph', 'graph']
    assert [row['name'] for row in rows] == [row['name'] for row in content['rows']] == names
    assert '<h1>' in (folder / 'report.html').read_text()
    shown = capsys.readouterr()
    for words in ('closed form', 'graph network + Newton', 'Robustness', 'comparison.csv'):
        assert words in shown.out
    assert 'trainings' in shown.err
    assert 'trainings' not in shown.out


def test_all_methods_and_the_demo_arm_by_default(asked):
    assert main(['compare']) == 0
    (request,) = asked
    assert request.methods == NAMES
    assert (request.seconds, request.seeds) == (60.0, 3)
    assert request.command == 'ik_nn compare'
    assert request.arm.reach > 0.0


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['--seconds', '0.5'], '--seconds: got 0.5, expected 1 to 3600'),
        (['--seconds', '3601'], '--seconds: got 3601.0, expected 1 to 3600'),
        (['--seconds', 'nan'], '--seconds: got nan, expected 1 to 3600'),
        (['--seeds', '0'], '--seeds: got 0, expected 1 to 20'),
        (['--seeds', '21'], '--seeds: got 21, expected 1 to 20'),
        (['--methods', 'graph', 'x', 'y'], '--methods: got x, y, expected of closed_form, '),
        (['--urdf', 'none.urdf'], 'none.urdf'),
        (['--output', 'file'], 'output file: got File exists, expected a folder to write in'),
        (['--output', '/proc/none'], 'expected a folder to write in'),
        (['--output', 'page'], 'output page/report.html: got a directory, expected a file'),
        (['--output', 'models'], 'output models/models: got File exists, expected a folder'),
    ],
)
def test_bad_input_is_refused_in_one_line_before_the_work(words, message, tmp_path, asked, capsys):
    (tmp_path / 'file').touch()
    (tmp_path / 'page' / 'report.html').mkdir(parents=True)
    (tmp_path / 'models').mkdir()
    (tmp_path / 'models' / 'models').touch()
    assert main(['compare', *words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count('\n') == 1
    assert not asked


def test_ctrl_c_says_that_the_command_can_be_resumed(asked, capsys, monkeypatch, tmp_path):
    def interrupted(request, show):
        raise KeyboardInterrupt

    monkeypatch.setattr(package.comparison, 'compare', interrupted)
    assert main(['compare']) == 130
    error = capsys.readouterr().err
    assert 'ik_nn compare: interrupted; the same command goes on where it stopped\n' in error
    assert not [path for path in tmp_path.rglob('*') if path.is_file()]


def test_without_torch_it_says_what_to_install(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, MODULE, None)
    monkeypatch.delattr(package, 'comparison', raising=False)
    assert main(['compare']) == 2
    assert 'pip install' in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
