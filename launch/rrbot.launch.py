"""
RRBot of ros2_control_demos (example_1), moved by ik_node.

The demo is started unchanged. ik_node runs beside it with config/rrbot.yaml, and reads the robot
description that the demo publishes.
"""

from pathlib import Path
from runpy import run_path

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory
from launch import LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    GroupAction,
    IncludeLaunchDescription,
    OpaqueFunction,
)
from launch.conditions import IfCondition
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import SetRemap

from ik_nn_ros.files import share_directory

IK = run_path(str(Path(__file__).with_name('ik.launch.py')))
DEMO = 'ros2_control_demo_example_1'
REPLACED_ARGUMENTS = ('params_file', 'description_file')
COMMANDS = ('commands', 'forward_position_controller/commands')

ARGUMENTS = [
    DeclareLaunchArgument(
        'demo',
        default_value='true',
        choices=IK['BOOLEANS'],
        description=f'start rrbot.launch.py of {DEMO}, too; false: it runs already',
    ),
    DeclareLaunchArgument(
        'gui', default_value='true', choices=IK['BOOLEANS'], description='of the demo: start RViz'
    ),
    DeclareLaunchArgument(
        'params_file',
        default_value=str(share_directory() / 'config' / 'rrbot.yaml'),
        description='parameters of ik_node, YAML',
    ),
    DeclareLaunchArgument(
        'description_file',
        default_value='',
        description='robot description for ik_node, a .urdf or .xacro file; empty: from the topic '
        'robot_description, as the demo sends it',
    ),
    *(argument for argument in IK['ARGUMENTS'] if argument.name not in REPLACED_ARGUMENTS),
]


def _demo(_):
    try:
        share = Path(get_package_share_directory(DEMO))
    except PackageNotFoundError:
        raise RuntimeError(
            f'not installed: {DEMO} (build ros2_control_demos from source; demo:=false: without)'
        ) from None
    source = PythonLaunchDescriptionSource(str(share / 'launch' / 'rrbot.launch.py'))
    return [IncludeLaunchDescription(source)]


def generate_launch_description():
    """Return the description for ``ros2 launch``."""
    return LaunchDescription(
        [
            *ARGUMENTS,
            OpaqueFunction(function=_demo, condition=IfCondition(LaunchConfiguration('demo'))),
            OpaqueFunction(function=IK['_read_description']),
            GroupAction([SetRemap(*COMMANDS), OpaqueFunction(function=IK['_ik_node'])]),
            OpaqueFunction(function=IK['_panel']),
        ]
    )
