"""The node on one network and the arm on another, while the cable between them is pulled out."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from namespaces import UnavailableError, cable

RIGS = Path(__file__).parents[2] / 'rigs'
DEADLINE_S = 240.0


@pytest.fixture
def link():
    try:
        with cable() as it:
            yield it
    except UnavailableError as reason:
        pytest.skip(f'no network namespaces: {reason}')


def test_cut_off_from_the_arm_the_node_brakes_and_waits_for_a_new_target(link):
    """
    A cable is pulled for five seconds while the arm moves.

    DDS keeps what it could not deliver and delivers it later: to the arm commands of the old
    motion, which would make it jump; to the node targets sent during the cut.
    """
    path = [str(RIGS), os.environ.get('PYTHONPATH', '')]
    process = subprocess.Popen(
        [sys.executable, str(RIGS / 'cut_scenario.py'), link.name],
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(filter(None, path))},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        output, _ = process.communicate(timeout=DEADLINE_S)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)  # the process ends its nodes
            process.wait(DEADLINE_S)
    assert process.returncode == 0, output
