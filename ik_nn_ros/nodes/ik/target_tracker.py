"""Tracking of the last target while its frame moves relative to the arm."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import dist

from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from ik_nn_ros.arm.geometry import Point2
from ik_nn_ros.nodes.ik.frames import Anchor, FrameError, PlaneTransformer

TRACKING_PERIOD_S = 0.02
"""Period with which the target is looked up, s."""
MIN_STEP_M = 1e-4
"""Distance a target must move before the arm follows it, m."""
REST_TIME_S = 0.5
"""Time after which a target that has not moved counts as resting, s."""
RESTART_DISTANCE_M = 2e-3
"""Distance a resting target must move before the arm follows it, m; above localization noise."""
STALE_TRANSFORM_S = 1.0
"""Time without a newer transform of a moving frame after which an error is reported, s."""


class TargetTracker:
    """
    Tracker that sends the arm after its last target.

    While the target cannot be reached or looked up, the arm stays at its last goal and
    :attr:`error` says why; tracking continues as soon as it can.

    :param node: node whose timer looks the target up, while there is one to track
    :param plane_transformer: transforms the target into the arm's plane
    :param go_to: sends the arm to a point of its plane, m; returns why not, or ''
    """

    def __init__(
        self, node: Node, plane_transformer: PlaneTransformer, go_to: Callable[[Point2], str]
    ) -> None:
        self._node = node
        self._plane_transformer = plane_transformer
        self._go_to = go_to
        self._anchor: Anchor | None = None
        self._sent_point: Point2 = (0.0, 0.0)
        self._transform_stamp = 0
        self._last_transform_time = self._last_sent_time = 0.0
        self._error = ''
        # The steady clock: transforms may be published while a simulated clock stands still.
        self._timer = node.create_timer(
            TRACKING_PERIOD_S, self.update, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )
        self._timer.cancel()

    @property
    def error(self) -> str:
        """Why the target is not tracked; '' if it is, or there is none."""
        return self._error

    def track(self, point: Point2, anchor: Anchor | None) -> None:
        """
        Track a target that the arm has been sent to.

        :param point: target in the arm's plane, m
        :param anchor: what the target is fixed to; None: it does not move, nothing is tracked
        """
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
        """Track nothing."""
        self._timer.cancel()
        self._anchor = None
        self._error = ''

    def close(self) -> None:
        """Destroy the timer."""
        self.stop()
        self._node.destroy_timer(self._timer)

    def update(self) -> None:
        """Look the target up, and send the arm after it if it has moved."""
        anchor = self._anchor
        if anchor is None:
            return
        try:
            point, stamp = self._plane_transformer.anchor_to_plane(anchor)
        except FrameError as error:
            self._error = f'{error.reason}: {error}'
            return
        self._error = self._staleness_error(anchor.frame, stamp)
        now = time.monotonic()
        is_resting = now - self._last_sent_time > REST_TIME_S
        if dist(point, self._sent_point) <= (RESTART_DISTANCE_M if is_resting else MIN_STEP_M):
            return
        rejection = self._go_to(point)
        if rejection:
            self._error = rejection
        else:
            self._sent_point, self._last_sent_time = point, now

    def _staleness_error(self, frame: str, stamp: int) -> str:
        """
        Return an error if transforms no longer arrive, or ''.

        :param frame: of the target
        :param stamp: of the latest transform, ns; 0: the frame never moves
        """
        now = time.monotonic()
        if stamp != self._transform_stamp or stamp == 0:
            self._transform_stamp, self._last_transform_time = stamp, now
        if now - self._last_transform_time <= STALE_TRANSFORM_S:
            return ''
        return (
            f'transform from {frame!r} to {self._plane_transformer.base_frame!r}: got none newer '
            f'than {1e-9 * stamp:.3f} s for more than {STALE_TRANSFORM_S:g} s; the arm stays where '
            'it is'
        )
