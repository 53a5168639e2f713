"""The benchmarks of nodes: the processes they start and end, and the numbers they return."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from ik_node_rig import ARM, URDF
from processes import fresh_domain

from ik_nn_ros.bench.results import BenchmarkSizes
from ik_nn_ros.files import share_directory
from ik_nn_ros.nodes.bench import deployments, ik_bench
from ik_nn_ros.nodes.bench.client import BenchmarkClient
from ik_nn_ros.process import NODE_MODULES, NodeProcess, ProcessError


@pytest.fixture(autouse=True)
def apart(monkeypatch):
    monkeypatch.setenv('ROS_DOMAIN_ID', str(fresh_domain()))
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')


def deployment(folder):
    return ik_bench.Deployment(ARM, URDF, share_directory() / 'models' / 'arm.onnx', folder)


def test_the_relay_answers_a_target_with_its_x_and_y(tmp_path):
    with (
        BenchmarkClient(ARM.joint_names, ARM.home) as client,
        deployment(tmp_path).relay('/bare') as relay,
    ):
        channel = client.open_channel('/bare')
        ik_bench.await_first_command(ARM, relay, channel, (0.1, 0.2))
        channel.drain(0.3)
        channel.prepare_target(0.25, -0.5, 0.0)
        channel.send_target()
        command = channel.receive_command(60.0)
        assert list(command.position) == [0.25, -0.5]
        assert len(command.name) == 2
        assert command.header.stamp.sec > 0
        assert channel.receive_command(0.05) is None


def test_the_node_is_measured_and_ended(tmp_path, monkeypatch):
    started = []
    monkeypatch.setattr(
        ik_bench, 'NodeProcess', lambda *args: started.append(NodeProcess(*args)) or started[-1]
    )
    monkeypatch.setattr(ik_bench, 'WARM_UP_COUNT', 5)
    steps = []
    sizes = BenchmarkSizes(node_starts=1, round_trips=30, load_s=0.5, load_rate_hz=100.0)
    found = ik_bench.measure_node(
        deployment(tmp_path), sizes, np.random.default_rng(1), steps.append
    )
    assert 0.0 < found.first_command < 30.0
    assert 10.0 < found.memory < 500.0
    assert not found.torch
    for trip in (found.ik_node, found.relay):
        assert (trip.samples, trip.lost, trip.wrong) == (30, 0, 0)
        assert 0.0 < trip.p50 <= trip.p99
    assert (found.load.sent, found.load.lost) == (50, 0)
    assert 0.0 < found.load.rate < 110.0  # less if the test itself was suspended
    assert found.load.rate == pytest.approx(found.load.sent / found.load.seconds)
    assert found.load.cpu >= 0.0
    assert len(steps) == 2
    assert len(started) == 2
    assert not any(Path(f'/proc/{process.pid}').exists() for process in started)


@pytest.mark.soak
def test_an_ik_node_with_the_panel_is_measured_beside_one_without(tmp_path, monkeypatch):
    pytest.importorskip('viser', reason='the panel needs viser')
    started = []
    for module in (ik_bench, deployments):
        monkeypatch.setattr(
            module, 'NodeProcess', lambda *args: started.append(NodeProcess(*args)) or started[-1]
        )
    monkeypatch.setattr(deployments, 'WARM_UP_COUNT', 5)
    sizes = BenchmarkSizes(round_trips=20)
    rng = np.random.default_rng(1)
    found = deployments.measure_panel(deployment(tmp_path), sizes, rng, lambda _: None)
    for trip in (found.beside, found.alone):
        assert (trip.samples, trip.lost, trip.wrong) == (20, 0, 0)
        assert 0.0 < trip.p50 <= trip.p99
    modules = Counter(process.module for process in started)
    ik_node, panel = NODE_MODULES['ik_node'], NODE_MODULES['panel']
    assert modules == {ik_node: 2, panel: 1, deployments.PAGE_READER_MODULE: 1}
    assert not any(Path(f'/proc/{process.pid}').exists() for process in started)


def test_the_panel_is_not_measured_without_its_libraries(tmp_path, monkeypatch):
    monkeypatch.setattr(deployments, 'missing_module', lambda: 'viser')
    assert deployments.measure_panel(deployment(tmp_path), BenchmarkSizes(), None, None) is None


def test_a_node_that_cannot_start_is_quoted():
    with NodeProcess('ik_nn_ros.no_such_node', []) as process:
        process._process.wait(60.0)
        with pytest.raises(ProcessError, match=r'exit code 1 .*No module named.*no_such_node'):
            process.require_running()
