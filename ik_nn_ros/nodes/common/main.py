"""Start and end of a process with one node, or with several."""

from __future__ import annotations

import argparse
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
from rclpy.signals import SignalHandlerOptions, install_signal_handlers
from rclpy.utilities import remove_ros_args

from ik_nn_ros.errors import IkNnError
from ik_nn_ros.nodes.common.distro import RCLError
from ik_nn_ros.nodes.common.executor import CachedWaitSetExecutor

_NodeT = TypeVar('_N', bound=Node)

TERMINATION_SIGNALS = (signal.SIGINT, signal.SIGTERM)
SIGNAL_POLL_PERIOD_S = 0.05
"""How often (s) a node that winds down by itself looks for a signal."""
ACKNOWLEDGMENT_TIMEOUT_S = 0.2
"""How long (s) ROS stays up at most until others have what was sent last."""


def run_node(
    create_node: Callable[[], _NodeT],
    begin_shutdown: Callable[[_NodeT, Callable[[], object]], object] | None = None,
) -> int:
    """Do :func:`run_nodes` for one node, which takes ROS arguments alone."""
    parser = argparse.ArgumentParser(usage='%(prog)s --ros-args -p name:=value -r from:=to ...')
    parser.parse_args(remove_ros_args(sys.argv)[1:])
    return run_nodes([create_node], begin_shutdown)


def run_nodes(
    factories: Sequence[Callable[[], _NodeT]],
    begin_shutdown: Callable[[_NodeT, Callable[[], object]], object] | None = None,
) -> int:
    """
    Spin nodes in one executor until SIGINT, SIGTERM or a shutdown of ROS.

    More signals change nothing: ``wind_down`` ends by itself, and Ctrl-C under ``ros2 launch``
    arrives twice. Who cannot wait has SIGQUIT or SIGKILL.

    :param factories: each makes one node
    :param begin_shutdown: called once a node after a signal, where nodes still have something to do:
        with the node, and with what is to be called when it is done; ROS is shut down when all are;
        None: the signal itself is the shutdown
    :return: exit code: 0 after a signal, 1 where a node could not be made
    """
    # Until all nodes stand a signal is only noted: a context that ends meanwhile leaves them half
    # made. Then rclpy ends the context, and Python's own handler stays out of it: KeyboardInterrupt
    # would strike anywhere, also in the clean-up, as Ctrl-C under `ros2 launch` arrives twice.
    noted: list[int] = []
    for number in TERMINATION_SIGNALS:
        signal.signal(number, lambda received, _: noted.append(received))
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    nodes: list[_NodeT] = []
    try:
        executor = CachedWaitSetExecutor()
        for create in factories:
            nodes.append(create())
            executor.add_node(nodes[-1])
        if begin_shutdown is None:
            install_signal_handlers(SignalHandlerOptions.ALL)
        else:
            _call_on_signal(nodes, noted, begin_shutdown)
        if begin_shutdown is not None or not noted:
            executor.spin()
    except ExternalShutdownException:
        pass
    except IkNnError as error:
        sys.stderr.write(f'{error}\n')
        return 1
    finally:
        for node in nodes:
            node.destroy_node()
        rclpy.try_shutdown()
        for number in TERMINATION_SIGNALS:  # one that comes now must not end Python's own way out
            signal.signal(number, signal.SIG_IGN)
    return 0


def _call_on_signal(
    nodes: Sequence[_NodeT],
    received_signals: list[int],
    begin_shutdown: Callable[[_NodeT, Callable[[], object]], object],
) -> None:
    """Have the executor call ``wind_down`` as soon as a signal is noted, for all nodes at once."""
    busy = set(nodes)

    def done(node: _NodeT) -> None:
        busy.discard(node)
        if not busy:
            _wait_for_acknowledgments(nodes)
            rclpy.try_shutdown()

    def look() -> None:
        if received_signals:
            timer.cancel()
            for node in nodes:
                begin_shutdown(node, partial(done, node))

    steady = Clock(clock_type=ClockType.STEADY_TIME)
    timer = nodes[0].create_timer(SIGNAL_POLL_PERIOD_S, look, clock=steady)


def _wait_for_acknowledgments(nodes: Sequence[Node]) -> None:
    """Wait until all readers have the last messages: a command to stand that is lost is no stop."""
    end = time.monotonic() + ACKNOWLEDGMENT_TIMEOUT_S
    for node in nodes:
        for publisher in node.publishers:
            left = Duration(seconds=max(0.0, end - time.monotonic()))
            with suppress(RCLError):  # not every middleware can tell
                publisher.wait_for_all_acked(left)
