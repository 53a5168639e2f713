"""Nodes in processes of their own, and a client for them; tests wait for conditions, not times."""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import rclpy
from rcl_interfaces.srv import SetParameters
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter

T = TypeVar('T')

DEADLINE_S = 60.0
"""Time (s) after which a condition counts as failed, long enough for a busy machine."""
RESPONSE_TIMEOUT_S = 2.0
"""Time (s) after which a service is called again where that was asked for."""
DOMAIN_COUNT = 100
LOCALHOST = {'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST'}

_domain_locks: deque[int] = deque()


def fresh_domain() -> int:
    """
    Return a ROS_DOMAIN_ID, 1 to 100, that no other test uses, in this process or another.

    It stays reserved until this process ends or has reserved ten more.
    """
    while len(_domain_locks) > 10:
        os.close(_domain_locks.popleft())
    number, descriptor = _reserve_domain()
    _domain_locks.append(descriptor)
    return number


@contextmanager
def reserved_domain() -> Iterator[int]:
    """Reserve a ROS_DOMAIN_ID, 1 to 100, while the block runs."""
    number, descriptor = _reserve_domain()
    try:
        yield number
    finally:
        os.close(descriptor)


def _reserve_domain() -> tuple[int, int]:
    """Return a free domain and the open file whose lock reserves it."""
    start = os.getpid() * 7
    for number in itertools.islice(
        itertools.cycle(range(1, DOMAIN_COUNT + 1)), start, start + DOMAIN_COUNT
    ):
        path = Path(tempfile.gettempdir()) / f'ik_nn_ros_domain_{os.getuid()}_{number}'
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            continue
        return number, descriptor
    raise RuntimeError(f'ROS domains: all {DOMAIN_COUNT} are in use')


def wait_until(
    condition: Callable[[], T],
    deadline: float = DEADLINE_S,
    *,
    what: object = '',
    between: Callable[[], object] = lambda: time.sleep(0.01),
) -> T:
    """
    Return the result of ``condition`` as soon as it is true.

    :param deadline: s
    :param what: text of the error, or a function that returns it
    :param between: called between two evaluations
    """
    end = time.monotonic() + deadline
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            text = what() if callable(what) else what
            raise AssertionError(f'nothing within {deadline} s: {text}')
        between()


class NodeProcess:
    """
    A running node.

    :param module: run as ``python -m``
    :param arguments: of its command line
    :param domain: ROS_DOMAIN_ID
    """

    def __init__(self, module: str, *arguments: str, domain: int) -> None:
        self._log = tempfile.TemporaryFile('w+b')  # noqa: SIM115, closed with the process
        self.process = subprocess.Popen(
            [sys.executable, '-u', '-m', module, *arguments],
            env={**os.environ, **LOCALHOST, 'ROS_DOMAIN_ID': str(domain)},
            stdout=self._log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )

    @property
    def output(self) -> str:
        """Text on stdout and stderr so far."""
        size = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), size, 0).decode(errors='replace')

    def wait_for(self, text: str, deadline: float = DEADLINE_S) -> None:
        """Wait until the output contains ``text``; fail at once if the process ends before."""

        def written() -> bool:
            ended = self.process.poll() is not None
            if text in self.output:
                return True
            assert not ended, f'ended before {text!r}:\n{self.output}'
            return False

        wait_until(written, deadline, what=lambda: f'{text!r} not in:\n{self.output}')

    def stop(self, *signals: signal.Signals, deadline: float = DEADLINE_S) -> int:
        """
        Send the signals (default: SIGINT), one right after the other, and return the exit code.

        A process that does not end in time is killed, and the test fails.
        """
        for number in signals or (signal.SIGINT,):
            self.process.send_signal(number)
        try:
            return self.process.wait(deadline)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        raise AssertionError(f'still running after {deadline} s:\n{self.output}')

    def close(self) -> None:
        """End the process if it still runs, even where it is suspended."""
        try:
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGCONT)
                self.stop()
        finally:
            self._log.close()


def free_port() -> int:
    """Return a TCP port of this machine that is not in use."""
    with socket.socket() as trial:
        trial.bind(('127.0.0.1', 0))
        return trial.getsockname()[1]


@contextmanager
def node_process(
    module: str,
    *ros_args: str,
    domain: int,
    parameters: Mapping[str, Any] | None = None,
    arguments: Sequence[str] = (),
) -> Iterator[NodeProcess]:
    """
    Run a node, e.g. ``node_process('ik_nn_ros.nodes.sim.node', '-p', 'rate:=50', domain=3)``.

    :param ros_args: arguments after ``--ros-args``
    :param parameters: passed in a file, as launch does; a URDF is too long for an argument
    :param arguments: arguments before ``--ros-args``
    """
    with tempfile.TemporaryDirectory() as folder:
        words = [*arguments, '--ros-args']
        if parameters:
            file = Path(folder) / 'parameters.yaml'
            # JSON is a subset of YAML.
            file.write_text(json.dumps({'/**': {'ros__parameters': parameters}}))
            words += ['--params-file', str(file)]
        node = NodeProcess(module, *words, *ros_args, domain=domain)
        try:
            yield node
        finally:
            node.close()


class Client:
    """
    The test's own node, in its own context; it is spun only while the test waits.

    :param domain: ROS_DOMAIN_ID
    """

    def __init__(self, domain: int, name: str = 'test_client', namespace: str = '') -> None:
        os.environ.update(LOCALHOST)
        self._context = Context()
        rclpy.init(args=[], context=self._context, domain_id=domain)
        self.node = rclpy.create_node(name, namespace=namespace, context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exception: object) -> None:
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.try_shutdown(context=self._context)

    def spin(self, seconds: float = 0.02) -> None:
        """Call one callback, or wait this long (s) for one."""
        self._executor.spin_once(timeout_sec=seconds)

    def wait_until(
        self, condition: Callable[[], T], deadline: float = DEADLINE_S, what: object = ''
    ) -> T:
        """Return the result of ``condition`` as soon as it is true; call callbacks meanwhile."""
        return wait_until(condition, deadline, what=what, between=self.spin)

    def collect(self, kind: type, topic: str, qos: Any = 100) -> list[Any]:
        """Return a list to which all messages of a topic are appended."""
        messages: list[Any] = []
        self.node.create_subscription(kind, topic, messages.append, qos)
        return messages

    def publisher(self, kind: type, topic: str, qos: Any = 100, *, readers: int = 1) -> Any:
        """Return a publisher as soon as it has discovered its readers."""
        publisher = self.node.create_publisher(kind, topic, qos)
        self.wait_until(
            lambda: publisher.get_subscription_count() >= readers, what=f'no reader of {topic}'
        )
        return publisher

    def publish_until(
        self,
        publisher: Any,
        message: Any,
        condition: Callable[[], T],
        deadline: float = DEADLINE_S,
        what: object = '',
    ) -> T:
        """
        Publish a message again and again until the condition holds.

        Discovery is not symmetric: the first messages of a new publisher can be lost.
        """
        last = -1.0

        def between() -> None:
            nonlocal last
            if time.monotonic() - last > 0.05:
                last = time.monotonic()
                publisher.publish(message)
            self.spin()

        return wait_until(condition, deadline, what=what, between=between)

    def call(
        self,
        kind: type,
        service: str,
        request: Any,
        deadline: float = DEADLINE_S,
        again: bool = False,
    ) -> Any:
        """
        Return a service's response.

        :param again: repeat the call while there is no response: DDS may lose the first response
            to a client that the server has not discovered completely
        """
        client = self.node.create_client(kind, service)
        try:
            self.wait_until(client.service_is_ready, deadline, what=f'no service {service}')
            futures = [client.call_async(request)]
            called = time.monotonic()

            def answered() -> Any:
                nonlocal called
                if again and time.monotonic() - called > RESPONSE_TIMEOUT_S:
                    called = time.monotonic()
                    futures.append(client.call_async(request))
                return next((future for future in futures if future.done()), None)

            found = self.wait_until(answered, deadline, what=f'no answer from {service}')
            return found.result()
        finally:
            self.node.destroy_client(client)

    def set_parameter(self, node: str, name: str, value: Any) -> Any:
        """Return the SetParametersResult of setting one parameter of a node."""
        parameter = Parameter(name, value=value).to_parameter_msg()
        request = SetParameters.Request(parameters=[parameter])
        return self.call(SetParameters, f'{node}/set_parameters', request).results[0]
