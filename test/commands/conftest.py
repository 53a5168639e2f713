"""Commands as a user runs them."""

import os
import subprocess
import sys

import pytest
from processes import LOCALHOST, reserved_domain


class Command(subprocess.Popen):
    """A run of ``ik_nn``."""

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
    """Start ``ik_nn`` in an empty folder; gives the process."""
    running = []

    def start(*arguments):
        with reserved_domain() as domain:
            running.append(
                Command(
                    [sys.executable, '-m', 'ik_nn_ros.cli', *arguments],
                    cwd=tmp_path,
                    env={**os.environ, **LOCALHOST, 'ROS_DOMAIN_ID': str(domain)},
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
            )
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.communicate()
