"""What control.launch.py and rrbot.launch.py say about ik_node, without launch_ros."""

import ast
import re
from pathlib import Path

import pytest
import yaml

import ik_nn_ros
from ik_nn_ros.arm.urdf import load_arm, read_description
from ik_nn_ros.files import share_directory
from ik_nn_ros.nodes.ik.command_messages import COMMAND_TYPES
from ik_nn_ros.nodes.ik.parameters import PARAMETERS

ROOT = Path(ik_nn_ros.__file__).parents[1]
SHARE = share_directory()
XACRO = SHARE / 'urdf' / 'arm.urdf.xacro'

from_source = pytest.mark.skipif(
    not (ROOT / 'docs').is_dir(), reason='docs is not there: not a source checkout'
)


def constants(file):
    """The assignments of a launch file that are written out."""
    found = {}
    for node in ast.parse((SHARE / 'launch' / file).read_text()).body:
        if isinstance(node, ast.Assign):
            try:
                found[node.targets[0].id] = ast.literal_eval(node.value)
            except ValueError:
                continue
    return found


def section(file, node):
    return yaml.safe_load((SHARE / 'config' / file).read_text())[f'/**/{node}']['ros__parameters']


@pytest.fixture(scope='module')
def control():
    return constants('control.launch.py')


def test_every_controller_gets_what_ik_node_sends(control):
    remaps = dict(control['TO_CONTROLLER'])
    for controller, (package, command_type) in control['CONTROLLERS'].items():
        topic = COMMAND_TYPES[command_type].TOPIC
        assert remaps[topic].split('/')[0] == controller
        assert section('controllers.yaml', controller)['type'].split('/')[0] == package


def test_controllers_have_the_joints_of_the_default_arm(control):
    arm = load_arm(read_description(XACRO))
    for controller in control['CONTROLLERS']:
        assert section('controllers.yaml', controller)['joints'] == list(arm.joint_names)


def test_trajectories_that_end_in_motion_are_taken():
    """As they come, joint_trajectory_controller refuses them by default."""
    values = section('controllers.yaml', 'joint_trajectory_controller')
    assert values['allow_nonzero_velocity_at_trajectory_end']
    assert values['interpolate_from_desired_state']


def test_joints_are_commanded_as_often_as_ik_node_commands():
    rate = section('controllers.yaml', 'controller_manager')['update_rate']
    assert rate >= PARAMETERS['control_rate'].default


def test_every_hardware_is_one_the_xacro_makes(control):
    for hardware in set(control['HARDWARE']) - {'own'}:
        urdf = read_description(XACRO, {'ros2_control': hardware})
        for package in control['HARDWARE'][hardware]:
            assert f'<plugin>{package}/' in urdf


def test_arm_sim_has_the_topics_that_the_hardware_has(control):
    urdf = read_description(XACRO, {'ros2_control': 'topic'})
    for _, topic in control['TO_ARM_SIM']:
        assert f'>{topic}</param>' in urdf


def test_rrbot_yaml_gives_parameters_that_there_are():
    for name, value in section('rrbot.yaml', 'ik_node').items():
        spec = PARAMETERS[name]
        assert type(value) is type(spec.default)
        assert not spec.choices or value in spec.choices


def test_rrbot_commands_go_to_the_controller_of_the_demo():
    kind = COMMAND_TYPES[section('rrbot.yaml', 'ik_node')['command_type']]
    commands = constants('rrbot.launch.py')['COMMANDS']
    assert commands == (kind.TOPIC, 'forward_position_controller/commands')


@from_source
def test_the_page_on_real_arms_names_arguments_that_there_are():
    page = (ROOT / 'docs' / 'real_arm.md').read_text()
    sources = ''.join(file.read_text() for file in (SHARE / 'launch').glob('*.py'))
    xacro = ''.join(file.read_text() for file in (SHARE / 'urdf').glob('*.xacro'))
    known = re.findall(r"DeclareLaunchArgument\(\s*'(\w+)'", sources)
    known += re.findall(r'<xacro:arg name="(\w+)"', xacro)
    named = set(re.findall(r'(\w+):=', page))
    assert len(named) > 10
    assert not named - set(known)


@from_source
def test_the_page_on_real_arms_names_parameters_and_files_that_there_are():
    page = (ROOT / 'docs' / 'real_arm.md').read_text()
    for parameter in re.findall(r'ros2 param set /ik_node (\w+)', page):
        assert parameter in PARAMETERS
    for file in re.findall(r'\]\((\w+\.md)', page):
        assert (ROOT / 'docs' / file).is_file()
    for file in re.findall(r'ik_nn_ros (\w+\.launch\.py)', page):
        assert (SHARE / 'launch' / file).is_file()
