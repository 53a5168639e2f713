"""
Executable ``ik_nodes``: several arms in one process, an ``ik_node`` for each given namespace.

``ik_nodes left right --ros-args --params-file arms.yaml`` corresponds to two processes ``ik_node``,
one with ``-r __ns:=/left`` and one with ``-r __ns:=/right``. Their parameters are those of
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
    Parse the command line.

    :param arguments: without the name of the program and without ROS arguments
    :return: the namespaces
    :raises SystemExit: with code 2, if an argument is not a namespace or is given twice
    """
    parser = argparse.ArgumentParser('ik_nodes', description='Run an ik_node for each namespace.')
    parser.add_argument(
        'namespaces',
        nargs='+',
        type=_validate_namespace,
        metavar='namespace',
        help='of one arm; without a leading slash it is inside the namespace of `-r __ns:=`',
    )
    namespaces: list[str] = parser.parse_args(arguments).namespaces
    counts = Counter(name.strip('/') for name in namespaces)
    repeated = [name for name in counts if counts[name] > 1]
    if repeated:
        parser.error(f'namespaces: got {" ".join(repeated)} twice, expected each once')
    return namespaces


def _validate_namespace(namespace: str) -> str:
    try:
        validate_namespace(_absolute_namespace('/', namespace) if namespace else namespace)
    except InvalidNamespaceException as error:
        detail = ' '.join(str(error).split())
        raise argparse.ArgumentTypeError(
            f'got {namespace!r}, expected a namespace ({detail})'
        ) from error
    return namespace


def _absolute_namespace(parent: str, namespace: str) -> str:
    """Return the absolute name of a namespace."""
    return namespace if namespace.startswith('/') else f'{parent.rstrip("/")}/{namespace}'


def create_node(namespace: str) -> IkNode:
    """
    Create and start an ``ik_node``.

    A remap rule ``__ns:=`` of the whole process, as launch sets it inside a pushed namespace, would
    put every node into that namespace. A rule of the node itself takes precedence.

    :param namespace: of the node; without a leading slash it is inside that of the process
    """
    probe = Node('ik_nodes', start_parameter_services=False, enable_rosout=False)
    absolute = _absolute_namespace(probe.get_namespace(), namespace)
    probe.destroy_node()
    node = IkNode(cli_args=['--ros-args', '-r', f'__ns:={absolute}'])
    node.start()
    return node


def main() -> int:
    """Run the nodes until SIGINT or SIGTERM; all arms stop before the process ends."""
    namespaces = parse_namespaces(remove_ros_args(sys.argv)[1:])
    return run_nodes(
        [partial(create_node, namespace) for namespace in namespaces], IkNode.begin_shutdown
    )


if __name__ == '__main__':
    raise SystemExit(main())
