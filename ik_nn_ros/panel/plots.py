"""Plots of the joints' positions and velocities of the last seconds, against their limits."""

from __future__ import annotations

from html import escape
from math import isfinite

import numpy as np
import viser
from viser import uplot

from ik_nn_ros.arm.model import ArmModel, JointPair
from ik_nn_ros.arm.plane import Array
from ik_nn_ros.panel.history import LASTS

COLORS = ('#2a70cc', '#e08020')
LIMIT_DASH = (6.0, 5.0)
LEGEND = 'margin: -0.4em 0.9em; font-size: 0.85em'
HEIGHT = 115
"""Pixels; with that both plots are seen on a screen 800 pixels high."""
SPARE = 0.08
"""Above the highest limit and below the lowest: part of what is between them."""
NOTHING = np.linspace(-LASTS, 0.0, 100), np.full((4, 100), np.nan)
"""Times (s) and values of a plot in which there is nothing."""


class Plots:
    """
    The plots of one page.

    :param gui: where they are to be
    :param arm: whose joints they are
    """

    def __init__(self, gui: viser.GuiApi, arm: ArmModel) -> None:
        first, second = (
            f'<b style="color:{color}">{escape(name)}</b>'
            for color, name in zip(COLORS, arm.joint_names, strict=True)
        )
        self._legend = gui.add_html(
            f'<div style="{LEGEND}">{first} · {second} · dashed: limits in force</div>'
        )
        self._positions = Plot(gui, 'Positions, rad', arm.lower, arm.upper)
        slowest = (-arm.max_velocity[0], -arm.max_velocity[1])
        self._velocities = Plot(gui, 'Velocities, rad/s', slowest, arm.max_velocity)

    def show(self, table: Array, fastest: JointPair) -> None:
        """
        Show what there is; nothing, where there is nothing.

        :param table: of a :class:`~ik_nn_ros.panel.history.JointHistory`
        :param fastest: velocity limits in force, rad/s
        """
        self._velocities.limits = (-fastest[0], -fastest[1], *fastest)
        times, values = (table[0], table[1:]) if table.shape[1] else NOTHING
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
        scales = {'x': uplot.Scale(time=False, range=(-LASTS, 0.0))}
        if all(map(isfinite, self.limits)):
            spare = SPARE * (max(self.limits) - min(self.limits))
            scales['y'] = uplot.Scale(range=(min(self.limits) - spare, max(self.limits) + spare))
        lines = [uplot.Series(label='', stroke=color, width=2.0) for color in COLORS]
        dashed = [
            uplot.Series(label='', stroke=color, width=1.0, dash=LIMIT_DASH) for color in 2 * COLORS
        ]
        self.handle = gui.add_uplot(
            self._data(NOTHING[0], NOTHING[1][:2]),
            (uplot.Series(label=''), *lines, *dashed),
            title=title,
            scales=scales,
            axes=(uplot.Axis(size=28.0), uplot.Axis(size=44.0, space=20.0)),
            legend=uplot.Legend(show=False),
            cursor=uplot.Cursor(show=False),
            height=HEIGHT,
        )

    def show(self, times: Array, values: Array) -> None:
        """Show (2, N) values at (N,) times, s."""
        self.handle.data = self._data(times, values)

    def _data(self, times: Array, values: Array) -> tuple[Array, ...]:
        known = (limit if isfinite(limit) else np.nan for limit in self.limits)
        return (times, *values, *(np.full_like(times, limit) for limit in known))
