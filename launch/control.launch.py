"""
An arm under ros2_control, moved by ik_node.

It starts controller_manager with the chosen hardware, joint_state_broadcaster, one controller for
the joints, and ik_node connected to it. robot_state_publisher passes the description to
controller_manager by topic, as ROS 2 Jazzy expects. For another arm, pass a description_file with a
ros2_control block (``hardware:=own``) and a controllers_file with the names of its joints.
"""

import os
from pathlib import Path
from runpy import run_path
from tempfile import NamedTemporaryFile

import yaml
from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from launch import LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    GroupAction,
    OpaqueFunction,
    SetLaunchConfiguration,
    Shutdown,
)
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node, SetRemap

from ik_nn_ros.files import share_directory

IK = run_path(str(Path(__file__).with_name('ik.launch.py')))
SIM = run_path(str(Path(__file__).with_name('sim.launch.py')))
BOOLEANS = IK['BOOLEANS']

MANAGER = 'controller_manager'
HARDWARE = {
    'mock': [],  # comes with ros2_control
    'topic': ['joint_state_topic_hardware_interface'],
    'mujoco': ['mujoco_ros2_control'],
    'dynamixel': ['dynamixel_hardware_interface'],
    'own': [],
}
"""Values of the argument ``hardware``, and the packages that each needs."""
MANAGED_BY = {'mujoco': 'mujoco_ros2_control'}
"""Packages with a ros2_control_node of their own."""
CONTROLLERS = {
    'forward_position_controller': ('forward_command_controller', 'float64_multi_array'),
    'joint_trajectory_controller': ('joint_trajectory_controller', 'joint_trajectory'),
}
"""Values of the argument ``controller``: package and ``command_type`` of each."""
TO_CONTROLLER = [
    ('commands', 'forward_position_controller/commands'),
    ('joint_trajectory', 'joint_trajectory_controller/joint_trajectory'),
]
TO_ARM_SIM = [('joint_command', 'arm/joint_command'), ('joint_states', 'arm/joint_states')]
"""joint_state_broadcaster publishes joint_states itself."""

CONTROLLER_ARGUMENTS = ('command_type', 'command_joints')
"""Arguments of ik.launch.py that follow from the controller."""
SIM_ARGUMENTS = ('model_file', 'sim_params_file', 'rviz', 'rviz_config')
"""Arguments with the same meaning in sim.launch.py."""
REPLACED_ARGUMENTS = ('description_file', *SIM_ARGUMENTS, *CONTROLLER_ARGUMENTS)
"""Arguments of ik.launch.py that have another meaning here, or none."""

ARGUMENTS = [
    DeclareLaunchArgument(
        'hardware',
        default_value='mock',
        choices=list(HARDWARE),
        description='what carries the commands out: mock: nothing, they are taken as done; topic: '
        'whatever takes and gives JointState on arm/joint_command and arm/joint_states; mujoco: '
        'mujoco_ros2_control; dynamixel: servos on a serial port; own: as in description_file. '
        'Their settings are xacro_args, see urdf/arm.ros2_control.xacro',
    ),
    DeclareLaunchArgument(
        'controller',
        default_value='forward_position_controller',
        choices=list(CONTROLLERS),
        description='controller that takes the commands of ik_node',
    ),
    DeclareLaunchArgument(
        'controllers_file',
        default_value=str(share_directory() / 'config' / 'controllers.yaml'),
        description='parameters of controller_manager and the controllers, YAML',
    ),
    DeclareLaunchArgument(
        'arm_sim',
        default_value='true',
        choices=BOOLEANS,
        description='hardware topic: start arm_sim in the place of the arm',
    ),
    DeclareLaunchArgument(
        'description_file',
        default_value=str(share_directory() / 'urdf' / 'arm.urdf.xacro'),
        description='robot description, a .xacro file that takes the argument ros2_control, or '
        'hardware:=own and a .urdf or .xacro file with a ros2_control block',
    ),
    *(argument for argument in SIM['ARGUMENTS'] if argument.name in SIM_ARGUMENTS),
    *(argument for argument in IK['ARGUMENTS'] if argument.name not in REPLACED_ARGUMENTS),
]


def _require_packages(context):
    """Raise an error that names all packages that are not installed."""
    hardware = LaunchConfiguration('hardware').perform(context)
    package, _ = CONTROLLERS[LaunchConfiguration('controller').perform(context)]
    needed = [MANAGER, 'robot_state_publisher', 'joint_state_broadcaster', package]
    missing = [name for name in (*needed, *HARDWARE[hardware]) if not _is_installed(name)]
    if missing:
        debian = ' '.join(f'ros-$ROS_DISTRO-{name.replace("_", "-")}' for name in missing)
        raise RuntimeError(f'not installed: {", ".join(missing)} (apt: {debian})')


def _is_installed(package):
    try:
        get_package_prefix(package)
    except PackageNotFoundError:
        return False
    return True


def _choose_hardware(context):
    hardware = LaunchConfiguration('hardware').perform(context)
    if hardware == 'own':
        return []
    given = LaunchConfiguration('xacro_args').perform(context)
    if hardware == 'mujoco' and 'mujoco_model' not in given:
        given += f' mujoco_model:={_write_mjcf(context)}'
    clock = [SetLaunchConfiguration('use_sim_time', 'true')] if hardware == 'mujoco' else []
    return [SetLaunchConfiguration('xacro_args', f'{given} ros2_control:={hardware}'), *clock]


def _write_mjcf(context):
    """Write the arm as an MJCF file; return its path."""
    from ik_nn_ros.sim.simulator import to_mjcf  # a robot needs no MuJoCo

    IK['_read_description'](context)[0].visit(context)
    urdf, base, tip = (
        LaunchConfiguration(name).perform(context)
        for name in ('robot_description', 'base_link', 'tip_link')
    )
    with NamedTemporaryFile('w', prefix='arm_', suffix='.xml', delete=False) as file:
        file.write(to_mjcf(urdf, base or 'base_link', tip or 'tip'))
    return file.name


def _require_block(context):
    if '<ros2_control' not in LaunchConfiguration('robot_description').perform(context):
        file = LaunchConfiguration('description_file').perform(context)
        raise ValueError(
            f'description_file {file}: got no ros2_control block, expected one '
            '(xacro: made for the argument ros2_control)'
        )


def _choose_commands(context):
    """Choose the command type of the controller, and its order of joints."""
    controller = LaunchConfiguration('controller').perform(context)
    file = Path(LaunchConfiguration('controllers_file').perform(context))
    sections = yaml.safe_load(file.read_text(encoding='utf-8'))
    joints = [
        section['ros__parameters']['joints']
        for name, section in sections.items()
        if name.split('/')[-1] == controller
    ]
    if not joints:
        raise ValueError(f'{file}: got no parameters of {controller}, expected its joints')
    order = yaml.safe_dump(joints[0], default_flow_style=True).strip()
    return [
        SetLaunchConfiguration('command_type', CONTROLLERS[controller][1]),
        SetLaunchConfiguration('command_joints', order),
    ]


def _control(context):
    """Start controller_manager, and the controllers in it."""
    namespace, file = (LaunchConfiguration(name) for name in ('namespace', 'controllers_file'))
    hardware = LaunchConfiguration('hardware').perform(context)
    simulated = {k: v for k, v in SIM['_given'](context).items() if k == 'use_sim_time'}
    # In Humble controller_manager has a topic of its own for the description.
    humble = os.environ.get('ROS_DISTRO') == 'humble'
    return [
        Node(
            package=MANAGED_BY.get(hardware, MANAGER),
            executable='ros2_control_node',
            namespace=namespace,
            parameters=[file, simulated],
            remappings=[('~/robot_description', 'robot_description')] if humble else [],
            output='screen',
            on_exit=Shutdown(reason='ros2_control_node has ended'),
        ),
        Node(
            package=MANAGER,
            executable='spawner',
            namespace=namespace,
            arguments=[
                'joint_state_broadcaster',
                LaunchConfiguration('controller'),
                '--param-file',
                file,
            ],
            output='screen',
        ),
    ]


def _arm_sim(context):
    hardware, arm_sim = (
        LaunchConfiguration(name).perform(context) for name in ('hardware', 'arm_sim')
    )
    return SIM['_arm_sim'](context) if hardware == 'topic' and arm_sim.lower() == 'true' else []


def _remapped(function, remappings):
    """Start nodes with remapped topics."""
    remaps = [SetRemap(*pair) for pair in remappings]
    return GroupAction([*remaps, OpaqueFunction(function=function)])


def generate_launch_description():
    """Return the description for ``ros2 launch``."""
    return LaunchDescription(
        [
            *ARGUMENTS,
            OpaqueFunction(function=_require_packages),
            OpaqueFunction(function=_choose_hardware),
            OpaqueFunction(function=IK['_read_description']),
            OpaqueFunction(function=_require_block),
            OpaqueFunction(function=_choose_commands),
            OpaqueFunction(function=SIM['_robot_state_publisher']),
            OpaqueFunction(function=_control),
            _remapped(_arm_sim, TO_ARM_SIM),
            _remapped(IK['_ik_node'], TO_CONTROLLER),
            OpaqueFunction(function=IK['_panel']),
            OpaqueFunction(
                function=SIM['_rviz'], condition=IfCondition(LaunchConfiguration('rviz'))
            ),
        ]
    )
