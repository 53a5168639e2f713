"""The demo as a user runs it."""

import json
import signal
import time

import numpy as np
import pytest
from processes import wait_until

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.arm.urdf import read_description
from ik_nn_ros.demo.record import Record
from ik_nn_ros.demo.script import script
from ik_nn_ros.share import share_directory

ARM = ArmModel.from_urdf(read_description(share_directory() / 'urdf' / 'arm.urdf.xacro'))
DEADLINE = 60.0


def test_the_arm_follows_and_the_summary_says_so(ik_nn, tmp_path):
    process = ik_nn('demo', '--headless', '--duration', '6', '--json', 'demo.json')
    output, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0, output
    summary = json.loads((tmp_path / 'demo.json').read_text())
    assert summary['unanswered'] == 0
    assert summary['accepted'] + sum(summary['rejected'].values()) == summary['targets'] > 100
    assert sum(summary['stages'].values()) == summary['accepted']
    assert set(summary['stages']) <= {'network', 'refined'}
    assert set(summary['rejected']) == {'UNREACHABLE', 'OUT_OF_PLANE'}
    assert summary['solver_error_max_m'] <= 1e-9 * ARM.reach
    assert summary['limit_violations'] == 0
    assert 0.0 < summary['tip_error_p50_m'] < 0.05
    assert summary['round_trip_p50_us'] > 0.0
    assert (tmp_path / 'output' / 'demo.png').read_bytes().startswith(b'\x89PNG')
    assert 'figure eight' in output
    assert not process.nodes


def test_ctrl_c_ends_it_with_a_summary_and_no_process_left(ik_nn, tmp_path):
    process = ik_nn('demo', '--headless', '--duration', '600', '--json', 'demo.json')
    end = time.monotonic() + DEADLINE
    for line in process.stdout:
        if line.startswith('figure eight') or time.monotonic() > end:
            break
    assert len(process.nodes) == 2
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0
    assert 'Traceback' not in output
    assert json.loads((tmp_path / 'demo.json').read_text())['accepted'] > 0
    assert not process.nodes


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_however_it_ends_its_nodes_end_too(ik_nn, number):
    process = ik_nn('demo', '--headless', '--duration', '600')
    for line in process.stdout:
        if line.startswith('figure eight'):
            break
    assert len(process.nodes) == 2
    process.send_signal(number)
    process.communicate(timeout=DEADLINE)
    wait_until(lambda: not process.nodes, DEADLINE)


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (('--duration', '0'), 'duration: got 0.0 s, expected more than 0'),
        (('--duration', 'nan'), 'duration: got nan s, expected more than 0'),
        (('--json', 'none/x.json'), 'output none/x.json: got no such directory'),
        (('--json', 'a.txt'), "output a.txt: got '.txt', expected a .json file"),
        (('--plot', 'a.jpg'), "output a.jpg: got '.jpg', expected a .png file"),
        (('--duration', '1e12'), 'expected more than 0, to 3600'),
    ],
)
def test_bad_arguments_are_refused_before_anything_runs(ik_nn, arguments, words):
    process = ik_nn('demo', '--headless', *arguments)
    output, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 2
    assert words in output
    assert 'Traceback' not in output


def test_the_script_asks_for_what_can_and_what_cannot_be_reached():
    targets = script(ARM, 30.0, np.random.default_rng(0))
    assert sum(target.hold for target in targets[1:]) == pytest.approx(30.0, abs=1.5)
    phases = [target.phase for target in targets]
    order = ['approach', 'figure eight', 'random points', 'refused']
    assert phases == sorted(phases, key=order.index)
    for target in targets:
        r = np.hypot(*target.position[:2])
        if target.phase != 'refused':
            assert ARM.inner_reach < r < ARM.reach
            assert target.position[2] == 0.0
            assert target.frame == 'base_link'


def test_a_run_without_anything_measured_still_has_a_summary(tmp_path):
    record = Record(ARM)
    assert record.summary()['tip_error_p50_m'] is None
    record.plot(tmp_path / 'empty.png')
    assert (tmp_path / 'empty.png').stat().st_size > 0
