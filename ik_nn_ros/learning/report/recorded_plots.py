"""The plots of recorded samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from ik_nn_ros.arm.plane import Array
from ik_nn_ros.learning.report.map_plots import ImageExtent, color_range, draw_color_bar, draw_image
from ik_nn_ros.learning.report.plots import CumulativeCurve, draw_cumulative
from ik_nn_ros.learning.report.recorded import RecordedErrors, vector_lengths
from ik_nn_ros.learning.report.style import (
    BLUE,
    MM_PER_M,
    ORANGE,
    Picture,
    styled_figure,
    to_picture,
)

MAX_MAP_CELLS = 24
"""Along the longer side of a map of recorded samples."""
ARROW_KEY_QUANTILE = 0.9
"""Share of the arrows that are not longer than the one in the key."""


def draw_recorded_distribution(recorded: RecordedErrors, reach: float) -> Picture:
    """Draw the share of recorded samples below each error, before and after calibration."""
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
    """Draw the recorded errors where samples are: median by cell, and which way."""
    kept = ~recorded.is_outlier
    xy = recorded.xy[kept]
    cells = {'before: URDF': _cell_medians(xy, MM_PER_M * recorded.before[kept])}
    if recorded.after is not None:
        cells['after: calibrated'] = _cell_medians(xy, MM_PER_M * recorded.after[kept])
    ends = color_range(np.concatenate([cell.length_mm.ravel() for cell in cells.values()]))
    with styled_figure(9.6, 5.8) as figure:
        axes = figure.subplots(1, 2, sharex=True, sharey=True)
        for place, (name, cell) in zip(axes, cells.items(), strict=False):
            image = draw_image(place, cell.length_mm, cell.extent, ends)
            _draw_arrows(place, cell)
            place.set_title(name, loc='left')
            place.set_xlabel('x, m')
        axes[0].set_ylabel('y, m')
        for place in axes[len(cells) :]:
            place.set_visible(False)
        draw_color_bar(figure, image, list(axes[: len(cells)]), reach)
        return to_picture(figure, 'Maps of the recorded tip error, before and after calibration')


@dataclass(frozen=True)
class _CellMedians:
    """
    Medians of vectors in the cells of a grid; NaN: an empty cell.

    :param width: of a cell, m
    :param corner: (2,) lower left corner of the grid, m
    :param size: (rows, columns) of their lengths, mm
    :param vector: (rows, columns, 2) of the vectors, mm
    """

    cell_width: float
    corner: Array
    length_mm: Array
    vector_mm: Array

    @property
    def extent(self) -> ImageExtent:
        """The grid's place in the plane."""
        (left, bottom), (rows, columns) = self.corner.tolist(), self.length_mm.shape
        return left, left + columns * self.cell_width, bottom, bottom + rows * self.cell_width


def _cell_medians(xy: Array, offset: Array) -> _CellMedians:
    """
    Lay a grid over points (N, 2), m, and take medians in its cells.

    :param offset: (N, 2), mm
    """
    corner, span = xy.min(axis=0), np.ptp(xy, axis=0)
    width = float(span.max()) / (MAX_MAP_CELLS - 1) or 1e-3  # a single point has a map, too
    cell = np.floor((xy - corner) / width + 0.5).astype(int)
    columns, rows = (cell.max(axis=0) + 1).tolist()
    size, vector = np.full((rows, columns), np.nan), np.full((rows, columns, 2), np.nan)
    for column, row in np.unique(cell, axis=0).tolist():
        inside = (cell == (column, row)).all(axis=1)
        size[row, column] = np.median(np.hypot(*offset[inside].T))
        vector[row, column] = np.median(offset[inside], axis=0)
    return _CellMedians(width, corner - width / 2.0, size, vector)


def _draw_arrows(axes: Axes, cells: _CellMedians) -> None:
    """Draw the vectors; nearly all are shorter than two cells."""
    rows, columns = cells.length_mm.shape
    (left, bottom), width = cells.corner.tolist(), cells.cell_width
    long = float(
        np.nanquantile(
            np.hypot(cells.vector_mm[..., 0], cells.vector_mm[..., 1]), ARROW_KEY_QUANTILE
        )
    )
    if not long > 0.0:
        return
    quiver = axes.quiver(
        left + width * (np.arange(columns) + 0.5),
        bottom + width * (np.arange(rows) + 0.5),
        *np.moveaxis(cells.vector_mm, -1, 0),
        angles='xy',
        scale_units='xy',
        scale=long / (2.0 * width),
        units='inches',
        width=0.02,
        color='white',
        edgecolor='black',
        linewidth=0.5,
    )
    key = float(f'{long:.1g}')
    axes.quiverkey(quiver, 0.82, 1.03, key, f'{key:g} mm', labelpos='E', coordinates='axes')
