"""The lifecycle led from outside, as a lifecycle manager does: also where something goes wrong."""

import os
from pathlib import Path

import pytest
from ik_node_rig import MODEL
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from processes import Client, node_process, reserved_domain

ONE_BY_ONE = {**MODEL, 'autostart': False}


class Manager:
    """Leads one node."""

    def __init__(self, client, node):
        self.client, self.node = client, node

    def change(self, name):
        number = getattr(Transition, f'TRANSITION_{name}')
        request = ChangeState.Request(transition=Transition(id=number))
        service = f'{self.node}/change_state'
        return self.client.call(ChangeState, service, request).success

    def commanders(self):
        return self.client.node.count_publishers('joint_command')

    @property
    def state(self):
        service = f'{self.node}/get_state'
        return self.client.call(GetState, service, GetState.Request()).current_state.label


def test_after_an_error_it_can_be_configured_again(monkeypatch):
    """A manager resets the nodes, and brings them up again."""
    monkeypatch.setenv('PYTHONPATH', str(Path(__file__).parents[2] / 'rigs'), prepend=os.pathsep)
    with (
        reserved_domain() as domain,
        node_process('failing_ik_node', domain=domain, parameters=ONE_BY_ONE) as process,
        Client(domain) as client,
    ):
        node = Manager(client, 'ik_node')
        assert node.change('CONFIGURE')
        assert not node.change('ACTIVATE')
        assert node.state == 'unconfigured'
        client.wait_until(lambda: not node.commanders())
        # The arm is forgotten with it: configured anew, not on top of what was there.
        assert node.change('CONFIGURE')
        assert node.change('ACTIVATE')
        assert node.state == 'active'
        assert node.commanders() == 1
        assert process.stop() == 0


def test_it_can_be_shut_down_from_every_state_and_goes_on_no_more():
    """Each end is that of one node; the others in the process stay."""
    before = {'one': [], 'two': ['CONFIGURE'], 'three': ['CONFIGURE', 'ACTIVATE']}
    ends = {'one': 'UNCONFIGURED', 'two': 'INACTIVE', 'three': 'ACTIVE'}
    with (
        reserved_domain() as domain,
        node_process(
            'ik_nn_ros.nodes.ik.multi_node', domain=domain, parameters=ONE_BY_ONE, arguments=ends
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
        assert process.stop() == 0
        assert 'Traceback' not in process.output


@pytest.mark.parametrize('level', ['info', 'error'])
def test_the_log_level_is_an_argument(level):
    with (
        reserved_domain() as domain,
        node_process(
            'ik_nn_ros.nodes.ik.node', '--log-level', level, domain=domain, parameters=ONE_BY_ONE
        ) as process,
        Client(domain) as client,
    ):
        assert Manager(client, 'ik_node').change('CONFIGURE')
        assert ('lengths 0.3 and 0.2 m' in process.output) == (level == 'info')
