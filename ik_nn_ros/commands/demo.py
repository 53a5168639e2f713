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

from ik_nn_ros.commands.arguments import demo_arm_description, require_rclpy
from ik_nn_ros.commands.node_processes import RunningNodes, running_nodes
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.files import require_writable, write_atomically
from ik_nn_ros.panel.connection import INSTALL_COMMAND, missing_module, open_in_browser

if TYPE_CHECKING:
    from rich.console import Console

    from ik_nn_ros.demo.record import DemoRecord

HELP = 'a simulated arm follows a figure eight and random points, and rejects unreachable targets'
SEED = 0
DEFAULT_PLOT_FILE = Path('output/demo.png')
NODE_PARAMETERS: dict[str, dict[str, object]] = {
    'arm_sim': {},
    'ik_node': {'model_file': 'arm.onnx'},
}
PAGE_TIMEOUT_S = 60.0
"""Timeout of the page, s."""
POLL_PERIOD_S = 0.1
"""Period of checks on the nodes, s."""


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
        help=f'picture of the targets and the path of the tip; default {DEFAULT_PLOT_FILE}',
    )


def run(args: argparse.Namespace) -> int:
    """Run the demo; Ctrl-C ends it early, with a summary."""
    with require_rclpy():
        from ik_nn_ros.nodes.clients.demo import play
    import numpy as np

    from ik_nn_ros.arm.urdf import load_arm
    from ik_nn_ros.console import output_console
    from ik_nn_ros.demo.display import display
    from ik_nn_ros.demo.record import DemoRecord
    from ik_nn_ros.demo.script import demo_targets

    description = demo_arm_description()
    arm = load_arm(description)
    console = output_console()
    has_page = not args.headless and _is_page_available(console)
    targets = demo_targets(arm, args.duration, np.random.default_rng(SEED), has_page)
    args.plot = args.plot or _prepare_default_plot()
    require_writable(args.plot, '.png')
    if args.json:
        require_writable(args.json, '.json')
    record = DemoRecord(arm)
    try:
        with running_nodes(
            'demo', {**NODE_PARAMETERS, **({'panel': {}} if has_page else {})}
        ) as nodes:
            console.print(f'topics are under {nodes.namespace}; Ctrl-C ends the demo')
            url = _open_page(nodes, console) if has_page else ''
            # Without a terminal there may be no Ctrl-C to close the page.
            has_terminal = sys.stdout.isatty()
            if url and not has_terminal:
                console.print(f'no terminal here: the page closes after {args.duration:g} s')
            end = time.monotonic() + args.duration
            with display(record, console, live=not args.headless) as show:
                taken_over = play(
                    record, description, nodes.namespace, targets, show, nodes.require_running
                )
            if taken_over:
                console.print('taken over: another sender of targets has the arm now')
            if url and (has_terminal or taken_over):
                _write_summary(args, record, console)
                console.print(f'the arm is yours at {url}; Ctrl-C ends')
                _wait_for_ctrl_c(nodes, inf if has_terminal else end)
                return 0
    except KeyboardInterrupt:
        console.print('interrupted')
    _write_summary(args, record, console)
    return 0


def _is_page_available(console: Console) -> bool:
    """Return whether the modules of the page are installed; print how to install them."""
    module = missing_module()
    if module:
        console.print(f'no page in the browser: no module {module}; to get it: {INSTALL_COMMAND}')
    return not module


def _open_page(nodes: RunningNodes, console: Console) -> str:
    """Wait for the page, print its address, open it in the browser, and return the address."""
    panel = nodes.processes[-1]
    end = time.monotonic() + PAGE_TIMEOUT_S
    while (found := re.search(r'the arm is at (\S+)', panel.output)) is None:
        nodes.require_running()
        if time.monotonic() > end:
            raise panel.error(f'no page within {PAGE_TIMEOUT_S:g} s', 'a page')
        time.sleep(POLL_PERIOD_S)
    console.print(f'see the arm and drag its target in the browser: {found[1]}')
    open_in_browser(found[1])
    return found[1]


def _wait_for_ctrl_c(nodes: RunningNodes, end: float) -> None:
    with suppress(KeyboardInterrupt):
        while time.monotonic() < end:
            nodes.require_running()
            time.sleep(POLL_PERIOD_S)


def _write_summary(args: argparse.Namespace, record: DemoRecord, console: Console) -> None:
    """Print the summary and write it and the picture to files."""
    from ik_nn_ros.console import print_tables
    from ik_nn_ros.demo.display import summary_table

    if args.json:
        write_atomically(args.json, f'{json.dumps(record.summary(), indent=2)}\n'.encode())
    if not record.target_count:
        console.print('ended before the first target')
        return
    print_tables(console, [summary_table(record)])
    record.plot(args.plot)
    console.print(f'targets and path of the tip: {args.plot}')


def _prepare_default_plot() -> Path:
    try:
        DEFAULT_PLOT_FILE.parent.mkdir(exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f'folder {DEFAULT_PLOT_FILE.parent}', got=error.strerror, expected='one to write to'
        ) from error
    return DEFAULT_PLOT_FILE
