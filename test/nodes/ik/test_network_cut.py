"""The node on one network, the arm on another, and the cable between them is pulled out."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from namespaces import UnavailableError, cable

HERE = Path(__file__).parents[2] / 'rigs'
DEADLINE = 120.0
"""s"""


@pytest.fixture
def link():
    try:
        with cable() as it:
            yield it
    except UnavailableError as reason:
        pytest.skip(f'no network namespaces: {reason}')


def test_cut_off_from_the_arm_the_node_brakes_and_begins_anew_when_asked(link):
    """
    A cable pulled for five seconds while the arm moves.

    DDS holds back what it could not deliver, and delivers it then: to the arm commands of the old
    motion, and it leaps; to the node targets of the time between.
    """
    path = [str(HERE), str(HERE.parent), os.environ.get('PYTHONPATH', '')]
    process = subprocess.Popen(
        [sys.executable, str(HERE / 'cut_scenario.py'), link.name],
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(filter(None, path))},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        said, _ = process.communicate(timeout=DEADLINE)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)  # for it to end its nodes
            process.wait(DEADLINE)
    assert process.returncode == 0, said
