"""``ik_nn sample``: a recording of the simulated arm as built."""

import os
import signal

import numpy as np
import pytest
from processes import wait_until

from ik_nn_ros.cli import main
from ik_nn_ros.recordings.samples import read_samples

DEADLINE = 120.0
JOINTS = ('joint1', 'joint2')

ENDLESS = """<robot name="endless">
  <link name="base_link"/><link name="link1"/><link name="link2"/><link name="tip"/>
  <joint name="a" type="continuous"><parent link="base_link"/><child link="link1"/>
    <axis xyz="0 0 1"/></joint>
  <joint name="b" type="continuous"><parent link="link1"/><child link="link2"/>
    <origin xyz="0.3 0 0"/><axis xyz="0 0 1"/></joint>
  <joint name="c" type="fixed"><parent link="link2"/><child link="tip"/>
    <origin xyz="0.2 0 0"/></joint>
</robot>"""


def test_it_records_the_requested_samples_of_the_requested_arm(ik_nn, tmp_path):
    process = ik_nn(
        *('sample', '--output', 'a.mcap', '--samples', '3', '--tip-noise', '0'),
        *('--length-errors', '0.1', '-0.1', '--joint-offsets', '0.05', '-0.1', '--sag', '0.1', '0'),
    )
    output, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0, output
    assert '3 samples of two_link_arm' in output
    assert not process.nodes
    samples = read_samples([tmp_path / 'a.mcap'], JOINTS, 'base_link')
    assert len(samples) == 3, samples.dropped
    assert np.ptp(samples.q, axis=0).min() > 1.0
    q1, q2 = samples.q_nearest.T
    first = q1 + 0.05 + 0.1 * np.cos(q1 + q2)
    forearm = first + q2 - 0.1
    expected = np.stack(
        (
            0.33 * np.cos(first) + 0.18 * np.cos(forearm),
            0.33 * np.sin(first) + 0.18 * np.sin(forearm),
            np.zeros(3),
        ),
        axis=-1,
    )
    np.testing.assert_allclose(samples.tip, expected, atol=1e-6)


def test_ctrl_c_keeps_what_was_recorded(ik_nn, tmp_path):
    process = ik_nn('sample', '--output', 'a.mcap', '--samples', '1000')
    file = tmp_path / 'a.mcap'

    def recorded():
        assert process.poll() is None, process.communicate()
        return file.exists() and file.stat().st_size > 2500  # more than the head

    wait_until(recorded, DEADLINE)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 130
    assert 'a.mcap: what was recorded until now' in output
    assert 'Traceback' not in output
    assert not process.nodes
    samples = read_samples([file], JOINTS, 'base_link')
    assert len(samples) > 0
    assert not samples.warnings  # the file is complete


def test_a_node_that_dies_ends_the_command_with_an_error(ik_nn):
    process = ik_nn('sample', '--output', 'a.mcap')
    nodes = wait_until(lambda: len(process.nodes) == 2 and process.nodes, DEADLINE)
    os.kill(nodes[0], signal.SIGKILL)
    output, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 2
    assert 'arm_sim: got exit code -9' in output
    assert not process.nodes


def test_an_arm_that_cannot_be_explored_is_named(ik_nn, tmp_path):
    (tmp_path / 'arm.urdf').write_text(ENDLESS)
    process = ik_nn('sample', '--output', 'a.mcap', '--urdf', 'arm.urdf')
    output, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 2
    assert 'velocity limit of a: got none' in ' '.join(output.split())
    assert not (tmp_path / 'a.mcap').exists()


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (('--output', 'there.mcap'), 'output there.mcap: got a file that exists, expected a new'),
        (('--output', 'a.bag'), "output a.bag: got '.bag', expected a .mcap file"),
        (('--samples', '0'), '--samples: got 0, expected 1 to 100000'),
        (('--sag', '0.3', '0'), 'as built: sag: got [0.3, 0.0], expected -0.2 to 0.2'),
        (('--tip-noise', 'nan'), 'as built: tip_noise: got nan, expected 0.0 to 0.1'),
        (('--tip-link', 'hand'), "link 'hand': got links "),
    ],
)
def test_bad_arguments_are_refused_before_anything_runs(
    arguments, words, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'there.mcap').touch()
    assert main(['sample', '--output', 'a.mcap', *arguments]) == 2
    assert words in capsys.readouterr().err
