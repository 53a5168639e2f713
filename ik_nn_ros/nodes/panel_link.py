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
from rclpy.node import Node
from std_srvs.srv import Trigger

from ik_nn_ros.arm.model import JointPair
from ik_nn_ros.arm.plane import Plane
from ik_nn_ros.nodes.panel_calls import Calls
from ik_nn_ros.nodes.panel_parameters import RemoteParameters
from ik_nn_ros.nodes.qos import overridable_qos
from ik_nn_ros.panel.view import Figure, Outcome, View
from ik_nn_ros.panel.words import NOT_HELD, SENT, SILENT

DEPTH = 100
ZONES = ('keep_out.circles', 'keep_out.half_planes', 'keep_out.margin')
SHOWN = ('branch', 'speed_scale', 'max_velocity', 'calibration_file', *ZONES)
"""Parameters of the ik_node that the page shows."""
HOLDING, IDLE = 'holding', ('not configured', 'not active')
"""How /diagnostics says that no targets are carried out."""
UNANSWERED = 100
"""Targets whose answers are waited for at most, to tell how long they take."""
PROMPT, PATIENCE = 0.3, 1.0
"""After so long (s) a target without an answer is shown as one, and it is said that none comes."""
SILENCE = 3.0
"""An ik_node whose diagnostics have not come for so long (s) is missed."""


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
        """Of the last target that was answered; None: there has been none."""
        self._point: JointPair | None = None
        """Where the last target of ours is, m."""
        self._waiting: float | None = None
        """Since when an answer to a target of ours is waited for, s; None: none is."""
        self._calls = Calls()
        self._is_asked_to_hold = False
        self._latency: float | None = None
        self.holding: bool | None = None
        """Whether it refuses targets until it is resumed; None: not known."""
        self.parameters = RemoteParameters(node, name, SHOWN, self._calls)
        self.problem = ''
        """Why the last thing asked for was not done; empty: it was."""
        self.answered = 0.0
        """When a target of ours was answered last, s, on the steady clock."""
        self.others = 0
        """How many targets of others it has answered."""
        self._health = ''
        """Why it carries out no targets, as it says itself; empty: it does."""
        self._heard = self._looked = 0.0
        """When its diagnostics came last, or it did itself, s."""
        self._targets = node.create_publisher(PoseStamped, 'target_pose', **overridable_qos(DEPTH))
        of = partial('{}/{}'.format, name)
        status = of('target_status')
        node.create_subscription(
            DiagnosticStatus, status, self._on_status, **overridable_qos(DEPTH)
        )
        node.create_subscription(
            DiagnosticArray, '/diagnostics', self._on_diagnostics, **overridable_qos(DEPTH)
        )
        self._hold = node.create_client(Trigger, of('hold'))
        self._resume = node.create_client(Trigger, of('resume'))

    def look(self) -> None:
        """See whether the ik_node is there."""
        was_there, now = self.parameters.is_there, time.monotonic()
        if now - self._looked > PATIENCE:
            self._heard = now  # the panel was held up itself; what was said is still to be read
        self._looked = now
        self.parameters.look()
        self._calls.look()
        if was_there and not self.parameters.is_there:
            self._forget()
        elif self.parameters.is_there and not was_there:
            self._heard = now

    def _forget(self) -> None:
        """Know no more what an ik_node that is gone has said: the next one has not said it."""
        self.holding, self._health, self.problem = None, '', ''
        self.outcome, self._latency, self._waiting = None, None, None
        self._sent.clear()

    @property
    def shown(self) -> Outcome | None:
        """What the page is to show of the last target: an answer, or that there is none."""
        waited = 0.0 if self._waiting is None else time.monotonic() - self._waiting
        if waited < PROMPT:
            return self.outcome
        return Outcome(SENT if waited < PATIENCE else SILENT, point=self._point)

    @property
    def missing(self) -> Iterator[str]:
        """What is waited for, a sentence each."""
        topic = self._node.resolve_topic_name('target_pose')
        if not self.parameters.is_there:
            yield f'`ik_node`: there is no node {self._full_name}'
        elif not self._targets.get_subscription_count():
            yield f'`ik_node`: {self._full_name} takes no targets on {topic}'
        elif self._health:
            yield f'`ik_node`: {self._health}'
        elif time.monotonic() - self._heard > SILENCE:
            yield f'`ik_node`: {self._full_name} is silent: it does not run, or is not heard'

    def view(
        self, missing: tuple[str, ...], tip_error: float | None, figure: Figure | None
    ) -> View:
        """
        Return what the page is to show.

        :param missing: what is waited for
        :param tip_error: distance of the tip from where it was sent to, m
        :param figure: what the arm is led along
        """
        values, shown = self.parameters.values, self.shown
        is_answered = shown is self.outcome
        return View(
            missing=missing,
            holding=self.holding,
            branch=values.get('branch') or '',
            speed_scale=values.get('speed_scale'),
            outcome=shown,
            stages=dict(self._stages),
            refused=self._refused,
            tip_error=tip_error if is_answered else None,
            latency=self._latency if is_answered else None,
            problem=self.problem,
            is_holding=self._is_asked_to_hold,
            figure=figure,
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
        while len(self._sent) >= UNANSWERED:
            self._sent.pop(next(iter(self._sent)))
        stamp = message.header.stamp
        now = time.monotonic()
        self._sent[f'{stamp.sec}.{stamp.nanosec:09d}'] = now
        if self.problem != NOT_HELD:
            self.problem = ''  # of what was asked for before
        self._point, self._waiting = point, now if self._waiting is None else self._waiting
        self._targets.publish(message)

    def hold(self) -> None:
        """Have the arm brought to rest."""
        self._is_asked_to_hold = self._hold.service_is_ready()
        self._trigger(self._hold, True)

    def resume(self) -> None:
        """Have targets carried out again."""
        self._trigger(self._resume, False)

    def set_parameter(self, name: str, value: str | float) -> None:
        """Set a parameter of the ik_node."""
        self.parameters.set(name, value, partial(self._on_set, name))

    def _trigger(self, client: Any, holding: bool) -> None:
        def done(response: Trigger.Response) -> None:
            self._is_asked_to_hold = False
            self.problem = '' if response.success else response.message
            self.holding = holding
            if self.outcome is not None and self.outcome.code == 'HOLDING':
                self.outcome = None  # it is over

        def late() -> None:
            self._is_asked_to_hold = False
            self.problem = NOT_HELD if holding else f'{client.srv_name}: no answer'

        if client.service_is_ready():
            self._calls.call(client, Trigger.Request(), done, late)
        else:
            late()

    # What the ik_node says

    def _on_set(self, name: str, refusal: str) -> None:
        self.problem = refusal and f'{name} was not changed: {refusal}.'

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name == f'{self._full_name.lstrip("/")}: targets':
                self._heard = time.monotonic()
                self.holding = status.message == HOLDING
                if self.holding and self.problem == NOT_HELD:
                    self.problem = ''  # it was only its answer that was lost
                idle = status.message in IDLE or status.level == DiagnosticStatus.ERROR
                self._health = status.message if idle else ''

    def _on_status(self, message: DiagnosticStatus) -> None:
        values = {entry.key: entry.value for entry in message.values}
        sent = self._sent.pop(values.get('stamp', ''), None)
        if sent is None:
            self.others += 1
        else:
            self.answered = time.monotonic()
            self._latency = self.answered - sent
        # Of several that came together only the last may be answered.
        later = [at for at in self._sent.values() if sent is not None and at > sent]
        self._waiting = min(later, default=None)
        goal = _pair(values, 'q1', 'q2')
        if goal is None:
            self._refused += 1
        else:
            self._stages[values.get('stage', '')] += 1
            self.holding, self.problem = False, ''
        detail = values.get('detail', '')
        self.outcome = Outcome(message.message, detail, _pair(values, 'x', 'y'), goal)


def _pair(values: dict[str, str], first: str, second: str) -> JointPair | None:
    """Return two values as numbers; None where there are none, or not finite."""
    read: Callable[[str], float] = lambda name: float(values.get(name) or 'nan')  # noqa: E731
    pair = read(first), read(second)
    return pair if isfinite(pair[0]) and isfinite(pair[1]) else None
