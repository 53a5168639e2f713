"""Parameters of ``data_collector``, and the configuration that they describe."""

from __future__ import annotations

from pathlib import Path
from time import strftime

from ik_nn_ros.control.exploration import ExplorationConfig
from ik_nn_ros.nodes.common.parameters import Parameters, ParameterSpec

DEFAULTS = ExplorationConfig()
PARAMETERS = {
    'robot_description': ParameterSpec('', 'URDF as text; empty: from the topic robot_description'),
    'base_link': ParameterSpec('base_link', 'frame of the recorded tip position'),
    'tip_link': ParameterSpec('tip', 'link whose origin is the tip'),
    'source': ParameterSpec(
        'measured',
        'tip positions from the topic tip_pose, or from forward kinematics of joint_states',
        choices=('measured', 'fk'),
    ),
    'max_time_difference': ParameterSpec(
        0.02, 'largest time between joint_states and tip_pose of a sample, s', low=0.0, high=1.0
    ),
    'output': ParameterSpec(
        '', 'file to write, .mcap; empty: recording_<date-time>.mcap in the working directory'
    ),
    'samples': ParameterSpec(0, 'stop after this many; 0: at ~/stop', low=0, high=1_000_000),
    'rate': ParameterSpec(100.0, 'without explore: largest sample rate, Hz', low=0.01, high=1000.0),
    'autostart': ParameterSpec(
        True,
        'start recording at once; false, and after a failed exploration: at ~/start',
    ),
    'joint_states_timeout': ParameterSpec(
        DEFAULTS.joint_states_timeout,
        'age at which joint_states are stale, s',
        low=0.01,
        high=60.0,
    ),
    'explore': ParameterSpec(
        False,
        'move the arm over its joint range by joint_command, ignoring tables, cables and people',
    ),
    'speed_scale': ParameterSpec(
        DEFAULTS.speed_scale,
        "explore: fraction of the URDF's velocity limits in use",
        low=0.01,
        high=1.0,
    ),
    'max_acceleration': ParameterSpec(
        list(DEFAULTS.acceleration), 'explore: per joint, rad/s²', low=0.01, high=10_000.0
    ),
    'max_jerk': ParameterSpec(
        list(DEFAULTS.jerk), 'explore: per joint, rad/s³', low=0.01, high=1_000_000.0
    ),
    'control_rate': ParameterSpec(
        100.0, 'explore: rate of joint_command, Hz', low=10.0, high=1000.0
    ),
    'settle_time': ParameterSpec(
        DEFAULTS.settle_time,
        'explore: time at rest before a sample, s',
        low=0.0,
        high=60.0,
    ),
    'settle_tolerance': ParameterSpec(
        DEFAULTS.settle_tolerance,
        'explore: largest movement of a joint that counts as at rest, rad; more than an '
        'encoder tick',
        low=0.0,
        high=1.0,
    ),
    'settle_timeout': ParameterSpec(
        DEFAULTS.settle_timeout,
        'explore: time limit of a target without a sample, s; stops after three in a row',
        low=0.1,
        high=600.0,
    ),
    'goal_tolerance': ParameterSpec(
        DEFAULTS.goal_tolerance,
        'explore: largest distance of a joint from its target, rad',
        low=0.0,
        high=3.2,
    ),
    'tracking_tolerance': ParameterSpec(
        DEFAULTS.tracking_tolerance,
        'explore: distance of a joint from its command at which the arm waits, and stops '
        'if the joint does not come, rad; moving joints may lag another 0.1 s',
        low=0.01,
        high=10.0,
    ),
}


def exploration_config(settings: Parameters) -> ExplorationConfig:
    """Return the configuration of an exploration."""
    acceleration1, acceleration2 = settings['max_acceleration']
    jerk1, jerk2 = settings['max_jerk']
    names = (
        'speed_scale',
        'samples',
        'settle_time',
        'settle_tolerance',
        'settle_timeout',
        'goal_tolerance',
        'tracking_tolerance',
        'joint_states_timeout',
    )
    return ExplorationConfig(
        acceleration=(acceleration1, acceleration2),
        jerk=(jerk1, jerk2),
        **{name: settings[name] for name in names},
    )


def output_path(settings: Parameters) -> Path:
    """Return the absolute path of the file to write."""
    name = settings['output'] or strftime('recording_%Y%m%d-%H%M%S.mcap')
    return Path(name).expanduser().absolute()
