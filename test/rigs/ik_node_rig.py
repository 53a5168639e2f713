"""An ik_node in its own process; the test publishes the joint_states of the arm."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from processes import Client, NodeProcess, node_process, reserved_domain
from rcl_interfaces.srv import SetParametersAtomically
from rclpy.parameter import Parameter
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger

from ik_nn_ros.arm.urdf import load_arm, read_description
from ik_nn_ros.files import share_directory
from ik_nn_ros.nodes.ik.parameters import PARAMETERS

MODULE = 'ik_nn_ros.nodes.ik.node'
URDF = read_description(share_directory() / 'urdf' / 'arm.urdf.xacro')
ARM = load_arm(URDF)
HELD_UP = 'sent before the arm, its joint_states or this node were back'
"""Detail of an answer to a target that was sent while a busy machine held the node up."""
MODEL = {'robot_description': URDF, 'model_file': 'arm.onnx'}
Answer = tuple[str, dict[str, str]]
"""Code and values of an answer to a target."""
STATES_PERIOD_S = 0.02
TARGET = (0.3, 0.2)
"""Within reach, m."""


def joint_state(q1: float, q2: float, **fields: Any) -> JointState:
    """Return joint_states of the default arm, rad."""
    return JointState(**{'name': ['joint1', 'joint2'], 'position': [q1, q2], **fields})


JOINTS = joint_state(0.0, 0.5)


class IkNodeRig:
    """
    Sends targets, reads answers and changes the node's parameters.

    :param joints: message published as joint_states all the time, if any
    :param parameters: with which the node was started
    """

    def __init__(
        self,
        client: Client,
        process: NodeProcess,
        joints: JointState | None,
        parameters: Mapping[str, Any],
    ) -> None:
        self.client = client
        self.process = process
        self.joints = joints
        self._parameters = parameters
        self._changed: set[str] = set()
        self.commands = client.collect(JointState, 'joint_command')
        self.answers: list[DiagnosticStatus] = []
        self.answers_by_stamp: defaultdict[str, list[Answer]] = defaultdict(list)
        """Codes and values of the answers to a target."""
        client.node.create_subscription(
            DiagnosticStatus, 'ik_node/target_status', self._on_answer, 100
        )
        self.targets = client.publisher(PoseStamped, 'target_pose')
        states = client.publisher(JointState, 'joint_states')
        client.node.create_timer(
            STATES_PERIOD_S, lambda: self.joints and states.publish(self.joints)
        )
        self._stamps = itertools.count(1)

    # Targets

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

    def answer(self, stamp: str) -> Answer:
        """Wait for the answer to a target; return its code and values."""
        return self.client.wait_until(
            lambda: self.answers_by_stamp[stamp],
            what=lambda: f'no answer to {stamp}\n{self.process.output}',
        )[0]

    def _on_answer(self, status: DiagnosticStatus) -> None:
        values = {entry.key: entry.value for entry in status.values}
        self.answers.append(status)
        self.answers_by_stamp[values['stamp']].append((status.message, values))

    def ask(self, *target: Any, **options: Any) -> Answer:
        """Send a target, again where a busy machine held the node up; return code and values."""

        def answered() -> Answer | None:
            code, values = self.answer(self.send(*target, **options))
            return None if HELD_UP in values['detail'] else (code, values)

        return self.client.wait_until(answered, what=HELD_UP)

    def ask_until(self, code: str, *target: Any, **options: Any) -> dict[str, str]:
        """Send a target again and again until its answer has this code; return the values."""
        return self.client.wait_until(
            lambda: (answer := self.ask(*target, **options))[0] == code and answer[1],
            what=lambda: f'no {code}: {self.answers[-1]}\n{self.process.output}',
        )

    def wait_ready(self, code: str) -> None:
        """
        Wait until targets are answered with a code, and forget answers and commands.

        Of an accepted target the command is awaited, too: the first ones of a publisher get lost.
        """

        def ready() -> bool:
            return self.ask(*TARGET)[0] == code and (code != 'ACCEPTED' or bool(self.commands))

        self.client.publish_until(self.targets, PoseStamped(), lambda: self.answers)
        self.client.wait_until(
            ready, what=lambda: f'no {code}: {self.answers[-1]}\n{self.process.output}'
        )
        self.commands.clear()

    # Parameters and lifecycle

    def set_parameter(self, name: str, value: Any) -> Any:
        """Return the SetParametersResult of setting one parameter."""
        self._changed.add(name)
        return self.client.set_parameter('ik_node', name, value)

    def call(self, name: str) -> Any:
        """Return the response of one of the node's own services."""
        return self.client.call(Trigger, f'ik_node/{name}', Trigger.Request())

    def transition(self, number: int) -> bool:
        """Return whether a lifecycle transition succeeds."""
        request = ChangeState.Request(transition=Transition(id=number))
        return self.client.call(ChangeState, 'ik_node/change_state', request).success

    @property
    def state(self) -> str:
        """Label of the lifecycle state."""
        response = self.client.call(GetState, 'ik_node/get_state', GetState.Request())
        return response.current_state.label

    def configure(
        self, joints: JointState | None = JOINTS, ready: str = 'ACCEPTED', **parameters: Any
    ) -> None:
        """
        Clean the node up, configure it with other parameters and wait until it answers.

        :param joints: message published as joint_states all the time, if any
        :param ready: code of the answer to wait for
        :param parameters: besides those with which the node was started
        """
        self.clean_up()
        self.joints = joints
        defaults = {name: PARAMETERS[name].default for name in self._changed}
        started = {name: value for name, value in self._parameters.items() if name in defaults}
        self._changed = set(parameters)
        values = {**defaults, **started, **parameters}
        if values:
            request = SetParametersAtomically.Request(
                parameters=[Parameter(n, value=v).to_parameter_msg() for n, v in values.items()]
            )
            service = 'ik_node/set_parameters_atomically'
            result = self.client.call(SetParametersAtomically, service, request).result
            assert result.successful, result.reason
        assert self.transition(Transition.TRANSITION_CONFIGURE), self.process.output
        assert self.transition(Transition.TRANSITION_ACTIVATE), self.process.output
        self.wait_ready(ready)

    def clean_up(self) -> None:
        """Bring the node into the state `unconfigured`; it does not hold any more."""
        assert self.call('resume').success
        if self.state == 'active':
            assert self.transition(Transition.TRANSITION_DEACTIVATE)
        if self.state == 'inactive':
            assert self.transition(Transition.TRANSITION_CLEANUP)

    def restore(self) -> None:
        """Configure the node as it was started, where anything has changed."""
        if self._changed or self.joints is not JOINTS or self.state != 'active':
            self.configure()
        else:
            assert self.call('resume').success


@contextmanager
def run_ik_node(
    parameters: dict[str, Any] | None = None,
    joints: JointState | None = JOINTS,
    ready: str | None = 'ACCEPTED',
) -> Iterator[IkNodeRig]:
    """
    Run an ik_node that passes goals through, and wait until it answers.

    :param parameters: of the node; default: the default arm with its model
    :param joints: joints of the arm, if they are published
    :param ready: code of the answer to wait for, if any
    """
    parameters = {'motion': 'direct', **(MODEL if parameters is None else parameters)}
    with (
        reserved_domain() as domain,
        node_process(MODULE, domain=domain, parameters=parameters) as process,
        Client(domain) as client,
    ):
        rig = IkNodeRig(client, process, joints, parameters)
        if ready is not None:
            rig.wait_ready(ready)
        yield rig
