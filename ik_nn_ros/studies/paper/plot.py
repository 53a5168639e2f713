"""Picture of the ten points of Table 1: angles, arms and errors of the paper and of ours."""

from __future__ import annotations

import io

import numpy as np
from matplotlib.axes import Axes

from ik_nn_ros.arm.geometry import Array
from ik_nn_ros.studies.paper.results import RECIPE, RELU, SMOOTH, PaperResults
from ik_nn_ros.studies.paper.study import ARM, TABLE_1, actual_angles
from ik_nn_ros.studies.plot_style import BLACK, BLUE, GREEN, GREY, ORANGE, styled_figure

POINT_NAMES = [point.name for point in TABLE_1]
POINT_INDICES = np.arange(len(TABLE_1))
LENGTH_UNIT = 'unit of the paper'


def draw_results(results: PaperResults) -> bytes:
    """Return the picture as PNG."""
    with styled_figure(12.0, 9.0) as figure:
        grid = figure.add_gridspec(2, 2)
        angles = grid[0, 0].subgridspec(2, 1, hspace=0.08)
        top = figure.add_subplot(angles[0])
        bottom = figure.add_subplot(angles[1], sharex=top)
        _draw_angles(top, bottom, results)
        _draw_arms(figure.add_subplot(grid[0, 1]), results)
        _draw_point_errors(figure.add_subplot(grid[1, 0]), results)
        _draw_distribution(figure.add_subplot(grid[1, 1]), results)
        stream = io.BytesIO()
        figure.savefig(stream, format='png', dpi=120)
    return stream.getvalue()


def _recipe_angles(results: PaperResults) -> Array:
    return results.methods[RECIPE].runs[0].angles


def _draw_angles(top: Axes, bottom: Axes, results: PaperResults) -> None:
    predicted = np.array([point.predicted for point in TABLE_1])
    ours = _recipe_angles(results)
    for joint, axes in enumerate((top, bottom)):
        actual = actual_angles()[:, joint]
        axes.plot(POINT_INDICES, actual, '_', color=BLACK, ms=26, mew=1.5, label='actual')
        axes.plot(POINT_INDICES - 0.15, predicted[:, joint], 'o', color=ORANGE, ms=6, label='paper')
        axes.plot(
            POINT_INDICES + 0.15, ours[:, joint], 'D', color=BLUE, ms=5, label='recipe, seed 0'
        )
        axes.set_ylabel(f'q{joint + 1}, rad')
        axes.grid(axis='y')
    top.set_title('Joint angles at the ten points of Table 1')
    top.tick_params(labelbottom=False)
    top.set_ylim(-0.1, 2.3)
    top.legend(ncols=3, loc='upper left')
    bottom.set_xticks(POINT_INDICES, POINT_NAMES)


def _draw_arms(axes: Axes, results: PaperResults) -> None:
    for angles, color, width, label in (
        (actual_angles(), GREY, 3.0, 'actual'),
        (_recipe_angles(results), BLUE, 1.0, 'recipe, seed 0'),
    ):
        for number, (q1, _) in enumerate(angles):
            elbow = ARM.lengths[0] * np.array([np.cos(q1), np.sin(q1)])
            joints = np.stack((np.zeros(2), elbow, ARM.fk(angles[number])))
            axes.plot(*joints.T, color=color, lw=width, label=label if not number else None)
    target = ARM.fk(actual_angles())
    axes.plot(*target.T, 'x', color=BLACK, ms=7, mew=1.5, label='target')
    for number, (name, point) in enumerate(zip(POINT_NAMES, target, strict=True)):
        offset, side = (((5, 4), 'left'), ((-5, 4), 'right'))[number % 2]
        axes.annotate(name, point, offset, textcoords='offset points', ha=side, fontsize=8)
    axes.set(
        aspect='equal', xlim=(-8.0, 18.0), xlabel=f'x, {LENGTH_UNIT}', ylabel=f'y, {LENGTH_UNIT}'
    )
    axes.set_title('The arm at the ten points')
    axes.legend(loc='upper right')


def _draw_point_errors(axes: Axes, results: PaperResults) -> None:
    recipe = results.methods[RECIPE].runs
    errors = np.array([run.point_errors for run in recipe])
    smooth = results.methods[SMOOTH].runs[0].point_errors
    bars = (
        ('paper', [point.error for point in TABLE_1], ORANGE),
        (f'recipe, mean of {len(recipe)} seeds', errors.mean(axis=0), BLUE),
        (f'tanh, our training (≤ {smooth.max():.0e})', smooth, GREEN),
    )
    for number, (label, values, color) in enumerate(bars):
        axes.bar(POINT_INDICES + 0.27 * (number - 1), values, 0.27, color=color, label=label)
    for place, spread in zip(POINT_INDICES, errors.T, strict=True):
        axes.plot(np.full(len(spread), place), spread, '.', color=BLACK, ms=4)
    axes.plot([], [], '.', color=BLACK, ms=4, label='single seeds')
    axes.set_xticks(POINT_INDICES, POINT_NAMES)
    axes.set_ylabel(f'end-effector error, {LENGTH_UNIT}')
    axes.grid(axis='y')
    axes.set_axisbelow(True)
    axes.set_title('End-effector error at the ten points')
    axes.set_ylim(top=1.45 * axes.get_ylim()[1])
    dots, *rest = axes.get_legend_handles_labels()[0]
    axes.legend(handles=[*rest, dots], loc='upper right', ncols=2)


def _draw_distribution(axes: Axes, results: PaperResults) -> None:
    for name, color, style in ((RECIPE, BLUE, '-'), (RELU, GREEN, '--'), (SMOOTH, GREEN, '-')):
        for number, run in enumerate(results.methods[name].runs):
            errors = np.sort(run.errors)
            share = np.linspace(0.0, 1.0, len(errors))
            label = results.methods[name].label if not number else None
            axes.plot(errors, share, style, color=color, lw=1.4, label=label)
    paper = np.sort([point.error for point in TABLE_1]) / ARM.reach
    share = (POINT_INDICES + 0.5) / len(paper)
    axes.plot(paper, share, 'o', color=ORANGE, ms=5, label='paper, its ten points')
    axes.set(xscale='log', xlim=(1e-8, 1.0), ylim=(0.0, 1.0))
    axes.set(xlabel='tip error, fraction of reach', ylabel='share of targets with at most this')
    axes.grid()
    axes.set_title(f'Tip error at {results.target_count:,} fresh targets')
    axes.legend(loc='upper left')
