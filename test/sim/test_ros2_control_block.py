"""The optional ros2_control block of the default arm's xacro."""

import re
from xml.etree import ElementTree

import pytest

from ik_nn_ros.arm.urdf import load_arm, read_description
from ik_nn_ros.errors import ArmError
from ik_nn_ros.files import share_directory
from ik_nn_ros.sim.simulator import Simulator

XACRO = share_directory() / 'urdf' / 'arm.urdf.xacro'
PLUGINS = {
    'mock': 'mock_components/GenericSystem',
    'topic': 'joint_state_topic_hardware_interface/JointStateTopicSystem',
    'mujoco': 'mujoco_ros2_control/MujocoSystemInterface',
    'dynamixel': 'dynamixel_hardware_interface/DynamixelHardware',
}
REQUIRED_BY_DYNAMIXEL = {
    'port_name',
    'baud_rate',
    'dynamixel_model_folder',
    'number_of_joints',
    'number_of_transmissions',
}

each_hardware = pytest.mark.parametrize('hardware', PLUGINS)


def robot(**arguments):
    return ElementTree.fromstring(read_description(XACRO, arguments))


def block(hardware, **arguments):
    (found,) = robot(ros2_control=hardware, **arguments).findall('ros2_control')
    return found


def parameters(element):
    return {parameter.get('name'): parameter.text for parameter in element.findall('param')}


def interfaces(element, kind):
    return [interface.get('name') for interface in element.findall(f'{kind}_interface')]


def test_there_is_none_by_default():
    assert robot().find('ros2_control') is None


@each_hardware
def test_the_rest_of_the_description_stays_the_same(hardware):
    described = robot(ros2_control=hardware)
    described.remove(described.find('ros2_control'))
    assert ElementTree.tostring(described) == ElementTree.tostring(robot())


@each_hardware
def test_both_joints_take_positions_and_give_positions_and_velocities(hardware):
    control = block(hardware, prefix='left_')
    assert control.findtext('hardware/plugin') == PLUGINS[hardware]
    joints = control.findall('joint')
    assert [joint.get('name') for joint in joints] == ['left_joint1', 'left_joint2']
    for joint in joints:
        assert interfaces(joint, 'command') == ['position']
        assert interfaces(joint, 'state') == ['position', 'velocity']


@each_hardware
def test_only_simulated_hardware_has_an_initial_position(hardware):
    """A real arm must not be assumed at zero before its first measurement."""
    has_initial = [bool(parameters(state)) for state in block(hardware).iter('state_interface')]
    assert any(has_initial) == (hardware in ('mock', 'mujoco'))


@each_hardware
def test_solver_and_simulator_accept_it(hardware):
    urdf = read_description(XACRO, {'ros2_control': hardware, 'l1': '0.4'})
    assert load_arm(urdf).lengths == pytest.approx((0.4, 0.2))
    assert Simulator(urdf).joint_names == ('joint1', 'joint2')


def test_unknown_hardware_is_refused_by_name():
    expected = "got 'gazebo', expected one of: none, mock, topic, mujoco, dynamixel"
    with pytest.raises(ArmError, match=expected):
        robot(ros2_control='gazebo')


def test_topics_are_relative_and_not_those_of_the_broadcaster():
    topics = parameters(block('topic').find('hardware'))
    assert topics['joint_commands_topic'] == 'arm/joint_command'
    assert topics['joint_states_topic'] == 'arm/joint_states'


def test_mujoco_takes_the_model_from_a_topic_unless_there_is_a_file():
    assert 'mujoco_model' not in parameters(block('mujoco').find('hardware'))
    with_file = parameters(block('mujoco', mujoco_model='/tmp/arm.xml').find('hardware'))
    assert with_file['mujoco_model'] == '/tmp/arm.xml'


def test_dynamixel_gets_its_required_parameters():
    hardware = block('dynamixel', dxl_port='/dev/ttyACM0', dxl_sign2='-1').find('hardware')
    values = parameters(hardware)
    assert set(values) >= REQUIRED_BY_DYNAMIXEL
    assert values['port_name'] == '/dev/ttyACM0'
    # An arm that is under torque would fall if torque were disabled at the start.
    assert values['disable_torque_at_init'] == 'false'
    for matrix in ('transmission_to_joint_matrix', 'joint_to_transmission_matrix'):
        assert [float(word) for word in values[matrix].split(',')] == [1, 0, 0, -1]


def test_each_servo_has_its_id_and_the_velocity_limit_of_its_joint():
    servos = [parameters(servo) for servo in block('dynamixel', dxl_id2='7').findall('gpio')]
    assert [servo['ID'] for servo in servos] == ['1', '7']
    for servo in servos:
        assert servo['type'] == 'dxl'
        assert servo['Torque Enable'] == '1'
        assert 2.9 < int(servo['Profile Velocity']) * 0.02398 <= 3.0


@pytest.mark.parametrize(('argument', 'expected'), [('false', '0'), ('0', '0'), ('True', '1')])
def test_servos_can_be_left_without_torque(argument, expected):
    servos = block('dynamixel', dxl_torque=argument).findall('gpio')
    assert [parameters(servo)['Torque Enable'] for servo in servos] == [expected, expected]


def test_an_argument_that_is_neither_true_nor_false_is_refused():
    """If it counted as true, torque would be switched on."""
    with pytest.raises(ArmError, match=re.compile('xacro error.*off', re.DOTALL)):
        block('dynamixel', dxl_torque='off')
