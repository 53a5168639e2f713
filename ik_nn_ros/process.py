"""Nodes in processes of their own, and the memory and processor time they use (Linux, /proc)."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from ik_nn_ros.errors import IkNnError

STOP_TIMEOUT_S = 5.0
"""Time a node may take to end before it is killed, s."""
NODE_MODULES = {
    'ik_node': 'ik_nn_ros.nodes.ik.node',
    'ik_nodes': 'ik_nn_ros.nodes.ik.multi_node',
    'arm_sim': 'ik_nn_ros.nodes.sim.node',
    'data_collector': 'ik_nn_ros.nodes.collector.node',
    'panel': 'ik_nn_ros.nodes.panel.node',
}
"""Module of each executable of the package."""
LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1
"""Option of prctl(2), from linux/prctl.h."""
MAX_QUOTED_LINES = 5
"""Number of last lines of a node's output that an error quotes."""


class ProcessError(IkNnError):
    """A process that ended early or did not do its work."""


@contextmanager
def deferred_signals() -> Iterator[None]:
    """
    Defer SIGINT and SIGTERM to the end of the block.

    Between the fork and the assignment of the process they would leave an orphan.
    """
    received: list[int] = []
    handlers = {
        number: signal.signal(number, lambda signum, _: received.append(signum))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for signum in received:
            signal.raise_signal(signum)


def terminate_with_parent() -> None:
    """Have Linux send SIGTERM to this process when its parent ends, even by SIGKILL."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class NodeProcess:
    """
    A node in a process of its own, as a context manager that starts and ends it.

    :param module: module to run by ``python -m``
    :param ros_arguments: arguments after ``--ros-args``
    :param program_arguments: arguments before ``--ros-args``
    """

    def __init__(
        self, module: str, ros_arguments: list[str], program_arguments: Sequence[str] = ()
    ) -> None:
        self.module = module
        self._command = [
            sys.executable,
            '-m',
            module,
            *program_arguments,
            '--ros-args',
            *ros_arguments,
        ]

    @property
    def name(self) -> str:
        """The executable of the package that runs the module, or the module."""
        executables = {module: name for name, module in NODE_MODULES.items()}
        return executables.get(self.module, self.module)

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    def __enter__(self) -> NodeProcess:
        self._log = tempfile.TemporaryFile()
        try:
            with deferred_signals():
                self._process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.DEVNULL,
                    stdout=self._log,
                    stderr=subprocess.STDOUT,
                    preexec_fn=terminate_with_parent,
                )
        except KeyboardInterrupt:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        self._log.close()

    def stop(self) -> None:
        """End the process by SIGINT; kill it on a timeout or a second Ctrl-C."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            pass
        finally:
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()

    def require_running(self) -> None:
        """
        Check that the process is running.

        :raises ProcessError: the process has ended; the error quotes its last output
        """
        code = self._process.poll()
        if code is not None:
            raise self.error(f'exit code {code}', 'a running node')

    @property
    def output(self) -> str:
        """The output of the process so far, stdout and stderr."""
        # The process shares the file's position, so reading must not move it.
        file = self._log.fileno()
        return os.pread(file, os.fstat(file).st_size, 0).decode(errors='replace')

    def error(self, got: str, expected: str) -> ProcessError:
        """Return an error that quotes the last output of the process."""
        quoted = ' | '.join(self.output.strip().splitlines()[-MAX_QUOTED_LINES:])
        return ProcessError(self.name, got=f'{got} ({quoted})', expected=expected)

    def resident_memory_mib(self) -> float:
        """Return the resident memory, MiB."""
        for line in self._read_proc('status').splitlines():
            if line.startswith('VmRSS:'):
                return int(line.split()[1]) / 1024.0
        raise self.error('no VmRSS', 'a running node')

    def cpu_seconds(self) -> float:
        """Return the processor time used so far, s."""
        # proc(5): field 2, the name, may hold spaces; fields 14 and 15 are utime and stime.
        fields = self._read_proc('stat').rpartition(')')[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    def has_loaded(self, library: str) -> bool:
        """Return whether a shared library with this text in its path is mapped into memory."""
        return library in self._read_proc('maps')

    def _read_proc(self, name: str) -> str:
        self.require_running()
        return Path(f'/proc/{self.pid}/{name}').read_text(encoding='utf-8')
