"""Where targets come in: each is answered once, by a command or by a reason code."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import Point, PointStamped, PoseStamped
from nav_msgs.msg import Path
from rclpy.node import Node
from std_msgs.msg import Header

from ik_nn_ros.arm.joint_path import JointPath
from ik_nn_ros.arm.model import Pair
from ik_nn_ros.nodes.arm_commands import ArmCommands
from ik_nn_ros.nodes.following import Following
from ik_nn_ros.nodes.freshness import Freshness
from ik_nn_ros.nodes.qos import overridable
from ik_nn_ros.nodes.reports import Warnings, target_status
from ik_nn_ros.nodes.targets import Answer, Targets
from ik_nn_ros.nodes.waiting import Waiting

DEPTH = 100
"""Targets queued while the node is busy: 100 ms at 1 kHz."""
PATHS = 10
"""The same of paths."""
SOURCES = ('pose', 'point', 'path', 'drag')
Info = Mapping[str, int]
Answered = Callable[[Header, Point, Answer, float], object]


class Target(NamedTuple):
    """
    A target as it came in.

    ``began`` is when, s; ``position`` the place of its last pose; ``stale``: it was sent before an
    outage; ``path``: the whole, where it is more than a place.
    """

    began: float
    header: Header
    position: Point
    stale: bool
    path: Path | None = None


class Reception:
    """
    Takes targets in, has them solved and gone to, and says what became of each.

    :param node: the node
    :param warn: logs what was refused
    :param answered: told each target's header, position and answer, and the time it took, s
    :param timeout: how long a target waits for its transform, s
    """

    def __init__(self, node: Node, warn: Warnings, answered: Answered, timeout: float) -> None:
        self.active = False
        """Whether targets are carried out."""
        self.holding = False
        """Whether they are refused until ``~/resume`` is called."""
        self.targets: Targets | None = None
        self.commands: ArmCommands | None = None
        self._following: Following | None = None
        self._node, self._warn, self._answered = node, warn, answered
        self._waiting: Waiting[Target] = Waiting(node, self._try, timeout)
        self._freshness = {source: Freshness() for source in SOURCES}
        self._statuses = node.create_publisher(
            DiagnosticStatus, '~/target_status', **overridable(DEPTH)
        )
        for kind, topic, take, depth in (
            (PoseStamped, 'target_pose', self._on_pose, DEPTH),
            (PointStamped, 'target_point', self._on_point, DEPTH),
            (Path, 'target_path', self._on_path, PATHS),
        ):
            node.create_subscription(kind, topic, take, **overridable(depth))

    def open(self, targets: Targets, commands: ArmCommands) -> None:
        """
        Have targets solved and gone to from now on.

        :param targets: answers them
        :param commands: takes the arm there
        """
        self.targets, self.commands = targets, commands
        self._following = Following(self._node, targets.frames, self._follow)

    def close(self) -> None:
        """Refuse targets from now on, with NOT_ACTIVE."""
        self.stop()
        if self._following is not None:
            self._following.close()
        self.targets = self.commands = self._following = None

    def stop(self) -> None:
        """Carry nothing out any more."""
        self.active = False
        self.forget_last()
        for target in self._waiting.drain():
            self._try(target, False)

    def forget(self, now: float, since: float) -> None:
        """Carry out nothing that was sent before now; see :meth:`Freshness.outage_ended`."""
        for freshness in self._freshness.values():
            freshness.outage_ended(now, since)
        for target in self._waiting.drain():
            self._try(target._replace(stale=True), False)
        self.forget_last()

    def forget_last(self) -> None:
        """Send the arm no more after its last target, where that moves."""
        if self._following is not None:
            self._following.forget()

    def set_timeout(self, timeout: float) -> None:
        """Have targets wait so long for their transform, s."""
        self._waiting.timeout = timeout

    @property
    def fault(self) -> str:
        """Why the last target is not followed, where it should be; empty: it is."""
        fault = self._following.fault if self._following is not None else ''
        return fault and f'the last target is not followed: {fault}'

    def on_drag(self, message: PoseStamped, info: Info) -> Answer:
        """Take a target that is dragged; return the answer, as it needs no transform."""
        target = self._arrived('drag', info, message.header, message.pose.position)
        answer, path = self._answer(target.began, target)
        return self._carry_out(target.began, target, answer, path)

    def _on_pose(self, message: PoseStamped, info: Info) -> None:
        self._waiting.put(self._arrived('pose', info, message.header, message.pose.position))

    def _on_point(self, message: PointStamped, info: Info) -> None:
        self._waiting.put(self._arrived('point', info, message.header, message.point))

    def _on_path(self, message: Path, info: Info) -> None:
        last = message.poses[-1].pose.position if message.poses else Point()
        target = self._arrived('path', info, message.header, last)
        self._waiting.put(target._replace(path=message))

    def _arrived(self, source: str, info: Info, header: Header, position: Point) -> Target:
        now = time.monotonic()
        stale = self._freshness[source].is_stale(now, info['source_timestamp'])
        return Target(now, header, position, stale)

    def _try(self, target: Target, may_wait: bool) -> bool:
        """Answer a target, unless it may wait for a transform."""
        # One that has waited is carried out from now on.
        now = time.monotonic() if len(self._waiting) else target.began
        answer, path = self._answer(now, target)
        if answer.may_come and may_wait:
            return False
        self._carry_out(now, target, answer, path)
        return True

    def _answer(self, now: float, target: Target) -> tuple[Answer, JointPath | None]:
        """Return the answer, and the joints along the path if it is one."""
        refusal = self._refusal(now, target.stale)
        if refusal is not None:
            return refusal, None
        commander = self.commands.commander
        place = commander.place(now)
        if target.path is not None:
            return self.targets.answer_path(target.path, place)
        admits = commander.admits(now)
        answer = self.targets.answer(target.header, target.position, place, admits)
        return self._with_obstacle(answer), None

    def _refusal(self, now: float, stale: bool) -> Answer | None:
        """Return the answer to any target, whatever it is; None: it depends."""
        if not self.active or self.targets is None or self.commands is None:
            state = 'unconfigured' if self.targets is None else 'inactive'
            return Answer('NOT_ACTIVE', f'lifecycle state: got {state}, expected active')
        if self.holding:
            return Answer('HOLDING', 'holding still until ~/resume is called')
        if stale:
            return Answer('TOO_OLD', 'sent before the arm, its joint_states or this node were back')
        refusal = self.commands.commander.refusal(now)
        return Answer(refusal.code, refusal.detail) if refusal is not None else None

    def _with_obstacle(self, answer: Answer) -> Answer:
        if answer.code != 'OBSTRUCTED':
            return answer
        return answer._replace(detail=f'{answer.detail}: {self.commands.commander.obstacle}')

    def _carry_out(
        self, now: float, target: Target, answer: Answer, path: JointPath | None
    ) -> Answer:
        """Go where the answer says, if anywhere; tell what has become of it, and return that."""
        if path is not None:
            answer = self._go_along(now, answer, path)
        elif answer.solution is not None and answer.solution.q is not None:
            self.commands.publish(self.commands.commander.go_to(now, answer.solution.q))
            self._following.track(answer.point, answer.anchor)
        if answer.solution is None:
            cause = 'stale' if target.stale else answer.code
            self._warn(cause, f'target refused, {answer.code}: {answer.detail}')
        took = time.monotonic() - target.began
        self._answered(target.header, target.position, answer, took)
        if self._statuses.get_subscription_count():
            arm = self.targets.solver.arm.name if self.targets is not None else ''
            name = self._node.get_name()
            self._statuses.publish(target_status(name, arm, target.header, answer))
        return answer

    def _go_along(self, now: float, answer: Answer, path: JointPath) -> Answer:
        refusal = self.commands.commander.go_along(now, path)
        if refusal is not None:
            return Answer(refusal.code, refusal.detail, answer.point)
        self.forget_last()
        self.commands.hand_over()
        return answer

    def _follow(self, point: Pair) -> str:
        """Send the arm after its last target, m; return '' or why it does not go."""
        now = time.monotonic()
        answer = self._refusal(now, stale=False)
        if answer is None:
            commander = self.commands.commander
            place, admits = commander.place(now), commander.admits(now)
            answer = self._with_obstacle(self.targets.answer_point(point, place, admits, None))
        if answer.solution is None or answer.solution.q is None:
            return f'{answer.code}: {answer.detail}'
        self.commands.publish(self.commands.commander.go_to(now, answer.solution.q))
        return ''
