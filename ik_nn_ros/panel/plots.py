"""Plots of joint positions and velocities over the last seconds, with their limits."""

from __future__ import annotations

from html import escape
from math import isfinite

import numpy as np
import viser
from viser import uplot

from ik_nn_ros.arm.geometry import Array, JointPair
from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.panel.history import HISTORY_DURATION_S

JOINT_COLORS = ('#2a70cc', '#e08020')
LIMIT_DASH_PX = (6.0, 5.0)
LEGEND_STYLE = 'margin: -0.4em 0.9em; font-size: 0.85em'
PLOT_HEIGHT_PX = 115
"""Height of a plot, pixels: both fit on a screen 800 pixels high."""
AXIS_MARGIN_RATIO = 0.08
"""Margin above and below the limits, as a fraction of their range."""
EMPTY_TABLE = np.vstack((np.linspace(-HISTORY_DURATION_S, 0.0, 100), np.full((4, 100), np.nan)))
"""A history without measurements, (5, N)."""


class JointPlots:
    """
    Both plots of one page, with their legend.

    :param gui: the page's GUI
    :param arm: the arm whose joints are plotted
    """

    def __init__(self, gui: viser.GuiApi, arm: Kinematics) -> None:
        first, second = (
            f'<b style="color:{color}">{escape(name)}</b>'
            for color, name in zip(JOINT_COLORS, arm.joint_names, strict=True)
        )
        self._legend = gui.add_html(
            f'<div style="{LEGEND_STYLE}">{first} · {second} · dashed: limits in force</div>'
        )
        self._positions = Plot(gui, 'Positions, rad', arm.lower, arm.upper)
        min_velocity = (-arm.max_velocity[0], -arm.max_velocity[1])
        self._velocities = Plot(gui, 'Velocities, rad/s', min_velocity, arm.max_velocity)

    def show(self, table: Array, max_velocity: JointPair) -> None:
        """
        Plot a history.

        :param table: (5, N), as of :meth:`ik_nn_ros.panel.history.JointHistory.table`
        :param max_velocity: velocity limits in force, rad/s
        """
        self._velocities.limits = (-max_velocity[0], -max_velocity[1], *max_velocity)
        table = table if table.shape[1] else EMPTY_TABLE
        self._positions.show(table[0], table[1:3])
        self._velocities.show(table[0], table[3:])

    def remove(self) -> None:
        """Remove the plots from the page."""
        for handle in (self._legend, self._positions.handle, self._velocities.handle):
            handle.remove()


class Plot:
    """
    One plot: a line for each joint, and dashed lines for its limits.

    :param gui: the page's GUI
    :param title: title of the plot
    :param lower: lower limits; -inf: none
    :param upper: upper limits; +inf: none
    """

    def __init__(self, gui: viser.GuiApi, title: str, lower: JointPair, upper: JointPair) -> None:
        self.limits = (*lower, *upper)
        """Limits that are drawn; the range of the axis remains that of the initial ones."""
        scales = {'x': uplot.Scale(time=False, range=(-HISTORY_DURATION_S, 0.0))}
        if all(map(isfinite, self.limits)):
            margin = AXIS_MARGIN_RATIO * (max(self.limits) - min(self.limits))
            scales['y'] = uplot.Scale(range=(min(self.limits) - margin, max(self.limits) + margin))
        lines = [uplot.Series(label='', stroke=color, width=2.0) for color in JOINT_COLORS]
        dashed = [
            uplot.Series(label='', stroke=color, width=1.0, dash=LIMIT_DASH_PX)
            for color in 2 * JOINT_COLORS
        ]
        self.handle = gui.add_uplot(
            self._data(EMPTY_TABLE[0], EMPTY_TABLE[1:3]),
            (uplot.Series(label=''), *lines, *dashed),
            title=title,
            scales=scales,
            axes=(uplot.Axis(size=28.0), uplot.Axis(size=44.0, space=20.0)),
            legend=uplot.Legend(show=False),
            cursor=uplot.Cursor(show=False),
            height=PLOT_HEIGHT_PX,
        )

    def show(self, times: Array, values: Array) -> None:
        """Plot (2, N) values at (N,) times, s."""
        self.handle.data = self._data(times, values)

    def _data(self, times: Array, values: Array) -> tuple[Array, ...]:
        limits = (limit if isfinite(limit) else np.nan for limit in self.limits)
        return (times, *values, *(np.full_like(times, limit) for limit in limits))
