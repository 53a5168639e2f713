"""A launch file that runs for a test, and an install prefix to run it from."""

import math
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from geometry_msgs.msg import PointStamped, PoseStamped
from processes import wait_until
from sensor_msgs.msg import JointState

import ik_nn_ros
from ik_nn_ros.files import share_directory
from ik_nn_ros.nodes.common.main import CLEANUP_TIMEOUT_S

SOURCE = Path(ik_nn_ros.__file__).parents[1]
SHARE = share_directory()
DRIVER = Path(__file__).with_name('run_launch_file.py')
DEADLINE = 60.0
"""s; launch starts some Python processes, and these may share a core."""
AGAIN_S = 2.0
"""Time after which a target that the arm has not reached is sent again, s."""
LAUNCH_END_S = 15.0
"""Time that launch itself may take to end after its nodes have, s."""

ENDED = re.compile(r'^ended: (\w+)-(\d+) (-?\d+)$', re.MULTILINE)
"""What run_launch_file.py writes: name, number and exit code of a process."""
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
        """
        Wait until all its processes have ended.

        :return: exit code of launch, and those of its processes, by name; of several with one name
            one that is not 0. After a second Ctrl-C launch may not end (its LaunchService.run
            misses the end of its last process); its code is None then.
        """
        wait_until(
            lambda: self.process.poll() is not None or self._nodes_have_ended(),
            DEADLINE,
            what=lambda: f'processes have not ended:\n{self.output}',
        )
        try:
            launch_code = self.process.wait(LAUNCH_END_S)
        except subprocess.TimeoutExpired:
            launch_code = None
            self.close()
        codes = {}
        for name, number, code in ENDED.findall(self.output):
            if self._clean_up_was_aborted(f'{name}-{number}'):
                assert code == '1'
                code = '0'
            codes[name] = codes.get(name) or int(code)
        return launch_code, codes

    def _nodes_have_ended(self):
        started = re.findall(r': process started with pid', self.output)
        return 0 < len(started) <= len(ENDED.findall(self.output))

    def _clean_up_was_aborted(self, process):
        """Whether a process aborted a clean-up that hung in Fast DDS, see CLEANUP_TIMEOUT_S."""
        lines = re.findall(rf'^\[{process}\] (.*)$', self.output, re.MULTILINE)
        timeout = f'Timeout (0:00:{CLEANUP_TIMEOUT_S:02.0f})!'
        return timeout in lines and 'in destroy_node' in '\n'.join(lines)

    def close(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def target(x, y, frame='base_link'):
    message = PoseStamped()
    message.header.frame_id = frame
    message.pose.position.x, message.pose.position.y = x, y
    return message


def move_to(client, message, topic='target_pose', tolerance=1e-4):
    """
    Send a target until the tip is there; return the latest joint_command, if there is one.

    It is sent again and again: on a busy machine the simulated arm may not follow, and the node
    stops it.
    """
    goal = message.point if isinstance(message, PointStamped) else message.pose.position
    x, y = goal.x, goal.y
    commands = client.collect(JointState, 'joint_command')
    poses = client.collect(PoseStamped, 'tip_pose')
    targets = client.publisher(type(message), topic)
    last_sent = -math.inf

    def is_there():
        nonlocal last_sent
        if time.monotonic() - last_sent > (AGAIN_S if commands else 0.1):
            last_sent = time.monotonic()
            targets.publish(message)
        position = poses[-1].pose.position if poses else None
        return position and math.dist((position.x, position.y), (x, y)) < tolerance

    client.wait_until(is_there, DEADLINE, lambda: f'tip: got {poses[-1:]}, expected {x}, {y} m')
    return commands[-1] if commands else None


def wait_for_tip(client, x, y, tolerance=1e-4):
    """Wait until the tip is at a point, m."""
    poses = client.collect(PoseStamped, 'tip_pose')

    def is_there():
        position = poses[-1].pose.position if poses else None
        return position and math.dist((position.x, position.y), (x, y)) < tolerance

    client.wait_until(is_there, DEADLINE, f'the tip is not at {x}, {y}')
