"""The plot of errors against time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median_high
from textwrap import fill

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from ik_nn_ros.arm.plane import Array
from ik_nn_ros.arm.targets import EXACT
from ik_nn_ros.learning.compare.labels import Label, place_labels
from ik_nn_ros.learning.compare.results import Comparison, Kind, Row
from ik_nn_ros.learning.report.style import (
    BLACK,
    BLUE,
    GREY,
    ORANGE,
    Picture,
    drawing,
    log_ticks,
    to_picture,
)

GREEN = '#009e73'
COLORS = {
    Kind.CLOSED_FORM: BLACK,
    Kind.NUMERICAL: GREEN,
    Kind.NETWORK: ORANGE,
    Kind.PATH_NETWORK: BLUE,
}
MARKERS = {
    Kind.CLOSED_FORM: '*',
    Kind.NUMERICAL: 's',
    Kind.NETWORK: 'o',
    Kind.PATH_NETWORK: 'D',
}
FLOOR, CEILING = 1e-17, 3.0
"""Fractions of reach that stand for no error at all, and for no answer."""
TIGHTER = 0.4
"""Height of a decade of errors that count as exact, as a share of one of others."""
LINE = 24
"""The most characters of a line of a name."""
LINK_POINTS = 25
"""Of a line, that names keep off."""


@dataclass(frozen=True)
class Point:
    """
    Where a row stands.

    :param row: the row
    :param us: time of a target, µs
    :param p50: error along paths, fraction of reach, kept on the axis
    :param p99: the same
    """

    row: Row
    us: float
    p50: float
    p99: float

    @classmethod
    def of(cls, row: Row) -> Point:
        """Return the medians over the seeds; without a time for one target, that among many."""
        p50, p99 = (
            median_high(on_axis(getattr(run.along_path, name)) for run in row.runs)
            for name in ('p50', 'p99')
        )
        return cls(row, 1e6 / row.batch if row.single is None else row.single, p50, p99)

    @property
    def name(self) -> str:
        """The method, with a mark where the time is not that of a target by itself."""
        return fill(self.row.label + ('*' if self.row.single is None else ''), LINE)


def on_axis(error: float) -> float:
    """Return an error with what is off the axis put at its end."""
    return min(max(error, FLOOR), CEILING)


def draw_error_time(comparison: Comparison) -> Picture:
    """Draw the error of each method against its time, alone and refined."""
    points = [Point.of(row) for row in comparison.rows]
    alone = {point.row.name: point for point in points if not point.row.refined}
    links = [
        (alone[point.row.name], point)
        for point in points
        if point.row.refined and point.row.name in alone
    ]
    with drawing(8.4, 7.6) as figure:
        axes = figure.add_subplot()
        _axes(axes, points)
        for point in points:
            _draw(axes, point)
        for start, end in links:
            axes.annotate(
                '',
                (end.us, end.p50),
                (start.us, start.p50),
                arrowprops={'arrowstyle': '->', 'color': GREY, 'lw': 0.8, 'shrinkB': 4},
                zorder=1,
            )
        figure.legend(handles=_legend(points), loc='outside upper center', ncols=4, fontsize=9.0)
        labels = [
            Label(point.name, point.us, point.p50, COLORS[point.row.kind])
            for point in alone.values()
        ]
        place_labels(axes, labels, _marks(axes, points, links))
        return to_picture(figure, 'Tip error of each method against its time for a target')


def _axes(axes: Axes, points: Iterable[Point]) -> None:
    times = [point.us for point in points]
    low, high = 0.6 * min(times), 2.5 * max(times)
    axes.set(xscale='log', xlim=(low, high), xlabel='time of one target, µs')
    log_ticks(axes.xaxis, float(np.log10(high / low)))
    axes.set_yscale('function', functions=(_height, _error))
    axes.set_ylim(FLOOR / 2.0, CEILING * 2.0)
    axes.set_ylabel('tip error along paths, fraction of reach')
    axes.yaxis.set_major_locator(FixedLocator([1e-15, 1e-12, *(10.0 ** np.arange(-9, 1))]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f'$10^{{{round(np.log10(value))}}}$')
    )
    axes.grid(True)
    axes.axhline(EXACT, color=GREY, lw=1.0, ls='--')
    axes.axhspan(FLOOR / 2.0, EXACT, color=GREY, alpha=0.08, lw=0.0)


def _height(error: Array) -> Array:
    decades = np.log10(np.maximum(error, 1e-30) / EXACT)
    return np.where(decades < 0.0, TIGHTER * decades, decades)


def _error(height: Array) -> Array:
    height = np.asarray(height)
    return np.asarray(EXACT * 10.0 ** np.where(height < 0.0, height / TIGHTER, height))


def _draw(axes: Axes, point: Point) -> None:
    color = COLORS[point.row.kind]
    axes.plot([point.us] * 2, [point.p50, point.p99], color=color, lw=1.2, alpha=0.7)
    axes.plot(point.us, point.p99, '_', color=color, ms=7, mew=1.2)
    axes.plot(
        point.us,
        point.p50,
        MARKERS[point.row.kind],
        color=color,
        mfc='white' if point.row.refined else color,
        ms=11 if point.row.kind is Kind.CLOSED_FORM else 7,
    )
    if point.p99 == CEILING:
        axes.plot(point.us, 1.3 * CEILING, '^', color=color, ms=5)


def _marks(axes: Axes, points: Iterable[Point], links: Iterable[tuple[Point, Point]]) -> Array:
    """Return (M, 2) places, data, that no name should lie on."""
    low, high = axes.get_xlim()
    ends = [((point.us, point.p50), (point.us, point.p99)) for point in points]
    ends += [((start.us, start.p50), (end.us, end.p50)) for start, end in links]
    ends += [((low, EXACT), (high, EXACT))]
    ends += [((point.us, point.p50),) * 2 for point in points]
    shown = axes.transData.transform(np.reshape(ends, (-1, 2))).reshape(-1, 2, 2)
    along = np.linspace(0.0, 1.0, LINK_POINTS)[:, None, None]
    between = shown[:, 0] + along * (shown[:, 1] - shown[:, 0])
    return np.asarray(axes.transData.inverted().transform(between.reshape(-1, 2)))


def _legend(points: Sequence[Point]) -> list[Artist]:
    kinds = [kind for kind in Kind if any(point.row.kind is kind for point in points)]
    marks = [
        Line2D([], [], color=COLORS[kind], marker=MARKERS[kind], ls='', label=kind.value)
        for kind in kinds
    ]
    bar = Line2D([], [], color=GREY, marker='_', lw=1.2, label='from p50 (mark) to p99')
    exact = Patch(color=GREY, alpha=0.2, label='exact: at most $10^{-9}$')
    more: list[Artist] = [bar, exact]
    if any(point.row.refined for point in points):
        hollow = Line2D([], [], color=GREY, marker='o', mfc='white', ls='')
        hollow.set_label('after Newton steps')
        more = [hollow, *more]
    if any(point.row.single is None for point in points):
        more.append(Line2D([], [], ls='', label='* time among many at once'))
    return [*marks, *more]
