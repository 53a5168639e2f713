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
from ik_nn_ros.nodes.distro import RCLError
from ik_nn_ros.nodes.executor import DirectExecutor

_N = TypeVar('_N', bound=Node)

SIGNALS = (signal.SIGINT, signal.SIGTERM)
SIGNALS_SEEN = 0.05
"""How often (s) a node that winds down by itself looks for a signal."""
ARRIVAL = 0.2
"""How long (s) ROS stays up at most until others have what was sent last."""


def run(
    create: Callable[[], _N],
    wind_down: Callable[[_N, Callable[[], object]], object] | None = None,
) -> int:
    """Do :func:`run_all` for one node, which takes ROS arguments alone."""
    parser = argparse.ArgumentParser(usage='%(prog)s --ros-args -p name:=value -r from:=to ...')
    parser.parse_args(remove_ros_args(sys.argv)[1:])
    return run_all([create], wind_down)


def run_all(
    creators: Sequence[Callable[[], _N]],
    wind_down: Callable[[_N, Callable[[], object]], object] | None = None,
) -> int:
    """
    Spin nodes in one executor until SIGINT, SIGTERM or a shutdown of ROS.

    More signals change nothing: ``wind_down`` ends by itself, and Ctrl-C under ``ros2 launch``
    arrives twice. Who cannot wait has SIGQUIT or SIGKILL.

    :param creators: each makes one node
    :param wind_down: called once a node after a signal, where nodes still have something to do:
        with the node, and with what is to be called when it is done; ROS is shut down when all are;
        None: the signal itself is the shutdown
    :return: exit code: 0 after a signal, 1 where a node could not be made
    """
    # Until all nodes stand a signal is only noted: a context that ends meanwhile leaves them half
    # made. Then rclpy ends the context, and Python's own handler stays out of it: KeyboardInterrupt
    # would strike anywhere, also in the clean-up, as Ctrl-C under `ros2 launch` arrives twice.
    noted: list[int] = []
    for number in SIGNALS:
        signal.signal(number, lambda received, _: noted.append(received))
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    nodes: list[_N] = []
    try:
        executor = DirectExecutor()
        for create in creators:
            nodes.append(create())
            executor.add_node(nodes[-1])
        if wind_down is None:
            install_signal_handlers(SignalHandlerOptions.ALL)
        else:
            _call_at_signal(nodes, noted, wind_down)
        if wind_down is not None or not noted:
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
        for number in SIGNALS:  # one that comes now must not end Python's own way out
            signal.signal(number, signal.SIG_IGN)
    return 0


def _call_at_signal(
    nodes: Sequence[_N],
    noted: list[int],
    wind_down: Callable[[_N, Callable[[], object]], object],
) -> None:
    """Have the executor call ``wind_down`` as soon as a signal is noted, for all nodes at once."""
    busy = set(nodes)

    def done(node: _N) -> None:
        busy.discard(node)
        if not busy:
            _let_arrive(nodes)
            rclpy.try_shutdown()

    def look() -> None:
        if noted:
            timer.cancel()
            for node in nodes:
                wind_down(node, partial(done, node))

    steady = Clock(clock_type=ClockType.STEADY_TIME)
    timer = nodes[0].create_timer(SIGNALS_SEEN, look, clock=steady)


def _let_arrive(nodes: Sequence[Node]) -> None:
    """Wait until all readers have the last messages: a command to stand that is lost is no stop."""
    end = time.monotonic() + ARRIVAL
    for node in nodes:
        for publisher in node.publishers:
            left = Duration(seconds=max(0.0, end - time.monotonic()))
            with suppress(RCLError):  # not every middleware can tell
                publisher.wait_for_all_acked(left)
