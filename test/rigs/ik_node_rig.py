"""An ik_node in its own process; the test publishes the joint_states of the arm."""

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
"""Detail of an answer to a target that was sent while a busy machine held the node up."""
MODEL = {'robot_description': URDF, 'model_file': 'arm.onnx'}
STATES_PERIOD_S = 0.02


class IkNodeRig:
    """
    Sends targets and reads answers.

    :param joints: message published as joint_states all the time, if any
    """

    def __init__(self, client: Client, process: NodeProcess, joints: JointState | None) -> None:
        self.client = client
        self.process = process
        self.joints = joints
        self.commands = client.collect(JointState, 'joint_command')
        self.answers = client.collect(DiagnosticStatus, 'ik_node/target_status')
        self.targets = client.publisher(PoseStamped, 'target_pose')
        states = client.publisher(JointState, 'joint_states')
        client.node.create_timer(
            STATES_PERIOD_S, lambda: self.joints and states.publish(self.joints)
        )
        self._stamps = itertools.count(1)

    def send(self, x: float, y: float, z: float = 0.0, frame: str = '') -> str:
        """Publish a target (m); return the stamp of its answer."""
        message = PoseStamped()
        message.header.frame_id = frame
        message.header.stamp.sec = next(self._stamps)
        position = message.pose.position
        position.x, position.y, position.z = float(x), float(y), float(z)
        return self.send_message(self.targets, message)

    def send_message(self, publisher: Any, message: Any) -> str:
        """Publish a message with a header; return the stamp of its answer."""
        publisher.publish(message)
        return f'{message.header.stamp.sec}.{message.header.stamp.nanosec:09d}'

    def answer(self, stamp: str) -> tuple[str, dict[str, str]]:
        """Wait for the answer to a target; return its code and values."""

        def found() -> tuple[str, dict[str, str]] | None:
            for status in self.answers:
                values = {entry.key: entry.value for entry in status.values}
                if values['stamp'] == stamp:
                    return status.message, values
            return None

        return self.client.wait_until(
            found, what=lambda: f'no answer to {stamp}\n{self.process.output}'
        )

    def ask(self, *target: Any, **options: Any) -> tuple[str, dict[str, str]]:
        """Send a target, again where a busy machine held the node up; return code and values."""

        def answered() -> tuple[str, dict[str, str]] | None:
            code, values = self.answer(self.send(*target, **options))
            return None if HELD_UP in values['detail'] else (code, values)

        return self.client.wait_until(answered, what=HELD_UP)

    def ask_until(self, code: str, *target: Any, **options: Any) -> dict[str, str]:
        """Send a target again and again until its answer has this code; return the values."""
        return self.client.wait_until(
            lambda: (answer := self.ask(*target, **options))[0] == code and answer[1],
            what=lambda: f'no {code}: {self.answers[-1]}\n{self.process.output}',
        )


def joint_state(q1: float, q2: float, **fields: Any) -> JointState:
    """Return joint_states of the default arm, rad."""
    return JointState(**{'name': ['joint1', 'joint2'], 'position': [q1, q2], **fields})


@contextmanager
def run_ik_node(
    parameters: dict[str, Any] | None = None,
    joints: JointState | None = joint_state(0.0, 0.5),  # noqa: B008
    ready: str | None = 'ACCEPTED',
) -> Iterator[IkNodeRig]:
    """
    Run an ik_node that passes goals through, and wait until it answers.

    :param parameters: of the node; default: the default arm with its model
    :param joints: joints of the arm, if they are published
    :param ready: code of the answer to wait for, if any
    """
    with (
        reserved_domain() as domain,
        node_process(
            MODULE,
            domain=domain,
            parameters={'motion': 'direct', **(MODEL if parameters is None else parameters)},
        ) as process,
        Client(domain) as client,
    ):
        rig = IkNodeRig(client, process, joints)
        if ready is not None:
            client.publish_until(rig.targets, PoseStamped(), lambda: rig.answers)
            rig.ask_until(ready, 0.3, 0.2)
            rig.commands.clear()
        yield rig
