"""A recorder of what an ik_node and its arm publish."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from typing import Any, NamedTuple

import numpy as np
from command_stream import MOTION_GAP_S, PERIOD_S, SEGMENT_GAP_S, CommandStream
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from processes import Client
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import JointState

from ik_nn_ros.arm.geometry import JointPair

INTRUDER = 'intruder'
"""frame_id of commands that do not come from the node."""
MAX_STAMP_OFFSET_NS = 10**9
"""A stamp farther from the time of sending was read from another clock."""
LATE_S = 0.05
"""Delay of an arm, a message or the test that may matter."""
OUTAGE_S = 1.0
"""Joint_states that are farther apart were stopped by the test."""


class StampedJoints(NamedTuple):
    """
    A JointState: when it was sent and received (s), positions (rad).

    Sent is the stamp, or the time by DDS where the stamp was read from a simulated clock.
    """

    sent: float
    received: float
    q: JointPair


class Report(NamedTuple):
    """A status of the node on /diagnostics, and when it was sent, s."""

    sent: float
    status: DiagnosticStatus

    @property
    def values(self) -> dict[str, str]:
        """Values by key."""
        return {entry.key: entry.value for entry in self.status.values}

    @property
    def text(self) -> str:
        """Message and all values."""
        return ' '.join([self.status.message, *(f'{k}={v}' for k, v in self.values.items())])


class MotionRecorder:
    """
    Records commands, joint_states, answers to targets and diagnostics.

    :param client: of the test
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        self.commands: list[StampedJoints] = []
        self.states: list[StampedJoints] = []
        self.history: dict[str, list[StampedJoints]] = {'command': [], 'measured': []}
        """Commands and states of the whole test, also the forgotten ones."""
        self.reports: list[Report] = []
        self.sent: list[str] = []
        """Stamps of all targets."""
        self.codes: dict[str, str] = {}
        self.details: dict[str, str] = {}
        """Answers to targets by their stamps."""
        self.answered: Counter[str] = Counter()
        """Number of answers to each target."""
        self._late_count = self._expected_stalls = 0
        self._ticks: list[float] = []
        """Times at which the test called callbacks, s."""
        self._starvation: set[str] = set()
        self._epoch = time.time_ns()
        subscribe = client.node.create_subscription
        subscribe(JointState, 'joint_command', self._on_command, 1000)
        subscribe(JointState, 'joint_states', self._on_state, qos_profile_sensor_data)
        subscribe(DiagnosticStatus, 'ik_node/target_status', self._on_answer, 1000)
        subscribe(DiagnosticArray, '/diagnostics', self._on_diagnostics, 10)
        client.node.create_timer(PERIOD_S, lambda: self._ticks.append(self.now()))

    def now(self) -> float:
        """Return the time on the clock of all records, s."""
        return self._seconds(time.time_ns())

    def forget(self) -> None:
        """Begin a new record."""
        for record in (self.commands, self.reports, self.sent, self.codes, self.answered):
            record.clear()
        del self.states[:-1]

    def forget_history(self) -> None:
        """Begin a new record of a test."""
        self.forget()
        for record in self.history.values():
            record.clear()
        self._starvation.clear()
        self._ticks.clear()
        self._expected_stalls = 0

    def stream(self) -> CommandStream:
        """Return the commands."""
        q = np.array([command.q for command in self.commands]).reshape(-1, 2)
        return CommandStream(np.array([command.sent for command in self.commands]), q)

    def measured(self) -> np.ndarray:
        """Return the measured joints, rad."""
        return np.array(self.states[-1].q)

    def speed(self) -> float:
        """Return the speed of the faster joint over the last commands, rad/s; 0 without any."""
        last = self.commands[-6:]
        if len(last) < 6 or self.now() - last[-1].received > MOTION_GAP_S:
            return 0.0
        distance = np.abs(np.subtract(last[-1].q, last[0].q)).max()
        return float(distance / max(last[-1].sent - last[0].sent, 5 * PERIOD_S))

    def starvation(self) -> list[str]:
        """
        Return what shows that the machine was too busy for node, arm or test in this test.

        Without processor time a node brakes, and a test does not notice in time what it does.
        """
        found = sorted(self._starvation)
        commands, states = (np.array([s.sent for s in it]) for it in self.history.values())
        gaps = np.diff(commands)
        if len(late := gaps[(gaps > SEGMENT_GAP_S) & (gaps < MOTION_GAP_S)]):
            found.append(f'{late.max():.3f} s between two commands')
        delays = [command.received - command.sent for command in self.history['command']]
        if delays and max(delays) > LATE_S:
            found.append(f'a command took {max(delays):.3f} s to the test')
        for name, times in (('joint_states', states), ('callbacks of the test', self._ticks)):
            if gap := _longest_gap(np.array(times), commands):
                found.append(f'{gap:.3f} s between two {name} while the arm moved')
        return found

    def expect_stall(self) -> None:
        """Do not take the next stall of the node for starvation: the test suspends it."""
        self._expected_stalls += 1

    def note_starvation(self, text: str) -> None:
        """Note what else shows in this test that the machine was too busy."""
        self._starvation.add(text)

    def _seconds(self, nanoseconds: int) -> float:
        return 1e-9 * (nanoseconds - self._epoch)

    def _on_command(self, message: JointState, info: dict[str, Any]) -> None:
        if message.header.frame_id != INTRUDER:
            self.commands.append(self._stamped(message, info))
            self.history['command'].append(self.commands[-1])

    def _on_state(self, message: JointState, info: dict[str, Any]) -> None:
        if len(message.position) == 2:
            self.states.append(self._stamped(message, info))
            self.history['measured'].append(self.states[-1])

    def _stamped(self, message: JointState, info: dict[str, Any]) -> StampedJoints:
        sent, stamp = info['source_timestamp'], message.header.stamp
        stamped = 10**9 * stamp.sec + stamp.nanosec
        if abs(stamped - sent) < MAX_STAMP_OFFSET_NS:
            sent = stamped  # a node may be suspended between planning and sending
        return StampedJoints(self._seconds(sent), self.now(), tuple(message.position))

    def _on_answer(self, message: DiagnosticStatus) -> None:
        values = {entry.key: entry.value for entry in message.values}
        stamp = values['stamp']
        self.details[stamp], self.codes[stamp] = values['detail'], message.message
        self.answered[stamp] += 1

    def _on_diagnostics(self, message: DiagnosticArray, info: dict[str, Any]) -> None:
        sent = self._seconds(info['source_timestamp'])
        for status in message.status:
            if status.name.startswith('ik_node'):
                self.reports.append(Report(sent, status))
                late_count = int(self.reports[-1].values.get('late', self._late_count))
                stalls = max(late_count - self._late_count, 0)
                if stalls > self._expected_stalls:
                    self.note_starvation('the node reports that its control loop was late')
                self._expected_stalls = max(self._expected_stalls - stalls, 0)
                self._late_count = late_count


def _longest_gap(times: np.ndarray, commands: np.ndarray) -> float:
    """
    Return the longest time between two events while the arm moved; 0 where all came in time.

    :param times: (N,) of the events, s
    :param commands: (M,) of the commands, s
    """
    longest = 0.0
    for start, end in itertools.pairwise(times):
        moving = (commands > start - LATE_S) & (commands < end)
        if LATE_S < end - start < OUTAGE_S and moving.any():
            longest = max(longest, end - start)
    return longest
