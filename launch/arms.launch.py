"""
Several simulated arms side by side, each in a namespace of its own.

Each has arm_sim, ik_node, and robot_state_publisher if that is installed, as in sim.launch.py.
Names in TF begin with the arm's name, so that they are unique: those of the links (and joints)
themselves, by the argument ``prefix`` of the .xacro file; or only the frames, by ``frame_prefix``,
for a description without that argument.
"""

import json
from pathlib import Path
from runpy import run_path
from tempfile import NamedTemporaryFile

from launch import LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    GroupAction,
    OpaqueFunction,
    SetLaunchConfiguration,
)
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

IK = run_path(str(Path(__file__).with_name('ik.launch.py')))
SIM = run_path(str(Path(__file__).with_name('sim.launch.py')))
BOOLEANS = IK['BOOLEANS']

SIM_ARGUMENTS = ('description_file', 'model_file', 'sim_params_file', 'publish_clock', 'rsp')
"""Arguments with the same meaning in sim.launch.py."""
ARM_SPACING_M = 1.2
"""Distance between two arms, m: the default arms do not reach each other."""
WORLD = 'world'

ARGUMENTS = [
    DeclareLaunchArgument(
        'arms',
        default_value='left,right',
        description='names of the arms; each is a namespace, and what frames begin with',
    ),
    DeclareLaunchArgument(
        'mounts',
        default_value='',
        description='where the arms stand in the world, m, as mount_xyz of the .xacro file, one '
        f'for each: "0 0.5 0, 0 -0.5 0.1"; empty: {ARM_SPACING_M} m apart along y',
    ),
    DeclareLaunchArgument(
        'prefix',
        default_value='links',
        choices=['links', 'frames'],
        description='what begins with the name of the arm: links and joints (left_tip), or only '
        'the frames in TF (left/tip)',
    ),
    DeclareLaunchArgument(
        'composition',
        default_value='false',
        choices=BOOLEANS,
        description='run all ik_node in one process',
    ),
    *(argument for argument in SIM['ARGUMENTS'] if argument.name in SIM_ARGUMENTS),
    *(
        argument
        for argument in IK['ARGUMENTS']
        if argument.name not in (*SIM_ARGUMENTS, 'frame_prefix')
    ),
]


def _arms(context):
    """Return the names and mounts of the arms."""
    given = LaunchConfiguration('arms').perform(context)
    names = [name.strip() for name in given.split(',')]
    if len(set(names)) < len(names) or not all(name.isidentifier() for name in names):
        raise ValueError(f'arms: got {given!r}, expected names, each once: left,right')
    mounts = LaunchConfiguration('mounts').perform(context)
    if not mounts:
        ys = [ARM_SPACING_M * (0.5 * (len(names) - 1) - index) for index in range(len(names))]
        return [(name, f'0 {y:.6g} 0') for name, y in zip(names, ys, strict=True)]
    positions = [position.strip() for position in mounts.split(',')]
    if len(positions) != len(names):
        raise ValueError(f'mounts: got {len(positions)}, expected {len(names)}, one for each arm')
    return list(zip(names, positions, strict=True))


def _configurations(context, name, mount):
    """Return the launch configurations that differ for one arm."""
    namespace, xacro_args, base, tip = (
        LaunchConfiguration(argument).perform(context)
        for argument in ('namespace', 'xacro_args', 'base_link', 'tip_link')
    )
    prefix_links = LaunchConfiguration('prefix').perform(context) == 'links'
    prefix = f'{name}_' if prefix_links else ''
    return {
        'namespace': f'{namespace}/{name}' if namespace else name,
        'xacro_args': f'{xacro_args} mount_xyz:="{mount}"'
        + (f' prefix:={prefix}' if prefix_links else ''),
        'base_link': f'{prefix}{base or "base_link"}',
        'tip_link': f'{prefix}{tip or "tip"}',
        'frame_prefix': '' if prefix_links else f'{name}/',
    }


def _start(context):
    """Start all arms."""
    composed = LaunchConfiguration('composition').perform(context).lower() == 'true'
    parameters = {}

    def store_parameters(arm_context, name):
        given = {
            key: value.evaluate(arm_context) for key, value in IK['_given'](arm_context).items()
        }
        parameters[f'/**/{name}/ik_node'] = {'ros__parameters': given}

    actions = []
    for index, (name, mount) in enumerate(_arms(context)):
        configurations = _configurations(context, name, mount)
        if index:  # only the first arm may publish the clock
            configurations['publish_clock'] = 'false'
        if composed:
            ik_node = OpaqueFunction(function=store_parameters, args=[name])
        else:
            ik_node = OpaqueFunction(function=IK['_ik_node'])
        actions.append(
            GroupAction(
                [
                    *(SetLaunchConfiguration(key, value) for key, value in configurations.items()),
                    OpaqueFunction(function=IK['_read_description']),
                    ik_node,
                    OpaqueFunction(function=IK['_panel']),
                    OpaqueFunction(function=SIM['_arm_sim']),
                    OpaqueFunction(function=_publish_frames, args=[name]),
                ]
            )
        )
    if composed:
        actions.append(OpaqueFunction(function=_ik_nodes, args=[parameters]))
    return actions


def _publish_frames(context, name):
    """Publish the arm's frames, and the pose of its root in the common frame ``world``."""
    if LaunchConfiguration('rsp').perform(context).lower() != 'true':
        return []
    if LaunchConfiguration('prefix').perform(context) == 'links':
        root = f'{name}_{WORLD}'
    else:
        root = f'{name}/{WORLD}'
    return [
        *SIM['_robot_state_publisher'](context),
        *SIM['_if_installed'](
            package='tf2_ros',
            executable='static_transform_publisher',
            name='world',
            namespace=LaunchConfiguration('namespace'),
            arguments=['--frame-id', WORLD, '--child-frame-id', root],
            output='screen',
        ),
    ]


def _ik_nodes(context, parameters):
    """Start all ik_node in one process, with their parameters in one file."""
    with NamedTemporaryFile('w', prefix='arms_', suffix='.yaml', delete=False) as file:
        json.dump(parameters, file)  # JSON is YAML
    return [
        Node(
            package='ik_nn_ros',
            executable='ik_nodes',
            namespace=LaunchConfiguration('namespace'),
            arguments=[name for name, _ in _arms(context)],
            parameters=[LaunchConfiguration('params_file'), file.name],
            ros_arguments=['--log-level', LaunchConfiguration('log_level')],
            output='screen',
            respawn=LaunchConfiguration('respawn'),
            respawn_delay=1.0,
        )
    ]


def generate_launch_description():
    """Return the description for ``ros2 launch``."""
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=_start)])
