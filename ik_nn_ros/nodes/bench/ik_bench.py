"""Measure ``ik_node`` in its own process: start, memory, round trip beside a bare relay, load."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ik_nn_ros.arm.model import ArmModel, Array, JointPair
from ik_nn_ros.bench.results import BenchmarkSizes, LoadResult, NodeResults, RoundTrip
from ik_nn_ros.ik import verification as targets
from ik_nn_ros.nodes.bench.client import BenchmarkClient, Channel
from ik_nn_ros.process import NODE_MODULES, NodeProcess

RELAY_MODULE = 'ik_nn_ros.nodes.bench.relay'
START_TIMEOUT_S = 30.0
"""How long (s) a node may take to its first command."""
ANSWER_TIMEOUT_S = 2.0
"""How long (s) to wait for the answer to one target before it counts as lost."""
RESEND_PERIOD_S = 0.02
"""Between targets while the node starts, s."""
QUIET_TIME_S = 0.3
"""For how long (s) nothing must have come before a measurement begins."""
PAUSE_S = 0.001
"""Between two round trips, s: the node that has just answered goes back to waiting."""
WARM_UP_COUNT = 100
"""Targets before the first timed one."""


@dataclass(frozen=True)
class Deployment:
    """
    What to start.

    :param arm: the arm
    :param urdf: its description
    :param model: model file; None: closed form only
    :param folder: where parameter files may be written
    """

    arm: ArmModel
    urdf: str
    model: Path | None
    folder: Path

    def ik_node(self, namespace: str) -> NodeProcess:
        """Start ``ik_node`` in a namespace."""
        return NodeProcess(
            NODE_MODULES['ik_node'], [*self._parameters('direct'), *_remapping_arguments(namespace)]
        )

    def ik_nodes(self, namespaces: Sequence[str]) -> NodeProcess:
        """Start several ``ik_node`` in one process, each with joint_states of its own."""
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
    """Return arguments that keep a node apart from everything but our joint_states."""
    rules = (f'__ns:={namespace}', 'joint_states:=/joint_states', '/diagnostics:=diagnostics')
    return [word for rule in rules for word in ('-r', rule)]


def measure_node(
    deployment: Deployment,
    sizes: BenchmarkSizes,
    rng: np.random.Generator,
    report: Callable[[str], None],
) -> NodeResults:
    """
    Do all measurements.

    The client starts just before the node. One that has been up for a while may discover any new
    node up to 3 s later, Fast DDS's announcement period: that would not be a time of the node's.

    :param report: takes what is being done, for people
    :raises ProcessError: a node did not start
    """
    arm, took, times, wrong = deployment.arm, [], [], 0
    for number in range(sizes.node_starts):
        report(f'node: start and round trips, {number + 1} of {sizes.node_starts}')
        points = targets.random_reachable_targets(
            arm, rng, WARM_UP_COUNT + sizes.round_trips
        ).points
        with BenchmarkClient(arm.joint_names, arm.home) as client:
            line, beside = (
                client.open_channel(f'/ik_{number}'),
                client.open_channel(f'/relay_{number}'),
            )
            begin = time.monotonic()
            with deployment.ik_node(f'/ik_{number}') as node:
                await_first_command(arm, node, line, points[0])
                took.append(time.monotonic() - begin)
                with deployment.relay(f'/relay_{number}') as relay:
                    await_first_command(arm, relay, beside, points[0])
                    timed, off = measure_round_trips(arm, client, (line, beside), points)
                times.append(timed[:, WARM_UP_COUNT:])
                wrong += off
                memory, torch = node.resident_memory_mib(), node.has_loaded('libtorch')
                if number == sizes.node_starts - 1:
                    report(f'node: targets at {sizes.load_rate_hz:.0f} Hz for {sizes.load_s:.0f} s')
                    carried = measure_load(arm, node, line, points, sizes)
    ik_node, bare = np.concatenate(times, axis=1)
    return NodeResults(
        first_command=float(np.median(took)),
        memory=memory,
        torch=torch,
        ik_node=summarize(ik_node, wrong),
        relay=summarize(bare, 0),
        load=carried,
    )


def await_first_command(
    arm: ArmModel, process: NodeProcess, channel: Channel, point: JointPair
) -> None:
    """
    Send a target, again and again, until the node answers.

    :raises ProcessError: it ended, or did not answer in :data:`START_TIMEOUT_S`
    """
    deadline = time.monotonic() + START_TIMEOUT_S
    place = arm.plane.to_base(point).tolist()
    while time.monotonic() < deadline:
        process.require_running()
        if not channel.is_connected:
            time.sleep(0.002)
            continue
        channel.prepare_target(*place)
        channel.send_target()
        if channel.receive_command(RESEND_PERIOD_S) is not None:
            return
    raise process.error(f'no command in {START_TIMEOUT_S:g} s', 'one')


def measure_round_trips(
    arm: ArmModel, client: BenchmarkClient, channels: Sequence[Channel], points: Sequence[JointPair]
) -> tuple[Array, int]:
    """
    Send every target on every line, the lines taking turns, and time the answers.

    The joint_states follow the first line's commands.

    :param points: targets in the plane, m, that the arm can reach
    :return: (lines, N) times, µs, NaN where there was no answer; and how many commands of the first
        line were off their target or outside the limits
    """
    times = np.full((len(channels), len(points)), np.nan)
    turns = list(enumerate(channels))
    for line in channels:
        line.drain(QUIET_TIME_S)
    wrong = 0
    for column, point in enumerate(points):
        place = arm.plane.to_base(point).tolist()
        turns.reverse()
        for row, line in turns:
            time.sleep(PAUSE_S)
            line.drain()
            line.prepare_target(*place)
            begin = time.perf_counter_ns()
            line.send_target()
            command = line.receive_command(ANSWER_TIMEOUT_S)
            if command is None:
                continue
            times[row, column] = (time.perf_counter_ns() - begin) * 1e-3
            if row == 0:
                client.positions = (command.position[0], command.position[1])
                wrong += _is_wrong(arm, point, client.positions)
    return times, wrong


def _is_wrong(arm: ArmModel, point: JointPair, q: JointPair) -> bool:
    error = targets.tip_errors(arm, np.array([point]), np.array([q]))[0]
    return not (error <= targets.MAX_TIP_ERROR_RATIO * (1.0 + 1e-6) and arm.within_limits(q))


def summarize(times: Array, wrong: int) -> RoundTrip:
    """
    Return the times (µs) in short.

    :param wrong: commands off their target
    """
    p50, p99 = np.nanquantile(times, (0.5, 0.99)).tolist()
    return RoundTrip(len(times), p50, p99, int(np.isnan(times).sum()), wrong)


def measure_load(
    arm: ArmModel,
    process: NodeProcess,
    channel: Channel,
    points: Sequence[JointPair],
    sizes: BenchmarkSizes,
) -> LoadResult:
    """
    Send targets at a steady rate without waiting for the answers, and count these.

    :param points: targets in the plane, m, that the arm can reach; sent again and again
    """
    places = arm.plane.to_base(points).tolist()
    sent = round(sizes.load_rate_hz * sizes.load_s)
    channel.drain(QUIET_TIME_S)
    answered = 0
    used = process.cpu_seconds()
    begin = time.monotonic()
    for number in range(sent):
        channel.prepare_target(*places[number % len(places)])
        while (left := begin + number / sizes.load_rate_hz - time.monotonic()) > 0.0:
            answered += channel.receive_command(left) is not None
        channel.send_target()
    seconds = time.monotonic() - begin
    used = process.cpu_seconds() - used
    while answered < sent and channel.receive_command(ANSWER_TIMEOUT_S) is not None:
        answered += 1
    return LoadResult(sent / seconds, seconds, sent, sent - answered, used / seconds)
