"""The panel leads the arm along a figure, target by target, until something is in the way."""

from __future__ import annotations

import time
from collections.abc import Callable

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.timer import Timer

from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.nodes.panel.ik_client import IkNodeClient
from ik_nn_ros.panel.shapes import ShapeProgress
from ik_nn_ros.panel.status_text import outcome_text
from ik_nn_ros.panel.view import Outcome, ShapeStatus

TARGET_PERIOD_S = 1.0 / 50.0
"""Between two targets, s."""
ANSWER_TIMEOUT_S = 2.0
"""Without an answer, or held up itself for so long (s), it ends."""
PAGE_TIMEOUT_S = 3.0
"""Without a word from the page that drives for so long (s), it ends."""


class ShapePlayer:
    """
    Sends the targets of one figure, and ends it for good as soon as one is not gone to.

    Nothing begins again by itself: it takes another :meth:`start`.

    :param node: the panel
    :param ik_client: to the ik_node
    :param missing: what is waited for, in words; empty: nothing
    :param tip_error: how far the tip is from where it was sent to, m; None: it was not
    :param page_silence: for how long nothing has been heard of the page that drives, s
    """

    def __init__(
        self,
        node: Node,
        ik_client: IkNodeClient,
        missing: Callable[[], str],
        tip_error: Callable[[], float | None],
        page_silence: Callable[[], float],
    ) -> None:
        self._page_silence = page_silence
        self._node, self._ik_client, self._missing, self._tip_error = (
            node,
            ik_client,
            missing,
            tip_error,
        )
        self.notice = ''
        """Why the last figure has ended; empty: that is clear."""
        self._arm: Kinematics | None = None
        self._progress: ShapeProgress | None = None
        self._timer: Timer | None = None
        self._initial_outcome: Outcome | None = None
        self._initial_other_count = 0
        self._start_time = self._last_step = 0.0

    @property
    def shape(self) -> ShapeStatus | None:
        """What the arm is led along."""
        if self._progress is None:
            return None
        outline = self._progress.shape
        return ShapeStatus(outline.name, outline.width, self._progress.has_begun, outline.points)

    def start(self, arm: Kinematics, progress: ShapeProgress) -> None:
        """Lead this arm along a figure from now on."""
        self.stop()
        self._arm, self._progress = arm, progress
        self._initial_outcome, self._initial_other_count = (
            self._ik_client.outcome,
            self._ik_client.other_target_count,
        )
        self._start_time = self._last_step = time.monotonic()
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer = self._node.create_timer(TARGET_PERIOD_S, self._step, clock=steady)

    def stop(self, reason: str = '') -> None:
        """
        Send no more targets.

        :param reason: in words, if it is not clear
        """
        if self._timer is None or self._progress is None:
            if not reason:
                self.notice = ''
            return
        self.notice = ''
        self._node.destroy_timer(self._timer)
        if reason:
            self.notice = f'The {self._progress.shape.name} has ended: {reason}'
        self._timer = self._progress = self._arm = None

    def _step(self) -> None:
        now = time.monotonic()
        passed, self._last_step = now - self._last_step, now
        why = self._stop_reason(now, passed)
        if why:
            self.stop(why)
        elif self._progress is not None and self._arm is not None:
            behind = (
                self._tip_error() if self._ik_client.outcome is not self._initial_outcome else None
            )
            self._ik_client.go_to(self._arm.plane, self._progress.next_target(passed, behind))

    def _stop_reason(self, now: float, dt: float) -> str:
        """Return why it has to end; empty: it may go on."""
        link, missing = self._ik_client, self._missing()
        outcome = link.outcome
        if missing:
            return missing
        if link.holding:
            return 'the arm is held.'
        if outcome is not self._initial_outcome and outcome is not None and outcome.goal is None:
            return outcome_text(outcome.code, outcome.detail)
        if link.other_target_count != self._initial_other_count:
            return 'something else has sent a target.'
        if self._page_silence() > PAGE_TIMEOUT_S:
            return 'nothing is heard of the page that drives.'
        if dt > ANSWER_TIMEOUT_S:
            return 'the panel was held up.'
        if now - max(link.last_answered, self._start_time) > ANSWER_TIMEOUT_S:
            return 'ik_node does not answer.'
        return ''
