"""Measure ``ik_node`` with the panel and a page open, beside another one without, at one time."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import numpy as np

from ik_nn_ros.arm import targets
from ik_nn_ros.bench.effort import BenchmarkSizes
from ik_nn_ros.bench.results import PanelRoundTrips
from ik_nn_ros.demo.page import missing_module
from ik_nn_ros.nodes.bench_client import Client
from ik_nn_ros.nodes.node_bench import WARM_UP, Setup, first_command, round_trips, summary
from ik_nn_ros.process import NodeProcess

READER, OPEN = 'ik_nn_ros.bench.page_reader', 'the page is open'
"""It stands for the browser, and says that once it is served."""
START_PATIENCE = 30.0
"""How long (s) panel and page may take."""
LOOK = 0.05
"""Between two looks at what they have said, s."""


def measure_panel(
    setup: Setup, effort: BenchmarkSizes, rng: np.random.Generator, report: Callable[[str], None]
) -> PanelRoundTrips | None:
    """
    Time round trips of both, taking turns.

    :param report: takes what is being done, for people
    :return: None: what the panel needs is not installed
    :raises ProcessError: one of them did not start
    """
    if missing_module():
        return None
    report('node: round trips with the panel and a page')
    arm = setup.arm
    points = targets.random_reachable_targets(arm, rng, WARM_UP + effort.round_trips).points
    with Client(arm.joint_names, arm.home) as client:
        beside, alone = client.line('/with_panel'), client.line('/alone')
        with setup.ik_node('/with_panel') as watched, setup.ik_node('/alone') as other:
            first_command(arm, watched, beside, points[0])
            first_command(arm, other, alone, points[0])
            with setup.panel('/with_panel') as panel:
                url = _said(panel, r'the arm is at (\S+)')
                with NodeProcess(READER, [], (url,)) as page:
                    _said(page, f'({OPEN})')
                    times, wrong = round_trips(arm, client, (beside, alone), points)
                    page.require_running()
    with_panel, without = times[:, WARM_UP:]
    return PanelRoundTrips(summary(with_panel, wrong), summary(without, 0))


def _said(process: NodeProcess, pattern: str) -> str:
    """Return what a process says, as soon as it does."""
    end = time.monotonic() + START_PATIENCE
    while (found := re.search(pattern, process.output)) is None:
        process.require_running()
        if time.monotonic() > end:
            raise process.error(f'nothing in {START_PATIENCE:g} s', pattern)
        time.sleep(LOOK)
    return found[1]
