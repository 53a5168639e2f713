"""Drawing of a shape: sends its targets one by one until something prevents it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.timer import Timer

from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.nodes.panel.ik_client import IkNodeClient
from ik_nn_ros.panel.shapes import ShapeProgress
from ik_nn_ros.panel.status_text import outcome_text
from ik_nn_ros.panel.view import Outcome, ShapeStatus

TARGET_PERIOD_S = 1.0 / 50.0
"""Period of the targets, s."""
ANSWER_TIMEOUT_S = 2.0
"""Time without an answer, or with the panel itself stalled, after which drawing ends, s."""
PAGE_TIMEOUT_S = 3.0
"""Silence of the page that drives after which drawing ends, s."""


@dataclass
class Drawing:
    """
    One shape that is being drawn.

    :param arm: the arm
    :param progress: the moving target
    :param timer: timer that sends the targets
    :param initial_outcome: result of the last target before the first one of this shape
    :param initial_other_count: number of targets that other nodes had sent before
    :param started: start time, s
    :param last_step: time of the last target, s
    """

    arm: Kinematics
    progress: ShapeProgress
    timer: Timer
    initial_outcome: Outcome | None
    initial_other_count: int
    started: float
    last_step: float


class ShapePlayer:
    """
    Sends the targets of one shape, and ends it for good when the arm does not follow one.

    Drawing never resumes by itself: that takes another :meth:`start`.

    :param node: the panel
    :param ik_client: client of the ik_node
    :param missing: returns what the panel waits for, a sentence, or '' if nothing is missing
    :param tip_error: returns the distance of the tip from its goal, m, or None without a goal
    :param page_silence: returns the time since the page that drives was last heard, s
    """

    def __init__(
        self,
        node: Node,
        ik_client: IkNodeClient,
        missing: Callable[[], str],
        tip_error: Callable[[], float | None],
        page_silence: Callable[[], float],
    ) -> None:
        self._node, self._ik_client = node, ik_client
        self._missing, self._tip_error, self._page_silence = missing, tip_error, page_silence
        self._drawing: Drawing | None = None
        self._notice = ''

    @property
    def shape(self) -> ShapeStatus | None:
        """Shape that is being drawn."""
        if self._drawing is None:
            return None
        progress = self._drawing.progress
        shape = progress.shape
        return ShapeStatus(shape.name, shape.width, progress.has_begun, shape.points)

    @property
    def notice(self) -> str:
        """Why the last shape was ended or not begun; empty if that needs no explanation."""
        return self._notice

    def start(self, arm: Kinematics, progress: ShapeProgress) -> None:
        """Draw a shape, in place of the previous one."""
        self.stop()
        now = time.monotonic()
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._drawing = Drawing(
            arm,
            progress,
            self._node.create_timer(TARGET_PERIOD_S, self._step, clock=steady),
            self._ik_client.outcome,
            self._ik_client.other_target_count,
            started=now,
            last_step=now,
        )

    def reject(self, reason: str) -> None:
        """Draw nothing, and say why, as a sentence."""
        self.stop()
        self._notice = reason

    def stop(self, reason: str = '') -> None:
        """
        End the shape.

        :param reason: why, as a sentence; empty: it needs no explanation
        """
        if self._drawing is None:
            if not reason:
                self._notice = ''
            return
        self._node.destroy_timer(self._drawing.timer)
        name = self._drawing.progress.shape.name
        self._notice = f'Stopped drawing the {name}: {reason}' if reason else ''
        self._drawing = None

    def _step(self) -> None:
        drawing = self._drawing
        if drawing is None:
            return
        now = time.monotonic()
        dt, drawing.last_step = now - drawing.last_step, now
        reason = self._stop_reason(drawing, now, dt)
        if reason:
            self.stop(reason)
            return
        is_answered = self._ik_client.outcome is not drawing.initial_outcome
        target = drawing.progress.next_target(dt, self._tip_error() if is_answered else None)
        self._ik_client.go_to(drawing.arm.plane, target)

    def _stop_reason(self, drawing: Drawing, now: float, dt: float) -> str:
        """Return why the shape has to end, or '' if it can continue."""
        client, missing = self._ik_client, self._missing()
        outcome = client.outcome
        if missing:
            return missing
        if client.holding:
            return 'the arm is held.'
        if outcome is not None and outcome is not drawing.initial_outcome and outcome.goal is None:
            return outcome_text(outcome.code, outcome.detail)
        if client.other_target_count != drawing.initial_other_count:
            return 'another node has sent a target.'
        if self._page_silence() > PAGE_TIMEOUT_S:
            return 'the page that drives does not respond.'
        if dt > ANSWER_TIMEOUT_S:
            return 'the panel was stalled.'
        if now - max(client.last_answered, drawing.started) > ANSWER_TIMEOUT_S:
            return 'ik_node does not answer.'
        return ''
