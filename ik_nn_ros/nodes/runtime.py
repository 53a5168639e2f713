"""Start and end of a node's process."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node

from ik_nn_ros.errors import IkNnError

RCLError = rclpy_implementation.RCLError


def run(create: Callable[[], Node]) -> int:
    """
    Spin one node until SIGINT, SIGTERM or a shutdown of ROS.

    :param create: makes the node
    :return: exit code: 0 after a signal, 1 where the node could not be made
    """
    rclpy.init()
    node = None
    try:
        node = create()
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except RCLError:
        # A signal ends the context at once, also under a callback that is about to publish.
        if rclpy.ok():
            raise
    except IkNnError as error:
        sys.stderr.write(f'{error}\n')
        return 1
    finally:
        # Under `ros2 launch` Ctrl-C arrives twice, from the terminal and from launch.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()
    return 0
