"""Measure several arms in one process: what each costs, with targets for all at a steady rate."""

from __future__ import annotations

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
from ik_nn_ros.bench.effort import BenchmarkSizes
from ik_nn_ros.bench.results import MultiArmLoad
from ik_nn_ros.nodes.node_bench import ANSWER_PATIENCE, START_PATIENCE, Setup
from ik_nn_ros.process import NodeProcess

FEEDBACK_PERIOD = 0.01
"""Between two joint_states of an arm, s."""
TARGET_EVERY = 2
"""Joint_states between two targets: 50 targets a second for each arm."""
ROUND = 4.0
"""How long (s) the targets take around their circle."""


class FollowingArm:
    """
    An arm that is where it was told to be, and a source of targets for it.

    :param node: the client's node
    :param namespace: of the arm
    :param arm: its model
    """

    def __init__(self, node: Node, namespace: str, arm: ArmModel) -> None:
        self.commands = 0
        """How many have come."""
        self._node, self._arm = node, arm
        self._state = JointState(name=list(arm.joint_names), position=list(arm.home))
        self._target = PoseStamped()
        self._states = node.create_publisher(
            JointState, f'{namespace}/joint_states', qos_profile_sensor_data
        )
        self._targets = node.create_publisher(PoseStamped, f'{namespace}/target_pose', 10)
        self._commands = node.create_subscription(
            JointState, f'{namespace}/joint_command', lambda _: None, 100
        )
        self._answers = node.create_subscription(
            DiagnosticStatus, f'{namespace}/ik_node/target_status', lambda _: None, 100
        )
        self._wait_set = _rclpy.WaitSet(1, 0, 0, 0, 0, 0, node.context.handle)

    def move(self) -> None:
        """Go where the last command said, and tell."""
        while (taken := self._commands.handle.take_message(JointState, False)) is not None:
            self._state.position = taken[0].position
            self.commands += 1
        self._state.header.stamp = self._node.get_clock().now().to_msg()
        self._states.publish(self._state)

    def send(self, seconds: float) -> None:
        """Send the target of a time on its circle."""
        angle = tau * seconds / ROUND
        reach = 0.5 * (self._arm.reach + self._arm.inner_reach)
        place = (reach * (0.8 + 0.2 * cos(angle)), 0.3 * reach * sin(angle))
        position = self._target.pose.position
        position.x, position.y, position.z = self._arm.plane.to_base(place).tolist()
        self._targets.publish(self._target)

    def answer(self, timeout: float) -> str:
        """Return the next answer to a target, or an empty text after ``timeout`` s."""
        self._wait_set.clear_entities()
        self._wait_set.add_subscription(self._answers.handle)
        self._wait_set.wait(int(timeout * 1e9))
        taken = self._answers.handle.take_message(DiagnosticStatus, False)
        return '' if taken is None else taken[0].message

    def forget_answers(self) -> None:
        """Drop the answers that are there."""
        while self._answers.handle.take_message(DiagnosticStatus, False) is not None:
            pass

    def want_no_answers(self) -> None:
        """Have the node write no more of them, as where nobody asks."""
        self._node.destroy_subscription(self._answers)


def measure_arms(
    setup: Setup, effort: BenchmarkSizes, report: Callable[[str], None]
) -> list[MultiArmLoad]:
    """
    Measure as many arms at a time as ``effort`` says, with smooth motion.

    :param report: takes what is being done, for people
    :raises ProcessError: a process did not start
    """
    found = []
    for count in effort.arm_counts:
        report(f'arms in one process: {count}')
        names = [f'arms_{count}_{number}' for number in range(count)]
        with _client() as node, setup.ik_nodes(names) as process:
            arms = [FollowingArm(node, f'/{name}', setup.arm) for name in names]
            _wait_for(arms, process)
            trips = [
                _round_trip(arms, arm)
                for arm, _ in zip(cycle(arms), range(effort.arms_round_trips))
            ]
            for arm in arms:
                arm.want_no_answers()
            cpu, rate = _load(arms, process, effort.arms_load_s)
            p50 = float(np.nanmedian(trips))
            found.append(MultiArmLoad(count, cpu, rate, process.resident_memory_mib(), p50))
    return found


@contextmanager
def _client() -> Iterator[Node]:
    context = Context()
    rclpy.init(context=context, signal_handler_options=SignalHandlerOptions.NO)
    node = Node('ik_nn_bench_arms', context=context, start_parameter_services=False)
    try:
        yield node
    finally:
        node.destroy_node()
        rclpy.try_shutdown(context=context)


def _wait_for(arms: list[FollowingArm], process: NodeProcess) -> None:
    """Send targets until each arm has taken one."""
    waiting = list(arms)
    deadline = time.monotonic() + START_PATIENCE
    while waiting:
        process.require_running()
        if time.monotonic() > deadline:
            raise process.error(f'{len(waiting)} without an answer', 'one of each arm')
        for arm in arms:
            arm.move()
        for arm in waiting:
            arm.send(0.0)
        waiting = [arm for arm in waiting if arm.answer(FEEDBACK_PERIOD) != 'ACCEPTED']


def _round_trip(arms: list[FollowingArm], arm: FollowingArm) -> float:
    """Return the time (µs) from a target to its answer; NaN if there was none."""
    for each in arms:
        each.move()
    time.sleep(FEEDBACK_PERIOD)
    arm.forget_answers()
    begin = time.perf_counter_ns()
    arm.send(0.0)
    answered = arm.answer(ANSWER_PATIENCE)
    return 1e-3 * (time.perf_counter_ns() - begin) if answered else float('nan')


def _load(arms: list[FollowingArm], process: NodeProcess, seconds: float) -> tuple[float, float]:
    """
    Have all arms follow their targets.

    :return: share of one processor the process uses; commands a second that each arm gets
    """
    ticks = round(seconds / FEEDBACK_PERIOD)
    used, before = process.cpu_seconds(), sum(arm.commands for arm in arms)
    begin = time.monotonic()
    for tick in range(ticks):
        time.sleep(max(0.0, begin + tick * FEEDBACK_PERIOD - time.monotonic()))
        for number, arm in enumerate(arms):
            arm.move()
            if (tick + number) % TARGET_EVERY == 0:
                arm.send(tick * FEEDBACK_PERIOD)
    took = time.monotonic() - begin
    commands = sum(arm.commands for arm in arms) - before
    return (process.cpu_seconds() - used) / took, commands / took / len(arms)
