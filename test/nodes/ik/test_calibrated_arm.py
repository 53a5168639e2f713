"""ik_node and an arm that differs from its URDF: the tip's error without and with calibration."""

import itertools

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from ik_node_rig import ARM, URDF
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from processes import Client, node_process, reserved_domain
from sensor_msgs.msg import JointState

from ik_nn_ros.calibration.fit import calibrate
from ik_nn_ros.recordings.samples import Samples

DEVIATIONS = {
    'as_built.length_errors': [0.01, 0.01],
    'as_built.joint_offsets': [0.02, 0.02],
    'as_built.sag': [0.0, -0.01],
}
TARGETS = ((0.3, 0.2), (0.1, 0.35), (-0.2, 0.3))
STILL_M = 1e-5
"""Motion of the tip within a tenth of a second."""


@pytest.fixture(scope='module')
def calibration(tmp_path_factory):
    """Fitted to 500 samples of an arm with these deviations, by its formula, with 0.5 mm noise."""
    rng = np.random.default_rng(0)
    q = rng.uniform(ARM.lower, ARM.upper, (500, 2))
    theta1, theta2 = (q + 0.02).T
    theta2 -= 0.01 * np.cos(q.sum(axis=1))
    x = 0.303 * np.cos(theta1) + 0.202 * np.cos(theta1 + theta2)
    y = 0.303 * np.sin(theta1) + 0.202 * np.sin(theta1 + theta2)
    tip = np.stack((x, y, np.zeros(500)), axis=-1) + rng.normal(0.0, 5e-4, (500, 3))
    nothing = np.zeros((500, 2))
    samples = Samples(
        np.arange(500.0), q, q, nothing, ARM.plane.to_base(tip[:, :2]), np.zeros(500, int), {}, ()
    )
    file = tmp_path_factory.mktemp('calibration') / 'arm.yaml'
    calibrate(ARM, samples).calibration.write(file)
    return file


class DeviatingArm:
    """The running arm_sim and ik_node."""

    def __init__(self, client, ik_node):
        self._client, self._ik_node = client, ik_node
        self._stamps = itertools.count(1)
        self._solutions = {}
        """Joints by the stamp of their target, rad."""
        client.node.create_subscription(
            DiagnosticStatus, 'ik_node/target_status', self._on_answer, 100
        )
        self._commands = client.collect(JointState, 'joint_command')
        self._tips = client.collect(PoseStamped, 'tip_pose')
        self._targets = client.publisher(PoseStamped, 'target_pose')

    def use_calibration(self, file):
        """Configure ik_node again, with a calibration."""
        assert self._transition(Transition.TRANSITION_DEACTIVATE)
        assert self._transition(Transition.TRANSITION_CLEANUP)
        assert self._client.set_parameter('ik_node', 'calibration_file', str(file)).successful
        assert self._transition(Transition.TRANSITION_CONFIGURE)
        assert self._transition(Transition.TRANSITION_ACTIVATE)

    def error_at(self, target):
        """Send a target until the tip has stopped there; return its distance from it, m."""
        message = PoseStamped()
        message.header.stamp.sec = next(self._stamps)
        message.pose.position.x, message.pose.position.y = target
        self._client.wait_until(self._is_still, what=self._state)

        def arrived():
            """Tell whether the commands, and then the tip, have reached the solution."""
            solution = self._solutions.get(f'{message.header.stamp.sec}.000000000')
            if solution is None or not self._commands or not self._is_still():
                return False
            return np.allclose(self._commands[-1].position, solution, atol=1e-6)

        self._client.publish_until(self._targets, message, arrived, what=self._state)
        return np.hypot(*(self._latest()[-1] - target))

    def _on_answer(self, answer):
        values = {entry.key: entry.value for entry in answer.values}
        if answer.message == 'ACCEPTED':
            self._solutions[values['stamp']] = float(values['q1']), float(values['q2'])

    def _transition(self, number):
        request = ChangeState.Request(transition=Transition(id=number))
        return self._client.call(ChangeState, 'ik_node/change_state', request).success

    def _state(self):
        return f'{self._latest()}\n{self._ik_node.output}'

    def _latest(self):
        return np.array([(p.pose.position.x, p.pose.position.y) for p in self._tips[-10:]])

    def _is_still(self):
        latest = self._latest()
        return len(latest) == 10 and np.ptp(latest, axis=0).max() < STILL_M


def test_the_tip_misses_by_a_centimetre_and_with_the_calibration_by_less_than_a_millimetre(
    calibration,
):
    description = {'robot_description': URDF}
    with (
        reserved_domain() as domain,
        node_process(
            'ik_nn_ros.nodes.sim.node', domain=domain, parameters={**description, **DEVIATIONS}
        ),
        node_process('ik_nn_ros.nodes.ik.node', domain=domain, parameters=description) as ik_node,
        Client(domain) as client,
    ):
        arm = DeviatingArm(client, ik_node)
        assert np.mean([arm.error_at(target) for target in TARGETS]) > 8e-3
        arm.use_calibration(calibration)
        assert max(arm.error_at(target) for target in TARGETS) < 3e-4
