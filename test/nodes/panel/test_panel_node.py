"""The panel as a process: what it serves to whom, and how it starts and ends."""

from __future__ import annotations

import re
import socket
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from ik_node_rig import URDF
from processes import NodeProcess, free_port, node_process, reserved_domain

pytest.importorskip('viser', reason='the panel needs viser')
pytest.importorskip('yourdfpy', reason='the panel needs yourdfpy')

MODULE = 'ik_nn_ros.nodes.panel.node'


@contextmanager
def panel(domain: int, **parameters: Any) -> Iterator[tuple[NodeProcess, str]]:
    """Run a panel; yield it and its address."""
    parameters = {'port': free_port(), **parameters}
    with node_process(MODULE, domain=domain, parameters=parameters) as node:
        node.wait_for('the arm is at')
        yield node, re.search(r'the arm is at (\S+)', node.output)[1]


def accepts(address: str, port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(2.0)
        return client.connect_ex((address, port)) == 0


def test_the_page_is_for_this_machine_alone_unless_said():
    with reserved_domain() as domain, panel(domain, robot_description=URDF) as (node, url):
        with urllib.request.urlopen(url, timeout=10) as page:
            assert page.status == 200
        port = int(url.rsplit(':')[-1])
        assert accepts('127.0.0.1', port)
        # What is bound to all addresses takes this one, too.
        assert not accepts('127.0.0.2', port)
        assert 'anybody' not in node.output
        assert node.stop() == 0


def test_another_address_is_served_with_a_warning():
    with reserved_domain() as domain, panel(domain, host='0.0.0.0') as (node, url):
        assert accepts('127.0.0.2', int(url.rsplit(':')[-1]))
        assert 'anybody who can reach this address can move the arm' in node.output
        assert '//0.0.0.0' not in node.output  # that is no address to open
        for told in re.findall(r'http://\S+', node.output):
            with urllib.request.urlopen(told, timeout=10) as page:
                assert page.status == 200


def test_an_address_that_is_not_here_is_named():
    parameters = {'host': '203.0.113.7'}
    with (
        reserved_domain() as domain,
        node_process(MODULE, domain=domain, parameters=parameters) as node,
    ):
        assert node.process.wait(20) == 1
        assert 'host: got 203.0.113.7' in node.output


def test_two_panels_find_two_ports():
    port = free_port()
    with (
        reserved_domain() as domain,
        panel(domain, port=port) as (_, first),
        panel(domain, port=port) as (_, second),
    ):
        assert first != second
        with urllib.request.urlopen(second, timeout=10) as page:
            assert page.status == 200
