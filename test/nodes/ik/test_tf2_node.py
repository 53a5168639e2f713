"""The node ik_node as a process of its own, with real transforms; where tf2_ros is here."""

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped
from ik_node_rig import ARM, MODEL, run_ik_node
from rclpy.time import Time
from tf2_rig import stamped

tf2_ros = pytest.importorskip('tf2_ros')

TARGET = (0.3, 0.1)


@pytest.fixture(scope='module')
def node():
    with run_ik_node({**MODEL, 'transform_timeout': 0.2}) as it:
        it.static = tf2_ros.StaticTransformBroadcaster(it.client.node)
        yield it


def tip(it):
    return np.array(ARM.fk_point(*it.commands[-1].position)) if it.commands else np.zeros(2)


def send(it, frame, x, y, at=None):
    message = PoseStamped()
    message.header.frame_id = frame
    if at is not None:
        message.header.stamp = at.to_msg()
    message.pose.position.x, message.pose.position.y = float(x), float(y)
    return it.send_message(it.targets, message)


def test_a_target_in_another_frame_is_carried_out(node):
    node.static.sendTransform(stamped('world', 'base_link', 1.0, 2.0))
    values = node.ask_until('ACCEPTED', 1.3, 2.1, frame='world')
    assert (float(values['x']), float(values['y'])) == pytest.approx(TARGET)
    node.client.wait_until(lambda: np.allclose(tip(node), TARGET))


def test_an_unknown_frame_is_refused_after_a_while(node):
    code, values = node.ask(*TARGET, frame='nowhere')
    assert code == 'NO_TRANSFORM'
    assert "from 'nowhere' to 'base_link'" in values['detail']


def test_the_plane_is_told_to_tf2(node):
    buffer = tf2_ros.Buffer()
    listener = tf2_ros.TransformListener(buffer, node.client.node)
    node.client.wait_until(
        lambda: buffer.can_transform('base_link', 'base_link_plane', Time()),
        what=buffer.all_frames_as_string,
    )
    shift = buffer.lookup_transform('base_link', 'base_link_plane', Time()).transform.translation
    assert (shift.x, shift.y, shift.z) == pytest.approx(tuple(ARM.plane.origin))
    listener.unregister()


def test_a_target_waits_for_its_transform_and_those_behind_keep_their_turn():
    with run_ik_node({**MODEL, 'transform_timeout': 20.0}) as it:
        it.answers.clear()
        first = send(it, 'late', 0.3, 0.1, Time(seconds=1000))
        later = [it.send(0.25, 0.1 + 0.001 * step) for step in range(20)]
        it.client.wait_until(lambda: it.client.node.count_subscribers('/tf_static'))
        assert not it.answers
        tf2_ros.StaticTransformBroadcaster(it.client.node).sendTransform(
            stamped('late', 'base_link', 0.0, 0.05)
        )
        assert it.answer(first)[0] == 'ACCEPTED'
        it.answer(later[-1])
        stamps = [
            next(entry.value for entry in status.values if entry.key == 'stamp')
            for status in it.answers
        ]
        assert stamps == [first, *later]


class Robot:
    """Carries the arm's base about in odom, told at 50 Hz."""

    def __init__(self, it):
        self.place = np.zeros(2)
        self._node = it.client.node
        self._broadcaster = tf2_ros.TransformBroadcaster(self._node)
        self.silent = False
        self._timer = self._node.create_timer(0.02, self._tell)

    def now(self):
        return self._node.get_clock().now()

    def _tell(self):
        if not self.silent:
            moment = 1e-9 * self.now().nanoseconds
            self._broadcaster.sendTransform(
                stamped('odom', 'base_link', *map(float, self.place), at=moment)
            )


def health(diagnostics):
    return [
        status.message
        for array in diagnostics
        for status in array.status
        if 'not followed' in status.message
    ]


@pytest.fixture(scope='module')
def ride():
    with run_ik_node({**MODEL, 'transform_timeout': 0.2}) as it:
        yield it, Robot(it), it.client.collect(DiagnosticArray, '/diagnostics')


def accepted(ride, with_stamp=False):
    """Send a target in odom until it is accepted."""
    it, robot, _ = ride

    def sent():
        it.answers.clear()  # without a stamp one looks like the next
        moment = robot.now() if with_stamp else None
        return it.answer(send(it, 'odom', 0.3, 0.1, moment))[0] == 'ACCEPTED'

    it.client.wait_until(sent, what=lambda: it.answers)


@pytest.mark.parametrize('with_stamp', [False, True])
def test_the_target_keeps_its_place_while_the_base_moves(ride, with_stamp):
    it, robot, _ = ride
    robot.place[:] = 0.0
    accepted(ride, with_stamp)
    for step in range(1, 21):
        robot.place[:] = 0.005 * step, -0.002 * step
        expected = np.array([0.3, 0.1]) - robot.place
        it.client.wait_until(
            lambda expected=expected: np.linalg.norm(tip(it) - expected) < 2e-4,
            what=lambda: (tip(it), robot.place),
        )


def test_where_it_cannot_be_followed_the_arm_stays_and_that_is_said(ride):
    it, robot, diagnostics = ride
    robot.place[:] = 0.0
    accepted(ride)
    it.client.wait_until(lambda: np.linalg.norm(tip(it) - (0.3, 0.1)) < 2e-4)
    robot.place[:] = -5.0, 0.0
    it.client.wait_until(lambda: health(diagnostics), what=lambda: diagnostics[-1])
    assert 'UNREACHABLE' in health(diagnostics)[-1]
    assert np.linalg.norm(tip(it) - (0.3, 0.1)) < 2e-4
    robot.place[:] = 0.02, 0.0
    it.client.wait_until(lambda: np.linalg.norm(tip(it) - (0.28, 0.1)) < 2e-4)
    diagnostics.clear()
    robot.silent = True
    it.client.wait_until(lambda: health(diagnostics), what=lambda: diagnostics[-1])
    assert "transform from 'odom' to 'base_link': got none newer" in health(diagnostics)[-1]
