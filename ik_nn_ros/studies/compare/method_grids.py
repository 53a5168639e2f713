"""Plots with a panel for each method: error maps, joints along the test figure, smoothness."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, log10
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ik_nn_ros.arm.model import Array
from ik_nn_ros.ik.verification import MAX_TIP_ERROR_RATIO
from ik_nn_ros.studies.compare import tables as cells
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
"""Panels in a line."""
PLOT_WIDTH_INCH = 8.4
"""Of a plot, inches."""
TITLE_FONT_PT, MAX_TITLE_CHARACTERS = 9.0, 24
"""Size of a title, pt, and the most characters of a line of it."""
MIN_SHOWN_SECOND_DIFFERENCE_RAD = 1e-7
"""Second difference, rad, that stands for none."""


def draw_maps(comparison: Comparison) -> Picture:
    """Draw the error of each method over the workspace, all by one scale."""
    rows = [row for row in comparison.rows if not row.refined]
    reach = comparison.arm.reach
    shown = [row.error_map for row in rows]
    ends = _color_limits(shown)
    half = 1.02 * reach
    lines = ceil(len(rows) / GRID_COLUMN_COUNT)
    with styled_figure(PLOT_WIDTH_INCH, 1.0 + 2.15 * lines) as figure:
        panels = _grid_axes(figure, len(rows))
        for row, error, axes in zip(rows, shown, panels, strict=True):
            if np.isfinite(error).any():
                # No answer at all: as bad as it gets.
                error = np.where(np.isinf(error), ends[1], error)
            else:
                axes.text(0.0, 0.5 * reach, 'no answer', ha='center', fontsize=TITLE_FONT_PT)
            error, in_mm = (
                MM_PER_M * reach * error,
                (MM_PER_M * reach * ends[0], MM_PER_M * reach * ends[1]),
            )
            image = draw_image(axes, error, (-half, half, -half, half), in_mm)
            format_plane_axes(axes, reach)
            axes.set_title(fill(row.label, MAX_TITLE_CHARACTERS), fontsize=TITLE_FONT_PT)
            _label_outer_axes(axes, 'x, m', 'y, m')
        draw_color_bar(figure, image, panels, reach)
        return to_picture(figure, 'Maps of the tip error over the workspace, by method')


def _color_limits(maps: Sequence[Array]) -> ColorRange:
    """Return the ends of the scale of colours, fractions of reach: from exact to the largest."""
    finite = [error[np.isfinite(error)] for error in maps]
    largest = max((float(error.max()) for error in finite if len(error)), default=1.0)
    return MAX_TIP_ERROR_RATIO, 10.0 ** ceil(log10(max(largest, 2.0 * MAX_TIP_ERROR_RATIO)))


def draw_joints(comparison: Comparison) -> Picture:
    """Draw the joints of each method along the test figure, over the exact ones."""
    rows = [row for row in comparison.rows if not row.refined]
    exact = _exact_joints(comparison)
    along = np.linspace(0.0, 1.0, len(exact))
    with styled_figure(PLOT_WIDTH_INCH, 0.6 + 1.75 * ceil(len(rows) / GRID_COLUMN_COUNT)) as figure:
        for row, axes in zip(rows, _grid_axes(figure, len(rows)), strict=True):
            axes.plot(along, exact, color=GREY, lw=4.0, alpha=0.55)
            for joint, color in enumerate((ORANGE, BLUE)):
                axes.plot(along, row.figure_eight_joints[:, joint], color=color, lw=1.1)
            axes.set_title(fill(row.label, MAX_TITLE_CHARACTERS), fontsize=TITLE_FONT_PT)
            axes.grid(True)
            _label_outer_axes(axes, 'along the figure', 'rad')
        names = (('joint 1', ORANGE, 1.1), ('joint 2', BLUE, 1.1), ('exact', GREY, 4.0))
        figure.legend(
            handles=[_legend_line(*name) for name in names], loc='outside upper center', ncols=3
        )
        return to_picture(figure, 'Both joints along the test figure, by method')


def draw_smoothness(comparison: Comparison) -> Picture:
    """Draw the second differences of the joints of each method along the test figure."""
    rows = [row for row in comparison.rows if not row.refined]
    exact = _second_differences(_exact_joints(comparison))
    turning = [_second_differences(row.figure_eight_joints) for row in rows]
    most = max((np.nanmax(each) for each in turning if np.isfinite(each).any()), default=0.0)
    along = np.linspace(0.0, 1.0, len(exact))
    with styled_figure(PLOT_WIDTH_INCH, 0.6 + 1.75 * ceil(len(rows) / GRID_COLUMN_COUNT)) as figure:
        panels = _grid_axes(figure, len(rows))
        for row, turned, axes in zip(rows, turning, panels, strict=True):
            axes.plot(along, exact, color=GREY, lw=4.0, alpha=0.55)
            axes.plot(along, turned, color=ORANGE, lw=1.1)
            roughness = seed_statistics(row)['roughness_ratio']
            if roughness is not None:
                axes.text(0.03, 0.05, f'×{cells.format_quantity(roughness.median)}', fontsize=TITLE_FONT_PT,
                          transform=axes.transAxes)  # fmt: skip
            axes.set_title(fill(row.label, MAX_TITLE_CHARACTERS), fontsize=TITLE_FONT_PT)
            axes.set_yscale('log')
            axes.grid(True)
            _label_outer_axes(axes, 'along the figure', 'rad')
        ends = 0.1 * exact.min(), 2.0 * max(most, exact.max())
        panels[0].set_ylim(*ends)
        set_log_ticks(panels[0].yaxis, log10(ends[1] / ends[0]))  # of all: they share it
        names = (('method', ORANGE, 1.1), ('exact', GREY, 4.0))
        figure.legend(
            handles=[_legend_line(*name) for name in names], loc='outside upper center', ncols=3
        )
        return to_picture(
            figure, 'Second differences of the joints along the test figure, by method'
        )


def _exact_joints(comparison: Comparison) -> Array:
    """Return (N, 2) joints of the figure by the closed form, on the side most methods bend to."""
    arm, xy = comparison.arm, comparison.figure_eight_xy
    bends = np.concatenate(
        [arm.elbow_sine_batch(row.figure_eight_joints) for row in comparison.rows]
    )
    side = -1 if (bends < 0.0).sum() > (bends > 0.0).sum() else 1
    return arm.closed_form_batch(xy, np.full(len(xy), side, dtype=np.int8), np.array(arm.home))


def _second_differences(q: Array) -> Array:
    """Return (N - 2,) lengths of the second differences of (N, 2) joints, rad."""
    turning: Array = np.maximum(
        np.linalg.norm(np.diff(q, n=2, axis=0), axis=1), MIN_SHOWN_SECOND_DIFFERENCE_RAD
    )
    return turning


def _legend_line(label: str, color: str, width: float) -> Line2D:
    return Line2D([], [], color=color, lw=width, label=label)


def _label_outer_axes(axes: Axes, x: str, y: str) -> None:
    """Label an axis where no other panel comes after it."""
    place = axes.get_subplotspec()
    if axes.xaxis.get_tick_params(which='major').get('labelbottom'):
        axes.set_xlabel(x)
    if place is not None and place.is_first_col():
        axes.set_ylabel(y)


def _grid_axes(figure: Figure, count: int) -> list[Axes]:
    """Return as many panels that share their axes; what is left of the last line stays empty."""
    lines = ceil(count / GRID_COLUMN_COUNT)
    grid = figure.subplots(
        lines, min(count, GRID_COLUMN_COUNT), sharex=True, sharey=True, squeeze=False
    )
    panels: list[Axes] = list(grid.ravel())
    for axes in panels[count:]:
        axes.remove()
    for axes in panels[max(count - GRID_COLUMN_COUNT, 0) : count]:
        axes.tick_params(labelbottom=True)
    return panels[:count]
