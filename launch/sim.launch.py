"""
A simulated arm with ik_node, and robot_state_publisher and RViz if they are installed.

It includes ik.launch.py. An include has no scope of its own, so the arguments that are declared
there, and the URDF that it stores in ``robot_description``, are valid here too.
"""

from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from launch import LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    IncludeLaunchDescription,
    LogInfo,
    OpaqueFunction,
)
from launch.conditions import IfCondition
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from ik_nn_ros.files import share_directory

SHARE = share_directory()
IK_LAUNCH = Path(__file__).with_name('ik.launch.py')
BOOLEANS = ['true', 'false', 'True', 'False']

ARGUMENTS = [
    DeclareLaunchArgument(
        'description_file',
        default_value=str(SHARE / 'urdf' / 'arm.urdf.xacro'),
        description='robot description of every node, a .urdf or .xacro file; none: from the '
        'topic robot_description',
    ),
    DeclareLaunchArgument(
        'model_file',
        default_value='arm.onnx',
        description='network, ONNX; a bare name is looked up in the package; none: closed form; '
        'it is of the arm without xacro_args',
    ),
    DeclareLaunchArgument(
        'sim_params_file',
        default_value=str(SHARE / 'config' / 'arm_sim.yaml'),
        description='parameters of arm_sim, YAML',
    ),
    DeclareLaunchArgument(
        'publish_clock',
        default_value='',
        choices=['', *BOOLEANS],
        description='have arm_sim give the time on the topic /clock; empty: with use_sim_time; '
        'false: something else gives it, as a recording that is played',
    ),
    DeclareLaunchArgument(
        'rsp',
        default_value='true',
        choices=BOOLEANS,
        description='start robot_state_publisher if it is installed',
    ),
    DeclareLaunchArgument(
        'rviz',
        default_value='true',
        choices=BOOLEANS,
        description='start RViz if it is installed',
    ),
    DeclareLaunchArgument(
        'rviz_config',
        default_value=str(SHARE / 'rviz' / 'arm.rviz'),
        description='configuration of RViz',
    ),
]
GIVEN = {'robot_description': str, 'base_link': str, 'tip_link': str, 'use_sim_time': bool}
"""Launch configurations that take precedence over arm_sim's parameter file, and their types."""
ROBOT_STATE_PUBLISHER_GIVEN = {'robot_description': str, 'frame_prefix': str, 'use_sim_time': bool}
"""The same for robot_state_publisher, which has no parameter file."""
RVIZ_REMAPPINGS = [
    (topic, name)
    for name, tool in (('target_pose', 'goal_pose'), ('target_point', 'clicked_point'))
    # The tool's default has the slash; a name without it would be in the namespace.
    for topic in (tool, f'/{tool}')
]


def _given(context, kinds=GIVEN):
    """Return the parameters given as launch arguments; the files set the others."""
    return {
        name: ParameterValue(LaunchConfiguration(name), value_type=kind)
        for name, kind in kinds.items()
        if LaunchConfiguration(name).perform(context)
    }


def _arm_sim(context):
    """Start arm_sim; if it publishes the clock, it does not use that itself."""
    given = _given(context)
    publish = LaunchConfiguration('publish_clock', default='').perform(context)
    simulated = LaunchConfiguration('use_sim_time').perform(context)
    if (publish or simulated).lower() == 'true':
        given.update(publish_clock=True, use_sim_time=False)
    return [
        Node(
            package='ik_nn_ros',
            executable='arm_sim',
            name='arm_sim',
            namespace=LaunchConfiguration('namespace'),
            parameters=[LaunchConfiguration('sim_params_file'), given],
            ros_arguments=['--log-level', LaunchConfiguration('log_level')],
            output='screen',
            respawn=LaunchConfiguration('respawn'),
            respawn_delay=1.0,
        )
    ]


def _robot_state_publisher(context):
    given = _given(context, ROBOT_STATE_PUBLISHER_GIVEN)
    if 'robot_description' not in given:
        return [LogInfo(msg='robot_state_publisher left out: no description_file')]
    return _if_installed(
        package='robot_state_publisher',
        executable='robot_state_publisher',
        namespace=LaunchConfiguration('namespace'),
        parameters=[given],
        output='screen',
    )


def _rviz(context):
    base_link = LaunchConfiguration('base_link').perform(context)
    fixed_frame = ['--fixed-frame', base_link] if base_link else []
    return _if_installed(
        package='rviz2',
        executable='rviz2',
        namespace=LaunchConfiguration('namespace'),
        arguments=['--display-config', LaunchConfiguration('rviz_config'), *fixed_frame],
        parameters=[_given(context, {'use_sim_time': bool})],
        remappings=RVIZ_REMAPPINGS,
        output='screen',
    )


def _if_installed(package, **node):
    try:
        get_package_prefix(package)
    except PackageNotFoundError:
        return [LogInfo(msg=f'{package} left out: not installed')]
    return [Node(package=package, **node)]


def generate_launch_description():
    """Return the description for ``ros2 launch``."""
    return LaunchDescription(
        [
            *ARGUMENTS,
            IncludeLaunchDescription(PythonLaunchDescriptionSource(str(IK_LAUNCH))),
            OpaqueFunction(function=_arm_sim),
            OpaqueFunction(
                function=_robot_state_publisher, condition=IfCondition(LaunchConfiguration('rsp'))
            ),
            OpaqueFunction(function=_rviz, condition=IfCondition(LaunchConfiguration('rviz'))),
        ]
    )
