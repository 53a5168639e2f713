"""The controls beside the picture: what one page shows and asks for."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from typing import Any

import viser

from ik_nn_ros.arm.model import ArmModel, JointPair
from ik_nn_ros.arm.plane import Array
from ik_nn_ros.panel.figure_controls import FigureControls
from ik_nn_ros.panel.geometry import UPRIGHT
from ik_nn_ros.panel.plots import Plots
from ik_nn_ros.panel.style import STYLE, lost
from ik_nn_ros.panel.view import BRANCHES, Actions, View
from ik_nn_ros.panel.words import count_words, number_words, status_words

BEAT, SETTLED = 1.0, 1.0
"""Between two signs of life to a page, and how long a setting may take to be answered, s."""


class Controls:
    """
    The controls of one page.

    :param client: the page
    :param actions: what they ask for
    :param take_over: called when this page wants to be the one that drives
    :param set_free: called with whether the mouse turns the view
    """

    def __init__(
        self,
        client: viser.ClientHandle,
        actions: Actions,
        take_over: Callable[[], object],
        set_free: Callable[[bool], object],
    ) -> None:
        gui = self._gui = client.gui
        self._actions, self._set_free = actions, set_free
        self._shown: dict[str, object] = {}
        self._plots: Plots | None = None
        has_room = client.camera.aspect >= UPRIGHT
        self._changed: dict[str, float] = {}
        self._beat = 0.0
        gui.add_html(STYLE)
        self._lost = gui.add_html(lost(0))
        self._hold = gui.add_button('Hold', color='red', icon=viser.Icon.HAND_STOP)
        self._resume = gui.add_button('Resume', color='green', icon=viser.Icon.PLAYER_PLAY)
        self._text = gui.add_markdown('')  # below them: they stay where they are, however long
        self._numbers = gui.add_markdown('')
        self._take_over = gui.add_button('Drive from this page', color='blue', visible=False)
        self._figures = FigureControls(gui, actions)
        self._speed = gui.add_slider(
            'Speed, %', 0, 100, 1, 100, hint='part of the velocity limits; 0: pause'
        )
        self._figures.add_settings()
        self._branch = gui.add_dropdown('Elbow', BRANCHES, hint='the side the elbow is bent to')
        self._free = gui.add_checkbox('Free view', False, hint='the mouse turns the view')
        self._plotted = gui.add_folder('Last ten seconds', expand_by_default=has_room)
        self._counts = gui.add_markdown('')
        self._hold.on_click(_call(actions.hold))
        self._resume.on_click(_call(actions.resume))
        self._take_over.on_click(_call(take_over))
        self._free.on_update(self._on_free)
        self._speed.on_update(self._on_speed)
        self._branch.on_update(self._on_branch)

    def show_arm(self, arm: ArmModel) -> None:
        """Plot this arm's joints from now on."""
        if self._plots is not None:
            self._plots.remove()
        with self._plotted:
            self._plots = Plots(self._gui, arm)

    def show_history(self, table: Array, fastest: JointPair) -> None:
        """Plot how the joints have moved, and their velocity limits."""
        if self._plots is not None:
            self._plots.show(table, fastest)

    def show(self, view: View, drives: bool, driven: bool) -> None:
        """
        Show what is new.

        :param drives: whether this page may move the arm
        :param driven: whether any page may
        """
        known = view.branch != ''
        self._show_life()
        self._put('text', status_words(view, drives, driven), self._text, 'content')
        self._put('numbers', number_words(view), self._numbers, 'content')
        self._put('counts', count_words(view), self._counts, 'content')
        self._put('take_over', not drives, self._take_over, 'visible')
        self._put('hold', not known, self._hold, 'disabled')
        usable = drives and known
        self._put('resume', not usable or view.holding is False, self._resume, 'disabled')
        goes = known and not view.holding and not view.missing
        self._figures.show(drives, goes, view.figure.name if view.figure is not None else '')
        for name, control in (('speed', self._speed), ('branch', self._branch)):
            self._put(f'{name} disabled', not usable, control, 'disabled')
        if view.branch and self._is_settled('branch'):
            self._put('branch', view.branch, self._branch, 'value')
        if view.speed_scale is not None and self._is_settled('speed'):
            self._put('speed', round(100.0 * view.speed_scale), self._speed, 'value')

    def _show_life(self) -> None:
        """Have the page know that it is not cut off."""
        now = time.monotonic()
        if now - self._beat >= BEAT:
            self._beat = now
            self._lost.content = lost(int(now))

    def _is_settled(self, name: str) -> bool:
        """Tell whether a setting is no longer on its way: then the value that counts is shown."""
        return time.monotonic() - self._changed.get(name, -SETTLED) >= SETTLED

    def _put(self, name: str, value: object, handle: object, attribute: str) -> None:
        """Set what has changed: every setting is a message to the page."""
        if self._shown.get(name) != value:
            self._shown[name] = value
            setattr(handle, attribute, value)

    def _set(self, name: str, value: object) -> None:
        """Take in what the page shows, and has asked for."""
        self._shown[name], self._changed[name] = value, time.monotonic()

    async def _on_speed(self, event: viser.GuiEvent[viser.GuiSliderHandle[int]]) -> None:
        if event.client is not None:  # not set from here
            self._set('speed', self._speed.value)
            self._actions.set_speed_scale(self._speed.value / 100.0)

    async def _on_branch(self, event: viser.GuiEvent[viser.GuiDropdownHandle[str]]) -> None:
        if event.client is not None:
            self._set('branch', self._branch.value)
            self._actions.set_branch(self._branch.value)

    async def _on_free(self, _: object) -> None:
        self._set_free(self._free.value)


def _call(action: Callable[[], object]) -> Callable[[Any], Coroutine[Any, Any, None]]:
    async def clicked(_: object) -> None:
        action()

    return clicked
