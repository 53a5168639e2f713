"""Plots of a report: distributions, test path, training curve, maps and recordings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ik_nn_ros.arm.geometry import Array
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.studies.accuracy import METHODS, Accuracy
from ik_nn_ros.studies.plot_style import (
    BLACK,
    BLUE,
    COLOR_MAP,
    GREY,
    METHOD_COLORS,
    METHOD_LABELS,
    METHOD_LINE_STYLES,
    MM_PER_M,
    ORANGE,
    Picture,
    format_error_axis,
    format_plane_axes,
    reach_axis_functions,
    set_log_ticks,
    styled_figure,
    to_picture,
)
from ik_nn_ros.studies.report.joint_path import JointPath
from ik_nn_ros.studies.report.measure import TrainingCurvePoint
from ik_nn_ros.studies.report.recorded import RecordedErrors, vector_lengths
from ik_nn_ros.studies.report.workspace_map import BranchMap

MIN_SHOWN_ERROR_RATIO = 1e-18
"""Error that zero is shown at on a logarithmic axis, as a fraction of reach."""
CURVE_POINT_COUNT = 600
"""Number of points of a cumulative curve up to 99 %, and above."""
MAX_COLOR_DECADES = 6
"""Largest number of decades of a colour scale."""
DECADE_STEPS = (1.0, 2.0, 5.0)
"""Round numbers within a decade."""
MAX_MAP_CELLS = 24
"""Number of cells along the longer side of a map of recorded samples."""
ARROW_KEY_QUANTILE = 0.9
"""Share of the arrows that are at most as long as the one in the key."""

ColorRange = tuple[float, float]
"""Limits of a colour scale, mm."""
ImageExtent = tuple[float, float, float, float]
"""Left, right, bottom, top of an image, m."""


class CumulativeCurve(NamedTuple):
    """A cumulative curve: (N,) errors, m, and its style."""

    errors: Array
    label: str
    color: str
    line_style: str


def draw_distribution(accuracy: Accuracy, reach: float) -> Picture:
    """Draw the cumulative distribution of the tip error, by method."""
    curves = [
        CumulativeCurve(
            accuracy.errors[method],
            METHOD_LABELS[method],
            METHOD_COLORS[method],
            METHOD_LINE_STYLES[method],
        )
        for method in METHODS
    ]
    return draw_cumulative(curves, 'targets', reach)


def draw_cumulative(curves: Iterable[CumulativeCurve], what: str, reach: float) -> Picture:
    """
    Draw cumulative distributions of errors.

    :param curves: the errors and their styles
    :param what: plural noun for what has the errors
    :param reach: reach of the arm, m
    """
    share = np.concatenate(
        (np.linspace(0.0, 0.99, CURVE_POINT_COUNT), np.linspace(0.99, 1.0, CURVE_POINT_COUNT))
    )
    with styled_figure(9.6, 4.6) as figure:
        axes = figure.add_subplot()
        for errors, label, color, style in curves:
            value = np.maximum(
                np.quantile(errors, share, method='higher'), MIN_SHOWN_ERROR_RATIO * reach
            )
            axes.plot(MM_PER_M * value, share, style, color=color, lw=1.8, label=label)
        format_error_axis(axes, reach)
        axes.set(ylim=(0.0, 1.02), ylabel=f'share of {what} with at most this error')
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.grid(True)
        axes.legend(loc='best')
        return to_picture(figure, f'Cumulative distribution of the tip error of {what}')


def draw_path(path: JointPath, branch_map: BranchMap, arm: ArmModel) -> Picture:
    """Draw the path in the plane, both joints along it, and the tip error."""
    with styled_figure(9.6, 7.6) as figure:
        plane, first, error, second = figure.subplots(2, 2).ravel()
        _draw_plane(plane, path, branch_map, arm)
        for joint, axes in enumerate((first, second)):
            _draw_joint(axes, path, arm, joint)
        for q, label, color, line in _path_curves(path):
            distance = MM_PER_M * path.tip_errors(arm, q)
            error.plot(
                path.path_fraction,
                np.maximum(distance, MM_PER_M * MIN_SHOWN_ERROR_RATIO),
                line,
                color=color,
                label=label,
            )
        error.set(yscale='log', xlabel='along the path', ylabel='tip error, mm')
        error.set_title('distance of the tip from the path')
        error.grid(True)
        error.margins(x=0.0)
        return to_picture(figure, 'A test path: tip in the plane, both joints, and the error')


def draw_training_curve(curve: list[TrainingCurvePoint], reach: float) -> Picture:
    """Draw the errors on held-out targets during the training, by stage."""
    stages = list(dict.fromkeys(point.stage for point in curve))
    with styled_figure(9.6, 4.6) as figure:
        columns = figure.subplots(1, len(stages), sharey=True, squeeze=False)[0]
        for axes, stage in zip(columns, stages, strict=True):
            points = [point for point in curve if point.stage == stage]
            steps = [point.step for point in points]
            for name, label, color, line in (
                ('worst', 'largest', ORANGE, '.-'),
                ('p50', 'median', BLUE, '.--'),
            ):
                errors = [MM_PER_M * reach * getattr(point, name) for point in points]
                axes.plot(steps, errors, line, ms=4, lw=1.2, color=color, label=label)
            axes.set(yscale='log', xlabel='step', title=stage)
            axes.grid(True)
        columns[0].set_ylabel('tip error, mm')
        columns[0].legend()
        right = columns[-1].secondary_yaxis('right', functions=reach_axis_functions(reach))
        right.set_ylabel('as a fraction of reach')
        return to_picture(figure, 'Median and largest held-out error over the training')


def _path_curves(path: JointPath) -> tuple[tuple[Array, str, str, str], ...]:
    return (
        (path.hybrid, 'hybrid solver', BLUE, '-'),
        (path.network, 'network alone', ORANGE, '--'),
    )


def _draw_plane(axes: Axes, path: JointPath, branch_map: BranchMap, arm: ArmModel) -> None:
    side = branch_map.coordinates
    axes.contourf(side, side, branch_map.reachable.astype(float), levels=(0.5, 1.5), colors=['0.9'])
    format_plane_axes(axes, arm.reach)
    axes.plot(*path.xy.T, color=BLACK, lw=3.0, alpha=0.25, label='target')
    for q, label, color, line in _path_curves(path):
        axes.plot(*arm.fk(q).T, line, color=color, lw=1.3, label=label)
    axes.plot(*path.xy[0], 'o', color=BLACK, ms=4, label='start')
    axes.set(
        xlabel='x, m', ylabel='y, m', title=f'path of the tip, {branch_map.branch_name} branch'
    )
    axes.legend(loc='upper left', fontsize=8.5, frameon=True, framealpha=0.85)


def _draw_joint(axes: Axes, path: JointPath, arm: ArmModel, joint: int) -> None:
    for q, label, color, line in _path_curves(path):
        axes.plot(path.path_fraction, q[:, joint], line, color=color, lw=1.5, label=label)
    limits = [bound for bound in (arm.lower[joint], arm.upper[joint]) if np.isfinite(bound)]
    for number, bound in enumerate(limits):
        axes.axhline(bound, color=GREY, lw=1.2, ls='-.', label=None if number else 'limits')
    axes.set(xlabel='along the path', ylabel=f'q{joint + 1}, rad')
    title = arm.joint_names[joint] + ('' if limits else ' (no limits)')
    axes.set_title(title, parse_math=False)
    axes.grid(True)
    axes.margins(x=0.0)
    if joint == 0:
        axes.legend(loc='best', fontsize=8.5, frameon=True, framealpha=0.85)


def draw_maps(maps: list[BranchMap], reach: float) -> Picture:
    """Draw the error of each method over the workspace, a row for each branch."""
    with styled_figure(9.6, 1.5 + 3.1 * len(maps)) as figure:
        axes = figure.subplots(len(maps), len(METHODS), sharex=True, sharey=True, squeeze=False)
        for column, method in enumerate(METHODS):
            errors = [MM_PER_M * branch_map.errors[method] for branch_map in maps]
            limits = color_range(np.concatenate([error.ravel() for error in errors]))
            half = maps[0].coordinates[-1]
            for row, (branch_map, error) in enumerate(zip(maps, errors, strict=True)):
                cell = axes[row, column]
                image = draw_image(cell, error, (-half, half, -half, half), limits)
                format_plane_axes(cell, reach)
                cell.set_title(
                    f'{METHOD_LABELS[method]}, {branch_map.branch_name} branch', fontsize=10
                )
            axes[-1, column].set_xlabel('x, m')
            draw_color_bar(figure, image, list(axes[:, column]), reach)
        for row in range(len(maps)):
            axes[row, 0].set_ylabel('y, m')
        return to_picture(figure, 'Maps of the tip error over the workspace, by method and branch')


def color_range(values: Array) -> ColorRange:
    """Return round limits of the finite and positive values."""
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
    """Draw (n, n) values; NaN stays blank, and values beyond the scale get its last colour."""
    return axes.imshow(
        np.ma.masked_invalid(np.clip(values, *color_range_mm)),
        origin='lower',
        extent=extent,
        cmap=COLOR_MAP,
        norm=LogNorm(*color_range_mm),
        interpolation='none',
    )


def draw_color_bar(figure: Figure, image: Any, axes: list[Axes], reach: float) -> None:
    """Draw the colour scale of an image below axes, in mm and in fractions of reach."""
    bar = figure.colorbar(
        image, ax=axes, location='bottom', shrink=0.8, aspect=22, pad=0.02, label='tip error, mm'
    )
    top = bar.ax.secondary_xaxis('top', functions=reach_axis_functions(reach))
    top.set_xlabel('as a fraction of reach')
    decades = log10(image.norm.vmax / image.norm.vmin)
    for axis in (bar.ax.xaxis, top.xaxis):
        set_log_ticks(axis, decades)


def draw_recorded_distribution(recorded: RecordedErrors, reach: float) -> Picture:
    """Draw the cumulative distribution of the recorded errors before and after calibration."""
    curves = [
        CumulativeCurve(vector_lengths(offset), label, color, line)
        for offset, label, color, line in (
            (recorded.before, 'before: URDF', ORANGE, '-'),
            (recorded.after, 'after: calibrated', BLUE, '--'),
        )
        if offset is not None
    ]
    return draw_cumulative(curves, 'samples', reach)


def draw_recorded_maps(recorded: RecordedErrors, reach: float) -> Picture:
    """Draw maps of the recorded errors: the median in each cell, as colour and arrow."""
    kept = ~recorded.is_outlier
    xy = recorded.xy[kept]
    cells = {'before: URDF': _cell_medians(xy, MM_PER_M * recorded.before[kept])}
    if recorded.after is not None:
        cells['after: calibrated'] = _cell_medians(xy, MM_PER_M * recorded.after[kept])
    limits = color_range(np.concatenate([cell.length_mm.ravel() for cell in cells.values()]))
    with styled_figure(9.6, 5.8) as figure:
        columns = figure.subplots(1, 2, sharex=True, sharey=True)
        for axes, (name, cell) in zip(columns, cells.items(), strict=False):
            image = draw_image(axes, cell.length_mm, cell.extent, limits)
            _draw_arrows(axes, cell)
            axes.set_title(name, loc='left')
            axes.set_xlabel('x, m')
        columns[0].set_ylabel('y, m')
        for axes in columns[len(cells) :]:
            axes.set_visible(False)
        draw_color_bar(figure, image, list(columns[: len(cells)]), reach)
        return to_picture(figure, 'Maps of the recorded tip error, before and after calibration')


@dataclass(frozen=True)
class _CellMedians:
    """
    Medians of vectors in the cells of a grid; NaN in an empty cell.

    :param cell_width: width of a cell, m
    :param corner: (2,) lower left corner of the grid, m
    :param length_mm: (rows, columns) medians of the lengths, mm
    :param vector_mm: (rows, columns, 2) medians of the vectors, mm
    """

    cell_width: float
    corner: Array
    length_mm: Array
    vector_mm: Array

    @property
    def extent(self) -> ImageExtent:
        """The extent of the grid in the plane, m."""
        (left, bottom), (rows, columns) = self.corner.tolist(), self.length_mm.shape
        return left, left + columns * self.cell_width, bottom, bottom + rows * self.cell_width


def _cell_medians(xy: Array, offset: Array) -> _CellMedians:
    """
    Return medians of vectors in the cells of a grid over their points.

    :param xy: (N, 2) points, m
    :param offset: (N, 2) vectors, mm
    """
    corner, span = xy.min(axis=0), np.ptp(xy, axis=0)
    width = float(span.max()) / (MAX_MAP_CELLS - 1) or 1e-3  # for a single point
    cell = np.floor((xy - corner) / width + 0.5).astype(int)
    columns, rows = (cell.max(axis=0) + 1).tolist()
    length, vector = np.full((rows, columns), np.nan), np.full((rows, columns, 2), np.nan)
    for column, row in np.unique(cell, axis=0).tolist():
        in_cell = (cell == (column, row)).all(axis=1)
        length[row, column] = np.median(np.hypot(*offset[in_cell].T))
        vector[row, column] = np.median(offset[in_cell], axis=0)
    return _CellMedians(width, corner - width / 2.0, length, vector)


def _draw_arrows(axes: Axes, cells: _CellMedians) -> None:
    """Draw the vectors to a scale that makes nearly all shorter than two cells."""
    rows, columns = cells.length_mm.shape
    (left, bottom), width = cells.corner.tolist(), cells.cell_width
    key_length_mm = float(
        np.nanquantile(
            np.hypot(cells.vector_mm[..., 0], cells.vector_mm[..., 1]), ARROW_KEY_QUANTILE
        )
    )
    if not key_length_mm > 0.0:
        return
    quiver = axes.quiver(
        left + width * (np.arange(columns) + 0.5),
        bottom + width * (np.arange(rows) + 0.5),
        *np.moveaxis(cells.vector_mm, -1, 0),
        angles='xy',
        scale_units='xy',
        scale=key_length_mm / (2.0 * width),
        units='inches',
        width=0.02,
        color='white',
        edgecolor='black',
        linewidth=0.5,
    )
    key = float(f'{key_length_mm:.1g}')
    axes.quiverkey(quiver, 0.82, 1.03, key, f'{key:g} mm', labelpos='E', coordinates='axes')
