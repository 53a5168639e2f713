"""Keep the arm at its last target while the target's frame moves."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import dist

from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from ik_nn_ros.arm.model import Pair
from ik_nn_ros.nodes.frames import Anchor, FrameError, Frames

PERIOD = 0.02
"""s between two looks."""
STEP, AWAKE, REST = 1e-4, 2e-3, 0.5
"""
m a target moves before the arm is sent after it; the same once it has rested for so long, s: the
noise of a base that stands is not followed.
"""
SILENCE = 1.0
"""s without a newer transform, where there were some, after which that is said."""


class Following:
    """
    Sends the arm after its last target.

    Where the target cannot be had any more, the arm stays where it was sent last, and ``fault``
    says why; it goes on as soon as it can.

    :param node: has the timer, which runs only while there is a target to follow
    :param frames: finds the target
    :param carry_out: sends the arm to a point of its plane, m; returns '' or why it does not go
    """

    def __init__(self, node: Node, frames: Frames, carry_out: Callable[[Pair], str]) -> None:
        self._node = node
        self._frames = frames
        self._carry_out = carry_out
        self._anchor: Anchor | None = None
        self._point = (0.0, 0.0)
        self._stamp, self._heard, self._sent = 0, 0.0, 0.0
        self.fault = ''
        # On the steady clock: frames may be told of while a simulated one stands still.
        self._timer = node.create_timer(
            PERIOD, self.look, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )
        self._timer.cancel()

    def track(self, point: Pair, anchor: Anchor | None) -> None:
        """Take note that the arm was sent to a target, and where that stays."""
        if anchor is None:
            if self._anchor is not None:
                self.forget()
            return
        if self._anchor is None:
            self._timer.reset()
        if self._anchor is None or anchor.frame != self._anchor.frame:
            self._stamp, self._heard = 0, time.monotonic()
        self._anchor, self._point, self._sent = anchor, point, time.monotonic()

    def forget(self) -> None:
        """Follow nothing: on hold, and whenever older targets are not to be carried out."""
        self._timer.cancel()
        self._anchor = None
        self.fault = ''

    def close(self) -> None:
        """Give the timer back."""
        self.forget()
        self._node.destroy_timer(self._timer)

    def look(self) -> None:
        """Send the arm after the target if that has moved."""
        anchor = self._anchor
        if anchor is None:
            return
        try:
            point, stamp = self._frames.follow(anchor)
        except FrameError as error:
            self.fault = f'{error.reason}: {error}'
            return
        self.fault = self._silence(anchor.frame, stamp)
        now = time.monotonic()
        rests = now - self._sent > REST
        if dist(point, self._point) <= (AWAKE if rests else STEP):
            return
        refused = self._carry_out(point)
        if refused:
            self.fault = refused
        else:
            self._point, self._sent = point, now

    def _silence(self, frame: str, stamp: int) -> str:
        """Return what is to be said when transforms no longer come, or ''."""
        now = time.monotonic()
        if stamp != self._stamp or stamp == 0:
            self._stamp, self._heard = stamp, now
        if now - self._heard <= SILENCE:
            return ''
        return (
            f'transform from {frame!r} to {self._frames.base!r}: got none newer than '
            f'{1e-9 * stamp:.3f} s for more than {SILENCE:g} s; the arm stays where it is'
        )
