"""The panel leads the arm along a figure, target by target, until something is in the way."""

from __future__ import annotations

import time
from collections.abc import Callable

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.timer import Timer

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.nodes.panel_link import IkLink
from ik_nn_ros.panel.tracing import Tracing
from ik_nn_ros.panel.view import Figure, Outcome
from ik_nn_ros.panel.words import outcome_words

PERIOD = 1.0 / 50.0
"""Between two targets, s."""
SILENCE = 2.0
"""Without an answer, or held up itself for so long (s), it ends."""
UNHEARD = 3.0
"""Without a word from the page that drives for so long (s), it ends."""


class FigureLead:
    """
    Sends the targets of one figure, and ends it for good as soon as one is not gone to.

    Nothing begins again by itself: it takes another :meth:`start`.

    :param node: the panel
    :param link: to the ik_node
    :param missing: what is waited for, in words; empty: nothing
    :param behind: how far the tip is from where it was sent to, m; None: it was not
    :param unheard: for how long nothing has been heard of the page that drives, s
    """

    def __init__(
        self,
        node: Node,
        link: IkLink,
        missing: Callable[[], str],
        behind: Callable[[], float | None],
        unheard: Callable[[], float],
    ) -> None:
        self._unheard = unheard
        self._node, self._link, self._missing, self._behind = node, link, missing, behind
        self.notice = ''
        """Why the last figure has ended; empty: that is clear."""
        self._arm: ArmModel | None = None
        self._tracing: Tracing | None = None
        self._timer: Timer | None = None
        self._before: Outcome | None = None
        self._others = 0
        self._started = self._last = 0.0

    @property
    def figure(self) -> Figure | None:
        """What the arm is led along."""
        if self._tracing is None:
            return None
        outline = self._tracing.outline
        return Figure(outline.name, outline.width, self._tracing.has_begun, outline.points)

    def start(self, arm: ArmModel, tracing: Tracing) -> None:
        """Lead this arm along a figure from now on."""
        self.stop()
        self._arm, self._tracing = arm, tracing
        self._before, self._others = self._link.outcome, self._link.others
        self._started = self._last = time.monotonic()
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer = self._node.create_timer(PERIOD, self._step, clock=steady)

    def stop(self, why: str = '') -> None:
        """
        Send no more targets.

        :param why: in words, if it is not clear
        """
        if self._timer is None or self._tracing is None:
            if not why:
                self.notice = ''
            return
        self.notice = ''
        self._node.destroy_timer(self._timer)
        if why:
            self.notice = f'The {self._tracing.outline.name} has ended: {why}'
        self._timer = self._tracing = self._arm = None

    def _step(self) -> None:
        now = time.monotonic()
        passed, self._last = now - self._last, now
        why = self._hindrance(now, passed)
        if why:
            self.stop(why)
        elif self._tracing is not None and self._arm is not None:
            behind = self._behind() if self._link.outcome is not self._before else None
            self._link.go_to(self._arm.plane, self._tracing.next(passed, behind))

    def _hindrance(self, now: float, passed: float) -> str:
        """Return why it has to end; empty: it may go on."""
        link, missing = self._link, self._missing()
        outcome = link.outcome
        if missing:
            return missing
        if link.holding:
            return 'the arm is held.'
        if outcome is not self._before and outcome is not None and outcome.goal is None:
            return outcome_words(outcome.code, outcome.detail)
        if link.others != self._others:
            return 'something else has sent a target.'
        if self._unheard() > UNHEARD:
            return 'nothing is heard of the page that drives.'
        if passed > SILENCE:
            return 'the panel was held up.'
        if now - max(link.answered, self._started) > SILENCE:
            return 'ik_node does not answer.'
        return ''
