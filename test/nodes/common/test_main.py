"""A node's process ends as it should, whatever comes while it winds down."""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import closing
from math import sin
from pathlib import Path

import pytest
from ik_node_rig import ARM
from motion_rig import MIDDLE, motion_rig
from processes import DEADLINE_S, NodeProcess, fresh_domain
from simulated_arm import PERIOD_S, SimulatedArm


@pytest.fixture(autouse=True)
def modules(monkeypatch):
    monkeypatch.setenv('PYTHONPATH', str(Path(__file__).parents[2] / 'rigs'), prepend=os.pathsep)


def process(module, *arguments):
    return closing(NodeProcess(module, *arguments, domain=fresh_domain()))


def braking_node(fails_at=-1, *arguments):
    return process('braking_node', str(fails_at), *arguments)


def said(node):
    """Return what the nodes have logged: node and text."""
    return re.findall(r'\[(\w+)\]: (.*)', node.output)


def test_more_signals_do_not_cut_braking_short():
    """Ctrl-C under ros2 launch comes twice at once; later launch sends SIGTERM."""
    with braking_node() as node:
        node.wait_for('ready')
        for _ in range(2):
            node.process.send_signal(signal.SIGINT)
        node.wait_for('braking')
        assert node.stop(signal.SIGINT, signal.SIGTERM) == 0
        assert [text for _, text in said(node)] == ['ready', 'braking', 'at rest']


@pytest.mark.parametrize('step', [0, 3], ids=['at once', 'while braking'])
def test_an_error_while_winding_down_ends_the_process(step):
    with braking_node(fails_at=step) as node:
        node.wait_for('ready')
        assert node.stop() == 1
        assert f'ZeroDivisionError: {step}' in node.output


def test_a_clean_up_that_hangs_is_aborted_and_named():
    with process('braking_node', 'stuck') as node:
        node.wait_for('ready')
        assert node.stop() == 1
        assert 'in destroy_node' in node.output


def test_a_signal_before_the_node_stands_is_not_lost():
    with braking_node(-1, 'interrupted') as node:
        node.wait_for('at rest')
        assert node.process.wait(DEADLINE_S) == 0


@pytest.mark.parametrize('signals', [(signal.SIGINT,) * 2, (signal.SIGTERM,)])
def test_all_nodes_brake_at_once_and_the_slowest_ends_ros(signals):
    with process('braking_nodes', '20', '40', '1') as node:
        node.wait_for('[node2]: stands')
        assert node.stop(*signals) == 0
        braking = [f'node{number}' for number in range(3)]
        assert [name for name, text in said(node) if text == 'brakes'] == braking
        at_rest = [name for name, text in said(node) if text == 'at rest']
        assert at_rest == ['node2', 'node0', 'node1']
        assert 'Traceback' not in node.output


def test_one_node_that_cannot_be_made_ends_the_process_with_its_reason():
    with process('braking_nodes', '20', 'broken', '20') as node:
        assert node.process.wait(DEADLINE_S) == 1
        assert node.output.splitlines()[1:] == ['node1: got broken, expected a number']


def test_ctrl_c_ends_a_node_whose_arm_somebody_keeps_moving():
    """The command goes after the joints, as long as they move: it never comes to rest."""
    with motion_rig() as rig:
        arm = SimulatedArm(rig.client, MIDDLE)
        rig.start_node()
        rig.ready()
        rig.set_off()
        (first, _), (_, limit), begin = arm.q, ARM.upper, time.monotonic()

        def move_by_hand():
            """Joint 1 faster than the command may go, joint 2 past its limit."""
            swing = sin(5.0 * (time.monotonic() - begin))
            arm.place_at((first + 0.5 * swing, limit + 0.2 + 0.1 * swing))

        arm.follows = False
        rig.client.node.create_timer(PERIOD_S, move_by_hand)
        rig.wait(lambda: 'the joints do not follow' in rig.node.output, 'follows')
        rig.node.process.send_signal(signal.SIGINT)
        rig.wait(lambda: rig.node.process.poll() is not None, 'does not end')
        assert rig.node.process.returncode == 0
        assert 'Traceback' not in rig.node.output
        rig.check(at_rest=False)


@pytest.mark.parametrize(
    ('words', 'code', 'said'),
    [(['--help'], 0, '--ros-args -p name:=value'), (['arm.urdf'], 2, 'arm.urdf')],
)
def test_a_node_does_not_start_with_arguments_it_does_not_take(words, code, said):
    """`ik_node --help` ran for ever; parameters without --ros-args had no effect."""
    command = [sys.executable, '-m', 'ik_nn_ros.nodes.ik.node', *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code
    assert said in done.stdout + done.stderr
