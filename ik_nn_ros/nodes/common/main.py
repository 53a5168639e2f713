"""Process of one or several nodes: it creates them, spins them and ends on SIGINT or SIGTERM."""

from __future__ import annotations

import argparse
import faulthandler
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TypeVar

import rclpy
from rclpy.clock import Clock, ClockType
from rclpy.duration import Duration
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rclpy.utilities import remove_ros_args

from ik_nn_ros.errors import IkNnError
from ik_nn_ros.nodes.common.distro import RCLError
from ik_nn_ros.nodes.common.executor import CachedWaitSetExecutor

NodeT = TypeVar('NodeT', bound=Node)

TERMINATION_SIGNALS = (signal.SIGINT, signal.SIGTERM)
SIGNAL_POLL_PERIOD_S = 0.05
"""Period with which the executor checks for a signal, s."""
ACKNOWLEDGMENT_TIMEOUT_S = 0.2
"""Longest time for which the process waits until its last messages are acknowledged, s."""
CLEANUP_TIMEOUT_S = 8.0
"""
Time after which a clean-up that hangs is aborted, s; ``ros2 launch`` kills a process after 15 s.

Fast DDS can take tens of seconds to destroy its participant while others appear or leave (Fast DDS
issue 6513: a busy wait that starves the callback it waits for).
"""


def run_node(
    create_node: Callable[[], NodeT],
    begin_shutdown: Callable[[NodeT, Callable[[], object]], object] | None = None,
) -> int:
    """
    Run one node until SIGINT or SIGTERM; it takes ROS arguments only.

    Parameters and return value as for :func:`run_nodes`.
    """
    parser = argparse.ArgumentParser(usage='%(prog)s --ros-args -p name:=value -r from:=to ...')
    parser.parse_args(remove_ros_args(sys.argv)[1:])
    return run_nodes([create_node], begin_shutdown)


def run_nodes(
    factories: Sequence[Callable[[], NodeT]],
    begin_shutdown: Callable[[NodeT, Callable[[], object]], object] | None = None,
) -> int:
    """
    Spin nodes in one executor until SIGINT, SIGTERM or a shutdown of ROS.

    Further signals have no effect, because Ctrl-C under ``ros2 launch`` arrives twice; SIGQUIT and
    SIGKILL end the process at once.

    The signals are only recorded; a timer of the executor acts on them. So they cannot interrupt
    the creation of a node or its clean-up. rclpy's own signal handlers are not used: they shut the
    context down in a second thread while the main thread works with it.

    :param factories: each creates one node
    :param begin_shutdown: called for each node after a signal, with the node and a callback that
        the node must call when it has finished (an arm that has stopped); ROS is shut down when all
        nodes have; None: ROS is shut down at once
    :return: exit code: 0 after a signal, 1 if a node could not be created; the process also exits
        with 1, and the traceback on stderr, if the clean-up takes :data:`CLEANUP_TIMEOUT_S`
    """
    received_signals: list[int] = []
    for number in TERMINATION_SIGNALS:
        signal.signal(number, lambda received, _: received_signals.append(received))
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    nodes: list[NodeT] = []
    try:
        executor = CachedWaitSetExecutor()
        for create in factories:
            nodes.append(create())
            executor.add_node(nodes[-1])
        _shut_down_on_signal(nodes, received_signals, begin_shutdown)
        executor.spin()
    except ExternalShutdownException:
        pass
    except IkNnError as error:
        sys.stderr.write(f'{error}\n')
        return 1
    finally:
        # By a thread in C: rclpy holds the global interpreter lock while it destroys a node.
        faulthandler.dump_traceback_later(CLEANUP_TIMEOUT_S, exit=True)
        for node in nodes:
            node.destroy_node()
        rclpy.try_shutdown()
        faulthandler.cancel_dump_traceback_later()
        for number in TERMINATION_SIGNALS:  # Python restores its own handlers while it exits
            signal.signal(number, signal.SIG_IGN)
    return 0


def _shut_down_on_signal(
    nodes: Sequence[NodeT],
    received_signals: Sequence[int],
    begin_shutdown: Callable[[NodeT, Callable[[], object]], object] | None,
) -> None:
    """Begin the shutdown of all nodes at the same time, as soon as a signal has been received."""
    busy_nodes = set(nodes)

    def on_finished(node: NodeT) -> None:
        busy_nodes.discard(node)
        if not busy_nodes:
            _wait_for_acknowledgments(nodes)
            rclpy.try_shutdown()

    def check_signals() -> None:
        if not received_signals:
            return
        timer.cancel()
        if begin_shutdown is None:
            rclpy.try_shutdown()
            return
        for node in nodes:
            begin_shutdown(node, partial(on_finished, node))

    steady = Clock(clock_type=ClockType.STEADY_TIME)
    timer = nodes[0].create_timer(SIGNAL_POLL_PERIOD_S, check_signals, clock=steady)


def _wait_for_acknowledgments(nodes: Sequence[Node]) -> None:
    """Wait until all readers have the last messages, so that no stop command is lost."""
    deadline = time.monotonic() + ACKNOWLEDGMENT_TIMEOUT_S
    for node in nodes:
        for publisher in node.publishers:
            timeout = Duration(seconds=max(0.0, deadline - time.monotonic()))
            with suppress(RCLError):  # some middlewares do not support it
                publisher.wait_for_all_acked(timeout)
