"""Nodes that a command runs for itself, in a namespace of their own."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from ik_nn_ros.process import NODE_MODULES, NodeProcess

SHUTDOWN_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class RunningNodes:
    """
    Nodes that a command runs for itself.

    :param namespace: namespace of all of them
    :param processes: one for each node
    :param received_signals: signals received so far that end the command
    """

    namespace: str
    processes: Sequence[NodeProcess]
    received_signals: Sequence[int]

    def require_running(self) -> None:
        """
        Check that the nodes run and that no signal ends the command; call this periodically.

        :raises KeyboardInterrupt: a signal was received
        :raises ProcessError: a node has ended
        """
        if self.received_signals:
            raise KeyboardInterrupt
        for process in self.processes:
            process.require_running()


@contextmanager
def running_nodes(
    command: str, parameters: Mapping[str, Mapping[str, object]]
) -> Iterator[RunningNodes]:
    """
    Run nodes while the block runs; Ctrl-C, SIGTERM and SIGHUP end it by ``require_running``.

    The signals are only recorded: raised elsewhere, or a second time, they would interrupt a call
    of rclpy or the shutdown of the nodes.

    :param command: name of the command; the namespace is this name and the process id
    :param parameters: parameters of each node, by the name of its executable
    """
    namespace = f'/{command}_{os.getpid()}'
    os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    received_signals: list[int] = []
    for number in SHUTDOWN_SIGNALS:
        signal.signal(number, lambda signum, _: received_signals.append(signum))
    with ExitStack() as stack:
        processes = [
            stack.enter_context(NodeProcess(NODE_MODULES[name], _ros_arguments(namespace, values)))
            for name, values in parameters.items()
        ]
        yield RunningNodes(namespace, processes, received_signals)


def _ros_arguments(namespace: str, parameters: Mapping[str, object]) -> list[str]:
    words = ['-r', f'__ns:={namespace}', '-r', '/diagnostics:=diagnostics']
    for name, value in parameters.items():
        # JSON is YAML, and quotes strings such as '1'.
        words += ['-p', f'{name}:={json.dumps(value, ensure_ascii=False)}']
    return words
