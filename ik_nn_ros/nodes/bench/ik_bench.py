"""Benchmark of ``ik_node`` in its own process: start, memory, load, round trip beside a relay."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ik_nn_ros.arm.geometry import Array, JointPair, Point2
from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.bench.results import BenchmarkSizes, LoadResult, NodeResults, RoundTrip
from ik_nn_ros.ik import verification as targets
from ik_nn_ros.nodes.bench.client import BenchmarkClient, Channel
from ik_nn_ros.process import NODE_MODULES, NodeProcess

RELAY_MODULE = 'ik_nn_ros.nodes.bench.relay'
START_TIMEOUT_S = 30.0
"""Time for a node to its first command, s."""
ANSWER_TIMEOUT_S = 2.0
"""Time after which the answer to a target counts as lost, s."""
RESEND_PERIOD_S = 0.02
"""Period of targets while the node starts, s."""
QUIET_TIME_S = 0.3
"""Time without commands before a measurement starts, s."""
PAUSE_S = 0.001
"""Pause between two round trips, in which the node that has answered returns to waiting, s."""
WARM_UP_COUNT = 100
"""Number of targets before the first timed one."""


@dataclass(frozen=True)
class Deployment:
    """
    The nodes to measure: each method starts one.

    :param arm: the arm
    :param urdf: URDF of the arm
    :param model: model file; None: closed form only
    :param folder: folder for parameter files
    """

    arm: Kinematics
    urdf: str
    model: Path | None
    folder: Path

    def ik_node(self, namespace: str) -> NodeProcess:
        """Start ``ik_node`` in a namespace."""
        return NodeProcess(
            NODE_MODULES['ik_node'], [*self._parameters('direct'), *_remapping_arguments(namespace)]
        )

    def ik_nodes(self, namespaces: Sequence[str]) -> NodeProcess:
        """Start several ``ik_node`` in one process, each with its own joint_states."""
        rules = ['-r', '/diagnostics:=diagnostics']
        return NodeProcess(
            NODE_MODULES['ik_nodes'], [*self._parameters('smooth'), *rules], namespaces
        )

    def _parameters(self, motion: str) -> list[str]:
        parameters = {
            'robot_description': self.urdf,
            'model_file': str(self.model or ''),
            'motion': motion,
        }
        file = self.folder / 'parameters.yaml'  # JSON is YAML
        file.write_text(json.dumps({'/**': {'ros__parameters': parameters}}), encoding='utf-8')
        return ['--params-file', str(file)]

    def relay(self, namespace: str) -> NodeProcess:
        """Start the bare relay in a namespace."""
        return NodeProcess(RELAY_MODULE, _remapping_arguments(namespace))

    def panel(self, namespace: str) -> NodeProcess:
        """Start ``panel`` in a namespace."""
        return NodeProcess(
            NODE_MODULES['panel'], [*self._parameters('direct'), *_remapping_arguments(namespace)]
        )


def _remapping_arguments(namespace: str) -> list[str]:
    """Return arguments that separate a node from all others, except for joint_states."""
    rules = (f'__ns:={namespace}', 'joint_states:=/joint_states', '/diagnostics:=diagnostics')
    return [word for rule in rules for word in ('-r', rule)]


def measure_node(
    deployment: Deployment,
    sizes: BenchmarkSizes,
    rng: np.random.Generator,
    report: Callable[[str], None],
) -> NodeResults:
    """
    Measure start, memory, round trips and load.

    The client starts just before the node: a client that has been running may discover a new node
    only after Fast DDS's announcement period, up to 3 s, which is not a time of the node.

    :param report: called with the current step, as text
    :raises ProcessError: a node did not start
    """
    arm = deployment.arm
    start_times: list[float] = []
    times: list[Array] = []
    wrong = 0
    for number in range(sizes.node_starts):
        report(f'node: start and round trips, {number + 1} of {sizes.node_starts}')
        points = targets.random_reachable_targets(
            arm, rng, WARM_UP_COUNT + sizes.round_trips
        ).points
        with BenchmarkClient(arm.joint_names, arm.home) as client:
            channel = client.open_channel(f'/ik_{number}')
            relay_channel = client.open_channel(f'/relay_{number}')
            start = time.monotonic()
            with deployment.ik_node(f'/ik_{number}') as node:
                await_first_command(arm, node, channel, points[0])
                start_times.append(time.monotonic() - start)
                with deployment.relay(f'/relay_{number}') as relay:
                    await_first_command(arm, relay, relay_channel, points[0])
                    channels = (channel, relay_channel)
                    all_times, wrong_count = measure_round_trips(arm, client, channels, points)
                times.append(all_times[:, WARM_UP_COUNT:])
                wrong += wrong_count
                memory, torch = node.resident_memory_mib(), node.has_loaded('libtorch')
                if number == sizes.node_starts - 1:
                    report(f'node: targets at {sizes.load_rate_hz:.0f} Hz for {sizes.load_s:.0f} s')
                    load = measure_load(arm, node, channel, points, sizes)
    ik_node_times, relay_times = np.concatenate(times, axis=1)
    return NodeResults(
        first_command=float(np.median(start_times)),
        memory=memory,
        torch=torch,
        ik_node=summarize(ik_node_times, wrong),
        relay=summarize(relay_times, 0),
        load=load,
    )


def await_first_command(
    arm: Kinematics, process: NodeProcess, channel: Channel, point: Point2
) -> None:
    """
    Send a target repeatedly until the node answers.

    :raises ProcessError: the node ended, or did not answer within :data:`START_TIMEOUT_S`
    """
    deadline = time.monotonic() + START_TIMEOUT_S
    position = arm.plane.to_base(point).tolist()
    while time.monotonic() < deadline:
        process.require_running()
        if not channel.is_connected:
            time.sleep(0.002)
            continue
        channel.prepare_target(*position)
        channel.send_target()
        if channel.receive_command(RESEND_PERIOD_S) is not None:
            return
    raise process.error(f'no command within {START_TIMEOUT_S:g} s', 'a command')


def measure_round_trips(
    arm: Kinematics, client: BenchmarkClient, channels: Sequence[Channel], points: Sequence[Point2]
) -> tuple[Array, int]:
    """
    Send every target on every channel in turn, and time the answers.

    The joint_states follow the commands of the first channel.

    :param points: reachable targets in the plane, m
    :return: (channels, N) times, µs, NaN without an answer; and the number of commands of the first
        channel that missed their target or violated the limits
    """
    times = np.full((len(channels), len(points)), np.nan)
    rows = list(enumerate(channels))
    for channel in channels:
        channel.drain(QUIET_TIME_S)
    wrong = 0
    for column, point in enumerate(points):
        position = arm.plane.to_base(point).tolist()
        rows.reverse()
        for row, channel in rows:
            time.sleep(PAUSE_S)
            channel.drain()
            channel.prepare_target(*position)
            start = time.perf_counter_ns()
            channel.send_target()
            command = channel.receive_command(ANSWER_TIMEOUT_S)
            if command is None:
                continue
            times[row, column] = (time.perf_counter_ns() - start) * 1e-3
            if row == 0:
                q = (command.position[0], command.position[1])
                client.move_to(q)
                wrong += _is_wrong(arm, point, q)
    return times, wrong


def _is_wrong(arm: Kinematics, point: Point2, q: JointPair) -> bool:
    error = targets.tip_errors(arm, np.array([point]), np.array([q]))[0]
    return not (error <= targets.MAX_TIP_ERROR_RATIO * (1.0 + 1e-6) and arm.within_limits(q))


def summarize(times: Array, wrong: int) -> RoundTrip:
    """
    Return the statistics of (N,) times, µs, NaN for lost answers.

    :param wrong: number of commands that missed their target
    """
    p50, p99 = np.nanquantile(times, (0.5, 0.99)).tolist()
    return RoundTrip(len(times), p50, p99, int(np.isnan(times).sum()), wrong)


def measure_load(
    arm: Kinematics,
    process: NodeProcess,
    channel: Channel,
    points: Sequence[Point2],
    sizes: BenchmarkSizes,
) -> LoadResult:
    """
    Send targets at a steady rate without waiting for the answers, and count the answers.

    :param points: reachable targets in the plane, m, which are sent in turn
    """
    positions = arm.plane.to_base(points).tolist()
    sent = round(sizes.load_rate_hz * sizes.load_s)
    channel.drain(QUIET_TIME_S)
    answered = 0
    cpu_start = process.cpu_seconds()
    start = time.monotonic()
    for number in range(sent):
        channel.prepare_target(*positions[number % len(positions)])
        while (remaining := start + number / sizes.load_rate_hz - time.monotonic()) > 0.0:
            answered += channel.receive_command(remaining) is not None
        channel.send_target()
    duration = time.monotonic() - start
    cpu_time = process.cpu_seconds() - cpu_start
    while answered < sent and channel.receive_command(ANSWER_TIMEOUT_S) is not None:
        answered += 1
    return LoadResult(sent / duration, duration, sent, sent - answered, cpu_time / duration)
