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
from ik_nn_ros.sim.deviations import ArmDeviations

if TYPE_CHECKING:
    from ik_nn_ros.nodes.clients.sample import RecordingProgress

HELP = 'record samples of a simulated arm that differs from its URDF'
MAX_SAMPLES = 100_000
DEFAULT_DEVIATIONS = ArmDeviations((0.01, 0.01), (0.02, 0.02), (0.0, -0.01), tip_noise=0.0005)
"""Unless told otherwise: an ordinary arm, its tip some 10 mm off."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        '--output', type=Path, metavar='FILE', required=True, help='recording to write, .mcap'
    )
    parser.add_argument('--samples', type=int, default=300, help='default: %(default)s')
    add_arm_arguments(parser)
    for flag, default, text in (
        (
            '--length-errors',
            DEFAULT_DEVIATIONS.length_errors,
            'fraction by which each link is longer',
        ),
        (
            '--joint-offsets',
            DEFAULT_DEVIATIONS.joint_offsets,
            'true joint position minus its encoder, rad',
        ),
        (
            '--sag',
            DEFAULT_DEVIATIONS.sag,
            'deflection behind each encoder, rad, times cos(q1 + q2)',
        ),
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
        default=DEFAULT_DEVIATIONS.tip_noise,
        metavar='M',
        help='standard deviation of the measured tip along each axis (default: %(default)s m)',
    )


def run(args: argparse.Namespace) -> int:
    """Run arm_sim and data_collector; Ctrl-C ends early, what was recorded stays."""
    with require_rclpy():
        from ik_nn_ros.nodes.clients.sample import follow_recording
    from rich.console import Console

    from ik_nn_ros.commands.progress import progress_bars
    from ik_nn_ros.sim.simulator import Simulator

    _require_new_file(args.output)
    if not 1 <= args.samples <= MAX_SAMPLES:
        raise ConfigError('--samples', got=args.samples, expected=f'1 to {MAX_SAMPLES}')
    urdf = urdf_from_args(args)
    # Tried here, so that what is wrong with the arm or its errors comes out before anything runs.
    arm = Simulator(urdf, args.base_link, args.tip_link, deviations=_deviations(args)).arm
    console = Console(highlight=False, soft_wrap=True)
    try:
        with running_nodes('sample', _node_parameters(args)) as nodes, progress_bars() as show:

            def report(progress: RecordingProgress) -> None:
                show('samples', progress.samples, args.samples, _progress_text(progress))

            end = follow_recording(urdf, nodes.namespace, report, nodes.require_running)
    except KeyboardInterrupt:
        if args.output.exists():
            console.print(f'{args.output}: what was recorded until now', markup=False)
        raise
    console.print(
        f'{end.samples} samples of {arm.name}, {_progress_text(end)}: {args.output}', markup=False
    )
    return 0


def _require_new_file(output: Path) -> None:
    require_writable(output, '.mcap')
    if output.exists():
        raise ConfigError(f'output {output}', got='a file that exists', expected='a new one')


def _deviations(args: argparse.Namespace) -> ArmDeviations:
    return ArmDeviations(args.length_errors, args.joint_offsets, args.sag, tip_noise=args.tip_noise)


def _node_parameters(args: argparse.Namespace) -> dict[str, dict[str, object]]:
    """Return the parameters of the nodes; only the simulator's say how the arm was built."""
    links = {'base_link': args.base_link, 'tip_link': args.tip_link}
    errors = {f'as_built.{name}': value for name, value in asdict(_deviations(args)).items()}
    return {
        'arm_sim': {**links, **errors},
        'data_collector': {
            **links,
            'source': 'measured',
            'explore': True,
            # Nothing can break here.
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
