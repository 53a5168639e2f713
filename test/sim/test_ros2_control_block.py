"""The ros2_control block of the default arm's xacro: by argument, and in nobody's way."""

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


def test_there_is_none_unless_asked_for():
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
def test_no_real_arm_is_taken_to_stand_at_zero(hardware):
    """Before it has said where it is."""
    given = [bool(parameters(state)) for state in block(hardware).iter('state_interface')]
    assert any(given) == (hardware in ('mock', 'mujoco'))


@each_hardware
def test_solver_and_simulator_read_it(hardware):
    urdf = read_description(XACRO, {'ros2_control': hardware, 'l1': '0.4'})
    assert load_arm(urdf).lengths == pytest.approx((0.4, 0.2))
    assert Simulator(urdf).joint_names == ('joint1', 'joint2')


def test_an_unknown_one_is_refused_by_name():
    expected = "got 'gazebo', expected one of: none, mock, topic, mujoco, dynamixel"
    with pytest.raises(ArmError, match=expected):
        robot(ros2_control='gazebo')


def test_topics_are_relative_and_not_those_of_the_broadcaster():
    topics = parameters(block('topic').find('hardware'))
    assert topics['joint_commands_topic'] == 'arm/joint_command'
    assert topics['joint_states_topic'] == 'arm/joint_states'


def test_mujoco_waits_for_the_model_on_a_topic_unless_there_is_a_file():
    assert 'mujoco_model' not in parameters(block('mujoco').find('hardware'))
    given = parameters(block('mujoco', mujoco_model='/tmp/arm.xml').find('hardware'))
    assert given['mujoco_model'] == '/tmp/arm.xml'


def test_dynamixel_gets_what_it_requires():
    hardware = block('dynamixel', dxl_port='/dev/ttyACM0', dxl_sign2='-1').find('hardware')
    given = parameters(hardware)
    assert set(given) >= REQUIRED_BY_DYNAMIXEL
    assert given['port_name'] == '/dev/ttyACM0'
    # The arm would fall when torque that is on is cut at the start.
    assert given['disable_torque_at_init'] == 'false'
    for matrix in ('transmission_to_joint_matrix', 'joint_to_transmission_matrix'):
        assert [float(word) for word in given[matrix].split(',')] == [1, 0, 0, -1]


def test_each_servo_has_its_id_and_goes_no_faster_than_the_joint():
    servos = [parameters(servo) for servo in block('dynamixel', dxl_id2='7').findall('gpio')]
    assert [servo['ID'] for servo in servos] == ['1', '7']
    for servo in servos:
        assert servo['type'] == 'dxl'
        assert servo['Torque Enable'] == '1'
        assert 2.9 < int(servo['Profile Velocity']) * 0.02398 <= 3.0


@pytest.mark.parametrize(('said', 'expected'), [('false', '0'), ('0', '0'), ('True', '1')])
def test_servos_can_be_left_without_torque(said, expected):
    servos = block('dynamixel', dxl_torque=said).findall('gpio')
    assert [parameters(servo)['Torque Enable'] for servo in servos] == [expected, expected]


def test_what_is_neither_true_nor_false_is_refused():
    """It must not pass for true: torque would go on."""
    with pytest.raises(ArmError, match=re.compile('xacro error.*off', re.DOTALL)):
        block('dynamixel', dxl_torque='off')
