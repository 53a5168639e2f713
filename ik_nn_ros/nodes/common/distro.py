"""Differences between the releases of ROS 2 (Humble, Jazzy, Kilted), and errors of rclpy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.lifecycle import LifecycleNode
from rclpy.node import Node
from rclpy.parameter import Parameter

try:
    from rclpy.event_handler import EventHandler
except ImportError:  # Humble
    from rclpy.qos_event import QoSEventHandler as EventHandler

__all__ = [
    'EventHandler',
    'RCLError',
    'add_pre_set_parameters_callback',
    'reject_invalid_transitions',
]

RCLError = rclpy_implementation.RCLError


def add_pre_set_parameters_callback(
    node: Node, callback: Callable[[list[Parameter]], list[Parameter]]
) -> None:
    """Register a callback that may modify parameters before they are checked; not on Humble."""
    if hasattr(node, 'add_pre_set_parameters_callback'):
        node.add_pre_set_parameters_callback(callback)


def reject_invalid_transitions(node: LifecycleNode) -> None:
    """
    Make a lifecycle node reject a transition that its state does not have.

    Up to Jazzy such a request ends the process while the arm moves (rclpy issue 1209). A lifecycle
    manager that has lost track of the state sends one, or a user on the command line.
    """
    service = node._service_change_state
    change_state = service.callback

    def on_change_state(request: Any, response: Any) -> Any:
        try:
            return change_state(request, response)
        except RCLError as error:
            if not node.context.ok():
                raise
            node.get_logger().error(f'transition refused: {error}')
            response.success = False
            return response

    service.callback = on_change_state
