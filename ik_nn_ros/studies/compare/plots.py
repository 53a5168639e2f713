"""Plots of errors against time, and of errors with noise and beyond reach."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isinf
from statistics import median_high
from textwrap import fill

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from ik_nn_ros.arm.geometry import Array
from ik_nn_ros.ik.verification import MAX_TIP_ERROR_RATIO
from ik_nn_ros.studies.compare.labels import Label, place_labels
from ik_nn_ros.studies.compare.results import CompareRow, Comparison, MethodKind
from ik_nn_ros.studies.plot_style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    Picture,
    set_log_ticks,
    styled_figure,
    to_picture,
)

KIND_COLORS = {
    MethodKind.CLOSED_FORM: BLACK,
    MethodKind.NUMERICAL: GREEN,
    MethodKind.NETWORK: ORANGE,
    MethodKind.PATH_NETWORK: BLUE,
}
KIND_MARKERS = {
    MethodKind.CLOSED_FORM: '*',
    MethodKind.NUMERICAL: 's',
    MethodKind.NETWORK: 'o',
    MethodKind.PATH_NETWORK: 'D',
}
MIN_SHOWN_ERROR_RATIO = 1e-17
"""Error that a smaller one is shown at, as a fraction of reach."""
MAX_SHOWN_ERROR_RATIO = 3.0
"""Error that a missing answer is shown at, as a fraction of reach."""
EXACT_DECADE_HEIGHT_RATIO = 0.4
"""Height of a decade of exact errors, as a multiple of another decade's."""
MAX_LABEL_LINE_CHARACTERS = 24
"""Longest line of a name."""
POINTS_PER_LINK = 25
"""Number of points on a line that names avoid."""
PAIR_OFFSET_FRACTION = 0.17
"""Distance of a mark from the middle of its line if the line has two."""
CONDITION_TITLES = {
    'along_path': 'in reach, without noise',
    'noisy': 'noise of 1 % of reach',
    'outside': 'beyond reach',
}


@dataclass(frozen=True)
class ErrorTimePoint:
    """
    Position of a row in the plot of errors against time.

    :param row: the row
    :param time_us: time of a target, µs
    :param p50: median error along paths, as a fraction of reach, within the axis
    :param p99: 99th percentile of the errors, the same way
    """

    row: CompareRow
    time_us: float
    p50: float
    p99: float

    @classmethod
    def from_row(cls, row: CompareRow) -> ErrorTimePoint:
        """Return medians over the seeds, and the time in a batch if no single target has one."""
        p50, p99 = (
            median_high(clamp_to_axis(getattr(run.along_path, name)) for run in row.runs)
            for name in ('p50', 'p99')
        )
        return cls(row, 1e6 / row.batch_per_s if row.single_us is None else row.single_us, p50, p99)

    @property
    def name(self) -> str:
        """The label of the method, with an asterisk if the time is that in a batch."""
        return fill(
            self.row.label + ('*' if self.row.single_us is None else ''), MAX_LABEL_LINE_CHARACTERS
        )


def clamp_to_axis(error: float) -> float:
    """Return an error, limited to the axis."""
    return min(max(error, MIN_SHOWN_ERROR_RATIO), MAX_SHOWN_ERROR_RATIO)


def draw_error_time(comparison: Comparison) -> Picture:
    """Draw the error of each method against its time, alone and refined."""
    points = [ErrorTimePoint.from_row(row) for row in comparison.rows]
    alone = {point.row.name: point for point in points if not point.row.refined}
    links = [
        (alone[point.row.name], point)
        for point in points
        if point.row.refined and point.row.name in alone
    ]
    with styled_figure(8.4, 7.6) as figure:
        axes = figure.add_subplot()
        _set_up_axes(axes, points)
        for point in points:
            _draw_point(axes, point)
        for start, end in links:
            axes.annotate(
                '',
                (end.time_us, end.p50),
                (start.time_us, start.p50),
                arrowprops={'arrowstyle': '->', 'color': GREY, 'lw': 0.8, 'shrinkB': 4},
                zorder=1,
            )
        figure.legend(
            handles=_error_time_legend(points), loc='outside upper center', ncols=4, fontsize=9.0
        )
        labels = [
            Label(point.name, point.time_us, point.p50, KIND_COLORS[point.row.kind])
            for point in alone.values()
        ]
        place_labels(axes, labels, _occupied_points(axes, points, links))
        return to_picture(figure, 'Tip error of each method against its time for a target')


def _set_up_axes(axes: Axes, points: Iterable[ErrorTimePoint]) -> None:
    times = [point.time_us for point in points]
    low, high = 0.6 * min(times), 2.5 * max(times)
    axes.set(xscale='log', xlim=(low, high), xlabel='time of one target, µs')
    set_log_ticks(axes.xaxis, float(np.log10(high / low)))
    axes.set_yscale('function', functions=(_error_to_height, _height_to_error))
    axes.set_ylim(MIN_SHOWN_ERROR_RATIO / 2.0, MAX_SHOWN_ERROR_RATIO * 2.0)
    axes.set_ylabel('tip error along paths, fraction of reach')
    axes.yaxis.set_major_locator(FixedLocator([1e-15, 1e-12, *(10.0 ** np.arange(-9, 1))]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f'$10^{{{round(np.log10(value))}}}$')
    )
    axes.grid(True)
    axes.axhline(MAX_TIP_ERROR_RATIO, color=GREY, lw=1.0, ls='--')
    axes.axhspan(MIN_SHOWN_ERROR_RATIO / 2.0, MAX_TIP_ERROR_RATIO, color=GREY, alpha=0.08, lw=0.0)


def _error_to_height(error: Array) -> Array:
    decades = np.log10(np.maximum(error, 1e-30) / MAX_TIP_ERROR_RATIO)
    return np.where(decades < 0.0, EXACT_DECADE_HEIGHT_RATIO * decades, decades)


def _height_to_error(height: Array) -> Array:
    height = np.asarray(height)
    return np.asarray(
        MAX_TIP_ERROR_RATIO
        * 10.0 ** np.where(height < 0.0, height / EXACT_DECADE_HEIGHT_RATIO, height)
    )


def _draw_point(axes: Axes, point: ErrorTimePoint) -> None:
    color = KIND_COLORS[point.row.kind]
    axes.plot([point.time_us] * 2, [point.p50, point.p99], color=color, lw=1.2, alpha=0.7)
    axes.plot(point.time_us, point.p99, '_', color=color, ms=7, mew=1.2)
    axes.plot(
        point.time_us,
        point.p50,
        KIND_MARKERS[point.row.kind],
        color=color,
        mfc='white' if point.row.refined else color,
        ms=11 if point.row.kind is MethodKind.CLOSED_FORM else 7,
    )
    if point.p99 == MAX_SHOWN_ERROR_RATIO:
        axes.plot(point.time_us, 1.3 * MAX_SHOWN_ERROR_RATIO, '^', color=color, ms=5)


def _occupied_points(
    axes: Axes,
    points: Iterable[ErrorTimePoint],
    links: Iterable[tuple[ErrorTimePoint, ErrorTimePoint]],
) -> Array:
    """Return (M, 2) points, data, that names should not cover."""
    low, high = axes.get_xlim()
    ends = [((point.time_us, point.p50), (point.time_us, point.p99)) for point in points]
    ends += [((start.time_us, start.p50), (end.time_us, end.p50)) for start, end in links]
    ends += [((low, MAX_TIP_ERROR_RATIO), (high, MAX_TIP_ERROR_RATIO))]
    ends += [((point.time_us, point.p50),) * 2 for point in points]
    pixels = axes.transData.transform(np.reshape(ends, (-1, 2))).reshape(-1, 2, 2)
    fraction = np.linspace(0.0, 1.0, POINTS_PER_LINK)[:, None, None]
    sampled = pixels[:, 0] + fraction * (pixels[:, 1] - pixels[:, 0])
    return np.asarray(axes.transData.inverted().transform(sampled.reshape(-1, 2)))


def _error_time_legend(points: Sequence[ErrorTimePoint]) -> list[Artist]:
    kinds = [kind for kind in MethodKind if any(point.row.kind is kind for point in points)]
    marks = [
        Line2D([], [], color=KIND_COLORS[kind], marker=KIND_MARKERS[kind], ls='', label=kind.value)
        for kind in kinds
    ]
    bar = Line2D([], [], color=GREY, marker='_', lw=1.2, label='from p50 (mark) to p99')
    exact = Patch(color=GREY, alpha=0.2, label='exact: at most $10^{-9}$')
    others: list[Artist] = [bar, exact]
    if any(point.row.refined for point in points):
        hollow = Line2D([], [], color=GREY, marker='o', mfc='white', ls='')
        hollow.set_label('after Newton steps')
        others = [hollow, *others]
    if any(point.row.single_us is None for point in points):
        others.append(Line2D([], [], ls='', label='* time among many at once'))
    return [*marks, *others]


def draw_robustness(comparison: Comparison) -> Picture:
    """Draw errors along paths in reach, with noise and beyond reach, alone and refined."""
    labels = {row.name: row.label for row in comparison.rows}
    names = list(labels)
    paired = {row.name for row in comparison.rows if row.refined}
    with styled_figure(8.4, 1.4 + 0.36 * len(names)) as figure:
        columns = figure.subplots(1, len(CONDITION_TITLES), sharex=True, sharey=True)
        for axes, (part, title) in zip(columns, CONDITION_TITLES.items(), strict=True):
            axes.set_title(title, fontsize=10.0)
            axes.set(xscale='log', xlim=(MAX_TIP_ERROR_RATIO / 2.0, 3.0 * MAX_SHOWN_ERROR_RATIO))
            set_log_ticks(axes.xaxis, 9.0)
            axes.grid(True)
            for row in comparison.rows:
                offset = (
                    PAIR_OFFSET_FRACTION
                    if row.refined
                    else -PAIR_OFFSET_FRACTION
                    if row.name in paired
                    else 0.0
                )
                _draw_error_range(axes, row, part, names.index(row.name) + offset)
        columns[0].set_yticks(range(len(names)), [labels[name] for name in names])
        columns[0].invert_yaxis()
        columns[1].set_xlabel('tip error, fraction of reach')
        figure.legend(
            handles=_robustness_legend(comparison.rows),
            loc='outside upper center',
            ncols=4,
            fontsize=9.0,
        )
        return to_picture(figure, 'Tip error in reach, with noise and beyond reach, by method')


def _draw_error_range(axes: Axes, row: CompareRow, part: str, y: float) -> None:
    p50, p99 = (
        median_high(getattr(getattr(run, part), name) for run in row.runs)
        for name in ('p50', 'p99')
    )
    color = KIND_COLORS[row.kind]
    ends = [min(max(error, MAX_TIP_ERROR_RATIO), MAX_SHOWN_ERROR_RATIO) for error in (p50, p99)]
    axes.plot(ends, [y, y], color=color, lw=1.4, alpha=0.8)
    if isinf(p99):
        axes.plot(1.3 * MAX_SHOWN_ERROR_RATIO, y, '>', color=color, ms=4)
    else:
        axes.plot(ends[1], y, '|', color=color, ms=6, mew=1.2)
    face = 'white' if row.refined else color
    axes.plot(ends[0], y, KIND_MARKERS[row.kind], color=color, mfc=face, ms=5)


def _robustness_legend(rows: Iterable[CompareRow]) -> list[Line2D]:
    marks = [Line2D([], [], color=GREY, marker='o', ls='', label='alone')]
    if any(row.refined for row in rows):
        hollow = Line2D([], [], color=GREY, marker='o', mfc='white', ls='')
        hollow.set_label('after Newton steps')
        marks.append(hollow)
    return [
        *marks,
        Line2D([], [], color=GREY, marker='|', label='from p50 (mark) to p99'),
        Line2D([], [], color=GREY, marker='>', ms=4, ls='', label='no answer'),
    ]
