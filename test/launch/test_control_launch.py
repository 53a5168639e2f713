"""
control.launch.py and rrbot.launch.py, run for real wherever launch_ros is installed.

ros2_control is not there: stand-ins show what its processes are started with, and the test's own
node does what they would do.
"""

import re
from pathlib import Path

import pytest
import yaml
from geometry_msgs.msg import PoseStamped
from launched import (
    DEADLINE,
    SHARE,
    SHOWS_ITS_ARGUMENTS,
    move_to,
    register,
    target,
    write_executable,
)
from processes import Client
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from ik_nn_ros.arm.urdf import load_arm

pytest.importorskip('launch_ros')  # not on PyPI

PROGRAMS = {
    'controller_manager': ['ros2_control_node', 'spawner'],
    'robot_state_publisher': ['robot_state_publisher'],
    'joint_state_broadcaster': [],
    'forward_command_controller': [],
    'joint_trajectory_controller': [],
    'joint_state_topic_hardware_interface': [],
    'mujoco_ros2_control': ['ros2_control_node'],
}


@pytest.fixture
def ros2_control(prefix):
    """Stand-ins for the programs of ros2_control."""
    for package, programs in PROGRAMS.items():
        register(prefix, package)
        for program in programs:
            write_executable(prefix / 'lib' / package / program, SHOWS_ITS_ARGUMENTS)


def given(launched, program):
    """The parameters that launch gave to a program, but for those in files of the package."""
    launched.wait_for(f'{program} got no more')
    values = {}
    for file in re.findall(rf'{program} got (/\S*launch_params_\S*)', launched.output):
        (section,) = yaml.safe_load(Path(file).read_text()).values()
        values |= section['ros__parameters']
    return values


def test_what_is_not_installed_is_named(start):
    launched = start('control.launch.py', 'hardware:=dynamixel')
    assert launched.ended() == (1, {})
    assert (
        'not installed: controller_manager, robot_state_publisher, joint_state_broadcaster, '
        'forward_command_controller, dynamixel_hardware_interface' in launched.output
    )
    assert 'Traceback' not in launched.output


@pytest.mark.usefixtures('ros2_control')
def test_a_description_without_the_block_is_refused(start, tmp_path):
    file = tmp_path / 'arm.urdf'
    file.write_text('<robot name="arm"/>')
    launched = start('control.launch.py', 'hardware:=own', f'description_file:={file}')
    assert launched.ended() == (1, {})
    assert f'description_file {file}: got no ros2_control block' in launched.output


@pytest.mark.usefixtures('ros2_control')
def test_the_target_is_reached_through_controller_and_arm_sim(start, domain, tmp_path):
    """The test's node is the controller in the middle, which has joint2 first; in a namespace."""
    slow = tmp_path / 'slow.yaml'
    slow.write_text('/**/arm_sim: {ros__parameters: {rate: 25.0}}')
    turned = tmp_path / 'turned.yaml'
    shipped = (SHARE / 'config' / 'controllers.yaml').read_text()
    turned.write_text(shipped.replace('joint1, joint2', 'joint2, joint1'))
    launched = start(
        'control.launch.py',
        'hardware:=topic',
        'rviz:=false',
        'namespace:=left',
        'xacro_args:=velocity:=1.0',  # the test's node may be late
        f'sim_params_file:={slow}',
        f'controllers_file:={turned}',
    )
    with Client(domain, namespace='left') as client:
        to_arm = client.node.create_publisher(JointState, 'arm/joint_command', 10)
        states = client.node.create_publisher(JointState, 'joint_states', 10)
        client.node.create_subscription(JointState, 'arm/joint_states', states.publish, 10)
        client.node.create_subscription(
            Float64MultiArray,
            'forward_position_controller/commands',
            lambda m: to_arm.publish(JointState(name=['joint2', 'joint1'], position=m.data)),
            10,
        )
        move_to(client, target(0.3, 0.25))
    launched.wait_for(r'spawner got forward_position_controller')
    launched.wait_for(r'spawner got __ns:=/left')
    launched.wait_for(f'ros2_control_node got {turned}')
    urdf = given(launched, 'robot_state_publisher')['robot_description']
    assert 'joint_state_topic_hardware_interface/JointStateTopicSystem' in urdf
    # The description comes to controller_manager by topic, and no remap goes to its controllers.
    assert 'robot_description' not in given(launched, 'ros2_control_node')
    assert 'ros2_control_node got forward' not in launched.output


@pytest.mark.usefixtures('ros2_control')
def test_trajectories_go_to_the_trajectory_controller(start, domain):
    start('control.launch.py', 'controller:=joint_trajectory_controller', 'rviz:=false')
    with Client(domain) as client:
        states = client.publisher(JointState, 'joint_states')
        here = JointState(name=['joint1', 'joint2'], position=[0.5, 0.5])
        client.node.create_timer(0.05, lambda: states.publish(here))
        trajectories = client.collect(
            JointTrajectory, 'joint_trajectory_controller/joint_trajectory'
        )
        targets = client.publisher(PoseStamped, 'target_pose')
        client.publish_until(
            targets, target(0.3, 0.25), lambda: trajectories, DEADLINE, 'no trajectory'
        )
    assert trajectories[0].joint_names == ['joint1', 'joint2']


@pytest.mark.usefixtures('ros2_control')
def test_mujoco_gets_the_arm_as_a_file_and_gives_the_time(start, prefix):
    (prefix / 'lib' / 'controller_manager' / 'ros2_control_node').unlink()  # it has its own
    launched = start('control.launch.py', 'hardware:=mujoco', 'rviz:=false', 'xacro_args:=l1:=0.4')
    described = given(launched, 'robot_state_publisher')
    urdf = described['robot_description']
    (file,) = re.findall(r'<param name="mujoco_model">(\S+)</param>', urdf)
    assert '<body name="link2" pos="0.4 0 0">' in Path(file).read_text()
    assert load_arm(urdf).lengths[0] == 0.4
    assert given(launched, 'ros2_control_node') == {'use_sim_time': True}


def test_the_demo_that_is_not_installed_is_named(start):
    launched = start('rrbot.launch.py')
    assert launched.ended() == (1, {})
    assert 'not installed: ros2_control_demo_example_1' in launched.output


def test_rrbot_starts_the_demo_and_its_own_node_beside_it(start, prefix):
    register(prefix, 'ros2_control_demo_example_1')
    launch = prefix / 'share' / 'ros2_control_demo_example_1' / 'launch'
    launch.mkdir(parents=True)
    (launch / 'rrbot.launch.py').write_text(
        'from launch import LaunchDescription\n'
        'from launch.actions import LogInfo\n'
        'from launch.substitutions import LaunchConfiguration\n'
        'def generate_launch_description():\n'
        "    return LaunchDescription([LogInfo(msg=['gui ', LaunchConfiguration('gui')])])\n"
    )
    launched = start('rrbot.launch.py', 'gui:=false')
    launched.wait_for('gui false')
    launched.wait_for('waiting for the robot description')
    assert (SHARE / 'config' / 'rrbot.yaml').is_file()
