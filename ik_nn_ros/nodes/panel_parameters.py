"""Parameters of another node: what they are, when they change, and setting them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from rcl_interfaces.msg import ParameterEvent
from rcl_interfaces.srv import GetParameters, SetParameters
from rclpy.node import Node
from rclpy.parameter import Parameter, parameter_value_to_python
from rclpy.parameter_client import AsyncParameterClient

from ik_nn_ros.nodes.panel_calls import Calls

AGAIN = 2.0
"""After so long (s) without an answer they are asked for again."""


class RemoteParameters:
    """
    Keeps some of another node's parameters.

    :param node: that asks
    :param name: of the other one, relative to this one's namespace
    :param names: of the parameters
    :param calls: by which they are set
    """

    def __init__(self, node: Node, name: str, names: Sequence[str], calls: Calls) -> None:
        self._calls = calls
        self._full_name = node.resolve_service_name(name)
        self._names = tuple(names)
        self.values: dict[str, Any] = {}
        """By name; empty: not known."""
        self.is_there = False
        """Whether the other node is."""
        self._asked = -AGAIN
        AsyncParameterClient(node, name).on_parameter_event(self._on_event)
        self._get = node.create_client(GetParameters, f'{name}/get_parameters')
        self._set = node.create_client(SetParameters, f'{name}/set_parameters')

    def look(self) -> None:
        """See whether the other node is there; ask for the parameters when it comes."""
        is_there = self._get.service_is_ready() and self._set.service_is_ready()
        if not is_there:
            self.values, self._asked = {}, -AGAIN
        # DDS may lose the first answer to a client that the service knows only half.
        elif not self.values and time.monotonic() - self._asked >= AGAIN:
            self._asked = time.monotonic()
            request = GetParameters.Request(names=list(self._names))
            self._get.call_async(request).add_done_callback(self._on_values)
        self.is_there = is_there

    def set(self, name: str, value: object, done: Callable[[str], object]) -> None:
        """
        Set one of them.

        :param done: called with why it was not set; '': it was
        """

        def answered(response: Any) -> None:
            (result,) = response.results
            done('' if result.successful else result.reason)

        parameter = Parameter(name, value=value).to_parameter_msg()
        request = SetParameters.Request(parameters=[parameter])
        self._calls.call(self._set, request, answered, lambda: done('ik_node does not answer'))

    def _on_values(self, future: Any) -> None:
        values = future.result().values
        for name, value in zip(self._names, values, strict=True):
            self.values[name] = parameter_value_to_python(value)

    def _on_event(self, event: ParameterEvent) -> None:
        if event.node != self._full_name:
            return
        for parameter in (*event.new_parameters, *event.changed_parameters):
            if parameter.name in self._names:
                self.values[parameter.name] = parameter_value_to_python(parameter.value)
