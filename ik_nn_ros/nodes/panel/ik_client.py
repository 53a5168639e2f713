"""Client of an ``ik_node``: its targets, answers, services, parameters and diagnostics."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from math import inf, isfinite
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from rcl_interfaces.msg import ParameterEvent
from rcl_interfaces.srv import GetParameters, SetParameters
from rclpy.node import Node
from rclpy.parameter import Parameter, parameter_value_to_python
from rclpy.parameter_client import AsyncParameterClient
from std_srvs.srv import Trigger

from ik_nn_ros.arm.geometry import JointPair, Plane, Point2
from ik_nn_ros.nodes.common.parameters import overridable_qos
from ik_nn_ros.panel.status_text import HOLD_UNANSWERED_TEXT, SENT, SILENT
from ik_nn_ros.panel.view import Outcome, ShapeStatus, View

QUEUE_DEPTH = 100
CALL_TIMEOUT_S = 1.0
"""Time for the response of a service, s."""
RETRY_PERIOD_S = 2.0
"""Period of requests for parameters without a response, s."""
ZONE_PARAMETERS = ('keep_out.circles', 'keep_out.half_planes', 'keep_out.margin')
SHOWN_PARAMETERS = ('branch', 'speed_scale', 'max_velocity', 'calibration_file', *ZONE_PARAMETERS)
"""Parameters of the ik_node that the page shows."""
HOLDING_STATE = 'holding'
"""Message of the diagnostics while the arm is held."""
INACTIVE_STATES = ('not configured', 'not active')
"""Messages of the diagnostics while targets are refused."""
MAX_PENDING_TARGETS = 100
"""Largest number of targets whose answers are awaited."""
SENT_DISPLAY_DELAY_S = 0.3
"""Time after which a target without an answer is shown as sent, s."""
ANSWER_TIMEOUT_S = 1.0
"""Time after which the page says that a target has no answer, s."""
DIAGNOSTICS_TIMEOUT_S = 3.0
"""Age of the last diagnostics above which the ik_node is missing, s."""
OTHER_PUBLISHER_TIMEOUT_S = 3.0
"""Time for which a target of another node shows that it sends targets, s."""


class ServiceCalls:
    """
    Service calls with a timeout, which :meth:`poll` applies.

    All callbacks and polls come from one thread.
    """

    def __init__(self) -> None:
        self._pending: dict[Any, tuple[float, Any, Callable[[], object]]] = {}
        """By future: start of the call (s), client, and callback for the timeout."""

    def call(
        self,
        client: Any,
        request: Any,
        on_response: Callable[[Any], object],
        on_timeout: Callable[[], object],
    ) -> None:
        """
        Call a service.

        :param on_response: called with the response
        :param on_timeout: called if there is none in time; a later response is ignored
        """

        def answered(future: Any) -> None:
            if self._pending.pop(future, None) is not None:
                on_response(future.result())

        future = client.call_async(request)
        self._pending[future] = time.monotonic(), client, on_timeout
        future.add_done_callback(answered)

    def poll(self) -> None:
        """Give up the calls without a response in time."""
        now = time.monotonic()
        for future, (start, client, on_timeout) in list(self._pending.items()):
            if now - start >= CALL_TIMEOUT_S:
                del self._pending[future]
                client.remove_pending_request(future)
                on_timeout()


class RemoteParameters:
    """
    Copy of some parameters of another node, kept up to date.

    :param node: the client's node
    :param name: name of the other node, relative to the client's namespace
    :param names: names of the parameters
    :param calls: service calls to use
    """

    def __init__(self, node: Node, name: str, names: Sequence[str], calls: ServiceCalls) -> None:
        self._calls = calls
        self._full_name = node.resolve_service_name(name)
        self._names = tuple(names)
        self.values: dict[str, Any] = {}
        """Values by name; empty while unknown."""
        self.is_available = False
        """Whether the services of the other node are available."""
        self._requested_at = -RETRY_PERIOD_S
        AsyncParameterClient(node, name).on_parameter_event(self._on_event)
        self._get_client = node.create_client(GetParameters, f'{name}/get_parameters')
        self._set_client = node.create_client(SetParameters, f'{name}/set_parameters')

    def poll(self) -> None:
        """Check whether the other node is available, and request the parameters if needed."""
        self.is_available = (
            self._get_client.service_is_ready() and self._set_client.service_is_ready()
        )
        if not self.is_available:
            self.values, self._requested_at = {}, -RETRY_PERIOD_S
        # DDS may lose the first response to a client that the service has not fully discovered.
        elif not self.values and time.monotonic() - self._requested_at >= RETRY_PERIOD_S:
            self._requested_at = time.monotonic()
            request = GetParameters.Request(names=list(self._names))
            self._get_client.call_async(request).add_done_callback(self._on_values)

    def set(self, name: str, value: object, on_done: Callable[[str], object]) -> None:
        """
        Set one parameter.

        :param on_done: called with the reason why it was not set, or with '' if it was set
        """

        def answered(response: Any) -> None:
            (result,) = response.results
            on_done('' if result.successful else result.reason)

        parameter = Parameter(name, value=value).to_parameter_msg()
        request = SetParameters.Request(parameters=[parameter])
        self._calls.call(
            self._set_client, request, answered, lambda: on_done('ik_node does not answer')
        )

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


class IkNodeClient:
    """
    Sends targets to one ik_node and follows its answers and state.

    :param node: the panel
    :param name: name of the ik_node, relative to the panel's namespace
    """

    def __init__(self, node: Node, name: str) -> None:
        self._node = node
        self._full_name = node.resolve_service_name(name)
        self._pending_targets: dict[str, float] = {}
        self._stage_counts: Counter[str] = Counter()
        self._rejected_count = 0
        self.outcome: Outcome | None = None
        """Result of the last answered target; None: there was none."""
        self._last_target: Point2 | None = None
        """Last target that the panel has sent, m."""
        self._waiting_since: float | None = None
        """When the oldest target without an answer was sent, s; None: all are answered."""
        self._calls = ServiceCalls()
        self._hold_pending = False
        self._latency: float | None = None
        self.holding: bool | None = None
        """Whether the arm is held until Resume; None: unknown."""
        self.parameters = RemoteParameters(node, name, SHOWN_PARAMETERS, self._calls)
        self._problem = ''
        """Why the last action failed; empty: it did not fail."""
        self.last_answered = 0.0
        """When a target of the panel was last answered, s, steady clock."""
        self.other_target_count = 0
        """Number of answers to targets of other nodes."""
        self._last_other_target = -inf
        self._inactive_reason = ''
        """Why the ik_node refuses all targets, as its diagnostics say; empty: it does not."""
        self._last_seen = self._last_poll = 0.0
        """When the ik_node was last heard, and when :meth:`poll` was last called, s."""
        self._target_publisher = node.create_publisher(
            PoseStamped, 'target_pose', **overridable_qos(QUEUE_DEPTH)
        )
        node.create_subscription(
            DiagnosticStatus,
            f'{name}/target_status',
            self._on_status,
            **overridable_qos(QUEUE_DEPTH),
        )
        node.create_subscription(
            DiagnosticArray, '/diagnostics', self._on_diagnostics, **overridable_qos(QUEUE_DEPTH)
        )
        self._hold_client = node.create_client(Trigger, f'{name}/hold')
        self._resume_client = node.create_client(Trigger, f'{name}/resume')

    def poll(self) -> None:
        """Check whether the ik_node is available."""
        was_available, now = self.parameters.is_available, time.monotonic()
        if now - self._last_poll > ANSWER_TIMEOUT_S:
            self._last_seen = now  # the panel itself was stalled, its messages are still queued
        self._last_poll = now
        self.parameters.poll()
        self._calls.poll()
        if was_available and not self.parameters.is_available:
            self._reset()
        elif self.parameters.is_available and not was_available:
            self._last_seen = now

    def _reset(self) -> None:
        """Forget the state of an ik_node that has ended: it is not that of the next one."""
        self.holding, self._inactive_reason, self._problem = None, '', ''
        self.outcome, self._latency, self._waiting_since = None, None, None
        self._pending_targets.clear()

    @property
    def displayed_outcome(self) -> Outcome | None:
        """Result of the last target, or the code SENT or SILENT if its answer takes long."""
        delay = 0.0 if self._waiting_since is None else time.monotonic() - self._waiting_since
        if delay < SENT_DISPLAY_DELAY_S:
            return self.outcome
        return Outcome(SENT if delay < ANSWER_TIMEOUT_S else SILENT, point=self._last_target)

    @property
    def missing(self) -> Iterator[str]:
        """What the panel waits for, one sentence each."""
        topic = self._node.resolve_topic_name('target_pose')
        if not self.parameters.is_available:
            yield f'`ik_node`: there is no node {self._full_name}'
        elif not self._target_publisher.get_subscription_count():
            yield f'`ik_node`: {self._full_name} does not subscribe to {topic}'
        elif self._inactive_reason:
            yield f'`ik_node`: {self._inactive_reason}'
        elif time.monotonic() - self._last_seen > DIAGNOSTICS_TIMEOUT_S:
            yield f'`ik_node`: {self._full_name} is silent: it is not running, or not reachable'

    def make_view(
        self, missing: tuple[str, ...], tip_error: float | None, shape: ShapeStatus | None
    ) -> View:
        """
        Return the view of arm and ik_node.

        :param missing: what the panel waits for
        :param tip_error: distance of the tip from its goal, m
        :param shape: shape that is being drawn
        """
        values, outcome = self.parameters.values, self.displayed_outcome
        is_answered = outcome is self.outcome
        return View(
            missing=missing,
            holding=self.holding,
            branch=values.get('branch') or '',
            speed_scale=values.get('speed_scale'),
            outcome=outcome,
            stage_counts=dict(self._stage_counts),
            rejected_count=self._rejected_count,
            tip_error=tip_error if is_answered else None,
            latency=self._latency if is_answered else None,
            problem=self._problem,
            hold_pending=self._hold_pending,
            shape=shape,
            has_other_publishers=(
                time.monotonic() - self._last_other_target < OTHER_PUBLISHER_TIMEOUT_S
            ),
        )

    # Requests

    def go_to(self, plane: Plane, point: Point2) -> None:
        """Publish a target in the arm's plane, m."""
        message = PoseStamped()
        # No frame: the arm's base frame, whatever its name in TF is.
        message.header.stamp = self._node.get_clock().now().to_msg()
        position = message.pose.position
        position.x, position.y, position.z = (float(value) for value in plane.to_base(point))
        message.pose.orientation.w = 1.0
        while len(self._pending_targets) >= MAX_PENDING_TARGETS:
            self._pending_targets.pop(next(iter(self._pending_targets)))
        stamp = message.header.stamp
        now = time.monotonic()
        self._pending_targets[f'{stamp.sec}.{stamp.nanosec:09d}'] = now
        if self._problem != HOLD_UNANSWERED_TEXT:
            self._problem = ''  # it belonged to an earlier action
        self._last_target = point
        if self._waiting_since is None:
            self._waiting_since = now
        self._target_publisher.publish(message)

    def hold(self) -> None:
        """Stop the arm."""
        self._hold_pending = self._hold_client.service_is_ready()
        self._trigger(self._hold_client, True)

    def resume(self) -> None:
        """Let the arm follow targets again."""
        self._trigger(self._resume_client, False)

    def set_parameter(self, name: str, value: str | float) -> None:
        """Set a parameter of the ik_node."""
        self.parameters.set(name, value, partial(self._on_parameter_set, name))

    def report_problem(self, text: str) -> None:
        """Show why the last action failed, as a sentence."""
        self._problem = text

    def _trigger(self, client: Any, holding: bool) -> None:
        def on_response(response: Trigger.Response) -> None:
            self._hold_pending = False
            self._problem = '' if response.success else response.message
            self.holding = holding
            if self.outcome is not None and self.outcome.code == 'HOLDING':
                self.outcome = None  # no longer true

        def on_timeout() -> None:
            self._hold_pending = False
            self._problem = HOLD_UNANSWERED_TEXT if holding else f'{client.srv_name}: no answer'

        if client.service_is_ready():
            self._calls.call(client, Trigger.Request(), on_response, on_timeout)
        else:
            on_timeout()

    # Messages of the ik_node

    def _on_parameter_set(self, name: str, error: str) -> None:
        self._problem = error and f'{name} was not changed: {error}.'

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name == f'{self._full_name.lstrip("/")}: targets':
                self._last_seen = time.monotonic()
                self.holding = status.message == HOLDING_STATE
                if self.holding and self._problem == HOLD_UNANSWERED_TEXT:
                    self._problem = ''  # only its answer was lost
                idle = status.message in INACTIVE_STATES or status.level == DiagnosticStatus.ERROR
                self._inactive_reason = status.message if idle else ''

    def _on_status(self, message: DiagnosticStatus) -> None:
        values = {entry.key: entry.value for entry in message.values}
        sent = self._pending_targets.pop(values.get('stamp', ''), None)
        if sent is None:
            self.other_target_count += 1
            self._last_other_target = time.monotonic()
        else:
            self.last_answered = time.monotonic()
            self._latency = self.last_answered - sent
        # Of several targets that arrive together only the last may be answered.
        later = [
            start for start in self._pending_targets.values() if sent is not None and start > sent
        ]
        self._waiting_since = min(later, default=None)
        goal = _parse_pair(values, 'q1', 'q2')
        if goal is None:
            self._rejected_count += 1
        else:
            self._stage_counts[values.get('stage', '')] += 1
            self.holding, self._problem = False, ''
        detail = values.get('detail', '')
        self.outcome = Outcome(message.message, detail, _parse_pair(values, 'x', 'y'), goal)


def _parse_pair(values: dict[str, str], first: str, second: str) -> JointPair | None:
    """Return two values as numbers, None if one is missing or not finite."""
    pair = float(values.get(first) or 'nan'), float(values.get(second) or 'nan')
    return pair if isfinite(pair[0]) and isfinite(pair[1]) else None
