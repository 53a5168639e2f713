"""A watcher of all that an ik_node and its arm say, and what must hold of it whatever happens."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any, NamedTuple

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from ik_node_rig import ARM
from motion_judge import PERIOD, QUIET, Bounds, Stream, at_rest, braking_time, violations
from processes import Client
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import JointState

from ik_nn_ros.arm.geometry import JointPair

INTRUDER = 'intruder'
"""The frame_id of commands that are not the node's."""
STALLED = 1.0
"""
Without a command for so long (s) a motion is over, though it does not rest: a node on a busy
machine may be late.
"""
MARGIN = 0.5
"""How much later (s) than it must a busy node may do something."""
SETTLED = 0.02
"""How far (rad) a motion may begin from the measured joints: what a servo gives in."""
OTHER_CLOCK = 10**9
"""By so much (ns) a stamp is off that is on another clock."""
BOUNDS = Bounds.of(ARM)


class Spoken(NamedTuple):
    """
    A JointState: when it was sent (s) and received (s, steady clock), positions (rad).

    Sent is the stamp, or what DDS says where that is on a clock that somebody sets.
    """

    sent: float
    received: float
    q: JointPair


class MotionWatch:
    """
    Records.

    :param client: of the test
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        self.commands: list[Spoken] = []
        self.states: list[Spoken] = []
        self.history: dict[str, list[Spoken]] = {'command': [], 'measured': []}
        """The same, also what was forgotten."""
        self.reports: list[DiagnosticStatus] = []
        self.sent: list[str] = []
        """The stamps of all targets."""
        self.codes: dict[str, str] = {}
        self.details: dict[str, str] = {}
        """The answer to each target, by its stamp."""
        self.answered: Counter[str] = Counter()
        """How often each target was answered."""
        self._began = time.time_ns()
        subscribe = client.node.create_subscription
        subscribe(JointState, 'joint_command', self._on_command, 1000)
        subscribe(JointState, 'joint_states', self._on_state, qos_profile_sensor_data)
        subscribe(DiagnosticStatus, 'ik_node/target_status', self._on_answer, 1000)
        subscribe(DiagnosticArray, '/diagnostics', self._on_diagnostics, 10)

    def now(self) -> float:
        """Return the time (s) as commands are timed."""
        return 1e-9 * (time.time_ns() - self._began)

    def _on_command(self, message: JointState, info: dict[str, Any]) -> None:
        if message.header.frame_id != INTRUDER:
            self.commands.append(self._spoken(message, info))
            self.history['command'].append(self.commands[-1])

    def _on_state(self, message: JointState, info: dict[str, Any]) -> None:
        if len(message.position) == 2:
            self.states.append(self._spoken(message, info))
            self.history['measured'].append(self.states[-1])

    def _spoken(self, message: JointState, info: dict[str, Any]) -> Spoken:
        sent, stamp = info['source_timestamp'], message.header.stamp
        meant = 10**9 * stamp.sec + stamp.nanosec
        if abs(meant - sent) < OTHER_CLOCK:
            sent = meant  # a node that was held up between planning and sending
        return Spoken(1e-9 * (sent - self._began), time.monotonic(), tuple(message.position))

    def _on_answer(self, message: DiagnosticStatus) -> None:
        values = {entry.key: entry.value for entry in message.values}
        stamp = values['stamp']
        self.details[stamp], self.codes[stamp] = values['detail'], message.message
        self.answered[stamp] += 1

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        self.reports += [s for s in message.status if s.name.startswith('ik_node')]

    def forget(self) -> None:
        """Begin a new record."""
        for record in (self.commands, self.reports, self.sent, self.codes, self.answered):
            record.clear()
        del self.states[:-1]

    def stream(self) -> Stream:
        """Return the commands."""
        q = np.array([command.q for command in self.commands]).reshape(-1, 2)
        return Stream(np.array([command.sent for command in self.commands]), q)

    def measured(self) -> np.ndarray:
        """Return where the arm says it is, rad."""
        return np.array(self.states[-1].q)

    def speed(self) -> float:
        """Return the speed of the last commands, of the joint that is faster, rad/s."""
        last = self.commands[-6:]
        if len(last) < 6 or time.monotonic() - last[-1].received > QUIET:
            return 0.0
        way = np.abs(np.subtract(last[-1].q, last[0].q)).max()
        return float(way / max(last[-1].sent - last[0].sent, 5 * PERIOD))

    # Judgement

    def check(self, rests: bool = True) -> Stream:
        """
        Assert what holds whatever happens: inside the limits, from where the arm is, to rest.

        :param rests: whether the node could bring the arm to rest
        """
        stream = self.stream()
        found = violations(stream, BOUNDS)
        assert not found, found
        assert at_rest(stream, BOUNDS) or not rests, stream.q[-3:]
        for number in np.flatnonzero(np.diff(stream.t, prepend=-np.inf) > QUIET):
            gap, at = self._off(self.commands[number])
            assert gap < SETTLED, f'command {number} begins {gap:.3g} rad from the arm at {at}'
        self.check_answers()
        return stream

    def check_gave_up(self, goal: JointPair, detected: float) -> None:
        """Assert that since a fault's detection (s) the arm braked, and did nothing else."""
        stream = self.check()
        assert len(stream.since(detected + braking_time(BOUNDS) + MARGIN)) == 0, 'does not end'
        braking = stream.since(detected + 0.1).speeds(over=8)
        faster = (braking - np.minimum.accumulate(braking)).max(initial=0.0)
        assert faster < 0.5, f'faster again by {faster:.3g} rad/s'
        assert np.abs(stream.q[-1] - goal).max() > 0.3, 'went on to the goal'

    def check_answers(self) -> None:
        """Assert that no target was answered twice."""
        twice = {stamp: count for stamp, count in self.answered.items() if count > 1}
        assert not twice, twice

    def _off(self, command: Spoken) -> tuple[float, JointPair]:
        """Return how far a command is from the nearest of what the arm had just said."""
        just = [state for state in self.states if -0.15 < state.sent - command.sent < 0.02]
        gaps = [(float(np.abs(np.subtract(it.q, command.q)).max()), it.q) for it in just]
        return min(gaps, default=(np.inf, (np.nan, np.nan)))
