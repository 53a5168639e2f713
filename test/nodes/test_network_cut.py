"""The node on one network, the arm on another, and the cable between them is pulled out."""

import signal
import time
from contextlib import ExitStack

import numpy as np
import processes
import pytest
from motion_rig import LEFT, MIDDLE, flood, motion_rig
from namespaces import UnavailableError, cable

TIMEOUT = 0.3
"""joint_states_timeout, s."""
COUNT = 50
"""Targets that a source beside the arm sends meanwhile."""
HAND = (0.5, 1.5)
CUT = 5.0
"""s; shorter than the 20 s after which DDS takes the other side for lost."""


@pytest.fixture
def link(monkeypatch):
    """Two network namespaces; messages between them go by UDP, as between machines."""
    monkeypatch.setitem(processes.LOCALHOST, 'ROS_AUTOMATIC_DISCOVERY_RANGE', 'SUBNET')
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'SUBNET')
    monkeypatch.setenv('FASTDDS_BUILTIN_TRANSPORTS', 'UDPv4')
    try:
        with cable() as it, it.inside(it.left):
            yield it
    except UnavailableError as reason:
        pytest.skip(f'no network namespaces: {reason}')


def times(log):
    """(N, 2) when each command beside the arm was sent and received, ns."""
    lines = [line.split() for line in log.output.splitlines()]
    return np.array([line for line in lines if len(line) == 2 and line[0].isdigit()], dtype=int)


# Fast DDS keeps the network interfaces it has found: no other test may follow in this process.
@pytest.mark.soak
def test_cut_off_from_the_arm_the_node_brakes_and_begins_anew_when_asked(link):
    """
    A cable pulled for five seconds while the arm moves.

    DDS holds back what it could not deliver, and delivers it then: to the arm commands of the old
    motion, and it leaps; to the node targets of the time between.
    """
    with motion_rig({'joint_states_timeout': TIMEOUT}) as rig, ExitStack() as beside_the_arm:
        rig.start_node()
        with link.inside(link.right):
            rig.start_arm(MIDDLE)
            log = rig.start('command_log')
            source = beside_the_arm.enter_context(flood(rig, HAND, rate=20, count=COUNT))
        rig.arrive(LEFT)
        rig.wait(lambda: len(times(log)), 'no commands beside the arm')
        rig.forget()

        goal = rig.set_off()
        link.pull()
        cut, end = rig.now(), time.monotonic() + CUT
        source.process.send_signal(signal.SIGUSR1)
        rig.wait_said('joint_states: got none')
        rig.wait_quiet()
        rig.check_gave_up(goal, cut + TIMEOUT)
        where = rig.measured()
        rig.forget()
        while time.monotonic() < end:
            rig.send(HAND)
            rig.wait_for(0.1)
        link.plug()
        plugged = time.time_ns()
        rig.wait_ready()
        rig.wait(lambda: len(rig.codes) == len(rig.sent) + COUNT, 'not all are answered')
        assert 'ACCEPTED' not in rig.codes.values()
        assert not rig.commands
        np.testing.assert_allclose(rig.measured(), where, atol=0.35)

        again = time.time_ns()
        rig.arrive(MIDDLE)
        rig.check()
        rig.wait(lambda: times(log)[-1, 0] > again, 'no commands beside the arm')
        sent, received = times(log).T
        assert sent[received > plugged].min() > again, 'old commands have come late'
