"""Play the demo's script with its node."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions

from ik_nn_ros.demo.display import Show
from ik_nn_ros.demo.record import Record
from ik_nn_ros.demo.script import Target
from ik_nn_ros.errors import IkNnError
from ik_nn_ros.nodes.demo_node import DemoNode

STARTUP = 20.0
"""Time for the nodes to find each other, s."""
MEASURED = ('figure eight', 'random points')
"""Phases in which the tip's distance from its target counts."""


def play(
    record: Record,
    description: str,
    namespace: str,
    targets: Sequence[Target],
    show: Show,
    require_running: Callable[[], None],
) -> None:
    """
    Send the targets in their time, as soon as the nodes accept any.

    :param record: filled in
    :param description: URDF for the other nodes
    :param namespace: of all nodes
    :param show: called all the time
    :param require_running: called all the time; raises when a node has ended
    :raises IkNnError: the nodes accept no target
    """
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = DemoNode(record, description, namespace)
        executor = SingleThreadedExecutor()
        executor.add_node(node)

        def spin(until: float, phase: str, done: Callable[[], bool] = lambda: False) -> None:
            while not done() and (left := until - time.monotonic()) > 0.0:
                executor.spin_once(timeout_sec=min(left, 0.05))
                require_running()
                show(phase, node.tip_error)

        _wait_for_nodes(node, targets[0], spin)
        due = time.monotonic()
        for target in targets:
            node.send(target)
            due += target.hold
            spin(due, target.phase)
            if target.phase in MEASURED and node.tip_error is not None:
                record.tip_errors.append(node.tip_error)
    finally:
        rclpy.try_shutdown()


def _wait_for_nodes(node: DemoNode, probe: Target, spin: Callable[..., None]) -> None:
    latest = time.monotonic() + STARTUP
    spin(latest, 'starting', lambda: node.ready)
    while not node.accepting and time.monotonic() < latest:
        node.probe(probe)
        spin(time.monotonic() + 0.1, 'starting', lambda: node.accepting)
    if not node.accepting:
        raise IkNnError('nodes', got=f'not ready in {STARTUP:g} s', expected='arm_sim, ik_node')
