"""An ik_node that moves an arm, each in its own process, and checks of the motion."""

from __future__ import annotations

import functools
import itertools
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_stream import MOTION_GAP_S, CommandStream, MotionBounds, violations
from geometry_msgs.msg import PoseStamped
from ik_node_rig import ARM, HELD_UP, MODEL, URDF
from motion_recorder import MotionRecorder, Report, StampedJoints
from processes import DEADLINE_S, Client, NodeProcess, node_process, reserved_domain

from ik_nn_ros.arm.geometry import JointPair

NODE = 'ik_nn_ros.nodes.ik.node'
ARM_SIM = 'ik_nn_ros.nodes.sim.node'
LEFT, MIDDLE, RIGHT = (-2.5, 0.6), (0.0, 0.6), (2.5, 0.6)
"""Joints far from each other, rad: 1.2 s at full speed."""
MIN_TRAVEL_RAD = 2.4
FAST = 2.0
"""rad/s; two thirds of full speed"""
FLOOD_STAMP = 1_000_000
RECOVERY_S = 4.0
"""Time (s) in which a node that shall recover without a restart has recovered."""
RETRY_S = 90.0
"""Time (s) for which a test is repeated that failed on a busy machine."""
SETTLED_RAD = 0.02
"""Distance of a motion's start from the measured joints, rad: the error of a servo under load."""
DELAY_MARGIN_S = 0.5
"""Time (s) by which a busy node may brake later than it must."""
QUIET_CALLBACKS = 30
"""Callbacks without a command among them after which none waits to be handled."""
RESTING_PHASES = ('idle', 'waiting')
AT_GOAL_RAD = 1e-8
BOUNDS = MotionBounds.of(ARM)
STOOD_STILL = 'the control loop stood still'


class MotionRig(MotionRecorder):
    """
    Runs a node and perhaps an arm, sends targets and waits for their effects.

    :param client: of the test
    :param domain: ROS_DOMAIN_ID
    :param parameters: of the node, besides the default arm and its model
    :param bounds: that the commands must keep
    """

    def __init__(
        self, client: Client, domain: int, parameters: Mapping[str, Any], bounds: MotionBounds
    ) -> None:
        super().__init__(client)
        self.bounds = bounds
        self.domain = domain
        self.node: NodeProcess | None = None
        self.arm: NodeProcess | None = None
        self.targets = client.node.create_publisher(PoseStamped, 'target_pose', 1000)
        self._parameters = {**MODEL, **parameters}
        self._numbers = itertools.count(1)
        self._goal: JointPair | None = None
        self._processes = ExitStack()
        self._log_start = 0
        self._set_up: Callable[[], object] = lambda: None

    # Processes and tests

    def start_node(self) -> NodeProcess:
        """Run the node, again if it has ended."""
        self.node = self.start(NODE, self._parameters)
        self._log_start = 0
        return self.node

    @property
    def node_runs(self) -> bool:
        """Whether the node was started and has not ended."""
        return self.node is not None and self.node.process.poll() is None

    @property
    def log(self) -> str:
        """Output of the node since the record began."""
        return self.node.output[self._log_start :] if self.node else ''

    def ready(self) -> None:
        """Provide a node that takes targets; start it again where it ended or does not recover."""
        self.wait(lambda: self.states, 'no joint_states')
        if self.node_runs:
            with suppress(AssertionError):
                return self.ask_until('ACCEPTED', self.measured(), RECOVERY_S)
            self.node.process.kill()
        self.start_node()
        self.ask_until('ACCEPTED', self.measured())

    def start_arm(self, position: JointPair, module: str = ARM_SIM) -> NodeProcess:
        """Run a simulated arm that stands at a position, rad."""
        self.states.clear()
        parameters = {'robot_description': URDF, 'initial_position': position}
        self.arm = self.start(module, parameters)
        self.wait(lambda: self.states, 'no joint_states')
        return self.arm

    def start(self, module: str, parameters: Mapping[str, Any] | None = None) -> NodeProcess:
        """Run another node."""
        process = node_process(module, domain=self.domain, parameters=parameters)
        return self._processes.enter_context(process)

    @contextmanager
    def suspended_node(self) -> Iterator[None]:
        """Suspend the node while the block runs."""
        self.expect_stall()
        self.node.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.node.process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End all processes."""
        self._processes.close()

    def begin_test(self, set_up: Callable[[], object] | None = None) -> None:
        """
        Bring node and arm into the state in which a test begins, and forget what was recorded.

        :param set_up: how, from whatever state; default: as for the test before
        """
        self._set_up = set_up or self._set_up
        self._set_up()
        self.forget_history()
        self._log_start = len(self.node.output) if self.node else 0

    def forget(self) -> None:
        """Begin a new record."""
        super().forget()
        self._log_start = len(self.node.output) if self.node else 0

    # Targets

    def send(self, q: JointPair) -> str:
        """Publish a target that the joints (rad) reach; return the stamp of its answer."""
        stamp = self.send_point(*ARM.fk_point(*q))
        self._goal = q
        return stamp

    def send_point(
        self, x: float, y: float, z: float = 0.0, frame: str = '', publisher: Any = None
    ) -> str:
        """Publish a target (m) in the arm's or another frame; return the stamp of its answer."""
        self._goal = None
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
        """Send a target, again where a busy machine held the node up, and return its code."""

        def code() -> str:
            stamp = self.send(q)
            self.wait(lambda: stamp in self.codes, f'no answer to {stamp}')
            return '' if self.details[stamp] == HELD_UP else self.codes[stamp]

        return self.wait(code, HELD_UP)

    def ask_until(self, code: str, q: JointPair, deadline: float = DEADLINE_S) -> None:
        """Send a target again and again until its answer has this code."""

        def answered() -> bool:
            stamp = self.send(q)
            end = time.monotonic() + 1.0
            while stamp not in self.codes and time.monotonic() < end:
                self.client.spin()
            return self.codes.get(stamp) == code

        self.wait(answered, f'no {code}', deadline)

    def set_off(self) -> JointPair:
        """Send the arm to a goal (rad) far away; return it as soon as the arm moves fast."""
        distances = {q: float(np.abs(self.measured() - q).max()) for q in (LEFT, MIDDLE, RIGHT)}
        far = [q for q, distance in distances.items() if distance > MIN_TRAVEL_RAD]
        goal = min(far, key=lambda q: distances[q])
        code = self.ask(goal)
        assert code == 'ACCEPTED', code
        self.wait_faster(FAST)
        return goal

    def arrive(self, q: JointPair, tolerance: float = SETTLED_RAD) -> None:
        """Send the arm to joints (rad) until it is there, also where a busy machine stops it."""

        def arrived() -> bool:
            self.ask_until('ACCEPTED', q)
            self.wait_at_rest()
            return bool(np.abs(self.measured() - q).max() < tolerance)

        self.wait(arrived, f'not at {q}')

    # Conditions

    def wait(self, condition: Callable[[], Any], what: str, deadline: float = DEADLINE_S) -> Any:
        """Return the result of a condition as soon as it is true."""

        def state() -> str:
            reports = [(r.status.level, r.status.message) for r in self.reports[-2:]]
            answers = Counter(self.codes.values())
            output = self.node.output if self.node else ''
            return f'{what}: {reports}, {answers}, {self.commands[-1:]}\n{output}'

        return self.client.wait_until(condition, deadline, what=state)

    def spin_for(self, seconds: float) -> None:
        """Receive messages for a time."""
        end = time.monotonic() + seconds
        self.wait(lambda: time.monotonic() > end, '')

    def wait_answers(self) -> None:
        """Wait until all targets are answered."""
        self.wait(lambda: set(self.sent) <= set(self.codes), 'not all targets are answered')

    def wait_faster(self, speed: float) -> None:
        """Wait until the commands are faster than a speed (rad/s); fail where the motion ends."""

        def faster() -> bool:
            assert not self._goal_commanded(), 'the arm has arrived already'
            return self.speed() > speed

        self.wait(faster, f'not faster than {speed} rad/s')

    def wait_at_rest(self) -> None:
        """
        Wait until the motion has ended and all its commands are received.

        It has where the last command is the goal, where the node reports so, or with the node.
        """
        since, seen, callbacks = self.now(), len(self.commands), 0

        def at_rest() -> bool:
            nonlocal seen, callbacks
            callbacks = callbacks + 1 if len(self.commands) == seen else 0
            seen = len(self.commands)
            last = max(since, self.commands[-1].received if self.commands else 0.0)
            if callbacks < QUIET_CALLBACKS or self.now() - last < MOTION_GAP_S:
                return False
            if self._goal_commanded() or not self.node_runs:
                return True
            return any(
                report.sent > last and report.values.get('phase') in RESTING_PHASES
                for report in self.reports
            )

        self.wait(at_rest, 'the motion does not end')

    def wait_reported(self, *words: str) -> Report:
        """Return the first report from now on with all these words; fail where the motion ends."""
        return self._wait_cause(words, lambda: False)

    def wait_stopped(self, cause: str) -> None:
        """
        Wait until the node reports or logs that it stopped the arm for a cause.

        Of two causes within a second the diagnostics show the last one only; the log shows each,
        but only once in some seconds.
        """
        start = len(self.node.output)
        line = f'the arm was brought to rest: {cause}'
        self._wait_cause((cause,), lambda: line in self.node.output[start:])

    def wait_ready(self) -> None:
        """Wait for a report, from now on, that the node takes targets."""
        self.reports.clear()
        self.wait(
            lambda: any(report.status.message == 'ready' for report in self.reports), 'not ready'
        )

    def _wait_cause(self, words: tuple[str, ...], logged: Callable[[], bool]) -> Report | None:
        self.reports.clear()

        def found() -> Report | bool:
            matches = [r for r in self.reports if all(word in r.text for word in words)]
            if matches:
                return matches[0]
            faults = [fault for r in self.reports if (fault := r.values.get('fault'))]
            assert len(faults) < 3, f'not {words}, but the arm was stopped: {faults[-1]}'
            return logged()

        result = self.wait(found, f'no report of {words}')
        return result if isinstance(result, Report) else None

    def _goal_commanded(self) -> bool:
        if self._goal is None or not self.commands:
            return False
        return bool(np.abs(np.subtract(self.commands[-1].q, self._goal)).max() < AT_GOAL_RAD)

    # Checks

    def check(self, at_rest: bool = True) -> CommandStream:
        """
        Return the commands; assert that they keep the limits, from where the arm is to standstill.

        A node whose control loop stood still for long does not command how the arm stops.

        :param at_rest: whether the node could stop the arm
        """
        stream = self.stream()
        found = violations(stream, self.bounds)
        assert not found, found
        stops = stream.ends_at_rest(self.bounds) or STOOD_STILL in self.log
        assert stops or not at_rest, stream.q[-3:]
        for number in np.flatnonzero(np.diff(stream.t, prepend=-np.inf) > MOTION_GAP_S):
            distance, measured = self._nearest_state(self.commands[number])
            assert distance < SETTLED_RAD, (
                f'command {number} begins {distance:.3g} rad from the arm at {measured}'
            )
        self.check_answers()
        return stream

    def check_arrived(self, goal: JointPair) -> CommandStream:
        """Wait for the end of a motion and return its commands; assert that they reach the goal."""
        self.wait_at_rest()
        stream = self.check()
        np.testing.assert_allclose(stream.q[-1], goal, atol=1e-6)
        return stream

    def check_gave_up(self, goal: JointPair, detected: float) -> None:
        """Assert that since a fault's detection (s) the arm braked, and did nothing else."""
        self.wait_at_rest()
        stream = self.check()
        late = stream.since(detected + self.bounds.max_braking_time + DELAY_MARGIN_S)
        assert len(late) == 0, 'the commands do not end'
        braking = stream.since(detected + 0.1).mean_speeds(steps=8)
        faster = (braking - np.minimum.accumulate(braking)).max(initial=0.0)
        assert faster < 0.5, f'faster again by {faster:.3g} rad/s'
        assert np.abs(stream.q[-1] - goal).max() > 0.3, 'the arm went on to the goal'

    def check_answers(self) -> None:
        """Assert that no target was answered twice."""
        twice = {stamp: count for stamp, count in self.answered.items() if count > 1}
        assert not twice, twice

    def check_stopped_safely(self) -> None:
        """Assert after a failed test that the arm stopped within its limits nevertheless."""
        if self.node_runs:
            self.wait_at_rest()
        found = violations(self.stream(), self.bounds)
        assert not found, found
        self.check_answers()

    def _nearest_state(self, command: StampedJoints) -> tuple[float, JointPair]:
        """Return the distance (rad) of a command to the nearest joints measured just before."""
        states = [state for state in self.states if -0.15 < state.sent - command.sent < 0.02]
        gaps = [(float(np.abs(np.subtract(it.q, command.q)).max()), it.q) for it in states]
        return min(gaps, default=(np.inf, (np.nan, np.nan)))


def retry_if_starved(test: Callable[..., None]) -> Callable[..., None]:
    """
    Repeat a test that failed while the machine held node, arm or test up.

    What the node did then must be safe nevertheless, and it must take targets again. A test that
    fails on a machine with enough processor time fails at once.
    """

    @functools.wraps(test)
    def run(**fixtures: Any) -> None:
        (rig,) = (it for it in fixtures.values() if isinstance(it, MotionRig))
        end = time.monotonic() + RETRY_S
        while True:
            try:
                return test(**fixtures)
            except AssertionError as error:
                rig.spin_for(1.2)  # until the node has reported whether it was late
                starvation = rig.starvation()
                if not starvation or time.monotonic() > end:
                    raise
                print(f'repeated: {"; ".join(starvation)}, {error}')  # noqa: T201
            rig.check_stopped_safely()
            rig.begin_test()

    return run


@contextmanager
def flood(rig: MotionRig, q: JointPair, rate: float, count: int) -> Iterator[NodeProcess]:
    """
    Run another source of targets, which sends them as soon as it gets SIGUSR1.

    :param q: joints of the targets, rad
    :param rate: Hz
    :param count: number of targets; their stamps are FLOOD_STAMP seconds and more
    """
    arguments = (*ARM.fk_point(*q), rate, count, FLOOD_STAMP)
    source = NodeProcess('target_flood', *map(str, arguments), domain=rig.domain)
    try:
        rig.wait(lambda: 'ready' in source.output, source.output)
        yield source
    finally:
        source.close()


@contextmanager
def motion_rig(
    parameters: Mapping[str, Any] | None = None, bounds: MotionBounds = BOUNDS
) -> Iterator[MotionRig]:
    """
    Provide a rig whose processes, also nodes of the tests, are still to be started.

    :param parameters: of the node, besides the default arm and its model
    :param bounds: that the commands must keep
    """
    with (
        reserved_domain() as domain,
        Client(domain) as client,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv('PYTHONPATH', str(Path(__file__).parent), prepend=os.pathsep)
        rig = MotionRig(client, domain, parameters or {}, bounds)
        try:
            yield rig
        finally:
            rig.close()
