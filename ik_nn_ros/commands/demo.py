"""``ik_nn demo``: a simulated arm follows targets over real ROS 2 topics."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ik_nn_ros.commands.needs import rclpy_needed
from ik_nn_ros.commands.own_nodes import own_nodes
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.files import require_writable, write_atomically

HELP = 'a simulated arm follows a figure eight, random points, and refuses what it cannot reach'
SEED = 0
PLOT = Path('output/demo.png')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument('--duration', type=float, default=30.0, metavar='S', help='default 30 s')
    parser.add_argument('--headless', action='store_true', help='plain lines, no live display')
    parser.add_argument('--json', type=Path, metavar='FILE', help='write the summary as JSON')
    parser.add_argument(
        '--plot',
        type=Path,
        metavar='FILE',
        help=f'picture of the paths asked and driven; default {PLOT}',
    )


def run(args: argparse.Namespace) -> int:
    """Run the demo; Ctrl-C ends it early, with the summary of what was done."""
    with rclpy_needed():
        from ik_nn_ros.nodes.demo_run import play
    import numpy as np
    from rich.console import Console

    from ik_nn_ros.arm.model import ArmModel
    from ik_nn_ros.arm.urdf import read_description
    from ik_nn_ros.demo.display import display, summary_table
    from ik_nn_ros.demo.record import Record
    from ik_nn_ros.demo.script import script
    from ik_nn_ros.share import share_directory

    description = read_description(share_directory() / 'urdf' / 'arm.urdf.xacro')
    arm = ArmModel.from_urdf(description)
    targets = script(arm, args.duration, np.random.default_rng(SEED))
    plot = args.plot or _default_plot()
    require_writable(plot, '.png')
    if args.json:
        require_writable(args.json, '.json')
    record, console = Record(arm), Console()
    try:
        with (
            own_nodes('demo', {'arm_sim': {}, 'ik_node': {'model_file': 'arm.onnx'}}) as nodes,
            display(record, console, live=not args.headless) as show,
        ):
            console.print(
                f'topics are under {nodes.namespace}; Ctrl-C ends the demo', highlight=False
            )
            play(record, description, nodes.namespace, targets, show, nodes.require_running)
    except KeyboardInterrupt:
        console.print('interrupted')
    if args.json:
        write_atomically(args.json, f'{json.dumps(record.summary(), indent=2)}\n'.encode())
    if not record.targets:
        console.print('ended before the first target')
        return 0
    console.print(summary_table(record))
    record.plot(plot)
    console.print(f'path asked and path driven: {plot}', highlight=False)
    return 0


def _default_plot() -> Path:
    try:
        PLOT.parent.mkdir(exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f'folder {PLOT.parent}', got=error.strerror, expected='one to write to'
        ) from error
    return PLOT
