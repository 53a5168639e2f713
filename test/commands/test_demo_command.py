"""``ik_nn demo`` as a user runs it."""

import json
import os
import pty
import re
import select
import signal
import time
import urllib.request
from importlib.util import find_spec

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped
from processes import Client, wait_until
from std_srvs.srv import Trigger

from ik_nn_ros.arm.urdf import load_arm, read_description
from ik_nn_ros.demo.record import DemoRecord
from ik_nn_ros.demo.script import demo_targets
from ik_nn_ros.files import share_directory

ARM = load_arm(read_description(share_directory() / 'urdf' / 'arm.urdf.xacro'))
DEADLINE = 120.0
HAS_PAGE = bool(find_spec('viser') and find_spec('yourdfpy'))
needs_page = pytest.mark.skipif(not HAS_PAGE, reason='the page needs viser and yourdfpy')


class Terminal:
    """A pseudo terminal for a process."""

    def __init__(self):
        self._reads, self.stdout = pty.openpty()
        self._text = b''

    @property
    def text(self):
        while select.select([self._reads], [], [], 0.0)[0]:
            self._text += os.read(self._reads, 65536)
        return self._text.decode(errors='replace').replace('\r\n', '\n')

    def wait_for(self, words, process):
        def written():
            ended = process.poll() is not None
            if words in self.text:
                return True
            assert not ended, f'ended before {words!r}:\n{self.text}'
            return False

        wait_until(written, DEADLINE, what=lambda: f'{words!r} not in:\n{self.text}')

    def close(self):
        os.close(self._reads)
        os.close(self.stdout)


@pytest.fixture
def terminal():
    terminal = Terminal()
    yield terminal
    terminal.close()


def test_the_arm_follows_its_targets(ik_nn, tmp_path):
    """With the page, where it can be had: without a terminal it says until when, and ends."""
    process = ik_nn('demo', '--duration', '6', '--json', 'demo.json')
    output, _ = process.communicate(timeout=DEADLINE)
    assert ('the page closes after 6 s' in output) == HAS_PAGE
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


@needs_page
def test_a_target_from_the_page_takes_the_arm_over_until_ctrl_c(ik_nn, tmp_path, terminal):
    """What comes from the page comes from the test here: it is the same to the demo."""
    opened, browser = tmp_path / 'opened', tmp_path / 'browser'
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    browser.chmod(0o755)
    process = ik_nn(
        *('demo', '--duration', '600', '--json', 'demo.json'),
        stdout=terminal.stdout,
        DISPLAY=':0',
        BROWSER=f'{browser} %s',
    )
    terminal.wait_for('figure eight', process)
    url = re.search(r'in the browser: (\S+)', terminal.text)[1]
    with urllib.request.urlopen(url, timeout=10) as page:
        assert page.status == 200
    wait_until(lambda: opened.exists() and opened.read_text() == f'{url}\n')

    with Client(process.domain, namespace=f'demo_{process.pid}') as client:
        client.call(Trigger, 'ik_node/hold', Trigger.Request(), again=True)
        terminal.wait_for('rejected, HOLDING', process)
        client.call(Trigger, 'ik_node/resume', Trigger.Request(), again=True)
        tips = client.collect(PoseStamped, 'tip_pose')
        target = PoseStamped()
        target.pose.position.x, target.pose.position.y = 0.2, -0.3
        targets = client.publisher(PoseStamped, 'target_pose')
        client.publish_until(targets, target, lambda: 'taken over' in terminal.text)
        terminal.wait_for(f'the arm is yours at {url}', process)
        tips.clear()
        # Again: the first was perhaps sent just before the script's last one.
        there = lambda: tips and abs(tips[-1].pose.position.y + 0.3) < 1e-3  # noqa: E731
        client.publish_until(targets, target, there, what=lambda: tips[-1:])
    assert len(process.nodes) == 3
    assert json.loads((tmp_path / 'demo.json').read_text())['rejected']['HOLDING'] > 0

    for _ in range(2):  # nobody presses it once only
        process.send_signal(signal.SIGINT)
    assert process.wait(DEADLINE) == 0
    assert 'Traceback' not in terminal.text
    assert not process.nodes


def test_ctrl_c_ends_it_with_a_summary_and_no_process_left(ik_nn, tmp_path):
    """Without viser, which it says how to get."""
    (tmp_path / 'sitecustomize.py').write_text("import sys; sys.modules['viser'] = None")
    path = os.pathsep.join([str(tmp_path), os.environ.get('PYTHONPATH', '')])
    process = ik_nn('demo', '--duration', '600', '--json', 'demo.json', PYTHONPATH=path)
    said, end = '', time.monotonic() + DEADLINE
    for line in process.stdout:
        said += line
        if line.startswith('figure eight') or time.monotonic() > end:
            break
    assert "no module viser; to get it: pip install 'viser[urdf]'" in said
    assert len(process.nodes) == 2
    for _ in range(2):
        process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0
    assert 'Traceback' not in output
    assert json.loads((tmp_path / 'demo.json').read_text())['accepted'] > 0
    assert not process.nodes


@pytest.mark.parametrize(
    'number', [pytest.param(signal.SIGHUP, marks=pytest.mark.soak), signal.SIGKILL]
)
def test_its_nodes_end_with_it(ik_nn, number):
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


def test_the_script_has_reachable_and_unreachable_targets():
    targets = demo_targets(ARM, 30.0, np.random.default_rng(0))
    assert sum(target.dwell_s for target in targets[1:]) == pytest.approx(30.0, abs=1.5)
    phases = [target.phase for target in targets]
    order = ['approach', 'figure eight', 'random points', 'refused', 'back']
    assert phases == sorted(phases, key=order.index)
    for target in targets:
        r = np.hypot(*target.position[:2])
        if target.phase != 'refused':
            assert ARM.inner_reach < r < ARM.reach
            assert target.position[2] == 0.0
            assert target.frame == 'base_link'


def test_with_a_viewer_every_target_can_be_drawn():
    told, seen = (
        demo_targets(ARM, 30.0, np.random.default_rng(0), is_seen) for is_seen in (False, True)
    )
    assert not all(np.isfinite(target.position).all() for target in told)
    assert {target.frame for target in told} == {'base_link', 'nowhere'}
    assert all(np.isfinite(target.position).all() for target in seen)
    assert {target.frame for target in seen} == {'base_link'}
    assert sum(target.phase == 'refused' for target in seen) > 5
    for targets in (told, seen):
        assert targets[-1].position == targets[0].position
        assert targets[-1].dwell_s >= 1.0  # time to get there


def test_a_run_without_measurements_has_a_summary(tmp_path):
    record = DemoRecord(ARM)
    assert record.summary()['tip_error_p50_m'] is None
    record.plot(tmp_path / 'empty.png')
    assert (tmp_path / 'empty.png').stat().st_size > 0
