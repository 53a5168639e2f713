"""``ik_nn calibrate``: a real recording, and errors in the input."""

import numpy as np
import pytest
from real_recording import RECORDING, RRBOT

from ik_nn_ros.arm.calibrated import Calibration
from ik_nn_ros.arm.urdf import load_arm
from ik_nn_ros.cli import main
from ik_nn_ros.recordings.samples import read_samples


@pytest.fixture
def urdf(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'rrbot.urdf').write_text(RRBOT)
    return ['--urdf', 'rrbot.urdf', '--tip-link', 'tool_link']


def test_the_real_recording_is_fitted_down_to_its_noise(urdf, capsys):
    assert main(['calibrate', str(RECORDING), *urdf, '--output', 'rrbot.yaml']) == 0
    shown = capsys.readouterr().out
    assert 'zero of joint2, rad' in shown
    assert 'joint1: recorded from' in shown
    calibration = Calibration.read('rrbot.yaml')
    record = calibration.record
    assert record['recordings'] == ['rrbot_as_built']
    assert record['command'].startswith('ik_nn calibrate rrbot_as_built --urdf rrbot.urdf')
    # 0.5 mm in x and in y are 0.59 mm in the median; an unfitted law of sag would add to it.
    arm = load_arm(RRBOT, 'base_link', 'tool_link')
    built = calibration.apply(arm)
    samples = read_samples([RECORDING], arm.joint_names, 'base_link')
    before, after = (
        np.median(
            np.linalg.norm(model.plane.to_base(model.fk(samples.q_nearest)) - samples.tip, axis=1)
        )
        for model in (arm, built)
    )
    assert before > 9e-3
    assert after < 0.75e-3
    held_out = record['held_out_errors']
    assert held_out['nominal']['median'] > 9e-3
    assert held_out['calibrated']['median'] < 0.8e-3
    assert record['timing']['pairing'] == 'nearest joint_states'
    assert 1 <= record['outliers'] <= 15


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['none.mcap', '--output', 'a.yaml'], 'none.mcap'),
        ([str(RECORDING), '--output', 'a.json'], 'expected a .yaml file'),
        ([str(RECORDING), '--output', 'no/a.yaml'], 'no such directory'),
        ([str(RECORDING), '--output', 'a.yaml', '--tip-pose', 'nose'], 'nose'),
        ([str(RECORDING), '--output', 'a.yaml', '--base-link', 'link1'], 'actuated joints'),
    ],
)
def test_bad_input_is_refused_in_one_line(words, message, urdf, tmp_path, capsys):
    assert main(['calibrate', *urdf, *words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count('\n') == 1
    assert [file.name for file in tmp_path.iterdir()] == ['rrbot.urdf']


def test_only_a_calibration_is_overwritten(urdf, tmp_path, capsys):
    """Such as the parameters of the node, also a .yaml file."""
    parameters = tmp_path / 'my_arm.yaml'
    parameters.write_text('/**:\n  ros__parameters:\n    speed_scale: 0.2\n')
    before = parameters.read_bytes()
    assert main(['calibrate', str(RECORDING), *urdf, '--output', 'my_arm.yaml']) == 2
    assert 'output my_arm.yaml: got a file that is no calibration' in capsys.readouterr().err
    assert parameters.read_bytes() == before


def test_a_recording_of_another_arm_is_refused(capsys, tmp_path, monkeypatch):
    """The joints of the demo arm have the same names."""
    monkeypatch.chdir(tmp_path)
    assert main(['calibrate', str(RECORDING), '--output', 'a.yaml']) == 2
    assert "leave the arm's plane" in capsys.readouterr().err
