"""How the plots look, and how they become part of a page."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import floor, log10
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from ik_nn_ros.studies.accuracy import CLOSED_FORM, NETWORK, REFINED

METHOD_LABELS = {NETWORK: 'network alone', REFINED: 'network + Newton', CLOSED_FORM: 'closed form'}
ORANGE, BLUE, BLACK, GREY = '#d55e00', '#0072b2', '#000000', '#8c8c8c'
"""Okabe and Ito's colours, which the colour-blind can tell apart."""
METHOD_COLORS = {NETWORK: ORANGE, REFINED: BLUE, CLOSED_FORM: BLACK}
METHOD_LINE_STYLES = {NETWORK: '-', REFINED: '--', CLOSED_FORM: ':'}
COLOR_MAP = 'viridis'
MM_PER_M = 1e3
"""Millimetres in a metre."""
RC_PARAMS: dict[Any, Any] = {
    'font.size': 10.0,
    'axes.titlesize': 10.5,
    'axes.grid': False,
    'grid.alpha': 0.35,
    'legend.frameon': False,
    # The same report gives the same bytes.
    'svg.hashsalt': 'ik_nn_ros',
}


@dataclass(frozen=True)
class Picture:
    """
    A plot for the page.

    :param svg: the plot
    :param alt: what it shows, for those who cannot see it
    """

    svg: bytes
    alt: str


@contextmanager
def styled_figure(width_inch: float, height_inch: float) -> Iterator[Figure]:
    """
    Give an empty figure in the style of the report.

    :param width_inch: inches
    :param height_inch: inches
    """
    with matplotlib.rc_context(RC_PARAMS):
        engine = ConstrainedLayoutEngine(hspace=0.05, wspace=0.03)
        yield Figure(figsize=(width_inch, height_inch), layout=engine)


def to_picture(figure: Figure, alt: str) -> Picture:
    """Turn a figure into a picture."""
    stream = io.BytesIO()
    # Tight: beside axes of equal scale the layout leaves some titles too little room.
    figure.savefig(
        stream, format='svg', bbox_inches='tight', metadata={'Date': None, 'Creator': None}
    )
    return Picture(stream.getvalue(), alt)


def reach_axis_functions(reach: float) -> tuple[Any, Any]:
    """Return how to turn mm into fractions of reach, and back."""
    return lambda mm: mm / (MM_PER_M * reach), lambda fraction: fraction * MM_PER_M * reach


def format_error_axis(axes: Axes, reach: float) -> None:
    """Make x a logarithmic error in mm, with fractions of reach along the top."""
    axes.set_xscale('log')
    axes.set_xlabel('tip error, mm')
    top = axes.secondary_xaxis('top', functions=reach_axis_functions(reach))
    top.set_xlabel('as a fraction of reach')


def format_plane_axes(axes: Axes, reach: float) -> None:
    """Make axes show the arm's plane in m, with the first axis marked."""
    limit = 1.03 * reach
    axes.set(aspect='equal', xlim=(-limit, limit), ylim=(-limit, limit))
    axes.plot(0.0, 0.0, '+', color=BLACK, ms=8, mew=1.2)


def set_log_ticks(axis: Axis, decades: float) -> None:
    """Put about as many ticks on a short logarithmic axis as it has room for."""
    subs = (1.0, 2.0, 5.0) if decades < 1.2 else (1.0, 3.0) if decades < 2.2 else (1.0,)
    axis.set_major_locator(LogLocator(subs=subs, numticks=5))
    axis.set_minor_locator(NullLocator())
    axis.set_tick_params(labelsize=9.0)
    axis.set_major_formatter(FuncFormatter(lambda value, _: _format_tick(value)))


def _format_tick(value: float) -> str:
    if 0.01 <= value < 1000.0:
        return f'{value:g}'
    exponent = floor(log10(value) + 1e-9)
    factor = round(value / 10.0**exponent)
    power = f'10^{{{exponent}}}'
    return f'${power}$' if factor == 1 else f'${factor}\\cdot {power}$'
