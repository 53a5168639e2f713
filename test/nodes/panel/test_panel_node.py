"""The panel as a process: its addresses, how it starts and ends, and what it does without viser."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from ik_node_rig import URDF
from processes import LOCALHOST, NodeProcess, free_port, node_process, reserved_domain

pytest.importorskip('viser', reason='the panel needs viser')
pytest.importorskip('yourdfpy', reason='the panel needs yourdfpy')

MODULE = 'ik_nn_ros.nodes.panel.node'
DEADLINE = 60.0


@contextmanager
def panel(domain: int, **parameters: Any) -> Iterator[tuple[NodeProcess, str]]:
    """Run a panel; yield it and its address."""
    parameters = {'port': free_port(), **parameters}
    with node_process(MODULE, domain=domain, parameters=parameters) as node:
        node.wait_for('the arm is at', DEADLINE)
        yield node, re.search(r'the arm is at (\S+)', node.output)[1]


def accepts(address: str, port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(DEADLINE)
        return client.connect_ex((address, port)) == 0


def test_the_page_is_for_this_machine_alone_unless_said():
    with reserved_domain() as domain, panel(domain, robot_description=URDF) as (node, url):
        with urllib.request.urlopen(url, timeout=DEADLINE) as page:
            assert page.status == 200
        port = int(url.rsplit(':')[-1])
        assert accepts('127.0.0.1', port)
        # A server bound to all addresses would accept this one, too.
        assert not accepts('127.0.0.2', port)
        assert 'anybody' not in node.output
        assert node.stop(deadline=DEADLINE) == 0


def test_another_address_is_served_with_a_warning():
    with reserved_domain() as domain, panel(domain, host='0.0.0.0') as (node, url):
        assert accepts('127.0.0.2', int(url.rsplit(':')[-1]))
        assert 'anybody who can reach this address can move the arm' in node.output
        assert '//0.0.0.0' not in node.output  # nobody can open that address
        for url in re.findall(r'http://\S+', node.output):
            with urllib.request.urlopen(url, timeout=DEADLINE) as page:
                assert page.status == 200


def test_an_address_that_is_not_here_is_named():
    parameters = {'host': '203.0.113.7'}
    with (
        reserved_domain() as domain,
        node_process(MODULE, domain=domain, parameters=parameters) as node,
    ):
        assert node.process.wait(DEADLINE) == 1
        assert 'host: got 203.0.113.7' in node.output


def test_two_panels_find_two_ports():
    port = free_port()
    with (
        reserved_domain() as domain,
        panel(domain, port=port) as (_, first),
        panel(domain, port=port) as (_, second),
    ):
        assert first != second
        with urllib.request.urlopen(second, timeout=DEADLINE) as page:
            assert page.status == 200


def test_without_viser_it_has_its_parameters_and_says_what_to_install():
    script = (
        'import sys; sys.modules["viser"] = sys.modules["yourdfpy"] = None;'
        'from ik_nn_ros.nodes.panel.node import PARAMETERS, main; assert "port" in PARAMETERS;'
        'sys.exit(main())'
    )
    with reserved_domain() as domain:
        result = subprocess.run(
            [sys.executable, '-c', script],
            env={**os.environ, **LOCALHOST, 'ROS_DOMAIN_ID': str(domain)},
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
    assert result.returncode == 1
    assert "panel: got no module viser, expected `pip install 'viser[urdf]'`" in result.stderr
