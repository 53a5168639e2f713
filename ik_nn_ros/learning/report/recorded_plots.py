"""The plots of recorded samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from ik_nn_ros.arm.plane import Array
from ik_nn_ros.learning.report.map_plots import Extent, color_scale, draw_color_bar, draw_image
from ik_nn_ros.learning.report.plots import Cumulative, draw_cumulative
from ik_nn_ros.learning.report.recorded import Recorded, distance
from ik_nn_ros.learning.report.style import BLUE, MM, ORANGE, Picture, drawing, to_picture

CELLS = 24
"""Along the longer side of a map of recorded samples."""
LONG = 0.9
"""Share of the arrows that are not longer than the one in the key."""


def draw_recorded_distribution(recorded: Recorded, reach: float) -> Picture:
    """Draw the share of recorded samples below each error, before and after calibration."""
    curves = [
        Cumulative(distance(offset), label, color, line)
        for offset, label, color, line in (
            (recorded.before, 'before: URDF', ORANGE, '-'),
            (recorded.after, 'after: calibrated', BLUE, '--'),
        )
        if offset is not None
    ]
    return draw_cumulative(curves, 'samples', reach)


def draw_recorded_maps(recorded: Recorded, reach: float) -> Picture:
    """Draw the recorded errors where samples are: median by cell, and which way."""
    kept = ~recorded.outlier
    xy = recorded.xy[kept]
    cells = {'before: URDF': _by_cell(xy, MM * recorded.before[kept])}
    if recorded.after is not None:
        cells['after: calibrated'] = _by_cell(xy, MM * recorded.after[kept])
    ends = color_scale(np.concatenate([cell.size.ravel() for cell in cells.values()]))
    with drawing(9.6, 5.8) as figure:
        axes = figure.subplots(1, 2, sharex=True, sharey=True)
        for place, (name, cell) in zip(axes, cells.items(), strict=False):
            image = draw_image(place, cell.size, cell.extent, ends)
            _arrows(place, cell)
            place.set_title(name, loc='left')
            place.set_xlabel('x, m')
        axes[0].set_ylabel('y, m')
        for place in axes[len(cells) :]:
            place.set_visible(False)
        draw_color_bar(figure, image, list(axes[: len(cells)]), reach)
        return to_picture(figure, 'Maps of the recorded tip error, before and after calibration')


@dataclass(frozen=True)
class _Cells:
    """
    Medians of vectors in the cells of a grid; NaN: an empty cell.

    :param width: of a cell, m
    :param corner: (2,) lower left corner of the grid, m
    :param size: (rows, columns) of their lengths, mm
    :param vector: (rows, columns, 2) of the vectors, mm
    """

    width: float
    corner: Array
    size: Array
    vector: Array

    @property
    def extent(self) -> Extent:
        """The grid's place in the plane."""
        (left, bottom), (rows, columns) = self.corner.tolist(), self.size.shape
        return left, left + columns * self.width, bottom, bottom + rows * self.width


def _by_cell(xy: Array, offset: Array) -> _Cells:
    """
    Lay a grid over points (N, 2), m, and take medians in its cells.

    :param offset: (N, 2), mm
    """
    corner, span = xy.min(axis=0), np.ptp(xy, axis=0)
    width = float(span.max()) / (CELLS - 1) or 1e-3  # a single point has a map, too
    cell = np.floor((xy - corner) / width + 0.5).astype(int)
    columns, rows = (cell.max(axis=0) + 1).tolist()
    size, vector = np.full((rows, columns), np.nan), np.full((rows, columns, 2), np.nan)
    for column, row in np.unique(cell, axis=0).tolist():
        inside = (cell == (column, row)).all(axis=1)
        size[row, column] = np.median(np.hypot(*offset[inside].T))
        vector[row, column] = np.median(offset[inside], axis=0)
    return _Cells(width, corner - width / 2.0, size, vector)


def _arrows(axes: Axes, cells: _Cells) -> None:
    """Draw the vectors; nearly all are shorter than two cells."""
    rows, columns = cells.size.shape
    (left, bottom), width = cells.corner.tolist(), cells.width
    long = float(np.nanquantile(np.hypot(cells.vector[..., 0], cells.vector[..., 1]), LONG))
    if not long > 0.0:
        return
    quiver = axes.quiver(
        left + width * (np.arange(columns) + 0.5),
        bottom + width * (np.arange(rows) + 0.5),
        *np.moveaxis(cells.vector, -1, 0),
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
