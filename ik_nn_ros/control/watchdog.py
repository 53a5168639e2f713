"""Whether the joints follow their command."""

from __future__ import annotations

from math import inf

from ik_nn_ros.arm.geometry import JointPair

SERVO_LAG_S = 0.1
"""How far (s) behind its command an ordinary servo moves."""
CATCH_UP_TIMEOUT_S = 0.5
"""How long (s) the joints may come no nearer to a command that waits for them."""
MIN_PROGRESS_RAD = 0.01
"""By how much (rad) they are nearer then."""
RESPONSE_DISTANCE_RAD = 0.03
"""How far (rad) a joint has moved that is known to obey."""


class TrackingMonitor:
    """
    Compares the joints with their command.

    :param start: (q1, q2) where both were when it began, rad
    :param tolerance: largest distance of a joint at rest from its command, rad
    """

    def __init__(self, start: JointPair, tolerance: float) -> None:
        self._start = start
        self._tolerance = tolerance
        self._min_distance = inf
        self._progress_at = -inf
        self.responsive = False, False
        """Which joints are known to move as commanded."""

    def is_lagging(self, q: JointPair, command: JointPair, velocity: JointPair) -> bool:
        """
        Tell whether the command has left the joints behind.

        :param q: measured positions, rad
        :param command: rad
        :param velocity: of the command, rad/s
        """
        return any(
            abs(to - at) > self._tolerance + SERVO_LAG_S * abs(speed)
            for at, to, speed in zip(q, command, velocity, strict=True)
        )

    def update_responsive(self, q: JointPair, command: JointPair) -> bool:
        """Look which joints obey; return whether that has changed."""
        before = self.responsive
        first, second = (
            obeys
            or (
                min(abs(at - start), abs(to - start)) >= RESPONSE_DISTANCE_RAD
                and (at > start) == (to > start)
            )
            for obeys, start, at, to in zip(before, self._start, q, command, strict=True)
        )
        self.responsive = first, second
        return self.responsive != before

    def start_waiting(self) -> None:
        """Begin to wait for the joints."""
        self._min_distance, self._progress_at = inf, -inf

    def is_progressing(self, now: float, distance: float) -> bool:
        """
        Tell whether there is a point in waiting longer.

        :param now: s
        :param distance: distance of the joints from the command, rad
        """
        if distance < self._min_distance - MIN_PROGRESS_RAD:
            self._min_distance, self._progress_at = distance, now
        return now - self._progress_at <= CATCH_UP_TIMEOUT_S
