"""Several arms from one launch file, run for real wherever launch_ros is installed."""

import re
import sys
from pathlib import Path

import pytest
import yaml
from launched import (
    SHOWS_ITS_ARGUMENTS,
    move_to,
    register,
    target,
    write_executable,
)
from processes import Client
from sensor_msgs.msg import JointState

pytest.importorskip('launch_ros')  # not on PyPI


@pytest.fixture(autouse=True)
def ik_nodes(prefix):
    write_executable(
        prefix / 'lib' / 'ik_nn_ros' / 'ik_nodes',
        f'#!/bin/sh\nexec {sys.executable} -m ik_nn_ros.nodes.ik.multi_node "$@"\n',
    )


@pytest.mark.parametrize(
    ('composition', 'nodes'),
    [('false', {'ik_node', 'arm_sim'}), ('true', {'ik_nodes', 'arm_sim'})],
)
def test_each_arm_carries_out_its_own_target(start, domain, composition, nodes):
    launched = start(
        'arms.launch.py', 'namespace:=cell', f'composition:={composition}', 'rsp:=false'
    )
    with (
        Client(domain, namespace='cell/left') as left,
        Client(domain, namespace='cell/right') as right,
    ):
        commands_of_left = left.collect(JointState, 'joint_command')
        command = move_to(right, target(0.3, 0.25, 'right_base_link'))
        assert list(command.name) == ['right_joint1', 'right_joint2']
        left.spin()
        assert not commands_of_left
    # The network knows the arm by its geometry, not by the names of its joints.
    assert 'arm.onnx' in launched.output
    launched.press_ctrl_c(times=2)
    _, codes = launched.ended()
    assert codes == dict.fromkeys(nodes, 0)
    assert 'Traceback' not in launched.output


@pytest.fixture
def stand_ins(prefix):
    """Programs that are not installed; they show what they are started with."""
    for package, name in (
        ('robot_state_publisher', 'robot_state_publisher'),
        ('tf2_ros', 'static_transform_publisher'),
    ):
        register(prefix, package)
        write_executable(prefix / 'lib' / package / name, SHOWS_ITS_ARGUMENTS)


def descriptions(launched, count):
    """Return the parameters of so many robot_state_publisher, by the place of the mount."""
    pattern = r'robot_state_publisher got (/\S*params\S*)'
    launched.wait_for(pattern, count)
    found = {}
    for file in set(re.findall(pattern, launched.output)):
        (values,) = yaml.safe_load(Path(file).read_text()).values()
        values = values['ros__parameters']
        found[mount(values['robot_description'])] = values
    return found


def mount(urdf):
    return urdf.partition('mount" type="fixed">')[2].partition('xyz="')[2].partition('"')[0]


def test_links_begin_with_the_name_of_the_arm(start, stand_ins):
    launched = start('arms.launch.py', 'arms:=a,b,c')
    found = descriptions(launched, 3)
    assert set(found) == {'0 1.2 0', '0 0 0', '0 -1.2 0'}
    assert '<link name="a_tip"/>' in found['0 1.2 0']['robot_description']
    assert 'frame_prefix' not in found['0 1.2 0']
    for name in 'abc':
        launched.wait_for(f'static_transform_publisher got {name}_world\n')


def test_frames_begin_with_the_name_of_the_arm_where_the_links_do_not(start, stand_ins):
    launched = start('arms.launch.py', 'prefix:=frames', 'mounts:=1 0 0,0 0 0.2')
    found = descriptions(launched, 2)
    assert {place: values['frame_prefix'] for place, values in found.items()} == {
        '1 0 0': 'left/',
        '0 0 0.2': 'right/',
    }
    for values in found.values():
        assert '<link name="tip"/>' in values['robot_description']
    launched.wait_for('static_transform_publisher got right/world\n')


@pytest.mark.parametrize(
    ('argument', 'message'),
    [
        ('arms:=left,left', "arms: got 'left,left', expected names, each once"),
        ('arms:=le-ft', "arms: got 'le-ft', expected names"),
        ('mounts:=0 0 0', 'mounts: got 1, expected 2, one for each arm'),
    ],
)
def test_arms_that_cannot_be_are_named(start, argument, message):
    launched = start('arms.launch.py', argument)
    assert launched.ended() == (1, {})
    assert message in launched.output
