"""What differs between the releases of ROS 2: Humble, Jazzy, Kilted."""

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
    """Have parameters changed before they are checked and set; not on Humble, which cannot."""
    if hasattr(node, 'add_pre_set_parameters_callback'):
        node.add_pre_set_parameters_callback(callback)


def reject_invalid_transitions(node: LifecycleNode) -> None:
    """
    Answer a request for a transition that the state does not have with a refusal.

    Up to Jazzy it ends the process, with the arm on its way (rclpy issue 1209). A lifecycle manager
    that has lost count asks for such a thing, and whoever types it on the command line.
    """
    service = node._service_change_state
    change = service.callback

    def on_change_state(request: Any, response: Any) -> Any:
        try:
            return change(request, response)
        except RCLError as error:
            if not node.context.ok():
                raise
            node.get_logger().error(f'transition refused: {error}')
            response.success = False
            return response

    service.callback = on_change_state
