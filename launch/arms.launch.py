"""
Several simulated arms beside each other, each in a namespace of its own.

Each has arm_sim, ik_node, and robot_state_publisher where that is installed, as sim.launch.py has
them. Names in TF begin with the arm's name, so that they do not meet: those of the links (and
joints) themselves, by the argument ``prefix`` of the .xacro file, or only the frames, by
``frame_prefix``, for a description that knows no such argument.
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

OF_SIM = ('description_file', 'model_file', 'sim_params_file', 'publish_clock', 'rsp')
"""Arguments that mean the same for sim.launch.py."""
BESIDE = 1.2
"""Between two arms, m: the default ones do not reach each other."""
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
        f'for each: "0 0.5 0, 0 -0.5 0.1"; empty: {BESIDE} m apart along y',
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
    *(argument for argument in SIM['ARGUMENTS'] if argument.name in OF_SIM),
    *(argument for argument in IK['ARGUMENTS'] if argument.name not in (*OF_SIM, 'frame_prefix')),
]


def _arms(context):
    """Return the names and mounts of the arms."""
    given = LaunchConfiguration('arms').perform(context)
    names = [name.strip() for name in given.split(',')]
    if len(set(names)) < len(names) or not all(name.isidentifier() for name in names):
        raise ValueError(f'arms: got {given!r}, expected names, each once: left,right')
    mounts = LaunchConfiguration('mounts').perform(context)
    if not mounts:
        sides = [BESIDE * (0.5 * (len(names) - 1) - place) for place in range(len(names))]
        return [(name, f'0 {side:.6g} 0') for name, side in zip(names, sides, strict=True)]
    places = [place.strip() for place in mounts.split(',')]
    if len(places) != len(names):
        raise ValueError(f'mounts: got {len(places)}, expected {len(names)}, one for each arm')
    return list(zip(names, places, strict=True))


def _configurations(context, name, mount):
    """Return what is different for one arm."""
    outer, xacro, base, tip = (
        LaunchConfiguration(argument).perform(context)
        for argument in ('namespace', 'xacro_args', 'base_link', 'tip_link')
    )
    links = LaunchConfiguration('prefix').perform(context) == 'links'
    prefix = f'{name}_' if links else ''
    return {
        'namespace': f'{outer}/{name}' if outer else name,
        'xacro_args': f'{xacro} mount_xyz:="{mount}"' + (f' prefix:={prefix}' if links else ''),
        'base_link': f'{prefix}{base or "base_link"}',
        'tip_link': f'{prefix}{tip or "tip"}',
        'frame_prefix': '' if links else f'{name}/',
    }


def _start(context):
    composed = LaunchConfiguration('composition').perform(context).lower() == 'true'
    parameters = {}

    def keep(arm_context, name):
        given = {
            key: value.evaluate(arm_context) for key, value in IK['_given'](arm_context).items()
        }
        parameters[f'/**/{name}/ik_node'] = {'ros__parameters': given}

    actions = []
    for number, (name, mount) in enumerate(_arms(context)):
        own = OpaqueFunction(function=keep, args=[name])
        different = _configurations(context, name, mount)
        if number:  # the first gives the time, where one does
            different['publish_clock'] = 'false'
        actions.append(
            GroupAction(
                [
                    *(SetLaunchConfiguration(key, value) for key, value in different.items()),
                    OpaqueFunction(function=IK['_read_description']),
                    own if composed else OpaqueFunction(function=IK['_ik_node']),
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
    """Publish the arm's frames, and where its root stands in the one world."""
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
