"""The measurements of ik_node: what they start, time, count, and leave behind."""

from pathlib import Path

import numpy as np
import pytest
from ik_node_rig import ARM, URDF
from processes import fresh_domain

from ik_nn_ros.bench.results import BenchmarkSizes
from ik_nn_ros.files import share_directory
from ik_nn_ros.nodes.bench import deployments as panel_bench
from ik_nn_ros.nodes.bench import ik_bench as node_bench
from ik_nn_ros.nodes.bench.client import BenchmarkClient
from ik_nn_ros.process import NodeProcess, ProcessError


@pytest.fixture(autouse=True)
def apart(monkeypatch):
    monkeypatch.setenv('ROS_DOMAIN_ID', str(fresh_domain()))
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')


def setup(folder):
    return node_bench.Deployment(ARM, URDF, share_directory() / 'models' / 'arm.onnx', folder)


def test_the_relay_answers_a_target_with_its_x_and_y(tmp_path):
    with (
        BenchmarkClient(ARM.joint_names, ARM.home) as client,
        setup(tmp_path).relay('/bare') as relay,
    ):
        line = client.open_channel('/bare')
        node_bench.await_first_command(ARM, relay, line, (0.1, 0.2))
        line.drain(0.3)
        line.prepare_target(0.25, -0.5, 0.0)
        line.send_target()
        command = line.receive_command(5.0)
        assert list(command.position) == [0.25, -0.5]
        assert len(command.name) == 2
        assert command.header.stamp.sec > 0
        assert line.receive_command(0.05) is None


def test_the_node_is_measured_and_ended(tmp_path, monkeypatch):
    started = []
    monkeypatch.setattr(
        node_bench, 'NodeProcess', lambda *args: started.append(NodeProcess(*args)) or started[-1]
    )
    monkeypatch.setattr(node_bench, 'WARM_UP_COUNT', 5)
    said = []
    effort = BenchmarkSizes(node_starts=1, round_trips=30, load_s=0.5, load_rate_hz=100.0)
    found = node_bench.measure_node(setup(tmp_path), effort, np.random.default_rng(1), said.append)
    assert 0.0 < found.first_command < 30.0
    assert 10.0 < found.memory < 500.0
    assert not found.torch
    for trip in (found.ik_node, found.relay):
        assert (trip.samples, trip.lost, trip.wrong) == (30, 0, 0)
        assert 0.0 < trip.p50 <= trip.p99
    assert (found.load.sent, found.load.lost) == (50, 0)
    assert found.load.rate == pytest.approx(100.0, rel=0.2)
    assert 0.0 <= found.load.cpu < 2.0
    assert len(said) == 2
    assert len(started) == 2
    assert not any(Path(f'/proc/{process.pid}').exists() for process in started)


@pytest.mark.soak
def test_the_panel_is_measured_beside_none(tmp_path, monkeypatch):
    pytest.importorskip('viser', reason='the panel needs viser')
    started = []
    for module in (node_bench, panel_bench):
        monkeypatch.setattr(
            module, 'NodeProcess', lambda *args: started.append(NodeProcess(*args)) or started[-1]
        )
    monkeypatch.setattr(panel_bench, 'WARM_UP_COUNT', 5)
    effort = BenchmarkSizes(round_trips=20)
    rng = np.random.default_rng(1)
    found = panel_bench.measure_panel(setup(tmp_path), effort, rng, lambda _: None)
    for trip in (found.beside, found.alone):
        assert (trip.samples, trip.lost, trip.wrong) == (20, 0, 0)
        assert 0.0 < trip.p50 <= trip.p99
    names = sorted(process.module.rpartition('.')[2] for process in started)
    assert names == ['ik_node', 'ik_node', 'page_reader', 'panel']
    assert not any(Path(f'/proc/{process.pid}').exists() for process in started)


def test_without_what_the_panel_needs_it_is_not_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(panel_bench, 'missing_module', lambda: 'viser')
    assert panel_bench.measure_panel(setup(tmp_path), BenchmarkSizes(), None, None) is None


def test_a_node_that_cannot_start_is_quoted():
    with NodeProcess('ik_nn_ros.no_such_node', []) as process:
        process._process.wait(10.0)
        with pytest.raises(ProcessError, match=r'exit code 1 .*No module named.*no_such_node'):
            process.require_running()
