"""An ik_node that moves an arm, each in a process of its own."""

from __future__ import annotations

import itertools
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from ik_node_rig import ARM, MODEL, URDF
from motion_judge import QUIET, at_rest
from motion_watch import BOUNDS, SETTLED, STALLED, MotionWatch
from processes import DEADLINE, Client, NodeProcess, node_process, reserved_domain

from ik_nn_ros.arm.geometry import JointPair

NODE = 'ik_nn_ros.nodes.ik.node'
ARM_SIM = 'ik_nn_ros.nodes.sim.node'
LEFT, MIDDLE, RIGHT = (-2.5, 0.6), (0.0, 0.6), (2.5, 0.6)
"""Joints with a long way between them, rad: 1.2 s at full speed."""
FAR = 2.4
"""rad"""
FLOOD = 1_000_000
RECOVERED = 4.0
"""After so long (s) a node that shall recover by itself has."""


class MotionRig(MotionWatch):
    """
    Runs a node and perhaps an arm, sends targets and waits for what comes of them.

    :param client: of the test
    :param domain: ROS_DOMAIN_ID
    :param parameters: of the node, besides the default arm and its model
    """

    def __init__(self, client: Client, domain: int, parameters: Mapping[str, Any]) -> None:
        super().__init__(client)
        self.domain = domain
        self.node: NodeProcess | None = None
        self.arm: NodeProcess | None = None
        self.targets = client.node.create_publisher(PoseStamped, 'target_pose', 1000)
        self._parameters = {**MODEL, **parameters}
        self._numbers = itertools.count(1)
        self._processes = ExitStack()

    # Processes

    def start_node(self) -> NodeProcess:
        """Run the node, anew if it has ended."""
        self.node = self.start(NODE, self._parameters)
        return self.node

    def ready(self) -> None:
        """Have a node that takes targets; run it anew where it has ended or does not recover."""
        self.wait(lambda: self.states, 'joint_states')
        if self.node is not None and self.node.process.poll() is None:
            with suppress(AssertionError):
                return self.ask_until('ACCEPTED', self.measured(), RECOVERED)
            self.node.process.kill()
        self.start_node()
        self.ask_until('ACCEPTED', self.measured())

    def start_arm(self, position: JointPair, module: str = ARM_SIM) -> NodeProcess:
        """Run a simulated arm that stands there, rad."""
        self.states.clear()
        parameters = {'robot_description': URDF, 'initial_position': position}
        self.arm = self.start(module, parameters)
        self.wait(lambda: self.states, 'joint_states')
        return self.arm

    def start(self, module: str, parameters: Mapping[str, Any] | None = None) -> NodeProcess:
        """Run some other node."""
        process = node_process(module, domain=self.domain, parameters=parameters)
        return self._processes.enter_context(process)

    def close(self) -> None:
        self._processes.close()

    # Targets

    def send(self, q: JointPair) -> str:
        """Publish a target that the joints (rad) reach; return the stamp its answer will carry."""
        return self.send_point(*ARM.fk_point(*q))

    def send_point(
        self, x: float, y: float, z: float = 0.0, frame: str = '', publisher: Any = None
    ) -> str:
        """Publish a target, m, in the arm's frame or another."""
        message = PoseStamped()
        message.header.frame_id = frame
        message.header.stamp.sec = next(self._numbers)
        position = message.pose.position
        position.x, position.y, position.z = float(x), float(y), float(z)
        (publisher or self.targets).publish(message)
        stamp = f'{message.header.stamp.sec}.000000000'
        self.sent.append(stamp)
        return stamp

    def ask(self, q: JointPair) -> str:
        """Send a target and wait for its answer: its code."""
        stamp = self.send(q)
        self.wait(lambda: stamp in self.codes, f'no answer to {stamp}')
        return self.codes[stamp]

    def ask_until(self, code: str, q: JointPair, deadline: float = DEADLINE) -> None:
        """Send a target again and again until this is the answer."""

        def answered() -> bool:
            stamp = self.send(q)
            end = time.monotonic() + 1.0
            while stamp not in self.codes and time.monotonic() < end:
                self.client.spin()
            return self.codes.get(stamp) == code

        self.wait(answered, f'no {code}', deadline)

    def set_off(self) -> JointPair:
        """Send the arm a long way; return where to when it is fast."""
        ways = {q: float(np.abs(self.measured() - q).max()) for q in (LEFT, MIDDLE, RIGHT)}
        goal = min((q for q, way in ways.items() if way > FAR), key=lambda q: ways[q])
        code = self.ask(goal)
        assert code == 'ACCEPTED', code
        self.wait(lambda: self.speed() > 2.0, 'the arm does not move')
        return goal

    def arrive(self, q: JointPair, tolerance: float = SETTLED, deadline: float = DEADLINE) -> None:
        """Send the arm to joints, again where that is given up, and wait until it rests there."""

        def arrived() -> bool:
            self.ask_until('ACCEPTED', q, deadline)
            self.wait(lambda: self.commands, 'no commands')
            self.wait_quiet()
            return bool(np.abs(self.measured() - q).max() < tolerance)

        self.wait(arrived, f'not at {q}', deadline)

    # Waiting

    def wait(self, condition: Callable[[], Any], what: str, deadline: float = DEADLINE) -> None:
        def state() -> str:
            reports = [(r.level, r.message) for r in self.reports[-2:]]
            answers = Counter(self.codes.values())
            output = self.node.output if self.node else ''
            return f'{what}: {reports}, {answers}, {self.commands[-1:]}\n{output}'

        self.client.wait_until(condition, deadline, what=state)

    def wait_for(self, seconds: float) -> None:
        """Let time pass and receive messages meanwhile."""
        end = time.monotonic() + seconds
        self.wait(lambda: time.monotonic() > end, '')

    def wait_quiet(self) -> None:
        """Wait until there are no more commands."""
        since = time.monotonic()

        def quiet() -> bool:
            last = max(since, self.commands[-1].received if self.commands else 0.0)
            rests = at_rest(self.stream(), BOUNDS)
            return time.monotonic() - last > (QUIET if rests else STALLED)

        self.wait(quiet, 'commands do not end')

    def wait_said(self, *words: str) -> DiagnosticStatus:
        """Wait for diagnostics with these words, from now on."""
        self.reports.clear()
        self.wait(lambda: self._report(words), f'diagnostics do not say {words}')
        return self._report(words)

    def wait_stopped(self, words: str) -> None:
        """
        Wait until the node says that it stopped the arm for this cause, in diagnostics or the log.

        Of two causes within a second diagnostics show the last one, and a busy machine soon gives
        another; the log says each, but once in some seconds.
        """
        self.reports.clear()
        before = len(self.node.output)
        line = f'the arm was brought to rest: {words}'

        def said() -> bool:
            return bool(self._report((words,))) or line in self.node.output[before:]

        self.wait(said, f'it does not say {line!r}')

    def _report(self, words: tuple[str, ...]) -> DiagnosticStatus | None:
        for report in self.reports:
            text = ' '.join([report.message, *(f'{v.key}={v.value}' for v in report.values)])
            if all(word in text for word in words):
                return report
        return None

    def wait_ready(self, deadline: float = DEADLINE) -> None:
        """Wait for diagnostics that find nothing wrong with targets."""
        self.reports.clear()
        self.wait(
            lambda: any(report.message == 'ready' for report in self.reports), 'not ready', deadline
        )


@contextmanager
def flood(rig: MotionRig, q: JointPair, rate: float, count: int) -> Iterator[NodeProcess]:
    """
    Run another source of targets, which sends them as soon as it gets SIGUSR1.

    :param q: joints for the targets, rad
    :param rate: Hz
    :param count: of targets; their stamps are FLOOD seconds and up
    """
    numbers = (*ARM.fk_point(*q), rate, count, FLOOD)
    source = NodeProcess('target_flood', *map(str, numbers), domain=rig.domain)
    try:
        rig.wait(lambda: 'ready' in source.output, source.output)
        yield source
    finally:
        source.close()


@contextmanager
def motion_rig(parameters: Mapping[str, Any] | None = None) -> Iterator[MotionRig]:
    """
    Make a rig; its processes are still to be started, also nodes of the tests' own.

    :param parameters: of the node, besides the default arm and its model
    """
    with (
        reserved_domain() as domain,
        Client(domain) as client,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv('PYTHONPATH', str(Path(__file__).parent), prepend=os.pathsep)
        rig = MotionRig(client, domain, parameters or {})
        try:
            yield rig
        finally:
            rig.close()
