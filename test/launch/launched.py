"""A launch file that runs for a test, and an install prefix to run it from."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from geometry_msgs.msg import PoseStamped
from processes import wait_until

import ik_nn_ros
from ik_nn_ros.files import share_directory

SOURCE = Path(ik_nn_ros.__file__).parents[1]
SHARE = share_directory()
DRIVER = Path(__file__).with_name('run_launch_file.py')
DEADLINE = 20.0
"""s; launch starts some Python processes, and these may share a core."""

SHOWS_ITS_ARGUMENTS = """#!/bin/sh
for argument in "$@"; do echo "$(basename "$0") got $argument"; done
echo "$(basename "$0") got no more"
exec sleep 100
"""


def write_executable(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def register(prefix, package):
    """Make a package known to ament."""
    index = prefix / 'share' / 'ament_index' / 'resource_index' / 'packages'
    index.mkdir(parents=True, exist_ok=True)
    (index / package).touch()


class Launched:
    """
    A launch file that runs.

    It has a process group of its own, as on a terminal, so that a Ctrl-C can reach all of it.
    """

    def __init__(self, file, arguments, environment, log):
        self._log = log
        with log.open('wb') as output:
            self.process = subprocess.Popen(
                [sys.executable, str(DRIVER), str(SHARE / 'launch' / file), *arguments],
                env=environment,
                cwd=log.parent,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def output(self):
        return self._log.read_text(errors='replace')

    def wait_for(self, pattern, count=1):
        """Return the last match of a pattern, or of its group, once there are enough."""

        def found():
            matches = re.findall(pattern, self.output)
            return matches if len(matches) >= count else None

        matches = wait_until(
            found, DEADLINE, what=lambda: f'{count} times {pattern!r} in:\n{self.output}'
        )
        return matches[-1]

    def pid(self, node, start=1):
        return int(self.wait_for(rf'\[{node}-\d+\]: process started with pid \[(\d+)\]', start))

    def press_ctrl_c(self, times=1):
        """Interrupt it as a terminal does: every process of the group gets the signal."""
        for _ in range(times):
            os.killpg(self.process.pid, signal.SIGINT)

    def ended(self):
        """Return its exit code and those of its processes, by name."""
        self.process.wait(DEADLINE)
        codes = re.findall(r'^ended: (\w+)-\d+ (-?\d+)$', self.output, re.MULTILINE)
        return self.process.returncode, {name: int(code) for name, code in codes}

    def close(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def target(x, y):
    message = PoseStamped()
    message.header.frame_id = 'base_link'
    message.pose.position.x, message.pose.position.y = x, y
    return message


def reached(client, x, y, tolerance=1e-4):
    """Wait until the tip is at a point."""
    poses = client.collect(PoseStamped, 'tip_pose')

    def there():
        position = poses[-1].pose.position if poses else None
        return position and abs(position.x - x) + abs(position.y - y) < tolerance

    client.wait_until(there, DEADLINE, f'the tip is not at {x}, {y}')
