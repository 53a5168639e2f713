"""The launch files, run for real wherever launch_ros is installed."""

import os
import re
import signal
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from geometry_msgs.msg import PointStamped
from launched import (
    DEADLINE,
    SHARE,
    SHOWS_ITS_ARGUMENTS,
    move_to,
    register,
    target,
    wait_for_tip,
    write_executable,
)
from processes import Client, free_port
from rcl_interfaces.srv import GetParameters
from rclpy.qos import DurabilityPolicy, QoSProfile
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from ik_nn_ros.arm.urdf import load_arm, read_description

pytest.importorskip('launch_ros')  # not on PyPI
from launch.launch_description_sources import PythonLaunchDescriptionSource

XACRO = SHARE / 'urdf' / 'arm.urdf.xacro'
HEADLESS = ('rviz:=false', 'rsp:=false')
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def command_for(client, message, topic='target_pose'):
    """Return the command that answers a target."""
    commands = client.collect(JointState, 'joint_command')
    targets = client.publisher(type(message), topic)
    client.publish_until(targets, message, lambda: commands, DEADLINE, 'no command')
    return commands[-1]


def parameters(client, node, *names):
    answer = client.call(
        GetParameters, f'{node}/get_parameters', GetParameters.Request(names=names), DEADLINE
    )
    return answer.values


@pytest.mark.parametrize(
    ('file', 'own'),
    [
        ('ik.launch.py', 'model_file'),
        ('sim.launch.py', 'model_file'),
        ('collect.launch.py', 'output'),
        ('control.launch.py', 'controllers_file'),
        ('rrbot.launch.py', 'demo'),
        ('arms.launch.py', 'arms'),
    ],
)
def test_every_argument_is_described(file, own):
    source = PythonLaunchDescriptionSource(str(SHARE / 'launch' / file))
    arguments = source.try_get_launch_description_without_context().get_launch_arguments()
    described = {argument.name: argument.description for argument in arguments}
    assert {'namespace', 'params_file', 'description_file', own} <= set(described)
    assert not [name for name, text in described.items() if text == 'no description given']


@pytest.mark.parametrize('namespace', ['', 'left/arm'])
def test_sim_carries_out_a_target(start, domain, namespace):
    launched = start('sim.launch.py', *HEADLESS, f'namespace:={namespace}')
    with Client(domain, namespace=namespace) as client:
        command = move_to(client, target(0.3, 0.25))
    assert command.name == ['joint1', 'joint2']
    # The network that is shipped belongs to the arm that is shipped.
    assert 'arm.onnx' in launched.output
    launched.press_ctrl_c()
    assert launched.ended() == (0, {'ik_node': 0, 'arm_sim': 0})
    assert 'Traceback' not in launched.output


def test_with_use_sim_time_the_simulated_arm_gives_the_time(start, domain):
    """Were nobody to give it, arm_sim would wait for ever, and commands have no stamp."""
    start('sim.launch.py', *HEADLESS, 'use_sim_time:=true')
    with Client(domain) as client:
        clock = client.collect(Clock, '/clock')
        client.wait_until(lambda: clock, DEADLINE, 'no /clock')
        command = move_to(client, target(0.3, 0.25))
        assert client.node.count_publishers('/clock') == 1
        # This node may receive the clock later than the command.
        client.wait_until(lambda: clock[-1].clock.sec >= command.header.stamp.sec, DEADLINE)
    assert command.header.stamp.sec >= clock[0].clock.sec


def test_ctrl_c_twice_ends_all_the_same(start):
    launched = start('sim.launch.py', *HEADLESS)
    launched.wait_for('simulating two_link_arm')
    launched.wait_for('joints joint1, joint2')
    launched.press_ctrl_c(times=2)
    _, codes = launched.ended()
    assert codes == {'ik_node': 0, 'arm_sim': 0}
    assert 'Traceback' not in launched.output


def test_sim_takes_xacro_arguments_for_every_node(start, domain):
    """0.63 m is out of reach of the arm without them; on the wall the servos give way a little."""
    start('sim.launch.py', *HEADLESS, 'xacro_args:=l1:=0.4 l2:=0.25 mount_rpy:="1.5708 0 0"')
    with Client(domain) as client:
        point = PointStamped(point=target(0.6, 0.2).pose.position)
        move_to(client, point, 'target_point', tolerance=0.01)


def test_sim_without_rviz_and_robot_state_publisher_installed(start, domain):
    launched = start('sim.launch.py')
    launched.wait_for('robot_state_publisher left out: not installed')
    launched.wait_for('rviz2 left out: not installed')
    with Client(domain) as client:
        command_for(client, target(0.3, 0.25))


def test_sim_starts_rviz_and_robot_state_publisher(start, prefix):
    """Stand-ins show what they are started with."""
    for package in ('rviz2', 'robot_state_publisher'):
        register(prefix, package)
        write_executable(prefix / 'lib' / package / package, SHOWS_ITS_ARGUMENTS)
    launched = start('sim.launch.py', 'namespace:=left', 'base_link:=base_link')
    file = launched.wait_for(r'robot_state_publisher got (/\S*params\S*)')
    (values,) = yaml.safe_load(Path(file).read_text()).values()
    assert load_arm(values['ros__parameters']['robot_description']).reach == 0.5
    for argument in (
        str(SHARE / 'rviz' / 'arm.rviz'),
        'base_link',
        '__ns:=/left',
        'goal_pose:=target_pose',
        '/clicked_point:=target_point',
    ):
        launched.wait_for(f'rviz2 got {re.escape(argument)}\n')


def test_the_page_is_served_beside_it(start, domain, tmp_path):
    """Where what it needs is missing it says so, and the arm moves all the same."""
    file = tmp_path / 'params.yaml'
    port = free_port()
    file.write_text(f'/**/panel: {{ros__parameters: {{port: {port}}}}}')
    arguments = ('namespace:=left', f'params_file:={file}', 'base_link:=base_link')
    launched = start('sim.launch.py', *HEADLESS, *arguments, 'panel:=true')
    missing = [name for name in ('scipy', 'viser', 'yourdfpy') if find_spec(name) is None]
    if missing:
        launched.wait_for(f"(?i)no module (?:named ')?{missing[0]}")
    else:
        launched.wait_for(f'left.panel.: the arm is at http://localhost:{port}')
    with Client(domain, namespace='left') as client:
        command_for(client, target(0.3, 0.25))


def test_ik_alone_waits_for_the_description_by_topic(start, domain):
    launched = start('ik.launch.py')
    launched.wait_for('waiting for the robot description')
    with Client(domain) as client:
        client.node.create_publisher(String, 'robot_description', LATCHED).publish(
            String(data=read_description(XACRO))
        )
        states = client.publisher(JointState, 'joint_states')
        here = JointState(name=['joint1', 'joint2'], position=[0.5, 0.5])
        client.node.create_timer(0.05, lambda: states.publish(here))
        command_for(client, target(0.3, 0.25))
    launched.press_ctrl_c()
    assert launched.ended() == (0, {'ik_node': 0})


def test_arguments_go_before_the_parameter_file(start, domain, tmp_path):
    file = tmp_path / 'params.yaml'
    values = {'branch': 'negative', 'model_file': 'arm.onnx', 'autostart': True}
    file.write_text(yaml.safe_dump({'ik_node': {'ros__parameters': values}}))
    start(
        'ik.launch.py',
        f'params_file:={file}',
        f'description_file:={XACRO}',
        'xacro_args:=l1:=0.4',
        'model_file:=none',
        'autostart:=False',
    )
    with Client(domain) as client:
        names = ('branch', 'model_file', 'autostart', 'use_sim_time', 'robot_description')
        branch, model, autostart, sim_time, urdf = parameters(client, '/ik_node', *names)
    assert branch.string_value == 'negative'
    assert model.string_value == ''
    assert not autostart.bool_value
    assert not sim_time.bool_value
    assert load_arm(urdf.string_value).lengths[0] == 0.4


def test_collect_records_to_a_file_in_the_working_directory(start, domain, tmp_path):
    launched = start(
        'collect.launch.py',
        f'description_file:={XACRO}',
        'xacro_args:=l1:=0.4',
        'namespace:=left',
        'source:=fk',
        'samples:=3',
        'output:=arm.mcap',
        'explore:=false',
        'speed_scale:=1',
    )
    with Client(domain, namespace='left') as client:
        names = ('robot_description', 'speed_scale', 'rate')
        urdf, scale, rate = parameters(client, 'data_collector', *names)
        states = client.publisher(JointState, 'joint_states')
        here = JointState(name=['joint1', 'joint2'], position=[0.5, 0.5])
        client.publish_until(states, here, lambda: 'done: 3 of 3 samples' in launched.output)
    assert load_arm(urdf.string_value).lengths[0] == 0.4
    assert (scale.double_value, rate.double_value) == (1.0, 100.0)
    assert (tmp_path / 'arm.mcap').stat().st_size > 1000
    launched.press_ctrl_c(times=2)
    _, codes = launched.ended()
    assert codes == {'data_collector': 0}
    assert 'Traceback' not in launched.output


def test_a_node_that_was_killed_comes_back(start, domain):
    launched = start('sim.launch.py', *HEADLESS, 'respawn:=true')
    with Client(domain) as client:
        command_for(client, target(0.3, 0.25))
        for node in ('ik_node', 'arm_sim'):
            os.kill(launched.pid(node), signal.SIGKILL)
            launched.pid(node, start=2)
        wait_for_tip(client, 0.5, 0.0)
        move_to(client, target(0.2, 0.3))


@pytest.mark.parametrize(
    ('argument', 'message'),
    [
        ('description_file:=/no/arm.xacro', '/no/arm.xacro: got no such file'),
        ('xacro_args:=l1=0.4', "xacro_args: got 'l1=0.4', expected name:=value"),
        ('rviz:=perhaps', '"perhaps" is not valid'),
    ],
)
def test_a_wrong_argument_is_named(start, argument, message):
    launched = start('sim.launch.py', argument)
    assert launched.ended() == (1, {})
    assert message in launched.output
