"""The plots that are no maps."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.arm.plane import Array
from ik_nn_ros.learning.report.accuracy import METHODS, Accuracy
from ik_nn_ros.learning.report.joint_path import JointPath
from ik_nn_ros.learning.report.style import (
    BLACK,
    BLUE,
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
    styled_figure,
    to_picture,
)
from ik_nn_ros.learning.report.training_curve import TrainingCurvePoint
from ik_nn_ros.learning.report.workspace_map import BranchMap

MIN_SHOWN_ERROR_RATIO = 1e-18
"""Fraction of reach that stands for an error of exactly zero on a logarithmic axis."""
CURVE_POINT_COUNT = 600
"""Of either part of a cumulative curve: below its 99 %, and above."""


class CumulativeCurve(NamedTuple):
    """A curve: (N,) errors, m, and how it looks."""

    errors: Array
    label: str
    color: str
    line_style: str


def draw_distribution(accuracy: Accuracy, reach: float) -> Picture:
    """Draw the share of targets below each error, by method."""
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
    Draw shares below each error.

    :param what: the errors are of
    """
    share = np.concatenate(
        (np.linspace(0.0, 0.99, CURVE_POINT_COUNT), np.linspace(0.99, 1.0, CURVE_POINT_COUNT))
    )
    with styled_figure(9.6, 4.6) as figure:
        axes = figure.add_subplot()
        for errors, label, color, line in curves:
            value = np.maximum(
                np.quantile(errors, share, method='higher'), MIN_SHOWN_ERROR_RATIO * reach
            )
            axes.plot(MM_PER_M * value, share, line, color=color, lw=1.8, label=label)
        format_error_axis(axes, reach)
        axes.set(ylim=(0.0, 1.02), ylabel=f'share of {what} with at most this error')
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.grid(True)
        axes.legend(loc='best')
        return to_picture(figure, f'Cumulative distribution of the tip error of {what}')


def draw_path(path: JointPath, branch_map: BranchMap, arm: ArmModel) -> Picture:
    """Draw the path in the plane, both joints along it and the tip's error."""
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
    """Draw the errors on held-out targets over the training, one stage after the other."""
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
    axes.plot(*path.xy.T, color=BLACK, lw=3.0, alpha=0.25, label='asked')
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
