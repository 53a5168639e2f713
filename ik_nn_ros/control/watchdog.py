"""Watchdog that checks whether the joints follow their command."""

from __future__ import annotations

from math import inf

from ik_nn_ros.arm.geometry import JointPair

SERVO_LAG_S = 0.1
"""Time by which an ordinary servo lags behind its command, s."""
CAUTIOUS_SPEED_RATIO = 0.1
"""
Fraction of the velocity limits for joints outside their limits, or not yet seen to follow.

A joint that does not follow may begin to at any time, and must not jump then.
"""
CATCH_UP_TIMEOUT_S = 0.5
"""Time within which the joints must make progress towards a command that waits for them, s."""
MIN_PROGRESS_RAD = 0.01
"""Decrease of the distance to the command that counts as progress, rad."""
RESPONSE_DISTANCE_RAD = 0.03
"""Distance that joint and command must have moved for the joint to count as responsive, rad."""


def exceeds_tracking_tolerance(
    q: JointPair, command: JointPair, velocity: JointPair, tolerance: float
) -> bool:
    """
    Tell whether a joint is farther from its command than the tolerance and an ordinary lag.

    :param q: measured positions, rad
    :param command: rad
    :param velocity: velocity of the command, rad/s
    :param tolerance: largest distance of a standing joint from its command, rad
    """
    return any(
        abs(commanded - measured) > tolerance + SERVO_LAG_S * abs(speed)
        for measured, commanded, speed in zip(q, command, velocity, strict=True)
    )


class TrackingMonitor:
    """
    Comparison of the measured joints with their command.

    :param start: (q1, q2) of both at the start, rad
    :param tolerance: largest distance of a standing joint from its command, rad
    """

    def __init__(self, start: JointPair, tolerance: float) -> None:
        self._start = start
        self._tolerance = tolerance
        self._min_distance = inf
        self._progress_at = -inf
        self.responsive = False, False
        """Which joints have been seen to move as commanded."""

    def is_lagging(self, q: JointPair, command: JointPair, velocity: JointPair) -> bool:
        """
        Tell whether a joint is farther behind its command than an ordinary servo.

        :param q: measured positions, rad
        :param command: rad
        :param velocity: velocity of the command, rad/s
        """
        return exceeds_tracking_tolerance(q, command, velocity, self._tolerance)

    def update_responsive(self, q: JointPair, command: JointPair) -> bool:
        """Update which joints are responsive; return whether that has changed."""
        previous = self.responsive
        first, second = (
            responsive
            or (
                min(abs(measured - start), abs(commanded - start)) >= RESPONSE_DISTANCE_RAD
                and (measured > start) == (commanded > start)
            )
            for responsive, start, measured, commanded in zip(
                previous, self._start, q, command, strict=True
            )
        )
        self.responsive = first, second
        return self.responsive != previous

    def start_waiting(self) -> None:
        """Start to wait for the joints to catch up."""
        self._min_distance, self._progress_at = inf, -inf

    def is_progressing(self, now: float, distance: float) -> bool:
        """
        Tell whether the joints still approach a command that waits for them.

        :param now: s
        :param distance: distance of the joints from the command, rad
        """
        if distance < self._min_distance - MIN_PROGRESS_RAD:
            self._min_distance, self._progress_at = distance, now
        return now - self._progress_at <= CATCH_UP_TIMEOUT_S
