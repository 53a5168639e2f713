"""Plots with axes for each method: error maps, joints along the figure eight, smoothness."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, log10
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ik_nn_ros.arm.geometry import Array
from ik_nn_ros.console import format_quantity
from ik_nn_ros.ik.verification import MAX_TIP_ERROR_RATIO
from ik_nn_ros.studies.compare.results import Comparison, seed_statistics
from ik_nn_ros.studies.plot_style import (
    BLUE,
    GREY,
    MM_PER_M,
    ORANGE,
    Picture,
    format_plane_axes,
    set_log_ticks,
    styled_figure,
    to_picture,
)
from ik_nn_ros.studies.report.plots import ColorRange, draw_color_bar, draw_image

GRID_COLUMN_COUNT = 4
"""Number of axes side by side."""
PLOT_WIDTH_INCH = 8.4
"""Width of a plot, inches."""
TITLE_FONT_PT = 9.0
"""Font size of a title, pt."""
MAX_TITLE_CHARACTERS = 24
"""Longest line of a title."""
MIN_SHOWN_SECOND_DIFFERENCE_RAD = 1e-7
"""Second difference that a smaller one is shown at, rad."""


def draw_maps(comparison: Comparison) -> Picture:
    """Draw the error of each method over the workspace, all with one colour scale."""
    rows = [row for row in comparison.rows if not row.refined]
    reach = comparison.arm.reach
    lower, upper = _color_limits([row.error_map for row in rows])
    mm_per_ratio = MM_PER_M * reach
    color_range_mm = (mm_per_ratio * lower, mm_per_ratio * upper)
    half = 1.02 * reach
    row_count = ceil(len(rows) / GRID_COLUMN_COUNT)
    with styled_figure(PLOT_WIDTH_INCH, 1.0 + 2.15 * row_count) as figure:
        grid = _grid_axes(figure, len(rows))
        for row, axes in zip(rows, grid, strict=True):
            error = row.error_map
            if np.isfinite(error).any():
                # Without an answer: the colour of the largest error.
                error = np.where(np.isinf(error), upper, error)
            else:
                axes.text(0.0, 0.5 * reach, 'no answer', ha='center', fontsize=TITLE_FONT_PT)
            extent = (-half, half, -half, half)
            image = draw_image(axes, mm_per_ratio * error, extent, color_range_mm)
            format_plane_axes(axes, reach)
            axes.set_title(fill(row.label, MAX_TITLE_CHARACTERS), fontsize=TITLE_FONT_PT)
            _label_outer_axes(axes, 'x, m', 'y, m')
        draw_color_bar(figure, image, grid, reach)
        return to_picture(figure, 'Maps of the tip error over the workspace, by method')


def _color_limits(maps: Sequence[Array]) -> ColorRange:
    """Return the limits of the colour scale, fractions of reach: exact, and the largest error."""
    finite = [error[np.isfinite(error)] for error in maps]
    largest = max((float(error.max()) for error in finite if len(error)), default=1.0)
    return MAX_TIP_ERROR_RATIO, 10.0 ** ceil(log10(max(largest, 2.0 * MAX_TIP_ERROR_RATIO)))


def draw_joints(comparison: Comparison) -> Picture:
    """Draw the joints of each method along the figure eight, over the exact joints."""
    rows = [row for row in comparison.rows if not row.refined]
    exact = _exact_joints(comparison)
    path_fraction = np.linspace(0.0, 1.0, len(exact))
    with styled_figure(PLOT_WIDTH_INCH, 0.6 + 1.75 * ceil(len(rows) / GRID_COLUMN_COUNT)) as figure:
        for row, axes in zip(rows, _grid_axes(figure, len(rows)), strict=True):
            axes.plot(path_fraction, exact, color=GREY, lw=4.0, alpha=0.55)
            for joint, color in enumerate((ORANGE, BLUE)):
                axes.plot(path_fraction, row.figure_eight_joints[:, joint], color=color, lw=1.1)
            axes.set_title(fill(row.label, MAX_TITLE_CHARACTERS), fontsize=TITLE_FONT_PT)
            axes.grid(True)
            _label_outer_axes(axes, 'along the figure', 'rad')
        names = (('joint 1', ORANGE, 1.1), ('joint 2', BLUE, 1.1), ('exact', GREY, 4.0))
        figure.legend(
            handles=[_legend_line(*name) for name in names], loc='outside upper center', ncols=3
        )
        return to_picture(figure, 'Both joints along the test figure, by method')


def draw_smoothness(comparison: Comparison) -> Picture:
    """Draw the second differences of each method's joints along the figure eight."""
    rows = [row for row in comparison.rows if not row.refined]
    exact = _second_differences(_exact_joints(comparison))
    differences = [_second_differences(row.figure_eight_joints) for row in rows]
    largest = max((np.nanmax(each) for each in differences if np.isfinite(each).any()), default=0.0)
    path_fraction = np.linspace(0.0, 1.0, len(exact))
    with styled_figure(PLOT_WIDTH_INCH, 0.6 + 1.75 * ceil(len(rows) / GRID_COLUMN_COUNT)) as figure:
        grid = _grid_axes(figure, len(rows))
        for row, difference, axes in zip(rows, differences, grid, strict=True):
            axes.plot(path_fraction, exact, color=GREY, lw=4.0, alpha=0.55)
            axes.plot(path_fraction, difference, color=ORANGE, lw=1.1)
            roughness = seed_statistics(row)['roughness_ratio']
            if roughness is not None:
                text = f'×{format_quantity(roughness.median)}'
                axes.text(0.03, 0.05, text, fontsize=TITLE_FONT_PT, transform=axes.transAxes)
            axes.set_title(fill(row.label, MAX_TITLE_CHARACTERS), fontsize=TITLE_FONT_PT)
            axes.set_yscale('log')
            axes.grid(True)
            _label_outer_axes(axes, 'along the figure', 'rad')
        lower, upper = 0.1 * exact.min(), 2.0 * max(largest, exact.max())
        grid[0].set_ylim(lower, upper)  # all axes share these
        set_log_ticks(grid[0].yaxis, log10(upper / lower))
        names = (('method', ORANGE, 1.1), ('exact', GREY, 4.0))
        figure.legend(
            handles=[_legend_line(*name) for name in names], loc='outside upper center', ncols=3
        )
        return to_picture(
            figure, 'Second differences of the joints along the test figure, by method'
        )


def _exact_joints(comparison: Comparison) -> Array:
    """Return (N, 2) exact joints of the figure eight, on the branch of most answers."""
    arm, xy = comparison.arm, comparison.figure_eight_xy
    elbow_sine = np.concatenate(
        [arm.elbow_sine_batch(row.figure_eight_joints) for row in comparison.rows]
    )
    branch = -1 if (elbow_sine < 0.0).sum() > (elbow_sine > 0.0).sum() else 1
    return arm.closed_form_batch(xy, np.full(len(xy), branch, dtype=np.int8), np.array(arm.home))


def _second_differences(q: Array) -> Array:
    """Return (N - 2,) lengths of the second differences of (N, 2) joints, rad."""
    lengths: Array = np.maximum(
        np.linalg.norm(np.diff(q, n=2, axis=0), axis=1), MIN_SHOWN_SECOND_DIFFERENCE_RAD
    )
    return lengths


def _legend_line(label: str, color: str, width: float) -> Line2D:
    return Line2D([], [], color=color, lw=width, label=label)


def _label_outer_axes(axes: Axes, x: str, y: str) -> None:
    """Label the axes at the left and at the lower end of the grid."""
    position = axes.get_subplotspec()
    if axes.xaxis.get_tick_params(which='major').get('labelbottom'):
        axes.set_xlabel(x)
    if position is not None and position.is_first_col():
        axes.set_ylabel(y)


def _grid_axes(figure: Figure, count: int) -> list[Axes]:
    """Return axes in a grid that share their scales; the rest of the last row stays empty."""
    row_count = ceil(count / GRID_COLUMN_COUNT)
    grid = figure.subplots(
        row_count, min(count, GRID_COLUMN_COUNT), sharex=True, sharey=True, squeeze=False
    )
    all_axes: list[Axes] = list(grid.ravel())
    for axes in all_axes[count:]:
        axes.remove()
    for axes in all_axes[max(count - GRID_COLUMN_COUNT, 0) : count]:
        axes.tick_params(labelbottom=True)
    return all_axes[:count]
