"""Benchmarks of deployments: several arms in one process, and an ``ik_node`` with the panel."""

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

from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.bench.results import BenchmarkSizes, MultiArmLoad, PanelRoundTrips
from ik_nn_ros.ik import verification as targets
from ik_nn_ros.nodes.bench.client import FEEDBACK_PERIOD_S, BenchmarkClient
from ik_nn_ros.nodes.bench.ik_bench import (
    ANSWER_TIMEOUT_S,
    START_TIMEOUT_S,
    WARM_UP_COUNT,
    Deployment,
    await_first_command,
    measure_round_trips,
    summarize,
)
from ik_nn_ros.panel.connection import missing_module
from ik_nn_ros.process import NodeProcess

FEEDBACK_PER_TARGET_COUNT = 2
"""Number of joint_states for each target, which makes 50 targets a second for each arm."""
ELLIPSE_PERIOD_S = 4.0
"""Time of the targets for one round on their ellipse, s."""
PAGE_READER_MODULE = 'ik_nn_ros.bench.page_reader'
"""Module that stands for the browser."""
PAGE_OPEN_MESSAGE = 'the page is open'
"""Output of that module once the page is served."""
PAGE_TIMEOUT_S = 30.0
"""Time for panel and page to start, s."""
POLL_PERIOD_S = 0.05
"""Period of checks of their output, s."""


class IdealArm:
    """
    An arm that follows its commands at once, and a source of targets for it.

    :param node: the client's node
    :param namespace: namespace of the arm
    :param arm: model of the arm
    """

    def __init__(self, node: Node, namespace: str, arm: Kinematics) -> None:
        self.command_count = 0
        """Number of received commands."""
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
        """Move to the last command and publish the joint positions."""
        while (
            taken := self._command_subscription.handle.take_message(JointState, False)
        ) is not None:
            self._state.position = taken[0].position
            self.command_count += 1
        self._state.header.stamp = self._node.get_clock().now().to_msg()
        self._state_publisher.publish(self._state)

    def send_target(self, elapsed: float) -> None:
        """Publish the target on the ellipse at a time, s."""
        angle = tau * elapsed / ELLIPSE_PERIOD_S
        radius = 0.5 * (self._arm.reach + self._arm.inner_reach)
        point = (radius * (0.8 + 0.2 * cos(angle)), 0.3 * radius * sin(angle))
        position = self._target.pose.position
        position.x, position.y, position.z = self._arm.plane.to_base(point).tolist()
        self._target_publisher.publish(self._target)

    def receive_answer(self, timeout: float) -> str:
        """Return the code of the next answer, or '' if there is none within ``timeout`` s."""
        self._wait_set.clear_entities()
        self._wait_set.add_subscription(self._answer_subscription.handle)
        self._wait_set.wait(int(timeout * 1e9))
        taken = self._answer_subscription.handle.take_message(DiagnosticStatus, False)
        return '' if taken is None else taken[0].message

    def drop_answers(self) -> None:
        """Drop the answers that have arrived."""
        while self._answer_subscription.handle.take_message(DiagnosticStatus, False) is not None:
            pass

    def unsubscribe_answers(self) -> None:
        """End the subscription, so that the node does not write answers."""
        self._node.destroy_subscription(self._answer_subscription)


def measure_arms(
    deployment: Deployment, sizes: BenchmarkSizes, report: Callable[[str], None]
) -> list[MultiArmLoad]:
    """
    Measure each number of arms in ``sizes``, with smooth motion.

    :param report: called with the current step, as text
    :raises ProcessError: a process did not start
    """
    results = []
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
            results.append(MultiArmLoad(count, cpu, rate, process.resident_memory_mib(), p50))
    return results


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
    """Send targets until each arm has accepted one."""
    waiting = list(arms)
    deadline = time.monotonic() + START_TIMEOUT_S
    while waiting:
        process.require_running()
        if time.monotonic() > deadline:
            raise process.error(f'{len(waiting)} arms without an answer', 'an answer of each arm')
        for arm in arms:
            arm.follow_commands()
        for arm in waiting:
            arm.send_target(0.0)
        waiting = [arm for arm in waiting if arm.receive_answer(FEEDBACK_PERIOD_S) != 'ACCEPTED']


def _measure_round_trip(arms: list[IdealArm], arm: IdealArm) -> float:
    """Return the time from a target to its answer, µs; NaN without an answer."""
    for each in arms:
        each.follow_commands()
    time.sleep(FEEDBACK_PERIOD_S)
    arm.drop_answers()
    start = time.perf_counter_ns()
    arm.send_target(0.0)
    answered = arm.receive_answer(ANSWER_TIMEOUT_S)
    return 1e-3 * (time.perf_counter_ns() - start) if answered else float('nan')


def _measure_load(
    arms: list[IdealArm], process: NodeProcess, duration: float
) -> tuple[float, float]:
    """
    Let all arms follow their targets.

    :return: used fraction of one processor core, and rate of commands for each arm, Hz
    """
    ticks = round(duration / FEEDBACK_PERIOD_S)
    cpu_start, commands_start = process.cpu_seconds(), sum(arm.command_count for arm in arms)
    start = time.monotonic()
    for tick in range(ticks):
        time.sleep(max(0.0, start + tick * FEEDBACK_PERIOD_S - time.monotonic()))
        for number, arm in enumerate(arms):
            arm.follow_commands()
            if (tick + number) % FEEDBACK_PER_TARGET_COUNT == 0:
                arm.send_target(tick * FEEDBACK_PERIOD_S)
    elapsed = time.monotonic() - start
    commands = sum(arm.command_count for arm in arms) - commands_start
    return (process.cpu_seconds() - cpu_start) / elapsed, commands / elapsed / len(arms)


def measure_panel(
    deployment: Deployment,
    sizes: BenchmarkSizes,
    rng: np.random.Generator,
    report: Callable[[str], None],
) -> PanelRoundTrips | None:
    """
    Measure round trips of an ``ik_node`` with the panel and a page, and of one without, in turn.

    :param report: called with the current step, as text
    :return: None if the libraries of the panel are not installed
    :raises ProcessError: a process did not start
    """
    if missing_module():
        return None
    report('node: round trips with the panel and a page')
    arm = deployment.arm
    points = targets.random_reachable_targets(arm, rng, WARM_UP_COUNT + sizes.round_trips).points
    with BenchmarkClient(arm.joint_names, arm.home) as client:
        with_panel, alone = client.open_channel('/with_panel'), client.open_channel('/alone')
        with deployment.ik_node('/with_panel') as watched, deployment.ik_node('/alone') as other:
            await_first_command(arm, watched, with_panel, points[0])
            await_first_command(arm, other, alone, points[0])
            with deployment.panel('/with_panel') as panel:
                url = _await_output(panel, r'the arm is at (\S+)')
                with NodeProcess(PAGE_READER_MODULE, [], (url,)) as page:
                    _await_output(page, f'({PAGE_OPEN_MESSAGE})')
                    times, wrong = measure_round_trips(arm, client, (with_panel, alone), points)
                    page.require_running()
    panel_times, alone_times = times[:, WARM_UP_COUNT:]
    return PanelRoundTrips(summarize(panel_times, wrong), summarize(alone_times, 0))


def _await_output(process: NodeProcess, pattern: str) -> str:
    """Wait until the output of a process matches a pattern; return its first group."""
    deadline = time.monotonic() + PAGE_TIMEOUT_S
    while (match := re.search(pattern, process.output)) is None:
        process.require_running()
        if time.monotonic() > deadline:
            raise process.error(f'no such output within {PAGE_TIMEOUT_S:g} s', pattern)
        time.sleep(POLL_PERIOD_S)
    return match[1]
