"""A node's process ends as it should, whatever comes while it winds down."""

import os
import signal
from contextlib import closing
from pathlib import Path

import pytest
from processes import DEADLINE, NodeProcess, fresh_domain


@pytest.fixture(autouse=True)
def modules(monkeypatch):
    monkeypatch.setenv('PYTHONPATH', str(Path(__file__).parent), prepend=os.pathsep)


def braking_node(fails_at=-1, *arguments):
    return closing(NodeProcess('braking_node', str(fails_at), *arguments, domain=fresh_domain()))


def test_more_signals_do_not_cut_braking_short():
    """Ctrl-C under ros2 launch comes twice at once; later launch sends SIGTERM."""
    with braking_node() as node:
        node.wait_for('ready')
        for _ in range(2):
            node.process.send_signal(signal.SIGINT)
        node.wait_for('braking')
        assert node.stop(signal.SIGINT, signal.SIGTERM) == 0
        said = [line.rpartition(': ')[2] for line in node.output.splitlines()]
        assert said == ['ready', 'braking', 'at rest']


@pytest.mark.parametrize('step', [0, 3], ids=['at once', 'while braking'])
def test_an_error_while_winding_down_ends_the_process(step):
    with braking_node(fails_at=step) as node:
        node.wait_for('ready')
        assert node.stop() == 1
        assert f'ZeroDivisionError: {step}' in node.output


def test_a_signal_before_the_node_stands_is_not_lost():
    with braking_node(-1, 'interrupted') as node:
        node.wait_for('at rest')
        assert node.process.wait(DEADLINE) == 0
