"""The controls beside the picture: what one page shows and asks for."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from typing import Any

import viser

from ik_nn_ros.arm.model import ArmModel, Array, JointPair
from ik_nn_ros.arm.paths import SHAPES
from ik_nn_ros.panel.camera import PORTRAIT_ASPECT_RATIO
from ik_nn_ros.panel.plots import JointPlots
from ik_nn_ros.panel.status_text import accuracy_text, stage_counts_text, status_text
from ik_nn_ros.panel.view import BRANCHES, Actions, View

# MERGED panel.figure_controls: The controls that have the arm led along a figure, or home.

SHAPE_NAMES = {name.capitalize(): name for name in SHAPES}
"""What is written on the buttons."""


class ShapeControls:
    """
    The buttons of one page; :meth:`add_settings` adds the rest, below others.

    :param gui: where they are to be
    :param actions: what they ask for
    """

    def __init__(self, gui: viser.GuiApi, actions: Actions) -> None:
        self._gui, self._actions = gui, actions
        self._active_shape = ''
        """The name of the figure that is being drawn."""
        self._draw = gui.add_button_group('Draw', tuple(SHAPE_NAMES))
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
        self._lap_time = self._gui.add_slider(
            'Round, s', 2.0, 20.0, 0.5, 8.0, hint='how long it takes to go round the figure once'
        )
        self._size.on_update(self._on_change)
        self._lap_time.on_update(self._on_change)

    def show(self, has_control: bool, is_ready: bool, active_shape: str) -> None:
        """
        Show what can be asked for.

        :param has_control: whether this page may move the arm
        :param is_ready: whether the arm would
        :param active_shape: name of the figure that it is led along; empty: none
        """
        self._active_shape = active_shape
        for control, attribute, value in (
            (
                self._draw,
                'visible',
                has_control and is_ready,
            ),  # a group of buttons cannot be disabled
            (self._home, 'disabled', not (has_control and is_ready)),
            (self._stop, 'visible', has_control and active_shape != ''),
            (self._size, 'disabled', not has_control),
            (self._lap_time, 'disabled', not has_control),
        ):
            if getattr(control, attribute) != value:  # every setting is a message
                setattr(control, attribute, value)

    async def _on_draw(self, _: object) -> None:
        self._request_shape(SHAPE_NAMES[self._draw.value])

    async def _on_change(self, event: viser.GuiEvent[Any]) -> None:
        if self._active_shape and event.client is not None:
            self._request_shape(self._active_shape)

    def _request_shape(self, name: str) -> None:
        self._actions.draw(name, self._size.value / 100.0, self._lap_time.value)

    async def _on_stop(self, _: object) -> None:
        self._actions.stop_drawing('')

    async def _on_home(self, _: object) -> None:
        self._actions.go_home()


# MERGED panel.style: How the controls look where viser's own look will not do.

STYLE_HTML = """<style>
div:has(> button[data-block]) {
  display: inline-block; width: calc(50% - 2 * var(--mantine-spacing-xs)); vertical-align: top;
}
button[data-block] { min-height: 3.4em; font-size: 1.05em; padding: 0 0.4em; }
button[data-block] span { white-space: normal; }
.mantine-ScrollArea-content > div { padding-right: 0.6em; box-sizing: border-box; }
.lost {
  visibility: hidden; max-height: 0; overflow: hidden; margin: 0 0.75em; border-radius: 0.3em;
  background: #e03131; color: white; font-weight: bold; animation: lost 0s 3s forwards;
}
@keyframes lost {
  to { visibility: visible; max-height: 9em; padding: 0.6em; margin-bottom: 0.6em; }
}
div[style*="pointer-events: none"] .lost { animation-delay: 0s; }
div[style*="opacity: 0.5"]:has(.lost) { opacity: 1 !important; }
div[style*="pointer-events: none"]:has(.lost) :is(button, p, ul) {
  filter: grayscale(1); opacity: 0.4;
}
button[data-size="compact-xs"] { height: 2.6em; padding: 0 0.35em; }
@media (max-width: 576px) {
  .mantine-Paper-root[style*="width: 20em"] { max-height: 50% !important; }
  .mantine-Paper-root[style*="width: 20em"], .mantine-Paper-root [style*="width: 20em"] {
    width: 100vw !important;
  }
}
</style>"""
"""
In HTML: Hold and Resume side by side, to be found at once and with a thumb; nothing below the
scroll bar; no button that looks alive while the page is cut off; on a phone, controls of its whole
width, over its lower half only.
"""


def disconnected_html(sequence: int) -> str:
    """
    Return what says that the page is cut off, three seconds after it was last shown anew.

    It is the page's own clock that runs: a server that is gone or held up says nothing.

    :param sequence: any other number shows it anew
    """
    return (
        f'<div class="lost" data-turn="{sequence}">'
        'Connection lost. Hold does not work from here. Reconnecting…</div>'
    )


HEARTBEAT_PERIOD_S, SETTING_TIMEOUT_S = 1.0, 1.0
"""Between two signs of life to a page, and how long a setting may take to be answered, s."""


class Controls:
    """
    The controls of one page.

    :param client: the page
    :param actions: what they ask for
    :param take_over: called when this page wants to be the one that drives
    :param set_free_view: called with whether the mouse turns the view
    """

    def __init__(
        self,
        client: viser.ClientHandle,
        actions: Actions,
        take_over: Callable[[], object],
        set_free_view: Callable[[bool], object],
    ) -> None:
        gui = self._gui = client.gui
        self._actions, self._set_free_view = actions, set_free_view
        self._shown_values: dict[str, object] = {}
        self._plots: JointPlots | None = None
        has_room = client.camera.aspect >= PORTRAIT_ASPECT_RATIO
        self._changed_at: dict[str, float] = {}
        self._last_heartbeat = 0.0
        gui.add_html(STYLE_HTML)
        self._disconnected_banner = gui.add_html(disconnected_html(0))
        self._hold = gui.add_button('Hold', color='red', icon=viser.Icon.HAND_STOP)
        self._resume = gui.add_button('Resume', color='green', icon=viser.Icon.PLAYER_PLAY)
        self._status = gui.add_markdown('')  # below them: they stay where they are, however long
        self._accuracy = gui.add_markdown('')
        self._take_over = gui.add_button('Drive from this page', color='blue', visible=False)
        self._shapes = ShapeControls(gui, actions)
        self._speed = gui.add_slider(
            'Speed, %', 0, 100, 1, 100, hint='part of the velocity limits; 0: pause'
        )
        self._shapes.add_settings()
        self._branch = gui.add_dropdown('Elbow', BRANCHES, hint='the side the elbow is bent to')
        self._free_view = gui.add_checkbox('Free view', False, hint='the mouse turns the view')
        self._plots_folder = gui.add_folder('Last ten seconds', expand_by_default=has_room)
        self._counts = gui.add_markdown('')
        self._hold.on_click(_as_callback(actions.hold))
        self._resume.on_click(_as_callback(actions.resume))
        self._take_over.on_click(_as_callback(take_over))
        self._free_view.on_update(self._on_free_view)
        self._speed.on_update(self._on_speed)
        self._branch.on_update(self._on_branch)

    def show_arm(self, arm: ArmModel) -> None:
        """Plot this arm's joints from now on."""
        if self._plots is not None:
            self._plots.remove()
        with self._plots_folder:
            self._plots = JointPlots(self._gui, arm)

    def show_history(self, table: Array, max_velocity: JointPair) -> None:
        """Plot how the joints have moved, and their velocity limits."""
        if self._plots is not None:
            self._plots.show(table, max_velocity)

    def show(self, view: View, has_control: bool, is_controlled: bool) -> None:
        """
        Show what is new.

        :param has_control: whether this page may move the arm
        :param is_controlled: whether any page may
        """
        known = view.branch != ''
        self._send_heartbeat()
        self._update_property(
            'text', status_text(view, has_control, is_controlled), self._status, 'content'
        )
        self._update_property('numbers', accuracy_text(view), self._accuracy, 'content')
        self._update_property('counts', stage_counts_text(view), self._counts, 'content')
        self._update_property('take_over', not has_control, self._take_over, 'visible')
        self._update_property('hold', not known, self._hold, 'disabled')
        usable = has_control and known
        self._update_property(
            'resume', not usable or view.holding is False, self._resume, 'disabled'
        )
        goes = known and not view.holding and not view.missing
        self._shapes.show(has_control, goes, view.shape.name if view.shape is not None else '')
        for name, control in (('speed', self._speed), ('branch', self._branch)):
            self._update_property(f'{name} disabled', not usable, control, 'disabled')
        if view.branch and self._is_settled('branch'):
            self._update_property('branch', view.branch, self._branch, 'value')
        if view.speed_scale is not None and self._is_settled('speed'):
            self._update_property('speed', round(100.0 * view.speed_scale), self._speed, 'value')

    def _send_heartbeat(self) -> None:
        """Have the page know that it is not cut off."""
        now = time.monotonic()
        if now - self._last_heartbeat >= HEARTBEAT_PERIOD_S:
            self._last_heartbeat = now
            self._disconnected_banner.content = disconnected_html(int(now))

    def _is_settled(self, name: str) -> bool:
        """Tell whether a setting is no longer on its way: then the value that counts is shown."""
        return (
            time.monotonic() - self._changed_at.get(name, -SETTING_TIMEOUT_S) >= SETTING_TIMEOUT_S
        )

    def _update_property(self, name: str, value: object, handle: object, attribute: str) -> None:
        """Set what has changed: every setting is a message to the page."""
        if self._shown_values.get(name) != value:
            self._shown_values[name] = value
            setattr(handle, attribute, value)

    def _record_user_setting(self, name: str, value: object) -> None:
        """Take in what the page shows, and has asked for."""
        self._shown_values[name], self._changed_at[name] = value, time.monotonic()

    async def _on_speed(self, event: viser.GuiEvent[viser.GuiSliderHandle[int]]) -> None:
        if event.client is not None:  # not set from here
            self._record_user_setting('speed', self._speed.value)
            self._actions.set_speed_scale(self._speed.value / 100.0)

    async def _on_branch(self, event: viser.GuiEvent[viser.GuiDropdownHandle[str]]) -> None:
        if event.client is not None:
            self._record_user_setting('branch', self._branch.value)
            self._actions.set_branch(self._branch.value)

    async def _on_free_view(self, _: object) -> None:
        self._set_free_view(self._free_view.value)


def _as_callback(action: Callable[[], object]) -> Callable[[Any], Coroutine[Any, Any, None]]:
    async def clicked(_: object) -> None:
        action()

    return clicked
