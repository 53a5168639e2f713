"""Maps of the arm's plane."""

from __future__ import annotations

from math import ceil, floor, log10
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from ik_nn_ros.arm.plane import Array
from ik_nn_ros.learning.report.accuracy import METHODS
from ik_nn_ros.learning.report.style import (
    COLOR_MAP,
    METHOD_LABELS,
    MM_PER_M,
    Picture,
    format_plane_axes,
    reach_axis_functions,
    set_log_ticks,
    styled_figure,
    to_picture,
)
from ik_nn_ros.learning.report.workspace_map import BranchMap

ColorRange = tuple[float, float]
"""The ends of a scale of colours, mm."""
ImageExtent = tuple[float, float, float, float]
"""Left, right, bottom, top of an image, m."""

MAX_COLOR_DECADES = 6
"""The most that a scale of colours covers."""
DECADE_STEPS = (1.0, 2.0, 5.0)
"""Round numbers within a decade, and what divides the next one."""


def draw_maps(maps: list[BranchMap], reach: float) -> Picture:
    """Draw the error of each method over the workspace, a row for each branch."""
    with styled_figure(9.6, 1.5 + 3.1 * len(maps)) as figure:
        axes = figure.subplots(len(maps), len(METHODS), sharex=True, sharey=True, squeeze=False)
        for column, method in enumerate(METHODS):
            errors = [MM_PER_M * branch_map.errors[method] for branch_map in maps]
            ends = color_range(np.concatenate([error.ravel() for error in errors]))
            half = maps[0].coordinates[-1]
            for row, (branch_map, error) in enumerate(zip(maps, errors, strict=True)):
                place = axes[row, column]
                image = draw_image(place, error, (-half, half, -half, half), ends)
                format_plane_axes(place, reach)
                place.set_title(
                    f'{METHOD_LABELS[method]}, {branch_map.branch_name} branch', fontsize=10
                )
            axes[-1, column].set_xlabel('x, m')
            draw_color_bar(figure, image, list(axes[:, column]), reach)
        for row in range(len(maps)):
            axes[row, 0].set_ylabel('y, m')
        return to_picture(figure, 'Maps of the tip error over the workspace, by method and branch')


def color_range(values: Array) -> ColorRange:
    """Return round numbers that the finite and positive ones of the values lie between."""
    values = values[np.isfinite(values) & (values > 0.0)]
    if not len(values):
        return 0.1, 1.0
    smallest, largest = np.quantile(values, (0.01, 1.0)).tolist()
    low = 10.0 ** floor(log10(max(smallest, 10.0**-MAX_COLOR_DECADES * largest)))
    high = 10.0 ** ceil(log10(largest))
    lower = max(step * low for step in DECADE_STEPS if step * low <= smallest or step == 1.0)
    upper = min(high / step for step in DECADE_STEPS if high / step >= largest)
    return lower, max(upper, 2.0 * lower)


def draw_image(axes: Axes, values: Array, extent: ImageExtent, color_range_mm: ColorRange) -> Any:
    """Draw (n, n) values; NaN stays blank, what is off the scale has the colour of its end."""
    return axes.imshow(
        np.ma.masked_invalid(np.clip(values, *color_range_mm)),
        origin='lower',
        extent=extent,
        cmap=COLOR_MAP,
        norm=LogNorm(*color_range_mm),
        interpolation='none',
    )


def draw_color_bar(figure: Figure, image: Any, axes: list[Axes], reach: float) -> None:
    """Draw the scale of an image below some axes, in mm and in fractions of reach."""
    bar = figure.colorbar(
        image, ax=axes, location='bottom', shrink=0.8, aspect=22, pad=0.02, label='tip error, mm'
    )
    top = bar.ax.secondary_xaxis('top', functions=reach_axis_functions(reach))
    top.set_xlabel('as a fraction of reach')
    decades = log10(image.norm.vmax / image.norm.vmin)
    for axis in (bar.ax.xaxis, top.xaxis):
        set_log_ticks(axis, decades)
