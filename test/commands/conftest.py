"""Commands as a user runs them."""

import os
import subprocess
import sys

import pytest
from processes import LOCALHOST, reserved_domain

NO_DESKTOP = {'DISPLAY': '', 'WAYLAND_DISPLAY': ''}


class Command(subprocess.Popen):
    """A run of ``ik_nn``, in the ROS_DOMAIN_ID ``domain``."""

    domain = 0

    @property
    def nodes(self):
        """The processes of its nodes, found by their namespace."""
        found = subprocess.run(
            ['pgrep', '-f', rf'__ns:=/\w+_{self.pid}( |$)'],
            capture_output=True,
            text=True,
            check=False,
        )
        return [int(number) for number in found.stdout.split()]


@pytest.fixture
def ik_nn(tmp_path):
    """Start ``ik_nn`` in an empty folder, by default without a desktop; gives the process."""
    running = []

    def start(*arguments, stdout=subprocess.PIPE, **environment):
        with reserved_domain() as domain:
            running.append(
                Command(
                    [sys.executable, '-m', 'ik_nn_ros.cli', *arguments],
                    cwd=tmp_path,
                    env={
                        **os.environ,
                        **LOCALHOST,
                        **NO_DESKTOP,
                        'ROS_DOMAIN_ID': str(domain),
                        **environment,
                    },
                    stdout=stdout,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
            )
            running[-1].domain = domain
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.communicate()
