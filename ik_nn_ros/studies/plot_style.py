"""Style of the plots, and plots as pictures for a page."""

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
# Colours of Okabe and Ito, which the colour-blind can tell apart.
ORANGE = '#d55e00'
BLUE = '#0072b2'
GREEN = '#009e73'
BLACK = '#000000'
GREY = '#8c8c8c'
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
    # Fixed ids: the same report gives the same bytes.
    'svg.hashsalt': 'ik_nn_ros',
}


@dataclass(frozen=True)
class Picture:
    """
    A plot for a page.

    :param svg: the plot as SVG
    :param alt: alternative text
    """

    svg: bytes
    alt: str


@contextmanager
def styled_figure(width_inch: float, height_inch: float) -> Iterator[Figure]:
    """
    Yield an empty figure in the style of the reports.

    :param width_inch: width, inches
    :param height_inch: height, inches
    """
    with matplotlib.rc_context(RC_PARAMS):
        engine = ConstrainedLayoutEngine(hspace=0.05, wspace=0.03)
        yield Figure(figsize=(width_inch, height_inch), layout=engine)


def to_picture(figure: Figure, alt: str) -> Picture:
    """Turn a figure into a picture."""
    stream = io.BytesIO()
    # Tight, because the layout leaves too little room for titles beside axes of equal scale.
    figure.savefig(
        stream, format='svg', bbox_inches='tight', metadata={'Date': None, 'Creator': None}
    )
    return Picture(stream.getvalue(), alt)


def reach_axis_functions(reach: float) -> tuple[Any, Any]:
    """Return functions from mm to fractions of reach and back."""
    return lambda mm: mm / (MM_PER_M * reach), lambda fraction: fraction * MM_PER_M * reach


def format_error_axis(axes: Axes, reach: float) -> None:
    """Set x to a logarithmic error in mm, with fractions of reach at the top."""
    axes.set_xscale('log')
    axes.set_xlabel('tip error, mm')
    top = axes.secondary_xaxis('top', functions=reach_axis_functions(reach))
    top.set_xlabel('as a fraction of reach')


def format_plane_axes(axes: Axes, reach: float) -> None:
    """Set axes to the arm's plane in m, and mark the first axis."""
    limit = 1.03 * reach
    axes.set(aspect='equal', xlim=(-limit, limit), ylim=(-limit, limit))
    axes.plot(0.0, 0.0, '+', color=BLACK, ms=8, mew=1.2)


def set_log_ticks(axis: Axis, decades: float) -> None:
    """Set the ticks of a short logarithmic axis by its number of decades."""
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
