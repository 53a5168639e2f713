"""
A process for one test: the cable between node and arm is pulled for five seconds and plugged again.

Fast DDS keeps the network interfaces it has found first, so it takes a process of its own. Its
argument is the name of the cable.
"""

import signal
import sys
import time
from contextlib import ExitStack

import numpy as np
import processes
from motion_rig import LEFT, MIDDLE, flood, motion_rig
from namespaces import Cable

TIMEOUT = 0.3
"""joint_states_timeout, s."""
CUT = 5.0
"""s; shorter than the 20 s after which DDS takes the other side for lost."""
COUNT = 50
"""Targets that a source beside the arm sends meanwhile."""
HAND = (0.5, 1.5)
"""Where they and others lie, rad."""


def times(log):
    """(N, 2) when each command beside the arm was sent and received, ns."""
    lines = [line.split() for line in log.output.splitlines()]
    return np.array([line for line in lines if len(line) == 2 and line[0].isdigit()], dtype=int)


def scenario(link, rig, beside_the_arm):
    rig.start_node()
    with link.inside(link.right):
        rig.start_arm(MIDDLE)
        log = rig.start('command_log')
        source = beside_the_arm.enter_context(flood(rig, HAND, rate=20, count=COUNT))

    def heard():
        rig.arrive(MIDDLE)
        rig.arrive(LEFT)
        return len(times(log))

    rig.wait(heard, 'no commands beside the arm')
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
    assert 'ACCEPTED' not in rig.codes.values(), 'an old target was taken'
    assert not rig.commands, 'commands without a new target'
    np.testing.assert_allclose(rig.measured(), where, atol=0.35, err_msg='the arm has leapt')

    again = time.time_ns()
    rig.arrive(MIDDLE)
    rig.check()
    rig.wait(lambda: times(log)[-1, 0] > again, 'no commands beside the arm')
    sent, received = times(log).T
    assert sent[received > plugged].min() > again, 'old commands have come late'


def main():
    """Messages go by UDP, as between machines."""
    processes.LOCALHOST.update(
        ROS_AUTOMATIC_DISCOVERY_RANGE='SUBNET', FASTDDS_BUILTIN_TRANSPORTS='UDPv4'
    )
    link = Cable(sys.argv[1])
    with (
        link.inside(link.left),
        motion_rig({'joint_states_timeout': TIMEOUT}) as rig,
        ExitStack() as beside_the_arm,
    ):
        scenario(link, rig, beside_the_arm)


if __name__ == '__main__':
    main()
