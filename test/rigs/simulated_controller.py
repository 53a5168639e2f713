"""A joint_trajectory_controller and its arm, as far as a path sent as a whole depends on them."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from processes import Client
from scipy.interpolate import CubicHermiteSpline
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory

from ik_nn_ros.arm.geometry import JointPair

PERIOD_S = 0.01


def time_from_start(point: Any) -> float:
    """Return the time of a trajectory point, s."""
    return point.time_from_start.sec + 1e-9 * point.time_from_start.nanosec


class SimulatedController:
    """
    Follows the last trajectory by cubics from its last desired state, and stops at its end.

    So does joint_trajectory_controller with ``interpolate_from_desired_state``.

    :param client: spins it
    :param q: where it stands, rad
    """

    def __init__(self, client: Client, q: JointPair) -> None:
        self.q, self.velocity = np.array(q, dtype=float), np.zeros(2)
        self.received: list[JointTrajectory] = []
        self.log: list[tuple[float, float, float]] = []
        """Time (s) and joints (rad), each period."""
        self.publishes = True
        """Whether it publishes joint_states."""
        self._node = client.node
        self._start, self._duration = time.monotonic(), 0.0
        self._spline: CubicHermiteSpline | None = None
        self._publisher = self._node.create_publisher(JointState, 'joint_states', 10)
        self._node.create_subscription(JointTrajectory, 'joint_trajectory', self._on_trajectory, 10)
        self._node.create_timer(PERIOD_S, self._update)

    def _on_trajectory(self, message: JointTrajectory) -> None:
        self._advance()
        self.received.append(message)
        self._start = time.monotonic()
        times = [0.0, *map(time_from_start, message.points)]
        q = [self.q, *(point.positions for point in message.points)]
        velocities = [self.velocity, *(point.velocities for point in message.points)]
        self._duration = times[-1]
        self._spline = CubicHermiteSpline(times, q, velocities)

    def _advance(self) -> None:
        if self._spline is None:
            return
        elapsed = time.monotonic() - self._start
        self.q = self._spline(min(elapsed, self._duration))
        self.velocity = self._spline(elapsed, 1) if elapsed < self._duration else np.zeros(2)

    def _update(self) -> None:
        self._advance()
        self.log.append((time.monotonic(), *self.q.tolist()))
        state = JointState(name=['joint1', 'joint2'], position=self.q.tolist())
        state.header.stamp = self._node.get_clock().now().to_msg()
        if self.publishes:
            self._publisher.publish(state)

    def distance_since(self, start: float) -> float:
        """Return how far the joints have moved since a time (s), the farther one, rad."""
        q = np.array([entry[1:] for entry in self.log if entry[0] >= start])
        return float(np.abs(np.diff(q, axis=0)).sum(axis=0).max())

    def max_speed_since(self, start: float) -> float:
        """Return the largest speed of a joint since a time (s), over 0.1 s each, rad/s."""
        log = np.array([entry for entry in self.log if entry[0] >= start])
        steps = log[10:] - log[:-10]
        return float((np.abs(steps[:, 1:]) / steps[:, :1]).max())
