"""``ik_nn demo``: a simulated arm follows targets over real ROS 2 topics."""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from contextlib import suppress
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

from ik_nn_ros.commands.needs import rclpy_needed
from ik_nn_ros.commands.own_nodes import OwnNodes, own_nodes
from ik_nn_ros.demo.page import INSTALL, missing_module, open_in_browser
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.files import require_writable, write_atomically

if TYPE_CHECKING:
    from rich.console import Console

    from ik_nn_ros.demo.record import Record

HELP = 'a simulated arm follows a figure eight, random points, and refuses what it cannot reach'
SEED = 0
PLOT = Path('output/demo.png')
NODES: dict[str, dict[str, object]] = {'arm_sim': {}, 'ik_node': {'model_file': 'arm.onnx'}}
STARTUP = 60.0
"""Time for the page to be there, s."""
LOOK = 0.1
"""Between two looks at the nodes, s."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument('--duration', type=float, default=30.0, metavar='S', help='default 30 s')
    parser.add_argument(
        '--headless',
        action='store_true',
        help='plain lines, no page in the browser; in a terminal the page stays until Ctrl-C',
    )
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
    from ik_nn_ros.demo.display import display
    from ik_nn_ros.demo.record import Record
    from ik_nn_ros.demo.script import script
    from ik_nn_ros.share import share_directory

    description = read_description(share_directory() / 'urdf' / 'arm.urdf.xacro')
    arm = ArmModel.from_urdf(description)
    console = Console(highlight=False)
    has_page = not args.headless and _can_have_page(console)
    targets = script(arm, args.duration, np.random.default_rng(SEED), has_page)
    args.plot = args.plot or _default_plot()
    require_writable(args.plot, '.png')
    if args.json:
        require_writable(args.json, '.json')
    record = Record(arm)
    try:
        with own_nodes('demo', {**NODES, **({'panel': {}} if has_page else {})}) as nodes:
            console.print(f'topics are under {nodes.namespace}; Ctrl-C ends the demo')
            url = _open_page(nodes, console) if has_page else ''
            # Without a terminal there may be nobody to end it.
            stays = sys.stdout.isatty()
            if url and not stays:
                console.print(f'no terminal here: the page closes after {args.duration:g} s')
            end = time.monotonic() + args.duration
            with display(record, console, live=not args.headless) as show:
                taken = play(
                    record, description, nodes.namespace, targets, show, nodes.require_running
                )
            if taken:
                console.print('taken over: the script leaves the arm to who sent a target')
            if url and (stays or taken):
                _conclude(args, record, console)
                console.print(f'the arm is yours at {url}; Ctrl-C ends')
                _wait_for_ctrl_c(nodes, inf if stays else end)
                return 0
    except KeyboardInterrupt:
        console.print('interrupted')
    _conclude(args, record, console)
    return 0


def _can_have_page(console: Console) -> bool:
    """Tell whether what the page needs is installed; say how to get it."""
    module = missing_module()
    if module:
        console.print(
            f'no page in the browser: no module {module}; to get it: {INSTALL}',
            markup=False,
            soft_wrap=True,
        )
    return not module


def _open_page(nodes: OwnNodes, console: Console) -> str:
    """Say where the page is, as soon as it is there, and open it; return its address."""
    panel = nodes.processes[-1]
    end = time.monotonic() + STARTUP
    while (found := re.search(r'the arm is at (\S+)', panel.output)) is None:
        nodes.require_running()
        if time.monotonic() > end:
            raise panel.error(f'no page in {STARTUP:g} s', 'one')
        time.sleep(LOOK)
    console.print(f'see the arm and drag its target in the browser: {found[1]}')
    open_in_browser(found[1])
    return found[1]


def _wait_for_ctrl_c(nodes: OwnNodes, end: float) -> None:
    with suppress(KeyboardInterrupt):
        while time.monotonic() < end:
            nodes.require_running()
            time.sleep(LOOK)


def _conclude(args: argparse.Namespace, record: Record, console: Console) -> None:
    """Say what was done, and write it to the files."""
    from ik_nn_ros.demo.display import summary_table

    if args.json:
        write_atomically(args.json, f'{json.dumps(record.summary(), indent=2)}\n'.encode())
    if not record.targets:
        console.print('ended before the first target')
        return
    console.print(summary_table(record))
    record.plot(args.plot)
    console.print(f'path asked and path driven: {args.plot}')


def _default_plot() -> Path:
    try:
        PLOT.parent.mkdir(exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f'folder {PLOT.parent}', got=error.strerror, expected='one to write to'
        ) from error
    return PLOT
