"""How the panel speaks with an ``ik_node``: by its topics, services and parameters, as anybody."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from math import isfinite
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from rcl_interfaces.msg import ParameterEvent
from rcl_interfaces.srv import GetParameters, SetParameters
from rclpy.node import Node
from rclpy.parameter import Parameter, parameter_value_to_python
from rclpy.parameter_client import AsyncParameterClient
from std_srvs.srv import Trigger

from ik_nn_ros.arm.model import Pair
from ik_nn_ros.arm.plane import Plane
from ik_nn_ros.nodes.qos import overridable
from ik_nn_ros.panel.view import Outcome, View

DEPTH = 100
SHOWN = ('branch', 'speed_scale')
"""Parameters of the ik_node that the page shows and sets."""
HOLDING, IDLE = 'holding', ('not configured', 'not active')
"""How /diagnostics says that no targets are carried out."""
UNANSWERED = 100
"""Targets whose answers are waited for at most, to tell how long they take."""


class IkLink:
    """
    Sends targets to one ik_node, and knows what it says of them.

    :param node: the panel
    :param name: of the ik_node, relative to the panel's namespace
    """

    def __init__(self, node: Node, name: str) -> None:
        self._node, self._name = node, name
        self._full_name = node.resolve_service_name(name)
        self._sent: dict[str, float] = {}
        self._stages: Counter[str] = Counter()
        self._refused = 0
        self.outcome: Outcome | None = None
        """Of the last target; None: there has been none."""
        self._latency: float | None = None
        self._holding: bool | None = None
        self._parameters: dict[str, Any] = {}
        self._problem = ''
        self._health = ''
        """Why it carries out no targets, as it says itself; empty: it does."""
        self._is_there = False
        self._targets = node.create_publisher(PoseStamped, 'target_pose', **overridable(DEPTH))
        of = partial('{}/{}'.format, name)
        status = of('target_status')
        node.create_subscription(DiagnosticStatus, status, self._on_status, **overridable(DEPTH))
        AsyncParameterClient(node, name).on_parameter_event(self._on_parameters)
        node.create_subscription(
            DiagnosticArray, '/diagnostics', self._on_diagnostics, **overridable(DEPTH)
        )
        self._hold = node.create_client(Trigger, of('hold'))
        self._resume = node.create_client(Trigger, of('resume'))
        self._get = node.create_client(GetParameters, of('get_parameters'))
        self._set = node.create_client(SetParameters, of('set_parameters'))

    def look(self) -> None:
        """See whether the ik_node is there; ask for its parameters when it comes."""
        is_there = self._get.service_is_ready() and self._set.service_is_ready()
        if is_there and not self._is_there:
            request = GetParameters.Request(names=list(SHOWN))
            self._get.call_async(request).add_done_callback(self._on_values)
        if not is_there:
            self._parameters, self._holding, self._problem, self._health = {}, None, '', ''
        self._is_there = is_there

    @property
    def missing(self) -> Iterator[str]:
        """What is waited for, a sentence each."""
        topic = self._node.resolve_topic_name('target_pose')
        if not self._is_there:
            yield f'`ik_node`: there is no node {self._full_name}'
        elif not self._targets.get_subscription_count():
            yield f'`ik_node`: {self._full_name} takes no targets on {topic}'
        elif self._health:
            yield f'`ik_node`: {self._health}'

    def view(self, missing: tuple[str, ...], tip_error: float | None) -> View:
        """
        Return what the page is to show.

        :param missing: what is waited for
        :param tip_error: distance of the tip from where it was sent to, m
        """
        return View(
            missing=missing,
            holding=self._holding,
            branch=self._parameters.get('branch', ''),
            speed_scale=self._parameters.get('speed_scale'),
            outcome=self.outcome,
            stages=dict(self._stages),
            refused=self._refused,
            tip_error=tip_error,
            latency=self._latency,
            problem=self._problem,
        )

    # What the page asks for

    def go_to(self, plane: Plane, point: Pair) -> None:
        """Publish a target, m in the arm's plane."""
        message = PoseStamped()
        # Without a frame: the arm's base frame, whatever it is called in TF.
        message.header.stamp = self._node.get_clock().now().to_msg()
        position = message.pose.position
        position.x, position.y, position.z = (float(value) for value in plane.lift(point))
        message.pose.orientation.w = 1.0
        while len(self._sent) >= UNANSWERED:
            self._sent.pop(next(iter(self._sent)))
        stamp = message.header.stamp
        self._sent[f'{stamp.sec}.{stamp.nanosec:09d}'] = time.perf_counter()
        self._targets.publish(message)

    def hold(self) -> None:
        """Have the arm brought to rest."""
        self._trigger(self._hold, True)

    def resume(self) -> None:
        """Have targets carried out again."""
        self._trigger(self._resume, False)

    def set_parameter(self, name: str, value: str | float) -> None:
        """Set a parameter of the ik_node."""
        parameter = Parameter(name, value=value).to_parameter_msg()
        request = SetParameters.Request(parameters=[parameter])
        done = partial(self._on_set, name)
        self._set.call_async(request).add_done_callback(done)

    def _trigger(self, client: Any, holding: bool) -> None:
        def done(future: Any) -> None:
            response = future.result()
            self._problem = '' if response.success else response.message
            self._holding = holding
            if self.outcome is not None and self.outcome.code == 'HOLDING':
                self.outcome = None  # it is over

        if client.service_is_ready():
            client.call_async(Trigger.Request()).add_done_callback(done)
        else:
            self._problem = f'{client.srv_name}: nobody answers'

    # What the ik_node says

    def _on_set(self, name: str, future: Any) -> None:
        (result,) = future.result().results
        self._problem = '' if result.successful else f'{name} was not changed: {result.reason}'

    def _on_values(self, future: Any) -> None:
        values = future.result().values
        for name, value in zip(SHOWN, values, strict=True):
            self._parameters[name] = parameter_value_to_python(value)

    def _on_parameters(self, event: ParameterEvent) -> None:
        if event.node != self._full_name:
            return
        for parameter in (*event.new_parameters, *event.changed_parameters):
            if parameter.name in SHOWN:
                self._parameters[parameter.name] = parameter_value_to_python(parameter.value)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name == f'{self._full_name.lstrip("/")}: targets':
                self._holding = status.message == HOLDING
                idle = status.message in IDLE or status.level == DiagnosticStatus.ERROR
                self._health = status.message if idle else ''

    def _on_status(self, message: DiagnosticStatus) -> None:
        values = {entry.key: entry.value for entry in message.values}
        sent = self._sent.pop(values.get('stamp', ''), None)
        if sent is not None:
            self._latency = time.perf_counter() - sent
        goal = _pair(values, 'q1', 'q2')
        if goal is None:
            self._refused += 1
        else:
            self._stages[values.get('stage', '')] += 1
            self._holding, self._problem = False, ''
        detail = values.get('detail', '')
        self.outcome = Outcome(message.message, detail, _pair(values, 'x', 'y'), goal)


def _pair(values: dict[str, str], first: str, second: str) -> Pair | None:
    """Return two values as numbers; None where there are none, or not finite."""
    read: Callable[[str], float] = lambda name: float(values.get(name) or 'nan')  # noqa: E731
    pair = read(first), read(second)
    return pair if isfinite(pair[0]) and isfinite(pair[1]) else None
