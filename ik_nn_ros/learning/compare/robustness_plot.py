"""The plot of errors with noise and beyond reach."""

from __future__ import annotations

from collections.abc import Iterable
from math import isinf
from statistics import median_high

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ik_nn_ros.arm.targets import MAX_TIP_ERROR_RATIO
from ik_nn_ros.learning.compare.plots import KIND_COLORS, KIND_MARKERS, MAX_SHOWN_ERROR_RATIO
from ik_nn_ros.learning.compare.results import CompareRow, Comparison
from ik_nn_ros.learning.report.style import GREY, Picture, set_log_ticks, styled_figure, to_picture

PAIR_OFFSET_FRACTION = 0.17
"""How far from the middle of its line a mark is where there are two."""
CONDITION_TITLES = {
    'along_path': 'in reach, without noise',
    'noisy': 'noise of 1 % of reach',
    'outside': 'beyond reach',
}


def draw_robustness(comparison: Comparison) -> Picture:
    """Draw errors along paths in reach, with noise and beyond reach, alone and refined."""
    labels = {row.name: row.label for row in comparison.rows}
    names = list(labels)
    paired = {row.name for row in comparison.rows if row.refined}
    with styled_figure(8.4, 1.4 + 0.36 * len(names)) as figure:
        panels = figure.subplots(1, len(CONDITION_TITLES), sharex=True, sharey=True)
        for axes, (part, title) in zip(panels, CONDITION_TITLES.items(), strict=True):
            axes.set_title(title, fontsize=10.0)
            axes.set(xscale='log', xlim=(MAX_TIP_ERROR_RATIO / 2.0, 3.0 * MAX_SHOWN_ERROR_RATIO))
            set_log_ticks(axes.xaxis, 9.0)
            axes.grid(True)
            for row in comparison.rows:
                aside = (
                    PAIR_OFFSET_FRACTION
                    if row.refined
                    else -PAIR_OFFSET_FRACTION
                    if row.name in paired
                    else 0.0
                )
                _draw_error_range(axes, row, part, names.index(row.name) + aside)
        panels[0].set_yticks(range(len(names)), [labels[name] for name in names])
        panels[0].invert_yaxis()
        panels[1].set_xlabel('tip error, fraction of reach')
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
