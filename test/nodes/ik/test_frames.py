"""Targets in other frames: with a stand-in for tf2_ros, and with the real one where it is here."""

import sys

import numpy as np
import pytest
import tf2_rig
from arms import random_rotation
from rclpy.parameter import Parameter
from rclpy.time import Time
from std_msgs.msg import Header
from tf2_rig import stamped

from ik_nn_ros.arm.geometry import Plane
from ik_nn_ros.nodes.common.conversions import quaternion_from_matrix, rotate_vector
from ik_nn_ros.nodes.ik import frames as frames_module
from ik_nn_ros.nodes.ik.frames import Anchor, FrameError, PlaneTransformer

QUARTER = (0.0, 0.0, np.sqrt(0.5), np.sqrt(0.5))
"""A quarter turn about z."""
HALF_TURNS = [np.diag(signs) for signs in ((1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1))]


@pytest.fixture(scope='module')
def node():
    for node, _ in tf2_rig.nodes():
        yield node


@pytest.fixture
def made(monkeypatch, node):
    """Make frames that are closed after the test."""
    monkeypatch.setattr(frames_module, 'MAX_TREE_AGE_S', 0.0)
    those = []

    def make(plane=Plane('base_link'), prefix=''):  # noqa: B008, frozen
        those.append(PlaneTransformer(node, plane, 0.01, prefix))
        return those[-1]

    yield make
    for frames in those:
        frames.close()


@pytest.fixture(params=tf2_rig.BOTH)
def tf2(request, monkeypatch, made):
    """Frames for an arm in base_link, with nothing known to tf2."""
    tf2_rig.use(request.param, monkeypatch)
    return made()


@pytest.fixture
def stand_in(monkeypatch, made):
    tf2_rig.use('stand-in', monkeypatch)
    return made


@pytest.fixture
def without_tf2(monkeypatch, made):
    monkeypatch.setitem(sys.modules, 'tf2_ros', None)
    return made


def tell(frames, *found):
    for transform in found:
        frames.tf2.buffer.set_transform(transform, 'test')


def tell_static(frames, *found):
    for transform in found:
        frames.tf2.buffer.set_transform_static(transform, 'test')


def at(frame, seconds=0.0):
    return Header(frame_id=frame, stamp=Time(nanoseconds=round(1e9 * seconds)).to_msg())


def refusal(frames, header, x=0.2, y=0.3, z=0.0):
    with pytest.raises(FrameError) as error:
        frames.target_to_plane(header, x, y, z)
    return error.value.reason, str(error.value), error.value.transform_may_arrive


@pytest.mark.parametrize(
    'rotation', [*HALF_TURNS, *map(random_rotation, map(np.random.default_rng, range(20)))]
)
def test_quaternions_turn_as_their_matrices(rotation):
    vector = np.array([0.3, -0.7, 0.2])
    np.testing.assert_allclose(
        rotate_vector(quaternion_from_matrix(rotation), vector), rotation @ vector
    )


# Frames


def test_a_known_frame_is_transformed(tf2):
    tell_static(
        tf2, stamped('world', 'table'), stamped('table', 'base_link', 1.0, 2.0, turn=QUARTER)
    )
    point, _ = tf2.target_to_plane(at('world'), 1.2, 2.3, 0.0)
    assert point == pytest.approx((0.3, -0.2))


def test_the_base_frame_and_the_plane_need_no_transform(without_tf2):
    tilted = Plane(
        'base_link', np.array([0.0, 0.0, 0.5]), np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
    )
    frames = without_tf2(tilted)
    for name in ('', 'base_link'):
        assert frames.target_to_plane(at(name), 0.2, 0.0, 0.8) == ((0.2, pytest.approx(0.3)), None)
    assert frames.target_to_plane(at('base_link_plane'), 0.2, 0.3, 0.0) == ((0.2, 0.3), None)
    # In the plane's frame, z is the distance from it.
    assert refusal(frames, at('base_link_plane'), z=0.02)[0] == 'OUT_OF_PLANE'
    assert refusal(frames, at('base_link'), y=0.02)[0] == 'OUT_OF_PLANE'


def test_names_in_tf_have_the_prefix(stand_in):
    frames = stand_in(prefix='left/')
    tell_static(frames, stamped('base_link', 'left/base_link', 1.0))
    assert frames.target_to_plane(at('left/base_link'), 0.2, 0.3, 0.0)[0] == (0.2, 0.3)
    assert frames.target_to_plane(at('left/base_link_plane'), 0.2, 0.3, 0.0)[0] == (0.2, 0.3)
    # The one without it is another frame, perhaps the base of another robot.
    assert frames.target_to_plane(at('base_link'), 1.2, 0.3, 0.0)[0] == pytest.approx((0.2, 0.3))


@pytest.mark.parametrize('seed', range(3))
def test_tf2_is_told_where_the_plane_is(stand_in, seed):
    rng = np.random.default_rng(seed)
    plane = Plane('base_link', rng.normal(size=3), random_rotation(rng))
    frames = stand_in(plane, 'left/')
    tell_static(frames, *frames.tf2._broadcaster.sent)
    found, _ = frames.tf2.transform((0.2, 0.3, 0.0), 'left/base_link_plane', 'left/base_link')
    np.testing.assert_allclose(found, plane.to_base((0.2, 0.3)))


def test_without_tf2_the_answer_says_how_to_get_it(without_tf2):
    reason, text, may_come = refusal(without_tf2(), at('map'))
    assert (reason, may_come) == ('NO_TRANSFORM', False)
    assert 'tf2_ros is not importable here (install ros-' in text


@pytest.mark.parametrize('name', ['/map', ' '])
def test_a_name_that_is_none_is_refused(tf2, name):
    reason, text, may_come = refusal(tf2, at(name))
    assert (reason, may_come) == ('BAD_FRAME', False)
    assert repr(name) in text


# What is missing


def test_an_unknown_frame_is_named_and_may_still_come(tf2):
    tell_static(tf2, stamped('world', 'base_link'))
    reason, text, may_come = refusal(tf2, at('map'))
    assert (reason, may_come) == ('NO_TRANSFORM', True)
    assert text.startswith("transform: got none from 'map' to 'base_link' (\"map\" passed to")


def test_two_trees_are_named_by_their_roots(tf2):
    tell_static(tf2, stamped('world', 'base_link'), stamped('map', 'odom'))
    reason, text, may_come = refusal(tf2, at('odom'))
    assert (reason, may_come) == ('NO_TRANSFORM', True)
    assert 'not part of the same tree' in text
    assert "'odom' is under 'map', 'base_link' under 'world'" in text


def test_a_time_yet_to_come_is_waited_for_and_one_gone_by_is_not(tf2):
    tell(tf2, stamped('world', 'base_link', at=10.0), stamped('world', 'base_link', at=11.0))
    reason, text, may_come = refusal(tf2, at('world', 11.5))
    assert (reason, may_come) == ('NO_TRANSFORM', True)
    assert 'into the future' in text
    assert '11.500000 but the latest data is at time 11.000000' in text
    reason, text, may_come = refusal(tf2, at('world', 9.5))
    assert (reason, may_come) == ('NO_TRANSFORM', False)
    assert 'into the past' in text
    tell(tf2, stamped('world', 'base_link', 1.0, at=12.0))
    assert tf2.target_to_plane(at('world', 11.5), 1.2, 0.3, 0.0)[0] == pytest.approx((0.2, 0.3))


def test_a_time_before_all_times_is_refused(tf2):
    header = at('world')
    header.stamp.sec = -1
    assert refusal(tf2, header)[::2] == ('NO_TRANSFORM', False)


def test_a_ring_of_frames_has_an_end(tf2):
    tell_static(tf2, stamped('b', 'a'), stamped('a', 'b'))
    assert len(tf2.tf2.frame_chain('a')) <= 3


def test_a_clock_set_back_clears_what_is_known(tf2, node):
    node.set_parameters([Parameter('use_sim_time', value=True)])
    try:
        node.get_clock().set_ros_time_override(Time(seconds=100))
        tell(tf2, stamped('world', 'base_link', at=99.0))
        tell_static(tf2, stamped('world', 'table'))
        node.get_clock().set_ros_time_override(Time(seconds=5))
        tell(tf2, stamped('world', 'base_link', 1.0, at=5.0))
        # Of the two, the later one is gone; what never moves stays.
        assert tf2.target_to_plane(at('table'), 1.2, 0.3, 0.0)[0] == pytest.approx((0.2, 0.3))
    finally:
        node.set_parameters([Parameter('use_sim_time', value=False)])


# Where a target stays


@pytest.fixture
def robot(tf2):
    """odom → robot → base_link → tool; robot → camera; odom → tray. All but base_link move."""
    tell_static(tf2, stamped('robot', 'base_link'), stamped('map', 'odom'))
    for moment in (10.0, 12.0):
        tell(tf2, stamped('odom', 'robot', 0.1 * (moment - 10.0), at=moment))
        tell(tf2, stamped('odom', 'tray', 0.3, 0.1 * (moment - 10.0), at=moment))
        tell(tf2, stamped('robot', 'camera', 0.0, 0.2 * (moment - 10.0), at=moment))
        tell(tf2, stamped('base_link', 'tool', 0.3, at=moment))
    return tf2


STAYS = {
    # frame and stamp: where it is at 12 s, and the anchor
    ('odom', 0.0): ((0.0, 0.0), Anchor('odom', (0.2, 0.0, 0.0))),
    ('odom', 11.0): ((0.0, 0.0), Anchor('odom', (0.2, 0.0, 0.0))),
    ('tray', 0.0): ((0.3, 0.2), Anchor('tray', (0.2, 0.0, 0.0))),
    ('tray', 11.0): ((0.3, 0.1), Anchor('map', (0.5, 0.1, 0.0))),
    ('camera', 0.0): ((0.2, 0.4), Anchor('camera', (0.2, 0.0, 0.0))),
    ('camera', 11.0): ((0.1, 0.2), Anchor('map', (0.3, 0.2, 0.0))),
    ('tool', 0.0): ((0.5, 0.0), None),
    ('tool', 11.0): ((0.4, 0.0), Anchor('map', (0.6, 0.0, 0.0))),
}


@pytest.mark.parametrize(('frame', 'seconds'), STAYS)
def test_where_a_target_is_now_and_what_keeps_it(robot, frame, seconds):
    (x, y), anchor = STAYS[frame, seconds]
    point, kept = robot.target_to_plane(at(frame, seconds), 0.2, 0.0, 0.0)
    assert point == pytest.approx((x, y), abs=1e-12)
    assert (kept is None) == (anchor is None)
    if anchor is not None:
        assert kept.frame == anchor.frame
        assert kept.position == pytest.approx(anchor.position)
        assert robot.anchor_to_plane(kept)[0] == pytest.approx((x, y), abs=1e-12)


def test_an_anchored_target_outlives_what_tf2_remembers(robot):
    """A stamp older than tf2's 10 s would end the following."""
    _, anchor = robot.target_to_plane(at('camera', 11.0), 0.2, 0.0, 0.0)
    for moment in range(13, 40):
        tell(robot, stamped('odom', 'robot', 0.4, at=float(moment)))
    point, stamp = robot.anchor_to_plane(anchor)
    assert point == pytest.approx((-0.1, 0.2), abs=1e-12)
    assert stamp == 39_000_000_000


def test_what_the_arm_has_gripped_is_not_followed(stand_in):
    frames = stand_in()
    tell_static(frames, stamped('world', 'base_link'), stamped('world', 'cup', 0.3))
    _, anchor = frames.target_to_plane(at('cup'), 0.1, 0.0, 0.0)
    assert frames.anchor_to_plane(anchor)[0] == pytest.approx((0.4, 0.0))
    tell_static(frames, stamped('base_link', 'tool', 0.4), stamped('tool', 'cup'))
    with pytest.raises(FrameError, match="got 'cup' under 'base_link'"):
        frames.anchor_to_plane(anchor)


def test_a_tree_that_was_incomplete_is_looked_at_anew(stand_in, monkeypatch):
    """Otherwise the arm runs after its own tool, as it is not known to hang from the base."""
    monkeypatch.setattr(frames_module, 'MAX_TREE_AGE_S', 60.0)
    frames = stand_in()
    tell_static(frames, stamped('world', 'base_link'), stamped('hand', 'tool'))
    assert 'not part of the same tree' in refusal(frames, at('tool'))[1]
    tell_static(frames, stamped('base_link', 'hand', 0.1))
    assert frames.target_to_plane(at('tool'), 0.2, 0.3, 0.0) == (pytest.approx((0.3, 0.3)), None)


def test_nothing_keeps_a_target_where_all_hangs_from_the_base(tf2):
    tell(tf2, stamped('base_link', 'camera', 0.1, at=10.0), stamped('base_link', 'camera', at=11.0))
    point, anchor = tf2.target_to_plane(at('camera', 10.0), 0.2, 0.3, 0.0)
    assert point == pytest.approx((0.3, 0.3))
    assert anchor is None


# Paths


def test_a_path_takes_one_transform(stand_in):
    frames = stand_in()
    tell_static(frames, stamped('world', 'base_link', 1.0, turn=QUARTER))
    positions = np.random.default_rng(0).normal(size=(1000, 3)) * (1, 1, 0)
    expected = [frames.target_to_plane(at('world'), *position)[0] for position in positions]
    frames.tf2.buffer.asked = 0
    np.testing.assert_allclose(frames.path_to_plane(at('world'), positions), expected)
    assert frames.tf2.buffer.asked == 1
    for name in ('', 'base_link_plane'):
        np.testing.assert_array_equal(frames.path_to_plane(at(name), positions), positions[:, :2])


def test_the_first_pose_out_of_the_plane_is_named(tf2):
    positions = np.zeros((5, 3))
    positions[3:, 2] = 0.02
    with pytest.raises(FrameError, match=r'^pose 3: distance .* got 0.02 m') as error:
        tf2.path_to_plane(at('base_link'), positions)
    assert error.value.reason == 'OUT_OF_PLANE'
