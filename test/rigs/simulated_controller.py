"""A joint_trajectory_controller and its arm, as far as a path handed over depends on them."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from processes import Client
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory

from ik_nn_ros.arm.geometry import JointPair

PERIOD = 0.01


def seconds(point: Any) -> float:
    return point.time_from_start.sec + 1e-9 * point.time_from_start.nanosec


class PlayedController:
    """
    Goes along the last trajectory by cubics, beginning with what it wanted last.

    So does joint_trajectory_controller with ``interpolate_from_desired_state``. At the end of a
    trajectory it stands still.

    :param client: spins it
    :param q: where it stands, rad
    """

    def __init__(self, client: Client, q: JointPair) -> None:
        self.q, self.velocity = np.array(q, dtype=float), np.zeros(2)
        self.received: list[JointTrajectory] = []
        self.log: list[tuple[float, float, float]] = []
        """Time (s) and joints (rad), each period."""
        self.speaks = True
        self._node = client.node
        self._begun, self._times = time.monotonic(), np.array([0.0])
        self._q, self._v = np.array([self.q]), np.zeros((1, 2))
        self._states = self._node.create_publisher(JointState, 'joint_states', 10)
        self._node.create_subscription(JointTrajectory, 'joint_trajectory', self._take, 10)
        self._node.create_timer(PERIOD, self._tick)

    def _take(self, message: JointTrajectory) -> None:
        self._advance()
        self.received.append(message)
        self._begun = time.monotonic()
        self._times = np.array([0.0, *map(seconds, message.points)])
        self._q = np.array([self.q, *(point.positions for point in message.points)])
        self._v = np.array([self.velocity, *(point.velocities for point in message.points)])

    def _advance(self) -> None:
        passed = time.monotonic() - self._begun
        if passed >= self._times[-1]:
            self.q, self.velocity = self._q[-1], np.zeros(2)
            return
        i = int(np.searchsorted(self._times, passed, side='right')) - 1
        step = self._times[i + 1] - self._times[i]
        u = (passed - self._times[i]) / step
        begin, end = self._q[i : i + 2]
        leave, reach = step * self._v[i : i + 2]
        bend, twist = 3.0 * (end - begin) - 2.0 * leave - reach, leave + reach - 2.0 * (end - begin)
        self.q = begin + u * (leave + u * (bend + u * twist))
        self.velocity = (leave + u * (2.0 * bend + 3.0 * u * twist)) / step

    def _tick(self) -> None:
        self._advance()
        self.log.append((time.monotonic(), *self.q.tolist()))
        state = JointState(name=['joint1', 'joint2'], position=self.q.tolist())
        state.header.stamp = self._node.get_clock().now().to_msg()
        if self.speaks:
            self._states.publish(state)

    def travelled(self, since: float) -> float:
        """Return how far the joints have gone since a time (s), the one that has farther, rad."""
        q = np.array([entry[1:] for entry in self.log if entry[0] >= since])
        return float(np.abs(np.diff(q, axis=0)).sum(axis=0).max())

    def fastest(self, since: float) -> float:
        """Return the largest speed of a joint since a time (s), over 0.1 s each, rad/s."""
        log = np.array([entry for entry in self.log if entry[0] >= since])
        steps = log[10:] - log[:-10]
        return float((np.abs(steps[:, 1:]) / steps[:, :1]).max())
