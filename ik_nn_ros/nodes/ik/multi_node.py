"""
Several arms in one process: an ``ik_node`` for each namespace given, all in one executor.

``ik_nodes left right --ros-args --params-file arms.yaml`` is what ``ik_node`` in two processes is,
one with ``-r __ns:=/left`` and one with ``-r __ns:=/right``; parameters are those of
``/left/ik_node`` and ``/right/ik_node``.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from functools import partial

from rclpy.exceptions import InvalidNamespaceException
from rclpy.node import Node
from rclpy.utilities import remove_ros_args
from rclpy.validate_namespace import validate_namespace

from ik_nn_ros.nodes.common.main import run_nodes
from ik_nn_ros.nodes.ik.node import IkNode


def parse_namespaces(arguments: Sequence[str]) -> list[str]:
    """
    Return the namespaces given as arguments; end the process with code 2 where they are no such.

    :param arguments: without the name of the program and without ROS arguments
    """
    parser = argparse.ArgumentParser('ik_nodes', description='Run an ik_node a namespace.')
    parser.add_argument(
        'namespaces',
        nargs='+',
        type=_validate_namespace,
        metavar='namespace',
        help='of one arm; without a leading slash it is inside the one of `-r __ns:=`',
    )
    namespaces: list[str] = parser.parse_args(arguments).namespaces
    times = Counter(name.strip('/') for name in namespaces)
    twice = [name for name in times if times[name] > 1]
    if twice:
        parser.error(f'namespaces: got {" ".join(twice)} twice, expected each once')
    return namespaces


def _validate_namespace(namespace: str) -> str:
    try:
        validate_namespace(_absolute_namespace('/', namespace) if namespace else namespace)
    except InvalidNamespaceException as error:
        why = ' '.join(str(error).split())
        raise argparse.ArgumentTypeError(
            f'got {namespace!r}, expected a namespace ({why})'
        ) from error
    return namespace


def _absolute_namespace(parent: str, namespace: str) -> str:
    """Return a namespace by its full name."""
    return namespace if namespace.startswith('/') else f'{parent.rstrip("/")}/{namespace}'


def create_node(namespace: str) -> IkNode:
    """
    Return an ``ik_node`` that has started.

    A rule ``__ns:=`` for the whole process, as launch gives it where a namespace was pushed, would
    put every node into that one namespace; a rule of the node's own goes before it.

    :param namespace: of the node; without a leading slash it is inside the process's
    """
    probe = Node('ik_nodes', start_parameter_services=False, enable_rosout=False)
    full = _absolute_namespace(probe.get_namespace(), namespace)
    probe.destroy_node()
    node = IkNode(cli_args=['--ros-args', '-r', f'__ns:={full}'])
    node.start()
    return node


def main() -> int:
    """Run the nodes until SIGINT or SIGTERM; all arms brake before they end."""
    namespaces = parse_namespaces(remove_ros_args(sys.argv)[1:])
    return run_nodes(
        [partial(create_node, namespace) for namespace in namespaces], IkNode.begin_shutdown
    )


if __name__ == '__main__':
    raise SystemExit(main())
