"""Nodes that a command runs for itself, apart from any other arm on the network."""

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
    The nodes while they run.

    :param namespace: of all of them
    :param processes: one a node
    :param received_signals: signals that tell them to end
    """

    namespace: str
    processes: Sequence[NodeProcess]
    received_signals: Sequence[int]

    def require_running(self) -> None:
        """
        Check that they go on; to be called all the time.

        :raises KeyboardInterrupt: they are told to end
        :raises ProcessError: one of them has ended
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

    From then on they are only noted: one at any other place, or a second one, would break into
    calls of rclpy or into the end.

    :param command: the namespace is called after it and the process
    :param parameters: of each node, by the name of its executable
    """
    namespace = f'/{command}_{os.getpid()}'
    os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    noted: list[int] = []
    for number in SHUTDOWN_SIGNALS:
        signal.signal(number, lambda received, _: noted.append(received))
    with ExitStack() as stack:
        processes = [
            stack.enter_context(NodeProcess(NODE_MODULES[name], _ros_arguments(namespace, values)))
            for name, values in parameters.items()
        ]
        yield RunningNodes(namespace, processes, noted)


def _ros_arguments(namespace: str, parameters: Mapping[str, object]) -> list[str]:
    words = ['-r', f'__ns:={namespace}', '-r', '/diagnostics:=diagnostics']
    for name, value in parameters.items():
        # JSON is YAML, and says which `1` is a text.
        words += ['-p', f'{name}:={json.dumps(value, ensure_ascii=False)}']
    return words
