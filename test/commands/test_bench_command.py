"""``ik_nn bench``: its file, its errors, and its end by a signal."""

import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from processes import DEADLINE_S, fresh_domain, wait_until

from ik_nn_ros import cli
from ik_nn_ros.bench import results
from ik_nn_ros.nodes import bench as bench_nodes
from ik_nn_ros.nodes.bench import deployments

SMALL = results.BenchmarkSizes(
    solve_targets=20,
    verified_targets=200,
    batch_sizes=(1, 10),
    node_starts=1,
    round_trips=20,
    load_s=0.2,
    load_rate_hz=100.0,
    arm_counts=(1, 2),
    arms_round_trips=4,
    arms_load_s=0.3,
)
ENDLESS = """
import functools, sys
from ik_nn_ros.bench import results
sys.modules['ikpy'] = sys.modules['pinocchio'] = None  # slow to import
results.BenchmarkSizes = functools.partial(
    results.BenchmarkSizes,
    solve_targets=5,
    verified_targets=5,
    batch_sizes=(1,),
    node_starts=1,
    round_trips=1_000_000,
)
from ik_nn_ros import cli
sys.exit(cli.main(['bench']))
"""


@pytest.fixture(autouse=True)
def apart(monkeypatch):
    monkeypatch.setenv('ROS_DOMAIN_ID', str(fresh_domain()))
    handler = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, handler)


def numbers(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from numbers(item)
    elif not isinstance(value, str):
        yield value


def test_all_numbers_go_into_the_file(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(results, 'BenchmarkSizes', lambda **_: SMALL)
    monkeypatch.setattr(deployments, 'missing_module', lambda: 'viser')
    file = tmp_path / 'numbers.json'
    assert cli.main(['bench', '--json', str(file)]) == 0
    content = json.loads(file.read_text())
    assert list(content) == [
        'machine', 'solve', 'network', 'reachable', 'commands', 'batch', 'node', 'panel', 'arms',
        'figures',
    ]  # fmt: skip
    assert content.pop('panel') is None
    assert all(number is not None and math.isfinite(number) for number in numbers(content))
    assert content['node']['ik_node']['lost'] == 0
    assert [row['arms'] for row in content['arms']] == [1, 2]
    assert all(row['cpu'] > 0.0 and row['rate'] > 0.0 for row in content['arms'])
    assert len(content['figures']) == 17
    assert list(tmp_path.iterdir()) == [file]
    shown = capsys.readouterr().out
    assert 'Requirements' not in shown
    assert 'viser is not installed' in shown
    assert 'ikpy' in shown
    assert 'Arms in one process' in shown


def test_without_rclpy_the_node_is_left_out_with_a_message(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(results, 'BenchmarkSizes', lambda **_: SMALL)
    monkeypatch.setitem(sys.modules, 'rclpy', None)
    for name in ('deployments', 'ik_bench', 'client'):
        monkeypatch.delitem(sys.modules, f'ik_nn_ros.nodes.bench.{name}', raising=False)
        monkeypatch.delattr(bench_nodes, name, raising=False)
    file = tmp_path / 'numbers.json'
    assert cli.main(['bench', '--verbose', '--json', str(file)]) == 0
    assert json.loads(file.read_text())['node'] is None
    shown = capsys.readouterr()
    assert 'the node is not measured' in shown.err
    assert 'Requirements' in shown.out


@pytest.mark.parametrize('file', ['missing/numbers.json', '.'])
def test_a_file_that_cannot_be_written_is_refused_first(tmp_path, capsys, file):
    assert cli.main(['bench', '--json', str(tmp_path / file)]) == 2
    assert 'expected a file' in capsys.readouterr().err


def test_nan_seconds_are_refused(capsys):
    assert cli.main(['bench', '--seconds', 'nan']) == 2
    assert 'expected 0.1 to 3600' in capsys.readouterr().err


@pytest.mark.parametrize(('number', 'running'), [(signal.SIGINT, 2), (signal.SIGTERM, 1)])
def test_a_signal_ends_the_nodes_too(number, running):
    bench = subprocess.Popen([sys.executable, '-c', ENDLESS], stderr=subprocess.PIPE)
    try:
        wait_until(lambda: len(children(bench.pid)) >= running)
        nodes = children(bench.pid)
        os.kill(bench.pid, number)
        assert bench.wait(DEADLINE_S) == 130
        assert b'interrupted' in bench.stderr.read()
        wait_until(lambda: not [node for node in nodes if Path(f'/proc/{node}').exists()])
    finally:
        bench.kill()
        bench.wait()


def children(pid):
    return Path(f'/proc/{pid}/task/{pid}/children').read_text().split()
