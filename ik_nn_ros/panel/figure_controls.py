"""The controls that have the arm led along a figure, or home."""

from __future__ import annotations

from typing import Any

import viser

from ik_nn_ros.arm.figures import SHAPES
from ik_nn_ros.panel.view import Actions

NAMES = {name.capitalize(): name for name in SHAPES}
"""What is written on the buttons."""


class FigureControls:
    """
    The buttons of one page; :meth:`add_settings` adds the rest, below others.

    :param gui: where they are to be
    :param actions: what they ask for
    """

    def __init__(self, gui: viser.GuiApi, actions: Actions) -> None:
        self._gui, self._actions = gui, actions
        self._drawn = ''
        """The name of the figure that is being drawn."""
        self._draw = gui.add_button_group('Draw', tuple(NAMES))
        self._home = gui.add_button(
            'Go home', color='gray', icon=viser.Icon.HOME, hint='each joint to mid-range'
        )
        self._stop = gui.add_button(
            'Stop drawing', color='orange', icon=viser.Icon.PLAYER_STOP, visible=False
        )
        self._draw.on_click(self._on_draw)
        self._stop.on_click(self._on_stop)
        self._home.on_click(self._on_home)

    def add_settings(self) -> None:
        """Add how large the figures are, and how fast they are drawn."""
        self._size = self._gui.add_slider(
            'Size, %', 10, 100, 5, 70, hint='of the largest that there is room for'
        )
        self._lap = self._gui.add_slider(
            'Round, s', 2.0, 20.0, 0.5, 8.0, hint='how long it takes to go round the figure once'
        )
        self._size.on_update(self._on_change)
        self._lap.on_update(self._on_change)

    def show(self, drives: bool, goes: bool, drawn: str) -> None:
        """
        Show what can be asked for.

        :param drives: whether this page may move the arm
        :param goes: whether the arm would
        :param drawn: name of the figure that it is led along; empty: none
        """
        self._drawn = drawn
        for control, attribute, value in (
            (self._draw, 'visible', drives and goes),  # a group of buttons cannot be disabled
            (self._home, 'disabled', not (drives and goes)),
            (self._stop, 'visible', drives and drawn != ''),
            (self._size, 'disabled', not drives),
            (self._lap, 'disabled', not drives),
        ):
            if getattr(control, attribute) != value:  # every setting is a message
                setattr(control, attribute, value)

    async def _on_draw(self, _: object) -> None:
        self._ask(NAMES[self._draw.value])

    async def _on_change(self, event: viser.GuiEvent[Any]) -> None:
        if self._drawn and event.client is not None:
            self._ask(self._drawn)

    def _ask(self, name: str) -> None:
        self._actions.draw(name, self._size.value / 100.0, self._lap.value)

    async def _on_stop(self, _: object) -> None:
        self._actions.stop_drawing('')

    async def _on_home(self, _: object) -> None:
        self._actions.go_home()
