"""Two network namespaces joined by a virtual cable that a test can pull out."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

CLONE_NEWNET = 0x40000000


class UnavailableError(Exception):
    """This machine does not let the test create network namespaces."""


def _ip(*arguments: str) -> None:
    try:
        done = subprocess.run(['ip', *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise UnavailableError('the command `ip` (iproute2) is not installed') from error
    if done.returncode:
        raise UnavailableError(f'ip {" ".join(arguments)}: {done.stderr.strip()}')


class Cable:
    """
    Two namespaces, ``left`` and ``right``, joined by a pair of virtual Ethernet devices.

    :param name: prefix of their names, unique on this machine
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.left, self.right = f'{name}l', f'{name}r'

    def plug(self) -> None:
        """Connect the namespaces."""
        _ip('-n', self.left, 'link', 'set', self.left, 'up')

    def pull(self) -> None:
        """Disconnect the namespaces."""
        _ip('-n', self.left, 'link', 'set', self.left, 'down')

    @contextmanager
    def inside(self, namespace: str) -> Iterator[None]:
        """Move this thread, and the processes and threads that it starts, into a namespace."""
        with open('/proc/thread-self/ns/net') as home, open(f'/run/netns/{namespace}') as there:
            _enter(there.fileno())
            try:
                yield
            finally:
                _enter(home.fileno())


def _enter(descriptor: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, CLONE_NEWNET):
        error = ctypes.get_errno()
        raise UnavailableError(f'setns: {os.strerror(error)}')


@contextmanager
def cable() -> Iterator[Cable]:
    """
    Provide a cable while the block runs.

    :raises UnavailableError: this machine does not allow it
    """
    # Device names have at most 15 characters.
    it = Cable(f'ik{os.getpid()}')
    with ExitStack() as cleanup:
        for number, namespace in enumerate((it.left, it.right), start=1):
            _ip('netns', 'add', namespace)
            cleanup.callback(_ip, 'netns', 'delete', namespace)
            _ip('-n', namespace, 'link', 'set', 'lo', 'up')
            if number == 2:
                _ip('-n', it.left, 'link', 'add', it.left, 'type', 'veth', 'peer', it.right)
                _ip('-n', it.left, 'link', 'set', it.right, 'netns', it.right)
        for number, namespace in enumerate((it.left, it.right), start=1):
            _ip('-n', namespace, 'address', 'add', f'10.213.77.{number}/24', 'dev', namespace)
            _ip('-n', namespace, 'link', 'set', namespace, 'up')
        yield it
