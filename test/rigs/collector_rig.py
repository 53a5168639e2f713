"""A data_collector in its own process, with the test in place of the arm."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped
from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory
from processes import Client, NodeProcess, node_process, reserved_domain
from rcl_interfaces.srv import GetParameters
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger

from ik_nn_ros.arm.urdf import load_arm, read_description
from ik_nn_ros.files import share_directory

MODULE = 'ik_nn_ros.nodes.collector.node'
XACRO = share_directory() / 'urdf' / 'arm.urdf.xacro'
# A small range and fast joints, so that an exploration takes little time.
LIMITS = {'q1_limit': '0.6', 'q2_limit': '0.5', 'velocity': '5.0'}
URDF = read_description(XACRO, LIMITS)
ARM = load_arm(URDF)
QUICK = {
    'explore': True,
    'speed_scale': 1.0,
    'max_acceleration': [60.0, 60.0],
    'max_jerk': [3000.0, 3000.0],
    'settle_time': 0.05,
}

GENTLE = {**QUICK, 'speed_scale': 0.1, 'max_acceleration': [5.0, 5.0], 'max_jerk': [50.0, 50.0]}
"""Braking takes many commands."""

QUIET_TIME_S = 0.3
"""Time without commands after which the arm has stopped, s: longer than it stands for a sample."""
DEADLINE = 60.0


class Rig:
    """
    The data_collector, its diagnostics and its commands.

    :param path: file that it writes
    """

    def __init__(self, client: Client, process: NodeProcess, path: Path) -> None:
        self.client = client
        self.process = process
        self.path = path
        self.commands = client.collect(JointState, 'joint_command')
        self._reports = client.collect(DiagnosticArray, '/diagnostics')

    @property
    def status(self) -> tuple[str, bytes, dict[str, str]]:
        """Message, level and values of the last diagnostics."""
        if not self._reports:
            return '', b'', {}
        (status,) = self._reports[-1].status
        return status.message, status.level, {entry.key: entry.value for entry in status.values}

    @property
    def values(self) -> dict[str, str]:
        return self.status[2]

    @property
    def samples(self) -> int:
        return int(self.values.get('samples', 0))

    def wait_for(self, message: str) -> dict[str, str]:
        """Wait for diagnostics that begin like this; return their values."""
        self.wait_until(lambda: self.status[0].startswith(message), message)
        return self.status[2]

    def wait_until(self, condition: Any, what: str = '') -> None:
        self.client.wait_until(
            condition, DEADLINE, what=lambda: f'{what}: {self.status}\n{self.process.output}'
        )

    def wait_quiet(self) -> int:
        """
        Wait until the node sends no more commands; return the number of commands so far.

        A node that is merely kept from running does not count as quiet: it has to answer requests
        meanwhile, and its control timer runs before they are answered.
        """
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            count = len(self.commands)
            for _ in range(2):
                end = time.monotonic() + QUIET_TIME_S / 2.0
                self.client.wait_until(lambda end=end: time.monotonic() > end)
                self.client.call(
                    GetParameters,
                    'data_collector/get_parameters',
                    GetParameters.Request(),
                    DEADLINE,
                    again=True,
                )
            if len(self.commands) == count:
                return count
        raise AssertionError(f'commands do not end: {self.status}\n{self.process.output}')

    def call(self, service: str) -> Trigger.Response:
        return self.client.call(Trigger, f'data_collector/{service}', Trigger.Request())

    def set(self, name: str, value: Any) -> Any:
        return self.client.set_parameter('data_collector', name, value)


@contextmanager
def rig(
    path: Path,
    parameters: Mapping[str, Any] | None = None,
    namespace: str = '',
    module: str = MODULE,
) -> Iterator[Rig]:
    """
    Run a data_collector.

    :param path: file that it writes
    :param parameters: further parameters
    """
    with (
        reserved_domain() as domain,
        Client(domain, namespace=namespace) as client,
        node_process(
            module,
            *(['-r', f'__ns:={namespace}'] if namespace else []),
            domain=domain,
            parameters={'robot_description': URDF, 'output': str(path), **(parameters or {})},
        ) as process,
    ):
        yield Rig(client, process, path)


class FakeArm:
    """
    An arm in the test's own process, which follows commands at once.

    :param rate: rate of joint_states and tip_pose, Hz
    :param effort: effort in joint_states, to make the messages large
    :param moving: whether it swings by itself
    """

    def __init__(
        self, client: Client, rate: float = 100.0, effort: Any = (), moving: bool = False
    ) -> None:
        self.q = 0.0, 0.0
        self.speaking = self.following = True
        self.frame = 'base_link'
        self._moving = moving
        self.tips: list[PoseStamped] = []
        """All that were published."""
        self._node = client.node
        self._effort = effort
        self._states = self._node.create_publisher(
            JointState, 'joint_states', qos_profile_sensor_data
        )
        self._tips = self._node.create_publisher(PoseStamped, 'tip_pose', qos_profile_sensor_data)
        self._node.create_subscription(JointState, 'joint_command', self._obey, 100)
        self._node.create_timer(1.0 / rate, self._speak)

    def _obey(self, message: JointState) -> None:
        if self.following:
            self.q = tuple(message.position)

    def _speak(self) -> None:
        if not self.speaking:
            return
        now = self._node.get_clock().now()
        stamp = now.to_msg()
        if self._moving:
            self.q = 0.5 * np.sin(now.nanoseconds * 1e-9 % 1000.0), 0.3
        state = joint_state(*self.q, effort=self._effort)
        tip = tip_pose(*ARM.plane.to_base(ARM.fk(self.q)), self.frame)
        state.header.stamp = tip.header.stamp = stamp
        self._states.publish(state)
        self._tips.publish(tip)
        self.tips.append(tip)


def joint_state(q1: float, q2: float, **fields: Any) -> JointState:
    return JointState(**{'name': ['joint1', 'joint2'], 'position': [q1, q2], **fields})


def tip_pose(x: float, y: float, z: float, frame: str = 'base_link') -> PoseStamped:
    message = PoseStamped()
    message.header.frame_id = frame
    position = message.pose.position
    position.x, position.y, position.z = float(x), float(y), float(z)
    message.pose.orientation.w = 1.0
    return message


def recorded(path: Path) -> dict[str, list[Any]]:
    """Return the messages of a complete recording by topic, read by the public MCAP reader."""
    messages: dict[str, list[Any]] = {}
    with path.open('rb') as stream:
        reader = make_reader(stream, decoder_factories=[DecoderFactory()])
        assert reader.get_summary() is not None, 'not complete'
        for _, channel, _, message in reader.iter_decoded_messages():
            messages.setdefault(channel.topic, []).append(message)
    return messages


def speeds(commands: list[JointState], over: int = 1) -> np.ndarray:
    """Return the speeds (N - over, 2) of a stream of commands by their stamps, rad/s."""
    t = np.array([m.header.stamp.sec % 10_000 + 1e-9 * m.header.stamp.nanosec for m in commands])
    q = np.array([m.position for m in commands])
    return (q[over:] - q[:-over]) / (t[over:] - t[:-over])[:, np.newaxis]
