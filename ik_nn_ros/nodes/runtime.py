"""Start and end of a node's process."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from typing import TypeVar

import rclpy
from rclpy.clock import Clock, ClockType
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions, install_signal_handlers

from ik_nn_ros.errors import IkNnError
from ik_nn_ros.nodes.executor import DirectExecutor

_N = TypeVar('_N', bound=Node)

SIGNALS = (signal.SIGINT, signal.SIGTERM)
SIGNALS_SEEN = 0.05
"""How often (s) a node that winds down by itself looks for a signal."""


def run(create: Callable[[], _N], wind_down: Callable[[_N], None] | None = None) -> int:
    """
    Spin one node until SIGINT, SIGTERM or a shutdown of ROS.

    :param create: makes the node
    :param wind_down: called once after a signal, for a node that still has something to do; it, or
        what it sets going, ends with a shutdown of ROS; None: the signal itself is the shutdown
    :return: exit code: 0 after a signal, 1 where the node could not be made
    """
    # Until the node stands a signal is only noted: a context that ends meanwhile leaves it half
    # made. Then rclpy ends the context, and Python's own handler stays out of it: KeyboardInterrupt
    # would strike anywhere, also in the clean-up, as Ctrl-C under `ros2 launch` arrives twice.
    noted: list[int] = []
    for number in SIGNALS:
        signal.signal(number, lambda received, _: noted.append(received))
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = None
    try:
        node = create()
        executor = DirectExecutor()
        executor.add_node(node)
        if wind_down is None:
            install_signal_handlers(SignalHandlerOptions.ALL)
        else:
            _call_at_signal(node, noted, wind_down)
        if wind_down is not None or not noted:
            executor.spin()
    except ExternalShutdownException:
        pass
    except IkNnError as error:
        sys.stderr.write(f'{error}\n')
        return 1
    finally:
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()
        for number in SIGNALS:  # one that comes now must not end Python's own way out
            signal.signal(number, signal.SIG_IGN)
    return 0


def _call_at_signal(node: _N, noted: list[int], wind_down: Callable[[_N], None]) -> None:
    """Have the executor call ``wind_down`` as soon as a signal is noted."""

    def look() -> None:
        if noted:
            timer.cancel()
            wind_down(node)

    timer = node.create_timer(SIGNALS_SEEN, look, clock=Clock(clock_type=ClockType.STEADY_TIME))
