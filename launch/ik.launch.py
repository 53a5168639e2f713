"""
The node ik_node, to be launched alone or included in a larger launch file.

With ``panel:=true`` it also starts the browser page; a section ``/**/panel`` in the parameter file
sets its address and port. A launch argument takes precedence over the parameter file unless it is
empty. The command line of ``ros2 launch`` cannot pass an empty text, so ``none`` means no file.

It is a plain ``Node``: ik_node configures and activates itself (``autostart``), even if the robot
description arrives later by topic, and again after a respawn. Its lifecycle services are available
all the same; with ``autostart:=false`` a lifecycle manager decides.
"""

import shlex

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetLaunchConfiguration
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from ik_nn_ros.arm.urdf import read_description
from ik_nn_ros.files import share_directory

PARAMS_FILE = share_directory() / 'config' / 'ik_node.yaml'
BOOLEANS = ['true', 'false', 'True', 'False']
OR_PARAMS_FILE = '; empty: as in params_file'

ARGUMENTS = [
    DeclareLaunchArgument('namespace', default_value='', description='namespace of every node'),
    DeclareLaunchArgument(
        'params_file', default_value=str(PARAMS_FILE), description='parameters of ik_node, YAML'
    ),
    DeclareLaunchArgument(
        'description_file',
        default_value='',
        description='robot description, a .urdf or .xacro file; empty: as in params_file, and if '
        'that has none, from the topic robot_description',
    ),
    DeclareLaunchArgument(
        'xacro_args',
        default_value='',
        description='arguments for a .xacro description_file, as on its command line: '
        'xacro_args:=\'l1:=0.35 mount_rpy:="1.5708 0 0"\'',
    ),
    DeclareLaunchArgument(
        'base_link',
        default_value='',
        description='frame the arm stands in' + OR_PARAMS_FILE,
    ),
    DeclareLaunchArgument(
        'tip_link',
        default_value='',
        description='frame whose origin moves to the target' + OR_PARAMS_FILE,
    ),
    DeclareLaunchArgument(
        'frame_prefix',
        default_value='',
        description='prefix of all frames in TF, as of robot_state_publisher' + OR_PARAMS_FILE,
    ),
    DeclareLaunchArgument(
        'calibration_file',
        default_value='',
        description='calibration of the arm, YAML of `ik_nn calibrate`; none: as in the URDF'
        + OR_PARAMS_FILE,
    ),
    DeclareLaunchArgument(
        'model_file',
        default_value='',
        description='network, ONNX; a bare name is looked up in the package; none: closed form'
        + OR_PARAMS_FILE,
    ),
    DeclareLaunchArgument(
        'command_type',
        default_value='',
        choices=['', 'joint_state', 'joint_trajectory', 'float64_multi_array'],
        description='type of the command messages' + OR_PARAMS_FILE,
    ),
    DeclareLaunchArgument(
        'command_joints',
        default_value='',
        description='names of the joints in the order of commands, as [joint1, joint2]'
        + OR_PARAMS_FILE,
    ),
    DeclareLaunchArgument(
        'autostart',
        default_value='',
        choices=['', *BOOLEANS],
        description='configure and activate at start' + OR_PARAMS_FILE,
    ),
    DeclareLaunchArgument(
        'use_sim_time',
        default_value='',
        choices=['', *BOOLEANS],
        description='take the time from the topic /clock' + OR_PARAMS_FILE,
    ),
    DeclareLaunchArgument(
        'log_level',
        default_value='info',
        choices=['debug', 'info', 'warn', 'error', 'fatal'],
        description="least severity that is logged by this package's nodes",
    ),
    DeclareLaunchArgument(
        'respawn',
        default_value='false',
        choices=BOOLEANS,
        description='start a node that ended by itself again after one second',
    ),
    DeclareLaunchArgument(
        'panel',
        default_value='false',
        choices=BOOLEANS,
        description='serve a browser page that shows the arm and on which its target can be '
        'dragged; needs viser: pip install "viser[urdf]"',
    ),
]
GIVEN = {
    'robot_description': str,
    'base_link': str,
    'tip_link': str,
    'frame_prefix': str,
    'calibration_file': str,
    'model_file': str,
    'command_type': str,
    'command_joints': list[str],
    'autostart': bool,
    'use_sim_time': bool,
}
"""Launch configurations that take precedence over the parameter file, and their types."""
PANEL_GIVEN = ('robot_description', 'base_link', 'tip_link', 'use_sim_time')
"""Those that the panel has, too."""


def _read_description(context):
    """Store the URDF in the launch configuration robot_description, also for including files."""
    file = LaunchConfiguration('description_file').perform(context)
    if file in ('', 'none'):
        return [SetLaunchConfiguration('robot_description', '')]
    words = shlex.split(LaunchConfiguration('xacro_args').perform(context))
    wrong = [word for word in words if ':=' not in word]
    if wrong:
        raise ValueError(f'xacro_args: got {" ".join(wrong)!r}, expected name:=value')
    urdf = read_description(file, dict(word.split(':=', 1) for word in words))
    return [SetLaunchConfiguration('robot_description', urdf)]


def _given(context):
    """Return the parameters given as launch arguments; the file sets the others."""
    given = {
        name: ParameterValue(LaunchConfiguration(name), value_type=kind)
        for name, kind in GIVEN.items()
        if LaunchConfiguration(name).perform(context)
    }
    for name in ('calibration_file', 'model_file'):
        if LaunchConfiguration(name).perform(context) == 'none':
            given[name] = ParameterValue('', value_type=str)
    return given


def _ik_node(context):
    return [
        Node(
            package='ik_nn_ros',
            executable='ik_node',
            name='ik_node',
            namespace=LaunchConfiguration('namespace'),
            parameters=[LaunchConfiguration('params_file'), _given(context)],
            ros_arguments=['--log-level', LaunchConfiguration('log_level')],
            output='screen',
            respawn=LaunchConfiguration('respawn'),
            respawn_delay=1.0,
        )
    ]


def _panel(context):
    """Start the panel if requested; ik_node does not depend on it."""
    if LaunchConfiguration('panel').perform(context).lower() != 'true':
        return []
    given = {name: value for name, value in _given(context).items() if name in PANEL_GIVEN}
    return [
        Node(
            package='ik_nn_ros',
            executable='panel',
            name='panel',
            namespace=LaunchConfiguration('namespace'),
            parameters=[LaunchConfiguration('params_file'), given],
            ros_arguments=['--log-level', LaunchConfiguration('log_level')],
            output='screen',
        )
    ]


def generate_launch_description():
    """Return the description for ``ros2 launch``."""
    return LaunchDescription(
        [
            *ARGUMENTS,
            OpaqueFunction(function=_read_description),
            OpaqueFunction(function=_ik_node),
            OpaqueFunction(function=_panel),
        ]
    )
