"""A node in a process of its own, and what that process uses (Linux's /proc)."""

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
"""How long (s) a node may take to end before it is killed."""
NODE_MODULES = {
    'ik_node': 'ik_nn_ros.nodes.ik.node',
    'ik_nodes': 'ik_nn_ros.nodes.ik.multi_node',
    'arm_sim': 'ik_nn_ros.nodes.sim.node',
    'data_collector': 'ik_nn_ros.nodes.collector.node',
    'panel': 'ik_nn_ros.nodes.panel.node',
}
"""The module to run for each executable of the package."""
LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1
"""From linux/prctl.h."""
MAX_QUOTED_LINES = 5
"""Lines of what a node said that an error quotes."""


class ProcessError(IkNnError):
    """A process that ended, or never did its work."""


@contextmanager
def deferred_signals() -> Iterator[None]:
    """Let SIGINT and SIGTERM wait: between fork and bookkeeping one would leave an orphan."""
    noted: list[int] = []
    before = {
        number: signal.signal(number, lambda received, _: noted.append(received))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for received in noted:
            signal.raise_signal(received)


def terminate_with_parent() -> None:
    """Have Linux send this process SIGTERM when its parent is gone, also by SIGKILL."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class NodeProcess:
    """
    One node: a context manager that starts and ends it.

    :param module: what to run, ``python -m``
    :param ros_arguments: ROS arguments, those after ``--ros-args``
    :param program_arguments: arguments before them
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
    def pid(self) -> int:
        """The process's number."""
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
        """End the process; kill it if it does not end, or if we are told to hurry."""
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
        Check that the process has not ended.

        :raises ProcessError: it has; with the last of what it said
        """
        code = self._process.poll()
        if code is not None:
            raise self.error(f'exit code {code}', 'a running node')

    @property
    def output(self) -> str:
        """All that it has said so far."""
        # It shares the file's position, which is not to be moved under it.
        file = self._log.fileno()
        return os.pread(file, os.fstat(file).st_size, 0).decode(errors='replace')

    def error(self, got: str, expected: str) -> ProcessError:
        """Return an error that quotes the last of what the process said."""
        said = self.output.strip().splitlines()[-MAX_QUOTED_LINES:]
        return ProcessError(self.module, got=f'{got} ({" | ".join(said)})', expected=expected)

    def resident_memory_mib(self) -> float:
        """Return its resident memory, MiB."""
        for line in self._read_proc('status').splitlines():
            if line.startswith('VmRSS:'):
                return int(line.split()[1]) / 1024.0
        raise self.error('no VmRSS', 'a running node')

    def cpu_seconds(self) -> float:
        """Return the processor time it has used, s."""
        # The name, second field, may hold spaces; user and system time are fields 14 and 15.
        fields = self._read_proc('stat').rpartition(')')[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    def has_loaded(self, library: str) -> bool:
        """Tell whether a shared library with this in its path is in its memory."""
        return library in self._read_proc('maps')

    def _read_proc(self, name: str) -> str:
        self.require_running()
        return Path(f'/proc/{self.pid}/{name}').read_text(encoding='utf-8')
