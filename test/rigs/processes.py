"""Nodes as real processes, and a client to talk to them; for tests without a fixed sleep."""

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

DEADLINE = 20.0
"""How long (s) anything may take on a busy machine."""
AGAIN = 2.0
"""s"""
DOMAINS = 100
LOCALHOST = {'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST'}

_held: deque[int] = deque()


def fresh_domain() -> int:
    """
    Return a ROS_DOMAIN_ID, 1 to 100, that no other test has, in this process or another.

    It stays reserved until the process ends, or until it has asked for ten more.
    """
    while len(_held) > 10:
        os.close(_held.popleft())
    number, descriptor = _reserve_domain()
    _held.append(descriptor)
    return number


@contextmanager
def reserved_domain() -> Iterator[int]:
    """Do :func:`fresh_domain` for as long as the block runs."""
    number, descriptor = _reserve_domain()
    try:
        yield number
    finally:
        os.close(descriptor)


def _reserve_domain() -> tuple[int, int]:
    """Return a free domain and the open file whose lock reserves it."""
    start = os.getpid() * 7
    for number in itertools.islice(itertools.cycle(range(1, DOMAINS + 1)), start, start + DOMAINS):
        path = Path(tempfile.gettempdir()) / f'ik_nn_ros_domain_{os.getuid()}_{number}'
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            continue
        return number, descriptor
    raise RuntimeError(f'ROS domains: all {DOMAINS} are in use')


def wait_until(
    condition: Callable[[], T],
    deadline: float = DEADLINE,
    *,
    what: object = '',
    between: Callable[[], object] = lambda: time.sleep(0.01),
) -> T:
    """
    Return what ``condition`` returns as soon as that is true.

    :param deadline: s
    :param what: for the message; a callable is asked when it is too late
    :param between: done between two looks
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
    :param ros_arguments: of its command line
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
        """All it has written so far, stdout and stderr."""
        size = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), size, 0).decode(errors='replace')

    def wait_for(self, text: str, deadline: float = DEADLINE) -> None:
        """Wait until it has written ``text``; fail at once if it ends before."""

        def written() -> bool:
            ended = self.process.poll() is not None
            if text in self.output:
                return True
            assert not ended, f'ended before {text!r}:\n{self.output}'
            return False

        wait_until(written, deadline, what=lambda: f'{text!r} not in:\n{self.output}')

    def stop(self, *signals: signal.Signals, deadline: float = DEADLINE) -> int:
        """
        Send the signals (SIGINT if none), one right after the other; return the exit code.

        One that does not end in time is killed and fails the test.
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
        """End it if it still runs, also when it was paused."""
        try:
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGCONT)
                self.stop()
        finally:
            self._log.close()


def free_port() -> int:
    """Return a port of this machine that nobody listens at."""
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

    :param ros_args: what follows ``--ros-args``
    :param parameters: given in a file, as launch does; a URDF does not pass as an argument
    :param arguments: what goes before ``--ros-args``
    """
    with tempfile.TemporaryDirectory() as folder:
        words = [*arguments, '--ros-args']
        if parameters:
            file = Path(folder) / 'parameters.yaml'
            # JSON is YAML.
            file.write_text(json.dumps({'/**': {'ros__parameters': parameters}}))
            words += ['--params-file', str(file)]
        node = NodeProcess(module, *words, *ros_args, domain=domain)
        try:
            yield node
        finally:
            node.close()


class Client:
    """
    A node of the test's own, in a context of its own, spun only while waiting.

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
        """Handle one message, or wait this long for it."""
        self._executor.spin_once(timeout_sec=seconds)

    def wait_until(
        self, condition: Callable[[], T], deadline: float = DEADLINE, what: object = ''
    ) -> T:
        """Do :func:`wait_until` and receive messages meanwhile."""
        return wait_until(condition, deadline, what=what, between=self.spin)

    def collect(self, kind: type, topic: str, qos: Any = 100) -> list[Any]:
        """Return the list to which all messages of a topic will be added."""
        messages: list[Any] = []
        self.node.create_subscription(kind, topic, messages.append, qos)
        return messages

    def publisher(self, kind: type, topic: str, qos: Any = 100, *, readers: int = 1) -> Any:
        """Return a publisher once it has found its readers."""
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
        deadline: float = DEADLINE,
        what: object = '',
    ) -> T:
        """
        Publish a message over and over until the condition holds.

        A reader may not know its new writer yet when the writer knows the reader: what is sent
        first can be lost.
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
        deadline: float = DEADLINE,
        again: bool = False,
    ) -> Any:
        """
        Return a service's response.

        :param again: ask again where there is none: DDS may lose the first response to a client
            that the service knows only half
        """
        client = self.node.create_client(kind, service)
        try:
            self.wait_until(client.service_is_ready, deadline, what=f'no service {service}')
            futures = [client.call_async(request)]
            asked = time.monotonic()

            def answered() -> Any:
                nonlocal asked
                if again and time.monotonic() - asked > AGAIN:
                    asked = time.monotonic()
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
