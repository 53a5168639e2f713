"""Several ik_node in one process: each moves its own arm only."""

import itertools
import re
from contextlib import suppress

import numpy as np
import pytest
import rclpy
import yaml
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from ik_node_rig import MODEL
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from processes import Client, fresh_domain, node_process, reserved_domain
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.context import Context
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger

from ik_nn_ros.arm.urdf import load_arm, read_description
from ik_nn_ros.files import share_directory
from ik_nn_ros.nodes.common.conversions import stamp_to_seconds
from ik_nn_ros.nodes.ik.multi_node import parse_namespaces
from ik_nn_ros.nodes.ik.node import IkNode

MODULE = 'ik_nn_ros.nodes.ik.multi_node'
LONGER = read_description(
    share_directory() / 'urdf' / 'arm.urdf.xacro', {'prefix': 'right_', 'l1': '0.4'}
)
PARAMETERS = {
    '/**': {'control_rate': 100.0},
    '/cell/left/ik_node': MODEL,
    '/**/right/ik_node': {
        'robot_description': LONGER,
        'base_link': 'right_base_link',
        'tip_link': 'right_tip',
        'branch': 'negative',
    },
}
AWAY, BACK = (-2.0, 1.0), (2.0, 1.0)
"""Joints far from each other, rad."""
BRAKING_S = 0.15
"""Time before the end of a stopped motion in which its node surely braked."""
SLOW_RAD = 0.002
"""Step between two commands at the end of a motion."""


class Arm:
    """
    One arm and its node, seen from outside; the arm is always at its last command.

    :param namespace: of both
    :param q: where the arm stands, rad
    """

    def __init__(self, client, namespace, urdf, prefix, q):
        self.client, self.namespace = client, namespace
        self.model = load_arm(urdf, f'{prefix}base_link', f'{prefix}tip')
        self.commands = client.collect(JointState, f'{namespace}/joint_command')
        self.answers = {}
        """Codes of the answers by the targets' stamps."""
        client.node.create_subscription(
            DiagnosticStatus, f'{namespace}/ik_node/target_status', self._on_answer, 100
        )
        self.targets = client.publisher(PoseStamped, f'{namespace}/target_pose')
        self._states = client.publisher(JointState, f'{namespace}/joint_states')
        self.q = list(q)
        self._stamps = itertools.count(1)
        client.node.create_timer(0.01, self._publish)

    def _publish(self):
        if self.commands:
            self.q = list(self.commands[-1].position)
        message = JointState(name=list(self.model.joint_names), position=self.q)
        message.header.stamp = self.client.node.get_clock().now().to_msg()
        self._states.publish(message)

    def ask(self, q):
        """
        Send a target that the joints (rad) reach, on either branch.

        :return: code of the answer; None where there is none for a second, as before discovery
        """
        message = PoseStamped()
        message.header.stamp.sec = next(self._stamps)
        message.pose.position.x, message.pose.position.y = self.model.fk_point(*q)
        self.targets.publish(message)
        stamp = f'{message.header.stamp.sec}.000000000'
        self._spin_until(lambda: stamp in self.answers)
        return self.answers.get(stamp)

    def ask_until(self, code, q):
        """Send a target until its answer has this code."""
        self.client.wait_until(lambda: self.ask(q) == code, what=self._latest_answers)

    def arrive(self, q):
        """Send a target until the arm is there, also where a busy machine stops it."""

        def arrived():
            if self.ask(q) == 'ACCEPTED':
                count = -1
                while not self.is_at(q) and len(self.commands) > count:
                    count = len(self.commands)
                    self._spin_until(lambda seen=count: len(self.commands) > seen)
            return self.is_at(q)

        self.client.wait_until(arrived, what=self._latest_answers)

    def _spin_until(self, condition):
        """Wait for a condition, but not longer than a second."""
        with suppress(AssertionError):
            self.client.wait_until(condition, 1.0)

    def _latest_answers(self):
        return f'{self.namespace}: {list(self.answers.values())[-3:]}'

    def _on_answer(self, status):
        values = {value.key: value.value for value in status.values}
        self.answers[values['stamp']] = status.message

    def is_at(self, q):
        tip = self.model.fk_point(*self.q)
        return np.allclose(tip, self.model.fk_point(*q), atol=1e-6)

    def is_slow(self):
        last = np.array([command.position for command in self.commands[-2:]])
        return np.abs(np.diff(last, axis=0)).max() < SLOW_RAD

    def call(self, name):
        return self.client.call(Trigger, f'{self.namespace}/ik_node/{name}', Trigger.Request())

    def transition(self, number):
        request = ChangeState.Request(transition=Transition(id=number))
        service = f'{self.namespace}/ik_node/change_state'
        return self.client.call(ChangeState, service, request).success


@pytest.fixture(scope='module')
def cell(tmp_path_factory):
    """Two different arms in namespaces inside another, with one parameter file."""
    file = tmp_path_factory.mktemp('parameters') / 'arms.yaml'
    file.write_text(yaml.safe_dump({k: {'ros__parameters': v} for k, v in PARAMETERS.items()}))
    ros = ('-r', '__ns:=/cell', '--params-file', str(file), '--log-level', 'left:=debug')
    with (
        reserved_domain() as domain,
        node_process(MODULE, *ros, domain=domain, arguments=('left', 'right')) as process,
        Client(domain) as client,
    ):
        left = Arm(client, '/cell/left', MODEL['robot_description'], '', AWAY)
        right = Arm(client, '/cell/right', LONGER, 'right_', AWAY)
        yield process, client, left, right


@pytest.fixture
def arms(cell):
    """Both arms, at rest at the same joints."""
    *_, left, right = cell
    for arm in (left, right):
        arm.arrive(AWAY)
    left.commands.clear()
    right.commands.clear()
    return left, right


def test_each_node_has_its_own_parameters(cell):
    process, *_ = cell
    process.wait_for('joints right_joint1, right_joint2')
    logged = re.findall(r'\[([\w.]+)\]: arm .*: joints (.*), lengths ([\d.]+)', process.output)
    assert sorted(logged) == [
        ('cell.left.ik_node', 'joint1, joint2', '0.3'),
        ('cell.right.ik_node', 'right_joint1, right_joint2', '0.4'),
    ]


def test_a_target_moves_its_own_arm_only(arms):
    left, right = arms
    right.arrive(BACK)
    # Repetitions of its last command may still arrive.
    for command in left.commands:
        np.testing.assert_allclose(command.position, AWAY, atol=1e-6)
    assert {tuple(command.name) for command in right.commands} == {('right_joint1', 'right_joint2')}
    # The branch that the parameters of each node select.
    assert right.commands[-1].position[1] < 0.0 < left.q[1]


def test_hold_and_deactivate_stop_their_own_arm_only(arms):
    left, right = arms
    assert right.call('hold').success
    right.ask_until('HOLDING', BACK)
    left.ask_until('ACCEPTED', BACK)
    assert right.call('resume').success
    assert right.transition(Transition.TRANSITION_DEACTIVATE)
    right.ask_until('NOT_ACTIVE', AWAY)
    left.ask_until('ACCEPTED', AWAY)
    assert right.transition(Transition.TRANSITION_ACTIVATE)
    right.ask_until('ACCEPTED', BACK)


def test_a_node_that_brakes_in_a_transition_does_not_stop_the_other_arm(arms):
    """The transition takes as long as braking; the other node's commands must not wait for it."""
    left, right = arms

    def left_goes_on():
        """Stop the right arm on its way; tell whether the left one got commands meanwhile."""
        for arm in arms:
            arm.arrive(AWAY)
            arm.commands.clear()
        for arm in arms:
            arm.ask_until('ACCEPTED', BACK)
        left.client.wait_until(lambda: len(right.commands) > 20)
        assert right.transition(Transition.TRANSITION_DEACTIVATE)
        assert right.transition(Transition.TRANSITION_ACTIVATE)
        stopped = not right.is_at(BACK)
        end = stamp_to_seconds(right.commands[-1].header.stamp)
        times = [[stamp_to_seconds(c.header.stamp) for c in arm.commands] for arm in arms]
        during = [sum(end - BRAKING_S < t <= end for t in of_arm) for of_arm in times]
        return stopped and during[0] > during[1] / 2

    # A busy machine may let an arm arrive too early, or hold the process up.
    left.client.wait_until(left_goes_on, what='the left arm waits for the right one')
    left.arrive(BACK)


def test_hold_can_be_called_while_another_brakes_in_a_transition():
    """That takes seconds; :meth:`CachedWaitSetExecutor.spin_other_nodes` checks the group."""
    context = Context()
    rclpy.init(args=[], context=context, domain_id=fresh_domain())
    try:
        node = IkNode(context=context)
        groups = {
            service.srv_name.split('/')[-1]: service.callback_group for service in node.services
        }
        node.destroy_node()
    finally:
        rclpy.try_shutdown(context=context)
    at_any_time = [name for name in groups if isinstance(groups[name], ReentrantCallbackGroup)]
    assert at_any_time == ['hold']


def test_diagnostics_name_their_nodes(cell):
    """All nodes publish on the one topic /diagnostics."""
    _, client, *_ = cell
    reports = client.collect(DiagnosticArray, '/diagnostics')
    names = {'cell/left/ik_node: targets', 'cell/right/ik_node: targets'}
    client.wait_until(
        lambda: names <= {status.name for report in reports for status in report.status},
        what=lambda: {status.name for report in reports for status in report.status},
    )


def test_ctrl_c_stops_all_arms(cell, arms):
    process, client, left, right = cell
    for arm in arms:
        node = f'{arm.namespace}/ik_node'
        assert client.set_parameter(node, 'speed_scale', 0.3).successful
        arm.ask_until('ACCEPTED', BACK)
    client.wait_until(lambda: min(len(left.commands), len(right.commands)) > 40)
    assert process.stop() == 0
    for arm in arms:
        client.wait_until(arm.is_slow, what='its last commands are fast')
        assert not arm.is_at(BACK)
    assert 'Traceback' not in process.output


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        ([], 'the following arguments are required: namespace'),
        (['left', 'right', 'left'], 'namespaces: got left twice, expected each once'),
        (['left', '/left'], 'namespaces: got left twice, expected each once'),
        (['le-ft'], "got 'le-ft', expected a namespace ("),
        (['a//b'], "got 'a//b', expected a namespace ("),
        ([''], "got '', expected a namespace ("),
        (['--left'], 'the following arguments are required: namespace'),
    ],
)
def test_wrong_arguments_are_named(capsys, words, message):
    with pytest.raises(SystemExit) as ended:
        parse_namespaces(words)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
