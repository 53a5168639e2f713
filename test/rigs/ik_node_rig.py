"""An ik_node in a process of its own, with the test in the place of the arm."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from processes import Client, NodeProcess, node_process, reserved_domain
from sensor_msgs.msg import JointState

from ik_nn_ros.arm.urdf import load_arm, read_description
from ik_nn_ros.files import share_directory

MODULE = 'ik_nn_ros.nodes.ik.node'
URDF = read_description(share_directory() / 'urdf' / 'arm.urdf.xacro')
ARM = load_arm(URDF)
HELD_UP = 'sent before the arm, its joint_states or this node were back'
MODEL = {'robot_description': URDF, 'model_file': 'arm.onnx'}


class Rig:
    """
    Sends targets and reads answers; plays the arm that stands at ``joints``.

    :param joints: message sent as joint_states all the time; None: none
    """

    def __init__(self, client: Client, process: NodeProcess, joints: JointState | None) -> None:
        self.client = client
        self.process = process
        self.joints = joints
        self.commands = client.collect(JointState, 'joint_command')
        self.answers = client.collect(DiagnosticStatus, 'ik_node/target_status')
        self.targets = client.publisher(PoseStamped, 'target_pose')
        states = client.publisher(JointState, 'joint_states')
        client.node.create_timer(0.02, lambda: self.joints and states.publish(self.joints))
        self._stamp = itertools.count(1)

    def send(self, x: float, y: float, z: float = 0.0, frame: str = '') -> str:
        """Publish a target; return the stamp its answer will carry."""
        message = PoseStamped()
        message.header.frame_id = frame
        message.header.stamp.sec = next(self._stamp)
        position = message.pose.position
        position.x, position.y, position.z = float(x), float(y), float(z)
        return self.send_message(self.targets, message)

    def send_message(self, publisher: Any, message: Any) -> str:
        publisher.publish(message)
        return f'{message.header.stamp.sec}.{message.header.stamp.nanosec:09d}'

    def answer(self, stamp: str) -> tuple[str, dict[str, str]]:
        """Wait for the answer to a target: its code and values."""

        def found() -> tuple[str, dict[str, str]] | None:
            for status in self.answers:
                values = {entry.key: entry.value for entry in status.values}
                if values['stamp'] == stamp:
                    return status.message, values
            return None

        return self.client.wait_until(found, what=f'no answer to {stamp}\n{self.process.output}')

    def ask(self, *target: Any, **options: Any) -> tuple[str, dict[str, str]]:
        """Send a target, anew where a busy machine held the node up; return what it answers."""

        def answered() -> tuple[str, dict[str, str]] | None:
            code, values = self.answer(self.send(*target, **options))
            return None if HELD_UP in values['detail'] else (code, values)

        return self.client.wait_until(answered, what=HELD_UP)

    def ask_until(self, code: str, *target: Any, **options: Any) -> dict[str, str]:
        """Ask again and again until the answer is this one."""
        return self.client.wait_until(
            lambda: (answer := self.ask(*target, **options))[0] == code and answer[1],
            what=lambda: f'no {code}: {self.answers[-1]}\n{self.process.output}',
        )


def joint_state(q1: float, q2: float, **fields: Any) -> JointState:
    return JointState(**{'name': ['joint1', 'joint2'], 'position': [q1, q2], **fields})


@contextmanager
def rig(
    parameters: dict[str, Any] | None = None,
    joints: JointState | None = joint_state(0.0, 0.5),  # noqa: B008
    namespace: str = '',
    ready: str | None = 'ACCEPTED',
) -> Iterator[Rig]:
    """
    Run an ik_node and wait until it answers.

    :param parameters: of the node; default: the default arm with its model; the motion is direct
    :param joints: where the arm stands
    :param ready: the answer to wait for; None: do not wait
    """
    with (
        reserved_domain() as domain,
        node_process(
            MODULE,
            *(['-r', f'__ns:={namespace}'] if namespace else []),
            domain=domain,
            parameters={'motion': 'direct', **(MODEL if parameters is None else parameters)},
        ) as process,
        Client(domain, namespace=namespace) as client,
    ):
        it = Rig(client, process, joints)
        if ready is not None:
            client.publish_until(it.targets, PoseStamped(), lambda: it.answers)
            it.ask_until(ready, 0.3, 0.2)
            it.commands.clear()
        yield it
