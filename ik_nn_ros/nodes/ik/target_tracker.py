"""Keep the arm at its last target while the target's frame moves."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import dist

from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from ik_nn_ros.arm.geometry import JointPair
from ik_nn_ros.nodes.ik.frames import Anchor, FrameError, PlaneTransformer

TRACKING_PERIOD_S = 0.02
"""s between two looks."""
MIN_STEP_M, RESTART_DISTANCE_M, REST_TIME_S = 1e-4, 2e-3, 0.5
"""
m a target moves before the arm is sent after it; the same once it has rested for so long, s: the
noise of a base that stands is not followed.
"""
STALE_TRANSFORM_S = 1.0
"""s without a newer transform, where there were some, after which that is said."""


class TargetTracker:
    """
    Sends the arm after its last target.

    Where the target cannot be had any more, the arm stays where it was sent last, and ``fault``
    says why; it goes on as soon as it can.

    :param node: has the timer, which runs only while there is a target to follow
    :param frames: finds the target
    :param carry_out: sends the arm to a point of its plane, m; returns '' or why it does not go
    """

    def __init__(
        self, node: Node, plane_transformer: PlaneTransformer, go_to: Callable[[JointPair], str]
    ) -> None:
        self._node = node
        self._plane_transformer = plane_transformer
        self._go_to = go_to
        self._anchor: Anchor | None = None
        self._sent_point = (0.0, 0.0)
        self._transform_stamp, self._last_transform_time, self._last_sent_time = 0, 0.0, 0.0
        self.error = ''
        # On the steady clock: frames may be told of while a simulated one stands still.
        self._timer = node.create_timer(
            TRACKING_PERIOD_S, self.update, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )
        self._timer.cancel()

    def track(self, point: JointPair, anchor: Anchor | None) -> None:
        """Take note that the arm was sent to a target, and where that stays."""
        if anchor is None:
            if self._anchor is not None:
                self.stop()
            return
        if self._anchor is None:
            self._timer.reset()
        if self._anchor is None or anchor.frame != self._anchor.frame:
            self._transform_stamp, self._last_transform_time = 0, time.monotonic()
        self._anchor, self._sent_point, self._last_sent_time = anchor, point, time.monotonic()

    def stop(self) -> None:
        """Follow nothing: on hold, and whenever older targets are not to be carried out."""
        self._timer.cancel()
        self._anchor = None
        self.error = ''

    def close(self) -> None:
        """Give the timer back."""
        self.stop()
        self._node.destroy_timer(self._timer)

    def update(self) -> None:
        """Send the arm after the target if that has moved."""
        anchor = self._anchor
        if anchor is None:
            return
        try:
            point, stamp = self._plane_transformer.anchor_to_plane(anchor)
        except FrameError as error:
            self.error = f'{error.reason}: {error}'
            return
        self.error = self._staleness_error(anchor.frame, stamp)
        now = time.monotonic()
        rests = now - self._last_sent_time > REST_TIME_S
        if dist(point, self._sent_point) <= (RESTART_DISTANCE_M if rests else MIN_STEP_M):
            return
        refused = self._go_to(point)
        if refused:
            self.error = refused
        else:
            self._sent_point, self._last_sent_time = point, now

    def _staleness_error(self, frame: str, stamp: int) -> str:
        """Return what is to be said when transforms no longer come, or ''."""
        now = time.monotonic()
        if stamp != self._transform_stamp or stamp == 0:
            self._transform_stamp, self._last_transform_time = stamp, now
        if now - self._last_transform_time <= STALE_TRANSFORM_S:
            return ''
        return (
            f'transform from {frame!r} to {self._plane_transformer.base_frame!r}: got none newer than '
            f'{1e-9 * stamp:.3f} s for more than {STALE_TRANSFORM_S:g} s; the arm stays where it is'
        )
