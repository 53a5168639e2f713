"""
The node data_collector: records an arm, and drives it over its joint range if asked to.

A launch argument takes precedence over the parameter file unless it is empty.
"""

from pathlib import Path
from runpy import run_path

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from ik_nn_ros.files import share_directory

IK = run_path(str(Path(__file__).with_name('ik.launch.py')))
SAME = ('namespace', 'description_file', 'xacro_args', 'base_link', 'use_sim_time', 'log_level')
"""Arguments with the same meaning in ik.launch.py."""
PARAMS_FILE = share_directory() / 'config' / 'data_collector.yaml'
BOOLEANS, OR_PARAMS_FILE = IK['BOOLEANS'], IK['OR_PARAMS_FILE']

ARGUMENTS = [
    *(argument for argument in IK['ARGUMENTS'] if argument.name in SAME),
    DeclareLaunchArgument(
        'params_file',
        default_value=str(PARAMS_FILE),
        description='parameters of data_collector, YAML',
    ),
    DeclareLaunchArgument(
        'tip_link',
        default_value='',
        description='frame whose origin is the tip' + OR_PARAMS_FILE,
    ),
    DeclareLaunchArgument(
        'source',
        default_value='',
        choices=['', 'measured', 'fk'],
        description='where tip positions come from: topic tip_pose, or the forward kinematics'
        + OR_PARAMS_FILE,
    ),
    DeclareLaunchArgument(
        'explore',
        default_value='',
        choices=['', *BOOLEANS],
        description='drive the arm over its joint range; it moves at once, and does not know of '
        'tables, cables and people' + OR_PARAMS_FILE,
    ),
    DeclareLaunchArgument(
        'samples',
        default_value='',
        description='stop after so many; 0: when ~/stop is called' + OR_PARAMS_FILE,
    ),
    DeclareLaunchArgument(
        'output',
        default_value='',
        description='file to write, .mcap, never one that exists; as in params_file if empty, and '
        'if that has none, recording_<date-time>.mcap in the working directory',
    ),
    DeclareLaunchArgument(
        'speed_scale',
        default_value='',
        description="part of the URDF's velocity limits used to explore, 0.01 to 1"
        + OR_PARAMS_FILE,
    ),
    DeclareLaunchArgument(
        'autostart',
        default_value='',
        choices=['', *BOOLEANS],
        description='start without ~/start being called' + OR_PARAMS_FILE,
    ),
]
GIVEN = {
    'robot_description': str,
    'base_link': str,
    'tip_link': str,
    'source': str,
    'explore': bool,
    'samples': int,
    'output': str,
    'speed_scale': float,
    'autostart': bool,
    'use_sim_time': bool,
}
"""Launch configurations that take precedence over the parameter file, and their types."""


def _data_collector(context):
    given = {
        name: ParameterValue(LaunchConfiguration(name), value_type=kind)
        for name, kind in GIVEN.items()
        if LaunchConfiguration(name).perform(context)
    }
    return [
        Node(
            package='ik_nn_ros',
            executable='data_collector',
            name='data_collector',
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
            OpaqueFunction(function=IK['_read_description']),
            OpaqueFunction(function=_data_collector),
        ]
    )
