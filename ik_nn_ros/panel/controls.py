"""The controls of one page: buttons, settings, status texts and plots."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from typing import Any

import viser

from ik_nn_ros.arm.geometry import Array, JointPair
from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.arm.paths import SHAPES
from ik_nn_ros.panel.camera import PORTRAIT_ASPECT_RATIO
from ik_nn_ros.panel.plots import JointPlots
from ik_nn_ros.panel.status_text import accuracy_text, stage_counts_text, status_text
from ik_nn_ros.panel.view import BRANCHES, Actions, View

SHAPE_NAMES = {name.capitalize(): name for name in SHAPES}
"""Shape by label of its button."""
HEARTBEAT_PERIOD_S = 1.0
"""Period of the messages by which a page knows that it is connected, s."""
SETTING_TIMEOUT_S = 1.0
"""Time in which a changed setting has to take effect before the page shows the old value, s."""
STYLE_HTML = """<style>
div:has(> button[data-block]) {
  display: inline-block; width: calc(50% - 2 * var(--mantine-spacing-xs)); vertical-align: top;
}
button[data-block] { min-height: 3.4em; font-size: 1.05em; padding: 0 0.4em; }
button[data-block] span { white-space: normal; }
.mantine-ScrollArea-content > div { padding-right: 0.6em; box-sizing: border-box; }
.disconnected {
  visibility: hidden; max-height: 0; overflow: hidden; margin: 0 0.75em; border-radius: 0.3em;
  background: #e03131; color: white; font-weight: bold; animation: disconnected 0s 3s forwards;
}
@keyframes disconnected {
  to { visibility: visible; max-height: 9em; padding: 0.6em; margin-bottom: 0.6em; }
}
div[style*="pointer-events: none"] .disconnected { animation-delay: 0s; }
div[style*="opacity: 0.5"]:has(.disconnected) { opacity: 1 !important; }
div[style*="pointer-events: none"]:has(.disconnected) :is(button, p, ul) {
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
Style sheet of the controls.

Hold and Resume are side by side, large enough for a thumb; nothing is hidden by the scroll bar; a
disconnected page has no button that looks usable; on a phone, the controls take the whole width and
at most the lower half.
"""


def disconnected_html(sequence: int) -> str:
    """
    Return a banner that appears three seconds after it was last replaced.

    The delay runs in the browser, because a server that is gone or stalled reports nothing.

    :param sequence: number that must differ between replacements
    """
    return (
        f'<div class="disconnected" data-sequence="{sequence}">'
        'Connection lost. Hold does not work from here. Reconnecting…</div>'
    )


class Controls:
    """
    All controls of one page.

    :param client: the page
    :param actions: callbacks of the controls
    :param take_over: called when this page asks for control
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
        self._changed_at: dict[str, float] = {}
        """Time of the user's last change of each setting, s."""
        self._plots: JointPlots | None = None
        self._last_heartbeat = 0.0
        gui.add_html(STYLE_HTML)
        self._disconnected_banner = gui.add_html(disconnected_html(0))
        self._hold = gui.add_button('Hold', color='red', icon=viser.Icon.HAND_STOP)
        self._resume = gui.add_button('Resume', color='green', icon=viser.Icon.PLAYER_PLAY)
        # Below the buttons, so that a longer text does not move them.
        self._status = gui.add_markdown('')
        self._accuracy = gui.add_markdown('')
        self._take_over = gui.add_button('Drive from this page', color='blue', visible=False)
        self._shapes = ShapeControls(gui, actions)
        self._speed = gui.add_slider(
            'Speed, %', 0, 100, 1, 100, hint='fraction of the velocity limits; 0: pause'
        )
        self._shapes.add_settings()
        self._branch = gui.add_dropdown('Elbow', BRANCHES, hint='side to which the elbow bends')
        self._free_view = gui.add_checkbox('Free view', False, hint='the mouse turns the view')
        self._plots_folder = gui.add_folder(
            'Last ten seconds', expand_by_default=client.camera.aspect >= PORTRAIT_ASPECT_RATIO
        )
        self._counts = gui.add_markdown('')
        self._hold.on_click(_as_callback(actions.hold))
        self._resume.on_click(_as_callback(actions.resume))
        self._take_over.on_click(_as_callback(take_over))
        self._free_view.on_update(self._on_free_view)
        self._speed.on_update(self._on_speed)
        self._branch.on_update(self._on_branch)

    def show_arm(self, arm: Kinematics) -> None:
        """Plot the joints of an arm, in place of those of the previous one."""
        if self._plots is not None:
            self._plots.remove()
        with self._plots_folder:
            self._plots = JointPlots(self._gui, arm)

    def show_history(self, table: Array, max_velocity: JointPair) -> None:
        """Update the plots; parameters as of :meth:`ik_nn_ros.panel.plots.JointPlots.show`."""
        if self._plots is not None:
            self._plots.show(table, max_velocity)

    def show(self, view: View, has_control: bool, is_controlled: bool) -> None:
        """
        Update texts, settings and buttons.

        :param has_control: whether this page drives
        :param is_controlled: whether any page drives
        """
        self._send_heartbeat()
        self._update('text', status_text(view, has_control, is_controlled), self._status, 'content')
        self._update('numbers', accuracy_text(view), self._accuracy, 'content')
        self._update('counts', stage_counts_text(view), self._counts, 'content')
        self._update('take_over', not has_control, self._take_over, 'visible')
        is_known = view.branch != ''
        is_usable = has_control and is_known
        self._update('hold', not is_known, self._hold, 'disabled')
        self._update('resume', not is_usable or view.holding is False, self._resume, 'disabled')
        is_ready = is_known and not view.holding and not view.missing
        self._shapes.show(has_control, is_ready, view.shape.name if view.shape is not None else '')
        for name, control in (('speed', self._speed), ('branch', self._branch)):
            self._update(f'{name} disabled', not is_usable, control, 'disabled')
        if view.branch and self._is_settled('branch'):
            self._update('branch', view.branch, self._branch, 'value')
        if view.speed_scale is not None and self._is_settled('speed'):
            self._update('speed', round(100.0 * view.speed_scale), self._speed, 'value')

    def _update(self, name: str, value: object, handle: object, attribute: str) -> None:
        """Set a control's attribute if it has changed: each assignment is a message."""
        if self._shown_values.get(name) != value:
            self._shown_values[name] = value
            setattr(handle, attribute, value)

    def _send_heartbeat(self) -> None:
        """Keep the page from showing that it is disconnected."""
        now = time.monotonic()
        if now - self._last_heartbeat >= HEARTBEAT_PERIOD_S:
            self._last_heartbeat = now
            self._disconnected_banner.content = disconnected_html(int(now))

    def _is_settled(self, name: str) -> bool:
        """Return whether a setting shows the node's value again, not the user's choice."""
        changed_at = self._changed_at.get(name)
        return changed_at is None or time.monotonic() - changed_at >= SETTING_TIMEOUT_S

    def _record_user_setting(self, name: str, value: object) -> None:
        """Record what the user has chosen, which the page shows until it has taken effect."""
        self._shown_values[name], self._changed_at[name] = value, time.monotonic()

    async def _on_speed(self, event: viser.GuiEvent[viser.GuiSliderHandle[int]]) -> None:
        if event.client is not None:  # set by the user
            self._record_user_setting('speed', self._speed.value)
            self._actions.set_speed_scale(self._speed.value / 100.0)

    async def _on_branch(self, event: viser.GuiEvent[viser.GuiDropdownHandle[str]]) -> None:
        if event.client is not None:  # set by the user
            self._record_user_setting('branch', self._branch.value)
            self._actions.set_branch(self._branch.value)

    async def _on_free_view(self, _: object) -> None:
        self._set_free_view(self._free_view.value)


def _as_callback(action: Callable[[], object]) -> Callable[[Any], Coroutine[Any, Any, None]]:
    async def callback(_: object) -> None:
        action()

    return callback


class ShapeControls:
    """
    Buttons and settings for drawing shapes, and for going home.

    :meth:`add_settings` adds the settings, so that other controls can come between.

    :param gui: the page's GUI
    :param actions: callbacks of the controls
    """

    def __init__(self, gui: viser.GuiApi, actions: Actions) -> None:
        self._gui, self._actions = gui, actions
        self._active_shape = ''
        """Name of the shape that is being drawn; empty: no shape."""
        self._draw = gui.add_button_group('Draw', tuple(SHAPE_NAMES))
        self._home = gui.add_button(
            'Go home', color='gray', icon=viser.Icon.HOME, hint='both joints to mid-range'
        )
        self._stop = gui.add_button(
            'Stop drawing', color='orange', icon=viser.Icon.PLAYER_STOP, visible=False
        )
        self._draw.on_click(self._on_draw)
        self._stop.on_click(self._on_stop)
        self._home.on_click(self._on_home)

    def add_settings(self) -> None:
        """Add the sliders for size and lap time."""
        self._size = self._gui.add_slider(
            'Size, %', 10, 100, 5, 70, hint='of the largest size that fits'
        )
        self._lap_time = self._gui.add_slider(
            'Round, s', 2.0, 20.0, 0.5, 8.0, hint='time for one lap'
        )
        self._size.on_update(self._on_change)
        self._lap_time.on_update(self._on_change)

    def show(self, has_control: bool, is_ready: bool, active_shape: str) -> None:
        """
        Update the buttons.

        :param has_control: whether this page drives
        :param is_ready: whether the arm would follow targets
        :param active_shape: name of the shape that is being drawn; empty: no shape
        """
        self._active_shape = active_shape
        can_move = has_control and is_ready
        for control, attribute, value in (
            (self._draw, 'visible', can_move),  # a group of buttons cannot be disabled
            (self._home, 'disabled', not can_move),
            (self._stop, 'visible', has_control and active_shape != ''),
            (self._size, 'disabled', not has_control),
            (self._lap_time, 'disabled', not has_control),
        ):
            if getattr(control, attribute) != value:  # each assignment is a message
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
