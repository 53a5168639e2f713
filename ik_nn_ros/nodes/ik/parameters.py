"""Parameters of ``ik_node``, and the objects that are made from them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ik_nn_ros.arm.calibrated import Calibration
from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.arm.urdf import load_arm
from ik_nn_ros.control.controller import Controller, MotionConfig
from ik_nn_ros.control.passthrough import PassthroughController
from ik_nn_ros.control.smooth_controller import SmoothController
from ik_nn_ros.errors import ConfigError, ModelError
from ik_nn_ros.files import share_directory
from ik_nn_ros.ik.acceptance import BRANCH_CHOICES, UNREACHABLE_CHOICES, SolverConfig
from ik_nn_ros.ik.network import Network
from ik_nn_ros.nodes.common.parameters import Parameters, ParameterSpec
from ik_nn_ros.nodes.ik.command_messages import COMMAND_TYPES, CommandType
from ik_nn_ros.trajectory.keep_out import KeepOut

Settings = Parameters | Mapping[str, Any]
DEFAULT_MOTION = MotionConfig()
AT_REST_ONLY_PARAMETERS = (
    'max_velocity',
    'max_acceleration',
    'max_jerk',
    'keep_out.circles',
    'keep_out.half_planes',
    'keep_out.margin',
)
"""Parameters that cannot be changed while the arm moves: its motion was planned with them."""
AT_REST_ONLY_NOTE = '; at rest only'
PARAMETERS = {
    'robot_description': ParameterSpec('', 'URDF as text; empty: from the topic robot_description'),
    'base_link': ParameterSpec(
        'base_link', 'frame the arm stands in; start of the chain to tip_link'
    ),
    'tip_link': ParameterSpec('tip', 'frame whose origin moves to the target'),
    'calibration_file': ParameterSpec(
        '', 'file of `ik_nn calibrate` for this arm; empty: as in the URDF'
    ),
    'model_file': ParameterSpec(
        '',
        'network, ONNX; a bare name is looked up in the package; empty: closed form; call '
        '~/reload_model after a change',
        dynamic=True,
    ),
    'model_required': ParameterSpec(False, 'fail to configure if model_file cannot be used'),
    'branch': ParameterSpec(
        'nearest',
        'side of the elbow: sign of the second joint, counted from the straight arm',
        choices=tuple(BRANCH_CHOICES),
        dynamic=True,
    ),
    'on_unreachable': ParameterSpec(
        'reject',
        'reject targets out of reach or limits, or go to the nearest reachable point',
        choices=UNREACHABLE_CHOICES,
        dynamic=True,
    ),
    'position_tolerance': ParameterSpec(
        0.0,
        'largest tip error of a command, m; 0: 1e-9 of the reach',
        low=0.0,
        high=0.1,
        dynamic=True,
    ),
    'plane_tolerance': ParameterSpec(
        0.01,
        "largest distance of a target from the arm's plane, m",
        low=0.0,
        high=100.0,
        dynamic=True,
    ),
    'transform_timeout': ParameterSpec(
        0.2,
        'longest wait of a target for its transform, s',
        low=0.0,
        high=60.0,
        dynamic=True,
    ),
    'frame_prefix': ParameterSpec('', "prefix of the URDF's link names in TF"),
    'allow_branch_change': ParameterSpec(
        True,
        'branch nearest: change the branch if only the other one reaches the target',
        dynamic=True,
    ),
    'motion': ParameterSpec(
        'smooth',
        'smooth: within all limits; direct: one command per target, for a planner or '
        'controller that generates the motion; only position limits are kept',
        choices=('smooth', 'direct'),
    ),
    'path': ParameterSpec(
        'joint',
        'joint: the joints move time-optimally; cartesian: the tip moves straight where possible',
        choices=('joint', 'cartesian'),
        dynamic=True,
    ),
    'command_type': ParameterSpec(
        'joint_state',
        'joint_state: on joint_command; joint_trajectory: on joint_trajectory, for the controller '
        'of that name; float64_multi_array: on commands, for forward_command_controller',
        choices=tuple(COMMAND_TYPES),
    ),
    'command_joints': ParameterSpec(
        [],
        'joint names in the order of commands; empty: base to tip',
        element_type=str,
    ),
    'command_velocity': ParameterSpec(
        False, 'command_type joint_state: send velocities too; not for Isaac Sim'
    ),
    'control_rate': ParameterSpec(100.0, 'rate of commands in motion, Hz', low=25.0, high=500.0),
    'speed_scale': ParameterSpec(
        1.0,
        'fraction of the velocity limits in use, from 0.001; 0 pauses the arm until it is '
        'raised; motion direct: only 0 counts',
        low=0.0,
        high=1.0,
        dynamic=True,
    ),
    'max_velocity': ParameterSpec(
        [0.0, 0.0],
        'per joint, rad/s, if lower than in the URDF; 0: as in the URDF' + AT_REST_ONLY_NOTE,
        low=0.0,
        high=1000.0,
        dynamic=True,
    ),
    'max_acceleration': ParameterSpec(
        list(DEFAULT_MOTION.acceleration),
        'per joint, rad/s²' + AT_REST_ONLY_NOTE,
        low=0.01,
        high=10_000.0,
        dynamic=True,
    ),
    'max_jerk': ParameterSpec(
        list(DEFAULT_MOTION.jerk),
        'per joint, rad/s³' + AT_REST_ONLY_NOTE,
        low=0.01,
        high=1_000_000.0,
        dynamic=True,
    ),
    'keep_out.circles': ParameterSpec(
        [],
        "zones in the arm's plane that the links avoid: x, y, radius of each, m"
        + AT_REST_ONLY_NOTE,
        dynamic=True,
        group_size=3,
    ),
    'keep_out.half_planes': ParameterSpec(
        [],
        'likewise: normal x, y and offset (m) of each: points p with normal · p < offset'
        + AT_REST_ONLY_NOTE,
        dynamic=True,
        group_size=3,
    ),
    'keep_out.margin': ParameterSpec(
        0.02,
        'clearance between links and zones, m' + AT_REST_ONLY_NOTE,
        low=0.0,
        high=10.0,
        dynamic=True,
    ),
    'tracking_tolerance': ParameterSpec(
        DEFAULT_MOTION.tracking_tolerance,
        'largest distance of a resting joint from its command, rad; moving joints may also lag',
        low=0.001,
        high=10.0,
        dynamic=True,
    ),
    'idle': ParameterSpec(
        'silent',
        'at rest: send nothing, or repeat the last command',
        choices=('silent', 'hold'),
        dynamic=True,
    ),
    'target_timeout': ParameterSpec(
        0.0,
        'brake if no target has come for this long, s; 0: off, the last one is completed',
        low=0.0,
        high=3600.0,
        dynamic=True,
    ),
    'require_joint_states': ParameterSpec(
        True,
        'command only while joint_states arrive; false: without them assume the last '
        'command, at first the middle of the joint range',
        dynamic=True,
    ),
    'joint_states_timeout': ParameterSpec(
        0.5, 'age at which joint_states are stale, s', low=0.01, high=60.0, dynamic=True
    ),
    'max_target_age': ParameterSpec(
        0.0, 'reject targets with an older stamp, s; 0: off', low=0.0, high=3600.0, dynamic=True
    ),
    'autostart': ParameterSpec(True, 'configure and activate at start'),
}


def read_arm(settings: Parameters, urdf: str) -> Kinematics:
    """
    Return the arm of a URDF, calibrated if there is a ``calibration_file``.

    :raises IkNnError: the URDF or the calibration cannot be used
    """
    arm = load_arm(urdf, settings['base_link'], settings['tip_link'])
    file = settings['calibration_file']
    return Calibration.read(file).apply(arm) if file else arm


def solver_config(settings: Settings) -> SolverConfig:
    """Return the configuration of the solver."""
    return SolverConfig(
        branch=settings['branch'],
        on_unreachable=settings['on_unreachable'],
        tolerance=settings['position_tolerance'],
        allow_branch_change=settings['allow_branch_change'],
    )


def motion_config(settings: Settings) -> MotionConfig:
    """Return the configuration of the motion."""
    return MotionConfig(
        speed_scale=settings['speed_scale'],
        cartesian_path=settings['path'] == 'cartesian',
        velocity=tuple(settings['max_velocity']),
        acceleration=tuple(settings['max_acceleration']),
        jerk=tuple(settings['max_jerk']),
        tracking_tolerance=settings['tracking_tolerance'],
        require_joint_states=settings['require_joint_states'],
        joint_states_timeout=settings['joint_states_timeout'],
        target_timeout=settings['target_timeout'],
        hold_when_idle=settings['idle'] == 'hold',
    )


def make_keep_out(settings: Settings, arm: Kinematics) -> KeepOut:
    """
    Return the keep-out zones.

    :raises ConfigError: a zone is invalid, or the arm cannot keep out of it
    """
    circles, half_planes = settings['keep_out.circles'], settings['keep_out.half_planes']
    return KeepOut.from_lists(arm, circles, half_planes, settings['keep_out.margin'])


def check_consistency(settings: Settings, controller: Controller | None) -> None:
    """
    Check that values fit together.

    :param settings: values as they would be
    :param controller: in use; None if the node is not configured
    :raises ConfigError: they do not
    """
    solver_config(settings)
    config = motion_config(settings)
    prefix = settings['frame_prefix']
    if prefix.startswith('/') or prefix.strip() != prefix:
        raise ConfigError('frame_prefix', got=repr(prefix), expected='no slash before it')
    if settings['motion'] == 'direct' and settings['command_type'] == 'joint_trajectory':
        raise ConfigError(
            'motion with command_type joint_trajectory', got='direct', expected='smooth'
        )
    if controller is not None:
        config.motion_limits(controller.arm)
        make_keep_out(settings, controller.arm)


def check_at_rest(settings: Settings, current: Settings, controller: Controller) -> None:
    """
    Check that changed values can be applied now; see :data:`AT_REST_ONLY_PARAMETERS`.

    :param settings: values as they would be
    :param current: values in use
    :param controller: in use
    :raises ConfigError: the arm moves
    """
    for name in AT_REST_ONLY_PARAMETERS:
        if settings[name] != current[name] and not controller.at_rest:
            raise ConfigError(name, got='a moving arm', expected='an arm at rest, to change it')


def make_command_type(settings: Parameters, arm: Kinematics) -> CommandType:
    """
    Return the type of the command messages.

    :raises ConfigError: ``command_joints`` are not those of the arm
    """
    command_type = COMMAND_TYPES[settings['command_type']]
    period = 1.0 / settings['control_rate']
    return command_type(arm, settings['command_joints'], period, settings['command_velocity'])


def make_controller(settings: Parameters, arm: Kinematics) -> Controller:
    """
    Return the controller.

    :raises ConfigError: it cannot move this arm
    """
    controller_type = SmoothController if settings['motion'] == 'smooth' else PassthroughController
    return controller_type(arm, motion_config(settings), make_keep_out(settings, arm))


def open_network(settings: Parameters, arm: Kinematics) -> Network | None:
    """
    Open the model file.

    :return: its network; None if no ``model_file`` is set
    :raises ModelError: it cannot be used, or is required and not set
    """
    file = settings['model_file']
    if not file and settings['model_required']:
        raise ModelError('model_file', got='none', expected='one, as model_required is set')
    if not file:
        return None
    path = Path(file)
    if path.name == file and not path.exists():
        path = share_directory() / 'models' / file
    return Network(path, arm)
