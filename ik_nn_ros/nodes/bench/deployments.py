"""Measure several arms in one process: what each costs, with targets for all at a steady rate."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from math import cos, sin, tau

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from rclpy.context import Context
from rclpy.impl.implementation_singleton import rclpy_implementation as _rclpy
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import JointState

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.bench.results import BenchmarkSizes, MultiArmLoad, PanelRoundTrips
from ik_nn_ros.demo.display import missing_module
from ik_nn_ros.ik import verification as targets
from ik_nn_ros.nodes.bench.client import BenchmarkClient
from ik_nn_ros.nodes.bench.ik_bench import (
    ANSWER_TIMEOUT_S,
    START_TIMEOUT_S,
    WARM_UP_COUNT,
    Deployment,
    await_first_command,
    measure_round_trips,
    summarize,
)
from ik_nn_ros.process import NodeProcess

FEEDBACK_PERIOD_S = 0.01
"""Between two joint_states of an arm, s."""
FEEDBACK_PER_TARGET_COUNT = 2
"""Joint_states between two targets: 50 targets a second for each arm."""
CIRCLE_PERIOD_S = 4.0
"""How long (s) the targets take around their circle."""


class IdealArm:
    """
    An arm that is where it was told to be, and a source of targets for it.

    :param node: the client's node
    :param namespace: of the arm
    :param arm: its model
    """

    def __init__(self, node: Node, namespace: str, arm: ArmModel) -> None:
        self.command_count = 0
        """How many have come."""
        self._node, self._arm = node, arm
        self._state = JointState(name=list(arm.joint_names), position=list(arm.home))
        self._target = PoseStamped()
        self._state_publisher = node.create_publisher(
            JointState, f'{namespace}/joint_states', qos_profile_sensor_data
        )
        self._target_publisher = node.create_publisher(PoseStamped, f'{namespace}/target_pose', 10)
        self._command_subscription = node.create_subscription(
            JointState, f'{namespace}/joint_command', lambda _: None, 100
        )
        self._answer_subscription = node.create_subscription(
            DiagnosticStatus, f'{namespace}/ik_node/target_status', lambda _: None, 100
        )
        self._wait_set = _rclpy.WaitSet(1, 0, 0, 0, 0, 0, node.context.handle)

    def follow_commands(self) -> None:
        """Go where the last command said, and tell."""
        while (
            taken := self._command_subscription.handle.take_message(JointState, False)
        ) is not None:
            self._state.position = taken[0].position
            self.command_count += 1
        self._state.header.stamp = self._node.get_clock().now().to_msg()
        self._state_publisher.publish(self._state)

    def send_target(self, elapsed: float) -> None:
        """Send the target of a time on its circle."""
        angle = tau * elapsed / CIRCLE_PERIOD_S
        reach = 0.5 * (self._arm.reach + self._arm.inner_reach)
        place = (reach * (0.8 + 0.2 * cos(angle)), 0.3 * reach * sin(angle))
        position = self._target.pose.position
        position.x, position.y, position.z = self._arm.plane.to_base(place).tolist()
        self._target_publisher.publish(self._target)

    def receive_answer(self, timeout: float) -> str:
        """Return the next answer to a target, or an empty text after ``timeout`` s."""
        self._wait_set.clear_entities()
        self._wait_set.add_subscription(self._answer_subscription.handle)
        self._wait_set.wait(int(timeout * 1e9))
        taken = self._answer_subscription.handle.take_message(DiagnosticStatus, False)
        return '' if taken is None else taken[0].message

    def drop_answers(self) -> None:
        """Drop the answers that are there."""
        while self._answer_subscription.handle.take_message(DiagnosticStatus, False) is not None:
            pass

    def unsubscribe_answers(self) -> None:
        """Have the node write no more of them, as where nobody asks."""
        self._node.destroy_subscription(self._answer_subscription)


def measure_arms(
    deployment: Deployment, sizes: BenchmarkSizes, report: Callable[[str], None]
) -> list[MultiArmLoad]:
    """
    Measure as many arms at a time as ``effort`` says, with smooth motion.

    :param report: takes what is being done, for people
    :raises ProcessError: a process did not start
    """
    found = []
    for count in sizes.arm_counts:
        report(f'arms in one process: {count}')
        names = [f'arms_{count}_{number}' for number in range(count)]
        with _client_node() as node, deployment.ik_nodes(names) as process:
            arms = [IdealArm(node, f'/{name}', deployment.arm) for name in names]
            _await_answers(arms, process)
            trips = [
                _measure_round_trip(arms, arm)
                for arm, _ in zip(cycle(arms), range(sizes.arms_round_trips))
            ]
            for arm in arms:
                arm.unsubscribe_answers()
            cpu, rate = _measure_load(arms, process, sizes.arms_load_s)
            p50 = float(np.nanmedian(trips))
            found.append(MultiArmLoad(count, cpu, rate, process.resident_memory_mib(), p50))
    return found


@contextmanager
def _client_node() -> Iterator[Node]:
    context = Context()
    rclpy.init(context=context, signal_handler_options=SignalHandlerOptions.NO)
    node = Node('ik_nn_bench_arms', context=context, start_parameter_services=False)
    try:
        yield node
    finally:
        node.destroy_node()
        rclpy.try_shutdown(context=context)


def _await_answers(arms: list[IdealArm], process: NodeProcess) -> None:
    """Send targets until each arm has taken one."""
    waiting = list(arms)
    deadline = time.monotonic() + START_TIMEOUT_S
    while waiting:
        process.require_running()
        if time.monotonic() > deadline:
            raise process.error(f'{len(waiting)} without an answer', 'one of each arm')
        for arm in arms:
            arm.follow_commands()
        for arm in waiting:
            arm.send_target(0.0)
        waiting = [arm for arm in waiting if arm.receive_answer(FEEDBACK_PERIOD_S) != 'ACCEPTED']


def _measure_round_trip(arms: list[IdealArm], arm: IdealArm) -> float:
    """Return the time (µs) from a target to its answer; NaN if there was none."""
    for each in arms:
        each.follow_commands()
    time.sleep(FEEDBACK_PERIOD_S)
    arm.drop_answers()
    begin = time.perf_counter_ns()
    arm.send_target(0.0)
    answered = arm.receive_answer(ANSWER_TIMEOUT_S)
    return 1e-3 * (time.perf_counter_ns() - begin) if answered else float('nan')


def _measure_load(
    arms: list[IdealArm], process: NodeProcess, seconds: float
) -> tuple[float, float]:
    """
    Have all arms follow their targets.

    :return: share of one processor the process uses; commands a second that each arm gets
    """
    ticks = round(seconds / FEEDBACK_PERIOD_S)
    used, before = process.cpu_seconds(), sum(arm.command_count for arm in arms)
    begin = time.monotonic()
    for tick in range(ticks):
        time.sleep(max(0.0, begin + tick * FEEDBACK_PERIOD_S - time.monotonic()))
        for number, arm in enumerate(arms):
            arm.follow_commands()
            if (tick + number) % FEEDBACK_PER_TARGET_COUNT == 0:
                arm.send_target(tick * FEEDBACK_PERIOD_S)
    took = time.monotonic() - begin
    commands = sum(arm.command_count for arm in arms) - before
    return (process.cpu_seconds() - used) / took, commands / took / len(arms)


# MERGED nodes.panel_bench: Measure ``ik_node`` with the panel and a page open, beside another one without, at one time.

PAGE_READER_MODULE, PAGE_OPEN_MESSAGE = 'ik_nn_ros.bench.page_reader', 'the page is open'
"""It stands for the browser, and says that once it is served."""
PAGE_TIMEOUT_S = 30.0
"""How long (s) panel and page may take."""
POLL_PERIOD_S = 0.05
"""Between two looks at what they have said, s."""


def measure_panel(
    deployment: Deployment,
    sizes: BenchmarkSizes,
    rng: np.random.Generator,
    report: Callable[[str], None],
) -> PanelRoundTrips | None:
    """
    Time round trips of both, taking turns.

    :param report: takes what is being done, for people
    :return: None: what the panel needs is not installed
    :raises ProcessError: one of them did not start
    """
    if missing_module():
        return None
    report('node: round trips with the panel and a page')
    arm = deployment.arm
    points = targets.random_reachable_targets(arm, rng, WARM_UP_COUNT + sizes.round_trips).points
    with BenchmarkClient(arm.joint_names, arm.home) as client:
        beside, alone = client.open_channel('/with_panel'), client.open_channel('/alone')
        with deployment.ik_node('/with_panel') as watched, deployment.ik_node('/alone') as other:
            await_first_command(arm, watched, beside, points[0])
            await_first_command(arm, other, alone, points[0])
            with deployment.panel('/with_panel') as panel:
                url = _await_output(panel, r'the arm is at (\S+)')
                with NodeProcess(PAGE_READER_MODULE, [], (url,)) as page:
                    _await_output(page, f'({PAGE_OPEN_MESSAGE})')
                    times, wrong = measure_round_trips(arm, client, (beside, alone), points)
                    page.require_running()
    with_panel, without = times[:, WARM_UP_COUNT:]
    return PanelRoundTrips(summarize(with_panel, wrong), summarize(without, 0))


def _await_output(process: NodeProcess, pattern: str) -> str:
    """Return what a process says, as soon as it does."""
    end = time.monotonic() + PAGE_TIMEOUT_S
    while (found := re.search(pattern, process.output)) is None:
        process.require_running()
        if time.monotonic() > end:
            raise process.error(f'nothing in {PAGE_TIMEOUT_S:g} s', pattern)
        time.sleep(POLL_PERIOD_S)
    return found[1]
