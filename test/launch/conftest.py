"""What the tests of launch files share."""

import os
import sys

import pytest
from launched import SHARE, SOURCE, Launched, register, write_executable
from processes import LOCALHOST, fresh_domain

from ik_nn_ros.process import NODE_MODULES


@pytest.fixture
def prefix(tmp_path):
    """An install prefix with the package under test, however that was installed."""
    prefix = tmp_path / 'prefix'
    register(prefix, 'ik_nn_ros')
    (prefix / 'share' / 'ik_nn_ros').symlink_to(SHARE)
    for name in ('ik_node', 'arm_sim', 'data_collector', 'panel'):
        write_executable(
            prefix / 'lib' / 'ik_nn_ros' / name,
            f'#!/bin/sh\nexec {sys.executable} -m {NODE_MODULES[name]} "$@"\n',
        )
    return prefix


@pytest.fixture
def domain():
    return fresh_domain()


@pytest.fixture
def start(prefix, domain, tmp_path):
    """A function that starts a launch file with arguments; what it started ends with the test."""
    running = []
    environment = {
        **os.environ,
        **LOCALHOST,
        'ROS_DOMAIN_ID': str(domain),
        'AMENT_PREFIX_PATH': str(prefix),
        'PYTHONPATH': os.pathsep.join([str(SOURCE), os.environ.get('PYTHONPATH', '')]),
        'ROS_LOG_DIR': str(tmp_path / 'log'),
        'PYTHONUNBUFFERED': '1',
    }

    def start(file, *arguments):
        log = tmp_path / f'output{len(running)}.txt'
        running.append(Launched(file, arguments, environment, log))
        return running[-1]

    yield start
    for launched in running:
        launched.close()
