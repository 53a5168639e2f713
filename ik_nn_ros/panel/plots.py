"""Plots of the joints' positions and velocities of the last seconds, against their limits."""

from __future__ import annotations

from html import escape
from math import isfinite

import numpy as np
import viser
from viser import uplot

from ik_nn_ros.arm.model import ArmModel, Pair
from ik_nn_ros.arm.plane import Array
from ik_nn_ros.panel.history import LASTS

COLORS = ('#2a70cc', '#e08020')
LIMIT_DASH = (6.0, 5.0)
HEIGHT = 130
"""Pixels."""
SPARE = 0.08
"""Above the highest limit and below the lowest: part of what is between them."""
NOTHING = np.array([-LASTS, 0.0])
"""Times of a plot in which there is nothing yet, s."""


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
            f'<div style="margin:0 0.9em">{first} · {second} · dashed: limits</div>'
        )
        self._positions = Plot(gui, 'Positions, rad', arm.lower, arm.upper)
        slowest = (-arm.velocity[0], -arm.velocity[1])
        self._velocities = Plot(gui, 'Velocities, rad/s', slowest, arm.velocity)

    def show(self, table: Array) -> None:
        """Show the table of a :class:`~ik_nn_ros.panel.history.JointHistory`."""
        if table.shape[1]:
            self._positions.show(table[0], table[1:3])
            self._velocities.show(table[0], table[3:5])

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

    def __init__(self, gui: viser.GuiApi, title: str, lower: Pair, upper: Pair) -> None:
        limits = zip((0, 1, 0, 1), (*lower, *upper), strict=True)
        found = [(joint, value) for joint, value in limits if isfinite(value)]
        self._limits = [value for _, value in found]
        lines = [uplot.Series(label='', stroke=color, width=2.0) for color in COLORS]
        dashed = [
            uplot.Series(label='', stroke=COLORS[joint], width=1.0, dash=LIMIT_DASH)
            for joint, _ in found
        ]
        scales = {'x': uplot.Scale(time=False, range=(-LASTS, 0.0))}
        if len(found) == 4:
            spare = SPARE * (max(self._limits) - min(self._limits))
            ends = min(self._limits) - spare, max(self._limits) + spare
            scales['y'] = uplot.Scale(range=ends)
        self.handle = gui.add_uplot(
            self._data(NOTHING, np.zeros((2, 2))),
            (uplot.Series(label=''), *lines, *dashed),
            title=title,
            scales=scales,
            axes=(uplot.Axis(size=28.0), uplot.Axis(size=44.0)),
            legend=uplot.Legend(show=False),
            cursor=uplot.Cursor(show=False),
            height=HEIGHT,
        )

    def show(self, times: Array, values: Array) -> None:
        """Show (2, N) values at (N,) times, s."""
        self.handle.data = self._data(times, values)

    def _data(self, times: Array, values: Array) -> tuple[Array, ...]:
        return (times, *values, *(np.full_like(times, limit) for limit in self._limits))
