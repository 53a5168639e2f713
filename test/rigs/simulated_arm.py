"""An arm in the test's process, and the ways in which its joint_states can be wrong."""

from __future__ import annotations

import copy
import time
from collections import deque
from collections.abc import Callable
from math import exp

import numpy as np
from builtin_interfaces.msg import Time
from processes import Client
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import JointState

from ik_nn_ros.arm.geometry import JointPair

LAG_S = 0.03
"""Time constant of the servos."""
MAX_SPEED = 4.0
"""rad/s"""
PERIOD_S = 0.01
NOISE_RAD = 1e-5
"""Standard deviation of the encoders."""
Report = Callable[[JointState], list[JointState]]
"""Turns the true joint_state into the messages that are published."""


def truthful(state: JointState) -> list[JointState]:
    """Publish the truth."""
    return [state]


def silent(state: JointState) -> list[JointState]:
    """Publish nothing."""
    return []


def nan(state: JointState) -> list[JointState]:
    """Publish NaN for one joint."""
    state.position = [float('nan'), state.position[1]]
    return [state]


def frozen() -> Report:
    """Publish the same values again and again, with fresh stamps."""
    first: list[JointState] = []

    def report(state: JointState) -> list[JointState]:
        first.append(copy.deepcopy(state))
        state.position, state.velocity = first[0].position, first[0].velocity
        return [state]

    return report


def rare(every: int = 10) -> Report:
    """Publish every tenth message only."""
    count = 0

    def report(state: JointState) -> list[JointState]:
        nonlocal count
        count += 1
        return [state] if count % every == 0 else []

    return report


def reordered(delay: int = 15) -> Report:
    """Publish after every message one that is older by a number of messages."""
    kept: deque[JointState] = deque(maxlen=delay + 1)

    def report(state: JointState) -> list[JointState]:
        kept.append(copy.deepcopy(state))
        return [state, kept[0]]

    return report


def wrong_once(published: list[JointState] | None = None) -> Report:
    """
    Publish wrong joints once, then the truth again.

    :param published: gets the wrong message
    """
    wrong = [] if published is None else published

    def report(state: JointState) -> list[JointState]:
        if wrong:
            return [state]
        wrong.append(copy.deepcopy(state))
        wrong[0].position = [-state.position[0] - 1.0, 1.2]
        return [state, wrong[0]]

    return report


class SimulatedArm:
    """
    An arm that follows joint_command with a lag.

    :param client: spins it
    :param q: where it stands, rad
    """

    def __init__(self, client: Client, q: JointPair) -> None:
        self._node = client.node
        self._publisher = self._node.create_publisher(
            JointState, 'joint_states', qos_profile_sensor_data
        )
        self._node.create_subscription(JointState, 'joint_command', self._on_command, 100)
        self._node.create_timer(PERIOD_S, self._publish)
        self._advanced_at = self._published_at = time.monotonic()
        self.stamp: Callable[[], Time] = lambda: self._node.get_clock().now().to_msg()
        """Gives the stamps of joint_states."""
        self._rng = np.random.default_rng(0)
        self.reset()
        self.place_at(q)

    def place_at(self, q: JointPair) -> None:
        """Put the arm somewhere (rad) by hand."""
        self.q = self._goal = self._published_q = np.array(q)

    def reset(self) -> None:
        """Follow commands, also the last one, and publish the truth."""
        self.report: Report = truthful
        self.follows = True
        """Whether it follows commands; otherwise it stands still."""
        self.noise = NOISE_RAD

    def _on_command(self, message: JointState) -> None:
        self._advance()  # each command counts for as long as it was the last one
        self._goal = np.array(message.position)

    def _advance(self) -> None:
        now = time.monotonic()
        elapsed, self._advanced_at = now - self._advanced_at, now
        step = (self._goal - self.q) * (1.0 - exp(-elapsed / LAG_S)) * self.follows
        self.q = self.q + np.clip(step, -MAX_SPEED * elapsed, MAX_SPEED * elapsed)

    def _publish(self) -> None:
        self._advance()
        elapsed = self._advanced_at - self._published_at
        velocity = (self.q - self._published_q) / elapsed
        self._published_at, self._published_q = self._advanced_at, self.q
        measured = self.q + self._rng.normal(scale=self.noise, size=2)
        state = JointState(name=['joint1', 'joint2'], position=measured.tolist())
        state.velocity = velocity.tolist()
        state.header.stamp = self.stamp()
        for message in self.report(state):
            self._publisher.publish(message)
