"""Play the demo's script with its node."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions

from ik_nn_ros.demo.display import DisplayCallback
from ik_nn_ros.demo.record import DemoRecord
from ik_nn_ros.demo.script import DemoTarget
from ik_nn_ros.errors import IkNnError
from ik_nn_ros.nodes.demo_node import DemoNode

STARTUP = 20.0
"""Time for the nodes to find each other, s."""
ANSWER = 1.0
"""Time for the last answers when somebody else has taken over, s."""
MEASURED = ('figure eight', 'random points')
"""Phases in which the tip's distance from its target counts."""


def play(
    record: DemoRecord,
    description: str,
    namespace: str,
    targets: Sequence[DemoTarget],
    show: DisplayCallback,
    require_running: Callable[[], None],
) -> bool:
    """
    Send the targets in their time, as soon as the nodes accept any, until somebody else sends one.

    :param record: filled in
    :param description: URDF for the other nodes
    :param namespace: of all nodes
    :param show: called all the time
    :param require_running: called all the time; raises when a node has ended
    :return: whether somebody else has taken the arm over
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
            if node.taken_over:
                spin(time.monotonic() + ANSWER, 'taken over', lambda: node.is_answered)
                break
            node.send(target)
            due += target.dwell_s
            spin(due, target.phase, lambda: node.taken_over)
            if target.phase in MEASURED and node.goes_to_latest and not node.taken_over:
                record.tip_errors.append(node.tip_error)
        return node.taken_over
    finally:
        rclpy.try_shutdown()


def _wait_for_nodes(node: DemoNode, probe: DemoTarget, spin: Callable[..., None]) -> None:
    latest = time.monotonic() + STARTUP
    spin(latest, 'starting', lambda: node.ready)
    while not (done := node.accepting or node.taken_over) and time.monotonic() < latest:
        node.probe(probe)
        spin(time.monotonic() + 0.1, 'starting', lambda: node.accepting)
    if not done:
        raise IkNnError('nodes', got=f'not ready in {STARTUP:g} s', expected='arm_sim, ik_node')
