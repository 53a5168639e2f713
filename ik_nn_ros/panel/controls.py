"""The controls beside the picture: what one page shows and asks for."""

from __future__ import annotations

from collections.abc import Callable

import viser

from ik_nn_ros.panel.view import BRANCHES, Actions, View
from ik_nn_ros.panel.words import outcome_words

LARGE = '<style>button.mantine-Button-root{min-height:3.2em;font-size:1.15em}</style>'
"""Hold is to be found at once, and with a thumb."""
STAGES = ('network', 'refined', 'closed_form')


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
        gui = client.gui
        self._actions, self._set_free = actions, set_free
        self._shown: dict[str, object] = {}
        gui.add_html(LARGE)
        self._text = gui.add_markdown('')
        self._hold = gui.add_button('Hold', color='red', icon=viser.Icon.HAND_STOP)
        self._resume = gui.add_button('Resume', color='green', icon=viser.Icon.PLAYER_PLAY)
        self._take_over = gui.add_button('Drive from this page', color='blue', visible=False)
        self._speed = gui.add_slider(
            'Speed, %', 0, 100, 1, 100, hint='part of the velocity limits; 0: pause'
        )
        self._branch = gui.add_dropdown('Elbow', BRANCHES, hint='the side the elbow is bent to')
        self._figures = gui.add_markdown('')
        self._free = gui.add_checkbox('Free view', False, hint='the mouse turns the view')
        self._hold.on_click(_call(actions.hold))
        self._resume.on_click(_call(actions.resume))
        self._take_over.on_click(_call(take_over))
        self._free.on_update(self._on_free)
        self._speed.on_update(self._on_speed)
        self._branch.on_update(self._on_branch)

    def show(self, view: View, drives: bool) -> None:
        """Show what is new; ``drives``: whether this page may move the arm."""
        known = view.branch != ''
        self._put('text', _text(view, drives), self._text, 'content')
        self._put('figures', _figures(view), self._figures, 'content')
        self._put('take_over', not drives, self._take_over, 'visible')
        self._put('hold', not known, self._hold, 'disabled')
        usable = drives and known
        self._put('resume', not usable or view.holding is False, self._resume, 'disabled')
        for name, control in (('speed', self._speed), ('branch', self._branch)):
            self._put(f'{name} disabled', not usable, control, 'disabled')
        if view.branch:
            self._put('branch', view.branch, self._branch, 'value')
        if view.speed_scale is not None:
            self._put('speed', round(100.0 * view.speed_scale), self._speed, 'value')

    def _put(self, name: str, value: object, handle: object, attribute: str) -> None:
        """Set what has changed: every setting is a message to the page."""
        if self._shown.get(name) != value:
            self._shown[name] = value
            setattr(handle, attribute, value)

    async def _on_speed(self, event: viser.GuiEvent[viser.GuiSliderHandle[int]]) -> None:
        if event.client is not None:  # not set from here
            self._shown['speed'] = self._speed.value
            self._actions.set_speed_scale(self._speed.value / 100.0)

    async def _on_branch(self, event: viser.GuiEvent[viser.GuiDropdownHandle[str]]) -> None:
        if event.client is not None:
            self._shown['branch'] = self._branch.value
            self._actions.set_branch(self._branch.value)

    async def _on_free(self, _: object) -> None:
        self._set_free(self._free.value)


def _call(action: Callable[[], object]) -> Callable[[object], object]:
    async def clicked(_: object) -> None:
        action()

    return clicked


def _text(view: View, drives: bool) -> str:
    """Return what is going on, in Markdown."""
    lines = []
    if view.missing:
        lines.append('**Waiting**')
        lines += [f'- {text}' for text in view.missing]
    elif view.problem:
        lines.append(f'**{view.problem}**')
    elif view.holding:
        lines.append('**Held.** Press Resume to go on.')
    elif view.outcome is None:
        lines.append('**Drag the disc, or click where the tip is to go.**')
    else:
        lines.append(f'**{outcome_words(view.outcome.code)}**')
        if view.outcome.detail:
            lines.append(f'\n{view.outcome.code}: {view.outcome.detail}')
    if not drives:
        lines.append('\nAnother page drives; this one watches. Hold works from here, too.')
    return '\n'.join(lines)


def _figures(view: View) -> str:
    """Return the figures, in Markdown."""
    error = '–' if view.tip_error is None else f'{1e3 * view.tip_error:.2f} mm'
    latency = '–' if view.latency is None else f'{1e3 * view.latency:.1f} ms'
    stages = ' · '.join(f'{name.replace("_", " ")} {view.stages.get(name, 0)}' for name in STAGES)
    return (
        f'Tip from target: **{error}**\n\nAnswer after: **{latency}**\n\n'
        f'Solved by: {stages} · refused {view.refused}'
    )
