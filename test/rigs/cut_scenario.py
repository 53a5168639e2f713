"""
Process of one test: it pulls the cable between node and arm for five seconds and plugs it again.

Fast DDS keeps the network interfaces that it found first, so the scenario needs its own process.
The argument is the name of the cable.
"""

import signal
import sys
import time
from contextlib import ExitStack

import numpy as np
import processes
from motion_rig import LEFT, MIDDLE, flood, motion_rig, retry_if_starved
from namespaces import Cable

JOINT_STATES_TIMEOUT_S = 0.3
CUT_S = 5.0
"""Shorter than the 20 s after which DDS considers the other side lost."""
TARGET_COUNT = 50
"""Number of targets that a source beside the arm sends during the cut."""
ELSEWHERE = (0.5, 1.5)
"""Joints of all targets during the cut, rad."""


def times(log):
    """(N, 2) times when each command beside the arm was sent and received, ns."""
    lines = [line.split() for line in log.output.splitlines()]
    rows = [line for line in lines if len(line) == 2 and line[0].isdigit()]
    return np.array(rows, dtype=int).reshape(-1, 2)


@retry_if_starved
def scenario(link, rig, log):
    with ExitStack() as stack:
        with link.inside(link.right):
            source = stack.enter_context(flood(rig, ELSEWHERE, rate=20, count=TARGET_COUNT))
        before = cut_and_plug(link, rig, source)
        plugged = time.time_ns()
        rig.wait_ready()
        rig.wait(lambda: len(rig.codes) == len(rig.sent) + TARGET_COUNT, 'not all are answered')
    assert 'ACCEPTED' not in rig.codes.values(), 'an old target was accepted'
    assert not rig.commands, 'commands without a new target'
    np.testing.assert_allclose(rig.measured(), before, atol=0.35, err_msg='the arm has jumped')

    again = time.time_ns()
    rig.arrive(MIDDLE)
    rig.check()
    rig.wait(lambda: times(log)[-1, 0] > again, 'no commands beside the arm')
    sent, received = times(log).T
    assert sent[received > plugged].min() > again, 'old commands have arrived late'


def cut_and_plug(link, rig, source):
    """Pull the cable while the arm moves, plug it later; return where the arm stopped, rad."""
    goal = rig.set_off()
    link.pull()
    try:
        cut, end = rig.now(), time.monotonic() + CUT_S
        source.process.send_signal(signal.SIGUSR1)
        rig.wait_reported('joint_states: got none')
        rig.check_gave_up(goal, cut + JOINT_STATES_TIMEOUT_S)
        before = rig.measured()
        rig.forget()
        while time.monotonic() < end:
            rig.send(ELSEWHERE)
            rig.spin_for(0.1)
    finally:
        link.plug()
    return before


def main():
    """Send messages by UDP, as between machines."""
    processes.LOCALHOST.update(
        ROS_AUTOMATIC_DISCOVERY_RANGE='SUBNET', FASTDDS_BUILTIN_TRANSPORTS='UDPv4'
    )
    link = Cable(sys.argv[1])
    with (
        link.inside(link.left),
        motion_rig({'joint_states_timeout': JOINT_STATES_TIMEOUT_S}) as rig,
    ):
        rig.start_node()
        with link.inside(link.right):
            rig.start_arm(MIDDLE)
            log = rig.start('command_log')

        def set_up():
            def command_heard():
                rig.arrive(MIDDLE)
                rig.arrive(LEFT)
                return len(times(log))

            rig.wait(command_heard, 'no commands beside the arm')

        rig.begin_test(set_up)
        scenario(link=link, rig=rig, log=log)


if __name__ == '__main__':
    main()
