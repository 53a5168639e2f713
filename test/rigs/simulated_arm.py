"""An arm in the test's own process, and the ways in which its joint_states can go wrong."""

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

LAG = 0.03
"""How far (s) it moves behind its command."""
FASTEST = 4.0
"""rad/s"""
PERIOD = 0.01
NOISE = 1e-5
"""Of its encoders, rad."""
Manner = Callable[[JointState], list[JointState]]


def honest(state: JointState) -> list[JointState]:
    return [state]


def silent(state: JointState) -> list[JointState]:
    return []


def nan(state: JointState) -> list[JointState]:
    state.position = [float('nan'), state.position[1]]
    return [state]


def frozen() -> Manner:
    """The same values again and again, with fresh stamps."""
    first: list[JointState] = []

    def speak(state: JointState) -> list[JointState]:
        first.append(copy.deepcopy(state))
        state.position, state.velocity = first[0].position, first[0].velocity
        return [state]

    return speak


def slow(times: int = 10) -> Manner:
    """One message in so many."""
    spoken = 0

    def speak(state: JointState) -> list[JointState]:
        nonlocal spoken
        spoken += 1
        return [state] if spoken % times == 0 else []

    return speak


def reordered(late: int = 15) -> Manner:
    """After every message one that is older by so many."""
    kept: deque[JointState] = deque(maxlen=late + 1)

    def speak(state: JointState) -> list[JointState]:
        kept.append(copy.deepcopy(state))
        return [state, kept[0]]

    return speak


def wrong_once(told: list[JointState] | None = None) -> Manner:
    """
    Once it is somewhere else, then the truth again.

    :param told: gets the wrong message
    """
    wrong = [] if told is None else told

    def speak(state: JointState) -> list[JointState]:
        if wrong:
            return [state]
        wrong.append(copy.deepcopy(state))
        wrong[0].position = [-state.position[0] - 1.0, 1.2]
        return [state, wrong[0]]

    return speak


class PlayedArm:
    """
    Follows joint_command with a lag, and says where it is as its manner is.

    :param client: spins it
    :param q: where it stands, rad
    """

    def __init__(self, client: Client, q: JointPair) -> None:
        self._node = client.node
        self._states = self._node.create_publisher(
            JointState, 'joint_states', qos_profile_sensor_data
        )
        self._node.create_subscription(JointState, 'joint_command', self._obey, 100)
        self._node.create_timer(PERIOD, self._tick)
        self._ticked = time.monotonic()
        self.stamp: Callable[[], Time] = lambda: self._node.get_clock().now().to_msg()
        self._rng = np.random.default_rng(0)
        self.behave()
        self.put(q)

    def put(self, q: JointPair) -> None:
        """Put it somewhere by hand."""
        self.q = np.array(q)
        self._goal = self.q

    def behave(self) -> None:
        """Follow commands, the last one too, and tell the truth."""
        self.speak: Manner = honest
        self.obeying = True
        """Otherwise it stands still where it is, whatever is commanded."""
        self.noise = NOISE

    def _obey(self, message: JointState) -> None:
        self._goal = np.array(message.position)

    def _tick(self) -> None:
        now = time.monotonic()
        passed, self._ticked = now - self._ticked, now
        step = (self._goal - self.q) * (1.0 - exp(-passed / LAG)) * self.obeying
        step = np.clip(step, -FASTEST * passed, FASTEST * passed)
        self.q = self.q + step
        measured = self.q + self._rng.normal(scale=self.noise, size=2)
        state = JointState(name=['joint1', 'joint2'], position=measured.tolist())
        state.velocity = (step / passed).tolist()
        state.header.stamp = self.stamp()
        for message in self.speak(state):
            self._states.publish(message)
