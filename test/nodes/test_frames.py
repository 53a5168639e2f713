"""Targets in other frames; tf2 cannot be had without ROS 2, so a stand-in takes its place."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from arms import random_rotation
from geometry_msgs.msg import TransformStamped
from std_msgs.msg import Header

from ik_nn_ros.arm.plane import Plane
from ik_nn_ros.nodes.conversions import rotate
from ik_nn_ros.nodes.frames import FrameError, Frames


def quaternion(rotation):
    """(x, y, z, w) of a rotation matrix, by its eigenvector of 1."""
    values, vectors = np.linalg.eig(rotation)
    axis = np.real(vectors[:, np.argmin(np.abs(values - 1.0))])
    sine = np.array(
        [
            rotation[2, 1] - rotation[1, 2],
            rotation[0, 2] - rotation[2, 0],
            rotation[1, 0] - rotation[0, 1],
        ]
    )
    angle = np.arctan2(sine @ axis, np.trace(rotation) - 1.0)
    return (*(np.sin(angle / 2.0) * axis), np.cos(angle / 2.0))


def test_rotate_agrees_with_rotation_matrices():
    rng = np.random.default_rng(0)
    for _ in range(50):
        rotation, vector = random_rotation(rng), rng.normal(size=3)
        np.testing.assert_allclose(rotate(quaternion(rotation), vector), rotation @ vector)


@pytest.fixture
def tf2(monkeypatch):
    """A tf2_ros that knows one transform, from world to base_link."""
    module = ModuleType('tf2_ros')
    module.TransformException = type('TransformException', (Exception,), {})
    module.asked = []

    class Buffer:
        def lookup_transform(self, target, source, time):
            module.asked.append((target, source, time.nanoseconds))
            if source != 'world':
                raise module.TransformException(f'"{source}" does not exist')
            found = TransformStamped()
            found.transform.rotation.z = found.transform.rotation.w = np.sqrt(0.5)
            found.transform.translation.x = 1.0
            return found

    module.Buffer = Buffer
    module.TransformListener = lambda buffer, node: SimpleNamespace(unregister=lambda: None)
    monkeypatch.setitem(sys.modules, 'tf2_ros', module)
    return module


def frames():
    return Frames(None, Plane('base_link'), 0.01)


def test_a_known_frame_is_transformed(tf2):
    header = Header(frame_id='world')
    header.stamp.sec = 5
    assert frames().to_plane(header, 0.2, 0.3, 0.0) == pytest.approx((0.7, 0.2))
    # A quarter turn about z, then one metre along x; at the target's own time.
    assert tf2.asked == [('base_link', 'world', 5_000_000_000)]


def test_an_unknown_frame_is_named(tf2):
    with pytest.raises(FrameError, match=r"'map' to 'base_link' \(.map. does not exist") as error:
        frames().to_plane(Header(frame_id='map'), 0.2, 0.3, 0.0)
    assert error.value.reason == 'NO_TRANSFORM'


def test_the_base_frame_needs_no_transform(tf2):
    assert frames().to_plane(Header(frame_id='base_link'), 0.2, 0.3, 0.0) == (0.2, 0.3)
    assert frames().to_plane(Header(), 0.2, 0.3, 0.0) == (0.2, 0.3)
    assert not tf2.asked


def test_without_tf2_the_answer_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, 'tf2_ros', None)
    with pytest.raises(FrameError, match=r'tf2_ros is not importable here \(install ros-') as error:
        frames().to_plane(Header(frame_id='map'), 0.2, 0.3, 0.0)
    assert error.value.reason == 'NO_TRANSFORM'
