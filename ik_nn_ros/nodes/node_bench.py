"""Measure ``ik_node`` in its own process: start, memory, round trip beside a bare relay, load."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ik_nn_ros.arm import targets
from ik_nn_ros.arm.model import ArmModel, JointPair
from ik_nn_ros.arm.plane import Array
from ik_nn_ros.bench.effort import BenchmarkSizes
from ik_nn_ros.bench.results import LoadResult, NodeResults, RoundTrip
from ik_nn_ros.nodes.bench_client import Client, Line
from ik_nn_ros.process import NodeProcess

IK_NODE, RELAY = 'ik_nn_ros.nodes.ik_node', 'ik_nn_ros.nodes.relay'
IK_NODES, PANEL = 'ik_nn_ros.nodes.ik_nodes', 'ik_nn_ros.nodes.panel'
START_PATIENCE = 30.0
"""How long (s) a node may take to its first command."""
ANSWER_PATIENCE = 2.0
"""How long (s) to wait for the answer to one target before it counts as lost."""
RESEND = 0.02
"""Between targets while the node starts, s."""
QUIET = 0.3
"""For how long (s) nothing must have come before a measurement begins."""
PAUSE = 0.001
"""Between two round trips, s: the node that has just answered goes back to waiting."""
WARM_UP = 100
"""Targets before the first timed one."""


@dataclass(frozen=True)
class Setup:
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
        return NodeProcess(IK_NODE, [*self._parameters('direct'), *_names(namespace)])

    def ik_nodes(self, namespaces: Sequence[str]) -> NodeProcess:
        """Start several ``ik_node`` in one process, each with joint_states of its own."""
        rules = ['-r', '/diagnostics:=diagnostics']
        return NodeProcess(IK_NODES, [*self._parameters('smooth'), *rules], namespaces)

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
        return NodeProcess(RELAY, _names(namespace))

    def panel(self, namespace: str) -> NodeProcess:
        """Start ``panel`` in a namespace."""
        return NodeProcess(PANEL, [*self._parameters('direct'), *_names(namespace)])


def _names(namespace: str) -> list[str]:
    """Return arguments that keep a node apart from everything but our joint_states."""
    rules = (f'__ns:={namespace}', 'joint_states:=/joint_states', '/diagnostics:=diagnostics')
    return [word for rule in rules for word in ('-r', rule)]


def measure(
    setup: Setup, effort: BenchmarkSizes, rng: np.random.Generator, report: Callable[[str], None]
) -> NodeResults:
    """
    Do all measurements.

    The client starts just before the node. One that has been up for a while may discover any new
    node up to 3 s later, Fast DDS's announcement period: that would not be a time of the node's.

    :param report: takes what is being done, for people
    :raises ProcessError: a node did not start
    """
    arm, took, times, wrong = setup.arm, [], [], 0
    for number in range(effort.node_starts):
        report(f'node: start and round trips, {number + 1} of {effort.node_starts}')
        points = targets.random_reachable_targets(arm, rng, WARM_UP + effort.round_trips).points
        with Client(arm.joint_names, arm.home) as client:
            line, beside = client.line(f'/ik_{number}'), client.line(f'/relay_{number}')
            begin = time.monotonic()
            with setup.ik_node(f'/ik_{number}') as node:
                first_command(arm, node, line, points[0])
                took.append(time.monotonic() - begin)
                with setup.relay(f'/relay_{number}') as relay:
                    first_command(arm, relay, beside, points[0])
                    timed, off = round_trips(arm, client, (line, beside), points)
                times.append(timed[:, WARM_UP:])
                wrong += off
                memory, torch = node.resident_memory_mib(), node.has_loaded('libtorch')
                if number == effort.node_starts - 1:
                    report(
                        f'node: targets at {effort.load_rate_hz:.0f} Hz for {effort.load_s:.0f} s'
                    )
                    carried = load(arm, node, line, points, effort)
    ik_node, bare = np.concatenate(times, axis=1)
    return NodeResults(
        first_command=float(np.median(took)),
        memory=memory,
        torch=torch,
        ik_node=summary(ik_node, wrong),
        relay=summary(bare, 0),
        load=carried,
    )


def first_command(arm: ArmModel, process: NodeProcess, line: Line, point: JointPair) -> None:
    """
    Send a target, again and again, until the node answers.

    :raises ProcessError: it ended, or did not answer in :data:`START_PATIENCE`
    """
    deadline = time.monotonic() + START_PATIENCE
    place = arm.plane.to_base(point).tolist()
    while time.monotonic() < deadline:
        process.require_running()
        if not line.connected:
            time.sleep(0.002)
            continue
        line.prepare(*place)
        line.send()
        if line.receive(RESEND) is not None:
            return
    raise process.error(f'no command in {START_PATIENCE:g} s', 'one')


def round_trips(
    arm: ArmModel, client: Client, lines: Sequence[Line], points: Sequence[JointPair]
) -> tuple[Array, int]:
    """
    Send every target on every line, the lines taking turns, and time the answers.

    The joint_states follow the first line's commands.

    :param points: targets in the plane, m, that the arm can reach
    :return: (lines, N) times, µs, NaN where there was no answer; and how many commands of the first
        line were off their target or outside the limits
    """
    times = np.full((len(lines), len(points)), np.nan)
    turns = list(enumerate(lines))
    for line in lines:
        line.settle(QUIET)
    wrong = 0
    for column, point in enumerate(points):
        place = arm.plane.to_base(point).tolist()
        turns.reverse()
        for row, line in turns:
            time.sleep(PAUSE)
            line.settle()
            line.prepare(*place)
            begin = time.perf_counter_ns()
            line.send()
            command = line.receive(ANSWER_PATIENCE)
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


def summary(times: Array, wrong: int) -> RoundTrip:
    """
    Return the times (µs) in short.

    :param wrong: commands off their target
    """
    p50, p99 = np.nanquantile(times, (0.5, 0.99)).tolist()
    return RoundTrip(len(times), p50, p99, int(np.isnan(times).sum()), wrong)


def load(
    arm: ArmModel,
    process: NodeProcess,
    line: Line,
    points: Sequence[JointPair],
    effort: BenchmarkSizes,
) -> LoadResult:
    """
    Send targets at a steady rate without waiting for the answers, and count these.

    :param points: targets in the plane, m, that the arm can reach; sent again and again
    """
    places = arm.plane.to_base(points).tolist()
    sent = round(effort.load_rate_hz * effort.load_s)
    line.settle(QUIET)
    answered = 0
    used = process.cpu_seconds()
    begin = time.monotonic()
    for number in range(sent):
        line.prepare(*places[number % len(places)])
        while (left := begin + number / effort.load_rate_hz - time.monotonic()) > 0.0:
            answered += line.receive(left) is not None
        line.send()
    seconds = time.monotonic() - begin
    used = process.cpu_seconds() - used
    while answered < sent and line.receive(ANSWER_PATIENCE) is not None:
        answered += 1
    return LoadResult(sent / seconds, seconds, sent, sent - answered, used / seconds)
