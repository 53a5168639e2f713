"""Start and end of a node's process."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions, install_signal_handlers

from ik_nn_ros.errors import IkNnError
from ik_nn_ros.nodes.executor import DirectExecutor

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run(create: Callable[[], Node]) -> int:
    """
    Spin one node until SIGINT, SIGTERM or a shutdown of ROS.

    :param create: makes the node
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
        install_signal_handlers(SignalHandlerOptions.ALL)
        if not noted:
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
