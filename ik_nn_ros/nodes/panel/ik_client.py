"""How the panel speaks with an ``ik_node``: by its topics, services and parameters, as anybody."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
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

from ik_nn_ros.arm.geometry import JointPair, Plane
from ik_nn_ros.nodes.common.parameters import overridable_qos
from ik_nn_ros.panel.status_text import HOLD_UNANSWERED_TEXT, SENT, SILENT
from ik_nn_ros.panel.view import Outcome, ShapeStatus, View

# MERGED nodes.panel_calls: Calls of services whose answers are waited for only so long.

CALL_TIMEOUT_S = 1.0
"""How long an answer may take, s."""


class ServiceCalls:
    """
    Makes them; :meth:`poll` gives up those that have had no answer in time.

    Callbacks and looks come from one thread.
    """

    def __init__(self) -> None:
        self._pending: dict[Any, tuple[float, Any, Callable[[], object]]] = {}
        """By future: since when it is waited for, s, the client, and what is done without one."""

    def call(
        self,
        client: Any,
        request: Any,
        on_response: Callable[[Any], object],
        on_timeout: Callable[[], object],
    ) -> None:
        """
        Call a service.

        :param on_response: called with the answer
        :param on_timeout: called when there is none in time; one that comes later is not taken
        """

        def answered(future: Any) -> None:
            if self._pending.pop(future, None) is not None:
                on_response(future.result())

        future = client.call_async(request)
        self._pending[future] = time.monotonic(), client, on_timeout
        future.add_done_callback(answered)

    def poll(self) -> None:
        """Give up what has had no answer in time."""
        now = time.monotonic()
        for future, (since, client, late) in list(self._pending.items()):
            if now - since >= CALL_TIMEOUT_S:
                del self._pending[future]
                client.remove_pending_request(future)
                late()


# MERGED nodes.panel_parameters: Parameters of another node: what they are, when they change, and setting them.

RETRY_PERIOD_S = 2.0
"""After so long (s) without an answer they are asked for again."""


class RemoteParameters:
    """
    Keeps some of another node's parameters.

    :param node: that asks
    :param name: of the other one, relative to this one's namespace
    :param names: of the parameters
    :param calls: by which they are set
    """

    def __init__(self, node: Node, name: str, names: Sequence[str], calls: ServiceCalls) -> None:
        self._calls = calls
        self._full_name = node.resolve_service_name(name)
        self._names = tuple(names)
        self.values: dict[str, Any] = {}
        """By name; empty: not known."""
        self.is_available = False
        """Whether the other node is."""
        self._requested_at = -RETRY_PERIOD_S
        AsyncParameterClient(node, name).on_parameter_event(self._on_event)
        self._get_client = node.create_client(GetParameters, f'{name}/get_parameters')
        self._set_client = node.create_client(SetParameters, f'{name}/set_parameters')

    def poll(self) -> None:
        """See whether the other node is there; ask for the parameters when it comes."""
        is_there = self._get_client.service_is_ready() and self._set_client.service_is_ready()
        if not is_there:
            self.values, self._requested_at = {}, -RETRY_PERIOD_S
        # DDS may lose the first answer to a client that the service knows only half.
        elif not self.values and time.monotonic() - self._requested_at >= RETRY_PERIOD_S:
            self._requested_at = time.monotonic()
            request = GetParameters.Request(names=list(self._names))
            self._get_client.call_async(request).add_done_callback(self._on_values)
        self.is_available = is_there

    def set(self, name: str, value: object, on_done: Callable[[str], object]) -> None:
        """
        Set one of them.

        :param on_done: called with why it was not set; '': it was
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


QUEUE_DEPTH = 100
ZONE_PARAMETERS = ('keep_out.circles', 'keep_out.half_planes', 'keep_out.margin')
SHOWN_PARAMETERS = ('branch', 'speed_scale', 'max_velocity', 'calibration_file', *ZONE_PARAMETERS)
"""Parameters of the ik_node that the page shows."""
HOLDING_STATE, INACTIVE_STATES = 'holding', ('not configured', 'not active')
"""How /diagnostics says that no targets are carried out."""
MAX_PENDING_TARGETS = 100
"""Targets whose answers are waited for at most, to tell how long they take."""
SENT_DISPLAY_DELAY_S, ANSWER_TIMEOUT_S = 0.3, 1.0
"""After so long (s) a target without an answer is shown as one, and it is said that none comes."""
DIAGNOSTICS_TIMEOUT_S = 3.0
"""An ik_node whose diagnostics have not come for so long (s) is missed."""


class IkNodeClient:
    """
    Sends targets to one ik_node, and knows what it says of them.

    :param node: the panel
    :param name: of the ik_node, relative to the panel's namespace
    """

    def __init__(self, node: Node, name: str) -> None:
        self._node, self._name = node, name
        self._full_name = node.resolve_service_name(name)
        self._pending_targets: dict[str, float] = {}
        self._stage_counts: Counter[str] = Counter()
        self._rejected_count = 0
        self.outcome: Outcome | None = None
        """Of the last target that was answered; None: there has been none."""
        self._last_target: JointPair | None = None
        """Where the last target of ours is, m."""
        self._waiting_since: float | None = None
        """Since when an answer to a target of ours is waited for, s; None: none is."""
        self._calls = ServiceCalls()
        self._hold_pending = False
        self._latency: float | None = None
        self.holding: bool | None = None
        """Whether it refuses targets until it is resumed; None: not known."""
        self.parameters = RemoteParameters(node, name, SHOWN_PARAMETERS, self._calls)
        self.problem = ''
        """Why the last thing asked for was not done; empty: it was."""
        self.last_answered = 0.0
        """When a target of ours was answered last, s, on the steady clock."""
        self.other_target_count = 0
        """How many targets of others it has answered."""
        self._inactive_reason = ''
        """Why it carries out no targets, as it says itself; empty: it does."""
        self._last_seen = self._last_poll = 0.0
        """When its diagnostics came last, or it did itself, s."""
        self._target_publisher = node.create_publisher(
            PoseStamped, 'target_pose', **overridable_qos(QUEUE_DEPTH)
        )
        of = partial('{}/{}'.format, name)
        status = of('target_status')
        node.create_subscription(
            DiagnosticStatus, status, self._on_status, **overridable_qos(QUEUE_DEPTH)
        )
        node.create_subscription(
            DiagnosticArray, '/diagnostics', self._on_diagnostics, **overridable_qos(QUEUE_DEPTH)
        )
        self._hold_client = node.create_client(Trigger, of('hold'))
        self._resume_client = node.create_client(Trigger, of('resume'))

    def poll(self) -> None:
        """See whether the ik_node is there."""
        was_there, now = self.parameters.is_available, time.monotonic()
        if now - self._last_poll > ANSWER_TIMEOUT_S:
            self._last_seen = now  # the panel was held up itself; what was said is still to be read
        self._last_poll = now
        self.parameters.poll()
        self._calls.poll()
        if was_there and not self.parameters.is_available:
            self._reset()
        elif self.parameters.is_available and not was_there:
            self._last_seen = now

    def _reset(self) -> None:
        """Know no more what an ik_node that is gone has said: the next one has not said it."""
        self.holding, self._inactive_reason, self.problem = None, '', ''
        self.outcome, self._latency, self._waiting_since = None, None, None
        self._pending_targets.clear()

    @property
    def displayed_outcome(self) -> Outcome | None:
        """What the page is to show of the last target: an answer, or that there is none."""
        waited = 0.0 if self._waiting_since is None else time.monotonic() - self._waiting_since
        if waited < SENT_DISPLAY_DELAY_S:
            return self.outcome
        return Outcome(SENT if waited < ANSWER_TIMEOUT_S else SILENT, point=self._last_target)

    @property
    def missing(self) -> Iterator[str]:
        """What is waited for, a sentence each."""
        topic = self._node.resolve_topic_name('target_pose')
        if not self.parameters.is_available:
            yield f'`ik_node`: there is no node {self._full_name}'
        elif not self._target_publisher.get_subscription_count():
            yield f'`ik_node`: {self._full_name} takes no targets on {topic}'
        elif self._inactive_reason:
            yield f'`ik_node`: {self._inactive_reason}'
        elif time.monotonic() - self._last_seen > DIAGNOSTICS_TIMEOUT_S:
            yield f'`ik_node`: {self._full_name} is silent: it does not run, or is not heard'

    def make_view(
        self, missing: tuple[str, ...], tip_error: float | None, shape: ShapeStatus | None
    ) -> View:
        """
        Return what the page is to show.

        :param missing: what is waited for
        :param tip_error: distance of the tip from where it was sent to, m
        :param shape: what the arm is led along
        """
        values, shown = self.parameters.values, self.displayed_outcome
        is_answered = shown is self.outcome
        return View(
            missing=missing,
            holding=self.holding,
            branch=values.get('branch') or '',
            speed_scale=values.get('speed_scale'),
            outcome=shown,
            stage_counts=dict(self._stage_counts),
            rejected_count=self._rejected_count,
            tip_error=tip_error if is_answered else None,
            latency=self._latency if is_answered else None,
            problem=self.problem,
            hold_pending=self._hold_pending,
            shape=shape,
        )

    # What the page asks for

    def go_to(self, plane: Plane, point: JointPair) -> None:
        """Publish a target, m in the arm's plane."""
        message = PoseStamped()
        # Without a frame: the arm's base frame, whatever it is called in TF.
        message.header.stamp = self._node.get_clock().now().to_msg()
        position = message.pose.position
        position.x, position.y, position.z = (float(value) for value in plane.to_base(point))
        message.pose.orientation.w = 1.0
        while len(self._pending_targets) >= MAX_PENDING_TARGETS:
            self._pending_targets.pop(next(iter(self._pending_targets)))
        stamp = message.header.stamp
        now = time.monotonic()
        self._pending_targets[f'{stamp.sec}.{stamp.nanosec:09d}'] = now
        if self.problem != HOLD_UNANSWERED_TEXT:
            self.problem = ''  # of what was asked for before
        self._last_target, self._waiting_since = (
            point,
            now if self._waiting_since is None else self._waiting_since,
        )
        self._target_publisher.publish(message)

    def hold(self) -> None:
        """Have the arm brought to rest."""
        self._hold_pending = self._hold_client.service_is_ready()
        self._trigger(self._hold_client, True)

    def resume(self) -> None:
        """Have targets carried out again."""
        self._trigger(self._resume_client, False)

    def set_parameter(self, name: str, value: str | float) -> None:
        """Set a parameter of the ik_node."""
        self.parameters.set(name, value, partial(self._on_parameter_set, name))

    def _trigger(self, client: Any, holding: bool) -> None:
        def done(response: Trigger.Response) -> None:
            self._hold_pending = False
            self.problem = '' if response.success else response.message
            self.holding = holding
            if self.outcome is not None and self.outcome.code == 'HOLDING':
                self.outcome = None  # it is over

        def late() -> None:
            self._hold_pending = False
            self.problem = HOLD_UNANSWERED_TEXT if holding else f'{client.srv_name}: no answer'

        if client.service_is_ready():
            self._calls.call(client, Trigger.Request(), done, late)
        else:
            late()

    # What the ik_node says

    def _on_parameter_set(self, name: str, error: str) -> None:
        self.problem = error and f'{name} was not changed: {error}.'

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name == f'{self._full_name.lstrip("/")}: targets':
                self._last_seen = time.monotonic()
                self.holding = status.message == HOLDING_STATE
                if self.holding and self.problem == HOLD_UNANSWERED_TEXT:
                    self.problem = ''  # it was only its answer that was lost
                idle = status.message in INACTIVE_STATES or status.level == DiagnosticStatus.ERROR
                self._inactive_reason = status.message if idle else ''

    def _on_status(self, message: DiagnosticStatus) -> None:
        values = {entry.key: entry.value for entry in message.values}
        sent = self._pending_targets.pop(values.get('stamp', ''), None)
        if sent is None:
            self.other_target_count += 1
        else:
            self.last_answered = time.monotonic()
            self._latency = self.last_answered - sent
        # Of several that came together only the last may be answered.
        later = [at for at in self._pending_targets.values() if sent is not None and at > sent]
        self._waiting_since = min(later, default=None)
        goal = _parse_pair(values, 'q1', 'q2')
        if goal is None:
            self._rejected_count += 1
        else:
            self._stage_counts[values.get('stage', '')] += 1
            self.holding, self.problem = False, ''
        detail = values.get('detail', '')
        self.outcome = Outcome(message.message, detail, _parse_pair(values, 'x', 'y'), goal)


def _parse_pair(values: dict[str, str], first: str, second: str) -> JointPair | None:
    """Return two values as numbers; None where there are none, or not finite."""
    read: Callable[[str], float] = lambda name: float(values.get(name) or 'nan')  # noqa: E731
    pair = read(first), read(second)
    return pair if isfinite(pair[0]) and isfinite(pair[1]) else None


# MERGED panel.rivals: Whether others send targets, too.

OTHER_PUBLISHER_TIMEOUT_S = 3.0
"""For so long (s) after a target of theirs they are there."""


class OtherPublishers:
    """Watches how many targets of others are answered."""

    def __init__(self) -> None:
        self._count = 0
        self._last_seen = float('-inf')

    def are_active(self, now: float, count: int) -> bool:
        """
        Tell whether they have sent one lately.

        :param now: s, on a clock that nobody sets
        :param count: of their targets, so far
        """
        if count != self._count:
            self._last_seen = now
        self._count = count
        return now - self._last_seen < OTHER_PUBLISHER_TIMEOUT_S
