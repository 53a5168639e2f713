"""``ik_nn sample``: record samples of a simulated arm that differs from its URDF."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from ik_nn_ros.commands.arguments import add_arm_arguments, require_rclpy, urdf_from_args
from ik_nn_ros.commands.node_processes import running_nodes
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.files import require_writable

if TYPE_CHECKING:
    from ik_nn_ros.nodes.clients.sample import RecordingProgress
    from ik_nn_ros.sim.deviations import ArmDeviations

HELP = 'record samples of a simulated arm that differs from its URDF'
MAX_SAMPLES = 100_000
# The defaults make an ordinary arm, whose tip is about 10 mm off.
DEFAULT_LENGTH_ERRORS = (0.01, 0.01)
"""Default of ``--length-errors``, fractions."""
DEFAULT_JOINT_OFFSETS_RAD = (0.02, 0.02)
"""Default of ``--joint-offsets``, rad."""
DEFAULT_SAG_RAD = (0.0, -0.01)
"""Default of ``--sag``, rad."""
DEFAULT_TIP_NOISE_M = 0.0005
"""Default of ``--tip-noise``, m."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        '--output', type=Path, metavar='FILE', required=True, help='recording to write, .mcap'
    )
    parser.add_argument('--samples', type=int, default=300, help='default: %(default)s')
    add_arm_arguments(parser)
    for flag, default, text in (
        ('--length-errors', DEFAULT_LENGTH_ERRORS, 'fraction by which each link is longer'),
        (
            '--joint-offsets',
            DEFAULT_JOINT_OFFSETS_RAD,
            'true joint position minus encoder, rad',
        ),
        ('--sag', DEFAULT_SAG_RAD, 'deflection behind each encoder, rad, times cos(q1 + q2)'),
    ):
        parser.add_argument(
            flag,
            type=float,
            nargs=2,
            default=default,
            metavar=('J1', 'J2'),
            help=f'{text} (default: {default[0]} {default[1]})',
        )
    parser.add_argument(
        '--tip-noise',
        type=float,
        default=DEFAULT_TIP_NOISE_M,
        metavar='M',
        help='standard deviation of the measured tip along each axis (default: %(default)s m)',
    )


def run(args: argparse.Namespace) -> int:
    """Run arm_sim and data_collector; Ctrl-C ends them early and keeps the recording."""
    with require_rclpy():
        from ik_nn_ros.nodes.clients.sample import follow_recording
    from ik_nn_ros.console import output_console, progress_bars
    from ik_nn_ros.sim.simulator import Simulator

    _require_new_file(args.output)
    if not 1 <= args.samples <= MAX_SAMPLES:
        raise ConfigError('--samples', got=args.samples, expected=f'1 to {MAX_SAMPLES}')
    urdf = urdf_from_args(args)
    # A simulator of our own reports a mistake in the arm or its deviations before any node runs.
    arm = Simulator(urdf, args.base_link, args.tip_link, deviations=_deviations(args)).arm
    console = output_console()
    try:
        with running_nodes('sample', _node_parameters(args)) as nodes, progress_bars() as show:

            def report(progress: RecordingProgress) -> None:
                show('samples', progress.samples, args.samples, _progress_text(progress))

            final = follow_recording(urdf, nodes.namespace, report, nodes.require_running)
    except KeyboardInterrupt:
        if args.output.exists():
            console.print(f'{args.output}: what was recorded until now')
        raise
    console.print(f'{final.samples} samples of {arm.name}, {_progress_text(final)}: {args.output}')
    return 0


def _require_new_file(output: Path) -> None:
    require_writable(output, '.mcap')
    if output.exists():
        raise ConfigError(f'output {output}', got='a file that exists', expected='a new one')


def _deviations(args: argparse.Namespace) -> ArmDeviations:
    from ik_nn_ros.sim.deviations import ArmDeviations

    return ArmDeviations(args.length_errors, args.joint_offsets, args.sag, tip_noise=args.tip_noise)


def _node_parameters(args: argparse.Namespace) -> dict[str, dict[str, object]]:
    """Return the parameters of the nodes; only the simulator knows the deviations."""
    links = {'base_link': args.base_link, 'tip_link': args.tip_link}
    deviations = {f'as_built.{name}': value for name, value in asdict(_deviations(args)).items()}
    return {
        'arm_sim': {**links, **deviations},
        'data_collector': {
            **links,
            'source': 'measured',
            'explore': True,
            # A simulated arm cannot break.
            'speed_scale': 1.0,
            'max_acceleration': [25.0, 25.0],
            'max_jerk': [500.0, 500.0],
            'samples': args.samples,
            'output': str(args.output),
        },
    }


def _progress_text(progress: RecordingProgress) -> str:
    if not progress.samples:
        return progress.text
    dropped = ''.join(f', {count} {reason}' for reason, count in progress.dropped.items())
    return f'{progress.rate:.1f} Hz, coverage {100.0 * progress.coverage:.0f} %{dropped}'
