"""``ik_nn evaluate``: its files, and errors in the input."""

import json
import sys

import numpy as np
import pytest
from arms import random_arm, random_joints
from made_recordings import write_recording

from ik_nn_ros.arm.calibrated import Calibration, describe_arm
from ik_nn_ros.arm.urdf import load_arm, read_description
from ik_nn_ros.cli import main
from ik_nn_ros.files import share_directory
from ik_nn_ros.studies.report import page
from models import info, linear_model

ARM = load_arm(read_description(share_directory() / 'urdf' / 'arm.urdf.xacro'))
OTHER = random_arm(2)
QUICK = ['--targets', '200']


def write_calibration(file, arm):
    lengths = 1.01 * arm.lengths[0], arm.lengths[1]
    calibration = Calibration(describe_arm(arm), lengths, arm.offsets, (0.0, 0.0))
    calibration.write(file)
    return calibration.apply(arm)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a model for the demo arm, and inputs that are wrong."""
    monkeypatch.chdir(tmp_path)
    linear_model(tmp_path / 'a.onnx', info(ARM).to_metadata())
    linear_model(tmp_path / 'other.onnx', info(OTHER.model).to_metadata())
    (tmp_path / 'other.urdf').write_text(OTHER.urdf)
    (tmp_path / 'broken.onnx').write_bytes((tmp_path / 'a.onnx').read_bytes()[:60])
    (tmp_path / 'file').write_text('no folder')
    (tmp_path / 'broken.mcap').write_text('no recording')
    write_calibration(tmp_path / 'other.yaml', OTHER.model)
    return tmp_path


@pytest.fixture
def no_plots(monkeypatch):
    """Drawing takes the longest."""
    monkeypatch.setattr(page, 'to_html', lambda report: '')


def test_it_writes_the_numbers_and_the_page(here, capsys):
    assert main(['evaluate', '--model', 'a.onnx', '--output', 'new/report', *QUICK]) == 0
    folder = here / 'new' / 'report'
    assert {file.name for file in folder.iterdir()} == {'metrics.json', 'report.html'}
    content = json.loads((folder / 'metrics.json').read_text())
    expected = f'ik_nn evaluate --model a.onnx --output new/report {" ".join(QUICK)}'
    assert content['command'] == expected
    assert set(content['versions']) == {'ik_nn_ros', 'python', 'numpy', 'onnxruntime'}
    assert content['recorded'] is None
    assert expected in (folder / 'report.html').read_text(encoding='utf-8')
    shown = capsys.readouterr().out
    assert 'new/report/report.html' in shown
    assert f'{1e3 * content["errors"]["network"]["p50_m"]:.3g} mm' in shown


def test_urdf_calibration_and_recording_of_another_arm_are_used(here, no_plots, capsys):
    built = write_calibration(here / 'built.yaml', OTHER.model)
    linear_model(here / 'built.onnx', info(built).to_metadata())
    q = random_joints(OTHER.model, np.random.default_rng(0), 40)
    write_recording(here / 'r.mcap', OTHER.model, q, built.plane.to_base(built.fk(q)))
    words = ['--urdf', 'other.urdf', '--calibration', 'built.yaml', '--recording', 'r.mcap']
    assert main(['evaluate', '--model', 'built.onnx', *words, '--output', '.', *QUICK]) == 0
    content = json.loads((here / 'metrics.json').read_text())
    assert content['arm']['calibration'] == 'built.yaml'
    assert content['arm']['lengths_m'] == list(built.lengths)
    assert content['arm']['nominal']['lengths_m'] == list(OTHER.model.lengths)
    errors = content['recorded']['errors']
    off = 0.01 * OTHER.model.lengths[0]
    assert errors['before']['p50_m'] == pytest.approx(off, rel=1e-6)
    assert errors['after']['worst_m'] == pytest.approx(0.0, abs=1e-9)
    assert 'recorded, after' in capsys.readouterr().out


def test_a_seed_gives_the_same_numbers_without_torch(here, no_plots, monkeypatch):
    monkeypatch.setitem(sys.modules, 'torch', None)

    def numbers(seed):
        words = ['--model', 'a.onnx', '--output', '.', '--seed', str(seed), *QUICK]
        assert main(['evaluate', *words]) == 0
        content = json.loads((here / 'metrics.json').read_text())
        return [content[name] for name in ('errors', 'solver', 'map', 'path', 'worst_cases')]

    first = numbers(1)
    assert numbers(1) == first
    assert numbers(2) != first


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['--model', 'none.onnx'], 'none.onnx: got no such file'),
        (['--model', 'broken.onnx'], 'bytes that do not load'),
        (['--model', 'other.onnx'], 'arm of model other.onnx: got lengths'),
        (['--model', 'a.onnx', '--urdf', 'none.urdf'], 'none.urdf: got no such file'),
        (['--model', 'a.onnx', '--tip-link', 'nose'], 'nose'),
        (['--model', 'a.onnx', '--calibration', 'none.yaml'], 'calibration none.yaml'),
        (['--model', 'a.onnx', '--calibration', 'other.yaml'], 'of its arm'),
        (['--model', 'a.onnx', '--recording', 'none.mcap'], 'none.mcap'),
        (['--model', 'a.onnx', '--recording', 'broken.mcap'], 'broken.mcap'),
        (['--model', 'a.onnx', '--targets', '99'], '--targets: got 99'),
        (['--model', 'a.onnx', '--seed', '-1'], '--seed: got -1'),
        (['--model', 'a.onnx', '--output', 'file'], 'output file: got File exists'),
        (['--model', 'a.onnx', '--output', 'file/deeper'], 'got Not a directory'),
        (['--model', 'a.onnx', '--output', '/proc/report'], 'expected a folder to write in'),
    ],
)
def test_bad_input_is_refused_in_one_line(words, message, here, capsys):
    assert main(['evaluate', '--output', 'report', *words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith('ik_nn evaluate: ')
    assert error.count('\n') == 1
    assert not (here / 'report' / 'report.html').exists()
