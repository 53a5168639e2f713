"""The parameters of ``ik_node``, and what they ask of solver and network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ik_nn_ros.arm.calibration import Calibration
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.errors import ConfigError, ModelError
from ik_nn_ros.ik.network import Network
from ik_nn_ros.ik.problem import BRANCH_CHOICES, UNREACHABLE_CHOICES, SolverConfig
from ik_nn_ros.motion.commander import Commander
from ik_nn_ros.motion.direct import DirectMotion
from ik_nn_ros.motion.keep_out import KeepOut
from ik_nn_ros.motion.motion_config import MotionConfig
from ik_nn_ros.motion.smooth import SmoothMotion
from ik_nn_ros.nodes.command_types import COMMAND_TYPES, CommandType
from ik_nn_ros.nodes.parameters import Parameters, Spec
from ik_nn_ros.share import share_directory

Settings = Parameters | Mapping[str, Any]
DEFAULTS = MotionConfig()
AT_REST = (
    'max_velocity',
    'max_acceleration',
    'max_jerk',
    'keep_out.circles',
    'keep_out.half_planes',
    'keep_out.margin',
)
"""Parameters that cannot be changed while the arm moves."""
RESTING = '; at rest only'
PARAMETERS = {
    'robot_description': Spec('', 'URDF as text; empty: taken from the topic robot_description'),
    'base_link': Spec('base_link', 'frame the arm stands in; the chain to tip_link starts here'),
    'tip_link': Spec('tip', 'frame whose origin is brought to the target'),
    'calibration_file': Spec('', 'of this arm, YAML of `ik_nn calibrate`; empty: as in the URDF'),
    'model_file': Spec(
        '',
        'network, ONNX; a bare name is looked up in the package; empty: closed form; '
        'a change takes effect with ~/reload_model',
        live=True,
    ),
    'model_required': Spec(False, 'refuse to configure when model_file cannot be used'),
    'branch': Spec(
        'nearest',
        'side of the elbow: sign of the second joint, 0 where the arm is straight',
        choices=tuple(BRANCH_CHOICES),
        live=True,
    ),
    'on_unreachable': Spec(
        'reject', 'targets out of reach or limits', choices=UNREACHABLE_CHOICES, live=True
    ),
    'position_tolerance': Spec(
        0.0, 'largest tip error of a command, m; 0: 1e-9 of the reach', low=0.0, high=0.1, live=True
    ),
    'plane_tolerance': Spec(
        0.01, "largest distance of a target from the arm's plane, m", low=0.0, high=100.0, live=True
    ),
    'transform_timeout': Spec(
        0.2,
        'how long a target waits for its transform, s; 0: not at all',
        low=0.0,
        high=60.0,
        live=True,
    ),
    'frame_prefix': Spec('', "put before the URDF's link names to get the names of frames in TF"),
    'allow_branch_change': Spec(
        True, 'branch nearest: go to the other side where only that reaches the target', live=True
    ),
    'motion': Spec(
        'smooth',
        'smooth: within all limits; direct: one command a target, for a planner or controller that '
        'makes the motion: only the position limits are kept',
        choices=('smooth', 'direct'),
    ),
    'path': Spec(
        'joint',
        'joint: each joint goes its quickest way; cartesian: the tip goes straight where it can',
        choices=('joint', 'cartesian'),
        live=True,
    ),
    'command_type': Spec(
        'joint_state',
        'joint_state: on joint_command; joint_trajectory: on joint_trajectory, for the controller '
        'of that name; float64_multi_array: on commands, for forward_command_controller',
        choices=tuple(COMMAND_TYPES),
    ),
    'command_joints': Spec(
        [], 'names of the joints in the order of commands; empty: from base to tip', of=str
    ),
    'command_velocity': Spec(
        False, 'command_type joint_state: send velocities, too; not for Isaac Sim'
    ),
    'control_rate': Spec(100.0, 'rate of commands in a motion, Hz', low=25.0, high=500.0),
    'speed_scale': Spec(
        1.0,
        'part of the velocity limits that is used, from 0.001; 0: pause, the arm goes on when it '
        'is raised; motion direct: only 0 counts',
        low=0.0,
        high=1.0,
        live=True,
    ),
    'max_velocity': Spec(
        [0.0, 0.0],
        'of each joint, rad/s, where less than in the URDF; 0: as in the URDF' + RESTING,
        low=0.0,
        high=1000.0,
        live=True,
    ),
    'max_acceleration': Spec(
        list(DEFAULTS.acceleration),
        'of each joint, rad/s²' + RESTING,
        low=0.01,
        high=10_000.0,
        live=True,
    ),
    'max_jerk': Spec(
        list(DEFAULTS.jerk),
        'of each joint, rad/s³' + RESTING,
        low=0.01,
        high=1_000_000.0,
        live=True,
    ),
    'keep_out.circles': Spec(
        [],
        "zones the links keep out of, in the arm's plane: x, y, radius of each, m" + RESTING,
        live=True,
        group=3,
    ),
    'keep_out.half_planes': Spec(
        [],
        'the same: x and y of the normal and offset (m) of each: points p with normal · p < offset'
        + RESTING,
        live=True,
        group=3,
    ),
    'keep_out.margin': Spec(
        0.02, 'how far the links stay away from them, m' + RESTING, low=0.0, high=10.0, live=True
    ),
    'tracking_tolerance': Spec(
        DEFAULTS.tracking_tolerance,
        'largest distance of a joint at rest from its command, rad; one that moves may also lag',
        low=0.001,
        high=10.0,
        live=True,
    ),
    'idle': Spec(
        'silent',
        'while there is nothing to do: silent, or hold: repeat the last command',
        choices=('silent', 'hold'),
        live=True,
    ),
    'target_timeout': Spec(
        0.0,
        'brake when no target has come for so long, s; 0: off, the last is carried out to its end',
        low=0.0,
        high=3600.0,
        live=True,
    ),
    'require_joint_states': Spec(
        True,
        'command only while joint_states arrive; false: without them the last command stands for '
        'the joints, before it the middle of their range',
        live=True,
    ),
    'joint_states_timeout': Spec(
        0.5, 'age after which joint_states do not count, s', low=0.01, high=60.0, live=True
    ),
    'max_target_age': Spec(
        0.0, 'refuse targets with an older stamp, s; 0: off', low=0.0, high=3600.0, live=True
    ),
    'autostart': Spec(True, 'configure and activate without being told'),
}


def read_arm(settings: Parameters, urdf: str) -> ArmModel:
    """
    Return the arm, calibrated where the parameters name a calibration.

    :raises IkNnError: the URDF or the calibration cannot be used
    """
    arm = ArmModel.from_urdf(urdf, settings['base_link'], settings['tip_link'])
    file = settings['calibration_file']
    return Calibration.read(file).apply(arm) if file else arm


def solver_config(settings: Settings) -> SolverConfig:
    """Return how the parameters want targets solved."""
    return SolverConfig(
        branch=settings['branch'],
        on_unreachable=settings['on_unreachable'],
        tolerance=settings['position_tolerance'],
        allow_branch_change=settings['allow_branch_change'],
    )


def motion_config(settings: Settings) -> MotionConfig:
    """Return how the parameters want the arm moved."""
    return MotionConfig(
        speed_scale=settings['speed_scale'],
        straight=settings['path'] == 'cartesian',
        velocity=tuple(settings['max_velocity']),
        acceleration=tuple(settings['max_acceleration']),
        jerk=tuple(settings['max_jerk']),
        tracking_tolerance=settings['tracking_tolerance'],
        require_joint_states=settings['require_joint_states'],
        joint_states_timeout=settings['joint_states_timeout'],
        target_timeout=settings['target_timeout'],
        hold_when_idle=settings['idle'] == 'hold',
    )


def keep_out(settings: Settings, arm: ArmModel) -> KeepOut:
    """
    Return the zones the arm keeps out of.

    :raises ConfigError: there are none such, or this arm cannot keep out of them
    """
    circles, half_planes = settings['keep_out.circles'], settings['keep_out.half_planes']
    return KeepOut.of(arm, circles, half_planes, settings['keep_out.margin'])


def require_fit(settings: Settings, commander: Commander | None) -> None:
    """
    Check that values go together.

    :param commander: in use; None: the node is not configured
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
    if commander is not None:
        config.limits(commander.arm)
        keep_out(settings, commander.arm)


def require_rest(settings: Settings, before: Settings, commander: Commander) -> None:
    """
    Check that values can be taken now: what a motion was planned with stays until its end.

    :raises ConfigError: the arm moves
    """
    for name in AT_REST:
        if settings[name] != before[name] and not commander.at_rest:
            raise ConfigError(name, got='a moving arm', expected='an arm at rest, to change it')


def command_type(settings: Parameters, arm: ArmModel) -> CommandType:
    """
    Return what commands are as messages.

    :raises ConfigError: ``command_joints`` are not those of the arm
    """
    kind = COMMAND_TYPES[settings['command_type']]
    period = 1.0 / settings['control_rate']
    return kind(arm, settings['command_joints'], period, settings['command_velocity'])


def make_commander(settings: Parameters, arm: ArmModel) -> Commander:
    """
    Return what stands between the solver and the arm.

    :raises ConfigError: it cannot move this arm
    """
    kind = SmoothMotion if settings['motion'] == 'smooth' else DirectMotion
    return kind(arm, motion_config(settings), keep_out(settings, arm))


def open_network(settings: Parameters, arm: ArmModel) -> Network | None:
    """
    Open the model file that the parameters name; None where they name none.

    :raises ModelError: it cannot be used, or is required and not named
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
