"""Plots of the joints' positions and velocities of the last seconds, against their limits."""

from __future__ import annotations

from html import escape
from math import isfinite

import numpy as np
import viser
from viser import uplot

from ik_nn_ros.arm.model import ArmModel, Array, JointPair
from ik_nn_ros.panel.history import HISTORY_DURATION_S

# MERGED panel.history: How the joints have moved in the last seconds.


JOINT_COLORS = ('#2a70cc', '#e08020')
LIMIT_DASH_PX = (6.0, 5.0)
LEGEND_STYLE = 'margin: -0.4em 0.9em; font-size: 0.85em'
PLOT_HEIGHT_PX = 115
"""Pixels; with that both plots are seen on a screen 800 pixels high."""
AXIS_MARGIN_RATIO = 0.08
"""Above the highest limit and below the lowest: part of what is between them."""
EMPTY_DATA = np.linspace(-HISTORY_DURATION_S, 0.0, 100), np.full((4, 100), np.nan)
"""Times (s) and values of a plot in which there is nothing."""


class JointPlots:
    """
    The plots of one page.

    :param gui: where they are to be
    :param arm: whose joints they are
    """

    def __init__(self, gui: viser.GuiApi, arm: ArmModel) -> None:
        first, second = (
            f'<b style="color:{color}">{escape(name)}</b>'
            for color, name in zip(JOINT_COLORS, arm.joint_names, strict=True)
        )
        self._legend = gui.add_html(
            f'<div style="{LEGEND_STYLE}">{first} · {second} · dashed: limits in force</div>'
        )
        self._positions = Plot(gui, 'Positions, rad', arm.lower, arm.upper)
        slowest = (-arm.max_velocity[0], -arm.max_velocity[1])
        self._velocities = Plot(gui, 'Velocities, rad/s', slowest, arm.max_velocity)

    def show(self, table: Array, max_velocity: JointPair) -> None:
        """
        Show what there is; nothing, where there is nothing.

        :param table: of a :class:`~ik_nn_ros.panel.plots.JointHistory`
        :param max_velocity: velocity limits in force, rad/s
        """
        self._velocities.limits = (-max_velocity[0], -max_velocity[1], *max_velocity)
        times, values = (table[0], table[1:]) if table.shape[1] else EMPTY_DATA
        self._positions.show(times, values[:2])
        self._velocities.show(times, values[2:])

    def remove(self) -> None:
        """Take them away."""
        for shown in (self._legend, self._positions.handle, self._velocities.handle):
            shown.remove()


class Plot:
    """
    One of them: two lines, and dashed lines where there are limits.

    :param gui: where it is to be
    :param title: what it shows
    :param lower: limits; -inf: none
    :param upper: limits; +inf: none
    """

    def __init__(self, gui: viser.GuiApi, title: str, lower: JointPair, upper: JointPair) -> None:
        self.limits = (*lower, *upper)
        """As they are drawn; what the axis spans stays."""
        scales = {'x': uplot.Scale(time=False, range=(-HISTORY_DURATION_S, 0.0))}
        if all(map(isfinite, self.limits)):
            spare = AXIS_MARGIN_RATIO * (max(self.limits) - min(self.limits))
            scales['y'] = uplot.Scale(range=(min(self.limits) - spare, max(self.limits) + spare))
        lines = [uplot.Series(label='', stroke=color, width=2.0) for color in JOINT_COLORS]
        dashed = [
            uplot.Series(label='', stroke=color, width=1.0, dash=LIMIT_DASH_PX)
            for color in 2 * JOINT_COLORS
        ]
        self.handle = gui.add_uplot(
            self._data(EMPTY_DATA[0], EMPTY_DATA[1][:2]),
            (uplot.Series(label=''), *lines, *dashed),
            title=title,
            scales=scales,
            axes=(uplot.Axis(size=28.0), uplot.Axis(size=44.0, space=20.0)),
            legend=uplot.Legend(show=False),
            cursor=uplot.Cursor(show=False),
            height=PLOT_HEIGHT_PX,
        )

    def show(self, times: Array, values: Array) -> None:
        """Show (2, N) values at (N,) times, s."""
        self.handle.data = self._data(times, values)

    def _data(self, times: Array, values: Array) -> tuple[Array, ...]:
        known = (limit if isfinite(limit) else np.nan for limit in self.limits)
        return (times, *values, *(np.full_like(times, limit) for limit in known))
