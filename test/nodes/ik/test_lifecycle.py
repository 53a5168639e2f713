"""The lifecycle as a lifecycle manager drives it, also where something goes wrong."""

import os
from pathlib import Path

from ik_node_rig import MODEL
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from processes import Client, node_process, reserved_domain

WITHOUT_AUTOSTART = {**MODEL, 'autostart': False}
CONFIGURED = 'lengths 0.3 and 0.2 m'
"""Logged at level INFO."""


class Manager:
    """Drives one node."""

    def __init__(self, client, node):
        self.client, self.node = client, node

    def change(self, name):
        number = getattr(Transition, f'TRANSITION_{name}')
        request = ChangeState.Request(transition=Transition(id=number))
        service = f'{self.node}/change_state'
        return self.client.call(ChangeState, service, request).success

    def count_command_publishers(self):
        return self.client.node.count_publishers('joint_command')

    @property
    def state(self):
        service = f'{self.node}/get_state'
        return self.client.call(GetState, service, GetState.Request()).current_state.label


def test_after_an_error_the_node_can_be_configured_again(monkeypatch):
    """A manager resets the nodes and brings them up again."""
    monkeypatch.setenv('PYTHONPATH', str(Path(__file__).parents[2] / 'rigs'), prepend=os.pathsep)
    with (
        reserved_domain() as domain,
        node_process('failing_ik_node', domain=domain, parameters=WITHOUT_AUTOSTART) as process,
        Client(domain) as client,
    ):
        node = Manager(client, 'ik_node')
        assert node.change('CONFIGURE')
        assert CONFIGURED in process.output
        assert not node.change('ACTIVATE')
        assert node.state == 'unconfigured'
        client.wait_until(lambda: not node.count_command_publishers())
        # The arm is released, too: configured again, the node has one publisher, not two.
        assert node.change('CONFIGURE')
        assert node.change('ACTIVATE')
        assert node.state == 'active'
        client.wait_until(lambda: node.count_command_publishers() == 1)
        assert process.stop() == 0


def test_each_node_of_a_process_can_be_shut_down_from_every_state():
    """The other nodes in the process stay; the log level is an argument."""
    before = {'one': [], 'two': ['CONFIGURE'], 'three': ['CONFIGURE', 'ACTIVATE']}
    ends = {'one': 'UNCONFIGURED', 'two': 'INACTIVE', 'three': 'ACTIVE'}
    with (
        reserved_domain() as domain,
        node_process(
            'ik_nn_ros.nodes.ik.multi_node',
            *('--log-level', 'error'),
            domain=domain,
            parameters=WITHOUT_AUTOSTART,
            arguments=ends,
        ) as process,
        Client(domain) as client,
    ):
        nodes = {name: Manager(client, f'/{name}/ik_node') for name in ends}
        for name, node in nodes.items():
            assert [node.change(step) for step in before[name]] == [True] * len(before[name])
        for name, node in nodes.items():
            assert node.state == ends[name].lower()
            assert node.change(f'{ends[name]}_SHUTDOWN')
            assert node.state == 'finalized'
            assert not node.change('CONFIGURE')
        assert CONFIGURED not in process.output
        assert process.stop() == 0
        assert 'Traceback' not in process.output
