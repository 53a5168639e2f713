"""Arms from URDF and xacro: the conventions, and errors that name what is wrong."""

import numpy as np
import pytest

from ik_nn_ros.arm.urdf import load_arm, read_description
from ik_nn_ros.errors import ArmError
from ik_nn_ros.files import share_directory

DEFAULT = share_directory() / 'urdf' / 'arm.urdf.xacro'

RRBOT = """<robot name="rrbot">
  <link name="base_link"/><link name="link1"/><link name="link2"/><link name="tool_link"/>
  <joint name="joint1" type="continuous"><parent link="base_link"/><child link="link1"/>
    <origin xyz="0 0.1 1.95"/><axis xyz="0 1 0"/><limit effort="100" velocity="1.0"/></joint>
  <joint name="joint2" type="continuous"><parent link="link1"/><child link="link2"/>
    <origin xyz="0 0.1 0.9"/><axis xyz="0 1 0"/><limit effort="100" velocity="1.0"/></joint>
  <joint name="tool_joint" type="fixed"><parent link="link2"/><child link="tool_link"/>
    <origin xyz="0 0 1"/></joint>
</robot>"""

PRISMATIC = RRBOT.replace('name="joint2" type="continuous"', 'name="joint2" type="prismatic"')
MIMIC = RRBOT.replace(
    '<origin xyz="0 0.1 0.9"/>', '<origin xyz="0 0.1 0.9"/><mimic joint="joint1"/>'
)
REVOLUTE = RRBOT.replace('name="joint1" type="continuous"', 'name="joint1" type="revolute"')


def test_default_arm():
    arm = load_arm(read_description(DEFAULT))
    assert arm.joint_names == ('joint1', 'joint2')
    assert arm.lengths == pytest.approx((0.3, 0.2))
    assert arm.offsets == (0.0, 0.0)
    np.testing.assert_allclose(arm.plane.rotation, np.eye(3))
    np.testing.assert_allclose(arm.plane.origin, np.zeros(3))


def test_xacro_arguments_change_the_arm():
    arm = load_arm(
        read_description(DEFAULT, {'l1': '0.5', 'q2_limit': '1.5', 'prefix': 'left_'}),
        'left_base_link',
        'left_tip',
    )
    assert arm.lengths == pytest.approx((0.5, 0.2))
    assert arm.upper[1] == 1.5
    assert arm.joint_names == ('left_joint1', 'left_joint2')


def test_rrbot_points_up_in_a_vertical_plane():
    arm = load_arm(RRBOT, 'base_link', 'tool_link')
    assert arm.lengths == pytest.approx((0.9, 1.0))
    assert arm.lower == (-np.inf, -np.inf)
    assert arm.max_velocity == (1.0, 1.0)
    # Straight up at zero; the plane's axes are the base frame's z and x.
    np.testing.assert_allclose(arm.plane.to_base(arm.fk((0.0, 0.0))), (0.0, 0.2, 3.85), atol=1e-12)
    np.testing.assert_allclose(
        arm.plane.to_base(arm.fk((np.pi / 2, 0.0))), (1.9, 0.2, 1.95), atol=1e-12
    )
    np.testing.assert_allclose(arm.plane.rotation[:, 0], (0, 0, 1), atol=1e-12)


@pytest.mark.parametrize(
    ('urdf', 'words'),
    [
        ('', 'robot description: got .*expected URDF'),
        ('<robot', 'robot description: got .*expected URDF'),
        ('<sdf/>', 'got <sdf>, expected <robot>'),
        (RRBOT.replace('tool_link', 'hand'), "link 'tool_link': got links base_link.*hand"),
        (
            RRBOT.replace('type="fixed"', 'type="revolute"'),
            r'got 3 \(joint1, joint2, tool_joint\), expected 2',
        ),
        (
            RRBOT.replace('joint2" type="continuous"', 'joint2" type="fixed"'),
            r'got 1 \(joint1\), expected 2',
        ),
        (PRISMATIC, 'joint joint2: got type prismatic, expected revolute or continuous'),
        (MIMIC, 'joint joint2: got a mimic joint'),
        (
            RRBOT.replace('<axis xyz="0 1 0"/>', '<axis xyz="1 1 0"/>', 1),
            'joint1 and joint2: got 45 degrees',
        ),
        (RRBOT.replace('xyz="0 0.1 0.9"', 'xyz="0 0.1 0"'), 'link from joint1 to joint2: got 0 m'),
        (RRBOT.replace('xyz="0 0 1"', 'xyz="0 1 0"'), 'link from joint2 to tool_link: got 0 m'),
        (
            RRBOT.replace('xyz="0 0 1"', 'xyz="0 0 nan"'),
            "origin xyz of joint tool_joint: got '0 0 nan'",
        ),
        (RRBOT.replace('xyz="0 0 1"', 'xyz="0 0"'), "origin xyz of joint tool_joint: got '0 0'"),
        (
            RRBOT.replace('<axis xyz="0 1 0"/>', '<axis xyz="0 0 0"/>', 1),
            'axis of joint joint1: got',
        ),
        (REVOLUTE, 'limits of joint joint1: got no lower and no upper, expected both'),
        (RRBOT.replace('velocity="1.0"', 'velocity="fast"', 1), 'velocity limit of joint joint1'),
        (RRBOT.replace('<parent link="base_link"/>', '<parent link="link2"/>'), 'no joint above'),
    ],
)
def test_a_description_of_no_such_arm_is_refused_by_name(urdf, words):
    with pytest.raises(ArmError, match=words):
        load_arm(urdf, 'base_link', 'tool_link')


def test_missing_and_broken_files_are_refused_by_name(tmp_path):
    with pytest.raises(ArmError, match=r'nowhere.urdf: got no such file'):
        read_description(tmp_path / 'nowhere.urdf')
    broken = tmp_path / 'broken.xacro'
    broken.write_text('<robot xmlns:xacro="http://www.ros.org/wiki/xacro">${no_such}</robot>')
    with pytest.raises(ArmError, match='xacro error'):
        read_description(broken)
